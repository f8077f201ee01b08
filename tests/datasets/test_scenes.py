"""The generated world and its tasks."""

import numpy as np
import pytest

from keras_vipa.datasets import scene_task
from keras_vipa.datasets import scenes
from keras_vipa.datasets.scene_tasks import TASKS
from keras_vipa.datasets.scenes import COLORS
from keras_vipa.datasets.scenes import SHAPES

# Arrays alone: the same on every backend.
pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def world():
    return scenes(300, seed=1)


class TestScenes:
    def test_seed(self, world):
        np.testing.assert_array_equal(scenes(300, seed=1).images, world.images)
        assert (scenes(300, seed=2).images != world.images).any()

    def test_labels_are_balanced(self, world):
        for name, count in (("shape", 5), ("color", 6), ("stripes", 4)):
            shares = np.bincount(world.labels[name], minlength=count) / 300
            assert len(shares) == count
            assert np.abs(shares - 1 / count).max() < 0.1

    def test_object_has_its_colour(self, world):
        palette = np.array(list(COLORS.values()))
        inside = world.info["mask"] > 0
        for image, mask, color in zip(
            world.images, inside, world.labels["color"]
        ):
            mean = image[mask].mean(axis=0)
            distances = np.linalg.norm(palette * 0.92 - mean, axis=1)
            assert np.argmin(distances) == color

    def test_object_is_where_its_pose_says(self, world):
        ticks = (np.arange(32) + 0.5) / 16 - 1
        symmetric = world.labels["shape"] != SHAPES.index("triangle")
        for mask, pose in zip(
            world.info["mask"][symmetric], world.info["pose"][symmetric]
        ):
            x = (mask.sum(axis=0) * ticks).sum() / mask.sum()
            y = (mask.sum(axis=1) * ticks).sum() / mask.sum()
            assert np.abs([x - pose[0], y - pose[1]]).max() < 0.05

    def test_areas(self, world):
        """A disc of radius r has pi (0.9 r)^2, a square (1.5 r)^2 pixels."""
        radius = 32 * world.info["pose"][:, 2]
        areas = world.info["mask"].sum(axis=(1, 2)) / radius**2
        means = {
            name: areas[world.labels["shape"] == number].mean()
            for number, name in enumerate(SHAPES)
        }
        assert means["disc"] == pytest.approx(np.pi * 0.9**2, rel=0.05)
        assert means["square"] == pytest.approx(1.5**2, rel=0.05)
        ring = np.pi * (1 - 0.55**2)
        assert means["ring"] == pytest.approx(ring, rel=0.05)

    def test_object_is_nearer_than_the_ground(self, world):
        depth, mask = world.info["depth"], world.info["mask"] > 0
        assert depth.min() >= 0 and depth.max() <= 1
        for values, there in zip(depth, mask):
            assert values[there].min() > values[~there].max()
            assert np.ptp(values[there]) == 0


class TestTasks:
    @pytest.mark.parametrize("task", TASKS)
    def test_shapes(self, world, task):
        inputs, targets = scene_task(world, task)
        assert inputs.shape == (300, 32, 32, 3)
        assert inputs.dtype == targets.dtype == "float32"
        assert 0 <= inputs.min() and inputs.max() <= 1
        assert targets.shape[:-1] in ((300, 32, 32), (300,))
        assert targets.std() > 0.05

    def test_inputs(self, world):
        plain, targets = scene_task(world, "autoencode")
        np.testing.assert_array_equal(plain, targets)
        np.testing.assert_array_equal(plain, world.images / np.float32(255))
        noisy, clean = scene_task(world, "denoise")
        np.testing.assert_array_equal(clean, plain)
        # Less than 0.2, for levels are cut off.
        assert 0.13 < (noisy - plain).std() < 0.2
        grey, _ = scene_task(world, "colorize")
        assert np.ptp(grey, axis=-1).max() == 0
        holed, _ = scene_task(world, "inpaint")
        changed = (holed != plain).any(axis=-1).sum(axis=(1, 2))
        assert changed.max() == 100 and changed.min() > 90

    def test_classes(self, world):
        for task, label in (("color", "color"), ("bgori", "stripes")):
            _, targets = scene_task(world, task)
            assert (targets.sum(axis=1) == 1).all()
            classes = targets.argmax(axis=1)
            np.testing.assert_array_equal(classes, world.labels[label])

    def test_border_is_at_the_border(self, world):
        _, border = scene_task(world, "objedge")
        _, mask = scene_task(world, "segment")
        for edge, there in zip(border[..., 0], mask[..., 0]):
            assert set(np.unique(edge)) == {0.0, 1.0}
            # Two of the pixels beside each other differ at each of them.
            rows, columns = np.nonzero(edge[:-1, :-1])
            differs = (there[rows, columns] != there[rows + 1, columns]) | (
                there[rows, columns] != there[rows, columns + 1]
            )
            assert differs.all()

    def test_unknown(self, world):
        with pytest.raises(ValueError, match="`task` must be.*'normals'"):
            scene_task(world, "normals")
