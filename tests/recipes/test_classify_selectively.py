"""The recipe with a user's own data, and that nothing leaks."""

import argparse
import dataclasses

import numpy as np
import pytest

from keras_vipa.utils.images import save_picture

pytestmark = [pytest.mark.tensorflow, pytest.mark.usefixtures("eager")]
CSV = """class,red,green,large
apple,1,0.1,0
cherry,1,0,0.2
lime,0,1,0.1
melon,0.2,1,1
plum,0.6,0,0.4
pear,0.3,0.8,0.5
"""
CLASSES = [line.split(",")[0] for line in CSV.splitlines()[1:]]


@pytest.fixture(scope="module")
def recipe(load_recipe):
    return load_recipe("classify_selectively")


@pytest.fixture
def pictures(tmp_path):
    """Folders of pictures, and what is true of their classes."""
    draw = np.random.default_rng(0)
    for name in CLASSES:
        (tmp_path / "fruit" / name).mkdir(parents=True)
        for number in range(3):
            path = tmp_path / "fruit" / name / f"{number}.png"
            save_picture(path, draw.random((16, 16, 3)))
    path = tmp_path / "fruit.csv"
    path.write_text(CSV)
    return ["--images", tmp_path / "fruit", "--signatures", path]


@pytest.fixture
def report(reporting):
    """Runs the recipe for an epoch; returns its report."""
    return reporting("classify_selectively", 1)


@pytest.fixture
def refused(recipe, run_recipe, tmp_path, capsys):
    """Runs the recipe; returns the one line that it ends with."""

    def run(*options):
        with pytest.raises(SystemExit) as stop:
            output = tmp_path / "output"
            run_recipe(
                recipe,
                *options,
                "--epochs",
                1,
                "--steps",
                1,
                "--output",
                output,
            )
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert stop.value.code == 2 and "error: " in line
        assert not (tmp_path / "output").exists()
        return line

    return run


class TestLeaks:
    def test_unseen_classes_change_nothing(self, recipe, monkeypatch):
        """Neither what is chosen, nor what is fitted."""
        args = argparse.Namespace(
            data="synthetic", features=None, images=None, unseen=None,
            defined=None, residual=[4, 8], epochs=1, smoke=True, steps=1,
        )  # fmt: skip
        weights = []

        class Recorded(recipe.selective.SelectiveZeroShot):
            def fit_stages(self, *arguments, **options):
                super().fit_stages(*arguments, **options)
                weights.append(self.get_weights())

        monkeypatch.setattr(recipe.selective, "SelectiveZeroShot", Recorded)
        task = recipe.zero_shot.task_of(args, 0)
        one = recipe.predictors(args, task, 0)
        draw, data = np.random.default_rng(0), task.data
        changed = dataclasses.replace(
            data,
            new_x=draw.normal(size=data.new_x.shape).astype("float32"),
            new_y=draw.permutation(data.new_y),
            new_signatures=draw.normal(size=data.new_signatures.shape),
        )
        other_task = recipe.zero_shot.Task(changed, task.held)
        other = recipe.predictors(args, other_task, 0)
        assert one[2] == other[2]
        for name, (scores, temperature) in one[0].items():
            assert temperature == other[0][name][1]
            assert np.abs(scores - other[0][name][0]).max() > 0.01
        # Three on other seen classes, two on all.
        assert len(weights) == 10
        for first, second in zip(weights[:5], weights[5:]):
            for old, new in zip(first, second):
                np.testing.assert_array_equal(old, new)

    def test_networks_have_not_seen_what_is_held_out(self, recipe, monkeypatch):
        """Features are learnt of the other seen classes."""
        shared, seen = recipe.zero_shot, []

        def fit(network, images, labels, *more):
            seen.append((images, labels))

        monkeypatch.setattr(shared, "fit", fit)
        y = np.repeat(np.arange(10), 2)
        x = np.broadcast_to(y[:, None, None, None] / 10, (20, 8, 8, 3))
        data = shared.datasets.ZeroShotSet(
            x.astype("float32"), y, np.eye(10), x[:2], [0, 1],
            np.eye(10)[:2] * 2,
        )  # fmt: skip
        found = shared.with_features(data, 1)
        ((images, labels),) = seen
        kept = [0, 1, 2, 3, 5, 6, 7, 8]
        np.testing.assert_allclose(
            np.unique(images[:, 0, 0, 0]), np.float32(kept) / 10
        )
        assert labels.tolist() == np.repeat(np.arange(8), 2).tolist()
        assert found.x.shape == (20, 128)


