"""SlowFast 4x16 with ResNet-50 (Feichtenhofer et al., ICCV 2019), as the encoder of a clip of 16 frames.

It is the variant of oraclefina/MSPI: the fast pathway sees all 16 frames and the slow one four of them, so that the
lateral convolutions stride 4 in time and not 8. The blocks are pytorchvideo's. res5 of the fast pathway, on which no
feature depends, is left out.

The Kinetics weights that MSPI starts from are a Caffe2 pickle under names of its own, not a state dict; ``WEIGHTS``
says what to do without them.
"""

from __future__ import annotations

import importlib
import platform
import re
from typing import Any

from torch import Tensor, nn

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.published_weights import PublishedWeights

#: Of 16 frames, those that the slow pathway sees. MSPI takes them so; they are not evenly spaced.
_SLOW_FRAMES = [0, 4, 12, 15]


def pytorchvideo(part: str) -> Any:
    """A module of networks of pytorchvideo; only encoders made of it need it, and its import takes longer than these.

    Raises:
        ValueError: when it is not installed, or cannot be imported by this Python.
    """
    try:
        return importlib.import_module(f"pytorchvideo.models.{part}")
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and str(error.name).split(".")[0] == "pytorchvideo":
            fix = "which is not installed: `pip install 'avsal-bench[pytorchvideo]'`"
        else:
            fix = f"which Python {platform.python_version()} cannot import ({error}); it is known to work up to 3.13"
        raise ValueError(f"the encoder {part} is made of pytorchvideo, {fix}; or choose another encoder") from error


class SlowFast(nn.Module):
    """The two pathways, fused behind the stem, res2, res3 and res4.

    The last batch norm of each block starts from zero, as in the paper: until it has learnt, a block is its shortcut.

    Args:
        width: multiplier of every channel count; 1 is the published network (33.56 M parameters with the fast res5,
            33.24 M here).

    Attributes:
        channels: of the four stages, finest first; (320, 640, 1280, 2048) at width 1.
        steps: T of the four stages.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        slow = scale_channels(64, width)
        whole = pytorchvideo("slowfast").create_slowfast(
            stem_dim_outs=(slow, slow // 8),
            slowfast_fusion_conv_kernel_size=(5, 1, 1),
            slowfast_fusion_conv_stride=(4, 1, 1),
            head=None,
        )
        self.fused = whole.blocks[:4]
        self.res5 = whole.blocks[4].multipathway_blocks[0]
        # The lateral convolutions add a quarter to the slow channels.
        self.channels = (5 * slow, 10 * slow, 20 * slow, 32 * slow)
        self.steps = (4, 4, 4, 4)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode ``(B, 3, 16, H, W)`` frames, H and W divisible by 32.

        Returns:
            The slow pathway, ``(B, c, 4, h, w)`` with c of ``channels`` and h, w a 4th, 8th, 16th and 32nd of H, W:
            res2, res3 and res4 with the fast pathway's channels behind, and res5.

        Raises:
            ValueError: for another number of frames.
        """
        if frames.shape[2] != 16:
            raise ValueError(f"this SlowFast takes 16 frames; got {frames.shape[2]}")
        pathways = [frames[:, :, _SLOW_FRAMES], frames]
        slow = []
        for block in self.fused:
            pathways = block(pathways)
            slow.append(pathways[0])
        _, first, second, third = slow
        return first, second, third, self.res5(third)


_STEM_KEY = re.compile(r"s1\.pathway(\d)_stem\.(conv|bn)\.(\w+)")
_BLOCK_KEY = re.compile(r"s(\d)\.pathway(\d)_res(\d+)\.(.+)")
_FUSION_KEY = re.compile(r"s(\d)_fuse\.(conv_f2s|bn)\.(\w+)")


def rename_in_block(key: str) -> str:
    """The key of an entry in a residual block of facebookresearch/SlowFast, as pytorchvideo has it.

    >>> rename_in_block("branch1_bn.bias"), rename_in_block("branch2.a.weight"), rename_in_block("branch2.c_bn.bias")
    ('branch1_norm.bias', 'branch2.conv_a.weight', 'branch2.norm_c.bias')
    """
    key = re.sub(r"^branch1\.", "branch1_conv.", key)
    key = re.sub(r"^branch1_bn\.", "branch1_norm.", key)
    key = re.sub(r"^branch2\.([abc])\.", r"branch2.conv_\1.", key)
    return re.sub(r"^branch2\.([abc])_bn\.", r"branch2.norm_\1.", key)


def rename_pyslowfast(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of facebookresearch/SlowFast's network, which MSPI has, as one of ours.

    None for res5 of the fast pathway and the classifier. A foreign key comes back as it is.

    >>> rename_pyslowfast("s2_fuse.conv_f2s.weight", Tensor())[0]
    'fused.1.multipathway_fusion.conv_fast_to_slow.weight'
    >>> rename_pyslowfast("s4.pathway1_res5.branch2.b.weight", Tensor())[0]
    'fused.3.multipathway_blocks.1.res_blocks.5.branch2.conv_b.weight'
    >>> rename_pyslowfast("s5.pathway0_res2.branch2.b_bn.bias", Tensor())[0]
    'res5.res_blocks.2.branch2.norm_b.bias'
    """
    if key.startswith(("s5.pathway1_", "head.")):
        return None
    if found := _STEM_KEY.fullmatch(key):
        layer = "conv" if found[2] == "conv" else "norm"
        return f"fused.0.multipathway_blocks.{found[1]}.{layer}.{found[3]}", value
    if found := _FUSION_KEY.fullmatch(key):
        layer = "conv_fast_to_slow" if found[2] == "conv_f2s" else "norm"
        return f"fused.{int(found[1]) - 1}.multipathway_fusion.{layer}.{found[3]}", value
    if found := _BLOCK_KEY.fullmatch(key):
        stage = "res5" if found[1] == "5" else f"fused.{int(found[1]) - 1}.multipathway_blocks.{found[2]}"
        return f"{stage}.res_blocks.{found[3]}.{rename_in_block(found[4])}", value
    return key, value


WEIGHTS = (
    PublishedWeights(
        name="slowfast_4x16_kinetics400",
        file="SLOWFAST_4x16_R50.pkl",
        what="SlowFast 4x16 with ResNet-50, Kinetics-400; MSPI with SlowFast starts from it",
        source="MODEL_ZOO of facebookresearch/SlowFast",
        licence="Apache-2.0 repository; weights not stated",
        build=SlowFast,
        form="a pickle of Caffe2, under blobs, with names of its own, as MSPI's code reads it; the file was not opened",
        unreadable=(
            "is a pickle of Caffe2 and no checkpoint of torch; opening it could run any code, so it is not read here. "
            "To train MSPI with this encoder from random weights: --set stages.six.start.motion_encoder=null"
        ),
    ),
)
