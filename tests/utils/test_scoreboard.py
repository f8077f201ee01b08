import keras
import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_vipa.utils import reports
from keras_vipa.utils import scoreboard


def doubled(outputs):
    return {"parts": [outputs, 2 * outputs], "joint": -outputs}


class TestScoreboard:
    def test_rows(self):
        board = scoreboard.Scoreboard(doubled, 4, seed=7)
        board.add("student", 0.25, parameters=3)
        board.add("teacher", 0.25, parameters=8, seconds=1.5, part=1)
        assert board.rows == [
            {
                "seed": 7,
                "model": "student",
                "parts": [0.25, 0.5],
                "joint": -0.25,
                "parameters": 3,
                "ratio": 0.75,
                "seconds": None,
            },
            {
                "seed": 7,
                "model": "teacher",
                "parts": [None, 0.5],
                "joint": None,
                "parameters": 8,
                "ratio": 2.0,
                "seconds": 1.5,
            },
        ]

    def test_models(self):
        image = keras.Input((2,))
        models = [
            keras.Sequential([image, keras.layers.Dense(units)])
            for units in (1, 3)
        ]
        board = scoreboard.Scoreboard(lambda x: doubled(float(np.sum(x))))
        board.add_teachers(models, 0.5)
        board.add_model("student", models[0], np.zeros((2, 2)), start=0.0)
        names = ["teacher_1", "teacher_2", "concatenated", "student"]
        assert [row["model"] for row in board.rows] == names
        assert [row["parameters"] for row in board.rows] == [3, 9, 12, 3]
        assert [row["ratio"] for row in board.rows] == [0.25, 0.75, 1.0, 0.25]
        assert [row["parts"] for row in board.rows] == [
            [0.5, None],
            [None, 1.0],
            [0.5, 1.0],
            [0.0, 0.0],
        ]
        assert board.rows[2]["joint"] == -0.5
        assert board.rows[3]["seconds"] > 1e9


ROWS = [
    {"seed": 0, "model": "a", "size": 6, "parts": [0.8, None], "joint": None},
    {"seed": 0, "model": "b", "size": 15, "parts": [0.9, 0.5], "joint": 0.6},
    {"seed": 1, "model": "a", "size": 6, "parts": [0.9, None], "joint": None},
    {"seed": 1, "model": "b", "size": 15, "parts": [0.7, 0.5], "joint": 0.9},
]


class TestSummary:
    def test_spread_by_hand(self):
        one, other = scoreboard.summarize(
            ROWS, ["model", "size"], {"parts": 100, "joint": 1}
        )
        # Two values differ from their mean by half their difference each:
        # the squares sum to half its square, over 2 - 1 degrees of freedom.
        step = 10 / np.sqrt(2)
        assert one == {
            "model": "a",
            "size": 6,
            "parts": [pytest.approx([85.0, step]), None],
            "joint": None,
        }
        assert list(other) == ["model", "size", "parts", "joint"]
        assert other["parts"][0] == pytest.approx([80.0, 2 * step])
        assert other["parts"][1] == pytest.approx([50.0, 0.0])
        assert other["joint"] == pytest.approx([0.75, 0.03 * step])

    def test_one_row_has_no_spread(self):
        (row,) = scoreboard.summarize(ROWS[1:2], "model", {"parts": 100})
        assert row == {"model": "b", "parts": [[90.0], [50.0]]}

    def test_a_number_that_is_none_or_nan_in_any_row(self):
        for missing in (None, np.nan):
            rows = [ROWS[1], {**ROWS[3], "joint": missing}]
            (row,) = scoreboard.summarize(rows, "model", ["joint"])
            assert row == {"model": "b", "joint": None}

    def test_groups_of_several_columns_keep_their_order(self):
        rows = [{"x": x, "y": y, "n": x * y} for x in (2, 1) for y in (5, 3)]
        found = scoreboard.summarize(rows, ["y", "x"], ["n"])
        assert [(row["y"], row["x"]) for row in found] == [
            (5, 2),
            (3, 2),
            (5, 1),
            (3, 1),
        ]

    def test_intervals(self):
        values = [1.0, 2.0, 4.0, 3.0]
        names = ["p", "p", "q", "q"]
        rows = [
            {"model": "a", "photograph": name, "errors": {"style": value}}
            for name, value in zip(names, values)
        ]
        for groups in ([], ["photograph"]):
            (row,) = scoreboard.summarize(
                rows, "model", ["errors"], True, groups, seed=5
            )
            labels = [names] if groups else None
            expected = reports.mean_interval(values, labels, 5)
            assert row == {"model": "a", "errors": {"style": expected}}


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
        "parts": [[85.0], [50.0, 0.5]],
        "joint": [9.126, 0.0],
        "parameters": 27338,
        "ratio": 1.0,
        "seconds": [61.7],
    },
]
TABLE = """\
| model        | part 1       | part 2       | joint       \
| parameters | ratio | seconds |
| ------------ | ------------ | ------------ | ----------- \
| ---------- | ----- | ------- |
| teacher_1    | 85.00 ± 7.07 |              |             \
|     13,669 |  0.50 |         |
| concatenated | 85.00        | 50.00 ± 0.50 | 9.13 ± 0.00 \
|     27,338 |  1.00 |      62 |"""


class TestTable:
    def test_by_hand(self):
        table = scoreboard.format_summary(SUMMARY, {"seconds": 0})
        squeezed = [line.split() for line in table.splitlines()]
        assert squeezed == [line.split() for line in TABLE.splitlines()]

    def test_intervals_of_a_dict(self):
        summary = [{"system": "a", "errors": {"style": [1.0, 0.5, 2.0]}}]
        assert scoreboard.format_summary(summary, 1).splitlines()[::2] == [
            "| system | style            |",
            "| a      | 1.0 (0.5 to 2.0) |",
        ]


class TestBars:
    def draw(self, summary, columns=("parts", "joint")):
        axis = Figure().subplots()
        scoreboard.draw_bars(axis, summary, columns, "accuracy in %")
        return axis

    def test_heights_and_spreads(self):
        axis = self.draw(SUMMARY)
        heights = [[bar.get_height() for bar in c.patches] for c in bars(axis)]
        assert heights == [[85.0, 85.0], [50.0], [9.126]]
        labels = [text.get_text() for text in axis.get_legend().get_texts()]
        assert labels == ["part 1", "part 2", "joint"]
        ticks = [text.get_text() for text in axis.get_xticklabels()]
        assert ticks == ["teacher\n1", "concatenated"]
        assert axis.get_ylabel() == "accuracy in %"
        low, high = axis.get_ylim()
        assert 0.0 <= low < 9.126 and 92.071 < high < 110.0

    def test_intervals(self):
        axis = self.draw([{"model": "a", "error": [2.0, 1.5, 4.0]}], ["error"])
        (container,) = bars(axis)
        _, _, (lines,) = container.errorbar
        np.testing.assert_allclose(lines.get_segments()[0][:, 1], [1.5, 4.0])

    def test_nothing_but_zero(self):
        axis = self.draw([{"model": "a", "joint": [0.0, 0.0]}], ["joint"])
        assert axis.get_ylim()[0] < axis.get_ylim()[1]


def bars(axis):
    return [c for c in axis.containers if hasattr(c, "patches")]
