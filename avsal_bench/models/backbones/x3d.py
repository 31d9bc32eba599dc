"""X3D-L (Feichtenhofer, CVPR 2020), as the encoder of a clip.

The blocks are pytorchvideo's, with one batch norm more.
"""

from __future__ import annotations

import importlib
import platform
import re
from typing import Any

from torch import Tensor, nn

from avsal_bench.models.published_weights import PublishedWeights


def pytorchvideo(part: str) -> Any:
    """A module of networks of pytorchvideo; X3D needs it alone, and its import takes longer than this.

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


class X3D(nn.Module):
    """The stem and res2 to res5 of X3D-L; time stays as it is.

    The last batch norm of each block starts from zero: until it has learnt, a block is its shortcut.

    Args:
        width: multiplier of every channel count; 1 is the published network (4.37 M parameters).

    Attributes:
        channels: of the four stages, finest first; (24, 48, 96, 192) at width 1.
        steps: T of the four stages for 16 frames.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        whole = pytorchvideo("x3d").create_x3d(
            # The clip's size matters to the classifier alone, which is left out.
            input_clip_length=16,
            input_crop_size=224,
            width_factor=2 * width,
            depth_factor=5.0,
            # pytorchvideo's own Swish is written for an older torch, which warns at every step.
            inner_act=nn.SiLU,
        )
        self.blocks = whole.blocks[:5]
        # pytorchvideo leaves the shortcut's norm out where the channels stay; facebookresearch/SlowFast has it.
        first = self.blocks[1].res_blocks[0]
        first.branch1_norm = nn.BatchNorm3d(first.branch1_conv.out_channels)
        c1, c2, c3, c4 = (stage.res_blocks[-1].branch2.conv_c.out_channels for stage in self.blocks[1:])
        self.channels: tuple[int, int, int, int] = (c1, c2, c3, c4)
        self.steps = (16, 16, 16, 16)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode ``(B, 3, T, H, W)`` frames.

        Returns:
            res2 to res5, ``(B, c, T, h, w)`` with c of ``channels`` and h, w a 4th, 8th, 16th and 32nd of H, W,
            rounded up.
        """
        stem, res2, res3, res4, res5 = self.blocks
        first = res2(stem(frames))
        second = res3(first)
        third = res4(second)
        return first, second, third, res5(third)


_STEM_KEY = re.compile(r"s1\.pathway0_stem\.(conv_xy|conv|bn)\.(\w+)")
_BLOCK_KEY = re.compile(r"s(\d)\.pathway0_res(\d+)\.(.+)")

#: pytorchvideo calls the convolution in space conv_t, and the one in time conv_xy.
_STEM_LAYERS = {"conv_xy": "conv.conv_t", "conv": "conv.conv_xy", "bn": "norm"}


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
    """An entry of facebookresearch/SlowFast's network, which MSPI has, as one of ours; None for its classifier.

    A foreign key comes back as it is.

    >>> rename_pyslowfast("s3.pathway0_res0.branch2.se.fc2.bias", Tensor())[0]
    'blocks.2.res_blocks.0.branch2.norm_b.1.block.2.bias'
    >>> rename_pyslowfast("s5.pathway0_res14.branch2.b_bn.bias", Tensor())[0]
    'blocks.4.res_blocks.14.branch2.norm_b.0.bias'
    """
    if key.startswith("head."):
        return None
    if found := _STEM_KEY.fullmatch(key):
        return f"blocks.0.{_STEM_LAYERS[found[1]]}.{found[2]}", value
    if found := _BLOCK_KEY.fullmatch(key):
        inside = rename_in_block(found[3])
        # The library keeps squeeze-excitation in one sequence with the norm before it.
        inside = inside.replace("branch2.norm_b.", "branch2.norm_b.0.")
        inside = inside.replace("branch2.se.fc1.", "branch2.norm_b.1.block.0.")
        inside = inside.replace("branch2.se.fc2.", "branch2.norm_b.1.block.2.")
        return f"blocks.{int(found[1]) - 1}.res_blocks.{found[2]}.{inside}", value
    return key, value


WEIGHTS = (
    PublishedWeights(
        name="x3d_l_kinetics400",
        file="x3d_l.pyth",
        what="X3D-L, Kinetics-400; MSPI with X3D-L starts from it",
        source="MODEL_ZOO of facebookresearch/SlowFast",
        licence="Apache-2.0 repository; weights not stated",
        build=X3D,
        rename=rename_pyslowfast,
        form="state dict under model_state, names read from MSPI's code; the file was not opened",
        online="https://dl.fbaipublicfiles.com/pyslowfast/x3d_models/x3d_l.pyth",
        trained_on=("kinetics400",),
    ),
)
