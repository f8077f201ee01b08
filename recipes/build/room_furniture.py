"""Reads the furniture of Sweet Home 3D: triangles, and what is on them."""

import os
import re
from typing import NamedTuple

import numpy as np
from room_surfaces import levels_of
from room_surfaces import muted

CATALOG = "PluginFurnitureCatalog.properties"
# Longest side of a picture in pixels: nothing finer is seen in small rooms.
LONGEST = 96
# Parts of more triangles are made of fewer, at least this share of them.
TRIANGLES = 2000
FEWER = 1 / 6


class Shape(NamedTuple):
    """Triangles with what they look like.

    Attributes:
        corners: float array `(n, 3, 3)`. Metres, y up.
        places: float array `(n, 3, 2)`. Of each corner in its picture, from
            left and from the bottom; one more is the same place again.
        surface: int array `(n,)`. Which of the surfaces.
        surfaces: list of lists of float arrays `(height, width, 3)`. Colours
            in [0, 1], see `levels_of`.
        glow: float. Share of the colour that is there without light.
    """

    corners: np.ndarray
    places: np.ndarray
    surface: np.ndarray
    surfaces: list
    glow: float = 0.0


def read_catalog(folder):
    """Name of a model -> its entry, a dict of strings.

    Args:
        folder: string. Where an `.sh3f` file was unpacked.
    """
    entries = {}
    path = os.path.join(folder, CATALOG)
    with open(path, encoding="latin-1") as file:
        for line in file:
            found = re.match(r"(\w+)#(\d+)=(.*)", line.strip())
            if found:
                entries.setdefault(found[2], {})[found[1]] = found[3]
    models = [entry for entry in entries.values() if "model" in entry]
    return {entry["model"].split("/")[-2]: entry for entry in models}


def read_model(folder, entry, fewer):
    """A model in its true size, on the floor, its middle at x = z = 0.

    Its front looks along z.

    Args:
        folder: string. Where an `.sh3f` file was unpacked.
        entry: dict of strings, see `read_catalog`.
        fewer: boolean. Whether to make it of fewer triangles, if they are
            many; leaves would be lost.

    Returns:
        A `Shape`.
    """
    import trimesh

    path = os.path.join(folder, entry["model"].lstrip("/"))
    scene = trimesh.load(path, process=False, force="scene")
    parts = [mesh for mesh in scene.dump() if len(getattr(mesh, "faces", []))]
    parts = [_plain(mesh) for mesh in parts] if fewer else parts
    corners = np.concatenate([mesh.vertices[mesh.faces] for mesh in parts])
    low, high = corners.min((0, 1)), corners.max((0, 1))
    size = [float(entry[key]) / 100 for key in ("width", "height", "depth")]
    corners = (corners - (low + high) / 2) / (high - low).clip(1e-6) * size
    corners[..., 1] -= corners[..., 1].min()
    return Shape(
        corners,
        np.concatenate([_places(mesh) for mesh in parts]),
        np.repeat(np.arange(len(parts)), [len(m.faces) for m in parts]),
        [levels_of(_softened(_picture(mesh))) for mesh in parts],
    )


def varied(shape, generator, chance):
    """A shape that is mirrored, scaled a little or has another main colour.

    Args:
        shape: `Shape`.
        generator: `numpy.random.Generator`.
        chance: float. That of another colour.

    Returns:
        A `Shape`.
    """
    scale = generator.uniform(0.93, 1.07) * np.ones(3)
    scale[0] *= generator.choice([-1, 1])
    surfaces = list(shape.surfaces)
    if generator.random() < chance:
        sides = np.diff(shape.corners, axis=1)
        areas = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
        main = np.bincount(shape.surface, areas).argmax()
        old = surfaces[main][-1]
        new = muted(generator, (0.05, 0.28), (0.3, 0.8))
        surfaces = [
            _dyed(levels, new / max(old.mean(), 0.05))
            if np.abs(levels[-1] - old).max() < 0.15
            else levels
            for levels in surfaces
        ]
    return shape._replace(corners=shape.corners * scale, surfaces=surfaces)


def _plain(mesh):
    """The same part, of fewer triangles if they are many and of one colour."""
    import trimesh

    if len(mesh.faces) <= TRIANGLES or _picture(mesh).shape[0] > 1:
        return mesh
    # Corners of the same place become one.
    welded = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)
    count = max(TRIANGLES, int(len(mesh.faces) * FEWER))
    plain = welded.simplify_quadric_decimation(face_count=count)
    plain.visual = trimesh.visual.TextureVisuals(material=mesh.visual.material)
    return plain


def _dyed(levels, color):
    return [(color * x.mean(-1, keepdims=True)).clip(0, 1) for x in levels]


def _places(mesh):
    places = getattr(mesh.visual, "uv", None)
    if places is None or len(places) != len(mesh.vertices):
        return np.zeros((len(mesh.faces), 3, 2))
    return np.asarray(places)[mesh.faces]


def _softened(picture):
    """Colours as those of walls and floors are: not as loud as plastic."""
    grey = picture.mean(-1, keepdims=True)
    return grey + 0.65 * (picture - grey)


def _picture(mesh):
    material = getattr(mesh.visual, "material", None)
    picture = getattr(material, "image", None)
    if picture is None:
        color = getattr(material, "main_color", (160, 160, 160))
        return np.asarray(color, float)[None, None, :3] / 255
    picture = picture.convert("RGB")
    picture.thumbnail((LONGEST, LONGEST))
    return np.asarray(picture, float) / 255
