"""Convolutions (k, 3, 3) of stride 1 in fewer products, for inference on a CPU (Winograd 1980, F(2x2, 3x3)).

Two by two outputs of a 3x3 convolution take 36 products of a pixel and a weight. Sums of four by four pixels, times
sums of the weights, take 16, and sums of those are the outputs: 2.25 times less. A feature that nearest upsampling
doubled has pixels that are equal in pairs: it takes 9, and is never doubled. All factors are 1 and 1/2, so what comes
out is the same to rounding. Several convolutions are added before the last sums.

In bfloat16 sums are rounded to it, and what comes out differs by 0.7 % from the exact values, where a plain
convolution of the same numbers differs by 0.3 %. On a GPU the libraries do the like themselves: see
:func:`few_products`. A network keeps the sums of its weights in its memory of a test run (:class:`WeightSums`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.clips import Memory

#: The four sums of three weights in a row.
_WEIGHTS = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.0, 0.0, 1.0))
#: The four sums of four pixels in a row: of which two, and the sign of the second.
_PIXELS = ((0, 2, -1), (1, 2, 1), (2, 1, -1), (1, 3, -1))
#: The same where the pixels are (a, b, b, c), of (a, b, c); the third is zero.
_PAIRS = ((0, 1, -1), (1, 1, 1), None, (1, 2, -1))
#: The two outputs of four products.
_OUTPUTS = ((1, 1, 1, 0), (0, 1, -1, -1))

#: Channels and numbers of an item from which on it is quicker (measured with one thread and with two).
_CHANNELS, _NUMBERS = 32, 2**14
#: Rows of a matrix that stay in the cache of a core, with what is made of them.
_ROWS = 1536


def few_products(x: Tensor) -> bool:
    """Whether layers of ``x``, ``(B, C, T, h, w)``, are computed this way: where that is quicker, without gradients.

    That is on a CPU, not in float16, and not in small networks: there the many calls cost more than the products.
    """
    quicker = x.shape[1] >= _CHANNELS and x[0].numel() >= _NUMBERS
    return quicker and x.device.type == "cpu" and _computed_in(x) is not torch.float16 and not torch.is_grad_enabled()


def _computed_in(x: Tensor) -> torch.dtype:
    """The type that products of ``x`` are computed in."""
    mixed = torch.is_autocast_enabled("cpu") and x.dtype is not torch.float64
    return torch.get_autocast_dtype("cpu") if mixed else x.dtype


def as_rows(x: Tensor) -> Tensor:
    """``(B, C, T, h, w)`` as contiguous ``(B, T, h, w, C)``: as it lies where channels come last in memory.

    Under autocast in its type.
    """
    return x.to(_computed_in(x)).movedim(1, -1).contiguous()


def as_clip(rows: Tensor) -> Tensor:
    """``(B, T, h, w, C)`` as ``(B, C, T, h, w)``, whose channels come last in memory."""
    return rows.movedim(-1, 1)


class Source(NamedTuple):
    """A feature that is convolved.

    Attributes:
        rows: ``(B, T, h, w, C)``, contiguous.
        doubled: whether nearest upsampling doubles its height and width before the convolution.
    """

    rows: Tensor
    doubled: bool = False


class Tap(NamedTuple):
    """One step in time of a convolution: weights ``(outputs, inputs, 1, 3, 3)``, and a bias ``(outputs,)`` or none."""

    weight: Tensor
    bias: Tensor | None = None


class Convolved:
    """The sum of convolutions (k, 3, 3), with a batch norm after it folded in. Made once for the weights of a network.

    Under autocast it is of its type.

    Args:
        convs: of stride 1, padded to keep the size.
        norm: in eval mode, of their sum; None or ``nn.Identity`` for none.
    """

    def __init__(self, convs: Sequence[nn.Conv3d | Tap], norm: nn.Module | None = None) -> None:
        scale, shift = _of_norm(norm)
        self.weights = []
        for conv in convs:
            weight = conv.weight.detach().double()
            if scale is not None:
                weight = weight * scale[:, None, None, None, None]
            self.weights.append(_weight_sums(weight).to(_computed_in(conv.weight)))
            if conv.bias is not None:
                bias = conv.bias.detach().double() if scale is None else conv.bias.detach().double() * scale
                shift = bias if shift is None else shift + bias
        self.bias = None if shift is None else shift.to(_computed_in(convs[0].weight))

    def __call__(self, *sources: Source) -> Tensor:
        """Rows ``(B, T, h, w, outputs)`` of one feature for each convolution."""
        made = convolve(sources, self.weights)
        return made if self.bias is None else made.add_(self.bias)


class WeightSums:
    """The convolutions of a network by their layer, made once in a test run: while it lasts, weights stay as they are.

    Args:
        memory: of the run.
    """

    def __init__(self, memory: Memory) -> None:
        self._made: dict[nn.Module, Convolved] = memory.seen.setdefault("sums of weights", {})

    def of(self, layer: nn.Module, make: Callable[[], Convolved]) -> Convolved:
        """What ``make`` gives for the layer, made when it is first asked for."""
        if layer not in self._made:
            self._made[layer] = make()
        return self._made[layer]


def fold(conv: nn.Conv3d, x: Tensor, sums: WeightSums) -> Tensor:
    """What a convolution (k, 3, 3) makes that folds every k steps in time to one, padded to keep the size in space.

    Args:
        conv: of kernel and stride k in time.
        x: ``(B, C, k T, h, w)``.
        sums: of the network's weights.

    Returns:
        ``(B, outputs, T, h, w)``, whose channels come last in memory.
    """
    steps = range(conv.kernel_size[0])

    def make() -> Convolved:
        return Convolved([Tap(conv.weight[:, :, k : k + 1], None if k else conv.bias) for k in steps])

    rows = as_rows(x)
    return as_clip(sums.of(conv, make)(*(Source(rows[:, k :: len(steps)]) for k in steps)))


def convolve(sources: Sequence[Source], weights: Sequence[Tensor]) -> Tensor:
    """The sum of convolutions, rows ``(B, T, h, w, outputs)``; contiguous where h and w are even.

    Args:
        sources: the first of them is not doubled.
        weights: sums ``(k, 4, 4, inputs, outputs)`` for each.
    """
    b, t, h, w, _ = sources[0].rows.shape
    outputs = weights[0].shape[-1]
    down, across = -(-h // 2), -(-w // 2)
    padded = [_padded(source) for source in sources]
    made = sources[0].rows.new_empty(b, t, down, 2, across, 2, outputs)
    # Some rows of blocks at a time, so that what is made of them stays in the cache of a core.
    strip = max(1, _ROWS // (t * across))
    for item in range(b):
        for start in range(0, down, strip):
            stop = min(start + strip, down)
            seen = [
                x[item, :, start : stop + 2] if source.doubled else x[item, :, 2 * start : 2 * stop + 2]
                for x, source in zip(padded, sources, strict=True)
            ]
            _strip(seen, [source.doubled for source in sources], weights, made[item, :, start:stop])
    return made.view(b, t, 2 * down, 2 * across, outputs)[:, :, :h, :w]


def _padded(source: Source) -> Tensor:
    """With zeros around it, and one more where its height or width is odd."""
    h, w = source.rows.shape[2:4]
    more = (0, 0) if source.doubled else (h % 2, w % 2)
    return F.pad(source.rows, (0, 0, 1, 1 + more[1], 1, 1 + more[0]))


def _strip(features: Sequence[Tensor], doubled: Sequence[bool], weights: Sequence[Tensor], made: Tensor) -> None:
    """Some rows of blocks, ``(T, rows, 2, columns, 2, outputs)``, of padded features ``(T, h, w, C)``."""
    t, down, _, across, _, outputs = made.shape
    products = made.new_empty(t, down, across, outputs)
    of_rows = made.new_empty(2, t, down, across, outputs)
    for i in range(4):
        halves = [_sum(x, i, 1, pairs) for x, pairs in zip(features, doubled, strict=True)]
        for j in range(4):
            for number, (half, pairs, weight) in enumerate(zip(halves, doubled, weights, strict=True)):
                whole = None if half is None else _sum(half, j, 2, pairs)
                if whole is not None:
                    _multiply(whole.flatten(1, 2), weight[:, i, j], products.view(t, -1, outputs), onto=number > 0)
            _collect(products, j, list(of_rows))
        for column in range(2):
            _collect(of_rows[column], i, [made[:, :, row, :, column] for row in range(2)])


def _sum(x: Tensor, number: int, axis: int, doubled: bool) -> Tensor | None:
    """One of the four sums of pixels along an axis, for each block; None where it is zero."""
    of = (_PAIRS if doubled else _PIXELS)[number]
    if of is None:
        return None
    step = 1 if doubled else 2
    length = x.shape[axis] - 2  # of blocks, without the padding
    first, second = (x[(slice(None),) * axis + (slice(at, at + length, step),)] for at in of[:2])
    return torch.add(first, second, alpha=of[2])


def _multiply(x: Tensor, weight: Tensor, total: Tensor, onto: bool) -> None:
    """Multiply ``(T, n, inputs)`` by ``(k, inputs, outputs)``, k steps in time, into or onto ``(T, n, outputs)``."""
    t, middle = len(x), len(weight) // 2
    # The tap in the middle has a product for every step: it comes first.
    for tap in sorted(range(len(weight)), key=lambda k: abs(k - middle)):
        shift = tap - middle
        begin, end = max(0, -shift), min(t, t - shift)
        if begin < end:
            made, seen = total[begin:end].flatten(0, 1), x[begin + shift : end + shift].flatten(0, 1)
            torch.addmm(made, seen, weight[tap], beta=1 if onto or shift else 0, out=made)


def _collect(x: Tensor, number: int, outputs: Sequence[Tensor]) -> None:
    """Add the product of that number to both outputs, by its signs; number 0 begins them."""
    for signs, total in zip(_OUTPUTS, outputs, strict=True):
        if number == 0:
            total.copy_(x) if signs[0] else total.zero_()
        elif signs[number]:
            total.add_(x, alpha=signs[number])


def _weight_sums(weight: Tensor) -> Tensor:
    """Sums ``(k, 4, 4, inputs, outputs)`` of the weights ``(outputs, inputs, k, 3, 3)`` of a convolution."""
    by = torch.tensor(_WEIGHTS, dtype=weight.dtype, device=weight.device)
    return torch.einsum("ia,jb,ockab->kijco", by, by, weight).contiguous()


def _of_norm(norm: nn.Module | None) -> tuple[Tensor | None, Tensor | None]:
    """Factor and shift ``(C,)`` of a batch norm, float64; nothing of none."""
    if norm is None or isinstance(norm, nn.Identity):
        return None, None
    assert isinstance(norm, nn.BatchNorm3d), "the norm of a convolution"
    assert norm.running_mean is not None, "it keeps them"
    assert norm.running_var is not None, "it keeps them"
    scale = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return scale, norm.bias.detach().double() - norm.running_mean.double() * scale
