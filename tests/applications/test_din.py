"""DIN: sizes, what a drawing is made of, the verbs, saving and export."""

import keras
import numpy as np
import pytest
from applications.networks import tiny_features
from keras import ops
from test_case import TestCase

from keras_vipa.applications import DIN
from keras_vipa.applications import SmallConvNet
from keras_vipa.applications import VGGFeatures
from keras_vipa.applications import save_float16
from keras_vipa.applications.din.pictures import lay_over
from keras_vipa.applications.scene_encoders import make_encoder
from keras_vipa.export import run_litert
from keras_vipa.export import to_litert

# Kernels and filters of "mobile", in the order in which they lie in a code.
LEVELS = [((3, 3, 64), 64), ((3, 3, 32), 32), ((3, 3), 3)]


def make(variant="mobile", **options):
    return DIN(variant, features=tiny_features(), **options)


@pytest.fixture(scope="module")
def model():
    """An untrained model with drawings about grey that depend on the style.

    Untrained style nets would give nearly the same code for each style.
    """
    model = make()
    weights = model.style_net.get_weights()
    model.style_net.set_weights([3 * weight for weight in weights])
    last = model.decoder.layers[-1]
    kernel, bias = last.get_weights()
    last.set_weights([0.1 * kernel, bias + 0.5])
    return model


def photograph(height=32, width=32, *batch):
    """Values in the middle of [0, 1]."""
    generator = np.random.default_rng(0)
    shape = (*batch, height, width, 3)
    return generator.uniform(0.3, 0.7, shape).astype("float32")


def painting(height=32, width=32):
    generator = np.random.default_rng(1)
    return generator.integers(0, 256, (height, width, 3)).astype("uint8")


def random_code(seed=0):
    generator = np.random.default_rng(seed)
    code = 0.3 * generator.normal(size=975)
    # Colours about grey.
    code[-13:-4] *= 0.2
    code[-4:-1] = 0.35 + 0.1 * code[-4:-1]
    return code.astype("float32")


def levels_of(code):
    """Kernel, bias and `keep` of each level of "mobile"."""
    found, start = [], 0
    for shape, filters in LEVELS:
        end = start + np.prod(shape)
        kernel, bias = code[start:end], code[end : end + filters]
        found.append((kernel.reshape(shape), bias, code[end + filters]))
        start = end + filters + 1
    assert start == len(code)
    return found


def numpy_level(x, kernel, bias, keep):
    """kernel * IN(x) + bias + keep x, for one `(height, width, channels)`."""
    height, width = x.shape[:2]
    mean, variance = x.mean(axis=(0, 1)), x.var(axis=(0, 1))
    normal = (x - mean) / np.sqrt(variance + 1e-5)
    padded = np.pad(normal, [(1, 1), (1, 1), (0, 0)], mode="reflect")
    y = bias + keep * x
    for dy in range(3):
        for dx in range(3):
            y = y + kernel[dy, dx] * padded[dy : dy + height, dx : dx + width]
    return y


def numpy_colors(x, kernel, bias, keep):
    """kernel white(x) + bias + keep x, for one `(height, width, 3)`."""
    pixels = x.reshape(-1, 3)
    covariance = np.cov(pixels.T, bias=True) + 1e-4 * np.eye(3)
    white = np.linalg.solve(
        np.linalg.cholesky(covariance), (pixels - pixels.mean(axis=0)).T
    )
    return (white.T @ kernel + bias).reshape(x.shape) + keep * x


def luminance(x):
    return x @ np.array([0.299, 0.587, 0.114])


def chrominance(x):
    """Cb and Cr of ITU-R BT.601, for RGB in [0, 1]."""
    y = luminance(x)
    return np.stack([(x[..., 2] - y) / 1.772, (x[..., 0] - y) / 1.402], -1)


def array(x):
    return ops.convert_to_numpy(x)


class TestSizes:
    @pytest.mark.parametrize(
        "variant, parameters, length",
        [("mobile", 84483, 975), ("base", 311635, 1295)],
    )
    def test_parameters(self, variant, parameters, length):
        model = make(variant)
        parts = model.encoder, model.middle, model.decoder
        assert sum(part.count_params() for part in parts) == parameters
        assert model.style_net.output.shape == (None, length)
        assert model.photograph_code().shape == (length,)

    def test_default_features(self):
        model = DIN(weights=None)
        assert model.features.name == "vgg16_features"
        assert model.features.count_params() == 2915648
        assert model.style_code(painting(16, 16)).shape == (975,)


