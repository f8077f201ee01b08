import keras
import numpy as np
import pytest
from amalgamation import networks
from keras import layers
from test_case import TestCase

from keras_vipa.amalgamation.layerwise.layer_list import LayerList
from keras_vipa.amalgamation.layerwise.layer_list import align_inputs
from keras_vipa.amalgamation.layerwise.layer_list import check_pairs
from keras_vipa.amalgamation.layerwise.layer_list import narrow
from keras_vipa.amalgamation.layerwise.network_steps import Step
from keras_vipa.amalgamation.layerwise.network_steps import absorb

FLOAT32 = keras.dtype_policies.DTypePolicy("float32")


def narrowed(*teachers, widths):
    lists = [
        LayerList.of(teacher, f"teacher_{number}")
        for number, teacher in enumerate(teachers, 1)
    ]
    return narrow(lists, widths, seed=0, dtype=FLOAT32)


def teacher_and_list(build):
    """A fixture: a teacher of random weights, and its layer list."""

    @pytest.fixture(scope="module")
    def pair():
        teacher = networks.randomize(build(3))
        return teacher, LayerList.of(teacher, "teacher")

    return pair


conv = teacher_and_list(networks.conv_teacher)
normalized = teacher_and_list(networks.normalized_teacher)
residual = teacher_and_list(networks.residual_teacher)


