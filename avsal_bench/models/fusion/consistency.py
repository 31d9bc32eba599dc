"""CASP-Net's audio-visual blocks (caspnet2023): interaction (AVIM) and consistency-aware predictive coding (CPC).

No code is published; both are a reading of the paper. Decisions:

- The paper prints no normaliser for the linear form of AVIM (Eq. 4); it is that of Eq. 1, the number of positions.
- The quadratic form (Eq. 1) is kept as it is printed, and does not hear: the keys are all the same sound, equal scores
  get equal weights from the softmax, and every position is given the mean of the values whatever the sound is. The
  gradient to the sound is zero as well.
- The values of AVIM are visual: the sound is heard through its key only.
- AVIM's last layer starts at zero, so that a network starts as its visual twin.
- CPC has three levels under the sound, and takes steps down the gradient of the sum of all errors: Eq. 7 names the
  error of a level, the sentence under it the error of the level below, and the sum has both. Eq. 7 prints a mean
  squared error; here errors are sums of squares over the elements, halved: means would make the printed rate of 0.1 do
  nothing.
- What becomes of the upper levels between iterations is said in two ways. By section 3.3 feedforward pass and inference
  take turns, so each iteration begins with a pass, which gives them new values (``state="restarted"``). By the caption
  of Fig. 4 the pass (A) gives first values, and predictions and updates (B) alone are repeated, so they keep theirs
  (``state="kept"``), and the sound on top has N times as many steps to come down. The equations decide nothing; the
  text of the section is the default.
- CPC has no batch norm, which would mix the statistics of its iterations.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.names import unknown

Form = Literal["linear", "quadratic"]
State = Literal["restarted", "kept"]


class AVIM(nn.Module):
    """Audio-visual interaction: a residual on the visual feature.

    Args:
        width: of both.
        form: ``linear``: each of the N positions is given the mean of the values, as much as its query agrees with
            the sound's key; work and memory grow with N. ``quadratic``: softmax(Q K^T / N) V, which ignores the sound;
            fused, so that the work grows with the square of N and the memory with N.

    Raises:
        ValueError: for another form.
    """

    def __init__(self, width: int, form: Form = "linear") -> None:
        super().__init__()
        if form not in get_args(Form):
            raise ValueError(unknown("form of AVIM", form, get_args(Form)))
        self.form = form
        self.query = nn.Conv3d(width, width, 1)
        self.key = nn.Linear(width, width)
        self.value = nn.Conv3d(width, width, 1)
        self.out = nn.Conv3d(width, width, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Bring the sound ``(B, width)`` into ``(B, width, T, h, w)``."""
        attend = _linear if self.form == "linear" else _quadratic
        out: Tensor = visual + self.out(attend(self.query(visual), self.key(audio), self.value(visual)))
        return out

    def infer(self, visual: Tensor, audio: Tensor) -> Tensor:
        """As ``forward``: of the linear form, the mean of the values is the value of the mean, and so is its output."""
        if self.form != "linear":
            found: Tensor = self(visual, audio)
            return found
        key = _positive(self.key(audio))
        query = F.gelu(self.query(visual)).movedim(1, -1).flatten(1, -2)
        # phi(Q) phi(K) without writing phi(Q).
        agreement = query @ key[:, :, None].to(query.dtype) + 0.2 * key.sum(1)[:, None, None]
        weight, bias = self.out.weight.flatten(1), self.out.bias
        mean = F.linear(self.value(visual.mean((2, 3, 4), keepdim=True)).flatten(1), weight)
        given = agreement.view(visual.shape[0], 1, *visual.shape[2:]) * mean[:, :, None, None, None]
        return torch.add(visual, given).add_(0 if bias is None else bias[:, None, None, None])