class TestDraw(TestCase):
    def test_is_the_chain_of_its_parts(self, model):
        content, code = photograph(16, 24), random_code()
        first, second, third = levels_of(code)
        x = array(model.encoder(content[None]))[0]
        assert x.shape == (4, 6, 64)
        x = numpy_level(x, *first).astype("float32")
        x = array(model.middle(x[None]))[0]
        assert x.shape == (8, 12, 32)
        x = numpy_level(x, *second).astype("float32")
        x = array(model.decoder(x[None]))[0]
        expected = numpy_colors(x, *third).astype("float32")
        drawn = model.draw(content[None], code[None])
        self.assert_all_close(drawn, expected[None], atol=1e-4)
        assert drawn.shape == (1, 16, 24, 3)

    def test_each_sample_has_its_own_code(self, model):
        contents = photograph(16, 16, 2)
        codes = np.stack([random_code(0), random_code(1)])
        drawn = array(model.draw(contents, codes))
        for content, code, picture in zip(contents, codes, drawn):
            alone = model.draw(content[None], code[None])
            self.assert_all_close(picture[None], alone, atol=1e-4)
        assert np.abs(drawn[0] - drawn[1]).max() > 0.01

    def test_photograph_code_leaves_out_all_levels(self, model):
        content = photograph(16, 24, 1)
        drawn = model.draw(content, model.photograph_code()[None])
        x = model.middle(model.encoder(content))
        self.assert_all_close(drawn, model.decoder(x))
        for kernel, bias, keep in levels_of(model.photograph_code()):
            assert not kernel.any() and not bias.any() and keep == 1.0

    def test_keep_of_a_style_is_zero(self, model):
        code = model.style_code(painting())
        assert [keep for _, _, keep in levels_of(code)] == [0.0, 0.0, 0.0]

    def test_drawing_has_the_colors_of_the_style(self, model, monkeypatch):
        # An untrained drawing is nearly flat, which is what it is there for.
        monkeypatch.setattr(model.levels[2], "epsilon", 1e-8)
        style = painting(40, 40) / np.float32(255)
        style[..., 1] = 0.5 * style[..., 0] + 0.2
        code = model.style_code(style)
        drawn = array(model.draw(photograph(32, 32, 1), code[None]))[0]
        drawn, style = drawn.reshape(-1, 3), style.reshape(-1, 3)
        np.testing.assert_allclose(drawn.mean(0), style.mean(0), atol=1e-3)
        covariances = np.cov(drawn.T, bias=True), np.cov(style.T, bias=True)
        np.testing.assert_allclose(*covariances, atol=2e-3)
        assert np.abs(covariances[1]).max() > 0.05

    def test_untrained_kernels_are_near_the_identity(self):
        levels = levels_of(make().style_code(painting()))
        for kernel, bias, _ in levels[:2]:
            identity = np.zeros((3, 3, 1))
            identity[1, 1] = 1.0
            assert np.abs(kernel - identity).max() < 0.3
            assert np.abs(bias).max() < 0.3

    def test_call(self, model):
        content = photograph(16, 24, 2)
        style = np.stack([painting(), painting()[::-1]]) / np.float32(255)
        expected = model.draw(content, model.encode_style(style))
        self.assert_all_close(model([content, style]), expected)
        predicted = model.predict([content, style], verbose=0)
        self.assert_all_close(predicted, array(expected), atol=1e-4)

    def test_network_is_all_that_is_trained(self, model):
        content = ops.convert_to_tensor(photograph(16, 16, 1))
        style = ops.convert_to_tensor(photograph(32, 32, 1))
        features = model.features(style)
        features = [features["relu4_1"], features["relu3_1"]]
        drawn = model.network()([content, *features, model.color_code(style)])
        self.assert_all_close(drawn, model([content, style]))
        trained = {id(w) for w in model.trainable_weights}
        assert trained == {id(w) for w in model.network().weights}


