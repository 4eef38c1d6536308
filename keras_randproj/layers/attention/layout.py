"""Attention over any axes, laid out as attention over one.

Inside the attention layers a sequence is always `(rows, length, heads,
width)`: the axes that are attended over become one, and the batch and the
axes that are only carried along become rows.
"""

import math

from keras import ops


class AttentionLayout:
    """Which axes of an input are attended over, and the way there and back.

    Args:
        rank: Integer, rank of the inputs, `(batch, ..., features)`.
        attention_axes: Tuple of axes of the inputs, or `None` for all but
            the batch and the features.

    Raises:
        ValueError: If an axis is the batch's or the features', or is not
            there.
    """

    def __init__(self, rank, attention_axes=None):
        inner = tuple(range(1, rank - 1))
        axes = inner if attention_axes is None else attention_axes
        self.axes = tuple(axis + rank if axis < 0 else axis for axis in axes)
        if not self.axes or not set(self.axes) <= set(inner):
            raise ValueError(
                "`attention_axes` must be axes between the batch and the "
                f"features of inputs of rank {rank}. "
                f"Received: attention_axes={attention_axes}"
            )
        self.carried = tuple(axis for axis in inner if axis not in self.axes)
        self.plain = rank == 3

    def merge(self, x):
        """`(batch, ..., *rest)` to `(rows, length, *rest)`.

        Args:
            x: Tensor whose first axes are the batch and the inner axes.

        Returns:
            Tensor.
        """
        if self.plain:
            return x
        inner = 1 + len(self.carried) + len(self.axes)
        rest = tuple(range(inner, len(x.shape)))
        shape = ops.shape(x)
        x = ops.transpose(x, (0, *self.carried, *self.axes, *rest))
        rows = math.prod(shape[axis] for axis in (0, *self.carried))
        length = math.prod(shape[axis] for axis in self.axes)
        return ops.reshape(x, (rows, length, *(shape[axis] for axis in rest)))

    def split(self, x, like):
        """`(rows, length, *rest)` back to `(batch, ..., *rest)`.

        Args:
            x: Tensor.
            like: Tensor that was merged, whose inner axes x gets.

        Returns:
            Tensor.
        """
        if self.plain:
            return x
        order = (0, *self.carried, *self.axes)
        sizes = ops.shape(like)
        rest = ops.shape(x)[2:]
        x = ops.reshape(x, (*(sizes[axis] for axis in order), *rest))
        back = [order.index(axis) for axis in range(len(order))]
        return ops.transpose(x, (*back, *range(len(order), len(x.shape))))

    def split_scores(self, scores, query, value):
        """`(rows, heads, T, S)` to `(batch, carried, heads, query's attended
        axes, value's attended axes)`."""
        if self.plain:
            return scores
        heads = scores.shape[1]
        return ops.reshape(scores, self._scores_shape(query, value, heads))

    def merge_mask(self, mask, query, value):
        """A mask of pairs to `(rows or 1, heads or 1, T, S)`.

        Args:
            mask: Tensor, array or nested list `(batch, carried, heads,
                query's attended axes, value's attended axes)`; leading axes
                may be missing, in this order: heads, carried, batch.
            query: Tensor `(batch, ..., features)`.
            value: Tensor `(batch, ..., features)`.

        Returns:
            Boolean tensor of rank 4.

        Raises:
            ValueError: If the mask's rank does not fit.
        """
        mask = ops.cast(mask, "bool")
        pairs = 2 * len(self.axes)
        full = pairs + 2 + len(self.carried)
        if not pairs <= len(mask.shape) <= full:
            raise ValueError(
                f"`attention_mask` must have between {pairs} and {full} axes "
                f"for attention over {len(self.axes)}. "
                f"Received: attention_mask.shape={tuple(mask.shape)}"
            )
        for _ in range(full - len(mask.shape)):
            mask = ops.expand_dims(mask, -pairs - 1)
        if self.plain:
            return mask
        heads = mask.shape[-pairs - 1]
        shape = self._scores_shape(query, value, heads)
        mask = ops.broadcast_to(mask, shape)
        inner = 1 + len(self.carried)
        rows = math.prod(shape[:inner])
        lengths = shape[inner + 1 :]
        half = len(self.axes)
        return ops.reshape(
            mask,
            (rows, heads, math.prod(lengths[:half]), math.prod(lengths[half:])),
        )

    def _scores_shape(self, query, value, heads):
        ours, theirs = ops.shape(query), ops.shape(value)
        return (
            *(ours[axis] for axis in (0, *self.carried)),
            heads,
            *(ours[axis] for axis in self.axes),
            *(theirs[axis] for axis in self.axes),
        )

    def scores_shape(self, query_shape, value_shape, heads):
        """Static shape of the scores that `split_scores` returns."""
        return (
            *(query_shape[axis] for axis in (0, *self.carried)),
            heads,
            *(query_shape[axis] for axis in self.axes),
            *(value_shape[axis] for axis in self.axes),
        )


def check_shapes(query_shape, value_shape, key_shape):
    """The key's shape, once the three are known to fit.

    Args:
        query_shape: Tuple, shape of the queries.
        value_shape: Tuple, shape of the values.
        key_shape: Tuple, shape of the keys; `None` for that of the values.

    Raises:
        ValueError: If they do not.
    """
    key_shape = value_shape if key_shape is None else key_shape
    if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
        raise ValueError(
            "All dimensions of `value` and `key` but the last must be equal. "
            f"Received: value_shape={tuple(value_shape)}, "
            f"key_shape={tuple(key_shape)}"
        )
    if len(query_shape) < 3 or len(value_shape) != len(query_shape):
        raise ValueError(
            "`query` and `value` must have the same rank, 3 or more: (batch, "
            f"..., features). Received: query_shape={tuple(query_shape)}, "
            f"value_shape={tuple(value_shape)}"
        )
    return key_shape
