"""The demonstration that `keras-randproj demo` runs."""

from keras_randproj.demo.experiment import run as run
