import numpy as np
import pytest

from keras_vipa.applications import StylePairs
from keras_vipa.datasets import random_crops

COLOR = (200, 100, 0)


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype("uint8")


def plain(height=40, width=50):
    return np.full((height, width, 3), COLOR, "uint8")


def colors(crops):
    """The colours of the crops' first pixels."""
    return {tuple(map(int, crop[0, 0])) for crop in crops}


class TestCrops:
    @pytest.mark.parametrize("widen", [False, True])
    def test_shape(self, widen):
        pictures = [noise(40, 50, 3), noise(20, 90, 3), noise(200, 33, 3)]
        crops = random_crops(pictures, 20, 32, widen=widen)
        assert crops.shape == (20, 32, 32, 3)
        assert crops.dtype == "uint8"
        assert all(crop.std() > 10 for crop in crops)

    @pytest.mark.parametrize("widen", [False, True])
    def test_seed(self, widen):
        first, same, other = (
            random_crops([noise(40, 50, 3)], 8, 16, seed, widen=widen)
            for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first, same)
        assert (first != other).any()
        assert len({crop.tobytes() for crop in first}) == 8

    def test_zoom_of_one_gives_the_picture_or_its_mirror_image(self):
        picture = noise(32, 32, 3)
        crops = random_crops([picture], 20, 32, zoom=(1.0, 1.0))
        mirrored = picture[:, ::-1]
        counts = [
            sum(np.array_equal(crop, version) for crop in crops)
            for version in (picture, mirrored)
        ]
        assert min(counts) > 0
        assert sum(counts) == 20

    def test_zoom_of_two_shows_half_of_the_picture(self):
        # Ten levels more with each column: 160 levels over sixteen columns.
        ramp = np.arange(0, 200, 10, "uint8")
        picture = np.broadcast_to(ramp[None, :, None], (20, 20, 3))
        # Two, for a picture is enlarged no more than that.
        for crop in random_crops([picture.copy()], 10, 32, zoom=(8.0, 8.0)):
            assert 145 <= np.ptp(crop[0, :, 0].astype("int64")) <= 165

    def test_all_pictures_are_used(self):
        pictures = [np.full((20, 20, 3), n, "uint8") for n in range(4)]
        crops = random_crops(pictures, 60, 16)
        assert {int(crop[0, 0, 0]) for crop in crops} == {0, 1, 2, 3}

    def test_colors_are_kept(self):
        assert colors(random_crops([plain()], 50, 16)) == {COLOR}

    def test_widen_exchanges_and_inverts_colors(self):
        crops = random_crops([plain()], 300, 16, widen=True)
        found = colors(crops)
        # Exchanged, inverted, or both; and some as they were.
        assert {COLOR, (0, 100, 200), (55, 155, 255)} <= found
        assert len(found) > 50

    def test_widen_turns(self):
        picture = noise(16, 16, 3)
        crops = random_crops([picture], 100, 16, zoom=(1.0, 1.0), widen=True)
        versions = [np.rot90(picture, turns) for turns in range(4)]
        versions += [version[:, ::-1] for version in versions]
        for version in versions:
            assert any(np.array_equal(crop, version) for crop in crops)

    def test_widen_lays_crops_over_one_another(self):
        pictures = [np.full((16, 16, 3), n, "uint8") for n in (40, 140)]
        crops = random_crops(pictures, 200, 16, widen=True)
        assert (90, 90, 90) in colors(crops)


class TestPairs:
    def make(self, batch_size=8, steps=5, seed=0):
        """Five contents and seven styles, each of one level: its number."""
        contents = np.ones((5, 4, 4, 3), "uint8") * numbers(5)
        styles = np.ones((7, 6, 6, 3), "uint8") * numbers(7)
        return StylePairs(
            {"content": contents, "content_number": np.arange(5)},
            {"style": styles, "half": np.arange(7, dtype="float16") / 2},
            batch_size,
            steps,
            seed,
        )

    def test_batch(self):
        pairs = self.make()
        assert len(pairs) == 5
        (batch,) = pairs[0]
        assert {name: rows.shape for name, rows in batch.items()} == {
            "content": (8, 4, 4, 3),
            "content_number": (8,),
            "style": (8, 6, 6, 3),
            "half": (8,),
        }
        assert batch["content"].dtype == batch["style"].dtype == "float32"
        assert batch["half"].dtype == "float16"

    def test_what_belongs_to_an_image_stays_with_it(self):
        (batch,) = self.make()[0]
        levels = batch["content"][:, 0, 0, 0] * 255
        np.testing.assert_allclose(levels, batch["content_number"], atol=1e-4)
        levels = batch["style"][:, 0, 0, 0] * 255
        np.testing.assert_allclose(levels, 2 * batch["half"], atol=1e-4)

    def test_levels(self):
        white = np.full((1, 2, 2, 3), 255, "uint8")
        (batch,) = StylePairs({"content": white}, {"style": white}, 1, 1)[0]
        np.testing.assert_array_equal(batch["style"], 1.0)

    def test_all_pairs_occur(self):
        pairs = self.make(batch_size=100, steps=4)
        seen = set()
        for (batch,) in (pairs[index] for index in range(4)):
            seen |= set(zip(batch["content_number"], batch["half"]))
        assert len(seen) == 5 * 7

    def test_depends_on_seed_epoch_and_number(self):
        def drawn(pairs, index=0):
            (batch,) = pairs[index]
            return [*batch["content_number"], *batch["half"]]

        pairs = self.make()
        assert drawn(pairs) == drawn(pairs) == drawn(self.make())
        first, second = drawn(pairs), drawn(pairs, 1)
        pairs.set_epoch(1)
        epoch = drawn(pairs)
        pairs.set_epoch(0)
        assert drawn(pairs) == first
        assert first not in (second, epoch, drawn(self.make(seed=1)))


def numbers(count):
    return np.arange(count, dtype="uint8")[:, None, None, None]
