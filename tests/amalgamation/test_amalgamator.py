"""What all amalgamation methods share, on one that does as little as it can."""

import keras
import numpy as np
import pytest
from amalgamation import networks
from test_case import TestCase

from keras_vipa.amalgamation import Amalgamator
from keras_vipa.amalgamation import LayerwiseAmalgamator
from keras_vipa.amalgamation.inputs import check_teachers
from keras_vipa.losses import squared_error
from keras_vipa.training import Batches


class ToyAmalgamator(Amalgamator):
    """A linear student that imitates the scores of two teachers at once."""

    learning_rates = {"both": 0.01}

    def __init__(self, teachers):
        terms = {"first": 1.0, "second": 1.0}
        super().__init__(teachers, {"both": terms})
        image = keras.Input((4,))
        outputs = dict(zip(terms, [teacher(image) for teacher in teachers]))
        self.teacher_features = keras.Model(image, outputs)
        self.student = keras.Sequential([image, keras.layers.Dense(2)])
        self.set_phase("both")
        self.built = True

    def feature_names(self):
        return ["first", "second"]

    def frozen_features(self, inputs):
        return self.teacher_features(inputs["images"], training=False)

    def call(self, inputs, training=None):
        inputs = self.with_features(inputs)
        return {**inputs, "output": self.student(inputs["images"])}

    def loss_terms(self, inputs, outputs):
        return {
            name: squared_error(outputs[name], outputs["output"])
            for name in self.feature_names()
        }


