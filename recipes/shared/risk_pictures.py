"""Pictures of a classifier that may keep silent."""

import matplotlib.pyplot as plt
import numpy as np

from keras_vipa import metrics

SHOWN = 14


def draw_curves(kept):
    """Risk against coverage.

    Args:
        kept: dict, name -> confidence and who was right; drawn are those of the
            softmax maximum, and of `both` parts.

    Returns:
        A matplotlib figure.
    """
    figure, axis = plt.subplots(figsize=(6, 4), layout="tight")
    for name, (confidence, correct) in kept.items():
        if name.endswith(("maximum", "both")):
            curve = metrics.risk_coverage_curve(confidence, correct)
            width = 2.5 if name.endswith("both") else 1.2
            axis.plot(
                100 * curve["coverage"],
                100 * curve["risk"],
                label=name,
                linewidth=width,
            )
    axis.set(xlabel="answered, %", ylabel="of these wrong, %", ylim=(0, None))
    axis.legend(fontsize=8)
    return figure


def draw_images(confidence, correct, images):
    """The surest and the least sure, with a red frame where it was wrong.

    Args:
        confidence: float array `(n,)`.
        correct: boolean array `(n,)`.
        images: array `(n, height, width, 3)`.

    Returns:
        A matplotlib figure.
    """
    order = np.argsort(-confidence)
    parts = [order[:SHOWN], order[-SHOWN:]]
    titles = ["answered first", "refused first"]
    figure, axes = plt.subplots(
        2, SHOWN, figsize=(SHOWN, 2.6), layout="constrained"
    )
    for line, part, title in zip(axes, parts, titles):
        line[0].set_title(title, loc="left", fontsize=9)
        for axis, number in zip(line, part):
            axis.imshow(images[number])
            axis.set(xticks=[], yticks=[])
            color = "#2a8a2a" if correct[number] else "#d62728"
            for spine in axis.spines.values():
                spine.set(color=color, linewidth=2)
    return figure
