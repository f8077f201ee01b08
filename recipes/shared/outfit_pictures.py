"""Pictures of outfits and their reasons, of maps, leaks and swaps."""

import matplotlib.pyplot as plt
import numpy as np


def draw_outfits(images, groups, parts):
    """A page of outfits with the scores of their parts, and reasons.

    Args:
        images: float array, all items.
        groups: list of pairs, a title and a list of what `recommend` returns.
        parts: list of names, what scores are shown of.

    Returns:
        A matplotlib figure.
    """
    rows = [
        (title if number == 0 else "", outfit)
        for title, outfits in groups
        for number, outfit in enumerate(outfits)
    ]
    figure, axes = plt.subplots(
        len(rows), 6, figsize=(11, 1.5 * len(rows)), squeeze=False
    )
    for line, (title, outfit) in zip(axes, rows):
        for axis in line:
            axis.axis("off")
        for axis, item in zip(line, outfit["items"]):
            axis.imshow(images[item])
        line[0].set_title(title, loc="left", fontsize=9)
        bars = line[4]
        bars.axis("on")
        values = [outfit["parts"][part] for part in parts]
        bars.barh(range(len(parts)), values, color="#4878a8")
        bars.set(xlim=(0, 1), yticks=range(len(parts)), xticks=[0, 0.5, 1])
        bars.set_yticklabels(parts, fontsize=7)
        bars.tick_params(axis="x", labelsize=6)
        bars.axvline(0.5, color="#888888", linewidth=0.7)
        bars.invert_yaxis()
        text = [f"score {outfit['total']:.2f}", *outfit["sentences"]]
        line[5].text(0, 0.5, "\n".join(text), fontsize=7, va="center")
    figure.subplots_adjust(0.02, 0.02, 0.82, 0.96, hspace=0.5)
    return figure


def draw_maps(composer, places):
    """Attribute matching maps of pairs of categories.

    Args:
        composer: `OutfitComposer`.
        places: list of tuples, part and two categories.

    Returns:
        A matplotlib figure.
    """
    width = 5 * len(places)
    figure, axes = plt.subplots(1, len(places), figsize=(width, 5))
    for axis, (part, one, other) in zip(np.atleast_1d(axes), places):
        values, rows, columns = composer.matching_map(part, one, other)
        # Clusters of one name side by side.
        down, across = (np.argsort(names) for names in (rows, columns))
        axis.imshow(values[np.ix_(down, across)], vmin=0, vmax=1, cmap="RdYlGn")
        axis.set(title=part, xlabel=other, ylabel=one)
        axis.set_yticks(range(len(rows)))
        axis.set_yticklabels(np.array(rows)[down], fontsize=6)
        axis.set_xticks(range(len(columns)))
        names = np.array(columns)[across]
        axis.set_xticklabels(names, fontsize=6, rotation=90)
    figure.tight_layout()
    return figure


def draw_leakage(matrices):
    """What can be read of each attribute from each part, in percent.

    Args:
        matrices: dict, title -> what `leakage_matrix` returns.

    Returns:
        A matplotlib figure.
    """
    width = 4 * len(matrices)
    figure, axes = plt.subplots(1, len(matrices), figsize=(width, 3.6))
    for axis, (title, matrix) in zip(np.atleast_1d(axes), matrices.items()):
        values = 100 * matrix["normalised"]
        axis.imshow(values, vmin=0, vmax=100, cmap="Blues")
        for (row, column), value in np.ndenumerate(values):
            ink = "white" if value > 60 else "black"
            axis.text(column, row, f"{value:.0f}", ha="center", color=ink)
        axis.set_xticks(range(len(matrix["attributes"])))
        axis.set_xticklabels(matrix["attributes"])
        axis.set_yticks(range(len(matrix["parts"])))
        axis.set_yticklabels(matrix["parts"])
        axis.set(title=title, xlabel="read", ylabel="from part")
    figure.tight_layout()
    return figure


def draw_swaps(images, donors, decoded, swapped):
    """Items with one part of others.

    Args:
        images: float array `(n, height, width, 3)`.
        donors: the same, whose parts are taken.
        decoded: the same, of the images' own parts.
        swapped: dict, part -> the same, with this part of the donors.

    Returns:
        A matplotlib figure.
    """
    lines = {"item": images, "decoded": decoded, "other": donors}
    for part, found in swapped.items():
        lines[f"its {part}"] = found
    count = len(images)
    figure, axes = plt.subplots(
        len(lines), count, figsize=(0.9 * count + 1, 0.95 * len(lines))
    )
    for line, (title, pictures) in zip(axes, lines.items()):
        for axis, picture in zip(line, pictures):
            axis.imshow(np.clip(picture, 0, 1))
            axis.set(xticks=[], yticks=[])
            for side in axis.spines.values():
                side.set_visible(False)
        line[0].set_ylabel(title, rotation=0, ha="right", va="center")
    figure.subplots_adjust(0.12, 0.01, 0.99, 0.99, 0.05, 0.05)
    return figure
