"""A data flow in a few boxes: which parts of a network are shown, and which of them feeds which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from avsal_bench.catalogue.figure.choosing import MOST, chosen, owner, with_weights
from avsal_bench.catalogue.figure.flow import Flow, Shape, Step, alive, is_random

#: Joins that a figure has at most; of a network with more, none is shown.
MOST_JOINS = 16
TIMES = "\N{MULTIPLICATION SIGN}"
#: What joins two values, by the beginning of an operation's name. Anything else is a dot.
_SIGNS = {
    **dict.fromkeys(("add", "sub", "rsub"), "+"),
    **dict.fromkeys(("mul", "div"), TIMES),
    **dict.fromkeys(("cat", "stack", "copy_", "index_put", "slice_scatter"), "C"),
    **dict.fromkeys(("max", "fmax"), "max"),
}
#: Operations that make a picture larger again.
_ENLARGES = ("upsample_", "pixel_shuffle", "max_unpool", "_upsample", "grid_sampler", "_unsafe_index")
#: Outcome of a network, in a figure.
MAP = "map"


@dataclass(frozen=True)
class Box:
    """One thing in a figure.

    Args:
        key: what it is known by; of a part its name in the network.
        kind: ``input``, ``part``, ``join`` or ``map``.
        title: its name; the sign of a join.
        what: its class.
        shape: of what it gives, without the axis of the batch; of several things, the last one.
        parameters: of the part.
        calls: how often it was called.
        role: ``picture``, ``sound``, ``fusion`` (picture and sound), ``decoder`` (made larger again), or ``own`` for
            what depends on neither.
    """

    key: str
    kind: str
    title: str
    what: str = ""
    shape: Shape = ()
    parameters: int = 0
    calls: int = 1
    role: str = "own"


@dataclass(frozen=True)
class Diagram:
    """Boxes in the order in which they first had something to do, and which one feeds which.

    Args:
        boxes: in that order; an edge to an earlier box comes from an earlier call of it.
        edges: pairs of keys.
        parameters: of the whole network.
    """

    boxes: tuple[Box, ...]
    edges: tuple[tuple[str, str], ...]
    parameters: int

    def feeds(self, first: str, then: str) -> bool:
        """Whether something of one box reaches another one, over any boxes."""
        seen, todo = set(), [first]
        while todo:
            here = todo.pop()
            if here == then:
                return True
            if here not in seen:
                seen.add(here)
                todo += [b for a, b in self.edges if a == here]
        return False


def diagram(flow: Flow, most: int = MOST) -> Diagram:
    """The figure of a flow.

    Args:
        flow: that was watched.
        most: parts that it shows at most, where the network can be shown in so few.

    Raises:
        ValueError: for a network without parts that have weights.
    """
    flow = alive(flow)
    paths = [with_weights(flow, step) for step in flow.steps]
    if not any(paths):
        raise ValueError("no part of this network has weights, so there is no data flow between parts to draw")
    shown = chosen(flow, paths, most)
    drawn = _Drawn(flow, paths, shown, joins=True)
    if sum(key.startswith("join ") for key in drawn.reaching()) > MOST_JOINS:
        drawn = _Drawn(flow, paths, shown, joins=False)
    return _finished(flow, drawn)


@dataclass
class _Drawn:
    """Which boxes there are for some parts, what each gives, and what feeds it."""

    flow: Flow
    paths: list[tuple[str, ...]]
    shown: set[str]
    joins: bool
    sources: dict[int, frozenset[str]] = field(default_factory=dict)
    edges: dict[tuple[str, str], None] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    shape: dict[str, Shape] = field(default_factory=dict)
    enlarged: set[str] = field(default_factory=set)
    larger: set[int] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)  # values that depend on an input

    def __post_init__(self) -> None:
        for name, value in self.flow.inputs.items():
            self._made(name, value, -2)
            self._shaped(name, (value,))
            self.seen.add(value)
        for n, (step, path) in enumerate(zip(self.flow.steps, self.paths, strict=True)):
            operands = [self.sources[v] for v in step.takes if self.sources.get(v)]
            here = owner(path, self.shown)
            seen = any(v in self.seen for v in step.takes)
            enlarges = seen and (step.name.startswith(_ENLARGES) or self._transposed(step))
            larger = enlarges or any(v in self.larger for v in step.takes)
            if seen:
                self.seen.update(step.gives)
            if is_random(step) and not operands and not here:
                for value in step.gives:
                    self._made("noise", value, -1)
                self._shaped("noise", step.gives)
            elif here:
                self._feed(here, operands, n)
                if larger:
                    self.enlarged.add(here)
                for value in step.gives:
                    self._made(here, value, n)
                self._shaped(here, step.gives)
            else:
                self._between(step, operands, n)
            if larger:
                self.larger.update(step.gives)
        self.first[MAP] = len(self.flow.steps)
        self._feed(MAP, [self.sources.get(self.flow.output, frozenset())], len(self.flow.steps))
        self.shape[MAP] = self.flow.shapes.get(self.flow.output, ())

    def _transposed(self, step: Step) -> bool:
        """Whether a step is a convolution that gives more pixels than it takes."""
        if "convolution" not in step.name or not step.takes or not step.gives:
            return False
        before, after = (self.flow.shapes[v] for v in (step.takes[0], step.gives[0]))
        return len(before) == len(after) >= 4 and after[-1] > before[-1] and after[-2] > before[-2]

    def _made(self, key: str, value: int, n: int) -> None:
        self.first.setdefault(key, n)
        self.sources[value] = frozenset((key,))

    def _shaped(self, key: str, gives: tuple[int, ...]) -> None:
        """What a box gives has the shape of its last operation's first result: further ones are means and places."""
        if gives:
            self.shape[key] = self.flow.shapes[gives[0]]

    def _feed(self, key: str, operands: list[frozenset[str]], n: int) -> None:
        self.first.setdefault(key, n)
        for one in sorted({key for operand in operands for key in operand}):
            if one != key:
                self.edges[(one, key)] = None

    def _between(self, step: Step, operands: list[frozenset[str]], n: int) -> None:
        """A line of the network's own: nothing to show, or a join of what comes from different boxes."""
        kinds = sorted(set(operands), key=sorted)
        if self.joins and len(kinds) > 1 and not any(a < b for a in kinds for b in kinds):
            sign = next((sign for start, sign in _SIGNS.items() if step.name.startswith(start)), "·")
            key = f"join {sign} of {' | '.join(','.join(sorted(kind)) for kind in kinds)}"
            self._feed(key, operands, n)
            for value in step.gives:
                self._made(key, value, n)
            self._shaped(key, step.gives)
        else:
            for value in step.gives:
                self.sources[value] = frozenset().union(*operands) if operands else frozenset()

    def reaching(self) -> list[str]:
        """Keys of the boxes that the map depends on, in their order."""
        before: dict[str, set[str]] = defaultdict(set)
        for a, b in self.edges:
            before[b].add(a)
        seen, todo = set(), [MAP]
        while todo:
            here = todo.pop()
            if here not in seen:
                seen.add(here)
                todo += before[here]
        return sorted(seen, key=lambda key: (self.first[key], key))


