import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_vipa.amalgamation import draw_width_curves
from keras_vipa.amalgamation.layerwise.width_curves import (
    principal_component_errors,
)
from keras_vipa.amalgamation.layerwise.width_curves import relative_error


def test_relative_error_by_hand():
    target = np.array([[0.0, 1.0], [2.0, 5.0]])
    output = np.array([[0.0, 1.0], [2.0, 3.0]])
    # 2^2 / (1 + 1 + 4 + 4)
    assert relative_error(target, output) == 0.4


def test_relative_error_of_the_target_and_of_its_mean():
    target = np.random.default_rng(0).normal(size=(4, 3, 3, 5))
    assert relative_error(target, target) == 0.0
    mean = np.broadcast_to(target.mean(axis=(0, 1, 2)), target.shape)
    assert relative_error(target, mean) == pytest.approx(1.0)


def test_principal_components_against_singular_values():
    generator = np.random.default_rng(0)
    scales = np.array([5.0, 2.0, 1.0, 0.1])
    features = generator.normal(size=(6, 3, 3, 4)) * scales + 7.0
    errors = principal_component_errors(features)

    flat = features.reshape(-1, 4)
    mean = flat.mean(axis=0)
    _, singular, rows = np.linalg.svd(flat - mean, full_matrices=False)
    expected = 1.0 - np.cumsum(singular**2) / np.sum(singular**2)
    np.testing.assert_allclose(errors, expected, atol=1e-12)
    for width in (1, 2, 3):
        basis = rows[:width]
        decoded = mean + (flat - mean) @ basis.T @ basis
        error = relative_error(flat, decoded)
        np.testing.assert_allclose(errors[width - 1], error)


def test_principal_components_of_fewer_dimensions():
    features = np.random.default_rng(0).normal(size=(50, 2))
    features = features @ np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]])
    errors = principal_component_errors(features)
    assert errors[0] > 0.01
    np.testing.assert_allclose(errors[1:], 0.0, atol=1e-12)


def test_picture():
    curve = {"width": 2, "channels": 4, "optimum": [0.5, 0.1, 0.01, 0.0]}
    curves = {"conv": {**curve, "error": 0.2}, "dense": {**curve, "error": 0.0}}
    axis = Figure().subplots()
    draw_width_curves(axis, curves)
    lines = [line.get_xydata().tolist() for line in axis.get_lines()]
    assert lines[0] == [[0.25, 0.5], [0.5, 0.1], [0.75, 0.01]]
    assert lines[1] == [[0.5, 0.2]]
    # Zero has no place on a logarithmic scale.
    assert lines[3] == [[0.5, 1e-12]]
