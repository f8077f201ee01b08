"""CSSMCM as networks without loops over tokens, and how to read with them."""

import keras
import numpy as np
from keras import layers
from keras import ops

from keras_vipa.applications.cssmcm.vocabulary import END
from keras_vipa.applications.cssmcm.vocabulary import PAD
from keras_vipa.applications.cssmcm.vocabulary import START


class Part(layers.Layer):
    """Some of the layers of a `CSSMCM`.

    Args:
        model: `CSSMCM`.
        stage: string.
    """

    def __init__(self, model, stage):
        super().__init__(dtype=model.dtype_policy)
        self.model, self.stage = model, stage

    def remembered(self, encoded):
        """What all decoders need of a source, and its last state."""
        model, found = self.model, {}
        for stage, sources in model.sources.items():
            if self.stage in sources:
                decoder = model.decoders[stage]
                project = decoder.keys[sources.index(self.stage)]
                both = [encoded.values, project(encoded.values)]
                found[f"memory_{stage}"] = ops.concatenate(both, axis=-1)
        return {**found, "state": ops.concatenate(encoded.states, axis=-1)}


class See(Part):
    """A clip, as decoders attend to it."""

    def call(self, inputs):
        return self.remembered(self.model.see(inputs["clip"], None, False))


class Encode(Part):
    """What was said, as decoders attend to it."""

    def call(self, inputs):
        model = self.model
        return self.remembered(
            model.encode(self.stage, inputs["said"], None, False)
        )


class Step(Part):
    """A step of a decoder."""

    def call(self, inputs):
        decoder = self.model.decoders[self.stage]
        sources = self.model.sources[self.stage]
        memory = [
            (*ops.split(inputs[f"memory_{name}"], 2, axis=-1), None)
            for name in sources
        ]
        sizes = decoder.carry_sizes()
        carry = ops.split(inputs["carry"], np.cumsum(sizes)[:-1].tolist(), -1)
        logits, carry, weights = decoder.step(inputs["token"], carry, memory)
        return {
            "logits": logits,
            "carry": ops.concatenate(carry, axis=-1),
            "attention": weights[0],
        }


def parts(model):
    """`CSSMCM.parts`."""
    units = 2 * model.units

    def network(kind, stage, **shapes):
        inputs = {
            name: keras.Input(
                shape, name=name, dtype="int32" if shape == () else "float32"
            )
            for name, shape in shapes.items()
        }
        return keras.Model(inputs, kind(model, stage)(inputs))

    found = {"see": network(See, "video", clip=(None, *model.size))}
    for stage in model.tables:
        said = (None, len(model.vocabularies[stage]))
        found[f"encode_{stage}"] = network(Encode, stage, said=said)
    for stage, sources in model.sources.items():
        sizes = model.decoders[stage].carry_sizes()
        memory = {f"memory_{name}": (None, 2 * units) for name in sources}
        found[f"step_{stage}"] = network(
            Step, stage, token=(), carry=(sum(sizes),), **memory
        )
    return found


def read_parts(run, model, clip):
    """`CSSMCM.read_parts`."""
    clip = np.asarray(clip, "float32")[None]
    memory = {"video": run("see", {"clip": clip})}
    found, count = {}, None
    for stage, sources in model.sources.items():
        inputs = {f"memory_{s}": memory[s][f"memory_{stage}"] for s in sources}
        numbers, said = _follow(run, model, stage, inputs, memory, count)
        count = len(numbers)
        if not count:
            return {stage: [] for stage in model.stages}
        found[stage] = model.vocabularies[stage].decode([numbers])[0]
        if stage in model.tables:
            memory[stage] = run(f"encode_{stage}", {"said": said[None]})
    return found


def _follow(run, model, stage, inputs, memory, count):
    """Numbers of the tokens of a stage, and what is said of each."""
    sizes = model.decoders[stage].carry_sizes()
    state = memory[model.sources[stage][-1]]["state"]
    carry = np.zeros((1, sum(sizes)), "float32")
    carry[:, : state.shape[1]] = state
    numbers, said, token = [], [], START
    limit = model.length if count is None else count
    while len(numbers) < limit:
        step = {"token": np.array([token], "int32"), "carry": carry}
        out = run(f"step_{stage}", {**step, **inputs})
        carry, logits = out["carry"], out["logits"][0]
        allowed = np.ones(len(logits), bool)
        allowed[[PAD, START]] = False
        allowed[END] = count is None
        token = int(np.where(allowed, logits, -np.inf).argmax())
        if token == END:
            break
        numbers.append(token)
        if model.soft:
            said.append(np.exp(logits - logits.max()))
        else:
            said.append(np.arange(len(logits)) == token)
    return numbers, np.array([row / row.sum() for row in said], "float32")