class TestPlainForm(TestCase):
    """A teacher's plain form computes what the teacher computes."""

    def test_softmax_end_is_dropped(self):
        teacher = networks.randomize(networks.conv_teacher(3, end="softmax"))
        plain = LayerList.of(teacher, "teacher").model
        x = networks.images()
        logits = np.asarray(plain(x))
        exponentials = np.exp(logits)
        expected = exponentials / exponentials.sum(axis=1, keepdims=True)
        self.assert_all_close(teacher(x), expected)
        assert np.ptp(logits) > 0.1

    def test_normalization_is_absorbed_in_inference_mode(self, normalized):
        teacher, plain = normalized
        x = networks.images()
        expected = np.log(np.asarray(teacher(x, training=False)))
        logits = np.asarray(plain.model(x))
        # Log-probabilities are logits up to a constant for each image.
        self.assert_all_close(
            logits - logits.mean(1, keepdims=True),
            expected - expected.mean(1, keepdims=True),
            atol=1e-5,
        )
        names = [step.config["name"] for step in plain.steps]
        assert "norm_1" not in names
        assert "norm_2" in names

    def test_residual_network(self, residual):
        teacher, plain = residual
        x = networks.images()
        self.assert_all_close(
            plain.model(x), teacher(x, training=False), atol=1e-5
        )

    def test_nested_and_shared_layers_and_operations(self):
        shared = layers.Dense(4, activation="tanh", name="shared")
        inner_input = keras.Input((4,))
        inner = keras.Model(inner_input, shared(inner_input), name="inner")
        outer_input = keras.Input((4,))
        x = keras.ops.relu(inner(shared(outer_input)))
        x = shared(x) + x
        teacher = keras.Model(outer_input, layers.Dense(2)(x))
        networks.randomize(teacher)
        plain = LayerList.of(teacher, "teacher").model
        values = networks.images(6, 2).reshape(6, -1)[:, :4]
        self.assert_all_close(plain(values), teacher(values), atol=1e-6)

    def test_augmentation_is_dropped(self):
        teacher = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.RandomFlip(),
                layers.RandAugment(value_range=(0, 1)),
                *networks.conv_teacher(2).layers,
            ]
        )
        names = [s.kind.__name__ for s in LayerList.of(teacher, "t").steps[1:]]
        assert names[0] == "Conv2D"

    def test_adapted_normalization_keeps_its_statistics(self):
        x = 10.0 * networks.images()
        normalization = layers.Normalization()
        normalization.adapt(x)
        teacher = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                normalization,
                *networks.conv_teacher(2).layers,
            ]
        )
        plain = LayerList.of(teacher, "teacher").model
        self.assert_all_close(plain(x), teacher(x))

    def test_normalization_of_the_image_has_no_weights(self):
        teacher = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.BatchNormalization(),
                *networks.conv_teacher(2).layers,
            ]
        )
        networks.randomize(teacher)
        plain = LayerList.of(teacher, "teacher").model
        x = networks.images()
        self.assert_all_close(plain(x), teacher(x, training=False))
        student = narrowed(teacher, teacher, widths=[3, 3, 3]).model
        assert not student.non_trainable_weights

    def test_the_teacher_is_left_alone(self, normalized):
        teacher, _ = normalized
        before = [w.copy() for w in teacher.get_weights()]
        plain = LayerList.of(teacher, "teacher").model
        for weight in plain.weights:
            weight.assign(weight + 1.0)
        assert teacher.trainable
        for old, new in zip(before, teacher.get_weights()):
            np.testing.assert_array_equal(old, new)

    def test_absorb_by_hand(self):
        # gamma / sqrt(variance + epsilon) = 3 / sqrt(3 + 1) = 1.5
        dense = Step(
            layers.Dense, {"use_bias": True}, [np.array([[2.0]]), [1.0]], (0,)
        )
        normalization = Step(
            layers.BatchNormalization,
            {"scale": True, "center": True, "epsilon": 1.0},
            [np.array([v]) for v in (3.0, 10.0, 5.0, 3.0)],
            (1,),
        )
        kernel, bias = absorb(dense, normalization).weights
        self.assert_all_close(kernel, np.array([[3.0]]))
        # 1.5 * (1 - 5) + 10
        self.assert_all_close(bias, np.array([4.0]))

    def test_absorb_into_depthwise_convolution(self):
        teacher = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Conv2D(4, 1),
                layers.DepthwiseConv2D(3, depth_multiplier=2),
                layers.BatchNormalization(scale=False),
                layers.ReLU(),
                layers.Conv2D(3, 1),
                layers.BatchNormalization(center=False),
                layers.GlobalMaxPooling2D(),
                layers.Dense(2),
            ]
        )
        networks.randomize(teacher)
        plain = LayerList.of(teacher, "teacher")
        x = networks.images()
        self.assert_all_close(
            plain.model(x), teacher(x, training=False), atol=1e-5
        )
        kinds = [step.kind for step in plain.steps]
        assert layers.BatchNormalization not in kinds


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["VGG16", "ResNet50", "ResNet50V2", "MobileNet", "MobileNetV2"]
)
def test_keras_applications(name):
    application = getattr(keras.applications, name)
    teacher = application(weights=None, input_shape=(32, 32, 3), classes=5)
    for layer in teacher.layers:
        if isinstance(layer, layers.BatchNormalization):
            networks.randomize(layer)
    plain = LayerList.of(teacher, "teacher")
    x = networks.images(2, 32)
    expected = np.log(np.asarray(teacher(x, training=False)) + 1e-30)
    logits = np.asarray(plain.model(x))
    np.testing.assert_allclose(
        logits - logits.mean(1, keepdims=True),
        expected - expected.mean(1, keepdims=True),
        rtol=1e-3,
        atol=1e-4,
    )
    widths = [plain.channels[end] + 1 for end in plain.ends[:-1]]
    student = narrow([plain, plain], widths, seed=0, dtype=FLOAT32)
    assert student.model(x).shape == (2, 10)


class TestLayers(TestCase):
    def test_names_are_those_of_convolutions_dense_layers_and_blocks(
        self, conv, residual
    ):
        assert conv[1].names == ["conv_1", "conv_2", "dense_1", "scores"]
        assert residual[1].names == ["stem", "block_0", "block_1", "scores"]

    def test_features_are_taken_before_the_activation(self, conv):
        teacher, layer_list = conv
        taps = keras.Model(layer_list.model.input, layer_list.features)
        x = networks.images()
        first = taps(x)[0]
        assert np.min(first) < -0.01
        self.assert_all_close(np.maximum(first, 0.0), teacher.layers[0](x))

    def test_layers_in_a_row_are_the_network(self, normalized, residual):
        for _, layer_list in (normalized, residual):
            x = networks.images()
            value = x
            for number in range(len(layer_list)):
                value = layer_list.run(number, value)
            self.assert_all_close(value, layer_list.model(x), atol=1e-5)


