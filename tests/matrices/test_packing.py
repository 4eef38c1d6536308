"""Entries of few bits, and the strips that matrices are made in."""

import numpy as np
import pytest

from keras_randproj import matrices
from keras_randproj.matrices import packing
from keras_randproj.matrices import tiles

pytestmark = pytest.mark.one_backend


def test_bits_of_an_entry():
    assert packing.digit_bits(matrices.Rademacher().spec()) == 1
    assert packing.digit_bits(matrices.SparseTernary(0.1).spec()) == 2
    with pytest.raises(ValueError, match="takes a family"):
        packing.digit_bits(matrices.Gaussian().spec())


@pytest.mark.parametrize("family", ["rademacher", "sparse_ternary"])
def test_words_hold_the_signs_of_entries(family):
    law = matrices.get(family)
    rows, cols = 45, 7
    words = packing.pack(law.spec(), 3, rows, (0, -(-rows // 16)), (0, cols))
    bits = packing.digit_bits(law.spec())
    each = 32 // bits
    found = np.zeros((len(words) * each, cols), int)
    for k in range(each):
        code = words.view("uint32") >> np.uint32(k * bits) & (2**bits - 1)
        signed = 1 - 2 * code.astype(int) if bits == 1 else code.astype(int)
        found[k::each] = np.where(signed == 2, -1, signed)
    wanted = np.sign(law.entries(3, (0, rows), (0, cols)))
    np.testing.assert_array_equal(found[:rows], wanted)


def test_no_strip_is_large():
    """Memory stays bounded, whatever the sides are."""
    spec, shape, spans = matrices.Gaussian().spec(), (9000, 3000), []

    def note(span):
        spans.append(span)
        return np.zeros(1)

    list(tiles.map_strips(note, spec, shape, 32))
    assert len(spans) > 1
    heights = [stop - start for start, stop in spans]
    assert max(heights) * shape[1] <= tiles.STRIP_ENTRIES
    assert sum(heights) == shape[0]
    assert all(start % 32 == 0 for start, _ in spans)
