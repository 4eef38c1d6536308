"""What goes into and out of a teacher's layers, and of their successors."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_randproj.layers import EUGenDense
from keras_randproj.transfer import rows
from keras_randproj.transfer.blocks import NORMALIZATIONS
from keras_randproj.transfer.blocks import PARTS
from keras_randproj.transfer.blocks import Block
from keras_randproj.transfer.blocks import Residual
from keras_randproj.transfer.blocks import find_blocks
from keras_randproj.transfer.blocks import find_normalization
from keras_randproj.transfer.blocks import find_residual
from keras_randproj.transfer.blocks import squared_divisor
from keras_randproj.transfer.conversion import Conversion
from keras_randproj.transfer.conversion import Made
from keras_randproj.transfer.conversion import is_dense
from keras_randproj.transfer.conversion import replacement
from keras_randproj.transfer.dense_view import dense_view
from keras_randproj.transfer.fit_prp import can_fit
from keras_randproj.transfer.probe import Probe
from keras_randproj.transfer.rebuild import build_like
from keras_randproj.transfer.rules import takes_blocks
from keras_randproj.transfer.spool import Spool
from keras_randproj.transfer.teacher import Teacher
from keras_randproj.transfer.teacher import dense_layers

# Rows on which the model is tried, and how exact a block must be.
FEW = 4
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Item:
    """A layer or block to be replaced.

    Args:
        old: The layer, or the first of the block.
        last: The layer whose outputs are the targets.
        made: `Made`, what replaces it.
        block: The `Block`, or `None`.
        residual: The `Residual` of its output, or `None`.
        normalization: What its output, or the sum, goes into, or `None`.
        calls: How many calls of its layers there are in one run.
        targets: `Spool` of the teacher's outputs, weights, which rows are
            kept, inputs, other summands, and weights within the layer.
    """

    old: Any
    last: Any
    made: Made
    block: Block | None
    residual: Residual | None
    normalization: Any
    calls: int
    targets: Spool

    @property
    def new(self) -> Any:
        """The layer to be fitted."""
        return self.made.new


class Recorded:
    """A teacher's rows, recorded in one pass, and its student so far.

    Args:
        model: The teacher.
        rules: `Rules`.
        data: See `distill`.
        batch_size: Integer.
        student: Boolean, whether layers are fitted on what the student gives.
    """

    def __init__(
        self,
        model: keras.Model,
        rules: Any,
        data: Any,
        batch_size: int,
        student: bool,
    ) -> None:
        self.rules, self.student = rules, student
        self.batch_size = batch_size
        self.data = list(data) if rows.is_one_shot(data) else data
        inputs = getattr(model, "inputs", None)
        self.count = len(inputs) if inputs else 1
        blocks = any(takes_blocks(maker) for _, maker in rules.pairs)
        kinds = PARTS if blocks else (keras.layers.Add, *NORMALIZATIONS)

        def wanted(layer):
            if isinstance(layer, kinds):
                return True
            return is_dense(layer) and rules.find(layer) is not None

        self.probe = Probe(model, wanted)
        self.made: dict[int, Made] = {}
        self.ranks: dict[int, int] = {}
        self.items: list[Item] = []
        self._find_items()
        if self.items:
            self._record()

    def _batches(self):
        return rows.batches(self.data, self.batch_size, self.count)

    def _find_items(self):
        first = next(iter(self._batches()), None)
        if first is None:
            raise ValueError(
                "`data` must have at least one row to solve on. "
                "Received: no batches"
            )
        few = keras.tree.map_structure(lambda a: a[:FEW], first[0])
        calls = self.probe.run(few)
        found = find_blocks(calls, self._starts_block)
        blocks = {id(b.first): b for b in self._exact(found, few)}
        ignored = Conversion()
        for layer in {id(c.layer): c.layer for c in calls}.values():
            rule = self.rules.find(layer)
            if rule is None or not is_dense(layer):
                continue
            block, maker = None, self.rules.pairs[rule][1]
            if takes_blocks(maker):
                block = blocks.get(id(layer))
                made = block and _of_block(block, self.rules.take(rule))
            else:
                made = replacement(layer, self.rules.take(rule), ignored)
            if not made or not _can_fit(made.new):
                continue
            last = block.second if block else layer
            residual = find_residual(last, calls)
            end = residual.add if residual else last
            parts = {id(p) for p in (layer, last, residual and residual.add)}
            count = sum(id(call.layer) in parts for call in calls)
            norm = find_normalization(end, calls)
            around = residual, norm, count
            self.items.append(Item(layer, last, made, block, *around, Spool()))

    def _starts_block(self, layer):
        rule = self.rules.find(layer)
        return rule is not None and takes_blocks(self.rules.pairs[rule][1])

    def _exact(self, blocks, few):
        """Blocks in whose place their three steps give the same.

        An operation that is no layer may use what is between them as well.
        """
        kept = []
        for block in blocks:
            wanted = self.probe.outputs(few)
            self._put_block(block, _run(block))
            same = _close(self.probe.outputs, few, wanted)
            for part in (block.first, *block.between, block.second):
                self.probe.put(part, part)
            if same:
                kept.append(block)
        return kept

    def _put_block(self, block, new):
        self.probe.put(block.first, new)
        for part in (*block.between, block.second):
            self.probe.put(part, _same)

    def put(self, item: Item, layer: Any) -> None:
        """Has the student run what an item is replaced by."""
        made = Made(layer, item.made.adapt)
        self.made[id(item.old)] = made
        if item.block is None:
            self.probe.put(item.old, made.adapt(layer))
            return
        self._put_block(item.block, layer)
        for part in (*item.block.between, item.block.second):
            nothing = keras.layers.Identity(
                name=part.name, dtype=part.dtype_policy.name
            )
            counted = part is item.block.second
            self.made[id(part)] = Made(nothing, counted=counted)

    def _record(self):
        """The teacher's pass."""
        self._watch(self.items)
        for x, _, weights in self._batches():
            calls = self.probe.run(x)
            for item in self.items:
                outputs = [c for c in calls if c.layer is item.last]
                size = self._size(item, calls)
                given = self._given(item, calls)
                for (source, mask, other), call in zip(
                    given, outputs, strict=True
                ):
                    y = _numpy(call.outputs, item.last)
                    y = y.reshape(-1, item.new.units)
                    lead = self._lead(source, len(y))
                    self.ranks[id(item.old)] = len(lead) + 1
                    weight = rows.weights_of_rows(lead, weights, mask)
                    kept = None if weight is None else weight > 0
                    inner = weight
                    if size is not None:
                        weight = 1 / size if weight is None else weight / size
                    row = [y, weight, self._rows(item, source), other, inner]
                    row = [_take(a, kept) for a in row]
                    item.targets.append(*row, kept)

    def _size(self, item, calls):
        """What the normalization behind an item divides by, squared."""
        norm = item.normalization
        if norm is None:
            return None
        end = item.residual.add if item.residual else item.last
        x = next(_numpy(c.outputs, end) for c in calls if c.layer is end)
        return squared_divisor(norm, x.reshape(-1, item.new.units))

    def _given(self, item, calls):
        """Inputs, masks and other summands of an item's calls."""
        given = []
        for call in calls:
            if call.layer is item.old:
                mask = call.mask
                mask = None if mask is None else ops.convert_to_numpy(mask)
                source = _numpy(call.inputs, item.old)
                other = None
                if self.student and item.residual is not None:
                    add = next(c for c in calls if c.layer is item.residual.add)
                    other = _numpy(add.inputs[item.residual.other], add.layer)
                    other = other.reshape(-1, item.new.units)
                given.append((source, mask, other))
        return given

    def _watch(self, items):
        parts = [part for i in items for part in (i.old, i.last, i.residual)]
        self.probe.watch(getattr(part, "add", part) for part in parts)

    @staticmethod
    def _lead(source, count):
        """Shape of the rows: the first axes, as many as make up the rows."""
        for axes in range(1, source.ndim):
            if np.prod(source.shape[:axes]) == count:
                lead = axes
        return source.shape[:lead]

    @staticmethod
    def _rows(item, source):
        return source.reshape(-1, item.new.input_spec.axes[-1])

    def teacher_of(self, item: Item) -> Teacher:
        """What an item is fitted to, with the student as it is now."""
        source = self._pass(item) if self.student else None
        rank = self.ranks[id(item.old)]

        def found():
            now = source if source is not None else item.targets
            for (y, weights, x, other, inner, _), given in zip(
                item.targets, now, strict=True
            ):
                if source is None:
                    yield x, y, weights, None, inner
                    continue
                here, there = given
                target = y if other is None else y + (other - there)
                yield here, target, weights, x, inner

        if item.block is not None:
            layers = item.block.first, item.block.second
            activations = item.block.activation, item.block.second.activation
            return Teacher(found, layers, activations, rank)
        known = dense_layers(dense_view(item.old)[0])
        return Teacher(found, **known, rank=rank)

    def _pass(self, item):
        """The student's pass: inputs of the item and other summands."""
        self._watch([item])
        spool = Spool()
        kept = iter(row[-1] for row in item.targets)
        for x, _, _ in self._batches():
            calls = self.probe.run(x, item.calls)
            for source, _, other in self._given(item, calls):
                these = next(kept)
                here = _take(self._rows(item, source), these)
                spool.append(here, _take(other, these))
        return spool


