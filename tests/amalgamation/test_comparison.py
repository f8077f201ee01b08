import numpy as np
import pytest
from PIL import Image

from keras_vipa.amalgamation import comparison

# Five images of three classes: two of the first teacher, one of the second.
SLICES = [slice(0, 2), slice(2, 3)]
LABELS = np.array([0, 1, 0, 2, 2])
LOGITS = np.array(
    [
        [2.0, 1.0, 9.0],  # right in its part, wrong among all
        [0.0, 1.0, 0.0],  # right
        [1.0, 3.0, 2.0],  # wrong
        [0.0, 1.0, 3.0],  # right
        [5.0, 1.0, 3.0],  # right in its part, wrong among all
    ]
)
TEACHER_LOGITS = np.array(
    [
        [2.0, 1.0, 0.0],
        [0.0, 1.0, 7.0],
        [1.0, 3.0, 2.0],
        [3.0, 1.0, 0.0],
        [5.0, 1.0, 3.0],
    ]
)


def row(model, parts, joint, parameters=10, seconds=None):
    values = {"model": model, "parts": parts, "joint": joint}
    return {**values, "parameters": parameters, "seconds": seconds}


class TestScores:
    def test_by_hand(self):
        parts, joint = comparison.scores(LOGITS, SLICES, LABELS)
        assert parts == [pytest.approx(2 / 3), 1.0]
        assert joint == pytest.approx(2 / 5)

    def test_a_part_reads_its_own_logits_only(self):
        changed = LOGITS + np.array([0.0, 0.0, 100.0])
        parts, joint = comparison.scores(changed, SLICES, LABELS)
        assert parts == comparison.scores(LOGITS, SLICES, LABELS)[0]
        assert joint == pytest.approx(2 / 5)
        parts, joint = comparison.scores(-changed, SLICES, LABELS)
        assert (parts, joint) == ([pytest.approx(1 / 3), 1.0], 0.2)

    def test_agreement_by_hand(self):
        parts, joint = comparison.agreement(LOGITS, SLICES, TEACHER_LOGITS)
        assert parts == [0.8, 1.0]
        assert joint == pytest.approx(2 / 5)

    def test_everyone_agrees_with_himself(self):
        agreed = comparison.agreement(LOGITS, SLICES, LOGITS)
        assert agreed == ([1.0, 1.0], 1.0)


class TestScoreboard:
    def test_with_labels(self):
        board = comparison.Scoreboard(SLICES, TEACHER_LOGITS, LABELS, seed=7)
        board.add("student", LOGITS, parameters=3)
        parts, joint = comparison.scores(LOGITS, SLICES, LABELS)
        assert board.rows == [
            {
                "seed": 7,
                "model": "student",
                "parts": parts,
                "joint": joint,
                "parameters": 3,
            }
        ]

    def test_without_labels(self):
        board = comparison.Scoreboard(SLICES, TEACHER_LOGITS)
        board.add("student", LOGITS)
        assert board.rows[0]["parts"] == [0.8, 1.0]
        assert board.rows[0]["joint"] == pytest.approx(2 / 5)

    def test_a_teacher_knows_one_part(self):
        board = comparison.Scoreboard(SLICES, TEACHER_LOGITS, LABELS)
        board.add("teacher_1", LOGITS, 0)
        board.add("teacher_2", LOGITS, 1)
        assert board.rows[0]["parts"] == [pytest.approx(2 / 3), None]
        assert board.rows[1]["parts"] == [None, 1.0]
        assert [r["joint"] for r in board.rows] == [None, None]


