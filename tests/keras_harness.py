"""The one file that imports from `keras.src`: Keras's own layer test."""

from keras.src import testing

_case = testing.TestCase("assertEqual")
_case.setUp()

run_layer_test = _case.run_layer_test