@pytest.mark.tensorflow
class TestPairs(TestCase):
    def check(self, *teachers):
        check_pairs(
            [LayerList.of(t, f"teacher_{i}") for i, t in enumerate(teachers, 1)]
        )

    def test_widths_and_normalization_may_differ(self, normalized):
        plain = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Rescaling(2.0, offset=-1.0),
                layers.Conv2D(3, 3),
                layers.ReLU(),
                layers.Conv2D(7, 3, activation="relu"),
                layers.BatchNormalization(),
                layers.GlobalAveragePooling2D(),
                layers.Dropout(0.5),
                layers.Dense(9),
            ]
        )
        self.check(normalized[0], plain)

    def test_other_kernel_is_named(self, conv):
        other = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                layers.Conv2D(
                    4, 5, padding="same", activation="relu", name="wide"
                ),
                *networks.conv_teacher(2).layers[1:],
            ]
        )
        with pytest.raises(
            ValueError, match="'conv_1'.*kernel_size.*teacher_1 .*'wide'"
        ):
            self.check(conv[0], other)

    def test_shorter_network(self):
        with pytest.raises(ValueError, match="no further layer in teach"):
            self.check(
                networks.dense_teacher(2, (5, 5)),
                networks.dense_teacher(2, (5,)),
            )

    def test_other_image_size(self, conv):
        with pytest.raises(
            ValueError,
            match=r"teacher_1 takes \(8, 8, 3\), teacher_2 takes \(10",
        ):
            self.check(conv[0], networks.conv_teacher(2, size=10))

    def test_layers_that_cannot_be_paired_are_named(self):
        image = keras.Input((8, 8, 3))
        x = layers.Conv2D(4, 3)(image)
        for layer in (
            layers.LayerNormalization(name="norm"),
            layers.Conv2D(4, 3, groups=2, name="norm"),
            layers.PReLU(name="norm"),
        ):
            y = layers.Flatten()(layer(x))
            teacher = keras.Model(image, layers.Dense(2)(y))
            with pytest.raises(ValueError, match="teacher_1.*'norm'"):
                self.check(teacher)

    def test_operations_with_numbers_are_named(self):
        image = keras.Input((8, 8, 3))
        x = layers.Conv2D(4, 3)(image / 127.5 - 1.0)
        teacher = keras.Model(image, layers.Dense(2)(layers.Flatten()(x)))
        with pytest.raises(ValueError, match="Rescaling.*TrueDivide"):
            self.check(teacher)

    def test_channels_first(self):
        image = keras.Input((8, 8, 3))
        x = layers.Conv2D(4, 3)(image)
        x = layers.MaxPooling2D(data_format="channels_first", name="pool")(x)
        teacher = keras.Model(image, layers.Dense(2)(layers.Flatten()(x)))
        with pytest.raises(ValueError, match="channels last.*'pool'"):
            self.check(teacher)

    def test_what_is_not_a_classifier(self):
        image = keras.Input((8, 8, 3))
        maps = keras.Model(image, layers.Conv2D(3, 1)(image))
        with pytest.raises(ValueError, match="class scores"):
            self.check(maps)
        with pytest.raises(ValueError, match="one input"):
            self.check(keras.Model())


