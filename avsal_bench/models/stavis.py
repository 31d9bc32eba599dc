"""STAViS (stavis2020, CVPR 2020): a 3D ResNet-50 under spatial attention, and SoundNet.

A port of atsiami/STAViS. ``modality="v"`` is its visual-only network, which the audio-visual one starts from.

1. Four features of the encoder: of the stem, layer1, layer2 and layer3. The first three go on times
   (1 + attention), the spatial softmax of a score map made from them. Each also gives 16 channels at the size of the
   frames: averaged over time, a convolution, and a transposed one (DSAM of the paper).
2. ``av``: the sound, one vector for the clip, meets the middle two time steps of layer2 (before its attention) in a
   bilinear layer, position by position: 64 channels, enlarged to the frames.
3. A convolution 1x1 over all channels gives the logits.

Decisions, where the authors' code leaves more than one way:

- The authors' attention is exp(x) / sum(exp(x)), which is NaN above scores of about 88. Here it is a softmax that
  does not overflow.
- A softmax does not see a constant, so the bias of a score map learns from nothing but its side map, in ``v``. It is
  a part of ``av`` too, because ``av`` is loaded from it and the authors' file has it.
- 8 frames work too: layer2 then has two time steps, and both are the middle. The authors fix 16 frames of 112 x 112
  when they build the network; here any size goes, and odd sides are rounded up and cropped.
- The authors resize frames to 320 x 240 first, with Pillow's default filter, which is nearest or bicubic by its
  version. Here frames are resized once.

Part of the training, odd as it looks: the transposed convolutions were meant to be frozen at bilinear interpolation,
but learn, so their values come from the file.

Not part of the network, and not ported, are these faults of the published scripts:

- The reader looks for the sound in all videos of a list but the last, so the last video of every list is silent, in
  training and test.
- Training does not look at the mark of a clip without sound.
- The index list of the last windows is filled by repeating it from its start: 16 frames that jump back, with a sound
  that ends at the last entry and so shrinks to one frame.
- The first 8 frames of a video have no map. Here they have windows with the first frame repeated.
- The target in training is round(median), j+7 for a clip that starts at an odd frame j, and j+8 for an even one; the
  test script writes every map as j+8. Here it is j+8 always.
- The sound's feature is squeezed on all axes, so a batch of one fails.
- A video slower than 10 frames a second, or a stereo file, fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.audio.waveform import Waveform
from avsal_bench.models.backbones.resnet3d import resnet50_without_layer4
from avsal_bench.models.backbones.soundnet import SoundNet
from avsal_bench.models.base import Network, Outputs
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.fusion.bilinear import FUSED, BilinearFusion, enlarge
from avsal_bench.models.layers.audio_free import check_rows
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec

#: Mean of RGB in 0..255 that the authors take off; they do not divide by a deviation.
_MEAN = (114.7748, 107.7354, 99.4750)
#: Channels of a side feature.
_SIDE = 16
#: Where the weights of the last layer change from one feature to the next.
_ENDS = (_SIDE, 2 * _SIDE, 3 * _SIDE, 4 * _SIDE)
#: Names inside the authors' ``score_dsn.<i>``, and ours.
_SIDE_NAMES = {"side_prep": "side_prep", "upscale": "upscale", "score_dsn": "score", "upscale_": "upscale_score"}
_SIDE_KEY = re.compile(rf"score_dsn\.(\d)\.({'|'.join(_SIDE_NAMES)})\.(weight|bias)")
#: Index in the authors' ``soundnet8`` of each convolution; its batch norm is the next.
_SOUNDNET = {str(index): i for i, index in enumerate((0, 4, 8, 11, 14, 18, 21), start=1)}
_SOUNDNET_NORMS = {str(int(index) + 1): i for index, i in _SOUNDNET.items()}
#: Makes logits of the side features, of layer2's feature and the sound where it is heard, and of the last layer.
_Head = Callable[[list[Tensor], tuple[Tensor, Tensor] | None, nn.Conv2d], Tensor]

_SOURCE = "project page of STAViS (cvsp.cs.ntua.gr), data/pretrained_models.tar.gz"
_LICENCE = "MIT repository; weights not stated"
_ONLINE = "http://cvsp.cs.ntua.gr/research/stavis/data/pretrained_models.tar.gz"
_WEIGHTS = (
    PublishedWeights(
        "stavis_av_fold1",
        "audiovisual_split1_save_60.pth",
        "STAViS, audio-visual, fold 1: the training lists of the six sets",
        _SOURCE,
        _LICENCE,
        {"modality": "av"},
        online=_ONLINE,
        trained_on=("kinetics400", "flickr", "six/train/1"),
    ),
    PublishedWeights(
        "stavis_av_fold2",
        "audiovisual_split2_save_60.pth",
        "STAViS, audio-visual, fold 2: the training lists of the six sets",
        _SOURCE,
        _LICENCE,
        {"modality": "av"},
        online=_ONLINE,
        trained_on=("kinetics400", "flickr", "six/train/2"),
    ),
    PublishedWeights(
        "stavis_av_fold3",
        "audiovisual_split3_save_60.pth",
        "STAViS, audio-visual, fold 3: the training lists of the six sets",
        _SOURCE,
        _LICENCE,
        {"modality": "av"},
        online=_ONLINE,
        trained_on=("kinetics400", "flickr", "six/train/3"),
    ),
    PublishedWeights(
        "stavis_v_fold1",
        "visual_split1_save_60.pth",
        "STAViS, visual, fold 1: the training lists of the six sets",
        _SOURCE,
        _LICENCE,
        {"modality": "v"},
        online=_ONLINE,
        trained_on=("kinetics400", "six/train/1"),
    ),
    PublishedWeights(
        "stavis_v_fold2",
        "visual_split2_save_60.pth",
        "STAViS, visual, fold 2: the training lists of the six sets",
        _SOURCE,
        _LICENCE,
        {"modality": "v"},
        online=_ONLINE,
        trained_on=("kinetics400", "six/train/2"),
    ),
    PublishedWeights(
        "stavis_v_fold3",
        "visual_split3_save_60.pth",
        "STAViS, visual, fold 3: the training lists of the six sets",
        _SOURCE,
        _LICENCE,
        {"modality": "v"},
        online=_ONLINE,
        trained_on=("kinetics400", "six/train/3"),
    ),
)


@register_model(
    "stavis",
    title="STAViS",
    paper="stavis2020",
    modalities=("v", "av"),
    code="atsiami/STAViS",
    code_licence="MIT",
    tiny={"frames": 8, "size": (64, 96), "width": 0.125, "audio_width": 0.125},
    parity=("v", "av"),
    weights=_WEIGHTS,
)
class STAViS(Network):
    """The whole network; the map is the sigmoid of its logits.

    Args:
        modality: ``v`` or ``av``.
        frames: T, 8 or 16; 16 is published.
        size: (height, width) of the frames, at least 16 pixels each.
        width: multiplier of the encoder's channels.
        audio_width: multiplier of SoundNet's channels.
        visual_head: whether an ``av`` network also has the ``v`` network's last convolution, for items that do not
            hear (``use_audio``). Without effect on a ``v`` network.

    Raises:
        ValueError: for an option outside its range.
    """

    logits = True
    audio_only = ("soundnet.", "fusion.", "fuse_av.")
    #: The side maps and what makes them: the attention after layer3 would have nowhere to go.
    visual_only: tuple[str, ...] = ("fuse.", "upscale_score.", "score.3.")
    audio_free = True
    shares = True

    def __init__(
        self,
        modality: Literal["v", "av"] = "av",
        frames: int = 16,
        size: tuple[int, int] = (112, 112),
        width: float = 1.0,
        audio_width: float = 1.0,
        visual_head: bool = False,
    ) -> None:
        super().__init__()
        if frames not in (8, 16):
            raise ValueError(f"stavis takes 8 or 16 frames; got {frames}")
        if min(size) < 16:
            raise ValueError(f"stavis takes a height and a width of 16 pixels or more; got {tuple(size)}")
        r, g, b = (mean / 255 for mean in _MEAN)
        audio = Waveform(frames, shape=(1, 1, -1)) if modality == "av" else None
        self.spec = ClipSpec(
            frames, (size[0], size[1]), (r, g, b), (1 / 255, 1 / 255, 1 / 255), target="middle", audio=audio
        )

        self.encoder = resnet50_without_layer4(width=width)
        channels = self.encoder.channels
        self.side_prep = nn.ModuleList(nn.Conv2d(inputs, _SIDE, 3, padding=1) for inputs in channels)
        self.upscale = nn.ModuleList(_transposed(_SIDE, stage) for stage in range(4))
        self.score = nn.ModuleList(nn.Conv2d(_SIDE, 1, 1) for _ in range(3 if audio else 4))
        if audio is None:
            self.upscale_score = nn.ModuleList(_transposed(1, stage) for stage in range(4))
            self.fuse = nn.Conv2d(4 * _SIDE, 1, 1)
        else:
            self.soundnet = SoundNet(audio_width)
            self.fusion = BilinearFusion(channels[2], self.soundnet.channels)
            self.fuse_av = nn.Conv2d(4 * _SIDE + FUSED, 1, 1)
            if visual_head:
                self.fuse = nn.Conv2d(4 * _SIDE, 1, 1)
                self.visual_only = ("upscale_score.", "score.3.")
        self._initialise()

    def forward(self, frames: Tensor, audio: Tensor | None = None, use_audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames and their ``(B, 1, 1, n)`` waveform to the logits ``(B, H, W)``.

        Items whose ``use_audio``, ``(B,)`` bool, is False get the logits of the visual head.

        Raises:
            ValueError: if the clip is not the one of the spec, an ``av`` network gets no sound, or an item is not to
                hear and there is no visual head.
        """
        self.check_input(frames, audio)
        return self._main(*self._look(self.encoder.stage(0, frames)), audio, use_audio, self._head)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory, use_audio: Tensor | None = None) -> Tensor:
        """As :meth:`forward` in eval mode; a frame enters the stem once, and not in each of its windows.

        Behind the stem nothing is the same in two windows: the attention of a window is made from all of its frames.
        """
        self.check_clips(clips, audio)
        seen = clips.once("seen", lambda: self._look(self.encoder.stem_of_windows(clips, memory)))
        return self._main(*seen, audio, use_audio, self._quick_head)

    def outputs(self, frames: Tensor, audio: Tensor | None = None, use_audio: Tensor | None = None) -> Outputs:
        """As ``forward``; a ``v`` network also gives the side maps of the four features, logits ``(B, H, W)``."""
        self.check_input(frames, audio)
        prepared, middle = self._look(self.encoder.stage(0, frames))
        main = self._main(prepared, middle, audio, use_audio, self._head)
        if self.spec.audio is not None:
            return Outputs(main)
        side = [
            centre_crop(upscale(score(x)), self.spec.size)[:, 0]
            for score, upscale, x in zip(self.score, self.upscale_score, prepared, strict=True)
        ]
        return Outputs(main, tuple(side))

    def _look(self, stem: Tensor) -> tuple[list[Tensor], Tensor]:
        """The side features ``(B, 16, h, w)`` before they are enlarged, and what leaves layer2.

        Args:
            stem: what the encoder's stem gives.
        """
        x, features, prepared = stem, [], []
        for i, prepare in enumerate(self.side_prep):
            x = self.encoder.stage(i, x) if i else x
            features.append(x)
            prepared.append(prepare(_mean_of_time(x)))
            if i < 3:
                attention = spatial_softmax(self.score[i](prepared[i]))[:, :, None]
                # In 16 bits the sum with 1 would round small parts away, and in float32 all after it would slow down.
                x = torch.addcmul(x, x, attention.to(x.dtype)) if _in_16_bits(x) else x * (1 + attention)
        return prepared, features[2]

    def _main(
        self, prepared: list[Tensor], middle: Tensor, audio: Tensor | None, use_audio: Tensor | None, head: _Head
    ) -> Tensor:
        """The logits ``(B, H, W)``."""
        if self.spec.audio is None or audio is None:
            return head(prepared, None, self.fuse)
        rows = check_rows(use_audio, middle.shape[0])
        if rows is None:
            return head(prepared, (middle, audio), self.fuse_av)
        if not hasattr(self, "fuse"):
            raise ValueError("items that do not hear need the visual head: build stavis with visual_head=True")
        logits = head([x[~rows] for x in prepared], None, self.fuse)
        out = logits.new_empty(len(rows), *logits.shape[1:]).index_put((~rows,), logits)
        if rows.any():
            heard = head([x[rows] for x in prepared], (middle[rows], audio[rows]), self.fuse_av)
            out = out.index_put((rows,), heard.to(out.dtype))
        return out

    def _head(self, prepared: list[Tensor], sounding: tuple[Tensor, Tensor] | None, last: nn.Conv2d) -> Tensor:
        """The logits ``(B, H, W)``: all is enlarged, and then convolved."""
        large = [up(small) for up, small in zip(self.upscale, prepared, strict=True)]
        if sounding is not None:
            large.append(self.fusion(sounding[0], self._hear(sounding[1])))
        logits: Tensor = last(torch.cat([centre_crop(x, self.spec.size) for x in large], 1))
        return logits[:, 0]

    def _quick_head(self, prepared: list[Tensor], sounding: tuple[Tensor, Tensor] | None, last: nn.Conv2d) -> Tensor:
        """As :meth:`_head`, to rounding: it is linear, so each part is brought to one channel, and then enlarged."""
        small = (
            [*prepared] if sounding is None else [*prepared, self.fusion.small(sounding[0], self._hear(sounding[1]))]
        )
        kind = last.weight.dtype
        with torch.autocast(last.weight.device.type, enabled=False):
            logits = small[0].new_zeros(len(small[0]), 1, *self.spec.size, dtype=kind)
            for i, (x, share) in enumerate(zip(small, last.weight[0].tensor_split(_ENDS), strict=False)):
                if i < len(prepared):
                    stride: int = 2 ** (i + 1)
                    kernel = self.upscale.get_parameter(f"{i}.weight") * share
                    large = F.conv_transpose2d(x.to(kind), kernel.sum(1, keepdim=True), stride=stride)
                else:
                    large = enlarge((x.to(kind) * share).sum(1, keepdim=True))
                logits += centre_crop(large, self.spec.size)
            assert last.bias is not None, "it has one"
            return logits[:, 0] + last.bias

    def _hear(self, audio: Tensor) -> Tensor:
        """The sound of the clip; its two tokens become one, ``(B, C)``."""
        return self.soundnet(audio).amax(1)  # type: ignore[no-any-return]

    def _initialise(self) -> None:
        """The authors' values for training from scratch; those of the encoder are its own."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d | nn.Conv1d):
                nn.init.normal_(module.weight, 0, 0.001)
                bias = -6.0 if name.startswith(("score.", "fuse")) else 0.0
                nn.init.constant_(module.bias, bias)  # type: ignore[arg-type]
            elif isinstance(module, nn.ConvTranspose2d):
                module.weight.data = bilinear_kernel(module.in_channels, module.kernel_size[0])
            elif isinstance(module, nn.Linear | nn.Bilinear):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                nn.init.zeros_(module.bias)

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`. The files of both networks have the same keys, those of all parts."""
        name = _rename(key)
        if name.startswith(self.audio_only if self.spec.audio is None else self.visual_only):
            return None
        # Their SoundNet has two-dimensional kernels, 1 x k.
        return name, value.squeeze(2) if name.startswith("soundnet.") and value.ndim == 4 else value


