"""Packaging of keras_vipa; the tool tables are in pyproject.toml."""

import pathlib
import re

from setuptools import find_packages
from setuptools import setup

ROOT = pathlib.Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$',
    (ROOT / "keras_vipa" / "__init__.py").read_text(encoding="utf-8"),
    re.MULTILINE,
).group(1)

EXTRAS = {
    "datasets": ["tensorflow-datasets>=4.9.10"],
    "lite": ["ai-edge-litert>=2.0"],
    "onnx": ["onnx>=1.17", "onnxruntime>=1.20", "tf2onnx>=1.17"],
    "jax": ["jax>=0.5"],
    # Videos, and syllables of sentences.
    "lips": ["av>=14", "pypinyin>=0.53"],
    "tree": ["scipy>=1.11"],
    # Benchmarks in files of MATLAB.
    "gbu": ["scipy>=1.11"],
    # What some of `recipes/build/` read.
    "build": [
        "scikit-learn>=1.4",
        "trimesh>=5.2",
        "embreex>=4.4",
        "fast-simplification>=0.1",
    ],
}
EXTRAS["test"] = [
    "pytest>=8",
    "pytest-xdist>=3.6",
    "ruff==0.17.6",
    *EXTRAS["datasets"],
    *EXTRAS["lite"],
    *EXTRAS["onnx"],
    *EXTRAS["jax"],
    *EXTRAS["tree"],
    *EXTRAS["gbu"],
    *EXTRAS["lips"],
]

setup(
    name="keras_vipa",
    version=VERSION,
    description=(
        "Reuse, merge, explain and deploy trained networks: ten methods of "
        "the VIPA lab for Keras 3."
    ),
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=[
        *find_packages(include=["keras_vipa", "keras_vipa.*"]),
        "keras_vipa.saved_models",
    ],
    package_dir={"keras_vipa.saved_models": "saved_models"},
    package_data={
        "keras_vipa.datasets": [
            "*.csv",
            "*.npz",
            "*.webp",
            "*.md",
            "samples/*/*.jpg",
        ],
        "keras_vipa.saved_models": ["*.keras", "*.h5", "*.tflite", "*.md"],
    },
    install_requires=[
        "keras>=3.15",
        "tensorflow>=2.20",
        "numpy>=1.26",
        "pillow>=10.3",
        "matplotlib>=3.8",
    ],
    extras_require=EXTRAS,
)