def _linear(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """phi(Q) (phi(K)^T V) / N of Eq. 4, ``(B, C, T, h, w)``, for the one key ``(B, C)`` of all positions."""
    # With equal keys it is this agreement times the mean of the values.
    agreement = (_positive(query) * _positive(key)[:, :, None, None, None]).sum(1, keepdim=True)
    return agreement * value.mean((2, 3, 4), keepdim=True)


def _quadratic(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(Q K^T / N) V of Eq. 1, ``(B, C, T, h, w)``, for the one key ``(B, C)`` of all positions."""
    q, v = (x.flatten(2).transpose(1, 2)[:, None].contiguous() for x in (query, value))
    k = key[:, None, None].expand_as(q).contiguous()
    attended = F.scaled_dot_product_attention(q, k, v, scale=1 / q.shape[2])
    return attended[:, 0].transpose(1, 2).reshape(query.shape)


def _positive(x: Tensor) -> Tensor:
    """phi of Eq. 5; its minimum is 0.03."""
    return F.gelu(x) + 0.2


class CPC(nn.Module):
    """Predictive coding between a visual feature, two levels above it, and the sound on top.

    Args:
        width: of both.
        iterations: of inference; 0 is the identity.
        rate: of a step.
        state: of the upper levels at the start of an iteration: ``restarted`` by a feedforward pass, or ``kept`` from
            the iteration before, with one pass before all.

    Raises:
        ValueError: for another state.
    """

    def __init__(self, width: int, iterations: int = 3, rate: float = 0.1, state: State = "restarted") -> None:
        super().__init__()
        if state not in get_args(State):
            raise ValueError(unknown("state of CPC", state, get_args(State)))
        self.iterations = iterations
        self.rate = rate
        self.state = state
        space = {"kernel_size": (1, 3, 3), "stride": (1, 2, 2), "padding": (0, 1, 1)}
        both = {"kernel_size": (2, 3, 3), "stride": (2, 2, 2), "padding": (0, 1, 1)}
        self.up1 = nn.Conv3d(width, width, **space)  # type: ignore[arg-type]
        self.up2 = nn.Conv3d(width, width, **both)  # type: ignore[arg-type]
        self.down1 = nn.ConvTranspose3d(width, width, **space)  # type: ignore[arg-type]
        self.down2 = nn.ConvTranspose3d(width, width, **both)  # type: ignore[arg-type]
        self.down3 = nn.Linear(width, width)

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Correct ``(B, width, T, h, w)``, T at least 2, towards the sound ``(B, width)``."""
        low: Tensor = visual
        top = self.down3(audio)[:, :, None, None, None]
        upper: tuple[Tensor, Tensor] | None = None
        for _ in range(self.iterations):
            low, upper = self._infer(low, *self._start(low, upper), top)
        return low

    def errors(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Sum of the halved squared errors of all levels before and after the inference of each iteration.

        Args:
            visual: as ``forward`` takes it.
            audio: likewise.

        Returns:
            ``(iterations, 2, B)``.
        """
        low: Tensor = visual
        top = self.down3(audio)[:, :, None, None, None]
        upper: tuple[Tensor, Tensor] | None = None
        found = []
        for _ in range(self.iterations):
            upper = self._start(low, upper)
            before = self._total(low, *upper, top)
            low, upper = self._infer(low, *upper, top)
            found.append(torch.stack([before, self._total(low, *upper, top)]))
        return torch.stack(found) if found else visual.new_zeros(0, 2, len(visual))

    def _feed(self, low: Tensor) -> tuple[Tensor, Tensor]:
        """The upper levels as the lowest gives them, Eq. 6."""
        middle = F.gelu(self.up1(low))
        return middle, F.gelu(self.up2(middle))

    def _start(self, low: Tensor, upper: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        """The upper levels, middle and high, at the start of an iteration; ``upper`` is what the last one left."""
        return self._feed(low) if upper is None or self.state == "restarted" else upper

    def _infer(self, low: Tensor, middle: Tensor, high: Tensor, top: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """A step of every level down the gradient of all errors, from the top: low, and middle and high."""
        high = high - self.rate * (high - top - _adjoint(self.down2, self._error(middle, high, self.down2)))
        error = self._error(middle, high, self.down2)
        middle = middle - self.rate * (error - _adjoint(self.down1, self._error(low, middle, self.down1)))
        return low - self.rate * self._error(low, middle, self.down1), (middle, high)

    def _total(self, low: Tensor, middle: Tensor, high: Tensor, top: Tensor) -> Tensor:
        """Sum of the halved squared errors of the levels, ``(B,)``."""
        errors = (self._error(low, middle, self.down1), self._error(middle, high, self.down2), high - top)
        return torch.stack([error.square().flatten(1).sum(1) for error in errors]).sum(0) / 2

    @staticmethod
    def _error(level: Tensor, above: Tensor, down: nn.ConvTranspose3d) -> Tensor:
        """The level less what the one above predicts of it."""
        error: Tensor = level - down(above, output_size=list(level.shape[2:]))
        return error


def _adjoint(down: nn.ConvTranspose3d, error: Tensor) -> Tensor:
    """The error of a prediction, as its gradient by the level above, but for the sign."""
    return F.conv3d(error, down.weight, stride=down.stride, padding=down.padding)


class ConsistencyFusion(nn.Module):
    """Both blocks on one stage, in the place of another network's fusion (mspi2024, Table 5).

    Args:
        channels: of the picture's feature.
        width: of the sound's feature, and of the result.
        cpc: whether CPC follows AVIM.
    """

    def __init__(self, channels: int, width: int, cpc: bool) -> None:
        super().__init__()
        self.project = nn.Conv3d(channels, width, 1)
        self.avim = AVIM(width)
        self.cpc = CPC(width) if cpc else None

    def forward(self, visual: Tensor, audio: Tensor) -> Tensor:
        """Fuse ``(B, channels, T, h, w)`` and ``(B, width, F, T')`` to ``(B, width, T, h, w)``."""
        heard = audio.mean((2, 3))
        fused: Tensor = self.avim(self.project(visual), heard)
        if self.cpc is not None:
            fused = self.cpc(fused, heard)
        return fused
