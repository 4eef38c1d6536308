"""One script a question; see `python -m benchmarks --help`."""