class TestStyleCode(TestCase):
    @pytest.mark.parametrize("size", [(16, 16), (17, 33)])
    def test_any_size(self, model, size):
        style = painting(*size)
        code = model.style_code(style)
        assert code.shape == (975,)
        assert code.dtype == "float32"
        expected = model.encode_style(style[None].astype("float32") / 255.0)
        self.assert_all_close(code, array(expected)[0])
        self.assert_all_close(code, model.style_code(style / 255.0))

    def test_batch(self, model):
        styles = np.stack([painting(), painting()[::-1]])
        codes = model.style_code(styles)
        assert codes.shape == (2, 975)
        for style, code in zip(styles, codes):
            self.assert_all_close(code, model.style_code(style))
        assert np.abs(codes[0] - codes[1]).max() > 1e-3
        assert model.style_code(styles[:1]).shape == (1, 975)


class TestMix(TestCase):
    def test_is_linear_and_normalized(self, model):
        a, b = random_code(0), random_code(1)
        expected = 0.25 * a + 0.75 * b
        self.assert_all_close(model.mix([a, b], [1, 3]), expected)
        self.assert_all_close(model.mix([a, b], [10, 30]), expected)
        assert model.mix([a, b]).dtype == "float32"

    def test_equal_parts_by_default(self, model):
        codes = np.stack([random_code(seed) for seed in range(3)])
        self.assert_all_close(model.mix(codes), codes.mean(axis=0))

    def test_one_alone(self, model):
        a, b = random_code(0), random_code(1)
        np.testing.assert_array_equal(model.mix([a]), a)
        np.testing.assert_array_equal(model.mix([a, b], [0, 2]), b)