def _rename(key: str) -> str:
    """Our name of an entry; an entry that the authors' network does not have keeps its name.

    >>> _rename("score_dsn.3.score_dsn.bias"), _rename("soundnet8.5.running_var"), _rename("fuseav.weight")
    ('score.3.bias', 'soundnet.batchnorm2.running_var', 'fuse_av.weight')
    """
    part, _, rest = key.partition(".")
    if part in ("conv1", "bn1", "layer1", "layer2", "layer3"):
        return f"encoder.{key}"
    if found := _SIDE_KEY.fullmatch(key):
        stage, name, tail = found.groups()
        return f"{_SIDE_NAMES[name]}.{stage}.{tail}"
    if part == "soundnet8":
        index, _, tail = rest.partition(".")
        for kind, layers in (("conv", _SOUNDNET), ("batchnorm", _SOUNDNET_NORMS)):
            if index in layers:
                return f"soundnet.{kind}{layers[index]}.{tail}"
    renamed = {"fusion3": "fusion", "fuseav": "fuse_av"}.get(part)
    return f"{renamed}.{rest}" if renamed else key


def spatial_softmax(score: Tensor) -> Tensor:
    """Softmax of ``(B, 1, h, w)`` over its positions: of sum 1."""
    return score.flatten(2).softmax(2).reshape(score.shape)


