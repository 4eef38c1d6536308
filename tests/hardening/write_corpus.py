"""Writes the files of `corpus/`.

python -m tests.hardening.write_corpus
"""

from .hostile import CORPUS
from .hostile import WRITERS


def main():
    CORPUS.mkdir(exist_ok=True)
    for name, write in WRITERS:
        CORPUS.joinpath(name).write_bytes(write())


if __name__ == "__main__":
    main()