class TestTransfer(TestCase):
    @pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
    def test_strength(self, model, strength):
        content, code = photograph(), random_code()
        drawn = array(model.draw(content[None], code[None]))[0].clip(0, 1)
        expected = strength * drawn + (1 - strength) * content
        self.assert_all_close(model.transfer(content, code, strength), expected)
        assert np.abs(drawn - content).max() > 0.01
        self.assert_all_close(model.transfer(content, code), drawn)

    def test_strength_and_mask(self, model):
        content, code = photograph(), random_code()
        mask = np.full((32, 32), 0.5)
        self.assert_all_close(
            model.transfer(content, code, 0.5, mask=mask),
            model.transfer(content, code, 0.25),
        )

    @pytest.mark.parametrize("size", [(17, 22), (16, 16)])
    def test_any_size(self, model, size):
        content, code = photograph(*size), random_code()
        drawn = model.transfer(content, code)
        assert drawn.shape == (*size, 3)
        height, width = size
        more = [(0, -height % 4), (0, -width % 4), (0, 0)]
        padded = np.pad(content, more, mode="reflect")
        expected = array(model.draw(padded[None], code[None]))[0]
        expected = expected[:height, :width].clip(0, 1)
        self.assert_all_close(drawn, expected)

    @pytest.mark.parametrize("size", [(18, 21)])
    def test_call_draws_any_size_too(self, model, size):
        content, style = photograph(*size), painting()
        drawn = array(model([content[None], style[None] / np.float32(255)]))
        assert drawn.shape == (1, *size, 3)
        self.assert_all_close(
            drawn[0].clip(0, 1), model.stylize(content, style)
        )

    def test_levels(self, model):
        code = random_code()
        content = np.round(photograph() * 255).astype("uint8")
        drawn = model.transfer(content, code)
        assert drawn.dtype == "uint8"
        floats = model.transfer(content / 255.0, code)
        assert floats.dtype.kind == "f"
        assert 0 <= floats.min() and floats.max() <= 1
        difference = np.abs(drawn - 255.0 * floats)
        assert difference.max() < 0.501

    @pytest.mark.parametrize("dtype", ["uint8", "float32"])
    def test_batch(self, model, dtype):
        contents, code = photograph(20, 18, 3), random_code()
        if dtype == "uint8":
            contents = np.round(contents * 255).astype("uint8")
        drawn = model.transfer(contents, code)
        assert drawn.shape == contents.shape
        assert drawn.dtype == dtype
        for content, picture in zip(contents, drawn):
            self.assert_all_close(model.transfer(content, code), picture)
        assert model.transfer(contents[:1], code).shape == (1, 20, 18, 3)

    def test_preserve_color(self, model):
        content, code = photograph(), random_code()
        drawn = model.transfer(content, code)
        kept = model.transfer(content, code, preserve_color=True)
        inside = ((kept > 0) & (kept < 1)).all(axis=-1)
        assert inside.mean() > 0.5
        self.assert_all_close(
            chrominance(kept)[inside], chrominance(content)[inside]
        )
        # The luminance of the drawing, where that was not cut off either.
        inside &= ((drawn > 0) & (drawn < 1)).all(axis=-1)
        assert inside.mean() > 0.5
        self.assert_all_close(luminance(kept)[inside], luminance(drawn)[inside])
        assert np.abs(kept - drawn).max() > 0.01

    def test_mask(self, model):
        content, code = photograph(), random_code()
        drawn = model.transfer(content, code)
        expected = {0.0: content, 0.5: (content + drawn) / 2, 1.0: drawn}
        for value, picture in expected.items():
            mask = np.full((32, 32), value)
            masked = model.transfer(content, code, mask=mask)
            self.assert_all_close(masked, picture, atol=1e-6)

    def test_mask_of_one_side(self, model):
        content, code = photograph(20, 30), random_code()
        mask = np.zeros((20, 30), "uint8")
        mask[:, :10] = 1
        masked = model.transfer(content, code, mask=mask)
        drawn = model.transfer(content, code)
        self.assert_all_close(masked[:, :10], drawn[:, :10])
        self.assert_all_close(masked[:, 10:], content[:, 10:])

    def test_stylize(self, model):
        content, style = photograph(), painting(40, 56)
        mask = np.full((32, 32), 0.7)
        options = {"strength": 0.6, "preserve_color": True, "mask": mask}
        self.assert_all_close(
            model.stylize(content, style, **options),
            model.transfer(content, model.style_code(style), **options),
        )

    def test_stylize_in_several_styles(self, model):
        contents = photograph(16, 16, 2)
        styles = np.stack([painting(16, 16), painting(16, 16)[::-1]])
        one, other = (model.stylize(c, s) for c, s in zip(contents, styles))
        paired = model.stylize(contents, styles)
        self.assert_all_close(paired, np.stack([one, other]))
        for content in (contents[0], contents[:1]):
            drawings = model.stylize(content, styles)
            assert drawings.shape == (2, 16, 16, 3)
            self.assert_all_close(drawings[0], one)
            assert np.abs(drawings[1] - one).max() > 1e-3
        drawings = model.stylize(contents, styles[:1])
        self.assert_all_close(drawings[0], one)
        assert drawings.shape == (2, 16, 16, 3)
        check_error(
            "one for each of `content`.*2 contents and 3 styles",
            model.stylize,
            contents,
            styles[[0, 1, 0]],
        )

    def test_lay_over_by_hand(self):
        photo = np.array([[[0.2, 0.4, 0.6]]])
        drawn = np.array([[[0.7, 0.4, 0.6]]])
        # 0.299 of the 0.5 that red has more, for each of the three.
        kept = lay_over(photo, drawn, preserve_color=True)
        self.assert_all_close(kept, photo + 0.1495)
        cut = np.array([[[1.0, 0.8, 1.0]]])
        self.assert_all_close(lay_over(photo, 2 * drawn), cut)
        half = lay_over(photo, drawn, amount=np.array([[[0.5]]]))
        self.assert_all_close(half, np.array([[[0.45, 0.4, 0.6]]]))


