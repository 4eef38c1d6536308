"""Keras's own layer checks; the one place that knows where they live."""

from keras.src import testing


class _Case(testing.TestCase):
    def runTest(self):  # noqa: N802
        """A test case must have one."""


def run_layer_test(layer_class, init_kwargs, **expected):
    """Runs Keras's `run_layer_test`: config, build, dtypes, fit, saving."""
    case = _Case()
    case.setUp()
    try:
        case.run_layer_test(layer_class, init_kwargs=init_kwargs, **expected)
    finally:
        case.tearDown()
