"""What a model trains, keeps and would have trained."""

from dataclasses import asdict
from dataclasses import dataclass

import keras

from keras_randproj import _keras
from keras_randproj.files.printable import printable
from keras_randproj.report.cost import multiplications
from keras_randproj.report.sizes import count
from keras_randproj.report.sizes import nbytes
from keras_randproj.report.text_table import text_table

COLUMNS = (
    "layer",
    "type",
    "trainable",
    "dense",
    "reduction",
    "memory",
    "file",
    "flops",
)


@dataclass(frozen=True)
class Row:
    """One layer of a summary.

    Args:
        layer: Its path in the model.
        type: Its class.
        trainable: Parameters that it trains.
        dense: Parameters that `keras.layers.Dense` would train in its place; as
            many as `trainable` for layers that are not ours.
        memory: Bytes of its weights in memory, fixed ones included.
        file: Bytes of the arrays that it writes into a file.
        flops: Multiplications and additions of its matrix products for one
            row of input; `None` for a layer with matrices that is not made
            of dense layers and ours. The total leaves such layers out.

    Example:

    >>> model = keras.Sequential([keras.Input((784,)), PRPDense(10)])
    >>> row = summary(model)[0]
    >>> row.type, row.trainable, row.dense
    ('PRPDense', 804, 7850)
    """

    layer: str
    type: str
    trainable: int
    dense: int
    memory: int
    file: int
    flops: int | None

    @property
    def reduction(self) -> float:
        """How many times fewer parameters are trained than by Dense."""
        return self.dense / self.trainable if self.trainable else 1.0

    def as_dict(self) -> dict:
        """Field names and values, `reduction` among them."""
        return {**asdict(self), "reduction": self.reduction}


class Summary(list[Row]):
    """Rows of a summary, which print as a table.

    Args:
        rows: Iterable of `Row`; the last is the total.

    Example:

    >>> model = keras.Sequential([keras.Input((784,)), PRPDense(10, seed=7)])
    >>> isinstance(summary(model), Summary)
    True
    """

    def __str__(self) -> str:
        table = [_cells(row) for row in self]
        return text_table(COLUMNS, [*table[:-1], None, table[-1]], left=2)


def summary(model: keras.layers.Layer) -> Summary:
    """Rows for the layers of a model that hold weights, and for their sum.

    Args:
        model: A built `keras.Model` or layer.

    Returns:
        A `Summary`: a list of `Row`, the last of which is the total. `print`
        shows it as a table; `[row.as_dict() for row in rows]` suits
        `pandas.DataFrame`.

    Raises:
        ValueError: If the model is not built.

    Example:

    >>> model = keras.Sequential([keras.Input((784,)), PRPDense(10)])
    >>> summary(model)[-1].trainable
    804
    """
    if not model.built:
        raise ValueError(
            "`summary` needs a built model: call it on an input first. "
            f"Received: model={model}"
        )
    rows = [_row(layer) for layer in _layers_with_weights(model)]
    total = Row(
        layer="total",
        type="",
        trainable=count(model.trainable_weights),
        dense=sum(row.dense for row in rows),
        memory=nbytes(model.weights),
        file=sum(row.file for row in rows),
        flops=sum(row.flops or 0 for row in rows),
    )
    return Summary([*rows, total])


def _cells(row):
    return [
        # Names come from files.
        printable(row.layer),
        printable(row.type),
        f"{row.trainable:,}",
        f"{row.dense:,}",
        f"{row.reduction:.1f}x",
        f"{row.memory:,}",
        f"{row.file:,}",
        "-" if row.flops is None else f"{row.flops:,}",
    ]


def _layers_with_weights(layer):
    """The outermost layers that own weights or stand for a Dense."""
    if hasattr(layer, "dense_equivalent") or _own_weights(layer):
        yield layer
        return
    for child in _keras.children(layer):
        yield from _layers_with_weights(child)


def _own_weights(layer):
    inner = {id(w) for child in _keras.children(layer) for w in child.weights}
    return [w for w in layer.weights if id(w) not in inner]


def _row(layer):
    trainable = count(layer.trainable_weights)
    equivalent = getattr(layer, "dense_equivalent", None)
    return Row(
        layer=layer.path,
        type=type(layer).__name__,
        trainable=trainable,
        dense=equivalent() if equivalent else trainable,
        memory=nbytes(layer.weights),
        file=_file_bytes(layer),
        flops=_flops(layer),
    )


def _flops(layer):
    """Those of one row, or None where a matrix is used in an unknown way."""
    products = multiplications(layer)
    if products:
        return 2 * products
    if any(len(weight.shape) > 1 for weight in _own_weights(layer)):
        return None
    parts = [_flops(child) for child in _keras.children(layer)]
    return None if None in parts else sum(parts)


def _file_bytes(layer):
    """Bytes of what a layer and its children give to a file's store."""
    total = 0
    for part in _keras.layers_in(layer):
        store: dict = {}
        part.save_own_variables(store)
        total += nbytes(store.values())
    return total
