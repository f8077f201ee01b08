"""A bad argument of anything public is a `ValueError` with one clear line.

Each name of `golden/api.txt` has a good call here, of which one argument after
the other is replaced by something bad: the call is refused, or it works. What
is on disk stays as it was.
"""

import functools
import inspect
import random

import keras
import numpy as np
import pytest
from amalgamation import networks
from applications.networks import tiny_features
from matplotlib.figure import Figure
from test_case import ROOT

import keras_vipa
from keras_vipa import amalgamation
from keras_vipa import applications
from keras_vipa import datasets
from keras_vipa import layers
from keras_vipa import metrics
from keras_vipa import transferability

pytestmark = pytest.mark.tensorflow

BAD = [None, "", "bogus", "no/such/file", -1, 0, 1.5, np.nan, [], {}]
BAD += [["bogus"], (), True, b"bytes", object(), np.zeros(0), np.zeros((2, 0))]
BAD += [np.full((4, 8, 8, 3), np.nan), np.array([None, "x"], object), np.inf]
SIX = np.arange(6) % 3
# Arguments that may be anything: Keras checks its own.
FREE = {"kwargs", "name", "verbose", "dtype"}
# Too little to be called with bad arguments, or made of other rows.
OTHERS = {
    "amalgamation.Amalgamator": "abstract: LayerwiseAmalgamator is one",
    "training.PhasedModel": "abstract: so are DINTrainer and amalgamators",
    "training.STRATEGIES": "a tuple",
    "datasets.style_samples": "has no arguments",
}


@functools.cache
def parts():
    """Small good arguments."""
    keras.utils.set_random_seed(0)
    teachers = [networks.dense_teacher(n) for n in (2, 3)]
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(8, 4)).astype("float32")
    space = transferability.ModelSpace(networks.images(4), "saliency", ["maps"])
    for number in (1, 2, 3):
        model = keras.Sequential(networks.conv_teacher(2).layers[:-1])
        space.add(f"model_{number}", model)
    return {
        "teachers": teachers,
        "seg_nets": {
            name: applications.SegNet(
                2, width=1, depth=1, image_shape=(8, 8, 3)
            )
            for name in ("one", "other")
        },
        "residual_nets": {
            labels: applications.BottleneckNet(
                2, width=1, units=(1, 1), image_shape=(8, 8, 3)
            )
            for labels in (("hat", "tie"), ("tie", "cape"))
        },
        "lip_reader": applications.CSSMCM(
            {"pinyin": ["ni"], "tones": ["1"], "characters": ["a"]}
        ),
        "vectors": vectors,
        "images": networks.images(4),
        "pictures": [np.full((40, 40, 3), 9, "uint8") for _ in range(3)],
        "set": datasets.ImageSet(np.zeros((6, 8, 8, 3), "uint8"), {"id": SIX}),
        "classifiers": [networks.conv_teacher(n) for n in (2, 3)],
        "amalgamator": amalgamation.LayerwiseAmalgamator(teachers),
        "din": applications.DIN(features=tiny_features()),
        "network": keras.Sequential(networks.conv_teacher(2).layers[:-1]),
        "space": space,
        "scores": generator.random((5, 5)),
        "labels": np.arange(8) % 2,
        "world": datasets.scenes(4),
    }


