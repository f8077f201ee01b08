"""Encoder-decoders, block by block, that branch on their way to the tasks."""

import dataclasses

import keras
from keras import ops

from keras_vipa.layers import ChannelGate
from keras_vipa.utils import graphs


@dataclasses.dataclass
class Branch:
    """A part of a decoder, and where it goes on to.

    Args:
        start: integer. The place where it is entered, 0 to N - 1: it is called
            on the input of block `start` of the decoder.
        gate: `ChannelGate`, which is passed first; or `None`.
        blocks: list of layers, `[features, indices]` to features.
        task: string, what the last block returns; `None` if only branches go
            on.
        branches: list of `Branch`.
    """

    start: int
    gate: keras.Layer | None
    blocks: list
    task: str | None = None
    branches: list = dataclasses.field(default_factory=list)

    def run(self, x, indices, enter=None, **options):
        """Call it.

        Args:
            x: tensor, features at its start.
            indices: list of N tensors, the places of the maxima for each block
                of the decoder.
            enter: callable, `(place, x)` to what is to go on from a place after
                its start instead of `x`.
            **options: of each call, such as `training`.

        Returns:
            Dict, task -> map.
        """
        found = {}
        if self.gate is not None:
            x = self.gate(x)
        end = self.start + len(self.blocks)
        for place in range(self.start, end + 1):
            if enter and self.start < place < len(indices):
                x = enter(place, x)
            for branch in self.branches:
                if branch.start == place:
                    found |= branch.run(x, indices, enter, **options)
            if place < end:
                block = self.blocks[place - self.start]
                x = block([x, indices[place]], **options)
        return found if self.task is None else {**found, self.task: x}

    def entered(self, place):
        """The branch that is left if it is entered at a place after its start.

        Gates before it, which are for features of other places, are not passed.
        """
        place = max(place, self.start)
        return Branch(
            place,
            self.gate if place == self.start else None,
            self.blocks[place - self.start :],
            self.task,
            [branch.entered(place) for branch in self.branches],
        )

    def with_first(self, blocks):
        """The same behind some blocks."""
        return dataclasses.replace(
            self, start=self.start - len(blocks), blocks=blocks + self.blocks
        )

    def copied(self, prefix):
        """A copy with layers of its own, of equal weights and longer names."""
        return Branch(
            self.start,
            None if self.gate is None else graphs.copied(self.gate, prefix),
            [graphs.copied(block, prefix) for block in self.blocks],
            self.task,
            [branch.copied(prefix) for branch in self.branches],
        )

    def layers(self):
        """All layers, from its start on."""
        own = [] if self.gate is None else [self.gate]
        own += self.blocks
        for branch in self.branches:
            own += branch.layers()
        return own

    def tasks(self):
        """Names of all tasks."""
        own = [] if self.task is None else [self.task]
        return own + [t for branch in self.branches for t in branch.tasks()]


@dataclasses.dataclass
class Net:
    """An encoder, and the decoder that begins at its end.

    Args:
        encoder: list of N layers, features to `[features, indices]`.
        root: `Branch` with `start=0`.
    """

    encoder: list
    root: Branch

    def encode(self, x, **options):
        """Features at the end of the encoder, and indices for each block."""
        indices = []
        for block in self.encoder:
            x, places = block(x, **options)
            indices.insert(0, places)
        return x, indices

    def shapes(self):
        """Shapes of what each place of the decoder takes."""
        branch, found = self.root, []
        while len(found) < len(self.encoder):
            blocks = branch.blocks
            found += [block.inputs[0].shape for block in blocks]
            if branch.branches:
                branch = branch.entered(len(found)).branches[0]
            elif len(found) < len(self.encoder):
                break
        return found

    def run(self, x, **options):
        """Images to a dict, task -> map."""
        return self.root.run(*self.encode(x, **options), **options)


