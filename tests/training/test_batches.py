import keras
import numpy as np

from keras_vipa.training.batches import Batches


def values(batches):
    return [batches[i][0].tolist() for i in range(len(batches))]


def test_each_example_once_an_epoch():
    batches = Batches(np.arange(12), batch_size=3)
    for epoch in (0, 1, 5):
        batches.set_epoch(epoch)
        assert [len(batch) for batch in values(batches)] == 4 * [3]
        assert sorted(sum(values(batches), [])) == list(range(12))


def test_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        batches = Batches(np.arange(100), batch_size=10, seed=seed)
        batches.set_epoch(epoch)
        return values(batches)

    wanderer = Batches(np.arange(100), batch_size=10, seed=4)
    assert values(wanderer) == order(4, 0)
    for epoch in (3, 1, 3):
        wanderer.set_epoch(epoch)
        assert values(wanderer) == order(4, epoch)
    assert order(4, 1) != order(4, 3)
    assert order(4, 1) != order(5, 1)
    # A seed is not the epoch of another.
    assert order(1, 0) != order(0, 1)


def test_all_batches_are_full():
    batches = Batches(np.arange(10), batch_size=4)
    assert len(batches) == batches.num_batches == 2
    assert [len(batch) for batch in values(batches)] == [4, 4]
    seen = set()
    for epoch in range(10):
        batches.set_epoch(epoch)
        seen.update(sum(values(batches), []))
    assert seen == set(range(10))


def test_fewer_examples_than_a_batch():
    batches = Batches(np.arange(3), batch_size=64)
    assert len(batches) == 1
    assert sorted(values(batches)[0]) == [0, 1, 2]


def test_arrays_of_a_dict_stay_together():
    x = np.arange(6)
    batches = Batches({"x": x, "y": np.stack([x, 10 * x], 1)}, batch_size=2)
    for index in range(3):
        (batch,) = batches[index]
        assert set(batch) == {"x", "y"}
        np.testing.assert_array_equal(batch["y"][:, 0], batch["x"])
        np.testing.assert_array_equal(batch["y"][:, 1], 10 * batch["x"])


def test_keras_reads_it_as_inputs():
    batches = Batches(np.arange(8.0).reshape(8, 1), batch_size=4)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Identity()])
    expected = [value for batch in values(batches) for value in batch]
    assert model.predict(batches, verbose=0).tolist() == expected