def rows():
    """Name -> a function and its good arguments."""
    p = parts()
    din, space, data = p["din"], p["space"], p["set"]
    rooms = datasets.RoomSet(data.images, depth=np.ones((6, 8, 8)))
    picture, style = p["images"][0].repeat(4, 0).repeat(4, 1), p["pictures"][0]
    code = np.zeros(975)
    words = {"pinyin": ["ni"], "tones": ["1"], "characters": ["a"]}
    axis = Figure().subplots()
    scored = {"scores": p["scores"], "truth": p["scores"].T}
    epochs = {"joint": 1}
    labelled = {"features": p["vectors"], "labels": p["labels"]}
    content = {"content": picture, "strength": 1.0, "grain": 0.0, "tile": 64}
    content |= {"preserve_color": False, "mask": None}
    zero_shot = {"x": p["vectors"], "y": p["labels"], "signatures": np.eye(2)}
    zero_shot |= {f"new_{name}": x for name, x in zero_shot.items()}
    zero_shot |= {"names": None, "new_names": ["a", "b"], "attributes": None}
    few = {"one": p["vectors"], "other": p["vectors"][:, :2]}
    embedding = layers.PartitionedEmbedding({"one": 2, "other": 2}, (2,))
    items = datasets.wardrobe("test", count=60)
    table = {
        "amalgamation.AdaptiveAmalgamator": {
            "teachers": [(m, {"id": slice(0, 2)}) for m in p["classifiers"]],
            "tasks": ["id"],
            "component": "plain",
            "student": "separable",
            "ratio": 0.9,
            "image_shape": (8, 8, 3),
            "taps": [None, None],
            "targets": "logits",
            "rule": "all",
            "select": False,
            "weights": {"features": 0.5},
            "phase": "target",
            "seed": 0,
        },
        "amalgamation.BranchingAmalgamator": {
            "teachers": p["seg_nets"],
            "losses": {"one": "values", "other": "depth"},
            "student": None,
            "weights": {"one": 2.0},
            "points": None,
            "schedule": "stepwise",
            "augmentation": None,
            "phase": "block_1",
            "seed": 0,
            "white": 1.0,
        },
        "amalgamation.FilteredAmalgamator": {
            "teachers": p["residual_nets"],
            "wanted": ["tie", "hat"],
            "student": None,
            "filters": True,
            "targets": "hard",
            "points": None,
            "schedule": "stepwise",
            "augmentation": None,
            "phase": "block_1",
            "seed": 0,
            "white": 1.0,
        },
        "amalgamation.least_entropy": {
            "logits": [p["vectors"], p["vectors"]],
            "relative": False,
        },
        "amalgamation.CommonFeatureAmalgamator": {
            "teachers": p["classifiers"],
            "student": "separable",
            "ratio": 5.0,
            "image_shape": (8, 8, 3),
            "taps": [None, None, None],
            "hidden": 2,
            "targets": "both",
            "temperature": 1.0,
            "calibrate": "classes",
            "weights": {"common": 1.0},
            "rates": None,
            "warm_up": 1,
            "bandwidths": (0.1, 1.0),
            "seed": 0,
        },
        "amalgamation.new_student": {
            "kind": "residual",
            "image_shape": (8, 8, 3),
            "num_classes": 2,
            "parameters": 2000,
            "seed": 0,
        },
        "amalgamation.renewed": {"model": p["teachers"][0], "seed": 0},
        "amalgamation.LayerwiseAmalgamator": {
            "teachers": p["teachers"],
            "widths": [3],
            "phase": "joint",
            "seed": 0,
        },
        "amalgamation.amalgamate_incrementally": {
            "teachers": p["teachers"],
            "images": p["vectors"],
            "epochs": epochs,
            "widths": 0.5,
            "seed": 0,
        },
        "amalgamation.draw_width_curves": {"axis": axis, "curves": {}},
        "amalgamation.width_curves": {
            "amalgamator": p["amalgamator"],
            "images": p["vectors"],
        },
        "applications.DIN": {
            "variant": "mobile",
            "weights": None,
            "kind": "depthwise",
            "kernel_size": 3,
            "taps": None,
            "sampling": "regular",
            "features": tiny_features(),
        },
        "applications.CSSMCM": {
            "vocabularies": words,
            "variant": "small",
            "length": 3,
            "soft": True,
            "seed": 0,
        },
        "applications.CSSMCMTrainer": {
            "model": p["lip_reader"],
            "sampling": 0.2,
            "corruption": 0.2,
            "learning_rate": 0.001,
            "phase": "parts",
            "seed": 0,
        },
        "applications.DINTrainer": {
            "model": din,
            "loss_weights": None,
            "learning_rate": 0.001,
            "phase": "stylize",
        },
        "applications.SceneEncoders": {"weights": None, "tasks": ("depth",)},
        "applications.BottleneckNet": {
            "outputs": 3,
            "width": 2,
            "units": (1, 1),
            "image_shape": (8, 8, 3),
            "weights": None,
            "seed": 0,
        },
        "applications.SelectiveZeroShot": {
            "signatures": np.eye(3),
            "backbone": None,
            "channels": 4,
            "residual": 2,
            "hidden": 4,
            "dropout": 0.1,
            "temperature": 5.0,
            "ridge": 0.3,
            "mix": 0.5,
            "calibration": (1.0, 2.0),
            "weights": {"overlap": 0.0},
            "learning_rate": 1e-3,
            "seed": 0,
        },
        "applications.SegNet": {
            "outputs": 3,
            "activation": "unit",
            "width": 2,
            "depth": 2,
            "convolutions": (1, 1),
            "image_shape": (8, 8, 3),
            "weights": None,
            "seed": 0,
        },
        "applications.SmallConvNet": {
            "input_shape": (8, 8, 3),
            "classes": 3,
            "filters": (4,),
            "units": 5,
            "strides": 1,
            "weights": None,
        },
        "applications.StylePairs": {
            "contents": {"content": p["images"]},
            "styles": {"style": p["images"]},
            "batch_size": 2,
            "steps": 1,
            "seed": 0,
            "grain": 0.0,
        },
        "applications.VGGFeatures": {"weights": None, "depth": "vgg16"},
        "applications.convert_vgg": {
            "kernels": {},
            "images": p["images"],
            "depth": "vgg16",
        },
        "applications.load_model": {"name": "digits_0_4"},
        "applications.save_float16": {
            "model": p["network"],
            "path": "new.weights.h5",
        },
        "applications.OutfitComposer": {
            "embedding": embedding,
            "clusters": 2,
            "smoothing": 0.5,
            "beam": 2,
            "seed": 0,
        },
        "applications.PartitionTrainer": {
            "embedding": embedding,
            "attributes": {"one": 2},
            "size": (8, 8),
            "alpha": 1.0,
            "beta": 1.0,
            "steps": 1,
            "opponents": "distance",
            "hidden": (2,),
            "learning_rate": 1e-3,
            "opponent_rate": 1e-3,
            "phase": "separate",
            "seed": 0,
        },
        "datasets.ImageSet": {
            "images": np.zeros((6, 8, 8, 3), "uint8"),
            "labels": {"id": SIX},
            "class_names": None,
            "label": None,
        },
        "datasets.class_groups": {
            "num_classes": 6,
            "num_groups": 2,
            "overlap": 0,
            "seed": 0,
        },
        "datasets.digits": {"split": "test"},
        "datasets.emoji": {"split": "test", "label": "category"},
        "datasets.folder": {"path": "pictures", "size": 8, "strict": False},
        "datasets.garments": {"split": "test"},
        "datasets.named": {"name": "digits", "size": 8, "seed": 0},
        "datasets.people": {"split": "test", "label": "hat"},
        "datasets.pink_noise": {"count": 2, "seed": 0, "size": 8},
        "datasets.random_crops": {
            "pictures": p["pictures"],
            "count": 2,
            "size": 16,
            "seed": 0,
            "zoom": (1.0, 2.0),
            "widen": False,
        },
        "datasets.read_pictures": {
            "folder": None,
            "kind": "photographs",
            "limit": 1,
            "size": 32,
            "seed": 0,
        },
        "datasets.broken_rules": {"items": items, "outfit": [0, 1]},
        "datasets.polyvore": {
            "path": "pictures",
            "split": "train",
            "size": 8,
            "kind": "disjoint",
        },
        "datasets.wardrobe": {
            "split": "test",
            "count": 4,
            "correlation": 0.5,
            "seed": 0,
        },
        "datasets.wardrobe_outfits": {"items": items, "count": 1, "seed": 0},
        "datasets.ClipSet": {
            "read": len,
            "texts": ["ab", "c"],
            "pinyin": [["ni", "hao"], ["ta"]],
            "tones": [[3, 3], [1]],
            "speakers": [0, 1],
            "lengths": [9, 9],
            "places": None,
        },
        "datasets.cmlr": {
            "path": "cmlr",
            "split": "test",
            "size": (16, 32),
            "boxes": None,
            "limit": 2,
        },
        "datasets.critter_signatures": {"names": ["tall"]},
        "datasets.critters": {"split": "unseen", "difficulty": 1.0},
        "datasets.gbu": {"path": "bogus", "unseen": None},
        "datasets.read_signatures": {"path": "precious.npz"},
        "datasets.ZeroShotSet": zero_shot,
        "datasets.read_clip": {
            "path": "precious.npz",
            "size": (16, 32),
            "box": (0, 0, 4, 2),
        },
        "datasets.lips": {
            "split": "validation",
            "tone_cue": 1.0,
            "size": (16, 32),
            "seed": 0,
        },
        "datasets.RoomSet": {
            "images": np.zeros((6, 8, 8, 3), "uint8"),
            "labels": np.zeros((6, 8, 8), "uint8"),
            "depth": np.ones((6, 8, 8)),
            "normals": None,
            "class_names": None,
            "info": None,
        },
        "datasets.room_folder": {
            "path": "rooms",
            "size": 8,
            "maps": (),
            "class_names": None,
            "depth_scale": 0.001,
        },
        "datasets.rooms": {"split": "test"},
        "datasets.scene_task": {
            "world": p["world"],
            "task": "depth",
            "seed": 0,
        },
        "datasets.scenes": {"count": 2, "seed": 0, "size": 16},
        "datasets.smooth_pictures": {"count": 2, "size": 16, "seed": 0},
        "datasets.tfds": {"name": "tfds:nope", "size": 8, "limit": 2},
        "export.run_litert": {"path": "model.tflite", "inputs": p["vectors"]},
        "export.to_litert": {
            "model": p["teachers"][0],
            "path": "new.tflite",
            "precision": "float16",
            "samples": None,
            "batch_size": 1,
            "keep_float": None,
        },
        "export.to_onnx": {"model": p["teachers"][0], "path": "new.onnx"},
        "export.to_saved_model": {"model": p["teachers"][0], "path": "new"},
        "layers.AttributionGradient": {
            "model": p["network"],
            "method": "saliency",
            "target": 1,
            "epsilon": 1e-4,
            "steps": 4,
            "baseline": 0.0,
        },
        "layers.BiasNet": {"channels": 4, "widths": (4,)},
        "layers.ColorCode": {"epsilon": 1e-4},
        "layers.CascadeToneDecoder": {
            "vocabulary": 6,
            "sources": 1,
            "units": 4,
            "embedding": 3,
            "depth": 1,
            "feeding": False,
            "dropout": 0.1,
            "special": (0, 1, 2),
            "seed": 0,
        },
        "layers.ChannelGate": {"reduction": 4, "seed": 0},
        "layers.MaxPoolingWithIndices2D": {},
        "layers.MaxUnpooling2D": {},
        "layers.DoubleSize2D": {"interpolation": "nearest"},
        "layers.DynamicInstanceNorm": {
            "kernel_size": 3,
            "kind": "depthwise",
            "sampling": "regular",
            "dilation_rate": 1,
            "epsilon": 1e-5,
            "max_offset": 8.0,
        },
        "layers.PartitionedEmbedding": {
            "parts": {"one": 2, "rest": 2},
            "filters": (2,),
            "dropout": 0.1,
            "seed": 0,
        },
        "layers.ReflectionPadding2D": {"padding": 1},
        "layers.WeightNet": {
            "channels": 4,
            "kernel_size": 3,
            "kind": "depthwise",
            "widths": (4,),
            "taps": "grid",
        },
        "layers.WhiteningColoring": {"epsilon": 1e-4},
        "losses.cosine_error": {
            "target": p["vectors"],
            "output": p["vectors"],
        },
        "losses.maximum_mean_discrepancy": {
            "target": p["vectors"],
            "output": p["vectors"],
            "bandwidths": (0.1, 1.0),
        },
        "losses.scale_invariant_error": {
            "target": p["vectors"],
            "output": p["vectors"],
            "balance": 0.5,
        },
        "losses.soft_cross_entropy": {
            "target": p["vectors"],
            "output": p["vectors"],
            "temperature": 2.0,
        },
        "losses.squared_error": {
            "target": p["vectors"],
            "output": p["vectors"],
        },
        **{
            f"metrics.{name}": {
                "confidence": "maximum",
                "from_logits": True,
                "capacity": 8,
            }
            for name in ("AUGRC", "AURC", "EAURC")
        },
        "metrics.CoverageAtRisk": {"risk": 0.1, "confidence": "given"},
        "metrics.RiskAtCoverage": {"coverage": 0.5, "confidence": "given"},
        "metrics.confidence_of": {
            "outputs": np.eye(2),
            "kind": "margin",
            "from_logits": True,
        },
        "metrics.risk_coverage_curve": {
            "confidence": [0.1, 0.2],
            "correct": [True, False],
            "sample_weight": [1, 2],
        },
        "metrics.fit_temperature": {
            "logits": p["vectors"],
            "labels": p["labels"],
        },
        "metrics.selective_scores": {
            "confidence": [0.1, 0.2],
            "correct": [True, False],
            "risks": (0.1,),
            "coverages": (0.5,),
            "sample_weight": [1, 2],
        },
        "metrics.threshold_for_risk": {
            "confidence": np.arange(50),
            "correct": np.ones(50),
            "risk": 0.2,
            "delta": 0.1,
        },
        "metrics.block_mig": {
            "matrix": {"information": np.eye(2), "entropy": np.ones(2)}
        },
        "metrics.compatibility_auc": {"right": [2.0], "wrong": [1.0]},
        "metrics.fill_in_accuracy": {"scores": np.eye(2)},
        "metrics.leakage_matrix": {
            "train": few,
            "train_labels": {"one": p["labels"]},
            "test": few,
            "test_labels": {"one": p["labels"]},
            "hidden": 0,
            "steps": 1,
            "seed": 0,
        },
        "metrics.residual_predictability": {
            "train": few,
            "test": few,
            "hidden": (2,),
            "steps": 1,
            "seed": 0,
        },
        "metrics.swap_accuracy": {
            "swap": lambda images, donors, part: donors,
            "classify": lambda images: {"one": np.zeros(len(images), int)},
            "images": p["images"],
            "labels": {"one": np.arange(len(p["images"])) % 2},
            "seed": 0,
        },
        "metrics.depth_scores": {
            "target": np.ones((2, 4, 4)),
            "output": np.ones((2, 4, 4)),
        },
        "metrics.error_rates": {"targets": ["ab"], "outputs": ["b"]},
        "metrics.mean_average_precision": {
            "labels": np.eye(2),
            "scores": np.eye(2),
            "by": "example",
        },
        "metrics.normal_scores": {
            "target": np.ones((2, 4, 4, 3)),
            "output": np.ones((2, 4, 4, 3)),
        },
        "metrics.parsing_scores": {
            "labels": np.zeros((2, 4, 4), "int32"),
            "logits": np.ones((2, 4, 4, 3)),
            "ignored": 255,
        },
        "metrics.accuracy": {
            "labels": p["labels"],
            "logits": p["vectors"],
            "classes": None,
        },
        "metrics.agreement": {
            "target": p["vectors"],
            "logits": p["vectors"],
            "classes": None,
        },
        "metrics.by_part": {
            "measure": metrics.accuracy,
            "target": p["labels"],
            "slices": [slice(0, 2)],
        },
        "training.Batches": {
            "arrays": p["vectors"],
            "batch_size": 4,
            "seed": 0,
            "labels": None,
        },
        "training.FiniteGuard": {"phase": "joint"},
        "training.Progress": {"phase": "joint"},
        "training.announce": {
            "method": p["amalgamator"],
            "images": p["vectors"],
            "epochs": epochs,
            "times": 1,
        },
        "training.default_epochs": {"count": 100, "batch_size": 8},
        "training.expected_seconds": {
            "method": p["amalgamator"],
            "images": p["vectors"],
            "epochs": epochs,
            "batch_size": 4,
        },
        "training.hold_back": {"images": p["vectors"], "patience": 2},
        "training.in_blocks": {
            "function": dict,
            "arrays": {"x": p["vectors"]},
            "block": 3,
        },
        "training.strategy_scope": {"name": "none"},
        "transferability.ModelSpace": {
            "probe_images": p["images"],
            "method": "saliency",
            "measures": ["maps"],
            "pool": 2,
            "projection": None,
            "steps": 2,
            "batch_size": 2,
            "seed": 0,
        },
        "transferability.attribution_maps": {
            "model": p["network"],
            "images": p["images"],
            "method": "saliency",
            "target": 1,
            "reduction": None,
            "batch_size": 2,
        },
        "transferability.evaluate_ranking": {
            **scored,
            "relevant": 2,
            "permutations": 10,
            "seed": 0,
        },
        "transferability.gradient_curves": {
            "model": p["network"],
            "images": p["images"],
            "steps": 2,
            "target": 1,
            "batch_size": 2,
            "seed": 0,
        },
        "transferability.h_score": labelled,
        "transferability.leep": {
            "probabilities": np.full((8, 2), 0.5),
            "labels": p["labels"],
        },
        "transferability.log_me": {**labelled, "steps": 10, "tolerance": 1e-5},
        "transferability.nce": {
            "source_classes": p["labels"],
            "labels": p["labels"],
        },
        "transferability.permutation_test": {
            **scored,
            "permutations": 10,
            "seed": 0,
        },
        "transferability.precision_at_k": {**scored, "k": 1, "relevant": 2},
        "transferability.rank_correlations": scored,
        "transferability.readout_error": {
            "features": p["vectors"],
            "targets": p["vectors"],
            "labels": 4,
        },
        "transferability.recall_at_k": {**scored, "k": 1, "relevant": 2},
    }
    calls = {name: (_of(name), good) for name, good in table.items()}
    calls |= {
        "DIN.transfer": (din.transfer, content | {"code": code}),
        "DIN.stylize": (din.stylize, content | {"style": style}),
        "DIN.style_code": (din.style_code, {"style": style}),
        "DIN.mix": (din.mix, {"codes": [code, code], "weights": [1, 2]}),
        "DIN.transfer_model": (din.transfer_model, {"height": 16, "width": 16}),
        "ModelSpace.rank": (space.rank, {"target": "model_1"}),
        "ModelSpace.affinity": (space.affinity, {"measure": "maps"}),
        "ModelSpace.plot": (space.plot, {"path": "new.png", "measure": "maps"}),
        "ModelSpace.save": (space.save, {"path": "new.npz"}),
        "ModelSpace.load": (space.load, {"path": "space.npz"}),
        "SelectiveZeroShot.tune": (
            applications.SelectiveZeroShot.tune,
            {
                "x": p["vectors"],
                "labels": np.arange(8) % 4,
                "signatures": np.eye(4),
                "grid": {"residual": [2]},
                "held": [0, 1],
                "share": 0.5,
                "epochs": 1,
                "batch_size": 4,
                "seed": 0,
            },
        ),
        "ImageSet.array": (data.array, {"index": [0, 1]}),
        "ImageSet.y": (data.y, {"label": None}),
        "ImageSet.select": (data.select, {"index": [0, 1]}),
        "RoomSet.array": (rooms.array, {"index": [0, 1]}),
        "RoomSet.select": (rooms.select, {"index": [0, 1]}),
        "ImageSet.of_classes": (data.of_classes, {"classes": [0, 1]}),
        "ImageSet.few_per_class": (data.few_per_class, {"n": 1, "seed": 0}),
        "Amalgamator.fit_stages": (
            p["amalgamator"].fit_stages,
            {
                "data": p["vectors"],
                "epochs": epochs,
                "batch_size": 4,
                "cache_bytes": 0,
                "minutes": None,
                "optimizers": None,
            },
        ),
    }
    return calls