def _finished(flow: Flow, drawn: _Drawn) -> Diagram:
    keys = drawn.reaching()
    edges = [edge for edge in drawn.edges if set(edge) <= set(keys)]
    keys, edges = _joined(keys, edges)
    short = {key: key if not key.startswith("join ") else f"({n})" for n, key in enumerate(keys)}
    boxes = [_box(flow, drawn, key) for key in keys]
    roles = _roles(keys, edges, drawn.enlarged)
    return Diagram(
        tuple(replace(box, key=short[box.key], role=roles[box.key]) for box in boxes),
        tuple((short[a], short[b]) for a, b in edges),
        flow.parameters[""],
    )


def _joined(keys: list[str], edges: list[tuple[str, str]]) -> tuple[list[str], list[tuple[str, str]]]:
    """Joins of one sign in a row, where the first feeds nothing else, are one: a + b + c has one sign."""
    while True:
        after: Mapping[str, list[str]] = {key: [b for a, b in edges if a == key] for key in keys}
        for one in keys:
            then = after[one]
            if one.startswith("join ") and len(then) == 1 and then[0].startswith(one.partition(" of ")[0] + " of "):
                break
        else:
            return keys, edges
        moved = [(a, then[0] if b == one else b) for a, b in edges if a != one]
        edges = [edge for edge in dict.fromkeys(moved) if edge[0] != edge[1]]
        keys = [key for key in keys if key != one]


def _box(flow: Flow, drawn: _Drawn, key: str) -> Box:
    shape = drawn.shape.get(key, ())[1:]
    if key == MAP:
        return Box(key, "map", MAP, shape=shape)
    if key.startswith("join "):
        return Box(key, "join", key.split(" ")[1], shape=shape)
    if key in ("noise", *flow.inputs):
        return Box(key, "input", key, shape=shape)
    return Box(key, "part", key, flow.classes[key].lstrip("_"), shape, flow.parameters[key], flow.calls.get(key, 1))


def _roles(keys: list[str], edges: list[tuple[str, str]], enlarged: set[str]) -> dict[str, str]:
    """What each box works on. Picture and sound meet where both arrive; larger pictures after that are a decoder's."""
    before: dict[str, set[str]] = {key: {a for a, b in edges if b == key} for key in keys}
    reached: dict[str, set[str]] = {key: {key} & {"frames", "sound", "noise"} for key in keys}
    for _ in keys:  # edges to earlier boxes need further rounds
        for key in keys:
            reached[key] |= set().union(*(reached[a] for a in before[key])) if before[key] else set()
    roles = {}
    for key in keys:
        seen = reached[key]
        meets = "sound" in seen and len(seen) > 1 and any(reached[a] == {"sound"} for a in before[key])
        if seen == {"sound"}:
            roles[key] = "sound"
        elif meets:
            roles[key] = "fusion"
        elif not seen & {"frames", "sound"}:
            roles[key] = "own"
        elif key in enlarged or "decode" in key or any(roles.get(a) == "decoder" for a in before[key]):
            roles[key] = "decoder"
        else:
            roles[key] = "fusion" if "sound" in seen else "picture"
    return roles
