"""Writes the files of `corpus/` that are not there.

HDF5 files hold the time: to write one again, delete it.

python -m tests.hardening.write_corpus
"""

from .hostile import CORPUS
from .hostile import WRITERS


def main():
    CORPUS.mkdir(exist_ok=True)
    for name, write in WRITERS:
        path = CORPUS / name
        if not path.exists():
            path.write_bytes(write())


if __name__ == "__main__":
    main()
