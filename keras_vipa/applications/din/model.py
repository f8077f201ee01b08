"""DIN: arbitrary style transfer with a light content network (AAAI 2020)."""

import math

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_vipa.applications.din.networks import SMALLEST
from keras_vipa.applications.din.networks import STRIDE
from keras_vipa.applications.din.networks import from_code
from keras_vipa.applications.din.networks import make_parts
from keras_vipa.applications.din.pictures import as_images
from keras_vipa.applications.din.pictures import check_amount
from keras_vipa.applications.din.pictures import check_features
from keras_vipa.applications.din.pictures import check_finite
from keras_vipa.applications.din.pictures import check_pictures
from keras_vipa.applications.din.pictures import check_sides
from keras_vipa.applications.din.pictures import check_weights
from keras_vipa.applications.din.pictures import lay_over
from keras_vipa.applications.din.pictures import make_grain
from keras_vipa.applications.din.tiles import check_tile
from keras_vipa.applications.din.tiles import draw_in_tiles
from keras_vipa.applications.vgg_features import VGGFeatures
from keras_vipa.applications.weights import load_weights
from keras_vipa.layers import BiasNet
from keras_vipa.layers import ColorCode
from keras_vipa.layers import DynamicInstanceNorm
from keras_vipa.layers import WeightNet
from keras_vipa.layers import WhiteningColoring
from keras_vipa.utils import checks

# Sizes of a variant: the channels of its two levels, and the widths and taps of
# the nets that make their kernels.
VARIANTS = {
    "mobile": {
        "channels": (64, 32),
        "widths": ((64, 64), (64, 64)),
        "taps": "global",
    },
    "base": {
        "channels": (64, 64),
        "widths": ((256, 128), (128, 64)),
        "taps": "grid",
    },
}
STYLE_FEATURES = ("relu4_1", "relu3_1")


