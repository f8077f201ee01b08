"""ModelSpace: trained networks as points, near if one transfers to another."""

import keras
import numpy as np
from keras import layers

from keras_vipa.layers.attribution_gradient import MAX_STEPS
from keras_vipa.layers.attribution_gradient import METHODS
from keras_vipa.transferability.affinities import cka_vector
from keras_vipa.transferability.affinities import curve_vector
from keras_vipa.transferability.affinities import edge_vector
from keras_vipa.transferability.affinities import graph_vector
from keras_vipa.transferability.affinities import map_vector
from keras_vipa.transferability.affinities import rsa_vector
from keras_vipa.transferability.attribution import as_float
from keras_vipa.transferability.attribution import attribution_maps
from keras_vipa.transferability.gradient_curves import gradient_curves
from keras_vipa.transferability.space_files import read_space
from keras_vipa.transferability.space_files import write_space
from keras_vipa.utils import checks
from keras_vipa.utils.files import written_beside

MEASURES = ("maps", "graph", "edges", "curves", "rsa", "cka")
GRAPH_WEIGHT = 0.25
DEFAULT_MEASURES = ("maps", "graph", "edges", "rsa", "cka")
LINKAGES = "single complete average weighted centroid median ward".split()


class ModelSpace:
    """Networks as points, by what they do with the same unlabelled images.

    The maps of a network on the probe images are its coordinates; the mean
    cosine of the maps of two networks is their affinity, and the networks of
    highest affinity to a target are the sources to start from. No labels are
    read, nothing is trained, and the networks may differ in all but that they
    take images. What is kept of each is enough for all comparisons, so that
    adding a network never touches the others.

    All networks see the same pixels: images are resized to what a network takes
    and pass its `preprocess` within the computation, and maps are those of the
    probe images themselves, scaled to [-1, 1].

    Measures:

    - `"maps"`: the paper's, mean cosine of attribution maps;
    - `"edges"`: DEPARA's edges, Spearman's correlation of the cosines between
      the features of all pairs of images;
    - `"graph"`: DEPARA, `maps + 0.25 edges`;
    - `"curves"`: ModelGiF, mean cosine of cumulative integrated gradients; not
      among the default ones, since it takes `steps` times as long;
    - `"rsa"`, `"cka"`: representational similarity analysis and linear centred
      kernel alignment of the features, which need no gradient.

    Args:
        probe_images: array `(n, height, width, 3)`, uint8, or float in [0, 1].
            The paper has about 1,000, of any kind.
        method: string, of `attribution_maps`. Defaults to
            `"gradient_x_input"`.
        measures: list of strings, what is kept. Defaults to all but
            `"curves"`.
        pool: integer. Maps are compared as grids of so many cells a side.
            Defaults to `None`: pixels, as in the paper.
        projection: integer. Maps are kept as so many random combinations, at
            most as many as they have pixels. Defaults to `None`.
        steps: integer. Points of a curve. ModelGiF has 50.
        batch_size: integer. Images at a time.
        seed: integer. Seed of projection and of the curves' baselines.

    Attributes:
        names: list of strings, in the order in which networks were added.
        dead: dict, name -> how many of its maps are 0 everywhere, or less than
            a millionth of its largest one, which have affinity 0 with all.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> probes = np.random.default_rng(0).uniform(size=(6, 16, 16, 3))
    >>> space = ModelSpace(probes)
    >>> for name in ("one", "two", "three"):
    ...     x = keras.Input((16, 16, 3))
    ...     y = keras.layers.Conv2D(4, 3, activation="relu")(x)
    ...     space.add(name, keras.Model(x, y))
    >>> space.affinity().shape
    (3, 3)
    >>> [name for name, _ in space.rank("one")] in (
    ...     ["two", "three"], ["three", "two"]
    ... )
    True

    Differences from the paper:

    1. The distance is `1 - S`, with `S` the mean cosine, where the paper (as
       we recall it) has `1 / S`: the same order, and finite.
    2. Maps are multiplied by the probe image, in [-1, 1], and not by what each
       network makes of it.
    3. `pool` and `projection` are ours.
    4. Of ModelGiF the scalar is the sum of the outputs, and the images are as
       they are; the authors' code has the spatial maximum of each channel, and
       images mixed from two.

    Reference:

    - Song et al., "Deep Model Transferability from Attribution Maps", NeurIPS
      2019, https://arxiv.org/abs/1909.11902
    - Song et al., "DEPARA: Deep Attribution Graph for Deep Knowledge
      Transferability", CVPR 2020, https://arxiv.org/abs/2003.07496
    - Song et al., "ModelGiF: Gradient Fields for Model Functional Distance",
      ICCV 2023, https://arxiv.org/abs/2309.11013
    """

    def __init__(
        self,
        probe_images,
        method="gradient_x_input",
        measures=DEFAULT_MEASURES,
        pool=None,
        projection=None,
        steps=10,
        batch_size=32,
        seed=0,
    ):
        self.probe_images = _check_probes(probe_images)
        is_list = isinstance(measures, list | tuple | set | frozenset)
        unknown = [m for m in measures if m not in MEASURES] if is_list else []
        if not is_list or not measures or unknown:
            rule = f"`measures` must be some of {MEASURES}, a list"
            checks.fail(rule, "measures", measures)
        height, width = self.probe_images.shape[1:3]
        if pool is not None:
            pool = checks.integer("pool", pool, most=min(height, width))
        if projection is not None:
            most = height * width
            projection = checks.integer("projection", projection, most=most)
        # Numbers of NumPy could not be written.
        self.settings = {
            "method": checks.choice("method", method, METHODS),
            "measures": list(measures),
            "pool": pool,
            "projection": projection,
            "steps": checks.integer("steps", steps, most=MAX_STEPS),
            "batch_size": checks.integer("batch_size", batch_size),
            "seed": checks.integer("seed", seed, 0),
        }
        self.names = []
        self.dead = {}
        self._vectors = {name: [] for name in measures}

    def add(self, name, model, preprocess=None, target=None):
        """Compute and keep what is needed of a network.

        Args:
            name: string, new.
            model: Keras model with one input, images `(height, width, 3)`; an
                encoder whose output is not negative, since the sum of outputs
                of both signs says nothing.
            preprocess: callable or layer, what the network wants done to images
                in [0, 255], as `keras.applications` have it. Defaults to
                `None`: it takes images in [0, 1].
            target: `None` or a callable, of `AttributionGradient`.

        Raises:
            ValueError: If the name is taken, the model has several inputs or no
                gradient, its weights or what it gives are not finite, or what
                is explained is the same for all images, as is the sum of a
                softmax.
        """
        if not isinstance(name, str):
            checks.fail("`name` must be a string", "name", name)
        if name in self.names:
            raise ValueError(
                "`name` must be new. Received: there is a network of that "
                f"name: {name!r}"
            )
        framed = self._frame(name, model, preprocess)
        # Outputs need not show it: on some processors, ReLU of NaN is 0.
        if not all(np.isfinite(w).all() for w in framed.get_weights()):
            raise ValueError(f"The weights of network {name!r} are not finite.")
        try:
            found, dead = self._describe(framed, target)
        except ValueError as error:
            raise ValueError(f"Network {name!r}: {error}") from error
        for key, vectors in self._vectors.items():
            vectors.append(found[key].astype("float16"))
        self.names.append(name)
        self.dead[name] = dead

    def _describe(self, framed, target):
        """Measure -> vector of a network; how many of its maps are 0."""
        settings = self.settings
        images = 2.0 * self.probe_images - 1.0
        wanted, found, dead = set(settings["measures"]), {}, 0
        if wanted & {"maps", "graph"}:
            maps = attribution_maps(
                framed,
                images,
                settings["method"],
                target,
                "mean",
                settings["batch_size"],
            )
            found["maps"], dead = map_vector(
                maps, settings["pool"], settings["projection"], settings["seed"]
            )
        if wanted & {"edges", "graph", "rsa", "cka"}:
            features = self._features(framed, images)
        if wanted & {"edges", "graph"}:
            found["edges"] = edge_vector(features)
        if "rsa" in wanted:
            found["rsa"] = rsa_vector(features)
        if "cka" in wanted:
            found["cka"] = cka_vector(features)
        if "graph" in wanted:
            found["graph"] = graph_vector(
                found["maps"], found["edges"], GRAPH_WEIGHT
            )
        if "curves" in wanted:
            curves = gradient_curves(
                framed,
                images,
                settings["steps"],
                target,
                settings["batch_size"],
                settings["seed"],
            )
            found["curves"] = curve_vector(curves, settings["pool"])
        return found, dead

    def _frame(self, name, model, preprocess):
        """The network on images in [-1, 1] of the size of the probe images."""
        if not isinstance(model, keras.Layer):
            raise ValueError(
                "`model` must be a `keras.Model`. "
                f"Received: {name!r} of class {type(model).__name__}"
            )
        if not (preprocess is None or callable(preprocess)):
            rule = "`preprocess` must be a function or a layer"
            checks.fail(rule, "preprocess", preprocess)
        shapes = [x.shape[1:] for x in getattr(model, "inputs", None) or []]
        if len(shapes) > 1 or any(len(s) != 3 or s[-1] != 3 for s in shapes):
            raise ValueError(
                "A network must take images (height, width, 3), one input. "
                f"Received: {name!r} with inputs {shapes}"
            )
        images = keras.Input(self.probe_images.shape[1:])
        scale = 0.5 if preprocess is None else 127.5
        x = layers.Rescaling(scale, offset=scale)(images)
        size = shapes[0][:2] if shapes else (None, None)
        if None not in size and size != self.probe_images.shape[1:3]:
            x = layers.Resizing(*size)(x)
        if preprocess is not None:
            x = preprocess(x)
            if not isinstance(x, keras.KerasTensor):
                raise ValueError(
                    "`preprocess` must return a tensor of images. "
                    f"Received: {name!r} with {type(x).__name__}"
                )
        return keras.Model(images, model(x), name=model.name)

    def _features(self, framed, images):
        size = self.settings["batch_size"]
        outputs = framed.predict(images, batch_size=size, verbose=0)
        parts = keras.tree.flatten(outputs)
        features = [part.reshape(len(images), -1) for part in parts]
        features = np.concatenate(features, axis=1).astype("float32")
        if not np.isfinite(features).all():
            raise ValueError(
                "The outputs are not finite: check the weights for NaN. "
                f"Received: {np.sum(~np.isfinite(features))} such numbers"
            )
        return features

    def affinity(self, measure="maps"):
        """How much the networks have in common.

        Args:
            measure: string, one of those that are kept.

        Returns:
            A float32 array `(networks, networks)`, symmetric.

        Raises:
            ValueError: If the measure is not kept or there are fewer than two
                networks.
        """
        rows = np.stack(self._kept(measure)).astype("float32")
        return rows @ rows.T

    def rank(self, target, measure="maps"):
        """The sources for a target, best first.

        Args:
            target: string, name of a network.
            measure: string, one of those that are kept.

        Returns:
            A list of pairs of name and affinity, without the target itself and
            without networks that are dead by this measure: all of whose maps
            are 0, or whose features are the same for all images.

        Raises:
            ValueError: As `affinity`, if there is no such network, or if it is
                dead.
        """
        vectors = self._kept(measure)
        place = self.names.index(checks.choice("target", target, self.names))
        wanted = vectors[place].astype("float32")
        alive = [v.any() for v in vectors]
        if not alive[place]:
            raise ValueError(
                "A network whose maps are all 0, or whose features are the "
                "same for all images, has no sources; use other images or "
                f"another measure. Received: target={target!r}"
            )
        # One at a time, for in 32 bits there may be no room for all.
        found = [float(v.astype("float32") @ wanted) for v in vectors]
        order = np.argsort(np.negative(found), kind="stable")
        chosen = [i for i in order if i != place and alive[i]]
        return [(self.names[i], found[i]) for i in chosen]

    def tree(self, measure="maps", linkage="average"):
        """Cluster the networks by their distance, `1 - affinity`.

        (For `"graph"` 1.25 minus it, its largest value.)

        Args:
            measure: string, one of those that are kept.
            linkage: string, of `scipy.cluster.hierarchy.linkage`.

        Returns:
            An array `(networks - 1, 4)` for
            `scipy.cluster.hierarchy.dendrogram`.

        Raises:
            ImportError: If SciPy is not installed.
            ValueError: As `affinity`, or if there is no such linkage.
        """
        try:
            from scipy.cluster import hierarchy
        except ImportError as error:
            raise ImportError(
                '`tree` needs SciPy: pip install "keras_vipa[tree]"'
            ) from error
        checks.choice("linkage", linkage, LINKAGES)
        most = 1.0 + GRAPH_WEIGHT if measure == "graph" else 1.0
        distances = most - self.affinity(measure)
        upper = distances[np.triu_indices(len(distances), 1)]
        return hierarchy.linkage(
            np.maximum(upper, 0.0), linkage, optimal_ordering=True
        )

    def plot(self, path, measure="maps"):
        """Draw the affinities in the order of the tree, and the tree.

        Args:
            path: string or path of a picture file.
            measure: string, one of those that are kept.

        Raises:
            ImportError: If SciPy is not installed.
            ValueError: As `affinity`, or if it is no path of a picture.
        """
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 5), layout="constrained")
        known = figure.canvas.get_supported_filetypes()
        if checks.path("path", path).suffix[1:].lower() not in known:
            checks.fail(
                f"`path` must end in one of {list(known)}", "path", path
            )
        links = self.tree(measure)
        from scipy.cluster import hierarchy

        left, right = figure.subplots(1, 2)
        tree = hierarchy.dendrogram(
            links, labels=self.names, orientation="right", ax=right
        )
        order = tree["leaves"]
        affinity = self.affinity(measure)[np.ix_(order, order)]
        # The diagonal is the largest, and would leave no colours for the rest.
        most = np.max(affinity - 2.0 * np.eye(len(order)))
        drawn = left.imshow(affinity, "viridis", vmax=most)
        left.set_xticks(range(len(order)), tree["ivl"], rotation=90)
        left.set_yticks(range(len(order)), tree["ivl"])
        left.set_title(f"affinity: {measure}")
        right.set_title("tree: distance")
        right.invert_yaxis()
        figure.colorbar(drawn, ax=left)
        with written_beside(path) as part:
            figure.savefig(part)

    def bytes_per_model(self):
        """What is kept of a network, in bytes, for each measure."""
        return {
            key: vectors[0].nbytes
            for key, vectors in self._vectors.items()
            if vectors
        }

    def save(self, path):
        """Write the space, whole or not at all.

        Args:
            path: string or path of a `.npz` file, which is replaced if it is
                there and holds a space.

        Raises:
            ValueError: If the path is none of those.
        """
        state = {
            "settings": self.settings,
            "names": self.names,
            "dead": self.dead,
        }
        write_space(path, state, self.probe_images, self._vectors)

    @classmethod
    def load(cls, path):
        """Read a space that was saved.

        Args:
            path: string or path.

        Returns:
            A `ModelSpace`, to which networks can be added.

        Raises:
            ValueError: If it is missing or no such file, or not as it was.
        """
        return read_space(path, cls)

    def _kept(self, measure):
        """Vectors of all networks, in 16 bits."""
        checks.choice("measure", measure, self._vectors)
        if len(self.names) < 2:
            raise ValueError(
                f"At least two networks are needed. Received: {len(self.names)}"
            )
        return self._vectors[measure]


def _check_probes(images):
    rule = (
        "`probe_images` must be three or more images (n, height, width, 3), "
        "uint8 or float"
    )
    images = checks.array("probe_images", images, rule, 4, checks.PIXELS)
    if images.shape[-1] != 3 or len(images) < 3:
        checks.fail(rule, "probe_images", images)
    images = as_float(images)
    if not (np.abs(images - 0.5) <= 0.5001).all():
        raise ValueError(
            "`probe_images` must be in [0, 1] if they are float. Received: "
            f"values from {images.min():.4g} to {images.max():.4g}"
        )
    return images