def read(model, tasks, name):
    """The blocks of a model, from its graph.

    Args:
        model: functional `keras.Model` of N blocks that return `[features,
            indices]`, one after the other, and of blocks that are called on
            `[features, indices]`, each with the indices of the block of its
            size: `applications.SegNet`, or a student of
            `BranchingAmalgamator`.
        tasks: list of strings. Names of its outputs: of all in a dict, or of
            the one that there is.
        name: string. What it is, for an error.

    Returns:
        A `Net`.

    Raises:
        ValueError: If the model is of another kind.
    """
    rule = (
        f"{name} must be an encoder-decoder of blocks such as "
        "`applications.SegNet`"
    )
    if not graphs.is_graph(model):
        raise ValueError(f"{rule}. Received: a {type(model).__name__}")
    graph = graphs.record(model, unfold=False)
    (start,) = keras.tree.flatten(graph.inputs)
    ends = graph.outputs
    if not isinstance(ends, dict):
        ends = {tasks[0]: ends}
    if set(ends) != set(tasks):
        raise ValueError(
            f"{name} must have outputs {sorted(tasks)}. Received: "
            f"{sorted(ends)}"
        )
    names = {id(x): task for task, x in ends.items()}
    consumers = graphs.consumers(graph)
    encoder, x = [], start
    while True:
        calls = consumers.get(id(x), [])
        returns = graphs.tensors(calls[0].outputs) if len(calls) == 1 else []
        if len(returns) != 2:
            break
        encoder.append(calls[0].operation)
        x = returns[0]
    if not encoder:
        raise ValueError(
            f"{rule}. Received: {model.name!r}, without an encoder"
        )
    root = _grow(x, 0, None, consumers, names)
    if sorted(root.tasks()) != sorted(tasks):
        found = [layer.name for layer in root.layers()]
        raise ValueError(
            f"{rule}, whose decoder doubles the size {len(encoder)} times. "
            f"Received: {model.name!r}, of which these could be followed: "
            f"{found}"
        )
    return Net(encoder, root)


def check_blocks(own, others, name):
    """Raise an error unless the shapes of two decoders are equal.

    Args:
        own: list of shapes, of the student.
        others: list of shapes, of a teacher.
        name: string. Which one.

    Raises:
        ValueError: If they are not.
    """
    if len(own) != len(others):
        raise ValueError(
            "Teachers and student must have equally many blocks. Received: "
            f"{len(others)} in the decoder of {name}, {len(own)} in the "
            "student's"
        )
    for number, pair in enumerate(zip(own, others), 1):
        if pair[0] != pair[1]:
            raise ValueError(
                f"Block {number} of the decoders must take features of one "
                f"shape. Received: {pair[1]} in {name}, {pair[0]} in the "
                "student"
            )


def _grow(x, start, gate, consumers, names):
    """The branch that begins with a tensor."""
    blocks, branches = [], []
    while id(x) not in names:
        calls = consumers.get(id(x), [])
        gates = [c for c in calls if isinstance(c.operation, ChannelGate)]
        place = start + len(blocks)
        for call in gates:
            branches.append(
                _grow(call.outputs, place, call.operation, consumers, names)
            )
        others = [
            call
            for call in calls
            if isinstance(call.operation, keras.Model)
            and len(graphs.tensors(call.args)) == 2
        ]
        if len(others) != 1:
            # Some that are entered without a gate, or none.
            for call in others:
                rest = _grow(call.outputs, place + 1, None, consumers, names)
                first = [call.operation]
                branches.append(rest.with_first(first))
            break
        blocks.append(others[0].operation)
        x = others[0].outputs
    return Branch(start, gate, blocks, names.get(id(x)), branches)


def enter_at(chosen, gated, place, x):
    """Features to go on with: at the place that is chosen, the student's.

    What comes before that place is computed in vain, which costs little, since
    maps are small there; a conditional ends the process under XLA.
    """
    return ops.where(chosen == place, gated[place], x)
