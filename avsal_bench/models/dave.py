"""DAVE (dave2019, arXiv 1905.10693): a 3D ResNet-18 for the picture, another for the sound, and a small decoder.

A port of hrtavakoli/DAVE. The sound becomes one vector for the clip, repeated at every position of the picture's
feature; a convolution 1x1 mixes the two, and two up-scaling blocks decode.

Decisions, where the paper and the code leave more than one way:

- The paper has batch normalisation in the up-scaling blocks. The code makes it and does not call it; here it is left
  out, and so are the classifiers (``fc_new``) of both encoders, which are not called either.
- Only the audio-visual network is published. ``v`` is the way of its stills: the picture's feature goes straight to
  the decoder (:meth:`DAVE.forward_stills`). ``a`` (section 4.3) is the same with the sound's feature; it does not see,
  and where its map is not flat, the zeros around the convolutions are the cause.
- Shortcuts pass no gradient where the size changes, as in the code; see
  :class:`~avsal_bench.models.backbones.resnet3d.BasicBlock`.
- Layers start from He's normal values, as the authors have it, with two differences. Their formula for the encoders
  leaves the third axis of the kernels out, which the batch norms undo. And the weights of the last layer are positive
  here: with both signs, the ReLU after it makes much of the map zero, and some draws the whole map, where no gradient
  passes and nothing is ever learnt.

Not part of the network, and not ported, are these faults of the published script (there is none for training):

- The distance of two sound patches is a global, set after it was used: 0.02 s in the first video, which halves the
  speed of the sound, and one frame of the video before in every later one.
- The distance is a whole number of 10 ms, so at 30 frames a second the sound falls behind by 6 s a minute.
- Where the sound ends before the picture, the picture stops: its later frames are not predicted.
- Files of a second or less of sound are refused.
- Frames are not resized: they must be 320 x 256 on the disk.
- A map that is the same everywhere is divided by zero; maps are cut to 8 bits at 32 x 40, then enlarged to 640 x 480,
  whatever the shape of the video.

Facts of the code that are kept: the map is rectified and not bounded, and can be zero everywhere; a patch starts at
its frame, so the network hears 0.64 s of what comes after.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.audio.spectra import LogMelPatches
from avsal_bench.models.backbones.resnet3d import resnet18
from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec, Modality

#: Mean and deviation of RGB in 0..255.
_MEAN = (110.63666788, 103.16065604, 96.29023126)
_STD = (38.7568578, 37.88248729, 40.02898126)

_WEIGHTS = (
    PublishedWeights(
        name="dave",
        file="model.pth.tar",
        what="DAVE, 10 epochs on the authors' mix of sets (DAVoS); best epoch on validation",
        source="Google Drive link in the README of hrtavakoli/DAVE",
        licence="not stated",
        options={"modality": "av"},
        online="drive:1hVf2PKp9UQNYMeG-tyT__0qJDHkj79sV",
        trained_on=("kinetics400", "dave_ave/train", "unknown"),  # its image sets are not named
    ),
)


@register_model(
    "dave",
    title="DAVE",
    paper="dave2019",
    modalities=("v", "a", "av"),
    code="hrtavakoli/DAVE",
    code_licence="not stated",
    tiny={"frames": 8, "size": (64, 96), "width": 0.125},
    parity=("av",),
    weights=_WEIGHTS,
)
class DAVE(Network):
    """The whole network.

    Args:
        modality: ``av``; ``v`` without the sound's encoder and the mixing layer; ``a`` without the picture's encoder
            and the mixing layer.
        frames: T, of the picture and of the sound, 2 to 16: the encoders must end with one time step. 16 is published.
        size: (height, width) of the frames, multiples of 32.
        width: multiplier of the channels.
        words: of modality ``a``, above 0: words that the sound's encoder tells apart (:meth:`name_words`), in the place
            of all that decodes; the network of its pre-training (:mod:`avsal_bench.training.classifying.spoken_words`).

    Attributes:
        audio_only: also what is frozen and left out in an epoch of stills; see :meth:`forward_stills`.

    Raises:
        ValueError: for an option outside its range.
    """

    audio_only = ("audio_branch.", "embedding.")
    shares = True

    def __init__(
        self,
        modality: Modality = "av",
        frames: int = 16,
        size: tuple[int, int] = (256, 320),
        width: float = 1.0,
        words: int = 0,
    ) -> None:
        super().__init__()
        if not 2 <= frames <= 16:
            raise ValueError(f"dave takes 2 to 16 frames, which end as one time step; got {frames}")
        if any(side < 32 or side % 32 for side in size):
            raise ValueError(f"dave takes a height and a width of 32, 64, 96 ... pixels; got {tuple(size)}")
        if words < 0 or (words and modality != "a"):
            raise ValueError(f"dave takes words of 1 or more, with modality 'a' alone; got {words} with {modality!r}")
        self.modality = modality
        self.words = words
        self.sees = modality != "a"
        mean_r, mean_g, mean_b = (mean / 255 for mean in _MEAN)
        std_r, std_g, std_b = (std / 255 for std in _STD)
        self.spec = ClipSpec(
            frames,
            (size[0], size[1]),
            (mean_r, mean_g, mean_b),
            (std_r, std_g, std_b),
            target="last",
            audio=None if modality == "v" else LogMelPatches(patches=frames),
            start="repeat",
        )

        if modality != "a":
            self.video_branch = resnet18(width=width)
        if modality != "v":
            self.audio_branch = resnet18(width=width)
        encoder = self.video_branch if modality != "a" else self.audio_branch
        channels, fewer = encoder.channels[-1], encoder.channels[2]
        if words:
            self.classifier = nn.Linear(channels, words)
            return
        if modality == "av":
            self.embedding = _he(nn.Conv2d(2 * channels, channels, 1))
        self.upscale1 = UpScaling(channels, channels)
        self.upscale2 = UpScaling(channels, fewer)
        self.saliency = _he(nn.Conv2d(fewer, 1, 1))
        self.saliency.weight.data.abs_()

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames and their ``(B, 3, T, 64, 64)`` patches to the map ``(B, H/8, W/8)``, >= 0.

        An ``a`` network looks at the size of its frames only.

        Raises:
            ValueError: if the clip is not the one of the spec, a network that hears gets no sound, or it names words.
        """
        self.check_input(frames, audio)
        if self.words:
            raise ValueError("dave with words names words, and gives no maps; leave words out")
        return self._map(self._see(frames) if self.sees else None, audio)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """As :meth:`forward` in eval mode; a frame enters the picture's stem once, and not in each of its windows."""
        self.check_clips(clips, audio)
        return self._map(clips.once("seen", lambda: self._see_windows(clips, memory)) if self.sees else None, audio)

    def _see_windows(self, clips: Clips, memory: Memory) -> Tensor:
        """As :meth:`_see`."""
        stem = self.video_branch.stem_of_windows(clips, memory)
        return self.video_branch.after_stem(stem).squeeze(2)

    def _map(self, seen: Tensor | None, audio: Tensor | None) -> Tensor:
        """The map, of the picture's feature ``(B, 512, H/32, W/32)`` and the sound, where there are any."""
        if audio is None or self.modality == "v":
            assert seen is not None, "a network without sound sees"
            return self._decode(seen)
        height, width = (side // 32 for side in self.spec.size)
        heard = self.audio_branch(audio).mean((2, 3, 4))[:, :, None, None].expand(-1, -1, height, width)
        if seen is None:
            return self._decode(heard)
        return self._decode(F.relu(self.embedding(torch.cat([seen, heard], 1))))

    def forward_stills(self, frames: Tensor) -> Tensor:
        """The map ``(B, H/8, W/8)`` of a clip without sound: a still, repeated to ``(B, 3, T, H, W)``.

        The picture's feature goes straight to the decoder, and what only an audio-visual network has
        (``audio_only``) is not used: the training by turns of section 3.2. For a ``v`` network it is ``forward``.

        Raises:
            ValueError: if the clip is not the one of the spec, or the network does not see.
        """
        if not self.sees:
            raise ValueError("dave with modality 'a' does not see; train it on clips with sound only")
        self.check_frames(frames)
        return self._decode(self._see(frames))

    def name_words(self, audio: Tensor) -> Tensor:
        """Logits ``(B, words)`` of the words that are spoken in patches ``(B, 3, T, 64, 64)``."""
        logits: Tensor = self.classifier(self.audio_branch(audio).mean((2, 3, 4)))
        return logits

    def _see(self, frames: Tensor) -> Tensor:
        """The picture's feature ``(B, 512, H/32, W/32)``; one time step is left."""
        feature: Tensor = self.video_branch(frames)
        return feature.squeeze(2)

    def _decode(self, feature: Tensor) -> Tensor:
        return F.relu(self.saliency(self.upscale2(self.upscale1(feature))))[:, 0]

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`."""
        absent = {"av": (), "v": self.audio_only, "a": ("video_branch.", "embedding.")}[self.modality]
        name = key.replace("combinedEmbedding.", "embedding.").replace(".combine.", ".conv.")
        never_called = ("video_branch.fc_new.", "audio_branch.fc_new.", "upscale1.bn.", "upscale2.bn.")
        return None if name.startswith((*never_called, *absent)) else (name, value)


class UpScaling(nn.Module):
    """Twice the size by bilinear interpolation, corner on corner; convolution 3x3; ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = _he(nn.Conv2d(inputs, outputs, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, inputs, h, w)`` to ``(B, outputs, 2h, 2w)``."""
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        return F.relu(self.conv(x), inplace=True)


def _he(conv: nn.Conv2d) -> nn.Conv2d:
    """Start a convolution from He's normal values over the inputs, and a bias of zero."""
    nn.init.kaiming_normal_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv
