"""Training on silence (``hears: muted``), in which batch norms that silence alone reaches keep the statistics that they
start with."""

from __future__ import annotations

from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from avsal_bench.models import Network


def silent_norms(net: Network) -> dict[str, _BatchNorm]:
    """Batch norms with statistics whose input is the same for any frames, while the network hears silence.

    Two windows of random frames go through the network one at a time, in eval mode, so nothing of it changes.

    Args:
        net: with the sound of its spec; of one without sound there is none.

    Returns:
        The norms, by their names in ``net``.
    """
    if net.spec.audio is None:
        return {}
    norms = {
        name: part for name, part in net.named_modules() if isinstance(part, _BatchNorm) and part.track_running_stats
    }
    taken: list[dict[str, list[torch.Tensor]]] = []

    def listen(name: str) -> Any:
        return lambda _, inputs: taken[-1].setdefault(name, []).append(inputs[0])

    hooks = [norm.register_forward_pre_hook(listen(name)) for name, norm in norms.items()]
    modes = {part: part.training for part in net.modules()}
    at = next(net.parameters()).device
    drawn = torch.Generator().manual_seed(0)
    silence = net.spec.audio(torch.zeros(1))[None].to(at)
    try:
        net.eval()
        with torch.no_grad(), torch.random.fork_rng([at] if at.type == "cuda" else []):
            for _ in range(2):
                taken.append({})
                torch.manual_seed(0)  # what a network draws by itself is no difference either
                net(torch.randn(1, 3, net.spec.frames, *net.spec.size, generator=drawn).to(at), silence)
    finally:
        for hook in hooks:
            hook.remove()
        for part, training in modes.items():
            part.training = training
    one, other = taken
    return {name: norms[name] for name in one if all(map(torch.equal, one[name], other[name]))}


class SilentNorms(Callback):
    """Keeps these norms in eval mode while a stage trains on silence.

    In training mode each subtracts the mean over the batch from values that are all equal, and divides what rounding
    left by the root of eps. Layer after layer makes that 300 times as large, until noise is all that an encoder of the
    sound gives; and running variances near 1e-11 do the same in tests, up to infinity. With the statistics that they
    start with, or that a trained encoder brings, silence is one constant, in training and in tests.
    """

    def __init__(self) -> None:
        self.norms: list[nn.Module] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look for them, with the network on its device."""
        self.norms = list(silent_norms(pl_module.net).values())  # type: ignore[arg-type]

    def on_train_batch_start(self, *_: Any) -> None:
        """Again for each batch: whoever switches the network to training mode switches them too."""
        for norm in self.norms:
            norm.eval()
