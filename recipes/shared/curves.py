"""Losses of the places where a branch may begin, drawn."""

import numpy as np


def draw_places(axis, places, losses):
    """Draw a line a term, with a dot where it is least.

    Args:
        axis: `matplotlib.axes.Axes`.
        places: sequence of integers.
        losses: dict, term -> sequence of floats, one a place.
    """
    for name, values in losses.items():
        (line,) = axis.plot(places, values, label=name)
        best = int(np.argmin(values))
        axis.plot(places[best], values[best], "o", color=line.get_color())
    axis.set_xticks(places)
    axis.legend()
