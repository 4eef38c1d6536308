"""Who may attend to whom: masks of several kinds as one."""

from keras import ops


class AttentionMask:
    """Masks as they are added, in the layout of the scores.

    Args:
        layout: `AttentionLayout`.
        sliding_window: `None`, or how far apart a query and a key may be,
            plus one.
        offset: `None`, or how many keys precede the first query's own.
    """

    def __init__(self, layout, sliding_window=None, offset=None):
        self.layout = layout
        self.window = sliding_window
        self.offset = offset
        self.masks = []
        self.causal = False
        if sliding_window is not None:
            self._one_axis("`sliding_window`")

    @property
    def only_causal(self):
        """Whether a backend's own causal attention says all of it."""
        return (
            self.causal
            and self.window is None
            and not self.masks
            and self.offset is None
        )

    def add_pairs(self, mask, query, value):
        """A mask of pairs, see `AttentionLayout.merge_mask`."""
        if mask is not None:
            self.masks.append(self.layout.merge_mask(mask, query, value))

    def add_queries(self, name, mask, query):
        """A mask of queries, `(batch, ...)`."""
        if mask is not None:
            self.masks.append(
                self._positions(name, mask, query)[:, None, :, None]
            )

    def add_keys(self, name, mask, value):
        """A mask of keys, `(batch, ...)`."""
        if mask is not None:
            mask = self._positions(name, mask, value)
            self.masks.append(mask[:, None, None])

    def add_causal(self):
        """No key later than its query."""
        self._one_axis("`use_causal_mask`")
        self.causal = True

    def dense(self, query, key):
        """All masks as one, `(rows or 1, heads or 1, T, S)`, or `None`.

        Args:
            query: Tensor `(rows, T, heads, width)`.
            key: Tensor `(rows, S, heads, width)`.
        """
        masks = list(self.masks)
        if self.causal or self.window is not None:
            rows = ops.arange(ops.shape(query)[1], dtype="int32")
            if self.offset is not None:
                rows = rows + ops.cast(self.offset, "int32")
            cols = ops.arange(ops.shape(key)[1], dtype="int32")
            ahead = cols[None, None, None] - rows[None, None, :, None]
            if self.causal:
                masks.append(ahead <= 0)
            if self.window is not None:
                masks.append(ops.abs(ahead) < self.window)
        if not masks:
            return None
        whole = masks[0]
        for mask in masks[1:]:
            whole = ops.logical_and(whole, mask)
        return whole

    def _positions(self, name, mask, sequence):
        mask = ops.cast(mask, "bool")
        if len(mask.shape) != len(sequence.shape) - 1:
            raise ValueError(
                f"`{name}` must have an axis less than its sequence. "
                f"Received: {name}.shape={tuple(mask.shape)}, for a sequence "
                f"of shape {tuple(sequence.shape)}"
            )
        return self.layout.merge(mask)

    def _one_axis(self, what):
        if len(self.layout.axes) > 1:
            raise ValueError(
                f"{what} needs attention over one axis. "
                f"Received: attention_axes={self.layout.axes}"
            )
