"""A network as a file that other programs run, compared with the suite before it gets its name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from avsal_bench.exporting.file_notes import notes_of
from avsal_bench.exporting.forms import FORMS, Plan, Run, check_extra
from avsal_bench.exporting.graphs import Graph, Value, first_state, graph_of, inputs_of
from avsal_bench.exporting.refusals import NotExportable, refusal
from avsal_bench.exporting.trials import Trial, suite_maps, trials
from avsal_bench.files import check_writable, whole_file
from avsal_bench.names import pick
from avsal_bench.prediction.predictor import Predictor

#: The largest difference of a file from the suite that is allowed, as a part of the highest value of a map.
TOLERANCE = 1e-4
#: The sizes of batches that a file with a free one is tried on, and the one that it is traced with.
TRIED, TRACED = (1, 2), 2


@dataclass(frozen=True)
class Difference:
    """How far a file is from the suite on some clips."""

    clips: str
    batch: int
    value: float
    """The largest difference of a pixel, as a part of the highest value of the suite's map."""


@dataclass(frozen=True)
class Exported:
    """A file that was written."""

    path: Path
    form: str
    differences: tuple[Difference, ...]
    notes: dict[str, Any] = field(repr=False)
    """What the file says of itself; :mod:`avsal_bench.exporting.file_notes`."""

    @property
    def difference(self) -> float:
        """The largest of the differences."""
        return max(one.value for one in self.differences)

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size


class Exporter:
    """Exports one network, to several formats if need be; what they share is found once.

    Args:
        predictor: the network with its weights, on the CPU.
        batch: its size, or None for any.

    Raises:
        ValueError: for a batch below 1, and for a network that no file can hold.
    """

    def __init__(self, predictor: Predictor, batch: int | None = 1) -> None:
        if batch is not None and (not isinstance(batch, int) or isinstance(batch, bool) or batch < 1):
            raise ValueError(f"batch: expected a whole number from 1, or None for any, got {batch!r}")
        self.predictor = predictor
        self.batch = batch
        self.graph: Graph = graph_of(predictor.module)

    @cached_property
    def expected(self) -> list[tuple[Trial, int, Tensor]]:
        """The trial clips, how many there are, and the suite's maps ``(S, B, h, w)``."""
        module = self.predictor.predicting.eval()
        sizes = TRIED if self.batch is None else (self.batch,)
        found = [(trial, size) for size in sizes for trial in trials(module.net.spec, size)]
        return [(trial, size, suite_maps(module, trial)) for trial, size in found]

    @cached_property
    def values(self) -> tuple[list[Value], list[Value]]:
        """What goes in, and what comes out."""
        height, width = self.expected[0][2].shape[-2:]
        return inputs_of(self.graph, (height, width))

    @cached_property
    def plan(self) -> Plan:
        """The graph, with what it is traced with."""
        size = TRACED if self.batch is None else self.batch
        trial = next(trials(self.graph.net.spec, size))
        inputs = next(iter(steps_of(trial, self.graph)))
        names = [value.name for value in self.values[0]], [value.name for value in self.values[1]]
        return Plan(self.graph, (*inputs, *first_state(self.graph, size)), names, self.batch is None)

    def write(self, path: Path, form: str, force: bool = False) -> Exported:
        """Write a file and compare it with the suite; it is there whole and right, or not at all.

        Args:
            path: of the file.
            form: its format, of :data:`~avsal_bench.exporting.forms.FORMS`.
            force: whether a file that is there is replaced.

        Raises:
            NotExportable: naming the operator and the reason, where the format cannot hold the network, or gives other
                maps than the suite.
            ValueError, OSError: as :func:`check_place`, and for packages that are missing.
        """
        check_place(path, form, force)
        name, how = self.predictor.name, pick("format", form, FORMS)
        notes = notes_of(self.predictor, self.values, form, self.batch)
        self.plan.notes = json.dumps(notes, indent=1)
        with whole_file(path, how.suffix) as temporary:
            try:
                how.write(self.plan, temporary)
                run = how.load(temporary)
                differences = self.differences(run)
            except (MemoryError, OSError):
                raise
            except Exception as error:  # torch and its exporters raise many kinds
                free = "; a batch of one size may do (--batch 1)" if self.batch is None else ""
                raise NotExportable(f"{name} cannot be exported to {form}: {refusal(error)}{free}") from error
            worst = max(differences, key=lambda one: one.value)
            if not worst.value <= TOLERANCE:
                raise NotExportable(
                    f"{name} in {form} gives other maps than the suite: they differ by {worst.value:.1e} of the "
                    f"highest value ({worst.clips}, batch {worst.batch}), and at most {TOLERANCE:.0e} is "
                    "allowed; no file was written. Try another format"
                )
        return Exported(path, form, tuple(differences), notes)

    def differences(self, run: Run) -> list[Difference]:
        """How far the maps of a file are from those of the suite, for each of the trials."""
        found = []
        for trial, size, maps in self.expected:
            found.append(Difference(trial.name, size, largest_difference(self.maps(run, trial, size), maps)))
        return found

    def maps(self, run: Run, trial: Trial, size: int) -> Tensor:
        """The maps ``(S, B, h, w)`` of a file."""
        state: Sequence[Tensor] = first_state(self.graph, size)
        made = []
        for inputs in steps_of(trial, self.graph):
            saliency, *state = run([*inputs, *state])
            made.append(saliency)
        return torch.stack(made)


