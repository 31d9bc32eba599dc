"""Video Swin-S (Liu et al., CVPR 2022), as the encoder of a clip: torchvision's blocks, as oraclefina/MSPI uses them.

MSPI has neither the norm behind the patch embedding nor stochastic depth, and takes the stages without a last norm.
"""

from __future__ import annotations

import re

from torch import Tensor, nn
from torchvision.models.video import SwinTransformer3d

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.published_weights import PublishedWeights


class VideoSwin(nn.Module):
    """Patch embedding and four stages of shifted-window attention, between which patches merge in space.

    Args:
        width: multiplier of the 32 channels of a head; 1 is the published network (49.51 M parameters with the last
            norm, which is left out here).

    Attributes:
        channels: of the four stages, finest first; (96, 192, 384, 768) at width 1.
        steps: T of the four stages for 16 frames.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        channels = 3 * scale_channels(32, width)
        net = SwinTransformer3d(
            patch_size=[2, 4, 4],
            embed_dim=channels,
            depths=[2, 2, 18, 2],
            num_heads=[3, 6, 12, 24],
            window_size=[8, 7, 7],
            stochastic_depth_prob=0.0,
        )
        self.patch_embed = net.patch_embed.proj
        self.features = net.features
        for module in self.features.modules():
            if hasattr(module, "relative_position_index"):
                # It follows from the window, so that no file needs to have it.
                module.register_buffer("relative_position_index", module.relative_position_index, persistent=False)
        self.channels = (channels, 2 * channels, 4 * channels, 8 * channels)
        self.steps = (8, 8, 8, 8)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode ``(B, 3, T, H, W)`` frames, T divisible by 2 and H, W by 4.

        Returns:
            The stages before their patches merge, ``(B, c, T/2, h, w)`` with c of ``channels`` and h, w a 4th, 8th,
            16th and 32nd of H, W, rounded up.
        """
        x = self.patch_embed(frames).movedim(1, -1)
        stages = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i % 2 == 0:  # the others merge patches
                stages.append(x.movedim(-1, 1))
        first, second, third, fourth = stages
        return first, second, third, fourth


def rename_mmaction(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of SwinTransformer/Video-Swin-Transformer's network, which MSPI has, as one of ours.

    None for what MSPI does without: the norms behind the patch embedding and the last stage, the classifier, and the
    indices of relative positions, which are computed. A foreign key comes back as it is.

    >>> rename_mmaction("backbone.layers.2.blocks.17.mlp.fc2.bias", Tensor())[0]
    'features.4.17.mlp.3.bias'
    """
    key = key.removeprefix("backbone.")
    if key.startswith(("patch_embed.norm.", "norm.", "cls_head.")) or key.endswith(".relative_position_index"):
        return None
    key = re.sub(r"^patch_embed\.proj\.", "patch_embed.", key)
    key = re.sub(r"^layers\.(\d)\.blocks\.", lambda found: f"features.{2 * int(found[1])}.", key)
    key = re.sub(r"^layers\.(\d)\.downsample\.", lambda found: f"features.{2 * int(found[1]) + 1}.", key)
    return key.replace(".mlp.fc1.", ".mlp.0.").replace(".mlp.fc2.", ".mlp.3."), value


def rename_torchvision(key: str, value: Tensor) -> tuple[str, Tensor] | None:
    """An entry of ``torchvision.models.video.swin3d_s`` as one of ours; None as in :func:`rename_mmaction`.

    A foreign key comes back as it is.
    """
    if key.startswith(("patch_embed.norm.", "norm.", "head.")) or key.endswith(".relative_position_index"):
        return None
    return key.replace("patch_embed.proj.", "patch_embed."), value


WEIGHTS = (
    PublishedWeights(
        name="videoswin_s_kinetics400",
        file="swin_small_patch244_window877_kinetics400_1k.pth",
        what="Video Swin-S, Kinetics-400; MSPI with Video Swin-S starts from it, without the norm of its patches",
        source="README of SwinTransformer/Video-Swin-Transformer",
        licence="Apache-2.0 repository; weights not stated",
        build=VideoSwin,
        rename=rename_mmaction,
        form="under state_dict, the network under backbone; names read from MSPI's code; the file was not opened",
        online="https://github.com/SwinTransformer/storage/releases/download/v1.0.4/swin_small_patch244_window877_kinetics400_1k.pth",
    ),
    PublishedWeights(
        name="videoswin_s_kinetics400_torchvision",
        file="swin3d_s-da41c237.pth",
        what="the same weights, Swin3D_S_Weights.KINETICS400_V1 of torchvision",
        source="the model pages of torchvision, Video SwinTransformer",
        licence="BSD-3-Clause repository; weights not stated",
        build=VideoSwin,
        sha256="da41c237",
        rename=rename_torchvision,
        form="names of torchvision's network; the checksum is the one in the name; the file was not opened",
        online="torchvision:Swin3D_S_Weights.KINETICS400_V1",
    ),
)
