"""UNISAL (unisal2020, ECCV 2020): one network for images and videos of several kinds, MobileNetV2 and a ConvGRU.

A port of ``UNISAL`` of rdroste/unisal. Each kind of data is a *domain*: DHF1K, Hollywood, UCFSports, or SALICON, which
is images. A domain has batch norms, priors, a last convolution, a smoothing filter, a size and a frame rate of its own;
all of them are in the network, and ``domain`` says which are used. Every frame goes through MobileNetV2, whose features
meet 16 learned Gaussians; the unit, which is left out for images, carries its state through the video; a decoder takes
up two finer stages. The output is the logarithm of a distribution over the pixels.

Decisions:

- At test time a video is walked frame by frame (``walk`` of the spec). With the authors' ``step``, 5 or 4, it is that
  many sequences that take turns, each from a state of zeros, so that every frame has a map: their test script. Their
  calls of 6 or 24 frames with the state carried are one pass.
- A network learns one domain at a time: what belongs to the others, and of images the recurrent part, has no gradient.
  The authors draw batches of all four sets in turn; stages of the recipe follow each other.
- Norms see all frames of a batch of clips together in training.
- The batch norms of the encoder stay as they were loaded (``encoder_norms``), as the authors train.
- ``maps`` are at the size of the frames by default. The authors' are resized to that of the ground truth before the
  softmax, 360x640 for DHF1K; the recipe's presets say so.
- Recurrent dropout hides the same channels in all items of a batch. Its mask is drawn anew for each batch here; the
  authors also keep the last one in their checkpoints (``drop_mask_1``), where it has no effect.
- In the loss, NSS is taken with the deviation over n, theirs over n - 1, and a frame without fixations or with an empty
  map has no loss; theirs is 1, or that of a uniform map.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Literal, get_args

import torch
from scipy.fft import next_fast_len
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import Self

from avsal_bench.models.backbones.mobilenetv2 import MobileNetV2, rename_tonylins
from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory
from avsal_bench.models.layers.domain_norm import DomainNorm, ExpandedBlock, Skip, of_other_domains
from avsal_bench.models.layers.priors import Gaussians, gaussians
from avsal_bench.models.layers.recurrent.carried import Carried, carry
from avsal_bench.models.layers.recurrent.separable_gru import SeparableGRU
from avsal_bench.models.layers.tracing.plain_operators import plain_operators_wanted
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.registry import register_model
from avsal_bench.spec import ClipSpec, Walk

Domain = Literal["DHF1K", "Hollywood", "UCFSports", "SALICON"]
DOMAINS: tuple[Domain, ...] = get_args(Domain)

#: Height and width of the frames of each domain, and from one frame of a sequence to the next.
SIZES: dict[Domain, tuple[int, int]] = {
    "DHF1K": (224, 384),
    "Hollywood": (224, 416),
    "UCFSports": (256, 384),
    "SALICON": (288, 384),
}
STEPS: dict[Domain, int] = {"DHF1K": 5, "Hollywood": 4, "UCFSports": 4, "SALICON": 1}

#: Side of the smoothing filters.
_SMOOTHING = 41

_WEIGHTS = (
    PublishedWeights(
        "unisal",
        "weights_best.pth",
        "all four domains, trained together on DHF1K, Hollywood-2, UCF Sports and SALICON",
        "training_runs/pretrained_unisal in rdroste/unisal",
        "Apache-2.0",
        {"modality": "v"},
        form="flat state dict of the authors' names, or one under model_state_dict; the file was not opened",
        trained_on=("imagenet", "dhf1k/train", "hollywood2/train", "ucf/train", "salicon/train"),
    ),
)


def size_for(height: int, width: int) -> tuple[int, int]:
    """The (height, width) of frames that the authors take for videos and pictures of another size.

    These are 32 a and 32 b, with a and b from 7 to 13 and a b from 100 to 120: of all those, the nearest in shape.

    >>> size_for(480, 640), size_for(1080, 1920), size_for(640, 480)
    ((288, 384), (256, 416), (384, 288))
    """
    fitting = [(a, b) for a in range(7, 14) for b in range(7, 14) if 100 <= a * b <= 120]
    a, b = min(fitting, key=lambda side: abs(math.log(side[0] / side[1] * width / height)))
    return 32 * a, 32 * b


class Smoothing(nn.Conv2d):
    """A learned filter of 41x41, which starts as a Gaussian; the edge of a map goes on beyond it.

    On a processor it is a product of Fourier transforms: a tenth of the time, and a fortieth of that of its gradient.
    """

    def __init__(self) -> None:
        super().__init__(1, 1, _SMOOTHING, bias=False)
        blur = gaussians(torch.tensor([[[0.5, -2.0], [0.5, -2.0]]]), (_SMOOTHING, _SMOOTHING))
        self.weight.data = (blur / blur.sum())[None]

    def forward(self, input: Tensor) -> Tensor:
        """Filter ``(N, 1, h, w)``."""
        height, width = input.shape[-2:]
        x = F.pad(input, [_SMOOTHING // 2] * 4, mode="replicate")
        if x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64) or plain_operators_wanted():
            return super().forward(x)
        sides = [next_fast_len(side, real=True) for side in x.shape[-2:]]
        spectrum = torch.fft.rfft2(x, s=sides) * torch.fft.rfft2(self.weight, s=sides).conj()
        filtered: Tensor = torch.fft.irfft2(spectrum, s=sides)[..., :height, :width]
        return filtered


@register_model(
    "unisal",
    title="UNISAL",
    paper="unisal2020",
    modalities=("v",),
    code="rdroste/unisal",
    code_licence="Apache-2.0",
    tiny={"frames": 3, "size": (64, 96), "step": 2, "width": 0.125},
    variants={"images": {"domain": "SALICON"}},
    parity=("v",),
    weights=_WEIGHTS,
)
class UNISAL(Network):
    """The whole network; its maps are distributions.

    Args:
        modality: ``v``; there is no other.
        domain: whose norms, priors and filters are used: ``DHF1K``, ``Hollywood``, ``UCFSports`` or ``SALICON``.
        static: whether frames are images, each by itself; by default, and in the published form, those of SALICON are.
        frames: T of training clips; by default 12, and 1 of images.
        size: (height, width) of the frames, multiples of 32; by default that of the domain. :func:`size_for` has the
            authors' rule for others.
        step: from one frame of a sequence to the next; by default that of the domain.
        maps: (height, width) of the maps; by default that of the frames.
        width: multiplier of the channels.
        encoder_norms: whether the batch norms of the encoder are ``fixed`` in training, or ``trained``.

    Raises:
        ValueError: for an option outside its range.
    """

    log_density = True

    def __init__(
        self,
        modality: Literal["v"] = "v",
        domain: Domain = "DHF1K",
        static: bool | None = None,
        frames: int | None = None,
        size: tuple[int, int] | None = None,
        step: int | None = None,
        maps: tuple[int, int] | None = None,
        width: float = 1.0,
        encoder_norms: Literal["fixed", "trained"] = "fixed",
    ) -> None:
        super().__init__()
        if domain not in DOMAINS:
            raise ValueError(f"domain is one of {', '.join(DOMAINS)}; got {domain!r}")
        if encoder_norms not in ("fixed", "trained"):
            raise ValueError(f"encoder_norms is fixed or trained; got {encoder_norms!r}")
        self.static = domain == "SALICON" if static is None else static
        frames = (1 if self.static else 12) if frames is None else frames
        step = (1 if self.static else STEPS[domain]) if step is None else step
        size = SIZES[domain] if size is None else (size[0], size[1])
        if any(side < 32 or side % 32 for side in size):
            raise ValueError(
                f"unisal takes a height and a width of 32, 64, 96 ... pixels, got {size}; for pictures of that size "
                f"its authors take {size_for(*(max(1, side) for side in size))}"
            )
        if maps is not None and min(maps) < 1:
            raise ValueError(f"maps: expected (height, width) in pixels, such as (360, 640); got {maps}")
        walk: Walk = "windows" if self.static else "frames"
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        self.spec = ClipSpec(frames, size, mean, std, step=step, walk=walk, filter="lanczos")
        self.domain: Domain = domain
        self.maps = size if maps is None else (maps[0], maps[1])
        self.encoder_norms = encoder_norms

        hidden, fine, finer = (max(8, round(width * channels)) for channels in (256, 128, 64))
        norm = partial(DomainNorm, domains=DOMAINS, domain=domain, momentum=0.1 if domain == "SALICON" else 0.01)
        self.cnn = MobileNetV2(width)
        at_8, at_16, at_32 = self.cnn.channels
        self.priors = nn.ModuleDict({name: Gaussians() for name in DOMAINS})
        self.post_cnn = ExpandedBlock(at_32 + len(Gaussians.STARTS), hidden, 1, partial(nn.BatchNorm2d, momentum=0.01))
        self.rnn = SeparableGRU(hidden, norm)
        self.post_rnn = nn.Sequential(nn.Conv2d(hidden, hidden, 1, bias=False), norm(hidden), nn.ReLU6())
        self.skip_2x, self.skip_4x = Skip(at_16, fine, norm), Skip(at_8, finer, norm)
        self.upsampling_2 = ExpandedBlock(hidden + fine, fine, 2, norm)
        self.post_upsampling_2 = ExpandedBlock(fine + finer, finer, 2, norm)
        self.adaptation = nn.ModuleDict({name: nn.Conv2d(finer, 1, 1) for name in DOMAINS})
        self.smoothing = nn.ModuleDict({name: Smoothing() for name in DOMAINS})
        self._train_one_domain()

    def _train_one_domain(self) -> None:
        """Take the gradients from what is of other domains, and of images from what is recurrent."""
        others = of_other_domains(self, self.domain)
        for parts in (self.priors, self.adaptation, self.smoothing):
            others += [part for name, part in parts.items() if name != self.domain]
        for part in [*others, *((self.rnn, self.post_rnn) if self.static else ())]:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all parts; batch norms of the encoder that are fixed stay in eval mode."""
        super().train(mode)
        if self.encoder_norms == "fixed":
            for part in self.cnn.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.eval()
        return self

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, T, H, W)`` frames to the log density of the last, ``(B, h, w)``; its exponential sums to 1.

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        self.check_input(frames, audio)
        return self.log_maps(frames, last=True)[0][:, 0]

    def every_frame(self, frames: Tensor, audio: Tensor | None = None) -> tuple[Tensor, ...]:
        """The log densities of all frames of a clip, ``(B, T, h, w)``.

        Raises:
            ValueError: if the clip is not the one of the spec.
        """
        self.check_input(frames, audio)
        return (self.log_maps(frames)[0],)

    def log_maps(self, frames: Tensor, state: Tensor | None = None, last: bool = False) -> tuple[Tensor, Tensor | None]:
        """The log densities of the frames of a sequence of any length.

        Args:
            frames: ``(B, 3, T, H, W)``, ``step`` apart.
            state: ``(B, C, H/32, W/32)`` after the frame before; None at the start of a sequence.
            last: whether only the last frame is decoded.

        Returns:
            ``(B, T, h, w)``, or ``(B, 1, h, w)``, and the state after the last frame; None of images.
        """
        steps = frames.shape[2]
        encoded = self._look(frames.transpose(1, 2).flatten(0, 1))
        known = None
        if not self.static:
            hidden, state = self.rnn(torch.unflatten(encoded[0], 0, (-1, steps)), state)
            known = hidden.flatten(0, 1)
        if last:
            encoded = (encoded[0][steps - 1 :: steps], encoded[1][steps - 1 :: steps], encoded[2][steps - 1 :: steps])
            known = None if known is None else known[steps - 1 :: steps]
        return torch.unflatten(self._decode(encoded, known), 0, (-1, 1 if last else steps)), state

    def advance(self, frames: Tensor, state: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See :meth:`Network.advance`."""
        maps, after = self.log_maps(frames[:, :, None], None if state is None else state[0])
        return maps[:, 0], () if after is None else (after,)

    def predict(self, clips: Clips, audio: Tensor | None, memory: Memory) -> Tensor:
        """See :meth:`Network.predict`.

        Raises:
            ValueError: if the clip is not the one of the spec; and of videos, naming the video and the frame, for a
                frame that does not follow the one ``step`` before it.
        """
        self.check_clips(clips, audio)
        if self.static:
            return self(clips.frames, audio)  # type: ignore[no-any-return]
        return clips.once("maps", lambda: self._walk(clips, memory.seen.setdefault("unisal", {})))

    def _walk(self, clips: Clips, kept: dict[tuple[str, int], Carried]) -> Tensor:
        """The log densities ``(B, h, w)`` that are asked for, of frames that follow each other."""
        encoded = self._look(clips.frames[:, :, 0])
        hidden = carry(encoded[0][:, None], clips.places, self.spec.step, kept, self.rnn)
        rows = clips.asked
        if not rows:
            return encoded[0].new_empty(0, *self.maps)
        return self._decode(tuple(part[rows] for part in encoded), torch.cat([hidden[row][:, 0] for row in rows]))

    def _look(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is seen in frames ``(N, 3, H, W)``, each by itself: at H/32, H/16 and H/8, ``(N, c, h, w)`` each."""
        at_8, at_16, at_32 = self.cnn(frames)
        priors = self.priors[self.domain](at_32.shape[-2:]).to(at_32).expand(frames.shape[0], -1, -1, -1)
        return self.post_cnn(torch.cat([at_32, priors], 1)), self.skip_2x(at_16), self.skip_4x(at_8)

    def _decode(self, encoded: tuple[Tensor, ...], known: Tensor | None) -> Tensor:
        """The log densities ``(N, h, w)`` of frames, from what is seen in them and is known of the video."""
        x, fine, finer = encoded
        if known is not None:
            x = x + self.post_rnn(known)
        x = self.upsampling_2(torch.cat([_twice(x), fine], 1))
        x = self.post_upsampling_2(torch.cat([_twice(x), finer], 1))
        x = F.interpolate(self.adaptation[self.domain](x), self.spec.size, mode="nearest")
        x = self.smoothing[self.domain](x)
        if x.shape[-2:] != self.maps:
            x = F.interpolate(x, self.maps, mode="bilinear", align_corners=False)
        return torch.unflatten(x.flatten(1).log_softmax(1), 1, self.maps)

    def rename_published(self, key: str, value: Tensor) -> tuple[str, Tensor] | None:
        """See :meth:`Network.rename_published`."""
        if key.endswith(".drop_mask_1"):
            return None
        for theirs, ours in _OF_DOMAINS.items():
            if key.startswith(theirs):
                return ours + key.removeprefix(theirs), value
        if key.startswith("cnn.features."):
            renamed = rename_tonylins(key.removeprefix("cnn."), value)
            return None if renamed is None else (f"cnn.{renamed[0]}", renamed[1])
        return key.replace(".inv_res.", ".").replace("rnn.cell_list.0.", "rnn."), value


#: The authors' beginnings of names of what a domain has, and ours.
_OF_DOMAINS = {f"coarse_gaussians_{name.lower()}": f"priors.{name}.shapes" for name in DOMAINS}
_OF_DOMAINS |= {f"adaptation_{name.lower()}.0.": f"adaptation.{name}." for name in DOMAINS}
_OF_DOMAINS |= {f"smoothing_{name.lower()}.": f"smoothing.{name}." for name in DOMAINS}


def _twice(x: Tensor) -> Tensor:
    """Twice the height and the width, bilinear."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
