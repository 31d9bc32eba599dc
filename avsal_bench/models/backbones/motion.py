"""The seven motion encoders of MSPI, by name: each gives four features of a clip of 16 frames, finest first.

Every one has ``channels`` and ``steps``, tuples of four; strides in space are 4, 8, 16 and 32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from avsal_bench.models.backbones import mvitv2, slowfast, uniformer, videoswin, x3d
from avsal_bench.models.backbones.morphmlp import MorphMLP, rename_morphmlp
from avsal_bench.models.backbones.s3d import S3D
from avsal_bench.models.published_weights import Rename

#: MorphMLP-S's channels, and what each of them is a multiple of, because its runs divide them.
_MORPHMLP = ((112, 56), (224, 56), (392, 56), (784, 392))


class MotionEncoder(NamedTuple):
    """What makes one."""

    build: Callable[[float, float], Any]
    """Of a multiplier of the channels and a momentum of batch norms; only S3D's is not PyTorch's and heeds it."""
    rename: Rename
    """Turns an entry of its authors' state dict into ours, in the form that oraclefina/MSPI has."""
    size: tuple[int, int] = (224, 384)
    """(height, width) of the frames where nobody says."""


def _s3d(width: float, bn_momentum: float) -> S3D:
    # T/4 steps in the last stage, as in oraclefina/MSPI.
    return S3D(width, bn_momentum, last_time_pool=1)


def _morphmlp(width: float, bn_momentum: float) -> MorphMLP:
    first, second, third, last = (max(base, round(c * width / base) * base) for c, base in _MORPHMLP)
    return MorphMLP(channels=(first, second, third, last))


def _same_name(key: str, value: Tensor) -> tuple[str, Tensor]:
    return key, value


MOTION_ENCODERS: dict[str, MotionEncoder] = {
    "s3d": MotionEncoder(_s3d, _same_name),
    "x3d_l": MotionEncoder(lambda width, _: x3d.X3D(width), x3d.rename_pyslowfast),
    "slowfast_4x16": MotionEncoder(lambda width, _: slowfast.SlowFast(width), slowfast.rename_pyslowfast),
    "morphmlp_s": MotionEncoder(_morphmlp, rename_morphmlp, (224, 224)),
    "videoswin_s": MotionEncoder(lambda width, _: videoswin.VideoSwin(width), videoswin.rename_mmaction),
    "uniformer_b": MotionEncoder(lambda width, _: uniformer.UniFormer(width=width), uniformer.rename_uniformer),
    "mvitv2_s": MotionEncoder(lambda width, _: mvitv2.MViTv2(width), mvitv2.rename_pyslowfast),
}


def check_size(encoder: str, size: tuple[int, int]) -> None:
    """Nothing, for a (height, width) that the encoder takes: multiples of 32.

    Raises:
        ValueError: for another one, or one that MorphMLP's linear layers do not fit.
    """
    if any(side < 32 or side % 32 for side in size):
        raise ValueError(f"{encoder} takes a height and a width of 32, 64, 96 ... pixels; got {size}")
    if encoder == "morphmlp_s":
        MorphMLP.check_size(size)
