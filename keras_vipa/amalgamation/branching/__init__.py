"""Student Becoming the Master (CVPR 2019)."""

from keras_vipa.amalgamation.branching.amalgamator import BranchingAmalgamator

__all__ = ["BranchingAmalgamator"]
