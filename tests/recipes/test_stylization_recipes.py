"""The recipes around DIN: training, comparison, benchmark, checks."""

import sys

import numpy as np
import pytest
from applications.networks import tiny_features
from PIL import Image

from keras_vipa.applications import DIN
from keras_vipa.datasets import ImageSet

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

    def test_reads_no_more_than_crops_need(
        self, load_recipe, pictures, monkeypatch
    ):
        recipe, asked = load_recipe("train_din"), []

        def tfds(name, split, size, label, limit):
            asked.append((name, split, size, label, limit))
            return ImageSet(np.zeros((limit, size, size, 3), "uint8"))

        module = sys.modules["keras_vipa.datasets.style_samples"]
        monkeypatch.setattr(module, "tfds", tfds)
        places = [str(pictures), "tfds:coco", str(pictures)]
        found = recipe.read(places, "photographs", limit=2, size=10, seed=0)
        assert asked == [("coco", "train", 25, None, 2)]
        sizes = [(25, 31, 3)] * 2 + [(25, 25, 3)] * 2 + [(25, 31, 3)] * 2
        assert [picture.shape for picture in found] == sizes

    def test_wrong_steps(self, run, pictures):
        folders = ("--content", str(pictures))
        sizes = ("--size", "32", "32", "--crops", "2", "2")
        with pytest.raises(ValueError, match="multiples of 100"):
            run(*folders, *sizes, *HELD_BACK, "--steps", "7", "7")


class TestExport:
    def test_files(self, load_recipe, pictures, tmp_path, monkeypatch, capsys):
        recipe = load_recipe("export_din")

        class TinyDIN(DIN):
            def __init__(self, variant, weights):
                super().__init__(variant, features=tiny_features())

        monkeypatch.setattr(recipe, "DIN", TinyDIN)
        folders = ["--content", str(pictures), "--style", str(pictures)]
        options = ["--sizes", "32", "--samples", "2", "--style-size", "40"]
        options += ["--precisions", "float32", "int8"]
        output = ["--output", str(tmp_path / "output")]
        recipe.main(recipe.parse().parse_args([*folders, *options, *output]))
        assert sorted(
            p.name for p in (tmp_path / "output").iterdir()
        ) == sorted(
            f"din_mobile_{part}_{precision}.tflite"
            for part in ("style", "transfer_32", "transfer_any")
            for precision in ("float32", "int8")
        )
        rows = capsys.readouterr().out.splitlines()[-6:]
        for row in rows:
            cells = [cell for cell in row.split("|") if cell.strip()]
            _, size, largest, mean, *drawing = cells
            assert int(size) > 1000
            assert len(drawing) == ("_style_" in row)
            if "int8" not in row:
                assert float(mean) <= float(largest) < 0.01
                assert all(float(change) < 0.001 for change in drawing)


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
        assert (output / "report.jpg").is_file()


def test_style_grid(load_recipe, weights, pictures, tmp_path, capsys):
    recipe, output = load_recipe("style_grid"), tmp_path / "a" / "grid.png"
    options = ["--content", pictures, "--style", pictures, "--limit", 2]
    options += ["--weights", weights, "--size", 32, "--style-size", 32]
    options += ["--cell", 16, "-o", output]
    recipe.main(recipe.parse().parse_args(list(map(str, options))))
    assert capsys.readouterr().out == f"Written: {output}\n"
    with Image.open(output) as grid:
        assert grid.size == (48, 48)


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
    # Equal values share their rank, in whatever order they come.
    assert correlation(values, np.array([1.0, 1.0, 1.0, 2.0])) == pytest.approx(
        correlation(values[[2, 0, 1, 3]], np.array([1.0, 1.0, 1.0, 2.0]))
    )
