"""The recipe with a wardrobe of the user's."""

import csv
import json

import keras
import pytest

from keras_vipa import datasets
from keras_vipa.utils.images import save_picture

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def own(tmp_path):
    """Files of a small wardrobe, and the options that name them."""
    items = datasets.wardrobe("test", count=60)
    folder = tmp_path / "pictures"
    folder.mkdir()
    rows = []
    for number, image in enumerate(items.images):
        name = f"{number}.png"
        save_picture(folder / name, image / 255.0)
        words = {
            label: items.class_names[label][items.y(label)[number]]
            for label in ("category", "color", "pattern")
        }
        rows.append({"file": name, **words})
    rows[3]["pattern"] = ""
    outfits = datasets.wardrobe_outfits(items, 12)
    files = [[f"{n}.png" for n in outfit["items"]] for outfit in outfits]
    paths = {
        "images": folder,
        "attributes": tmp_path / "items.csv",
        "outfits": tmp_path / "outfits.json",
    }
    with open(paths["attributes"], "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    paths["outfits"].write_text(json.dumps(files))
    return paths


def options_of(paths):
    return [word for key, path in paths.items() for word in (f"--{key}", path)]


def test_own_wardrobe(own, load_recipe, run_recipe, tmp_path, eager):
    recipe, output = load_recipe("compose_outfits"), tmp_path / "output"
    request = "shoes, a plain bag"
    more = ["--epochs", 1, 1, "--requests", request, "--output", output]
    run_recipe(recipe, *options_of(own), *more, smoke=recipe.SMOKE)
    rows = json.loads((output / "report.json").read_text())["results"]
    assert [row["request"] for row in rows] == 3 * [request]
    composer = keras.saving.load_model(output / "composer.keras")
    assert list(composer.embedding.parts) == ["color", "pattern", "rest"]
    for row in rows:
        (bag,) = (
            item
            for item in row["items"]
            if composer.graph.categories[item] == "bag"
        )
        assert composer.graph.labels["pattern"][bag] == "plain"
    # Once more, with what it has learnt.
    again = ["--embedding", output / "trainer.keras", *more[3:-1]]
    run_recipe(
        recipe, *options_of(own), *again, tmp_path / "b", smoke=recipe.SMOKE
    )
    found = json.loads((tmp_path / "b" / "report.json").read_text())
    assert found["results"] == rows


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("attributes", "", "columns file and category"),
        ("attributes", "file,category\n0.png,bag\n", "one or more others"),
        ("attributes", "file,category,color\n0.png,bag\n", "Line 2"),
        ("attributes", "file,category,a\nx.png,b,c\n", "no picture 'x.png'"),
        (
            "attributes",
            "file,category,a\n0.png,b,c\n1.png,d,c\n",
            "'a'.*two values",
        ),
        ("outfits", "{", "JSON file"),
        ("outfits", "[1, 2]", "list of lists"),
        ("outfits", '[["0.png", "x.png"]]', "no row of 'x.png'"),
        ("outfits", '[["0.png"]]', "2 or more different items"),
    ],
)
def test_wrong_files(
    own, load_recipe, run_recipe, tmp_path, capsys, name, text, message, eager
):
    own[name].write_text(text)
    recipe = load_recipe("compose_outfits")
    with pytest.raises(SystemExit) as error:
        options = ["--epochs", 1, 1, "--output", tmp_path / "output"]
        run_recipe(recipe, *options_of(own), *options, smoke=recipe.SMOKE)
    assert error.value.code == 2
    captured = capsys.readouterr().err.strip().splitlines()[-1]
    import re

    assert re.search(message, captured), captured
    assert not (tmp_path / "output" / "report.json").exists()


def test_all_three_files(own, load_recipe, run_recipe, tmp_path, capsys):
    recipe = load_recipe("compose_outfits")
    del own["outfits"]
    with pytest.raises(SystemExit):
        run_recipe(recipe, *options_of(own), "--output", tmp_path / "output")
    assert "--images, --attributes and --outfits" in capsys.readouterr().err