@keras.saving.register_keras_serializable(package="keras_vipa")
class DIN(keras.Model):
    """Draws a picture in the style of any other picture.

    A frozen VGG and small nets turn a style picture into one code, once for
    each style. A light encoder and decoder without any VGG then draw pictures
    with it: between them, at two levels, `DynamicInstanceNorm` convolves the
    normalized content feature with a kernel that comes from the code. At a
    third level `WhiteningColoring` does so with the drawing, which then has the
    mean and the covariance of the style's colours.

    ```
    code   = style_net(VGG(style), colors(style))
    F      = encoder(content)
    F      = decoder(level_2(middle(level_1(F, code)), code))
    output = level_3(F, code)
    level  : F -> kernel * IN(F) + bias + keep F
    ```

    `keep` is 0 for a style and 1, with an empty kernel and bias, for the code
    that gives back the photograph (`photograph_code`), with which encoder and
    decoder are trained first. Codes are linear in the kernels: mixtures of
    styles are weighted means of codes.

    | variant | parameters of the content path | GMAC at 384 x 384 |
    | --- | --- | --- |
    | `"mobile"` | 84,483 | 1.72 |
    | `"base"` | 311,635 | 4.11 |

    Args:
        variant: string. `"mobile"` or `"base"`.
        weights: `None` for random weights; the name of a preset,
            `"din_mobile"`; or the path of a `.weights.h5` file of
            `model.network()`.
        kind: string. `"depthwise"` or `"dense"`, the kernels' kind. Presets
            have the default.
        kernel_size: integer. Size of the kernels. Presets have the default.
        taps: string. `"grid"` or `"global"`, see `WeightNet`. Defaults to
            the variant's.
        sampling: string. `"regular"`, `"deformable"` or `"spherical"`, see
            `DynamicInstanceNorm`. All presets run with `"spherical"` too; only
            the two levels follow the sphere then, so that a seam stays at 180
            degrees.
        features: `keras.Model` as `VGGFeatures`, the style encoder. Defaults
            to VGG16, which comes with the package; random if `weights` is
            `None`. See `convert_vgg` for VGG19.
        **kwargs: arguments of `keras.Model`.

    Attributes:
        KEEP_FLOAT: dict, `"style"` and `"transfer"` -> what int8 files of that
            part should compute in float32, as `to_litert(keep_float=...)`
            takes it: instance normalization; all that makes a code or takes
            it apart, whose kernels and biases are too unlike for one scale; and
            the last convolutions, which are light.

    Call arguments:
        inputs: list of two tensors, content `(batch, height, width, 3)` and
            style `(batch, style_height, style_width, 3)`, RGB in [0, 1].
            Sides of at least 16. Contents are padded to multiples of 4 and
            cropped again; in a compiled function that does not know its sizes,
            they must be multiples of 4.

    Returns:
        A tensor `(batch, height, width, 3)`, about [0, 1], not cut off.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> model = keras_vipa.applications.DIN("mobile", weights=None)
    >>> photo = np.zeros((50, 70, 3), "uint8")
    >>> painting = np.zeros((64, 64, 3), "uint8")
    >>> code = model.style_code(painting)
    >>> model.transfer(photo, code).shape
    (50, 70, 3)

    Differences from the paper (whose layer table was not at hand; "base"
    follows what is known of it and of its descendant MicroAST):

    1. VGG16 instead of VGG19: its weights come with a package.
    2. Two levels: where they are, and that the first reads relu4_1 and the
       second relu3_1, are our choices.
    3. "mobile" has separable residual blocks and no 9x9 convolutions, its
       second level at half the picture's size, and kernels from the mean over
       the style picture (`taps="global"`).
    4. `keep` is ours. Strength mixes photograph and drawing, not the features:
       those of trained networks differ too much in size.
    5. The third level is ours: with few styles to train on, colours that are
       only learnt came out as a mixture of those of all styles.

    Reference:

    - Jing et al., "Dynamic Instance Normalization for Arbitrary Style
      Transfer", AAAI 2020, https://arxiv.org/abs/1911.06953
    """

    KEEP_FLOAT = {
        "style": r"Mean|/add|flatten|keep_|color_code|strided_slice_?1?$|"
        r"Stateful",
        "transfer": r"level_|decoder|"
        r"transfer_\d*/(strided_slice|Reshape|Mul|Add)",
    }

    def __init__(
        self,
        variant="mobile",
        weights=None,
        kind="depthwise",
        kernel_size=3,
        taps=None,
        sampling="regular",
        features=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.choice("variant", variant, sorted(VARIANTS))
        if features is not None:
            check_features(features, STYLE_FEATURES)
        sizes = VARIANTS[variant]
        self.variant = variant
        self.kind = kind
        self.kernel_size = kernel_size
        self.taps = sizes["taps"] if taps is None else taps
        self.sampling = sampling
        if features is None:
            features = VGGFeatures(
                None if weights is None else "vgg16_features"
            )
        self.features = features
        # Both: a frozen model that is loaded again would be trained otherwise.
        self.features.trainable = True
        self.features.trainable = False
        self.encoder, self.middle, self.decoder = make_parts(
            variant, sizes["channels"]
        )
        self.levels = [
            DynamicInstanceNorm(kernel_size, kind, sampling, name=name)
            for name in ("level_1", "level_2")
        ]
        self.levels.append(WhiteningColoring(name="level_3"))
        self.color_code = ColorCode(name="color_code")
        self.style_net = self._make_style_net(**sizes)
        self.build()
        if weights is not None:
            load_weights(self.network(), weights)

    def _make_style_net(self, channels, widths, **_):
        """Functional: relu4_1, relu3_1 and colours to the code."""
        inputs, parts, self.code_sizes = [], [], []
        for number, name in enumerate(STYLE_FEATURES):
            depth = self.features.output[name].shape[-1]
            feature = keras.Input((None, None, depth), name=name)
            weight_net = WeightNet(
                channels[number],
                self.kernel_size,
                self.kind,
                widths[number],
                self.taps,
                name=f"weight_net_{number + 1}",
            )
            bias_net = BiasNet(
                channels[number], widths[number], name=f"bias_net_{number + 1}"
            )
            kernel, bias = weight_net(feature), bias_net(feature)
            self.code_sizes.append((kernel.shape[1:], channels[number]))
            parts += [layers.Flatten("channels_last")(kernel), bias]
            parts += [
                layers.Rescaling(0.0, name=f"keep_{number + 1}")(bias[:, :1])
            ]
            inputs.append(feature)
        colors = keras.Input((12,), name="colors")
        self.code_sizes.append(((1, 1, 3, 3), 3))
        parts += [colors, layers.Rescaling(0.0, name="keep_3")(colors[:, :1])]
        inputs.append(colors)
        code = layers.Concatenate(name="code")(parts)
        return keras.Model(inputs, code, name="style_net")

    def build(self, input_shape=None):
        if not self.built:
            self.network()
            self.built = True

    def network(self):
        """All that is trained, as one functional model.

        Returns:
            A `keras.Model`, a list of content image, relu4_1, relu3_1 and
            `ColorCode` of the style to the drawn image.
        """
        content = keras.Input((None, None, 3), name="content")
        features = [keras.Input(t.shape[1:]) for t in self.style_net.inputs]
        drawn = self.draw(content, self.style_net(features))
        return keras.Model(
            [content, *features], drawn, name=f"din_{self.variant}"
        )

    def encode_style(self, style):
        """Code `(batch, length)` of images `(batch, height, width, 3)`."""
        features = self.features(style, training=False)
        features = [features[name] for name in STYLE_FEATURES]
        return self.style_net([*features, self.color_code(style)])

    def draw(self, content, code, moments=(None, None, None)):
        """Draw images with codes.

        Args:
            content: tensor `(batch, height, width, 3)` in [0, 1], sides
                multiples of 4.
            code: tensor `(batch, length)`.
            moments: `moments` of each level, where they are not to be those
                of the content.

        Returns:
            A tensor `(batch, height, width, 3)`, not cut off at 0 and 1.
        """
        x = self.level(0, self.encoder(content), code, moments[0])
        x = self.level(1, self.middle(x), code, moments[1])
        return self.level(2, self.decoder(x), code, moments[2])

    def draw_padded(self, content, code):
        """As `draw`, for contents of any known size from 16 x 16 on."""
        height, width = content.shape[1:3]
        if min(height or SMALLEST, width or SMALLEST) < SMALLEST:
            raise ValueError(
                f"A content must be at least {SMALLEST} pixels high and wide. "
                f"Received: content.shape={tuple(content.shape)}"
            )
        more = [(0, -(side or 0) % STRIDE) for side in (height, width)]
        if any(after for _, after in more):
            content = ops.pad(content, [(0, 0), *more, (0, 0)], "reflect")
        return self.draw(content, code)[:, :height, :width]

    def level(self, number, x, code, moments=None):
        """What a code does at one of the three levels."""
        kernel, bias, keep = from_code(code, number, self.code_sizes)
        return self.levels[number](x, kernel, bias, moments) + keep * x

    def call(self, inputs):
        if not isinstance(inputs, list | tuple) or len(inputs) != 2:
            rule = "`inputs` must be a list of two tensors, content and style"
            checks.fail(rule, "inputs", inputs)
        content, style = inputs
        return self.draw_padded(content, self.encode_style(style))

    def photograph_code(self):
        """The code that gives back the photograph, as far as it was trained.

        Returns:
            An array `(length,)`.
        """
        parts = [
            np.append(np.zeros(math.prod(shape) + filters), 1.0)
            for shape, filters in self.code_sizes
        ]
        return np.concatenate(parts).astype("float32")

    def style_code(self, style):
        """Turn style pictures into codes, to be kept and used often.

        Args:
            style: array `(height, width, 3)` or `(n, height, width, 3)`, uint8
                in [0, 255] or float in [0, 1]; any size from 16 x 16 on; with
                kernels on a grid from 24 (depthwise), 64 (dense, 1 x 1) or 192
                (dense, 3 x 3). 256 to 512 pixels are what it was trained for.

        Returns:
            A float32 array `(length,)` or `(n, length)`.

        Raises:
            ValueError: If `style` is no such array.
        """
        images, single = as_images(style, "style")
        codes = [
            ops.convert_to_numpy(self.encode_style(image[None]))[0]
            for image in images
        ]
        check_finite(codes, "style code")
        return codes[0] if single else np.stack(codes)

    def mix(self, codes, weights=None):
        """Mix styles: the weighted mean of their codes.

        Args:
            codes: array `(n, length)`, or list of n codes.
            weights: n numbers of at least 0, not all 0. Defaults to equal
                parts.

        Returns:
            A float32 array `(length,)`.

        Raises:
            ValueError: If codes and weights are not as above.
        """
        if not isinstance(codes, list | tuple | np.ndarray) or not len(codes):
            rule = "`codes` must be a list of at least one code"
            checks.fail(rule, "codes", codes)
        codes = np.stack([self.check_code(code) for code in codes])
        weights = check_weights(weights, len(codes))
        return np.average(codes, 0, weights).astype("float32")

    def transfer(
        self,
        content,
        code,
        strength=1.0,
        preserve_color=False,
        mask=None,
        grain=0.0,
        tile=None,
    ):
        """Draw pictures in the style of a code.

        Args:
            content: array `(height, width, 3)` or `(n, height, width, 3)`,
                uint8 in [0, 255] or float in [0, 1]; any size from 16 x 16
                on.
            code: array `(length,)`, of `style_code` or `mix`.
            strength: float. 0 for the photograph, 1 for the drawing, between
                them for both over one another.
            preserve_color: boolean. Whether only the luminance is drawn anew.
            mask: array `(height, width)` in [0, 1]. 1 where the style is
                wanted. Defaults to everywhere.
            grain: float. Deviation of the noise that is laid over the content
                before it is drawn, so that even parts get strokes; the noise
                is always the same, and so is the drawing. Defaults to 0.
            tile: integer. Larger pictures are drawn in tiles of this height
                and width in pixels, at least 16: the same result with less
                memory, in more time. Defaults to `None`: in one piece, as
                `sampling="spherical"` needs it.

        Returns:
            An array of the shape and kind of `content`.

        Raises:
            ValueError: If an argument is not as above.
        """
        images, single = as_images(content, "content")
        noise = make_grain(images.shape[1:3], grain)
        amount = check_amount(strength, mask, images.shape[1:3])
        code = self.check_code(code)
        if tile is not None:
            check_tile(self, tile)
        is_uint8 = np.asarray(content).dtype == "uint8"
        results = np.empty(images.shape, "uint8" if is_uint8 else "float32")
        for image, result in zip(images, results):
            grainy = image + noise if grain else image
            for place, drawn in self._draw_parts(grainy, code, tile):
                part = amount if mask is None else amount[place]
                check_finite(drawn, "drawing")
                drawn = lay_over(image[place], drawn, preserve_color, part)
                if is_uint8:
                    drawn = np.floor(drawn * 255.0 + 0.5)
                result[place] = drawn
        return results[0] if single else results

    def _draw_parts(self, image, code, tile):
        """Places, pairs of slices, and drawings that make up a picture."""
        if tile is not None and max(image.shape[:2]) > tile:
            yield from draw_in_tiles(self, image, code, tile)
        else:
            drawn = self.draw_padded(image[None], code[None])
            yield (slice(None), slice(None)), ops.convert_to_numpy(drawn)[0]

    def stylize(
        self,
        content,
        style,
        strength=1.0,
        preserve_color=False,
        mask=None,
        grain=0.0,
        tile=None,
    ):
        """Draw pictures in the style of a picture, or each in its own.

        Args:
            content: as in `transfer`.
            style: array `(style_height, style_width, 3)`, see `style_code`; or
                `(n, style_height, style_width, 3)`, one style for each of n
                contents. A single content is drawn in each style, and a single
                style used for each content.
            strength: as in `transfer`.
            preserve_color: as in `transfer`.
            mask: as in `transfer`.
            grain: as in `transfer`.
            tile: as in `transfer`.

        Returns:
            An array of the shape and kind of `content`; with several styles
            `(n, height, width, 3)`.

        Raises:
            ValueError: If an argument is not as above, or if there are
                several contents and another number of styles.
        """
        options = strength, preserve_color, mask, grain, tile
        codes = self.style_code(style)
        contents = check_pictures(content, "content")
        single = contents.ndim != 4
        if codes.ndim == 1 or (len(codes) == 1 and not single):
            return self.transfer(contents, codes.reshape(-1), *options)
        contents = contents[None] if single else contents
        if len(contents) not in (1, len(codes)):
            raise ValueError(
                "`style` must be one picture, or one for each of `content`. "
                f"Received: {len(contents)} contents and {len(codes)} styles"
            )
        drawings = [
            self.transfer(contents[n % len(contents)], code, *options)
            for n, code in enumerate(codes)
        ]
        return np.stack(drawings)

    def check_code(self, code):
        """A code as a float32 array; a `ValueError` if it is none."""
        length = self.style_net.output.shape[-1]
        rule = f"A code of this model must be {length} finite numbers"
        array = checks.array("code", code, rule, kinds="fiu").astype("float32")
        if array.shape != (length,) or not np.isfinite(array).all():
            checks.fail(rule, "code", array)
        return array

    def style_model(self, height=None, width=None):
        """The style part for export: an image to its code.

        Args:
            height: integer. Height of the style, or `None` for any.
            width: integer. Width of the style, or `None` for any.

        Returns:
            A `keras.Model`, `style` `(batch, height, width, 3)` in [0, 1] to
            `code` `(batch, length)`.

        Raises:
            ValueError: If a side is not an integer of at least 16.
        """
        for name, side in (("height", height), ("width", width)):
            if side is not None:
                checks.integer(name, side, SMALLEST)
        style = keras.Input((height, width, 3), name="style")
        return keras.Model(style, self.encode_style(style), name="din_style")

    def transfer_model(self, height=None, width=None):
        """The content part for export: an image and a code to a drawing.

        Args:
            height: integer. Height of the content, a multiple of 4, or `None`
                for any.
            width: integer. Width, likewise.

        Returns:
            A `keras.Model`, `content` `(batch, height, width, 3)` in [0, 1]
            and `code` `(batch, length)` to an image in [0, 1].

        Raises:
            ValueError: If a side is no multiple of 4 of at least 16.
        """
        check_sides(height, width)
        content = keras.Input((height, width, 3), name="content")
        code = keras.Input(self.style_net.output.shape[1:], name="code")
        drawn = ops.clip(self.draw(content, code), 0.0, 1.0)
        return keras.Model([content, code], drawn, name="din_transfer")

    def get_config(self):
        return {
            **super().get_config(),
            "variant": self.variant,
            "kind": self.kind,
            "kernel_size": self.kernel_size,
            "taps": self.taps,
            "sampling": self.sampling,
            "features": keras.saving.serialize_keras_object(self.features),
        }

    @classmethod
    def from_config(cls, config):
        features = keras.saving.deserialize_keras_object(config["features"])
        return cls(**{**config, "features": features})
