"""ViNet-S (vinetv2_2025, arXiv 2502.00397): ViNet whose decoder has grouped convolutions, a third of its size.

A port of the class ``VideoSaliencyModel`` in the folder ``ViNet_S`` of ViNet-Saliency/vinet_v2. The encoder and the way
of the skips are those of ViNet (:mod:`avsal_bench.models.vinet`); five convolutions of the decoder have groups.

Decisions:

- ``align_corners=False`` is what the authors' test script and their ensemble build; their training script builds
  ``True``, and no entry of a file tells the two apart. For the same drawn weights the logits differ by 7 % and the maps
  by 52 % (relative L2). Which of the two the released weights want is not known here.
- The first frames of a video repeat its first frame in front (``start="repeat"``), as in the authors' test; ViNet has
  reverse windows.
- 16 and 8 frames work too, and sizes other than 224 x 384: the authors write the sizes of a pool into their class.
- ``depth=True``, another decoder of the class with depthwise convolutions, is left out: nothing published was made with
  it, so nothing shows that a port is right. ``num_clips``, ``num_hier`` and others name classes that are not in the
  repository.
- Weights start as PyTorch makes them. The authors start the encoder from Kinetics-400, and the recipe says so.

Not part of the network, and not ported, are these faults of the published scripts:

- Training and test build different networks: with ``align_corners``, and without.
- On Hollywood-2 the shots of a film are joined, and windows reach over the cuts.
- A score that is not a number counts as 0 in the means.
- The epoch is chosen on the test lists, on all sets but DHF1K; epoch 0 never wins.
- A training that starts from the encoder stops at once, as the file of a whole network is asked for.
- Maps of the audio-visual sets are float64, and so are the losses.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from avsal_bench.models.backbones.s3d import S3D, Stages, scale_channels
from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.layers.clip import check_clip
from avsal_bench.models.layers.decoders.joined_in_time import GROUPED, DecoderInTime
from avsal_bench.models.layers.winograd import WeightSums
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec

_SOURCE = "Google Drive link in the README of ViNet-Saliency/vinet_v2, one file with the weights of all its networks"
_LICENCE = "CC BY-NC-SA 4.0 repository; weights not stated"
_FORM = "name and form read from the authors' scripts; the file was not opened"
_OPTIONS = {"modality": "v"}
_WEIGHTS = (
    PublishedWeights(
        "vinet_s_dhf1k",
        "DHF1K_vinet_s_rootgrouped_32_bs8_kld_cc.pt",
        "ViNet-S, DHF1K; where those of the other sets start from",
        _SOURCE,
        _LICENCE,
        _OPTIONS,
        form=_FORM,
        trained_on=("kinetics400", "dhf1k/train"),
    ),
    PublishedWeights(
        "vinet_s_hollywood2",
        "Hollywood2_vinet_s_rootgrouped_32_bs8_kld_cc.pt",
        "ViNet-S, Hollywood-2",
        _SOURCE,
        _LICENCE,
        _OPTIONS,
        form=_FORM,
        trained_on=("kinetics400", "dhf1k/train", "hollywood2/train"),
    ),
    PublishedWeights(
        "vinet_s_ucf",
        "UCF_vinet_s_rootgrouped_32_bs8_kld_cc.pt",
        "ViNet-S, UCF Sports",
        _SOURCE,
        _LICENCE,
        _OPTIONS,
        form=_FORM,
        trained_on=("kinetics400", "dhf1k/train", "ucf/train"),
    ),
    PublishedWeights(
        "vinet_s_etmd",
        "ETMD_av_vinet_s_rootgrouped_32_bs8_kld_cc.pt",
        "ViNet-S, ETMD, one of its splits; the name does not say which",
        _SOURCE,
        _LICENCE,
        _OPTIONS,
        form=_FORM,
        trained_on=("kinetics400", "dhf1k/train", "etmd"),
    ),
    PublishedWeights(
        "vinet_s_mvva",
        "mvva_vinet_s_rootgrouped_32_bs8_kld_cc.pt",
        "ViNet-S, MVVA",
        _SOURCE,
        _LICENCE,
        _OPTIONS,
        form=_FORM,
        trained_on=("kinetics400", "dhf1k/train", "mvva"),
    ),
)


@register_model(
    "vinet_s",
    title="ViNet-S",
    paper="vinetv2_2025",
    modalities=("v",),
    code="ViNet-Saliency/vinet_v2",
    code_licence="CC BY-NC-SA 4.0",
    tiny={"frames": 16, "size": (64, 96), "width": 0.125, "bn_momentum": 0.1},
    marks={"aligned": {"align_corners": True}, "ungrouped_root": {"root_grouping": False}},
    parity=("v",),
    weights=_WEIGHTS,
)
class ViNetS(Network):
    """The whole network; the map is the sigmoid of the decoder's logits.

    Args:
        modality: ``v``; there is no other.
        align_corners: whether upsampling aligns the corners, as in the authors' training script; False in their test.
        root_grouping: whether the first convolution of the decoder has groups too, as in the released weights.
        frames: T, one of 8, 16 and 32; 32 is published.
        size: (height, width) of the frames, multiples of 32.
        width: multiplier of the channels of S3D and of the decoder.
        bn_momentum: of S3D's batch norms; see :class:`~avsal_bench.models.backbones.s3d.S3D`.

    Raises:
        ValueError: for an option outside its range.
    """

    shares = True

    def __init__(
        self,
        modality: Literal["v"] = "v",
        align_corners: bool = False,
        root_grouping: bool = True,
        frames: int = 32,
        size: tuple[int, int] = (224, 384),
        width: float = 1.0,
        bn_momentum: float = 0.001,
    ) -> None:
        super().__init__()
        check_clip("vinet_s", frames, size)
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        self.spec = ClipSpec(frames, (size[0], size[1]), mean, std, target="last", start="repeat")
        self.s3d = S3D(width, bn_momentum)
        last = scale_channels(64, width), scale_channels(32, width)
        groups = GROUPED if root_grouping else (1, *GROUPED[1:])
        self.decoder = DecoderInTime(self.s3d.channels, last, frames, groups, align_corners)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames to the saliency of the last, ``(B, H, W)`` in [0, 1].

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        self.check_input(frames, audio)
        return self._decode(self.s3d(frames))

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """See :meth:`Network.predict`: what windows share is encoded once."""
        self.check_clips(clips, audio)
        return self._decode(self.s3d.encode_windows(clips, memory), WeightSums(memory))

    def _decode(self, stages: Stages, sums: WeightSums | None = None) -> Tensor:
        """The map of S3D's stages; with ``sums``, as at test time."""
        logits: Tensor = self.decoder(*reversed(stages), sums)
        return logits.sigmoid()

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`. The decoder's names are the authors'."""
        theirs = "backbone."
        return (f"s3d.{key.removeprefix(theirs)}" if key.startswith(theirs) else key), value
