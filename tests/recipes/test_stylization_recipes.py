"""The recipes around DIN: training, comparison, benchmark, checks."""

import sys
import types

import keras
import numpy as np
import pytest
from applications.networks import tiny_features
from PIL import Image

from keras_vipa.applications import DIN
from keras_vipa.applications.din import networks
from keras_vipa.datasets import ImageSet

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "random.weights.h5"
    DIN("mobile").network().save_weights(path)
    return path


@pytest.fixture
def pictures(tmp_path):
    """A folder with four pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        noise = np.random.default_rng(number).integers(256, size=(40, 50, 3))
        Image.fromarray(noise.astype("uint8")).save(folder / f"{number}.png")
    return folder


class TestTrain:
    @pytest.mark.parametrize(
        "options, message",
        [
            (["--content", "missing"], "must be a folder"),
            (["--content", "three"], "Four photographs and styles"),
            (
                ["--weight", "beauty=1"],
                "`loss_weights` must be a dict of some of",
            ),
        ],
    )
    def test_errors(
        self,
        load_recipe,
        run_recipe,
        pictures,
        tmp_path,
        monkeypatch,
        capsys,
        options,
        message,
    ):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "three").mkdir()
        for number in range(3):
            (pictures / f"{number}.png").rename(f"three/{number}.png")
        with pytest.raises(SystemExit):
            run_recipe(load_recipe("train_din"), *options)
        assert message in capsys.readouterr().err

    def test_held_back_pictures_are_dropped_everywhere(self, load_recipe):
        split = load_recipe("train_din").split
        one, two, three, four = (
            np.full((20, 20, 3), level, "uint8") for level in range(1, 5)
        )
        parts, held = split([one, two, one, two], [three, four, one, four])
        assert held == [[one], [three]]
        levels = [[int(p[0, 0, 0]) for p in part] for part in parts]
        assert levels == [[2, 2], [4, 4]]
        # A quarter, but no more than these.
        many = [np.full((1, 1, 3), level, "uint8") for level in range(80)]
        _, held = split(many, many)
        assert [len(part) for part in held] == [4, 6]

    def test_a_tenth_without_detail_where_there_is_grain(self, load_recipe):
        recipe = load_recipe("train_din")
        noise = np.random.default_rng(0).integers(256, size=(40, 40, 3))
        for grain, smooth in ((0, 0), (12, 2)):
            args = types.SimpleNamespace(crops=(20, 20), grain=grain)
            crops = recipe.draw_contents([noise.astype("uint8")], args, 16, 0)
            steps = np.abs(np.diff(crops.astype(int), axis=1))
            assert (steps.mean(axis=(1, 2, 3)) < 20).sum() == smooth

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


def test_export(
    load_recipe, run_recipe, pictures, tmp_path, monkeypatch, capsys
):
    recipe = load_recipe("export_din")

    class TinyDIN(DIN):
        def __init__(self, variant, weights):
            super().__init__(variant, features=tiny_features())
            self.decoder.layers[-1].bias.assign(np.full(3, 0.5))

    # Residual blocks are most of the time, and nothing but convolutions.
    monkeypatch.setattr(networks, "_residual", lambda x, separable=False: x)
    monkeypatch.setattr(recipe, "DIN", TinyDIN)
    monkeypatch.setattr(recipe, "ANY_SIZE", 32)
    options = ["--content", pictures, "--style", pictures, "--sizes"]
    options += ["--samples", 2, "--style-size", 32]
    options += ["--precisions", "float32", "int8"]
    run_recipe(recipe, *options, "--output", tmp_path / "out", seeds=None)
    rows = capsys.readouterr().out.splitlines()[-4:]
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]
    assert [row[0] for row in cells] == [
        f"din_mobile_{part}_{precision}.tflite"
        for part in ("style_32", "transfer_any")
        for precision in ("float32", "int8")
    ]
    for name, size, largest, mean, drawing in cells:
        assert int(size) == (tmp_path / "out" / name).stat().st_size
        assert bool(drawing) == ("_style_" in name)
        assert float(mean) <= float(largest)
        if "int8" in name:
            # Of a drawing; how much a code is off says little by itself.
            assert float(drawing or mean) < 0.05
        else:
            assert float(largest) < 1e-4
            assert float(drawing or 0) < 1e-4


def test_a_photograph_is_its_own_content(
    load_recipe, run_recipe, weights, pictures, tmp_path, monkeypatch
):
    recipe, output = load_recipe("compare_stylization"), tmp_path / "output"
    monkeypatch.setattr(recipe, "CONTENT_SIZE", 64)
    monkeypatch.setattr(recipe, "STYLE_SIZE", 32)
    even = [{"lines": 0.25, "contrast": 0.5, "halo": 0.75}]
    monkeypatch.setattr(recipe, "evenness", lambda draw: even)
    options = ["--content", pictures, "--style", pictures, "--pairs", 1]
    run_recipe(recipe, *options, "--weights", weights, "--output", output)
    rows = (output / "report.md").read_text(encoding="utf-8").splitlines()
    heads, _, cells, *_ = (
        [cell.strip() for cell in row.strip("|").split("|")] for row in rows
    )
    row = dict(zip(heads, cells))
    assert row["system"] == "photograph"
    assert row["ssim"].startswith("1.000")
    assert row["content"].startswith("0.000")
    assert row["normalized"].startswith("0.000")
    assert not row["style"].startswith("0.000")
    assert rows[-1].split()[-6:-1:2] == ["0.250", "0.500", "0.750"]
    assert (output / "report.jpg").is_file()


def test_style_grid(
    load_recipe, run_recipe, weights, pictures, tmp_path, capsys
):
    recipe, output = load_recipe("style_grid"), tmp_path / "a" / "grid.png"
    options = ["--content", pictures, "--style", pictures, "--limit", 2]
    options += ["--weights", weights, "--size", 32, "--style-size", 32]
    run_recipe(recipe, *options, "--cell", 16, "-o", output, folder=False)
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
        arguments = types.SimpleNamespace(growth=(256, 512))
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


def test_codes_of_adain_can_be_compiled(load_recipe):
    recipe = load_recipe("ablate_din")
    model = recipe.SharedEncoderAdaIN(
        "mobile", features=tiny_features(), kernel_size=1
    )
    trainer = recipe.AdaINTrainer(model, phase="stylize")
    pictures = keras.KerasTensor((2, 32, 32, 3))
    drawn = trainer({"content": pictures, "style": pictures})
    assert drawn["drawing"].shape == (2, 32, 32, 3)


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
