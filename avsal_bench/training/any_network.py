"""Any ``nn.Module`` with a spec as a network: what it must have, and what is taken for granted where it has nothing."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from avsal_bench.models.base import Network
from avsal_bench.models.layers.tracing.plain_operators import plain_operators_wanted
from avsal_bench.spec import ClipSpec

#: What a module of one's own needs, for errors.
NEEDS = (
    "self.spec = ClipSpec(frames=8, size=(64, 96)) and forward(frames), with frames (B, 3, T, h, w), giving (B, h, w)"
)


def as_network(module: nn.Module) -> Network:
    """The module itself where it is a :class:`~avsal_bench.models.Network`; else a network around it.

    What is read of a module: ``spec`` (a :class:`~avsal_bench.spec.ClipSpec`), ``forward(frames)`` or
    ``forward(frames, audio)``, and if they are there ``logits`` (a bool; False) and ``to_map(output)`` (the sigmoid of
    logits, else the output itself, which must not be negative).

    Args:
        module: built, with or without weights.

    Raises:
        TypeError: for what is no module, or lacks one of these; it says which.

    >>> from avsal_bench.models.baselines.position import Centre
    >>> as_network(Centre()).spec.size
    (32, 32)
    """
    if isinstance(module, Network) and isinstance(getattr(module, "spec", None), ClipSpec):
        module.check_walk()
        return module
    if not isinstance(module, nn.Module):
        raise TypeError(f"expected a network, an nn.Module with {NEEDS}; got {module!r}")
    spec = getattr(module, "spec", None)
    if not isinstance(spec, ClipSpec):
        found = "has no `spec`" if spec is None else f"has the spec {spec!r}, which is no ClipSpec"
        raise TypeError(f"{type(module).__name__} {found}; a network needs {NEEDS}")
    if type(module).forward is nn.Module.forward:
        raise TypeError(f"{type(module).__name__} has no `forward`; a network needs {NEEDS}")
    return OwnNetwork(module, spec)


def check_clips(net: Network, data: object) -> None:
    """Look whether a data module makes the clips that a network takes; which sound it cuts, and whether it plays videos
    backwards, is its own business.

    Raises:
        ValueError: for clips of another size, length or normalisation, of which a network makes wrong maps in silence.
    """
    made = getattr(data, "spec", None)
    if not isinstance(made, ClipSpec):
        return
    compared = [f.name for f in fields(made) if f.name not in ("audio", "backwards")]
    differ = [name for name in compared if getattr(made, name) != getattr(net.spec, name)]
    if differ:
        told = ", ".join(f"{name} {getattr(net.spec, name)} and not {getattr(made, name)}" for name in differ)
        raise ValueError(f"the network takes clips of {told}: build the data module with net.spec")


class OwnNetwork(Network):
    """A module that is no :class:`~avsal_bench.models.Network`, as one; see :func:`as_network`.

    Args:
        module: of the user.
        spec: the clip that it takes.
    """

    def __init__(self, module: nn.Module, spec: ClipSpec) -> None:
        super().__init__()
        self.module = module
        self.spec = spec
        if spec.walk == "frames":
            raise TypeError(
                f"{type(module).__name__} goes through videos by frames (walk of its spec), and a `predict` carries "
                "the state: derive it from Network (avsal_bench) and define that, or leave walk at 'windows'"
            )
        self.logits = bool(getattr(module, "logits", False))
        self._hears = _takes_sound(module)
        if spec.audio is not None and not self._hears:
            raise TypeError(
                f"{type(module).__name__}.forward takes the frames alone, and its spec has sound; define "
                "forward(frames, audio), or leave out spec.audio"
            )

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """The module's output, ``(B, h, w)``; a channel of one, ``(B, 1, h, w)``, is taken off.

        Raises:
            ValueError: for an output of another shape, or an integer one.
        """
        output: Any = self.module(frames, audio) if self._hears else self.module(frames)
        name = type(self.module).__name__
        if not isinstance(output, Tensor) or not output.is_floating_point():
            what = output.dtype if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(f"{name} should give one floating-point tensor (B, h, w), got {what}")
        if output.ndim == 4 and output.shape[1] == 1:
            output = output[:, 0]
        if output.ndim != 3 or output.shape[0] != frames.shape[0]:
            raise ValueError(
                f"{name} should give maps ({len(frames)}, h, w) for frames {tuple(frames.shape)}, "
                f"got {tuple(output.shape)}"
            )
        found: Tensor = output
        return found

    def to_map(self, output: Tensor) -> Tensor:
        """The module's own ``to_map`` where it has one; else the sigmoid of logits, or the output itself.

        Raises:
            ValueError: for a map with negative values.
        """
        own = getattr(self.module, "to_map", None)
        saliency: Tensor = own(output) if callable(own) else super().to_map(output)
        if not plain_operators_wanted() and torch.any(saliency < 0):  # of an exported file, maps are compared
            raise ValueError(
                f"{type(self.module).__name__} gives negative values (the least is {saliency.min().item():.4g}), and a "
                "saliency map has none; set `logits = True` for the sigmoid, or define `to_map(output)`"
            )
        return saliency


def _takes_sound(module: nn.Module) -> bool:
    """Whether ``forward`` has a second argument for the sound."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(module.forward).parameters.values()
    return sum(p.kind in kinds for p in parameters) > 1 or any(p.kind is p.VAR_POSITIONAL for p in parameters)
