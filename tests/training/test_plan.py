import numpy as np
import pytest

from keras_vipa.training import plan


def test_default_epochs():
    # 1,000 steps of 64 images, not fewer than 5 epochs, not more than 200.
    counts = (1, 63, 64, 6400, 16000, 10**6)
    found = [plan.default_epochs(count) for count in counts]
    assert found == [200, 200, 200, 10, 5, 5]
    assert plan.default_epochs(100, batch_size=10, steps=70) == 7


def test_hold_back():
    images = np.arange(25)
    kept, options = plan.hold_back(images, patience=3)
    held = options["validation_data"]
    assert held.tolist() == [0, 10, 20]
    assert sorted([*kept, *held]) == images.tolist()
    (callback,) = options["callbacks"]
    assert (callback.monitor, callback.patience) == ("val_loss", 3)
    assert callback.restore_best_weights


class FakeMethod:
    """Every epoch takes 10 s, every step after the first one 2 s."""

    def __init__(self, clock):
        self.clock = clock

    def fit_stages(self, images, epochs, batch_size, callbacks, **options):
        self.options = options
        for self.phase, count in epochs.items():
            self.clock.time += 100.0
            for callback in callbacks:
                callback.set_model(self)
                callback.on_train_begin()
            for epoch in range(count):
                callback.on_epoch_begin(epoch)
                self.clock.time += 12.0
                for batch in range(len(images) // batch_size):
                    self.clock.time += 2.0
                    callback.on_train_batch_end(batch)
            callback.on_train_end()


class Clock:
    time = 0.0


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(plan.time, "perf_counter", lambda: clock.time)
    return clock


def test_expected_seconds_by_hand(clock):
    method = FakeMethod(clock)
    epochs = {"one": 5, "none": 0, "other": 7}
    found = plan.expected_seconds(
        method,
        np.zeros(1000),
        epochs,
        10,
        backup_dir="folder",
        jit_compile=True,
    )
    # The trial: two phases of 100 s and three epochs of 12 + 4 x 2 s. Then 100
    # steps an epoch.
    assert found == 2 * (100 + 3 * 20) + (5 + 7) * (12 + 100 * 2)
    assert method.options["verbose"] == 0
    assert method.options["jit_compile"]
    assert str(method.options["backup_dir"]) != "folder"


def test_announcement(clock, capsys):
    plan.announce(FakeMethod(clock), np.zeros(6400), {"one": 5}, times=3)
    seconds = 160 + 5 * (12 + 100 * 2)
    minutes = f"{3 * seconds / 60:.1f}"
    assert capsys.readouterr().out == (
        f"6,400 images, epochs at most: one 5; about {minutes} minutes\n"
    )


def test_no_trial_for_a_training_as_short(capsys):
    plan.announce(None, np.zeros(64 * 6), {"one": 2, "other": 1})
    assert capsys.readouterr().out == (
        "384 images, epochs at most: one 2, other 1\n"
    )
