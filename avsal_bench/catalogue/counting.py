"""How large a network is: parameters, and multiply-accumulates of one window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.models import Network
from avsal_bench.spec import ClipSpec

Shape = tuple[int, ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Counted:
    """One network: the clip that it takes, all its parameters, and the multiply-accumulates (MACs) of one window."""

    spec: ClipSpec
    parameters: int
    macs: int


def window_shapes(spec: ClipSpec) -> list[Shape]:
    """Shapes of what a network takes for one window: ``(1, 3, T, H, W)``, and ``(1, ...)`` of the sound if it hears."""
    shapes: list[Shape] = [(1, 3, spec.frames, *spec.size)]
    if spec.audio is not None:
        shapes.append((1, *spec.audio(torch.zeros(1)).shape))
    return shapes


def count(build: Callable[[], Network]) -> Counted:
    """Count a network that ``build`` makes, at the input of its spec, batch 1, in eval mode.

    A MAC is a multiplication of a convolution (padding as if it were input; a transposed one by its input), a matrix
    product, an attention, or a bilinear layer. Nothing else counts: biases, norms, activations, pooling, resizing,
    products of elements. They are half of the FLOPs that PyTorch's counter gives.

    Shapes alone are computed, without memory or arithmetic; a network that looks at values is run for real.
    """
    return without_values(build, count_in)


def without_values(build: Callable[[], Network], use: Callable[[AbstractContextManager[Any], Network], T]) -> T:
    """What ``use(mode, net)`` gives of a network, without values where the network does not look at them.

    Args:
        build: makes the network.
        use: runs it in the given mode; it may be called up to three times.
    """
    meta = torch.device("meta")
    try:
        with meta:
            net = build()
        return use(meta, net)
    except (RuntimeError, TypeError):  # such as autocast, which does not know that device
        pass
    mode = FakeTensorMode(allow_non_fake_inputs=True)  # knows them all, in three times as long
    try:
        with meta:
            net = build()
        with mode:  # from here its tensors say that they are on the CPU, which some networks ask them
            net.to_empty(device="cpu")
        return use(mode, net)
    except (RuntimeError, TypeError):  # such as .item() or .numpy(): there are no values
        return use(nullcontext(), build())


def count_in(mode: AbstractContextManager[Any], net: Network) -> Counted:
    """What :func:`count` gives of a network, with inputs made in the given mode; it must not depend on it."""
    net.eval().requires_grad_(False)  # PyTorch's counter stumbles over a weight that is handed to a part
    # Front ends keep tables from call to call, and must not keep some without values: outside of the mode.
    shapes = window_shapes(net.spec)
    counter = FlopCounterMode(display=False, custom_mapping=_FORMULAS)
    with mode, separate_operations(), torch.no_grad(), counter:
        net(*(torch.zeros(shape) for shape in shapes))
    return Counted(net.spec, sum(p.numel() for p in net.parameters()), counter.get_total_flops() // 2)


def sound_phrase(front_end: AudioFrontEnd) -> str:
    """Class of a front end, size of its tensor without axes of one, and sample rate.

    >>> from avsal_bench.audio.waveform import Waveform
    >>> sound_phrase(Waveform(16))
    'Waveform 35280, 22.05 kHz'
    """
    sides = [side for side in front_end(torch.zeros(1)).shape if side > 1]
    size = "x".join(map(str, sides))
    return f"{type(front_end).__name__} {size}, {front_end.sample_rate / 1000:g} kHz"


@contextmanager
def separate_operations() -> Iterator[None]:
    """PyTorch's transformer layers as the operations that they are made of; fused ones are not counted."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _bilinear_flops(x1: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:
    """``(B, I)`` with every matrix of ``(K, I, J)``, and each result with ``(B, J)``: B K (I J + J) MACs."""
    outputs, first, second = weight
    return 2 * x1[0] * outputs * (first * second + second)


def _attention_flops(query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: Any, **__: Any) -> int:
    """Queries with keys and the result with values, each ``(B, heads, N, d)``."""
    batch, heads, n, width = query
    return 2 * batch * heads * n * key[2] * (width + value[3])


def _matrix_vector_flops(matrix: Sequence[int], *_: Any, **__: Any) -> int:
    return 2 * matrix[0] * matrix[1]


#: What PyTorch's counter has no formula for.
_FORMULAS = {
    torch.ops.aten._trilinear: _bilinear_flops,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
    torch.ops.aten.mv: _matrix_vector_flops,
}
