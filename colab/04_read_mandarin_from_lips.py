r"""# Read Mandarin from lips, one step at a time

**Author:** keras_vipa authors<br>
**Date created:** 2026/11/27<br>
**Description:** A silent clip becomes syllables, tones and characters, with
attention that can be looked at.

## The problem

In Mandarin the same syllable means different things in different tones, and a
tone is pitch, which lips hardly show. Many characters sound alike even then. A
reader that goes from lips to characters in one leap has to guess all of this at
once. CSSMCM ([Zhao, Xu and Song, MM Asia
2019](https://arxiv.org/abs/1908.04917)) takes three steps instead: syllables
$p$ from the clip $x$, which is what lips show; tones $t$ from clip and
syllables; characters $y$ from all three:

$$P(y|x) = \sum_p \sum_t P(y|p, t, x) \, P(t|p, x) \, P(p|x)$$

of which, as it reads, only the likeliest terms are followed.
"""  # noqa: D415

import matplotlib.pyplot as plt
import numpy as np

import keras_vipa
from keras_vipa import metrics

"""
## The clips

No corpus of Mandarin lips may be given away, so the clips of this tutorial are
drawn: mouths whose lips, teeth and tongue do what each sound asks for, with the
durations of a speech synthesiser. They are **synthetic**, and whatever is
measured here says nothing of people. `keras_vipa.datasets.cmlr` reads the real
corpus for whoever has it.

The two speakers below were not in training.
"""

clips = keras_vipa.datasets.lips("unseen", size=(16, 32))
print(clips)

NUMBER = 4
clip = clips.clip(NUMBER)
print("said:", clips.texts[NUMBER])
print(" ".join(clips.pinyin[NUMBER]), clips.tones[NUMBER])

figure, axes = plt.subplots(3, 10, figsize=(11, 2), layout="tight")
chosen = np.linspace(0, len(clip) - 1, 30).astype(int)
for frame, axis in zip(clip[chosen], axes.flat):
    axis.imshow(frame, cmap="gray", vmin=0, vmax=255)
    axis.axis("off")
plt.show()

"""
## The network

Five frames at a time, every second frame, become features; a bidirectional GRU
makes a sequence of these. Each of the three stages is a decoder with attention,
a `keras_vipa.layers.CascadeToneDecoder`.
"""

model = keras_vipa.applications.CSSMCM(weights="cssmcm_lips")
for stage, sources in model.sources.items():
    words = len(model.vocabularies[stage].tokens)
    print(f"{stage}: one of {words}, looks at {', '.join(sources)}")
print(f"{model.count_params():,} parameters")

video = model.see(clip[None], np.array([len(clip)]))
print(f"{len(clip)} frames, {video.values.shape[1]} windows")

"""
## One syllable after the other

A decoder says how likely each token is to come next, given those before it. Fed
with what it has just said, it goes on until it says that it is over. Tokens 0
to 2 stand for nothing, the start and the end.
"""

decoder = model.decoders["pinyin"]
names = ["", "(start)", "(end)", *model.vocabularies["pinyin"].tokens]
memory = decoder.remember([video.values], [video.mask])
carry, token = decoder.first(memory, video.states), decoder.start
attention = []
while token != decoder.end and len(attention) <= model.length:
    logits, carry, (weights,) = decoder.step(np.array([token]), carry, memory)
    logits = np.array(logits[0])
    chances = np.exp(logits - logits.max())
    chances /= chances.sum()
    best = chances.argsort()[::-1][:3]
    print("   ".join(f"{names[n]} {chances[n]:.2f}" for n in best))
    token = best[0]
    attention.append(np.array(weights[0]))

"""
Where in the clip did it look, while it said each of these?
"""

figure, axis = plt.subplots(figsize=(7, 3), layout="tight")
axis.imshow(attention, cmap="magma_r", aspect="auto", vmin=0)
axis.set_xlabel("window of the clip, 80 ms each")
axis.set_ylabel("step of the decoder")
plt.show()

"""
Nobody told the decoder to go from left to right.

## All three stages

`read` does this with a beam: each stage follows the likeliest few sequences at
once. The next stage gets what was said as probabilities, not as a decision, so
that it can still doubt it.
"""

reading = model.read([clip], width=4)[0]
for stage, tokens in reading.tokens.items():
    print(f"{stage:10s} {' '.join(tokens)}   ({reading.scores[stage]:.2f})")
print("said:     ", " ".join(clips.texts[NUMBER]))
for text, score in reading.others:
    print(f"or perhaps {' '.join(text)}   ({score:.2f})")

figure, axes = plt.subplots(1, 3, figsize=(11, 2.8), layout="tight")
for axis, (stage, weights) in zip(axes, reading.attention.items()):
    axis.imshow(weights, cmap="magma_r", aspect="auto", vmin=0)
    axis.set_title(stage)
    axis.set_xlabel("window of the clip")
    labels = reading.tokens["pinyin"]
    axis.set_yticks(range(len(labels)), labels)
plt.show()

"""
## How often is it wrong?

Errors are counted as substitutions, deletions and insertions, over the number
of true tokens: of syllables, tones and characters. With the true syllables and
tones in place of those that were read, each stage shows what it can do by
itself.
"""

some = clips.select(slice(200))
reader, said = model.reader(), some.said()
for name, true in (("as it reads", False), ("with true inputs", True)):
    readings = reader.read(some, true=true)
    rates = [
        metrics.error_rates(
            said[stage], [one.tokens[stage] for one in readings]
        )["rate"]
        for stage in model.stages
    ]
    line = "  ".join(f"{s} {r:.1%}" for s, r in zip(model.stages, rates))
    print(f"{name}: {line}")

"""
Who knows syllables and tones makes few errors: what is wrong comes from the
first stage, from what lips do not show.

## On a phone

The network is exported in parts, without loops: a part that sees a clip, a step
of each decoder, and what encodes the syllables and tones that were said. A few
lines of a program put them together, as `read_parts` does. Running LiteRT files
in Python takes `pip install "keras_vipa[lite]"`.
"""

paths, total = {}, 0
for name, part in model.parts().items():
    path = keras_vipa.export.to_litert(part, f"{name}.tflite", "float16")
    paths[name], total = path, total + path.stat().st_size
print(f"{len(paths)} files, {total:,} bytes")


def run(name, inputs):
    """What a part returns, from its file."""
    return keras_vipa.export.run_litert(paths[name], inputs)


print(model.read_parts(run, clip))

"""
## Your own clips

`keras_vipa.datasets.read_clip` reads videos, GIFs and folders of frames, and
cuts out the mouth. The network above has only seen drawn mouths; one that reads
people has to be trained on people:

```
python recipes/train_cssmcm.py --data CMLR --variant paper --least 20
python recipes/read_lips.py clip.mp4 --weights cssmcm.keras --box 210 300 160 80
```

## What to read next

- `recipes/read_lips.md` has what was measured, and with which command.
- `help(keras_vipa.applications.CSSMCM)` has the formulas, and what is ours
  rather than the paper's.
- `keras_vipa.layers.CascadeToneDecoder` is an attention decoder with beam
  search for any sequence.
"""