class TestErrors:
    def test_relative_error_by_hand(self):
        target = np.array([[0.0, 1.0], [2.0, 5.0]])
        output = np.array([[0.0, 1.0], [2.0, 3.0]])
        # 2^2 / (1 + 1 + 4 + 4)
        assert comparison.relative_error(target, output) == 0.4

    def test_relative_error_of_the_target_and_of_its_mean(self):
        target = np.random.default_rng(0).normal(size=(4, 3, 3, 5))
        assert comparison.relative_error(target, target) == 0.0
        mean = np.broadcast_to(target.mean(axis=(0, 1, 2)), target.shape)
        assert comparison.relative_error(target, mean) == pytest.approx(1.0)

    def test_principal_components_against_singular_values(self):
        generator = np.random.default_rng(0)
        scales = np.array([5.0, 2.0, 1.0, 0.1])
        features = generator.normal(size=(6, 3, 3, 4)) * scales + 7.0
        errors = comparison.principal_component_errors(features)

        flat = features.reshape(-1, 4)
        mean = flat.mean(axis=0)
        _, singular, rows = np.linalg.svd(flat - mean, full_matrices=False)
        expected = 1.0 - np.cumsum(singular**2) / np.sum(singular**2)
        np.testing.assert_allclose(errors, expected, atol=1e-12)
        for width in (1, 2, 3):
            basis = rows[:width]
            decoded = mean + (flat - mean) @ basis.T @ basis
            error = comparison.relative_error(flat, decoded)
            np.testing.assert_allclose(errors[width - 1], error)

    def test_principal_components_of_fewer_dimensions(self):
        features = np.random.default_rng(0).normal(size=(50, 2))
        features = features @ np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]])
        errors = comparison.principal_component_errors(features)
        assert errors[0] > 0.01
        np.testing.assert_allclose(errors[1:], 0.0, atol=1e-12)


class TestSummary:
    def test_spread_by_hand(self):
        rows = [
            row("teacher_1", [0.8, None], None, 6),
            row("concatenated", [0.8, 0.5], 0.7, 20),
            row("student", [0.9, 0.5], 0.6, 15, 10.0),
            row("teacher_1", [0.9, None], None, 6),
            row("concatenated", [0.9, 0.5], 0.8, 20),
            row("student", [0.7, 0.5], 0.9, 15, 30.0),
        ]
        teacher, concatenated, student = comparison.summary(rows)
        # Two values differ from their mean by half their difference each:
        # the squares sum to half its square, over 2 - 1 degrees of freedom.
        step = 10 / np.sqrt(2)
        assert teacher["parts"] == [pytest.approx([85.0, step]), None]
        assert teacher["joint"] is None
        assert concatenated["joint"] == pytest.approx([75.0, step])
        assert student["model"] == "student"
        assert student["parts"][0] == pytest.approx([80.0, 2 * step])
        assert student["parts"][1] == pytest.approx([50.0, 0.0])
        assert student["joint"] == pytest.approx([75.0, 3 * step])
        assert (student["parameters"], student["ratio"]) == (15, 0.75)
        assert student["seconds"] == 20.0
        assert teacher["seconds"] is None

    def test_one_seed_has_no_spread(self):
        summary = comparison.summary([row("concatenated", [0.5, 1.0], 0.25)])
        assert summary[0]["parts"] == [[50.0, 0.0], [100.0, 0.0]]
        assert summary[0]["joint"] == [25.0, 0.0]


SUMMARY = [
    {
        "model": "teacher_1",
        "parts": [[85.0, 7.071], None],
        "joint": None,
        "parameters": 13669,
        "ratio": 0.5,
        "seconds": None,
    },
    {
        "model": "concatenated",
        "parts": [[85.0, 0.0], [50.0, 0.5]],
        "joint": [9.126, 0.0],
        "parameters": 27338,
        "ratio": 1.0,
        "seconds": 61.7,
    },
]
TABLE = """\
| model        | part 1       | part 2       | joint       \
| parameters | ratio | seconds |
| ------------ | ------------ | ------------ | ----------- \
| ---------- | ----- | ------- |
| teacher_1    | 85.00 ± 7.07 |              |             \
|     13,669 |  0.50 |         |
| concatenated | 85.00 ± 0.00 | 50.00 ± 0.50 | 9.13 ± 0.00 \
|     27,338 |  1.00 |      62 |"""


def test_table():
    assert comparison.table(SUMMARY) == TABLE


@pytest.mark.parametrize("suffix", ["summary", "zero"])
def test_plot(tmp_path, suffix):
    curve = {"width": 2, "channels": 4, "optimum": [0.5, 0.1, 0.01, 0.0]}
    curves = {"conv": {**curve, "error": 0.2}, "dense": {**curve, "error": 0.0}}
    summary = SUMMARY
    if suffix == "zero":
        summary = [{**SUMMARY[1], "joint": [0.0, 0.0]}]
    path = tmp_path / "report.png"
    comparison.plot(path, curves, summary, "agreement")
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.size == (1320, 504)
        # Not a blank page.
        assert len(picture.convert("RGB").getcolors(2**20)) > 10
    assert list(tmp_path.iterdir()) == [path]