def _in_16_bits(x: Tensor) -> bool:
    return x.dtype.itemsize == 2 and not torch.is_grad_enabled()


def _mean_of_time(x: Tensor) -> Tensor:
    """``(B, C, h, w)`` of ``(B, C, T, h, w)``."""
    # Channels are brought behind, as they lie there at test time, which is much quicker then.
    rows = x.movedim(1, -1)
    if not _in_16_bits(x):
        return rows.mean(1).movedim(-1, 1)
    # A product of matrices adds up in float32 without a copy.
    share = rows.new_full((rows.shape[0], 1, rows.shape[1]), 1 / rows.shape[1])
    return torch.bmm(share, rows.flatten(2)).view(rows.shape[0], *rows.shape[2:]).movedim(-1, 1)


def centre_crop(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The middle of ``(B, C, H, W)``; of an odd surplus, one row or column more goes at the bottom or right.

    >>> centre_crop(torch.arange(5.0).reshape(1, 1, 1, 5), (1, 2))
    tensor([[[[1., 2.]]]])
    """
    top, left = (x.shape[2] - size[0]) // 2, (x.shape[3] - size[1]) // 2
    return x[:, :, top : top + size[0], left : left + size[1]]


def _transposed(channels: int, stage: int) -> nn.ConvTranspose2d:
    """The transposed convolution that brings a stage to the size of the frames and a bit more, to be cropped."""
    stride: int = 2 ** (stage + 1)
    return nn.ConvTranspose2d(channels, channels, 2 * stride, stride, bias=False)


def bilinear_kernel(channels: int, kernel: int) -> Tensor:
    """Weights ``(channels, channels, kernel, kernel)`` of bilinear interpolation, each channel from itself.

    >>> bilinear_kernel(1, 4)[0, 0, 1]
    tensor([0.1875, 0.5625, 0.5625, 0.1875])
    """
    line = 1 - (torch.arange(kernel) - (kernel - 1) / 2).abs() / (kernel // 2)
    return torch.eye(channels)[:, :, None, None] * line[:, None] * line
