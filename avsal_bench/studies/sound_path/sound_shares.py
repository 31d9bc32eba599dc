"""How much of what each part of a network gives comes from the sound: the same windows, heard with another sound.

A part is compared with itself. ``y`` is what it gives for a window with the true sound, ``y'`` with another one.
Windows are run one at a time, in eval mode, so that what does not hear is the same to the last bit.

- The **share** of the sound is ``sqrt(E|y - y'|^2 / (2 E|y - E y|^2))``: how far another sound moves an output, as a
  part of how far outputs of different windows lie apart. It is 0 where the sound has no part in it and about 1 where
  there is nothing but sound, whatever scale or offset a layer gives it. Its square is the total effect of Jansen
  (Computer Physics Communications 117, 1999). Silence in the place of another sound can make it larger than 1.
- The **change** is ``sqrt(E|y - y'|^2 / E|y|^2)``, the relative difference. An offset that a norm takes off again makes
  it small.

Means are over windows, and over all elements. Which parts the sound reaches at all is found by a sound of NaN: no sum,
product, maximum or ReLU stops that. Parts that are reached by it, or change with the sound, are on the path; others see
frames alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from avsal_bench.data.painting import evenly
from avsal_bench.metrics.functional import cc
from avsal_bench.spec import Batch
from avsal_bench.training.module import SaliencyModule

#: Name of the last row of a path: the saliency map itself.
MAP = "map"
#: A share below this counts as lost.
THRESHOLD = 0.01

#: Sounds that a window is heard with to see in how many ways outputs differ, and how many such windows are taken.
SOUNDS_AT_ONCE, SCENES = 16, 3


@dataclass(frozen=True)
class Part:
    """What of the sound is in what one part takes and gives; see the module.

    Args:
        name: of the part, such as ``soundnet.conv1``; :data:`MAP` for the map.
        kind: its class.
        depth: 1 for a part of the network itself, 2 for a part of that; lists of parts count as none.
        taken: the largest share among the tensors that it takes; None where it takes none, and for the map.
        share: of the sound in what it gives; None where it gave other shapes with another sound.
        change: relative difference.
        changed: part of the elements that are not exactly the same with the other sound, 0 to 1.
        zeros: part of the elements that are exactly zero, 0 to 1: a ReLU whose output is dead has 1.
        ways: in how many independent ways outputs of the same frames differ over sounds, from 1, by the participation
            ratio ``(sum l)^2 / sum l^2`` of the variances l along principal axes; 0 where they do not differ at all.
    """

    name: str
    kind: str
    depth: int
    taken: float | None
    share: float | None
    change: float
    changed: float
    zeros: float
    ways: float = 0.0


@dataclass(frozen=True)
class Path:
    """The parts that the sound reaches, in the order in which they are through, and the map at the end.

    Args:
        sound: the condition that the true sound is compared with.
        windows: how many were looked at.
        parts: with the map last. The map is there, with shares of 0, where the sound does not reach it.
        map_cc: mean over windows of the CC between the map with the true and with the other sound; of equal maps 1.
    """

    sound: str
    windows: int
    parts: tuple[Part, ...]
    map_cc: float

    def of(self, name: str) -> Part | None:
        """The part of a name, where it is on the path."""
        return next((part for part in self.parts if part.name == name), None)


class Lost(NamedTuple):
    """Where the sound is lost: the last part whose output has it, and the one that is through after that."""

    last: Part
    first: Part


def lost_at(path: Path, threshold: float = THRESHOLD) -> Lost | None:
    """Where a share falls below the threshold and stays there; None where the map has it, or no part ever had."""
    known = [part for part in path.parts if part.share is not None]
    heard = [number for number, part in enumerate(known) if (part.share or 0.0) >= threshold]
    if not heard or heard[-1] == len(known) - 1:
        return None
    return Lost(known[heard[-1]], known[heard[-1] + 1])


def follow_sound(
    module: SaliencyModule, windows: Sequence[Batch], sound: int, name: str, depth: int = 2, scenes: int = SCENES
) -> Path:
    """Follow the sound through a network.

    Args:
        module: whose network is looked at. Its mode, and the state of random numbers, stay as they are.
        windows: batches of one window each, which bring the true sound and ``others``, on the module's device.
        sound: which of the others.
        name: of that condition.
        depth: how deep parts of parts are looked at, from 1.
        scenes: of how many windows it is found in how many ways outputs differ over sounds; 0 for none.

    Raises:
        ValueError: for a network without sound, one that is switched by labels, no windows, and a depth below 1.
    """
    check_followed(module, windows, depth)
    parts = named_parts(module.net, depth)
    with _as_tested(module):
        reached = _reached(module, windows[0], sound, parts)
        seen = {part: _Compared() for part in reached}
        likeness, last = [], _Compared()
        for window in windows:
            maps = []
            for turn, audio in enumerate((_true(window), _other(window, sound))):
                gives, takes, saliency = _run(module, window, audio, {n: parts[n] for n in reached}, taking=True)
                maps.append(saliency)
                for part, compared in seen.items():
                    compared.add(turn, gives.get(part, []), takes.get(part, []))
                last.add(turn, [saliency.flatten()], [])
            likeness.append(_likeness(*maps))
        over_sounds = _ways(module, windows, {n: parts[n] for n in reached}, scenes)
    rows = [
        one.part(name, type(parts[name]).__name__, _depth(module.net, name), over_sounds) for name, one in seen.items()
    ]
    rows.append(last.part(MAP, "", 1, over_sounds))
    return Path(name, len(windows), tuple(rows), math.fsum(likeness) / len(likeness))


def check_followed(module: SaliencyModule, windows: Sequence[Batch], depth: int = 1) -> None:
    """Look whether the sound can be followed.

    Raises:
        ValueError: see :func:`follow_sound`.
    """
    if module.net.spec.audio is None:
        raise ValueError(
            f"{type(module.net).__name__} takes no sound here, so there is none to follow; take modality av"
        )
    if module.net.switched_by_labels:
        raise ValueError(
            f"{type(module.net).__name__} is switched by labels, and windows here bring none; take the predicted switch"
        )
    if not windows:
        raise ValueError("no windows to follow the sound in")
    if depth < 1:
        raise ValueError(f"depth: expected 1 or more, got {depth}")


def named_parts(net: nn.Module, depth: int) -> dict[str, nn.Module]:
    """Parts of a network and of its parts, by their names, down to a depth; lists of parts count as no part."""
    found: dict[str, nn.Module] = {}
    for name, part in net.named_modules():
        if name and not isinstance(part, nn.ModuleList | nn.ModuleDict) and _depth(net, name) <= depth:
            found[name] = part
    return found


def _depth(net: nn.Module, name: str) -> int:
    """How deep a part lies, without lists of parts."""
    steps, here = 0, net
    for step in name.split("."):
        here = getattr(here, step)
        steps += not isinstance(here, nn.ModuleList | nn.ModuleDict)
    return steps


@dataclass
class _Sums:
    """Sums over windows of one output, or of one tensor that a part takes."""

    count: int = 0
    total: Tensor | None = None
    squares: float = 0.0
    apart: float = 0.0
    changed: int = 0
    zeros: int = 0
    elements: int = 0

    def add(self, true: Tensor, other: Tensor) -> None:
        """A window's values ``(n,)``, with both sounds."""
        wide = true.double()
        self.total = wide if self.total is None else self.total + wide
        self.count += 1
        self.squares += float(wide.square().sum())
        self.apart += float((wide - other.double()).square().sum())
        self.changed += int((true != other).sum())
        self.zeros += int((true == 0).sum())
        self.elements += true.numel()

    @property
    def share(self) -> float:
        """See the module; 0 where nothing changes, and infinite where nothing but the other sound changes anything."""
        if not self.apart or self.total is None:
            return 0.0
        varied = self.squares - float(self.total.square().sum()) / self.count
        # What is left of sums that cancel is rounding, not variance.
        varied = varied if varied > 1e-12 * self.squares else 0.0
        return math.sqrt(self.apart / (2 * varied)) if varied else math.inf

    @property
    def change(self) -> float:
        """See the module."""
        return 0.0 if not self.apart else math.sqrt(self.apart / self.squares) if self.squares else math.inf