class TestRanges(TestCase):
    """Each teacher keeps its own normalization of the image."""

    def teacher(self, *start):
        teacher = keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                *start,
                *networks.conv_teacher(2).layers,
            ]
        )
        return networks.randomize(teacher)

    def test_they_may_differ(self):
        scaling = layers.Rescaling(2.0, offset=-1.0)
        given = layers.Normalization(mean=[0.5] * 3, variance=[0.1] * 3)
        teachers = [
            self.teacher(),
            self.teacher(scaling),
            self.teacher(layers.BatchNormalization()),
            self.teacher(layers.Rescaling(0.5), given),
        ]
        lists = [
            LayerList.of(teacher, f"teacher_{number}")
            for number, teacher in enumerate(teachers)
        ]
        x = networks.images()
        for order in (lists, lists[::-1]):
            aligned = align_inputs(order)
            check_pairs(aligned)
            assert {item.range_steps for item in aligned} == {2}
            student = narrow(aligned, [3, 3, 3], seed=0, dtype=FLOAT32)
            assert student.model(x).shape == (24, 8)
        for item, teacher in zip(align_inputs(lists), teachers):
            self.assert_all_close(
                item.model(x), teacher(x, training=False), atol=1e-5
            )

    def test_equal_ones_are_left_alone(self):
        lists = 2 * [LayerList.of(self.teacher(layers.Rescaling(2.0)), "t")]
        assert align_inputs(lists) == lists

    def test_other_layers_of_the_image_must_not(self):
        lists = [
            LayerList.of(self.teacher(*start), "t")
            for start in ([layers.ZeroPadding2D(1), layers.Cropping2D(1)], [])
        ]
        with pytest.raises(ValueError, match="ZeroPadding2D"):
            check_pairs(align_inputs(lists))


class TestNarrow(TestCase):
    def test_widths_classes_and_order(self):
        student = narrowed(
            networks.conv_teacher(2),
            networks.conv_teacher(3, (8, 2)),
            widths=[7, 5, 6],
        )
        shapes = [w.shape for w in student.model.get_weights()]
        assert shapes == [
            (3, 3, 3, 7),
            (7,),
            (3, 3, 7, 5),
            (5,),
            (2 * 2 * 5, 6),
            (6,),
            (6, 5),
            (5,),
        ]

    def test_residual_blocks_shrink_inside_and_get_linear_shortcuts(
        self, residual
    ):
        student = narrow(2 * [residual[1]], [6, 4, 8], seed=0, dtype=FLOAT32)
        channels = {
            step.config["name"]: student.channels[index]
            for index, step in enumerate(student.steps)
        }
        assert channels["inner_0"] == 4
        assert channels["last_0"] == 4
        assert channels["inner_1"] == 8
        assert channels["cut_1"] == 8
        shortcuts = [n for n in channels if "shortcut" in n]
        assert len(shortcuts) == 1
        assert len(student.end_steps(1)) == 2

    def test_no_normalization_is_left_and_every_layer_has_a_bias(
        self, normalized
    ):
        student = narrow(2 * [normalized[1]], [5, 5], seed=0, dtype=FLOAT32)
        kinds = [step.kind for step in student.steps]
        assert layers.BatchNormalization not in kinds
        assert layers.Rescaling in kinds
        assert layers.Dropout in kinds
        assert len(student.model.weights) == 6

    def test_layers_that_a_teacher_froze_are_trained(self):
        teacher = networks.dense_teacher(2)
        teacher.trainable = False
        student = narrowed(teacher, teacher, widths=[3]).model
        assert len(student.trainable_weights) == 4

    def test_initial_weights(self):
        teacher = networks.dense_teacher(2, (40,), inputs=12)
        student = narrowed(teacher, teacher, widths=[60]).model
        kernel, bias = student.get_weights()[:2]
        # uniform(-v, v) with v = sqrt(3 / 12)
        assert np.abs(kernel).max() <= 0.5
        assert np.abs(kernel).max() > 0.45
        self.assert_all_close(kernel.std(), 0.5 / np.sqrt(3), rtol=0.05)
        self.assert_all_close(bias, np.zeros(60))

    def test_image_layers_keep_their_weights(self):
        def teacher():
            normalization = layers.Normalization(
                mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0]
            )
            return keras.Sequential(
                [keras.Input((8, 8, 3)), layers.BatchNormalization()]
                + [normalization]
                + networks.conv_teacher(2).layers
            )

        first = networks.randomize(teacher())
        student = narrowed(first, teacher(), widths=[3, 3, 3]).model
        x = networks.images()
        for layer in first.layers[:2]:
            x = layer(x, training=False)
        inside = keras.Model(student.input, student.layers[2].output)
        self.assert_all_close(
            inside(networks.images(), training=False), x, atol=1e-5
        )