def _can_fit(layer):
    return isinstance(layer, EUGenDense) or can_fit(layer)


def _of_block(block, maker):
    new = maker(block)
    shape = (None, block.first.kernel.shape[0])
    build_like(new, block.first, {"input_shape": shape})
    return Made(new)


def _run(block):
    def run(x):
        inner = block.first(x)
        if block.first.activation is not block.activation:
            inner = block.activation(inner)
        return block.second(inner)

    return run


def _same(x):
    return x


def _close(function, x, wanted):
    """Whether outputs are those wanted, but for rounding."""
    try:
        found = function(x)
    except Exception:  # Something between them needed the inner width.
        return False
    pairs = zip(
        keras.tree.flatten(found), keras.tree.flatten(wanted), strict=True
    )
    return all(
        np.allclose(
            a, b, TOLERANCE, TOLERANCE * np.abs(b).max(), equal_nan=True
        )
        for a, b in pairs
    )


def _take(array, kept):
    return array if array is None or kept is None else array[kept]


def _numpy(tensor, layer):
    try:
        return np.asarray(ops.convert_to_numpy(tensor), "float32")
    except Exception as error:
        raise ValueError(
            f"Layer '{layer.path}' runs inside a compiled function, where its "
            "inputs cannot be recorded. Make the model run eagerly, or use "
            "`distill_layer` on recorded arrays."
        ) from error
