import numpy as np
import pytest

from keras_vipa.applications.cssmcm.clip_batches import ClipBatches

FRAMES = np.array([21, 9, 33, 12, 28, 15, 31, 7, 19, 24])


def arrays():
    """Ten clips, whose frames are their numbers, up to the last one there."""
    there = np.arange(40)[None] < FRAMES[:, None]
    number = np.arange(1, 11)[:, None]
    said = np.arange(5)[None] < (FRAMES // 7)[:, None]
    return {
        "frames": FRAMES,
        "clips": (number * there)[..., None, None],
        "places": np.where(there, 0, -1),
        "video": np.zeros((10, 18, 3)),
        "state": np.zeros((10, 2)),
        "pinyin": number * said,
    }


def lengths(batches):
    return [batches[n][0]["frames"].max() for n in range(len(batches))]


def test_cut_to_the_longest():
    """To a multiple of ten frames, and to the longest text."""
    batches = ClipBatches(arrays(), 2, in_order=1)
    first, second = batches[0][0], batches[1][0]
    assert sorted(first["frames"].tolist()) in ([31, 33], [24, 31], [24, 33])
    assert first["clips"].shape[1] == first["places"].shape[1] == 40
    assert second["clips"].shape[1] in (10, 20)
    windows = (second["clips"].shape[1] - 5) // 2 + 1
    assert second["video"].shape == (2, windows, 3)
    for number in range(len(batches)):
        (batch,) = batches[number]
        assert (batch["clips"][:, :, 0, 0] > 0).sum(1).tolist() == (
            batch["frames"].tolist()
        )
        assert batch["pinyin"].shape[1] == batch["frames"].max() // 7
        assert batch["state"].shape == (2, 2)


def test_order():
    """The longest, the shortest, then by length, and later at random."""
    batches = ClipBatches(arrays(), 2, in_order=1)
    in_order = lengths(batches)
    assert in_order[0] == 33
    # Up to the ten frames that lengths are rounded to.
    assert [-(-frames // 10) for frames in in_order[1:]] == [1, 2, 3, 3]
    orders = []
    for epoch in range(1, 9):
        batches.set_epoch(epoch)
        found = lengths(batches)
        assert found[0] >= 31 and found[1] <= 12
        seen = np.concatenate([batches[n][0]["frames"] for n in range(5)])
        assert sorted(seen) == sorted(FRAMES)
        orders.append(tuple(found[2:]))
    assert len(set(orders)) > 1
    batches.set_epoch(3)
    again = lengths(batches)
    assert tuple(again[2:]) == orders[2]


@pytest.mark.parametrize("count", [1, 2])
def test_few(count):
    some = {name: array[: 2 * count] for name, array in arrays().items()}
    batches = ClipBatches(some, 2)
    assert len(batches) == count
    seen = np.concatenate([batches[n][0]["frames"] for n in range(count)])
    assert sorted(seen) == sorted(FRAMES[: 2 * count])
