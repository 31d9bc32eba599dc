"""Which parts of a network a figure shows: few enough to read, with the joins and skips inside of them that fit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from avsal_bench.catalogue.figure.flow import Flow, Step

#: Boxes of parts that a figure has at most, and below which the largest part is opened.
MOST, FEW = 22, 4
#: Parts of a part up to which it is opened: what has more of them is a row of blocks.
ROW_OF_BLOCKS = 10


def with_weights(flow: Flow, step: Step) -> tuple[str, ...]:
    """The parts that do a step, outermost first: those with weights, without norms, which go with what is before."""
    return tuple(p for p in step.parts if flow.parameters[p] and not _is_norm(flow.classes[p]))


def _is_norm(kind: str) -> bool:
    """Whether a class is a norm, as ``BatchNorm3d`` is and ``Conv3dNormActivation`` is not."""
    return kind.rstrip("123d").endswith("Norm")


def chosen(flow: Flow, paths: list[tuple[str, ...]], most: int) -> set[str]:
    """Parts that are shown: opened from outside in, first what gives or takes several things, then the largest."""
    children: dict[str, set[str]] = defaultdict(set)
    for path in set(paths):
        for outer, inner in zip(("", *path), path, strict=False):
            children[outer].add(inner)
    for inside in list(children.values()):  # a part of a part that another one calls is shown when that is opened
        for part in sorted(inside):
            around = next((name for name in _prefixes(part) if name != part and name in inside), "")
            if around:
                inside.remove(part)
                children[around].add(part)
    shown = set(children[""])
    while len(shown) > most:
        fewer = _merged(flow, shown)
        if fewer == shown:
            break
        shown = fewer
    closed: set[str] = set()
    while True:
        ports = _ports(flow, paths, shown)
        ranked = sorted(shown - closed, key=lambda p: (-max(ports[p]), -flow.parameters[p], p))
        wanted = [p for p in ranked if children[p] and (max(ports[p]) > 1 or len(shown) < FEW)]
        if not wanted:
            return shown
        alike = {p for p in shown if _alike(flow, ports, wanted[0], p)}
        opened = shown - alike | {inner for p in alike for inner in children[p]}
        if len(opened) <= most and all(_may_open(flow, p, children[p]) for p in alike):
            shown = opened
        else:
            closed |= alike


def _alike(flow: Flow, ports: Mapping[str, tuple[int, int]], one: str, other: str) -> bool:
    """Whether two parts stand side by side and are of one kind, or give or take as much: both are opened, or none."""
    if one == other:
        return True
    if one.rpartition(".")[0] != other.rpartition(".")[0]:
        return False
    return flow.classes[one] == flow.classes[other] or any(
        a == b == max(ports[one]) > 1 for a, b in zip(ports[one], ports[other], strict=True)
    )


def _may_open(flow: Flow, part: str, inner: set[str]) -> bool:
    """Whether a part has parts to show, and none that it calls again and again, as a recurrent one does."""
    return 0 < len(inner) <= ROW_OF_BLOCKS and all(flow.calls[p] <= flow.calls[part] for p in inner)


def _merged(flow: Flow, shown: set[str]) -> set[str]:
    """Fewer parts: those of the folder of parts that has the most of the small ones are one."""
    folders: dict[str, list[str]] = defaultdict(list)
    for part in shown:
        if "." in part:
            folders[part.rpartition(".")[0]].append(part)
    if not folders:
        return shown
    deepest = max(folders, key=lambda f: (f.count("."), len(folders[f]), f))
    return shown - set(folders[deepest]) | {deepest}


def owner(path: tuple[str, ...], shown: set[str]) -> str:
    """The part shown that a step belongs to; "" for the lines between them."""
    for part in path:
        for name in _prefixes(part):
            if name in shown:
                return name
    return ""


def _prefixes(part: str) -> Iterable[str]:
    names = part.split(".")
    return (".".join(names[: n + 1]) for n in range(len(names)))


def _ports(flow: Flow, paths: list[tuple[str, ...]], shown: set[str]) -> dict[str, tuple[int, int]]:
    """How many things each part gives that others take, and how many it takes beyond one, in one call of it."""
    made_by: dict[int, str] = {}
    gives: dict[str, set[int]] = defaultdict(set)
    takes: dict[str, set[int]] = defaultdict(set)
    for step, path in zip(flow.steps, paths, strict=True):
        here = owner(path, shown)
        for value in step.takes:
            maker = made_by.get(value, "")
            if maker != here or not maker:
                gives[maker].add(value)
                takes[here].add(value)
        made_by.update(dict.fromkeys(step.gives, here))
    calls = {part: flow.calls.get(part, 1) for part in shown}
    return {p: (len(gives[p]) // calls[p], len(takes[p]) // calls[p] - 1) for p in shown}
