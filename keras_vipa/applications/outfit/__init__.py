"""Partitioned embeddings and outfits composed with them."""

from keras_vipa.applications.outfit.composer import OutfitComposer
from keras_vipa.applications.outfit.trainer import PartitionTrainer

__all__ = ["OutfitComposer", "PartitionTrainer"]