def _of(name):
    value = keras_vipa
    for part in name.split("."):
        value = getattr(value, part)
    return value


def files_in(folder):
    """Path -> content of all files below a folder."""
    found = sorted(folder.rglob("*"))
    return {p: p.read_bytes() if p.is_file() else None for p in found}


def test_every_public_name_has_a_row():
    names = (ROOT / "tests" / "golden" / "api.txt").read_text().split()
    names = {name.removeprefix("keras_vipa.") for name in names}
    assert names - set(rows()) - set(OTHERS) == set()


def tries(seed, most):
    """Calls of every row, with one bad argument each."""
    chooser = random.Random(seed)
    for name, (function, good) in rows().items():
        known = inspect.signature(function).parameters
        for argument in good:
            is_open = {"kwargs", "options"} & set(known)
            assert argument in known or is_open, (name, argument)
            if argument not in FREE or name == "applications.load_model":
                for bad in chooser.sample(BAD, most):
                    yield name, function, good, argument, bad


def check(folder, seed, most):
    """Try, and return what went wrong."""
    (folder / "precious.npz").write_bytes(b"PK\3\4 not of this package")
    (folder / "bogus").mkdir()
    before, wrong = files_in(folder), []
    for name, function, good, argument, bad in tries(seed, most):
        place = f"{name}({argument}={bad!r:.40})"
        try:
            function(**{**good, argument: bad})
        except ValueError as error:
            if not str(error) or len(str(error)) > 1000:
                wrong.append(f"{place}: {len(str(error))} characters")
        except Exception as error:
            wrong.append(f"{place}: {type(error).__name__}: {error!s:.60}")
        for path in set(files_in(folder)) - set(before):
            if path.suffix in (".tflite", ".onnx", ".h5", ".png", ".npz"):
                path.unlink()
    after = files_in(folder)
    gone = {str(p) for p in before if after.get(p) != before[p]}
    return wrong + sorted(gone)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("eager")
def test_some_bad_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check(tmp_path, seed=0, most=1) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("eager")
def test_all_bad_arguments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check(tmp_path, seed=0, most=len(BAD)) == []
