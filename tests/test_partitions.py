"""What parts of an embedding tell, and how outfits are judged."""

import numpy as np
import pytest

from keras_vipa import metrics


def bits(count, seed):
    """Three independent labels, and parts that tell some of them."""
    generator = np.random.default_rng(seed)
    color, shape, sign = generator.integers(0, 2, (3, count))
    noise = generator.normal(0, 0.1, (3, count, 2))
    parts = {
        "color": np.stack([color, 0 * color], 1) + noise[0],
        "shape": np.stack([shape, shape], 1) + noise[1],
        # Of the colour nothing that a line could separate.
        "rest": np.stack([sign, sign ^ color], 1) + noise[2],
    }
    return parts, {"color": color, "shape": shape}


class TestLeakage:
    def test_linear_and_not(self):
        train, test = bits(1000, 0), bits(1000, 1)
        for hidden, rest in ((0, 0.0), (16, 1.0)):
            found = metrics.leakage_matrix(
                *train, *test, hidden=hidden, steps=800
            )
            assert found["parts"] == ["color", "shape", "rest"]
            assert found["attributes"] == ["color", "shape"]
            expected = [[1, 0], [0, 1], [rest, 0]]
            np.testing.assert_allclose(found["normalised"], expected, atol=0.11)
            np.testing.assert_allclose(
                found["information"],
                np.log(2) * np.array(expected),
                atol=0.15,
            )
            # Means of the two own ones and the four others.
            np.testing.assert_allclose(found["own"], 1.0, atol=0.01)
            np.testing.assert_allclose(found["leak"], rest / 4, atol=0.05)
            assert found["gap"] == found["own"] - found["leak"]
            gap = metrics.block_mig(found)
            np.testing.assert_allclose(gap, 1 - rest / 2, atol=0.2)

    def test_scale_of_a_part_does_not_matter(self):
        (train, labels), (test, others) = bits(300, 0), bits(300, 1)
        how = {"hidden": 0, "steps": 50}
        one = metrics.leakage_matrix(train, labels, test, others, **how)
        moved = [
            {name: 50 * part + 3 for name, part in parts.items()}
            for parts in (train, test)
        ]
        other = metrics.leakage_matrix(
            moved[0], labels, moved[1], others, **how
        )
        np.testing.assert_allclose(
            one["information"], other["information"], atol=1e-3
        )

    def test_wrong_arguments(self):
        parts, labels = bits(10, 0)
        other = {**labels, "color": labels["color"][:5]}
        for changed, text in (
            ({"train": {"color": parts["color"]}}, "two or more parts"),
            ({"train_labels": other}, "10 each"),
            ({"test": {**parts, "shape": np.zeros(10)}}, "arrays"),
            ({"test": {"a": parts["color"], "b": parts["shape"]}}, "`test`"),
            ({"train_labels": {"color": labels["color"] - 1}}, "from 0 on"),
            ({"hidden": -1}, "hidden=-1"),
        ):
            right = {
                "train": parts,
                "train_labels": labels,
                "test": parts,
                "test_labels": labels,
            }
            with pytest.raises(ValueError, match=text):
                metrics.leakage_matrix(**{**right, **changed})
        with pytest.raises(ValueError, match="`leakage_matrix`"):
            metrics.block_mig(parts)


def test_residual_predictability():
    def parts(seed):
        one, other, third = np.random.default_rng(seed).normal(
            size=(3, 1500, 2)
        )
        return {"one": one, "square": one**2 - 3, "alone": other + 0 * third}

    found = metrics.residual_predictability(
        parts(0), parts(1), hidden=(32,), steps=500
    )
    # Squares follow from what they are of; the sign does not come back.
    assert found["square"] > 0.9
    assert -0.4 < found["one"] < 0.15
    assert -0.4 < found["alone"] < 0.05


class TestSwaps:
    """Pictures of one pixel that say their labels."""

    labels = {
        "color": np.arange(24) % 3,
        "shape": np.arange(24) // 3 % 4,
    }

    def images(self):
        return np.stack([*self.labels.values()], -1)[:, None, None]

    def check(self, swap):
        def classify(images):
            return dict(zip(self.labels, images[:, 0, 0].T))

        return metrics.swap_accuracy(swap, classify, self.images(), self.labels)

    def test_exchanged(self):
        def swap(images, donors, part):
            found = images.copy()
            place = [*self.labels].index(part)
            found[..., place] = donors[..., place]
            return found

        perfect = {"moved": 1.0, "kept": 1.0, "both": 1.0}
        assert self.check(swap) == {"color": perfect, "shape": perfect}

    def test_nothing_and_all(self):
        nothing = self.check(lambda images, donors, part: images)
        for found in nothing.values():
            assert found == {"moved": 0.0, "kept": 1.0, "both": 0.0}
        for found in self.check(lambda images, donors, part: donors).values():
            assert found["moved"] == 1.0
            assert 0.0 < found["both"] == found["kept"] < 0.7

    def test_wrong_arguments(self):
        with pytest.raises(ValueError, match="`swap` must be a function"):
            metrics.swap_accuracy(1, len, self.images(), self.labels)
        with pytest.raises(ValueError, match="at least two values"):
            metrics.swap_accuracy(
                len, len, self.images(), {"color": np.zeros(24, int)}
            )


class TestCompatibility:
    def test_by_all_pairs(self):
        generator = np.random.default_rng(0)
        right = generator.integers(0, 6, 30)
        wrong = generator.integers(0, 4, 40)
        pairs = [(a > b) + 0.5 * (a == b) for a in right for b in wrong]
        found = metrics.compatibility_auc(right, wrong)
        np.testing.assert_allclose(found, np.mean(pairs))
        # Any increasing scale is as good.
        again = metrics.compatibility_auc(np.exp(right), np.exp(wrong))
        assert again == found

    def test_fill_in(self):
        assert metrics.fill_in_accuracy(np.zeros((5, 4))) == 0.25
        scores = np.random.default_rng(0).normal(size=(50, 4))
        expected = (scores.argmax(1) == 0).mean()
        np.testing.assert_allclose(metrics.fill_in_accuracy(scores), expected)

    def test_wrong_arguments(self):
        for scores in ([[]], [[np.nan, 1.0]], "no"):
            with pytest.raises(ValueError, match="Received: "):
                metrics.fill_in_accuracy(scores)
            with pytest.raises(ValueError, match="Received: "):
                metrics.compatibility_auc([1.0], scores)