class TestSaving(TestCase):
    def check_loaded(self, model, loaded):
        content, style = photograph(), painting()
        self.assert_all_close(
            loaded.stylize(content, style), model.stylize(content, style)
        )
        for part in (model, loaded):
            frozen = {id(w) for w in part.features.weights}
            assert not frozen & {id(w) for w in part.trainable_weights}
            assert part.features.trainable_weights == []
        counts = [len(m.trainable_weights) for m in (model, loaded)]
        assert counts[0] == counts[1] == len(model.network().weights)

    def test_same_process(self, model, tmp_path):
        path = tmp_path / "din.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
        assert isinstance(loaded, DIN)
        self.check_loaded(model, loaded)
        # Once more, since what is frozen is easily lost on the way.
        loaded.save(path)
        self.check_loaded(model, keras.saving.load_model(path))

    def test_options_are_kept(self):
        options = {
            "variant": "base",
            "kind": "dense",
            "kernel_size": 1,
            "taps": "global",
            "sampling": "spherical",
        }
        model = DIN.from_config(make(**options).get_config())
        config = model.get_config()
        assert {name: config[name] for name in options} == options
        assert model.features.name == "tiny_features"

    def test_weights_in_16_bits(self, model, tmp_path):
        path = tmp_path / "din.weights.h5"
        save_float16(model.network(), path)
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
        loaded = make(weights=path)
        pairs = zip(model.network().weights, loaded.network().weights)
        for weight, other in pairs:
            rounded = array(weight).astype("float16").astype("float32")
            np.testing.assert_array_equal(array(other), rounded)
        content, code = photograph(), random_code()
        self.assert_all_close(
            loaded.transfer(content, code),
            model.transfer(content, code),
            atol=0.01,
        )
        with pytest.raises(ValueError, match="not weights of din_base"):
            make("base", weights=path)


class TestKinds(TestCase):
    @pytest.mark.parametrize(
        "variant, options, length",
        [
            ("mobile", {"taps": "grid"}, 975),
            ("base", {"taps": "global"}, 1295),
            ("mobile", {"kernel_size": 1}, 2 * 96 + 2 + 13),
            ("mobile", {"kind": "dense"}, 9 * (64**2 + 32**2) + 96 + 15),
            (
                "base",
                {"kind": "dense", "kernel_size": 1},
                2 * (64**2 + 64 + 1) + 13,
            ),
        ],
    )
    def test_runs(self, variant, options, length):
        model = make(variant, **options)
        # A dense kernel on a grid needs a feature of 8 x 8.
        code = model.style_code(painting(64, 64))
        assert code.shape == (length,)
        drawn = model.transfer(photograph(18, 20), code)
        assert drawn.shape == (18, 20, 3)
        assert np.isfinite(drawn).all()

    def test_deformable_begins_as_regular(self, model):
        deformable = make(sampling="deformable")
        for part in ("encoder", "middle", "decoder", "style_net", "features"):
            weights = getattr(model, part).get_weights()
            getattr(deformable, part).set_weights(weights)
        more = len(deformable.trainable_weights) - len(model.trainable_weights)
        assert more == 2 * 2
        content, style = photograph(20, 24), painting()
        self.assert_all_close(
            deformable.stylize(content, style),
            model.stylize(content, style),
            atol=1e-4,
        )

    def test_spherical_has_the_weights_of_regular(self, model):
        spherical = make(sampling="spherical")
        spherical.network().set_weights(model.network().get_weights())
        content, code = photograph(16, 32), random_code()
        drawn = spherical.transfer(content, code)
        flat = model.transfer(content, code)
        assert drawn.shape == flat.shape
        assert np.abs(drawn - flat).max() > 1e-3
        # Around the sphere, no column is the first one.
        turned = spherical.level(
            0,
            np.roll(photograph(4, 8, 1).repeat(22, -1)[..., :64], 3, axis=2),
            code[None],
        )
        straight = spherical.level(
            0, photograph(4, 8, 1).repeat(22, -1)[..., :64], code[None]
        )
        self.assert_all_close(
            array(turned), np.roll(array(straight), 3, axis=2), atol=1e-4
        )


@pytest.mark.tensorflow
class TestChannelsFirst(TestCase):
    """Networks of channels-last images under another default of Keras."""

    @pytest.fixture(autouse=True)
    def channels_first(self):
        keras.config.set_image_data_format("channels_first")
        yield
        keras.config.set_image_data_format("channels_last")

    def test_din(self, model):
        other = make()
        other.network().set_weights(model.network().get_weights())
        other.features.set_weights(model.features.get_weights())
        content, style = photograph(18, 20), painting(24, 24)
        expected = model.stylize(content, style)
        np.testing.assert_array_equal(other.stylize(content, style), expected)

    def test_all_layers(self):
        options = {"sampling": "deformable", "taps": "grid", "kind": "dense"}
        networks = [
            make("base", kernel_size=1, **options),
            VGGFeatures(None),
            SmallConvNet(),
            make_encoder("depth"),
        ]
        for network in networks:
            for layer in network._flatten_layers():
                data_format = getattr(layer, "data_format", "channels_last")
                assert data_format == "channels_last", layer.path
        assert networks[2](photograph(8, 8, 1)).shape == (1, 10)
        assert networks[3](photograph(32, 32, 1)).shape == (1, 4, 4, 16)
        assert networks[1](photograph(16, 16, 1))["relu4_1"].shape[-1] == 512


