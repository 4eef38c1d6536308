"""What may become of a damaged file."""

# The file is refused.
REFUSED = "refused"
# It loads: to the same model; to the same matrices with other learned
# numbers; to matrices of the file in other places; to another architecture.
IDENTICAL, NUMBERS, MOVED, CONFIGURATION = LOADED = (
    "identical",
    "other trained parameters",
    "matrices of the file, moved",
    "other configuration",
)
# A layer of Keras read an array as large as Keras allows: four gigabytes.
OUTSIDE = "allocation above the bound, by a layer of Keras"
# What must not be.
SILENT, MEMORY, EXECUTED, UNCLEAN, CRASH, HANG = FAILURES = (
    "a matrix that the seed does not give",
    "allocation above the bound",
    "code executed",
    "unclean exception",
    "crash",
    "hang",
)
OUTCOMES = (REFUSED, *LOADED, OUTSIDE, *FAILURES)
