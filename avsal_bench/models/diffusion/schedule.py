"""How much noise a map has at each step, and how it is taken off: DDIM without new noise (Song et al., ICLR 2021)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

#: Steps of noise, from 0 (hardly any) to 999 (nothing else).
STEPS = 1000
#: Of the cosine schedule (Nichol and Dhariwal, ICML 2021), and the largest share of noise that a step may add.
_OFFSET, _MOST = 0.008, 0.999


def sampled_steps(count: int) -> list[int]:
    """The steps that a map is sampled at, from the noisiest to 0: every ``1000 // count``-th of the 1000.

    Where ``count`` does not divide 1000 there is a step more, as junwenxiong/diff_sal has it.

    >>> sampled_steps(1), sampled_steps(4), sampled_steps(3)
    ([0], [750, 500, 250, 0], [999, 666, 333, 0])
    """
    return list(range(0, STEPS, STEPS // count))[::-1]


class CosineSchedule(nn.Module):
    """The cosine schedule of 1000 steps: at step t a map ``x0`` has become ``sqrt(a[t]) x0 + sqrt(1 - a[t]) noise``.

    ``a[t]`` is the product of ``1 - betas`` up to t. Over ``linspace(0, 1001, 1001)`` in the place of 0 to 1000, as
    junwenxiong/diff_sal has it. It has no weights, and nothing of it is saved.

    Attributes:
        betas: ``(1000,)`` float32, the share of noise that each step adds.
        alphas_hat: ``(1000,)`` float32, a.
    """

    betas: Tensor
    alphas_hat: Tensor

    def __init__(self) -> None:
        super().__init__()
        # On the processor, whatever device a network is built on: a network without numbers has a schedule with some.
        u = torch.linspace(0, STEPS + 1, STEPS + 1, dtype=torch.float64, device="cpu")
        f = torch.cos((u / (STEPS + 1) + _OFFSET) / (1 + _OFFSET) * torch.pi / 2).square()
        betas = (1 - f[1:] / f[:-1]).clamp(0, _MOST).float()
        self.register_buffer("betas", betas, persistent=False)
        self.register_buffer("alphas_hat", (1 - betas).cumprod(0), persistent=False)

    def noisy(self, x0: Tensor, noise: Tensor, step: int) -> Tensor:
        """A map ``x0`` with the noise of a step; all of one shape.

        Raises:
            ValueError: for a step outside 0 to 999.
        """
        check_step(step)
        a = self.alphas_hat[step].to(x0.dtype)
        return a.sqrt() * x0 + (1 - a).sqrt() * noise

    def sample(self, denoise: Callable[[Tensor, int], Tensor], noise: Tensor, count: int) -> Tensor:
        """Take the noise from a map, step by step, beginning with nothing but noise.

        Args:
            denoise: the map ``x0`` that a network sees in a noisy map at a step.
            noise: standard normal values, of the shape of the map.
            count: how many steps; see :func:`sampled_steps`. With 1 the answer to the noise, at step 0, is the map.

        Returns:
            The map, cut to [0, 1].
        """
        steps = sampled_steps(count)
        x = noise
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            x0 = denoise(x, step)
            if following is None:
                return x0.clamp(0, 1)
            a, after = self.alphas_hat[step].to(x.dtype), self.alphas_hat[following].to(x.dtype)
            left = ((1 / a).sqrt() * x - x0) / (1 / a - 1).sqrt()
            x = after.sqrt() * x0 + (1 - after).sqrt() * left
        raise AssertionError("there is a last step")


def check_step(step: int) -> None:
    """Nothing, for a step of the schedule.

    Raises:
        ValueError: for one outside 0 to 999.
    """
    if not 0 <= step < STEPS:
        raise ValueError(f"step {step} of noise; there are 0 (hardly any) to {STEPS - 1} (nothing else)")