def steps_of(trial: Trial, graph: Graph) -> list[tuple[Tensor, ...]]:
    """What goes into a graph beside its state, call by call."""
    spec = graph.net.spec
    if spec.walk == "frames":
        return [(trial.frames[:, step],) for step in range(0, trial.frames.shape[1], spec.step)]
    return [(trial.frames,) if trial.sound is None else (trial.frames, trial.sound)]


def largest_difference(maps: Tensor, expected: Tensor) -> float:
    """The largest difference of a pixel, as a part of the highest value expected; infinite for what is no such map.

    >>> largest_difference(torch.tensor([0.5, 2.0]), torch.tensor([0.5, 4.0]))
    0.5
    """
    if maps.shape != expected.shape or not bool(torch.isfinite(maps).all()):
        return float("inf")
    highest = expected.abs().max().item()
    return (maps - expected).abs().max().item() / (highest or 1.0)


def check_place(path: Path, form: str, force: bool = False) -> None:
    """Look whether a file may be written, before the work starts.

    Raises:
        ValueError: for an unknown format, a name that is another format's, and missing packages.
        FileNotFoundError, FileExistsError, OSError: for a folder that is not there or cannot be written, and for a file
            that is there and is not to be replaced.
    """
    pick("format", form, FORMS)
    others = [name for name, one in FORMS.items() if one.suffix == path.suffix and name != form]
    if others:
        raise ValueError(f"{path}: has the name of a file of {others[0]}, and {form} is asked for; name it otherwise")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}; make it, or name another place")
    check_writable(files=[path], advice="give -o another name")
    if path.exists() and not force:
        raise FileExistsError(f"{path}: is there already; give it another name, or --force to replace it")
    if form == "onnx":
        check_extra()


def form_of(path: Path, form: str = "") -> str:
    """The format that is meant: the one that is named, or that of the file's name.

    Raises:
        ValueError: for a name of a file that says nothing, where no format is named.
    """
    if form:
        return form
    for name, one in FORMS.items():
        if one.suffix == path.suffix:
            return name
    suffixes = ", ".join(f"{one.suffix} ({name})" for name, one in FORMS.items())
    raise ValueError(f"{path}: says no format by its name; end it in one of {suffixes}, or name one with --to")


def export_network(
    predictor: Predictor, path: Path, form: str = "", batch: int | None = 1, force: bool = False
) -> Exported:
    """Export a network to one file; see :class:`Exporter`."""
    form = form_of(path, form)
    check_place(path, form, force)
    return Exporter(predictor, batch).write(path, form, force)
