"""From a model to the files that other runtimes run."""

from keras_randproj.exports.export import export as export

__all__ = ["export"]
