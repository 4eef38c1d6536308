"""Damage to bytes, whatever they mean."""


def flip_bits(data, rng):
    """One to eight bits, anywhere."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        out[rng.integers(len(out))] ^= 1 << rng.integers(8)
    return bytes(out)


def truncate(data, rng):
    return data[: rng.integers(len(data))]


def overwrite(data, rng):
    """A run of zeros, ones or noise."""
    start = int(rng.integers(len(data)))
    size = int(rng.integers(1, 65))
    run = [bytes(size), b"\xff" * size, rng.bytes(size)][rng.integers(3)]
    return (data[:start] + run + data[start + size :])[: len(data)]


def cut_out(data, rng):
    start, size = rng.integers(len(data)), rng.integers(1, 513)
    return data[:start] + data[start + size :]


def insert(data, rng):
    start = rng.integers(len(data))
    return data[:start] + rng.bytes(rng.integers(1, 257)) + data[start:]


def swap_blocks(data, rng):
    """Two blocks of a file change places."""
    size = min(256, len(data) // 2)
    a, b = sorted(int(k) for k in rng.integers(len(data) - size, size=2))
    b = max(b, a + size)
    parts = data[:a], data[b : b + size], data[a + size : b]
    return b"".join(parts) + data[a : a + size] + data[b + size :]


MUTATIONS = (flip_bits, truncate, overwrite, cut_out, insert, swap_blocks)
