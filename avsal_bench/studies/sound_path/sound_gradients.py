"""The gradient of the loss that comes back to each part of a network, and whether it is about the sound.

Of some training batches the gradient is taken twice: with the sound of each clip, and with that of another video in
its batch. Where both point the same way, what a part learns in a step has nothing to do with what is heard.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avsal_bench.spec import Batch
from avsal_bench.training.module import SaliencyModule


@dataclass(frozen=True)
class Learning:
    """The gradient of one part of a network, over some batches.

    Args:
        name: of the part.
        parameters: how many values it learns.
        norm: root of the mean over batches of the squared norm of its gradient.
        rate: that, as a part of the norm of its parameters.
        cosine: mean over batches of the cosine between its gradients with the true and with the other sounds; None
            where one of them is always zero.
        apart: ``sqrt(E|g - g'|^2 / E|g|^2)`` of these two; None where the gradient is always zero.
        steady: squared norm of the mean gradient by the mean squared norm: 1 where batches agree, about one by their
            number where they have nothing in common; None as for ``apart``.
    """

    name: str
    parameters: int
    norm: float
    rate: float
    cosine: float | None
    apart: float | None
    steady: float | None

    @property
    def element(self) -> float:
        """Root mean square of one value of the gradient. Adam divides by it plus an eps of 1e-8: far below that, a part
        does not move, whatever the rate."""
        return self.norm / math.sqrt(self.parameters)


def learning_parts(net: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The parameters that learn of each part of a network, by its name; those of the network itself under ``""``."""
    found: dict[str, list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            found.setdefault(name.split(".")[0] if "." in name else "", []).append(parameter)
    return found


def gradient_norms(net: nn.Module) -> dict[str, float]:
    """Norm of the gradient that lies in each part of a network now; 0 where there is none."""
    return {
        name: float(torch.nn.utils.get_total_norm([p.grad for p in own if p.grad is not None]))
        for name, own in learning_parts(net).items()
    }


def other_sounds(batch: Batch) -> Tensor:
    """The sounds of a batch, to each clip that of the next clip of another video.

    Raises:
        ValueError: for a batch of one video, or without sound.
    """
    audio = batch["audio"]
    keys = list(zip(batch["dataset"], batch["video"], strict=True))
    if audio is None or len(set(keys)) < 2:
        raise ValueError(f"expected a batch with sound and clips of two videos or more; got {sorted(set(keys))}")
    order = [
        next(j % len(keys) for j in range(i + 1, i + len(keys)) if keys[j % len(keys)] != keys[i])
        for i in range(len(keys))
    ]
    return audio[torch.tensor(order, device=audio.device)]


def measure_learning(module: SaliencyModule, batches: Sequence[Batch]) -> list[Learning]:
    """The gradients of each part of a network; weights, norms, modes and random numbers stay as they are.

    The network is in training mode, with dropout drawn alike for both sounds, and the loss is that of its training in
    the first epoch.

    Args:
        module: with its loss, on the device of the batches.
        batches: to train on, of two videos or more each.

    Raises:
        ValueError: for no batches, as :func:`other_sounds`, and where nothing of the network learns.
    """
    parts = learning_parts(module.net)
    if not batches or not parts:
        raise ValueError("no batches to learn from" if parts else "nothing of this network learns")
    sums = {name: _Gradients() for name in parts}
    with _as_trained(module):
        for number, batch in enumerate(batches):
            true = _gradients(module, batch, parts, number)
            other = _gradients(module, {**batch, "audio": other_sounds(batch)}, parts, number)
            for name, of_part in sums.items():
                of_part.add(true[name], other[name])
    return [sums[name].told(name, own) for name, own in parts.items()]


@dataclass
class _Gradients:
    """Sums over batches of one part's gradients."""

    count: int = 0
    total: Tensor | None = None
    squares: float = 0.0
    apart: float = 0.0
    cosines: tuple[float, ...] = ()

    def add(self, true: Tensor, other: Tensor) -> None:
        """Those of a batch ``(n,)``, with the true sounds and with others."""
        self.count += 1
        self.total = true if self.total is None else self.total + true
        self.squares += float(true.square().sum())
        self.apart += float((true - other).square().sum())
        if norms := float(true.norm() * other.norm()):
            self.cosines += (float(true @ other) / norms,)

    def told(self, name: str, own: Sequence[nn.Parameter]) -> Learning:
        """What is told of them."""
        assert self.total is not None, "there are batches"
        weights = math.sqrt(sum(float(p.detach().double().square().sum()) for p in own))
        norm = math.sqrt(self.squares / self.count)
        cosine = math.fsum(self.cosines) / len(self.cosines) if self.cosines else None
        apart = math.sqrt(self.apart / self.squares) if self.squares else None
        steady = float(self.total.square().sum()) / self.count / self.squares if self.squares else None
        rate = norm / weights if weights else math.inf if norm else 0.0
        return Learning(name, sum(p.numel() for p in own), norm, rate, cosine, apart, steady)


def _gradients(
    module: SaliencyModule, batch: Batch, parts: dict[str, list[nn.Parameter]], number: int
) -> dict[str, Tensor]:
    """The gradient of each part ``(n,)`` float64, zeros where there is none."""
    torch.manual_seed(number)
    flat = [p for own in parts.values() for p in own]
    found = iter(torch.autograd.grad(module.training_loss(batch), flat, allow_unused=True))
    return {
        name: torch.cat(
            [(torch.zeros_like(p) if g is None else g).double().flatten() for p in own for g in [next(found)]]
        )
        for name, own in parts.items()
    }


@contextmanager
def _as_trained(module: SaliencyModule) -> Iterator[None]:
    """The module in training mode, at the start of its training; all of it is afterwards as before."""
    training = {part: part.training for part in module.modules()}
    buffers = {name: value.clone() for name, value in module.named_buffers()}
    clock, devices = module._clock, [module.device] if module.device.type == "cuda" else []
    try:
        module.train()
        module._clock = (0, 2)
        with torch.random.fork_rng(devices), torch.enable_grad():
            yield
    finally:
        module._clock = clock
        for part, mode in training.items():
            part.training = mode
        for name, value in module.named_buffers():
            value.copy_(buffers[name])