class TestExport(TestCase):
    def test_style_model(self, model):
        style = painting(40, 56)
        part = model.style_model()
        assert part.output_shape == (None, 975)
        code = part(style[None] / np.float32(255))
        self.assert_all_close(array(code)[0], model.style_code(style))

    def test_transfer_model(self, model):
        code = random_code()
        # Colours far apart, to have something to cut off at both ends.
        code[-13:-4] *= 100
        for size in ((None, None), (32, 32)):
            part = model.transfer_model(*size)
            assert part.output_shape == (None, *size, 3)
            drawn = array(part([photograph(32, 32, 1), code[None]]))
            expected = model.transfer(photograph(), code)
            self.assert_all_close(drawn[0], expected, atol=1e-3)
            assert drawn.min() == 0.0 and drawn.max() == 1.0

    @pytest.mark.parametrize("size", [(30, 32), (32, 12), (None, 34)])
    def test_transfer_model_of_a_size_that_it_cannot_give(self, model, size):
        check_error("of (4|at least 16)", model.transfer_model, *size)

    @pytest.mark.tensorflow
    def test_what_8_bits_are_too_few_for_is_kept(self, model, tmp_path):
        """More of it is in the tests of `export_din.py` and of the presets."""
        pytest.importorskip("ai_edge_litert.interpreter")
        codes = np.stack([random_code(seed) for seed in range(4)])
        samples = {"content": photograph(16, 16, 4), "code": codes}
        network = model.transfer_model(16, 16)
        expected = array(network(list(samples.values())))
        path = to_litert(
            network,
            tmp_path / "transfer.tflite",
            "int8",
            samples,
            keep_float=DIN.KEEP_FLOAT["transfer"],
        )
        # 0.04 where nothing is kept.
        assert np.abs(run_litert(path, samples) - expected).mean() < 0.02