def test_own_pictures(report, pictures, tmp_path):
    rows = report(*pictures, "--unseen", "plum", "pear", "--steps", 1)
    rows = {row["model"]: row for row in rows["results"]}
    assert "augmented, both" in rows and "sae, scaled" in rows
    assert "both_decide, scaled" not in rows
    same = {rows[f"augmented, {k}"]["accuracy"] for k in ("both", "margin")}
    assert len(same) == 1
    # Of three pictures nothing can be promised.
    least = rows["augmented, both"]["refused"]
    assert "The least that could be promised" in least
    assert (tmp_path / "output" / "answers.png").exists()


def test_benchmark(report, tmp_path):
    io = pytest.importorskip("scipy.io")
    draw = np.random.default_rng(0)
    cells = np.empty((8, 1), object)
    cells[:, 0] = [np.array([f"kind {n}"]) for n in range(8)]
    labels = np.arange(40) % 8
    features = {"features": draw.random((5, 40)), "labels": labels[:, None] + 1}
    splits = {"att": draw.random((3, 8)), "allclasses_names": cells}
    splits["trainval_loc"] = np.flatnonzero(labels < 6)[:, None] + 1
    splits["test_unseen_loc"] = np.flatnonzero(labels >= 6)[:, None] + 1
    io.savemat(tmp_path / "res101.mat", features)
    io.savemat(tmp_path / "att_splits.mat", splits)
    rows = report("--features", tmp_path)["results"]
    assert {row["predictor"] for row in rows} == {
        "dap", "eszsl", "sae", "cosine", "augmented", "both_decide",
    }  # fmt: skip
    assert not (tmp_path / "output" / "answers.png").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("apple,1,0.1", "apple,1,nan", "'nan' for attribute 'green' of class"),
        ("lime,0,1,0.1\n", "", "Received: lime"),
        ("apple,1,0.1,0", "apple,1,0.1", "row 2, must be the name of another"),
        ("0.3,0.8,0.5", "0.6,0,0.4", "'plum' and 'pear' are equal"),
    ],
)
def test_wrong_signatures(refused, pictures, old, new, message):
    path = pictures[-1]
    path.write_text(CSV.replace(old, new))
    assert message in refused(*pictures, "--unseen", "plum", "pear")


def test_a_constant_attribute(refused, pictures):
    lines = [f"{line},1" for line in CSV.splitlines()]
    pictures[-1].write_text("\n".join(lines).replace("large,1", "large,fruit"))
    line = refused(*pictures, "--unseen", "plum", "pear")
    assert "Each attribute must differ" in line and "['fruit']" in line


def test_options_that_do_not_fit(refused, pictures, tmp_path):
    for options, message in (
        (pictures[:2], "--images and --signatures belong together"),
        (pictures, "--images needs --unseen"),
        ([*pictures, "--unseen", "plum"], "--images needs --unseen"),
        ([*pictures, "--unseen", "plum", "fig"], "Received: fig"),
        (["--unseen", "plum", "pear"], "--unseen is for --images"),
        (["--features", tmp_path], "There is no such file"),
        (["--features", tmp_path, *pictures], "Either --features or --images"),
        (["--defined", 2], "--defined is at most 1"),
        (["--signatures", tmp_path / "none.csv"], "must be a file that is"),
        (
            [*pictures, "--unseen", *CLASSES[:3]],
            "there must be four seen classes. Received: 3",
        ),
    ):
        assert message in refused(*options), options


def test_sign_test(recipe):
    """By hand: of 5 signs none, or one, is another."""
    shared = recipe.selective
    assert shared.sign_test([-1, -1, -2, -3, -1]) == 2 / 32
    assert shared.sign_test([-1, 1, -2, -3, -1, 0]) == 2 * 6 / 32
    assert shared.sign_test([-1, 1]) == 1.0


def test_paired(recipe):
    """Differences of one confidence to another, of the same answers."""
    rows = [
        {
            "predictor": "augmented",
            "confidence": kind,
            "seed": seed,
            **dict.fromkeys(recipe.selective.MEASURES, value + seed / 10),
        }
        for seed in (0, 1, 2)
        for kind, value in (("maximum", 0.3), ("both", 0.25))
    ]
    (line,) = recipe.selective.paired(rows)
    assert line["against"] == "maximum" and line["seeds"] == 3
    np.testing.assert_allclose(line["aurc"], [-5.0] * 3)
    assert line["aurc_smaller"] == 3 and line["aurc_p"] == 0.25
