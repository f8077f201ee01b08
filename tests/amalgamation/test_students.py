import numpy as np
import pytest

from keras_vipa.amalgamation import new_student
from keras_vipa.amalgamation import renewed


@pytest.mark.parametrize("kind", ["separable", "residual", "plain"])
@pytest.mark.parametrize("most", [1_500, 40_000])
def test_as_wide_as_may_be(kind, most):
    student = new_student(kind, (16, 16, 1), 7, most)
    assert student.input_shape == (None, 16, 16, 1)
    assert student.output_shape == (None, 7)
    assert 0.7 * most < student.count_params() <= most
    # The last map is of 4 x 4 places.
    assert student.layers[-3].output.shape[1:3] == (4, 4)


@pytest.mark.parametrize("kind", ["separable", "plain"])
def test_tasks(kind):
    counts = {"hat": 7, "eyes": 2}
    student = new_student(kind, (20, 16, 3), counts, 9_000)
    assert 6_000 < student.count_params() <= 9_000
    shapes = {task: x.shape[1] for task, x in student.output.items()}
    assert shapes == counts


def test_seed():
    one, same, other = (
        new_student("separable", (8, 8, 3), 2, 2_000, seed).get_weights()
        for seed in (0, 0, 1)
    )
    for pair in zip(one, same):
        np.testing.assert_array_equal(*pair)
    assert any((a != b).any() for a, b in zip(one, other))


def test_errors():
    for arguments, message in (
        (("dense", (8, 8, 3), 2, 1_000), "`student` must be one of"),
        (("residual", (7, 8, 3), 2, 1_000), "sides of at least 8"),
        (("residual", (8, 8, 3), 2, 10), "The student must be larger"),
        (("plain", (8, None, 3), 2, 10), "must be known for a plain student"),
        (("plain", (8, 8, 3), {}, 10), "must not be empty"),
    ):
        with pytest.raises(ValueError, match=message):
            new_student(*arguments)


def test_renewed():
    """Other kernels of the size that keeps the scale, vectors as in new
    layers, and nothing that both have."""
    model = new_student("residual", (8, 8, 3), 5, 20_000)
    for weight in model.weights:
        weight.assign(weight + 1.0)
    before = [weight.copy() for weight in model.get_weights()]
    one, same, other = (renewed(model, seed) for seed in (1, 1, 2))
    for old, now in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, now)
    pairs = zip(one.get_weights(), same.get_weights(), other.get_weights())
    for a, b, c in pairs:
        np.testing.assert_array_equal(a, b)
        assert np.array_equal(a, c) == (a.ndim < 2)
        if a.size > 1000:
            scale = np.sqrt(2 / a[..., 0].size)
            assert a.std() == pytest.approx(scale, rel=0.1)
    # Frozen or not: they are there to be trained.
    model.trainable = False
    frozen = renewed(model, 1)
    assert len(frozen.trainable_weights) == len(one.trainable_weights)
    for a, b in zip(one.get_weights(), frozen.get_weights()):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="must be a `keras.Model`"):
        renewed("residual")