@dataclass
class _Compared:
    """A part's outputs, and what it takes, compared window by window."""

    given: _Sums = field(default_factory=_Sums)
    taken: list[_Sums] = field(default_factory=list)
    comparable: bool = True
    held: tuple[list[Tensor], list[Tensor]] = ((), ())  # type: ignore[assignment]

    def add(self, turn: int, gives: list[Tensor], takes: list[Tensor]) -> None:
        """What it gave and took in a run: first with the true sound, then with the other."""
        if turn == 0:
            self.held = gives, takes
            return
        (true, took), self.held = self.held, ([], [])
        sizes = [x.numel() for x in true]
        if sizes != [x.numel() for x in gives] or not sizes:
            self.comparable = self.comparable and not (sizes or gives)
            return
        if self.given.total is not None and self.given.total.numel() != sum(sizes):
            self.comparable = False
            return
        self.given.add(torch.cat(true), torch.cat(gives))
        self.taken = self.taken or [_Sums() for _ in took]
        for sums, one, other in zip(self.taken, took, takes, strict=False):
            if one.numel() == other.numel() and (sums.total is None or sums.total.numel() == one.numel()):
                sums.add(one, other)

    def part(self, name: str, kind: str, depth: int, ways: dict[str, float]) -> Part:
        """What is told of it."""
        given, elements = self.given, max(1, self.given.elements)
        share = given.share if self.comparable and given.count else None
        taken = max((sums.share for sums in self.taken if sums.count), default=None)
        zeros = given.zeros / elements
        return Part(name, kind, depth, taken, share, given.change, given.changed / elements, zeros, ways.get(name, 0.0))


