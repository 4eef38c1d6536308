"""`python -m keras_randproj`, the same as the command `keras-randproj`."""

import sys

from keras_randproj.cli import main

if __name__ == "__main__":
    sys.exit(main())
