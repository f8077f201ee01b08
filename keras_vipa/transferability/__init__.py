"""Which trained network to start from."""

from keras_vipa.transferability.attribution import attribution_maps

__all__ = [
    "attribution_maps",
]
