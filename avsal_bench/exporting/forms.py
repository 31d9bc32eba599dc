"""The formats of exported networks: how a graph becomes a file, and how the file runs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from avsal_bench.exporting.graphs import Graph, StepGraph
from avsal_bench.models.layers.tracing.plain_operators import plain_operators
from avsal_bench.text import many

#: Version of the operators in ONNX: what torch's exporter is written for, and runtimes of the last years know.
OPSET = 18
#: Under this name a file says what it is: a property of ONNX, an extra file of the two others.
NOTES = "avsal.json"
#: Bytes of an ONNX file, which is one message of protobuf.
MOST_OF_ONNX = 2**31 - 2**20
#: The packages of `pip install 'avsal-bench[export]'`.
_EXTRA = ("onnx", "onnxscript", "onnxruntime")

#: Runs a file: tensors in, in order, and tensors out.
Run = Callable[[Sequence[Tensor]], list[Tensor]]


@dataclass
class Plan:
    """A graph on its way into files.

    Args:
        graph: of the network, in eval mode.
        inputs: that it is traced with, for a free batch two items of each.
        names: of what goes in, and of what comes out.
        free: whether the batch may have any size, or has that of the inputs always.
    """

    graph: Graph
    inputs: tuple[Tensor, ...]
    names: tuple[list[str], list[str]]
    free: bool
    notes: str = field(default="{}", kw_only=True)
    """What the file says of itself, JSON."""

    @cached_property
    def program(self) -> torch.export.ExportedProgram:
        """The graph as torch exports it, for two of the formats."""
        shapes = None
        if self.free:
            batch = torch.export.Dim("batch")
            own: tuple[Any, ...] = tuple({0: batch} for _ in self.inputs)
            # What a graph takes as `*state` is one argument for torch.
            shapes = (own[0], own[1:]) if isinstance(self.graph, StepGraph) else own
        with _quiet(), plain_operators(), torch.no_grad():
            return _of_any_layout(torch.export.export(self.graph, self.inputs, dynamic_shapes=shapes, strict=False))


def _of_any_layout(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The program with a ``reshape`` for each ``view``.

    What is a view of the layout that tensors had in the trace need not be one of that which an exporter gives them.
    """
    views = (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default)
    for node in program.graph.nodes:
        if node.op == "call_function" and node.target in views:
            node.target = torch.ops.aten.reshape.default
    program.graph_module.recompile()
    return program


class Form(NamedTuple):
    """A format."""

    suffix: str
    write: Callable[[Plan, Path], None]
    load: Callable[[Path], Run]


def _write_onnx(plan: Plan, path: Path) -> None:
    check_extra()
    size = sum(one.numel() * one.element_size() for one in (*plan.graph.parameters(), *plan.graph.buffers()))
    if size > MOST_OF_ONNX:
        raise ValueError(f"its weights have {size:,} bytes, and a file of ONNX at most {MOST_OF_ONNX:,}; take pt2")
    into, out_of = plan.names
    program = plan.program
    with _quiet():
        made = torch.onnx.export(
            program, (), input_names=into, output_names=out_of, opset_version=OPSET, dynamo=True, verbose=False
        )
    assert made is not None, "a program, as no file was named"
    made.model.metadata_props[NOTES] = plan.notes
    made.model.doc_string = "a saliency network; the property avsal.json says what goes in and what comes out"
    made.save(path, external_data=False)


def _load_onnx(path: Path) -> Run:
    session = onnx_session(path)
    names = [one.name for one in session.get_inputs()]

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        given = {name: one.numpy() for name, one in zip(names, inputs, strict=True)}
        return [torch.from_numpy(one) for one in session.run(None, given)]

    return run


def onnx_session(path: Path) -> Any:
    """A file of ONNX as onnxruntime runs it, on the CPU, with as many threads as torch has."""
    check_extra()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _write_torchscript(plan: Plan, path: Path) -> None:
    with _quiet(), plain_operators(), torch.no_grad():
        # A bit of a trace that differs is found by the comparison of the maps, which says more.
        traced = torch.jit.trace(plan.graph, plan.inputs, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, str(path), _extra_files={NOTES: plan.notes})


def _load_torchscript(path: Path) -> Run:
    with _quiet():
        return _of_torch(torch.jit.load(str(path), map_location="cpu"))  # type: ignore[no-untyped-call]


def _write_pt2(plan: Plan, path: Path) -> None:
    program = plan.program
    with _quiet():
        torch.export.save(program, path, extra_files={NOTES: plan.notes})


def _load_pt2(path: Path) -> Run:
    with _quiet():
        return _of_torch(torch.export.load(path).module())


def _of_torch(module: Callable[..., Tensor | tuple[Tensor, ...]]) -> Run:
    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        with torch.no_grad():
            found = module(*inputs)
        return [found] if isinstance(found, Tensor) else list(found)

    return run


FORMS: dict[str, Form] = {
    "onnx": Form(".onnx", _write_onnx, _load_onnx),
    "torchscript": Form(".pt", _write_torchscript, _load_torchscript),
    "pt2": Form(".pt2", _write_pt2, _load_pt2),
}


def check_extra() -> None:
    """Look whether what ONNX needs is installed.

    Raises:
        ValueError: naming what is not there, and what to install.
    """
    missing, why = [], None
    for name in _EXTRA:
        try:
            import_module(name)
        except ImportError as error:
            missing.append(name)
            why = error
    if missing:
        raise ValueError(
            f"ONNX needs {many(len(missing), 'package')} more, {', '.join(missing)}: pip install "
            "'avsal-bench[export]'; torchscript and pt2 need nothing"
        ) from why


@contextmanager
def _quiet() -> Iterator[None]:
    """What torch says of its own future, and of constants in a trace, is nothing that a user can act on."""
    talking = [logging.getLogger(name) for name in ("onnx_ir", "onnxscript", "torch.onnx")]
    before = [logger.level for logger in talking]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in talking:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(talking, before, strict=True):
                logger.setLevel(level)
