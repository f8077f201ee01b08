"""What the benchmark computes from its times, which mean nothing here."""

import pytest

pytestmark = pytest.mark.tensorflow


def test_growth_by_hand(load_recipe):
    recipe = load_recipe("studies/benchmark_amalgamation")
    steps = ("ms", "floor", 2.0)
    rows = [
        recipe.measurement("step", 6.0, *steps, 2, 10),
        recipe.measurement("step", 24.0, *steps, 4, 10),
        recipe.measurement("epoch", 3.0, "s", "cached", 1.5, 2, 500),
    ]
    one, other, epoch = recipe.with_growth(rows)
    assert one == {
        "what": "step",
        "against": "floor",
        "unit": "ms",
        "teachers": 2,
        "images": 10,
        "value": 6.0,
        "base": 2.0,
        "ratio": 3.0,
        "growth": 1.0,
        "exponent": 2.0,
    }
    assert (other["ratio"], other["growth"]) == (12.0, 4.0)
    # One size shows no growth.
    assert (epoch["growth"], epoch["exponent"]) == (1.0, 0.0)
