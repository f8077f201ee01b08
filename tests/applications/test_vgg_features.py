import keras
import numpy as np
import pytest
from keras import ops

from keras_vipa.applications import VGGFeatures
from keras_vipa.applications import convert_vgg
from keras_vipa.applications.vgg_features import convolutions
from keras_vipa.applications.weights import WEIGHTS
from keras_vipa.datasets import style_samples

# Input and output channels of the convolutions of VGG up to relu4_1.
CHANNELS = {
    "vgg16": [
        *[(3, 64), (64, 64)],
        *[(64, 128), (128, 128)],
        *[(128, 256), (256, 256), (256, 256)],
        *[(256, 512)],
    ],
    "vgg19": [
        *[(3, 64), (64, 64)],
        *[(64, 128), (128, 128)],
        *[(128, 256), (256, 256), (256, 256), (256, 256)],
        *[(256, 512)],
    ],
}
NAMES = ["relu1_1", "relu2_1", "relu3_1", "relu4_1"]


def random_kernels(depth):
    """Kernel and bias of each convolution of an ordinary VGG."""
    generator = np.random.default_rng(0)
    kernels = []
    for inputs, outputs in CHANNELS[depth]:
        scale = np.sqrt(2 / (9 * inputs))
        kernel = scale * generator.normal(size=(3, 3, inputs, outputs))
        bias = 20 * generator.normal(size=outputs)
        kernels.append((kernel.astype("float32"), bias.astype("float32")))
    return kernels


def photographs(count=2, size=16):
    generator = np.random.default_rng(1)
    return generator.random((count, size, size, 3)).astype("float32")


