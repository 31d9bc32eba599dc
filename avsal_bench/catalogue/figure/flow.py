"""The data flow of a network, watched: every operation of one forward, what it took, and the part that did it.

Nothing is read from the source of a network: what stands in a figure has happened. It is therefore there for any
network, plug-ins included.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from avsal_bench.catalogue.counting import separate_operations, window_shapes, without_values
from avsal_bench.models import Network
from avsal_bench.spec import ClipSpec

Shape = tuple[int, ...]

#: Operations that look at the shape of what they take, and not at its values.
_SHAPES_ONLY = ("new_", "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "bernoulli.p")
#: Operations that replace all values of what they write into.
_REPLACES = ("copy_", "fill_", "zero_", "normal_", "uniform_", "randn", "rand.")
#: Operations that make values of nothing.
_RANDOM = ("randn", "rand.", "rand_like", "normal", "uniform")


@dataclass(frozen=True)
class Step:
    """One operation.

    Args:
        name: PyTorch's, such as ``cat.default``.
        takes: the values that it computes with, a number each; weights and constants are none.
        gives: the values that it makes.
        parts: names of the parts of the network that were running, outermost first; none for the network's own lines.
    """

    name: str
    takes: tuple[int, ...]
    gives: tuple[int, ...]
    parts: tuple[str, ...]


@dataclass
class Flow:
    """One forward of a network.

    Args:
        spec: the clip that it took.
        inputs: value of each input, by its name: ``frames``, ``sound``, ``noise``.
        output: value of the map.
        steps: the operations in their order.
        shapes: of each value.
        calls: how often each part was called.
        classes: what each part is, in a few words.
        parameters: of each part, with all that is in it; of the network under "".
    """

    spec: ClipSpec
    inputs: dict[str, int] = field(default_factory=dict)
    output: int = -1
    steps: list[Step] = field(default_factory=list)
    shapes: dict[int, Shape] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)


def watch(build: Callable[[], Network]) -> Flow:
    """Watch one forward of the network that ``build`` makes, at the input of its spec, batch 1, in eval mode.

    Shapes alone are computed, without memory or arithmetic; a network that looks at values is run for real.
    """
    return without_values(build, _watch_in)


def _watch_in(mode: AbstractContextManager[Any], net: Network) -> Flow:
    net.eval()
    shapes = window_shapes(net.spec)  # outside of the mode, as front ends keep tables
    flow = Flow(net.spec)
    for name, part in net.named_modules():
        flow.classes[name] = _in_words(part)
        flow.parameters[name] = sum(p.numel() for p in part.parameters())
    with mode, separate_operations(), torch.no_grad():
        given = [torch.zeros(shape) for shape in shapes]
        with _watching(net, flow) as watcher:
            for name, tensor in zip(("frames", "sound"), given, strict=False):
                flow.inputs[name] = watcher.new(tensor)
            more: dict[str, Tensor] = {}
            if "noise" in inspect.signature(net.forward).parameters:  # of a network that takes noise from a map
                more["noise"] = torch.zeros(1, 1, *net.spec.size)
                flow.inputs["noise"] = watcher.new(more["noise"])
            output = net(*given, **more)
            flow.output = watcher.value(output) if isinstance(output, Tensor) else -1
    return flow


def _in_words(part: nn.Module) -> str:
    """Its class; of a list of one class, how many."""
    children = [type(child).__name__ for child in part.children() if any(True for _ in child.parameters())]
    if type(part) in (nn.Sequential, nn.ModuleList) and children:
        kinds = set(children) - {name for name in children if "Norm" in name} or set(children)
        if len(kinds) == 1:
            (kind,) = kinds
            number = children.count(kind)
            return kind if number == 1 else f"{number} {kind}"
    return type(part).__name__


@contextmanager
def _watching(net: nn.Module, flow: Flow) -> Iterator[_Watcher]:
    """Notes every operation in here, and the parts that run."""
    names = {id(part): name for name, part in net.named_modules() if name}
    running: list[str | None] = []

    def begin(part: nn.Module, *_: Any) -> None:
        name = names.get(id(part))
        running.append(name)
        if name is not None:
            flow.calls[name] = flow.calls.get(name, 0) + 1

    def end(*_: Any) -> None:
        running.pop()

    hooks = [register_module_forward_pre_hook(begin), register_module_forward_hook(end, always_call=True)]
    try:
        with _Watcher(flow, running) as watcher:
            yield watcher
    finally:
        for hook in hooks:
            hook.remove()


class _Watcher(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Gives every tensor the number of its value, and notes what each operation took and gave."""

    def __init__(self, flow: Flow, running: list[str | None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flow, self.running = flow, running
        self.known: Any = WeakTensorKeyDictionary()
        # Storages that were written into after their tensors had values: the last value. A weak reference keeps the
        # address, which is its key, from being used for another one.
        self.written: dict[int, tuple[StorageWeakRef, int]] = {}

    def value(self, tensor: Tensor) -> int:
        """Number of the value that a tensor has now; -1 for what no operation made, such as a weight."""
        own: int = self.known.get(tensor, -1)
        if not self.written:
            return own
        _, last = self.written.get(_address(tensor), (None, -1))
        return max(own, last)  # values are numbered in their order

    def new(self, tensor: Tensor) -> int:
        """A new value for a tensor."""
        number = len(self.flow.shapes)
        self.flow.shapes[number] = tuple(tensor.shape)
        self.known[tensor] = number
        return number

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = str(func).removeprefix("aten.")
        writes = self._writes(func, args, kwargs)
        taken = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        if name.startswith(_SHAPES_ONLY):
            taken = []
        elif name.startswith(_REPLACES):
            taken = [x for x in taken if not any(x is w for w in writes if _whole(w))]
        takes = tuple(dict.fromkeys(n for n in map(self.value, taken) if n >= 0))
        out = func(*args, **kwargs)
        gives = []
        for tensor in {id(x): x for x in [*tree_leaves(out), *writes] if isinstance(x, Tensor)}.values():
            gives.append(self.new(tensor))
            if any(tensor is w for w in writes):
                self.written[_address(tensor)] = (_weak(tensor), gives[-1])
        parts = tuple(part for part in self.running if part is not None)
        self.flow.steps.append(Step(name, takes, tuple(gives), parts))
        return out

    @staticmethod
    def _writes(func: Any, args: Any, kwargs: Any) -> list[Tensor]:
        """The tensors that an operation writes into."""
        schema = func._schema
        if not schema.is_mutable:
            return []
        named = dict(zip((a.name for a in schema.arguments), args, strict=False)) | kwargs
        ours = [named.get(a.name) for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write]
        return [x for x in tree_leaves(ours) if isinstance(x, Tensor)]


def alive(flow: Flow) -> Flow:
    """A flow without the operations that nothing of the map comes of."""
    wanted = {flow.output}
    steps = []
    for step in reversed(flow.steps):
        if wanted & {*step.gives}:
            wanted |= {*step.takes}
            steps.append(step)
    return replace(flow, steps=steps[::-1])


def is_random(step: Step) -> bool:
    """Whether an operation draws numbers."""
    return step.name.startswith(_RANDOM)


def _weak(tensor: Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]


def _address(tensor: Tensor) -> int:
    address: int = tensor.untyped_storage()._cdata
    return address


def _whole(tensor: Tensor) -> bool:
    """Whether a tensor is all that its storage holds."""
    return tensor.numel() * tensor.element_size() >= tensor.untyped_storage().nbytes()
