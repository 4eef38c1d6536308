"""Models of these layers on several devices and machines."""

from keras_randproj.distribution.layout_map import layout_map as layout_map

__all__ = ["layout_map"]
