"""Residual networks, unit by unit, and streams of features through them."""

import dataclasses

import keras
from keras import ops

from keras_vipa.utils import graphs


@dataclasses.dataclass
class Unit:
    """What a residual network repeats.

    Args:
        body: layer, features to what is new in them, `u`.
        skip: layer, features to what is carried over; `None` for these
            features.
        join: layer, `[u, carried]` to features.
    """

    body: keras.Layer
    skip: keras.Layer | None
    join: keras.Layer

    def run(self, streams, filters=None, **options):
        """Pass features, each through a filter of its own.

        With `a_i` the gate of stream `i`, of what is new in its features:

            y_i = join(u_i, a_i * carried_i)

        Args:
            streams: `Streams`.
            filters: list of `ChannelGate`, one a stream; or `None`.
            **options: of each call, such as `training`.

        Returns:
            `Streams`.
        """
        u = streams.through(self.body, **options)
        carried = streams
        if self.skip is not None:
            carried = streams.through(self.skip, **options)
        if filters is not None:
            carried = carried.each(filters, u)
        return u.joined(self.join, carried, **options)

    def layers(self):
        """Its layers."""
        return [x for x in (self.body, self.skip, self.join) if x is not None]


class Streams:
    """Features of several streams, `(batch, height, width, channels)` each.

    What all of them pass, they pass as one batch, so that statistics of a batch
    are of all; symbolic ones pass one by one.
    """

    def __init__(self, features):
        self.features = list(features)
        self.apart = isinstance(self.features[0], keras.KerasTensor)

    def through(self, layer, **options):
        """All of them through one layer."""
        if self.apart or len(self.features) == 1:
            return Streams([layer(x, **options) for x in self.features])
        return self._parted(layer(self._stacked(), **options))

    def joined(self, layer, others, **options):
        """All of them, each with one of others, through one layer."""
        if self.apart or len(self.features) == 1:
            pairs = zip(self.features, others.features)
            return Streams([layer(list(pair), **options) for pair in pairs])
        pair = [self._stacked(), others._stacked()]
        return self._parted(layer(pair, **options))

    def each(self, gates, contexts):
        """Each through its own gate, of its own context."""
        parts = zip(gates, self.features, contexts.features)
        return Streams([gate(x, context=u) for gate, x, u in parts])

    def select(self, places):
        """Some of them."""
        return Streams([self.features[place] for place in places])

    def _stacked(self):
        return ops.concatenate(self.features, axis=0)

    def _parted(self, stacked):
        return Streams(ops.split(stacked, len(self.features), axis=0))


@dataclasses.dataclass
class Net:
    """A residual network.

    Args:
        stem: layer, images to features.
        units: list of `Unit`.
        head: list of layers, features to logits.
    """

    stem: keras.Layer
    units: list
    head: list

    def rest(self, features, place, **options):
        """Logits of features behind some units.

        Args:
            features: dict, number of units -> tensor, from the least on.
            place: integer or scalar tensor. Which of them to go on with. What
                comes before it is computed in vain.
            **options: of each call, such as `training`.

        Returns:
            Tensor `(batch, labels)`.
        """
        start = min(features)
        streams = Streams([features[start]])
        for number, unit in enumerate(self.units[start:], start + 1):
            streams = unit.run(streams, **options)
            if number in features:
                (x,) = streams.features
                x = ops.where(place == number, features[number], x)
                streams = Streams([x])
        (x,) = streams.features
        for layer in self.head:
            x = layer(x, **options)
        return x

    def rest_layers(self, place):
        """What it has behind some units."""
        units = [x for unit in self.units[place:] for x in unit.layers()]
        return [*units, *self.head]

    def first_place(self):
        """How many units come before the first that changes the shape."""
        changes = [n for n, unit in enumerate(self.units) if unit.skip]
        return max(1, changes[0]) if changes else 1

    def layers(self):
        """All of its layers."""
        return [self.stem, *self.rest_layers(0)]

    def copied(self, prefix, rows):
        """Units and head with weights of their own, equal ones.

        Args:
            prefix: string. What names begin with.
            rows: list of integers. Which logits are kept, in this order.

        Returns:
            A `Net` with the same stem.
        """
        units = [
            Unit(*(part and graphs.copied(part, prefix) for part in parts))
            for parts in ((u.body, u.skip, u.join) for u in self.units)
        ]
        head = [graphs.copied(layer, prefix) for layer in self.head[:-1]]
        last = self.head[-1]
        config = {**last.get_config(), "units": len(rows)}
        new = type(last).from_config({**config, "name": f"{prefix}_head"})
        new.build((None, last.kernel.shape[0]))
        new.set_weights([w[..., rows] for w in last.get_weights()])
        return Net(self.stem, units, [*head, new])


