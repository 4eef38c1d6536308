"""Makes the table of the gaussian family, in 40-digit arithmetic.

    pip install mpmath && python tests/golden/gaussian_table.py FILE

The shipped table is the law (its digest is in CONTRACT.md); this script is
where it came from, and whoever runs it gets the same bytes.
"""

import hashlib
import sys

import mpmath
import numpy as np

LEVELS = 2**16


def main(path):
    mpmath.mp.dps = 40
    root2 = mpmath.sqrt(2)
    upper = [
        root2 * mpmath.erfinv(mpmath.mpf(2 * u + 1) / LEVELS - 1)
        for u in range(LEVELS // 2, LEVELS)
    ]
    std = mpmath.sqrt(mpmath.fsum(q * q for q in upper) / len(upper))
    positive = np.array([_float32(q / std) for q in upper], "<f4")
    table = np.concatenate([-positive[::-1], positive])
    np.save(path, table)
    digest = hashlib.blake2b(table.tobytes(), digest_size=16).hexdigest()
    print(f"{path}: {len(table)} entries, BLAKE2b-128 {digest}")


def _float32(value):
    """The nearest float32, with no second rounding through float64."""
    near = np.float32(float(value))
    around = (np.nextafter(near, -np.inf), near, np.nextafter(near, np.inf))
    return min(around, key=lambda f: abs(mpmath.mpf(float(f)) - value))


if __name__ == "__main__":
    main(sys.argv[1])
