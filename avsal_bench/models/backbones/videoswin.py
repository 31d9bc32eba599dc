"""Video Swin-S (Liu et al., CVPR 2022), as the encoder of a clip: torchvision's blocks, as saliency networks use them.

None of them has the norm behind the patch embedding. oraclefina/MSPI takes the stages without a last norm and trains
without stochastic depth; wusonghe/TMFI-Net and MinglangQiao/Sports_saliency norm the last stage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn
from torchvision.models.video import SwinTransformer3d

from avsal_bench.models.backbones.s3d import scale_channels
from avsal_bench.models.published_weights import PublishedWeights


class VideoSwin(nn.Module):
    """Patch embedding and four stages of shifted-window attention, between which patches merge in space.

    A window of attention has 8 x 7 x 7 tokens, and is shifted by half of each side in every second block: in time
    too where there are more than 8 steps, so for more than 16 frames.

    Args:
        width: multiplier of the 32 channels of a head; 1 is the published network (49.51 M parameters with the last
            norm).
        last_norm: whether the last stage leaves through a layer norm, as the published network has it.
        drop_path: chance, in training, that an item goes around the last block; it rises from 0 at the first one.
        depths: blocks of the four stages.

    Attributes:
        channels: of the four stages, finest first; (96, 192, 384, 768) at width 1.
        steps: T of the four stages for 16 frames.
    """

    def __init__(
        self,
        width: float = 1.0,
        last_norm: bool = False,
        drop_path: float = 0.0,
        depths: Sequence[int] = (2, 2, 18, 2),
    ) -> None:
        super().__init__()
        if len(depths) != 4 or any(not isinstance(depth, int) or depth < 1 for depth in depths):
            raise ValueError(f"depths: expected the blocks of four stages, such as (2, 2, 18, 2); got {depths!r}")
        channels = 3 * scale_channels(32, width)
        net = SwinTransformer3d(
            patch_size=[2, 4, 4],
            embed_dim=channels,
            depths=list(depths),
            num_heads=[3, 6, 12, 24],
            window_size=[8, 7, 7],
            stochastic_depth_prob=drop_path,
        )
        self.patch_embed = net.patch_embed.proj
        self.features = net.features
        self.norm = net.norm if last_norm else None
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
            16th and 32nd of H, W, rounded up. The last one is normed where there is a ``last_norm``, no other is.
        """
        x = self.patch_embed(frames).movedim(1, -1)
        stages = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i % 2 == 0:  # the others merge patches
                stages.append(x)
        if self.norm is not None:
            stages[-1] = self.norm(x)
        first, second, third, fourth = (stage.movedim(-1, 1) for stage in stages)
        return first, second, third, fourth

    def rename_stored(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """An entry of imported weights, which have the last norm, as one of this encoder, which may not."""
        return None if self.norm is None and key.startswith("norm.") else (key, value)


def rename_mmaction(key: str, value: Tensor, last_norm: bool = False) -> tuple[str, Tensor] | None:
    """An entry of SwinTransformer/Video-Swin-Transformer's network, which saliency networks have, as one of ours.

    None for what they do without: the norm behind the patch embedding, that of the last stage unless it is asked for,
    the classifier, and the indices of relative positions, which are computed. A foreign key comes back as it is.

    >>> rename_mmaction("backbone.layers.2.blocks.17.mlp.fc2.bias", Tensor())[0]
    'features.4.17.mlp.3.bias'
    """
    key = key.removeprefix("backbone.")
    if key.startswith(("patch_embed.norm.", "cls_head.")) or key.endswith(".relative_position_index"):
        return None
    if key.startswith("norm.") and not last_norm:
        return None
    key = re.sub(r"^patch_embed\.proj\.", "patch_embed.", key)
    key = re.sub(r"^layers\.(\d)\.blocks\.", lambda found: f"features.{2 * int(found[1])}.", key)
    key = re.sub(r"^layers\.(\d)\.downsample\.", lambda found: f"features.{2 * int(found[1]) + 1}.", key)
    return key.replace(".mlp.fc1.", ".mlp.0.").replace(".mlp.fc2.", ".mlp.3."), value


def rename_torchvision(key: str, value: Tensor, last_norm: bool = False) -> tuple[str, Tensor] | None:
    """An entry of ``torchvision.models.video.swin3d_s`` as one of ours; None as in :func:`rename_mmaction`.

    A foreign key comes back as it is.
    """
    if key.startswith(("patch_embed.norm.", "head.")) or key.endswith(".relative_position_index"):
        return None
    if key.startswith("norm.") and not last_norm:
        return None
    return key.replace("patch_embed.proj.", "patch_embed."), value


WEIGHTS = (
    PublishedWeights(
        name="videoswin_s_kinetics400",
        file="swin_small_patch244_window877_kinetics400_1k.pth",
        what="Video Swin-S, Kinetics-400; MSPI with Video Swin-S and TMFI-Net start from it, without the norm of its "
        "patches",
        source="README of SwinTransformer/Video-Swin-Transformer",
        licence="Apache-2.0 repository; weights not stated",
        build=partial(VideoSwin, last_norm=True),
        rename=partial(rename_mmaction, last_norm=True),
        form="under state_dict, the network under backbone; names read from MSPI's code; the file was not opened",
        online="https://github.com/SwinTransformer/storage/releases/download/v1.0.4/swin_small_patch244_window877_kinetics400_1k.pth",
        trained_on=("kinetics400",),
    ),
    PublishedWeights(
        name="videoswin_s_kinetics400_torchvision",
        file="swin3d_s-da41c237.pth",
        what="the same weights, Swin3D_S_Weights.KINETICS400_V1 of torchvision",
        source="the model pages of torchvision, Video SwinTransformer",
        licence="BSD-3-Clause repository; weights not stated",
        build=partial(VideoSwin, last_norm=True),
        sha256="da41c237",
        rename=partial(rename_torchvision, last_norm=True),
        form="names of torchvision's network; the checksum is the one in the name; the file was not opened",
        online="torchvision:Swin3D_S_Weights.KINETICS400_V1",
        trained_on=("kinetics400",),
    ),
)