@keras.saving.register_keras_serializable(package="tests")
class SubclassedTeacher(keras.Model):
    """Reloaded as frozen, it has a layer that is not."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scores = keras.layers.Dense(2)

    def build(self, input_shape):
        self.scores.build(input_shape)
        self.built = True

    def call(self, inputs):
        return self.scores(inputs)


def toy():
    teachers = [networks.dense_teacher(2) for _ in range(2)]
    for number, teacher in enumerate(teachers):
        networks.randomize(teacher, number)
    return ToyAmalgamator(teachers)


def vectors(count):
    return np.random.default_rng(3).normal(size=(count, 4)).astype("float32")


class TestTeachers(TestCase):
    def test_they_stay_and_the_student_learns(self):
        amalgamator = toy()
        before = [t.get_weights() for t in amalgamator.teachers]
        histories = amalgamator.fit_stages(
            vectors(16), {"both": 20}, batch_size=8, cache_bytes=0, verbose=0
        )
        after = [t.get_weights() for t in amalgamator.teachers]
        self.assert_all_close(after, before, atol=0, rtol=0)
        losses = histories["both"]["loss"]
        assert losses[-1] < losses[0]

    def test_one_that_was_saved_frozen_stays_frozen(self, tmp_path):
        teacher = SubclassedTeacher()
        teacher.build((None, 4))
        teacher.trainable = False
        teacher.save(tmp_path / "teacher.keras")
        loaded = keras.saving.load_model(tmp_path / "teacher.keras")
        amalgamator = ToyAmalgamator([loaded, networks.dense_teacher(2)])
        paths = [weight.path for weight in amalgamator.trainable_weights]
        assert paths == [w.path for w in amalgamator.student.weights]


class TestLabels:
    def test_as_an_argument(self):
        amalgamator = toy()
        amalgamator.compile(keras.optimizers.SGD(0.0))
        x, y = vectors(8), np.zeros(8)
        with pytest.raises(ValueError, match="images alone.*with labels"):
            amalgamator.fit(x, y, verbose=0)
        for arguments in ({"data": (x, y)}, {"data": x, "labels": y}):
            with pytest.raises(ValueError, match="images alone.*with labels"):
                amalgamator.fit_stages(epochs={"both": 1}, **arguments)
        # Refused before anything was done: training without them goes on.
        history = amalgamator.fit(x, verbose=0).history
        assert np.isfinite(history["loss"]).all()

    @pytest.mark.tensorflow
    def test_in_a_dataset(self):
        import tensorflow as tf

        data = tf.data.Dataset.from_tensor_slices((vectors(8), np.zeros(8)))
        data = data.batch(4)
        amalgamator = toy()
        amalgamator.compile(keras.optimizers.SGD(0.0))
        with pytest.raises(ValueError, match="images alone"):
            amalgamator.evaluate(data, verbose=0)
        with pytest.raises(ValueError, match="images alone"):
            toy().fit_stages(data, {"both": 1}, verbose=0)
        images = data.map(lambda image, label: image)
        assert list(toy().fit_stages(images, {"both": 1}, verbose=0))


@pytest.mark.usefixtures("eager")
class TestRanges(TestCase):
    """Images are in [0, white], are scaled, or are refused."""

    levels = (255 * networks.images(8)).round().astype("uint8")

    def amalgamator(self, **kwargs):
        teachers = [networks.randomize(networks.conv_teacher(2), 1)] * 2
        amalgamator = LayerwiseAmalgamator(teachers, **kwargs)
        amalgamator.compile(keras.optimizers.SGD(0.0))
        return amalgamator

    def loss(self, data, **kwargs):
        history = self.amalgamator(**kwargs).fit_stages(
            data, {"joint": 1}, cache_bytes=0, verbose=0
        )
        return history["joint"]["loss"]

    def test_levels_are_scaled(self):
        floats = self.levels / np.float32(255)
        expected = self.loss(floats)
        assert self.loss(self.levels) == expected
        assert self.loss({"images": self.levels}) == expected
        expected = self.loss(self.levels.astype("float32"), white=255.0)
        assert self.loss(self.levels, white=255) == expected
        histories = [
            self.amalgamator().fit(
                images, validation_data=images, shuffle=False, verbose=0
            )
            for images in (floats, self.levels)
        ]
        assert histories[0].history == histories[1].history

    def test_other_ranges_are_refused(self):
        amalgamator = self.amalgamator()
        floats = self.levels.astype("float32")
        both = "Divide them by 255.*`white=255`.*Received: "
        for data in (floats, {"images": floats}, Batches(floats, 4)):
            with pytest.raises(ValueError, match=both):
                amalgamator.fit(data)
            with pytest.raises(ValueError, match=both):
                amalgamator.fit_stages(data, {"joint": 1}, verbose=0)
        options = {"validation_data": floats}
        with pytest.raises(ValueError, match=both):
            amalgamator.fit_stages(floats / 255, {"joint": 1}, **options)
        with pytest.raises(ValueError, match="Map it.*Received: "):
            amalgamator.fit(Batches(self.levels, 4))
        with pytest.raises(ValueError, match="Multiply.*Received: "):
            self.loss(floats / 255, white=255.0)

    @pytest.mark.tensorflow
    def test_levels_in_a_dataset(self):
        import tensorflow as tf

        data = tf.data.Dataset.from_tensor_slices(self.levels).batch(4)
        with pytest.raises(ValueError, match="Map it.*Received: "):
            self.amalgamator().fit_stages(data, {"joint": 1})

    def test_white_is_kept(self):
        config = self.amalgamator(white=255).get_config()
        assert LayerwiseAmalgamator.from_config(config).white == 255.0
        with pytest.raises(ValueError, match="`white` .*Received: "):
            self.amalgamator(white=0)

    def test_other_inputs(self):
        amalgamator = self.amalgamator()
        for data in (None, [self.levels], self.levels[:, :5], self.levels[0]):
            with pytest.raises(ValueError, match="Received: "):
                amalgamator.fit_stages(data, {"joint": 1})
        with pytest.raises(ValueError, match="Received: images=None"):
            amalgamator.fit(None)
        with pytest.raises(ValueError, match="key 'images'.*Received: "):
            amalgamator.frozen_features({"image": self.levels})
        # Vectors have a range of their own.
        assert toy().fit_stages(100.0 * vectors(8), {"both": 1}, verbose=0)


@pytest.mark.parametrize("teachers", [None, [], "ab", 3, [None], ["a"]])
def test_teachers_are_models(teachers):
    with pytest.raises(ValueError, match="Received: "):
        check_teachers(teachers)


def test_an_unbuilt_teacher_is_named():
    teachers = [keras.Sequential([keras.layers.Dense(2)], name="raw")]
    with pytest.raises(ValueError, match="Received: teacher_1, .*'raw'"):
        check_teachers([*teachers, networks.dense_teacher(2)], 2)
