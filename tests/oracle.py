"""The matrix contract, version 1, in plain Python: slow, exact, independent.

Nothing here imports the package. `tests/golden/write_digests.py` makes the
golden digests with it, and tests compare entries with it.
"""

import functools
import hashlib
from statistics import NormalDist

import numpy as np

MASK = 2**32 - 1
SEEDS = (0, 1, 2**32, 2**64 - 1)
TILED = ("gaussian", "rademacher", "sparse_ternary")
FAMILIES = (*TILED, "orthogonal", "hadamard")

# Family: code, bits an entry, rows and columns of a tile.
TILES = {
    "rademacher": (1, 1, 16, 8),
    "sparse_ternary": (2, 8, 4, 4),
    "gaussian": (3, 16, 4, 2),
    "hadamard": (5, 1, 16, 8),
}


@functools.lru_cache(maxsize=2**14)
def philox(counter, seed):
    """128 bits as one integer, word 0 lowest; wide words are not cut."""
    c0, c1, c2, c3 = counter
    k0, k1 = seed & MASK, seed >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1 = (p1 >> 32) ^ c1 ^ k0, p1 & MASK
        c2, c3 = (p0 >> 32) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0 | c1 << 32 | c2 << 64 | c3 << 96


def words(counter, seed):
    """The four words of `philox`."""
    block = philox(counter, seed)
    return [block >> 32 * k & MASK for k in range(4)]


def derived_seed(seed, k):
    return philox((k, 0, 0, MASK), seed) & (2**64 - 1)


def code(family, seed, i, j, stream=0):
    """The raw bits of entry (i, j)."""
    word, bits, rows, cols = TILES[family]
    block = philox((i // rows, j // cols, stream, word), seed)
    place = (i % rows) * cols + j % cols
    return block >> place * bits & (2**bits - 1)


def integer(family, seed, i, j, stream=0, density=1 / 3):
    """What the digest is made of: rank, sign or -1, 0, 1."""
    u = code(family, seed, i, j, stream)
    if family == "gaussian":
        return u
    if family == "sparse_ternary":
        t = max(1, round(128 * density))
        return (u < t) - (u >= 256 - t)
    return 1 - 2 * u


def entry(family, seed, i, j, stream=0, density=1 / 3):
    """The entry at unit variance."""
    value = integer(family, seed, i, j, stream, density)
    if family == "gaussian":
        return quantiles()[value]
    if family == "sparse_ternary":
        return value * (256 / (2 * max(1, round(128 * density)))) ** 0.5
    return float(value)


def block(family, seed, rows, cols, stream=0, **options):
    """A sub-block, float64, as `projections.entries` gives it."""
    return np.array(
        [
            [entry(family, seed, i, j, stream, **options) for j in range(*cols)]
            for i in range(*rows)
        ]
    ).reshape(rows[1] - rows[0], cols[1] - cols[0])


@functools.cache
def quantiles():
    """65,536 quantiles of the normal distribution, at unit variance."""
    normal = NormalDist()
    table = [normal.inv_cdf((u + 0.5) / 65536) for u in range(65536)]
    size = (sum(q * q for q in table) / 65536) ** 0.5
    return [q / size for q in table]


def matrix(family, seed, shape, **options):
    """The layer's matrix, `1 / sqrt(input_dim)` in it, float64."""
    natural = {
        "count_sketch": _count_sketch,
        "hadamard": _hadamard,
        "orthogonal": _orthogonal,
    }.get(family)
    if natural is None:
        p = block(family, seed, (0, shape[0]), (0, shape[1]), **options)
    else:
        p = natural(seed, shape)
    return p / shape[0] ** 0.5


def count_sketch_row(seed, cols, i):
    """The column of the only entry of row i, and its sign."""
    b, t = divmod(i, cols)
    mine = _count_sketch_word(seed, t, b), t
    others = ((_count_sketch_word(seed, u, b), u) for u in range(cols))
    bit = philox((t // 16, b // 8, 1, 6), seed) >> (t % 16 * 8 + b % 8) & 1
    return sum(other < mine for other in others), 1 - 2 * bit


def _count_sketch_word(seed, t, b):
    return words((t // 4, b, 0, 6), seed)[t % 4]


def _count_sketch(seed, shape):
    p = np.zeros(shape)
    for i in range(shape[0]):
        column, sign = count_sketch_row(seed, shape[1], i)
        p[i, column] = sign * shape[1] ** 0.5
    return p


def _orthogonal(seed, shape):
    """Gram and Schmidt, twice: no QR routine decides the signs."""
    p = block("gaussian", seed, (0, shape[0]), (0, shape[1]))
    p = p.T if shape[0] >= shape[1] else p
    done = np.zeros_like(p)
    for k, row in enumerate(p):
        for _ in range(2):
            row = row - done[:k].T @ (done[:k] @ row)
        done[k] = row / np.linalg.norm(row)
    done *= max(shape) ** 0.5
    return done.T if shape[0] >= shape[1] else done


def hadamard_layout(shape):
    """`(order, groups)`."""
    order = 1
    while order < shape[0]:
        order *= 2
    return order, -(-shape[1] // order)


def hadamard_positions(seed, shape):
    """The outputs that are kept, counted over all groups."""
    order, groups = hadamard_layout(shape)
    kept = []
    for b in range(groups):
        size = min(order, shape[1] - b * order)
        chosen = range(order)
        if size < order:
            chosen = sorted(chosen, key=lambda o: (_row_word(seed, o, b), o))
            chosen = sorted(chosen[:size])
        kept += [b * order + o for o in chosen]
    return kept


def _row_word(seed, o, b):
    return words((o // 4, b, 2**16, 5), seed)[o % 4]


def _hadamard(seed, shape):
    order, _ = hadamard_layout(shape)
    n1 = 2 ** ((order.bit_length() - 1) // 2)
    n2 = order // n1
    p = np.empty(shape)
    for column, position in enumerate(hadamard_positions(seed, shape)):
        b, o = divmod(position, order)
        j = (o % n1) * n2 + o // n1
        for i in range(shape[0]):
            sign = integer("hadamard", seed, i, b)
            p[i, column] = sign * (-1) ** (i & j).bit_count()
    return p


def digest(family, seed, shape, **options):
    """BLAKE2b-128 of the integers, 32 hexadecimal characters."""
    rows, cols = shape
    if family == "count_sketch":
        found = (count_sketch_row(seed, cols, i) for i in range(rows))
        return _blake(
            np.array([(c + 1) * s for c, s in found], "<i8").tobytes()
        )
    if family == "orthogonal":
        family = "gaussian"
    if family == "hadamard":
        order, cols = hadamard_layout(shape)
    dtype = "<u2" if family == "gaussian" else "int8"
    integers = (
        integer(family, seed, i, j, **options)
        for i in range(rows)
        for j in range(cols)
    )
    found = _blake(np.fromiter(integers, dtype).tobytes())
    if family == "hadamard" and shape[1] % order:
        positions = np.array(hadamard_positions(seed, shape), "<u4")
        found = _blake(bytes.fromhex(found) + positions.tobytes())
    return found


def _blake(data):
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def prp(x, p, alpha=1.0, scale=1.0, bias=0.0):
    """The layer's formula in float64, P with its factor."""
    x, alpha, scale, bias = (
        np.asarray(v, "float64") for v in (x, alpha, scale, bias)
    )
    return (x * alpha) @ p * scale + bias