def _reached(module: SaliencyModule, window: Batch, sound: int, parts: dict[str, nn.Module]) -> list[str]:
    """Names of the parts that the sound reaches, in the order in which they are through."""
    true = _true(window)
    runs = [
        _run(module, window, audio, parts) for audio in (true, _other(window, sound), torch.full_like(true, math.nan))
    ]
    (gives, _, _), (others, _, _), (unknown, _, _) = runs
    found = []
    for name, tensors in gives.items():
        poisoned = any(bool(x.isnan().any()) for x in unknown.get(name, []))
        other = others.get(name, [])
        moved = [x.numel() for x in tensors] != [x.numel() for x in other] or any(
            bool((a != b).any()) for a, b in zip(tensors, other, strict=True)
        )
        if poisoned or moved:
            found.append(name)
    return found


def _run(
    module: SaliencyModule, window: Batch, audio: Tensor, parts: dict[str, nn.Module], taking: bool = False
) -> tuple[dict[str, list[Tensor]], dict[str, list[Tensor]], Tensor]:
    """What parts give in one forward, by their names in the order of their ends, what they take, and the map.

    Tensors are flat. What parts take is there if it is asked for (``taking``).
    """
    gives: dict[str, list[Tensor]] = {}
    takes: dict[str, list[Tensor]] = {}

    def before(name: str) -> Callable[..., None]:
        def note(_: nn.Module, args: Any, kwargs: Any) -> None:
            takes.setdefault(name, []).extend(_copies((args, kwargs)))

        return note

    def after(name: str) -> Callable[..., None]:
        def note(_: nn.Module, args: Any, output: Any) -> None:
            known = gives.pop(name, [])  # a part that runs again is through when it is for the last time
            gives[name] = [*known, *_copies(output)]

        return note

    hooks = []
    for name, part in parts.items():
        if taking:
            hooks.append(part.register_forward_pre_hook(before(name), with_kwargs=True))
        hooks.append(part.register_forward_hook(after(name)))
    try:
        torch.manual_seed(0)
        saliency = module.map_of(module.net(module.normalised(window), audio))
    finally:
        for hook in hooks:
            hook.remove()
    return gives, takes, saliency


def _copies(values: Any) -> list[Tensor]:
    """Floating tensors among values, flat and copied: what follows may write into them."""
    return [
        x.detach().flatten().clone() for x in tree_leaves(values) if isinstance(x, Tensor) and x.is_floating_point()
    ]


def _ways(
    module: SaliencyModule, windows: Sequence[Batch], parts: dict[str, nn.Module], scenes: int
) -> dict[str, float]:
    """In how many ways outputs of the same frames differ over sounds: of each part, and of the map."""
    found: dict[str, list[float]] = {}
    chosen = [windows[n - 1] for n in evenly(len(windows), SOUNDS_AT_ONCE)]
    for window in [chosen[n - 1] for n in evenly(len(chosen), scenes)]:
        outputs: dict[str, list[Tensor]] = {}
        for other in chosen:
            gives, _, saliency = _run(module, window, _true(other), parts)
            for name, tensors in (*gives.items(), (MAP, [saliency.flatten()])):
                outputs.setdefault(name, []).append(torch.cat(tensors) if tensors else torch.zeros(0))
        for name, rows in outputs.items():
            if len({row.numel() for row in rows}) == 1 and len(rows) == len(chosen):
                found.setdefault(name, []).append(independent(torch.stack(rows)))
    return {name: math.fsum(numbers) / len(numbers) for name, numbers in found.items()}


def independent(outputs: Tensor) -> float:
    """In how many independent ways rows ``(K, n)`` differ, by the participation ratio of their covariance.

    Of equal rows 0.

    >>> independent(torch.tensor([[1.0, 0.0], [0.0, 0.0], [2.0, 0.0]]))
    1.0
    >>> independent(torch.ones(3, 5))
    0.0
    """
    # Of equal rows the mean would differ from them by rounding.
    apart = outputs.double() - outputs[:1].double()
    if not bool(apart.any()):
        return 0.0
    apart = apart - apart.mean(0)
    gram = apart @ apart.T
    return round(float(gram.trace() ** 2 / gram.square().sum()), 6)


def _likeness(one: Tensor, other: Tensor) -> float:
    """CC of two maps ``(1, h, w)``: 1 for equal ones, 0 where one of two different ones is constant."""
    if torch.equal(one, other):
        return 1.0
    found = float(cc(one.double(), other.double())[0])
    return found if math.isfinite(found) else 0.0


def _true(window: Batch) -> Tensor:
    audio = window["audio"]
    assert audio is not None, "check_followed looked for a network that hears"
    return audio


def _other(window: Batch, sound: int) -> Tensor:
    # Contiguous, as a sound that comes alone: the memory layout decides the last digits.
    return window["others"][:, sound].contiguous()


@contextmanager
def _as_tested(module: SaliencyModule) -> Iterator[None]:
    """The module in eval mode without gradients; its mode, and random numbers, are afterwards as before."""
    training = {part: part.training for part in module.modules()}
    devices = [module.device] if module.device.type == "cuda" else []
    try:
        module.eval()
        with torch.random.fork_rng(devices), torch.no_grad():
            yield
    finally:
        for part, mode in training.items():
            part.training = mode
