"""The recipes around DIN: training, comparison, benchmark, checks."""

import numpy as np
import pytest
from PIL import Image

from keras_vipa.applications import DIN

HELD_BACK = ("--held-back", "1", "1")

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "random.weights.h5"
    DIN("mobile").network().save_weights(path)
    return path


@pytest.fixture
def pictures(tmp_path):
    """A folder with three pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).integers(256, size=(40, 50, 3))
        Image.fromarray(noise.astype("uint8")).save(folder / f"{number}.png")
    return folder


class TestTrain:
    @pytest.fixture
    def run(self, load_recipe, tmp_path):
        recipe = load_recipe("train_din")

        def run(*options):
            output = "--output", str(tmp_path / "output")
            recipe.main(recipe.parse().parse_args([*options, *output]))

        return run

    def test_missing_folder(self, run, pictures):
        with pytest.raises(ValueError, match="no such file"):
            run("--content", str(pictures / "missing"))

    def test_too_few_pictures(self, run, pictures):
        options = ("--content", str(pictures), "--held-back", "3", "1")
        with pytest.raises(ValueError, match="are needed to train on"):
            run(*options)

    def test_unknown_term(self, run, pictures):
        folders = ("--content", str(pictures))
        with pytest.raises(ValueError, match="Loss terms are"):
            run(*folders, *HELD_BACK, "--weight", "beauty=1")

    def test_held_back_pictures_are_dropped_everywhere(self, load_recipe):
        split = load_recipe("train_din").split
        one, two, three, four = (
            np.full((20, 20, 3), level, "uint8") for level in range(4)
        )
        parts, held = split([one, two, one], [three, four, one], (1, 1))
        assert held == ([one], [three])
        levels = [[int(p[0, 0, 0]) for p in part] for part in parts]
        assert levels == [[1], [3]]

    def test_wrong_steps(self, run, pictures):
        folders = ("--content", str(pictures))
        sizes = ("--size", "32", "32", "--crops", "2", "2")
        with pytest.raises(ValueError, match="multiples of 100"):
            run(*folders, *sizes, *HELD_BACK, "--steps", "7", "7")


class TestCompare:
    def test_photograph_is_its_own_content(
        self, load_recipe, weights, pictures, tmp_path
    ):
        recipe = load_recipe("compare_stylization")
        output = tmp_path / "output"
        options = ["--content", str(pictures), "--style", str(pictures)]
        options += ["--weights", str(weights), "--pairs", "1"]
        arguments = recipe.parse().parse_args(
            [*options, "--output", str(output)]
        )
        recipe.main(arguments)
        rows = (output / "report.md").read_text(encoding="utf-8").splitlines()
        cells = [cell.strip() for cell in rows[2].strip("|").split("|")]
        heads = [cell.strip() for cell in rows[0].strip("|").split("|")]
        row = dict(zip(heads, cells))
        assert row["system"] == "photograph"
        assert row["ssim"].startswith("1.000")
        assert row["content"].startswith("0.000")
        assert row["normalized"].startswith("0.000")
        assert not row["style"].startswith("0.000")
        assert (output / "report.png").is_file()


class TestBenchmark:
    def test_layers_of_adain(self, load_recipe):
        # The sheet of the method: 31.63 G multiply-adds at 256 x 256, and
        # 7,010,947 parameters.
        layers = load_recipe("benchmark_stylization").ADAIN
        macs = sum(9 * a * b * (256 // d) ** 2 for a, b, d in layers)
        assert macs / 1e9 == pytest.approx(31.63, abs=0.01)
        assert sum(9 * a * b + b for a, b, _ in layers) == 7_010_947

    def test_exponent_of_growth(self, load_recipe):
        recipe = load_recipe("benchmark_stylization")
        arguments = recipe.parse().parse_args(["--growth", "256", "512"])
        rows = [
            {
                "system": "litert float32",
                "threads": 1,
                "part": f"transfer {size}",
                "ms": size**2 / 1000,
            }
            for size in (256, 384, 512)
        ]
        growth = recipe.growth_of(rows, arguments)
        assert growth["exponent"] == pytest.approx(1.0)
        assert sorted(growth["ms"]) == [256, 512]


def test_rank_correlation(load_recipe):
    correlation = load_recipe("check_strokes").rank_correlation
    values = np.array([3.0, 1.0, 2.0, 5.0])
    assert correlation(values, values**3) == pytest.approx(1.0)
    assert correlation(values, -values) == pytest.approx(-1.0)
    # Ranks 2 0 1 3 and 0 1 2 3: 1 - 6 * (4 + 1 + 1 + 0) / (4 * 15).
    assert correlation(values, np.arange(4)) == pytest.approx(0.4)