class TestErrors:
    @pytest.mark.parametrize(
        "options, message",
        [
            ({"variant": "tiny"}, "`variant`.*'base', 'mobile'.*'tiny'"),
            ({"kind": "sparse"}, "`kind` must be one of.*'sparse'"),
            ({"kernel_size": 2}, "`kernel_size` must be an odd.*2"),
            ({"taps": "local"}, "`taps` must be one of.*'local'"),
            ({"sampling": "cubic"}, "`sampling` must be one of.*'cubic'"),
            ({"kind": "dense", "taps": "grid"}, "square number.*channels=32"),
            ({"weights": "din_huge"}, "Weights must be one of.*din_huge"),
            ({"weights": "no.weights.h5"}, "no weights file.*no.weights.h5"),
            ({"weights": ""}, "Weights must be one of.*Received: ''"),
            ({"variant": ["mobile"]}, r"`variant`.*variant=\['mobile'\]"),
            ({"variant": None}, "`variant`.*variant=None"),
            ({"taps": ""}, "`taps` must be one of.*taps=''"),
            ({"kernel_size": 1.5}, "`kernel_size` must be an odd.*1.5"),
            ({"features": ""}, "`features` must be.*features=''"),
        ],
    )
    def test_options(self, options, message):
        check_error(message, DIN, **{"features": tiny_features(), **options})

    @pytest.mark.parametrize(
        "content, message",
        [
            (np.zeros((32, 32)), r"`content` must be.*shape \(32, 32\)"),
            (np.zeros((32, 32, 4)), r"`content` must be.*\(32, 32, 4\)"),
            (np.zeros((1, 2, 32, 32, 3)), "`content` must be"),
            (np.zeros((32, 32, 3), "int64"), "uint8 or float.*dtype int64"),
            (np.zeros((15, 32, 3)), r"at least 16 pixels.*\(15, 32, 3\)"),
            (np.zeros((0, 32, 32, 3)), r"uint8 or float.*\(0, 32, 32, 3\)"),
            (np.full((16, 16, 3), 255.0), r"in \[0, 1\].*from 255 to 255"),
            (np.full((16, 16, 3), np.nan), r"in \[0, 1\] if.*nan"),
        ],
    )
    def test_pictures(self, model, content, message):
        check_error(message, model.transfer, content, random_code())
        style_message = message.replace("`content`", "`style`")
        check_error(style_message, model.style_code, content)
        check_error(style_message, model.stylize, photograph(), content)

    def test_small_content_of_a_call(self, model):
        inputs = [photograph(15, 32, 1), photograph(32, 32, 1)]
        with pytest.raises(ValueError, match=r"16 pixels.*\(1, 15, 32, 3\)"):
            model(inputs)

    @pytest.mark.parametrize(
        "code", [np.zeros(974), np.zeros((1, 975)), np.full(975, np.nan)]
    )
    def test_codes(self, model, code):
        message = r"must be 975 finite numbers.*shape \("
        check_error(message, model.transfer, photograph(), code)
        check_error(message, model.mix, [random_code(), code])

    @pytest.mark.parametrize(
        "weights, message",
        [
            ([1], r"`weights` must be 2 numbers.*\[1\]"),
            ([1, -1], "of at least 0"),
            ([1, np.nan], "of at least 0"),
            ([0, 0], r"positive, finite sum.*\[0.0, 0.0\]"),
            ([1, np.inf], "positive, finite sum"),
        ],
    )
    def test_weights(self, model, weights, message):
        codes = [random_code(0), random_code(1)]
        check_error(message, model.mix, codes, weights)

    @pytest.mark.parametrize("value", [None, "", [], ["a"], 3, [[1], [1, 2]]])
    def test_no_arrays_at_all(self, model, value):
        picture, code = photograph(), random_code()
        check_error("`content` must be", model.transfer, value, code)
        check_error("`style` must be", model.style_code, value)
        check_error("must be 975|`code`", model.transfer, picture, value)
        check_error("must be 975|at least one", model.mix, value)
        check_error(
            "`mask` must be", model.transfer, picture, code, mask=[value]
        )
        if value is not None:
            check_error("`weights` must be", model.mix, [code, code], value)
            check_error(
                "`tile` must be", model.transfer, picture, code, tile=value
            )

    def test_weights_that_are_not_finite(self, model):
        message = "not finite: its weights.*Received: .*NaN"
        content, code = photograph(16, 16), random_code()
        for part, function, arguments in (
            (model.decoder, model.transfer, (content, code)),
            (model.style_net, model.style_code, (painting(16, 16),)),
        ):
            weights = part.get_weights()
            part.set_weights([np.nan * weight for weight in weights])
            check_error(message, function, *arguments)
            part.set_weights(weights)

    def test_weights_of_another_network(self, model, tmp_path, recwarn):
        path = tmp_path / "din.weights.h5"
        model.network().save_weights(path)
        message = "not weights of din_base. Received: .*din.weights.h5"
        check_error(message, make, "base", weights=path)
        assert not [w for w in recwarn if "Skipping" in str(w.message)]

    @pytest.mark.parametrize("strength", [-0.1, 1.5, np.nan, None, "", [0.5]])
    def test_strength(self, model, strength):
        check_error(
            "of at least 0|strength",
            model.transfer,
            photograph(),
            random_code(),
            strength,
        )

    @pytest.mark.parametrize(
        "mask",
        [np.ones((32, 31)), np.ones((32, 32, 1)), np.full((32, 32), 2.0)],
    )
    def test_mask(self, model, mask):
        message = r"`mask` must be an array \(32, 32\).*Received: mask="
        check_error(
            message, model.transfer, photograph(), random_code(), mask=mask
        )


def check_error(message, function, *arguments, **options):
    """A `ValueError` of one line."""
    with pytest.raises(ValueError, match=message) as error:
        function(*arguments, **options)
    assert "\n" not in str(error.value)
