"""What networks see in rooms, side by side."""

import matplotlib.pyplot as plt
import numpy as np
from shared import scenes

ROOMS = 5


def sheet(task, amalgamator):
    """Some test rooms, and of each task truth, teacher and student.

    Args:
        task: `scenes.Task`.
        amalgamator: `BranchingAmalgamator` of its teachers.

    Returns:
        A figure.
    """
    places = np.linspace(0, len(task.test) - 1, min(ROOMS, len(task.test)))
    rooms = task.test.select(places.astype(int))
    images = task.args.white * rooms.array()
    student = amalgamator.student.predict(images, verbose=0)
    columns = {"room": rooms.images}
    for name, teacher in zip(task.tasks, amalgamator.teachers):
        maps = {
            "truth": scenes.truth(rooms, name),
            "teacher": scenes.decided(name, teacher.predict(images, verbose=0)),
            "student": scenes.decided(name, student[name]),
        }
        # The same colours for the same values.
        known = [values for values in maps.values() if values is not None]
        limits = min(x.min() for x in known), max(x.max() for x in known)
        for who, values in maps.items():
            if values is not None:
                columns[f"{name}: {who}"] = drawn(name, values, limits)
    figure, axes = plt.subplots(
        len(rooms),
        len(columns),
        figsize=(1.35 * len(columns), 1.4 * len(rooms)),
        layout="tight",
        squeeze=False,
    )
    for column, (title, pictures) in zip(axes.T, columns.items()):
        column[0].set_title(title.replace(": ", "\n"), fontsize=8)
        for axis, picture in zip(column, pictures):
            axis.imshow(picture)
            axis.axis("off")
    return figure


def drawn(task, values, limits):
    """Maps as pictures: a colour a class, dark for near, axes for normals."""
    if task == "normals":
        return np.clip((values + 1) / 2, 0, 1)
    if task == "parsing":
        unknown = values == 255
        colors = plt.get_cmap("tab20")(values % 20)[..., :3]
        return np.where(unknown[..., None], 1.0, colors)
    least, most = limits
    return plt.get_cmap("viridis")((values - least) / max(most - least, 1e-6))