def read(model, count, name):
    """The units of a model, from its graph.

    Args:
        model: functional `keras.Model` like `applications.BottleneckNet`: one
            layer; then units, which are a layer with one input, maybe one
            beside it, and one that takes `[new, carried]`; then layers one
            after the other, the last of which is dense and returns logits.
        count: integer. How many logits it must have; any for `None`.
        name: string. What it is, for an error.

    Returns:
        A `Net`.

    Raises:
        ValueError: If the model is of another kind.
    """
    rule = (
        f"{name} must be a residual network of units such as "
        "`applications.BottleneckNet`"
    )
    if not graphs.is_graph(model):
        raise ValueError(f"{rule}. Received: a {type(model).__name__}")
    graph = graphs.record(model, unfold=False)
    consumers = graphs.consumers(graph)

    def after(x):
        return consumers.get(id(x), [])

    (x,) = keras.tree.flatten(graph.inputs)
    first, units, head = after(x), [], []
    x = first[0].outputs if len(first) == 1 else x
    while len(after(x)) == 2:
        unit, x = _unit(after(x), after)
        if unit is None:
            break
        units.append(unit)
    while x is not None and len(after(x)) == 1:
        head.append(after(x)[0].operation)
        x = after(x)[0].outputs
    if not units or not head or not isinstance(head[-1], keras.layers.Dense):
        found = [part.name for unit in units for part in unit.layers()]
        raise ValueError(
            f"{rule}, with one dense layer at its end. Received: "
            f"{model.name!r}, of which these could be followed: {found}"
        )
    if head[-1].activation is not keras.activations.linear:
        raise ValueError(
            f"{name} must return logits. Received: "
            f"{head[-1].activation.__name__} in {head[-1].name!r}"
        )
    if count not in (None, head[-1].units):
        raise ValueError(
            f"{name} must have a logit for each of its {count} labels. "
            f"Received: {head[-1].units}"
        )
    return Net(first[0].operation, units, head)


def _unit(calls, after):
    """The unit of what is called on some features, and what it returns."""
    pairs = [c for c in calls if len(graphs.tensors(c.args)) == 2]
    others = [c for c in calls if len(graphs.tensors(c.args)) == 1]
    if len(others) == 2:
        pairs = [
            c for c in after(others[0].outputs) if c in after(others[1].outputs)
        ]
    if len(pairs) != 1:
        return None, None
    u, carried = graphs.tensors(pairs[0].args)
    made = {id(call.outputs): call.operation for call in others}
    if id(u) not in made:
        return None, None
    unit = Unit(made[id(u)], made.get(id(carried)), pairs[0].operation)
    return unit, pairs[0].outputs


def check_units(own, others, name):
    """Raise an error unless the features of two networks are alike.

    Args:
        own: `Net` of the student.
        others: `Net` of a teacher.
        name: string. Which one.

    Raises:
        ValueError: If they are not.
    """
    pairs = [
        [n.stem.output.shape, *(u.join.output.shape for u in n.units)]
        for n in (others, own)
    ]
    if len(pairs[0]) != len(pairs[1]):
        raise ValueError(
            "Teachers and student must have equally many units. Received: "
            f"{len(others.units)} in {name}, {len(own.units)} in the student"
        )
    for number, (one, other) in enumerate(zip(*pairs)):
        if tuple(one) != tuple(other):
            what = f"Unit {number}" if number else "The stem"
            raise ValueError(
                f"{what} must return features of one shape. Received: {one} in "
                f"{name}, {other} in the student"
            )


def read_all(student, teachers):
    """The units of all networks, if they fit together.

    Args:
        student: `keras.Model`.
        teachers: dict, tuple of labels -> `keras.Model`.

    Returns:
        A `Net` of the student, and a list of those of the teachers.

    Raises:
        ValueError: If they are of another kind, or not alike.
    """
    nets = [
        read(model, len(labels), f"teacher_{number}")
        for number, (labels, model) in enumerate(teachers.items(), 1)
    ]
    own = read(student, None, "The student")
    for number, other in enumerate(nets, 1):
        check_units(own, other, f"teacher_{number}")
    return own, nets
