"""Partitioned embeddings and outfits composed with them."""

from keras_vipa.applications.outfit.trainer import PartitionTrainer

__all__ = ["PartitionTrainer"]