def plain_vgg(kernels, images):
    """What an ordinary VGG computes, but for its padding by reflection.

    Its input is BGR in [0, 255] minus the mean of ImageNet.
    """
    x = images[..., ::-1] * 255.0 - np.array([103.939, 116.779, 123.68])
    sides = [(0, 0), (1, 1), (1, 1), (0, 0)]
    features, block, number = {}, 1, 1
    for kernel, bias in kernels:
        if kernel.shape[2] != kernel.shape[3] and kernel.shape[2] != 3:
            batch, height, width, channels = x.shape
            x = x.reshape(batch, height // 2, 2, width // 2, 2, channels)
            x = x.max(axis=(2, 4))
            block, number = block + 1, 1
        x = np.pad(x, sides, mode="reflect").astype("float32")
        x = ops.convert_to_numpy(
            ops.conv(x, kernel, data_format="channels_last")
        )
        x = np.maximum(x + bias, 0)
        features[f"relu{block}_{number}"] = x
        number += 1
    return features


class TestNetwork:
    def test_bfloat16(self):
        """Convolutions in bfloat16 are off by their 8 bits, and no more."""
        images, low = photographs(), VGGFeatures(dtype="mixed_bfloat16")
        expected = VGGFeatures()(images)
        assert low.get_layer("conv4_1").compute_dtype == "bfloat16"
        for name, value in low(images).items():
            value, exact = map(ops.convert_to_numpy, (value, expected[name]))
            assert value.dtype == "float32"
            off = np.abs(value - exact).mean() / np.abs(exact).mean()
            assert 1e-4 < off < 2e-2

    def test_shapes(self):
        model = VGGFeatures(weights=None)
        features = model(np.zeros((2, 32, 48, 3), "float32"))
        assert {name: tuple(x.shape) for name, x in features.items()} == {
            "relu1_1": (2, 32, 48, 64),
            "relu2_1": (2, 16, 24, 128),
            "relu3_1": (2, 8, 12, 256),
            "relu4_1": (2, 4, 6, 512),
        }

    @pytest.mark.parametrize(
        "depth, parameters", [("vgg16", 2915648), ("vgg19", 3505728)]
    )
    def test_parameters(self, depth, parameters):
        model = VGGFeatures(weights=None, depth=depth)
        counts = [(9 * i + 1) * o for i, o in CHANNELS[depth]]
        assert model.count_params() == sum(counts) == parameters

    def test_frozen(self):
        model = VGGFeatures(weights=None)
        assert model.trainable_weights == []
        assert len(model.non_trainable_weights) == 16

    def test_smallest_size(self):
        features = VGGFeatures(weights=None)(photographs(1))
        assert features["relu4_1"].shape == (1, 2, 2, 512)

    def test_errors(self):
        with pytest.raises(ValueError, match="'vgg16', 'vgg19'.*'vgg11'"):
            VGGFeatures(weights=None, depth="vgg11")
        with pytest.raises(ValueError, match="Weights must be one of.*nets"):
            VGGFeatures(weights="nets")
        with pytest.raises(ValueError, match="no weights file.*a.weights.h5"):
            VGGFeatures(weights="a.weights.h5")
        with pytest.raises(ValueError, match="not weights of vgg19_features"):
            VGGFeatures(depth="vgg19")
        with pytest.raises(
            ValueError, match="`filters` must be 8 positive integers"
        ):
            VGGFeatures(weights=None, filters=[64] * 9)
        for options in (
            {"depth": ["vgg16"]},
            {"weights": ["vgg16_features"]},
            {"weights": ""},
            {"dtype": "float"},
            {"dtype": 16},
            {"filters": 64},
            {"filters": [1.5] * 8},
        ):
            with pytest.raises(ValueError, match="must be.*Received: "):
                VGGFeatures(**{"weights": None, "filters": [1] * 8, **options})


class TestConvert:
    @pytest.mark.parametrize("depth", ["vgg16", "vgg19"])
    def test_features_are_those_of_the_plain_network(self, depth):
        """But for one factor a layer, which brings its mean to 1."""
        kernels, images = random_kernels(depth), photographs()
        model = convert_vgg(kernels, images, depth)
        means = plain_vgg(kernels, images)
        for given in (images, photographs(1, 24)):
            features, expected = model(given), plain_vgg(kernels, given)
            assert list(features) == NAMES
            for name in NAMES:
                np.testing.assert_allclose(
                    ops.convert_to_numpy(features[name]),
                    expected[name] / means[name].mean(),
                    rtol=1e-3,
                    atol=1e-3,
                )
        outputs = [layer.output for layer in convolutions(model)]
        assert len(outputs) == len(kernels)
        for x in keras.Model(model.inputs[0], outputs)(images):
            assert float(ops.mean(x)) == pytest.approx(1.0, abs=1e-4)

    def test_what_is_given_is_left_as_it_is(self):
        given, kept = random_kernels("vgg16"), random_kernels("vgg16")
        # Further convolutions are left out.
        given.append((np.zeros((3, 3, 512, 512)), np.zeros(512)))
        model = convert_vgg(given, photographs(1))
        assert model.trainable_weights == []
        for pair, other in zip(given, kept):
            for one, same in zip(pair, other):
                np.testing.assert_array_equal(one, same)

    def test_weights_of_another_depth(self):
        with pytest.raises(ValueError):
            convert_vgg(random_kernels("vgg19"), photographs(1), "vgg16")

    @pytest.mark.parametrize(
        "change, message",
        [
            ({"kernels": None}, "list of 8 pairs"),
            ({"kernels": [(1, 2)] * 8}, "conv1_1 must be arrays of shapes"),
            ({"kernels": [None] * 8}, "conv1_1 must be"),
            ({"images": []}, "float array"),
            ({"images": np.zeros((1, 8, 16, 3))}, "sides of at least 16"),
            ({"images": np.zeros((16, 16, 3))}, "float array"),
            ({"images": np.full((1, 16, 16, 3), np.nan)}, r"in \[0, 1\]"),
            ({"images": np.full((1, 16, 16, 3), 255.0)}, r"in \[0, 1\]"),
        ],
    )
    def test_wrong_arguments(self, change, message):
        given = {"kernels": random_kernels("vgg16"), "images": photographs(1)}
        with pytest.raises(ValueError, match=f"{message}.*Received: "):
            convert_vgg(**{**given, **change})

    def test_silent_convolution(self):
        kernels = random_kernels("vgg16")
        kernels[0] = (0 * kernels[0][0], kernels[0][1] - 1e4)
        with pytest.raises(ValueError, match="activation of 0 of conv1_1"):
            convert_vgg(kernels, photographs(1))

    def test_unknown_depth(self):
        with pytest.raises(ValueError, match="`depth` must be one of"):
            convert_vgg(random_kernels("vgg16"), photographs(1), "vgg13")


class TestPreset:
    def test_has_no_silent_channels(self):
        model = VGGFeatures()
        filters = [layer.filters for layer in convolutions(model)]
        assert filters == [64, 64, 120, 97, 256, 242, 225, 512]

    def test_tells_pictures_apart(self):
        model = VGGFeatures()
        entry = WEIGHTS["vgg16_features"]
        assert model.count_params() == entry["parameters"]
        samples = style_samples()
        pictures = [
            samples["photographs"]["cat"],
            samples["paintings"]["night_cafe"],
        ]
        images = np.stack([p[60:188, 60:188] for p in pictures])
        features = model(images.astype("float32") / 255.0)
        for name in NAMES:
            one, other = ops.convert_to_numpy(features[name])
            for x in (one, other):
                assert 0.3 < x.mean() < 3.0
                assert x.std() > 0.3
            # Which channels are active is another in the other picture.
            means = np.stack([x.mean(axis=(0, 1)) for x in (one, other)])
            assert np.abs(means[0] - means[1]).mean() > 0.1

    def test_damaged_file(self, monkeypatch):
        damaged = {**WEIGHTS["vgg16_features"], "sha256": 64 * "0"}
        monkeypatch.setitem(WEIGHTS, "vgg16_features", damaged)
        with pytest.raises(ValueError, match="'vgg16_features' is damaged"):
            VGGFeatures()
