"""Itti's model of visual attention: centre-surround differences of intensity, colour and orientation (itti1998).

L. Itti, C. Koch, E. Niebur, "A model of saliency-based visual attention for rapid scene analysis", PAMI 20(11), 1998.
It sees one frame. What the paper leaves open, or others do otherwise:

1. Without flicker and motion: one frame is all it sees.
2. The form of 1998, not the "Itti" of the GBVS toolbox (squared differences, fewer scales, and a blur of 0.03 of the
   width). The published scores that it stands beside are those of sparse maps; ``blur`` smooths them where wanted.
3. A pyramid stops before a side falls under 2 pixels, and the pairs of scales beyond are left out: frames of 240x320
   have scales 0 to 7, hence no pair 4-8.
4. Pixel k of scale s lies at pixel 2^s k of the frame, in every comparison of scales and in the result.
5. A plateau has as many local maxima as pixels, and a pixel at the edge has fewer neighbours to exceed.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.models.base import Network
from avsal_bench.models.baselines.classical import FLAT, SIZE, Gabors, blurred, filtered, rgb_spec, unit
from avsal_bench.models.registry import register_model

#: Centre and surround scales that are compared.
PAIRS = tuple((centre, centre + delta) for centre in (2, 3, 4) for delta in (3, 4))
#: Scale at which all maps are added.
SUM = 4


@register_model("itti", title="Itti", paper="itti1998", tiny={"size": (96, 128)})
class Itti(Network):
    """The whole model, in the order of the paper's Fig. 1.

    Args:
        size: (height, width) of the frames.
        blur: deviation of a Gaussian on the final map, as a part of the width.

    Raises:
        ValueError: for frames too small for any pair of scales.
    """

    taps: Tensor
    signs: Tensor

    def __init__(self, size: tuple[int, int] = SIZE, blur: float = 0.0) -> None:
        super().__init__()
        self.spec = rgb_spec(1, size, smallest=33)  # scale 5 has 2 pixels
        self.blur = blur
        self.gabors = Gabors()
        self.register_buffer("taps", torch.tensor([1.0, 4, 6, 4, 1]) / 16, persistent=False)
        # The paper takes the surround's opponency the other way round, (G - R) and (Y - B): it adds what it compares.
        self.register_buffer("signs", torch.tensor([1.0, -1, -1, 1, 1, 1, 1]).view(-1, 1, 1), persistent=False)

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Map ``(B, 3, 1, h, w)`` RGB in [0, 1] to saliency ``(B, h, w)`` in [0, 1].

        Raises:
            ValueError: for frames of another size.
        """
        self.check_frames(frames)
        full = enlarged(unit(self.coarse(frames[:, :, 0])), 2**SUM, self.spec.size, "bicubic").clamp_min(0)
        return unit(blurred(full, self.blur * self.spec.size[1]))[:, 0]

    def coarse(self, rgb: Tensor) -> Tensor:
        """Saliency ``(B, 1, h, w)`` at the scale of the sum, of RGB ``(B, 3, H, W)``; not scaled."""
        scales = self._scales(rgb)
        pairs = [self._compare(scales, centre, surround) for centre, surround in PAIRS if surround in scales]
        total = torch.stack(pairs).sum(0)
        intensity, colour, orientation = total[:, 0], total[:, 1] + total[:, 2], promoted(total[:, 3:]).sum(1)
        return promoted(torch.stack([intensity, colour, orientation], 1)).mean(1, keepdim=True)

    def _scales(self, rgb: Tensor) -> dict[int, Tensor]:
        """Feature maps ``(B, 7, h, w)`` by scale, from 2: intensity, R - G, B - Y and four orientations."""
        level, scale, scales = opponents(rgb), 0, {}
        while min(level.shape[-2:]) >= 2:
            if scale >= 2:
                scales[scale] = torch.cat([level, self.gabors(level[:, 0])], 1)
            level, scale = self._reduced(level), scale + 1
        return scales

    def _reduced(self, maps: Tensor) -> Tensor:
        """The next scale: smoothed, every second pixel."""
        return filtered(maps, self.taps, (2, 2), stride=2)

    def _compare(self, scales: dict[int, Tensor], centre: int, surround: int) -> Tensor:
        """Promoted differences of two scales, ``(B, 7, h, w)`` at the scale of the sum."""
        inner = scales[centre]
        size = (inner.shape[-2], inner.shape[-1])
        outer = enlarged(scales[surround], 2 ** (surround - centre), size, "bilinear")
        maps = promoted((inner - self.signs * outer).abs())
        for _ in range(centre, SUM):
            maps = self._reduced(maps)
        return maps


def opponents(rgb: Tensor) -> Tensor:
    """Intensity, red minus green and blue minus yellow ``(B, 3, h, w)`` of RGB; the last two free of the intensity.

    They are zero where the intensity is no more than a tenth of the frame's largest.
    """
    intensity = rgb.mean(1, keepdim=True)
    bright = intensity > intensity.amax((2, 3), keepdim=True) / 10
    r, g, b = (rgb / intensity).where(bright, 0).unbind(1)
    red, green, blue = r - (g + b) / 2, g - (r + b) / 2, b - (r + g) / 2
    yellow = (r + g) / 2 - (r - g).abs() / 2 - b
    red, green, blue, yellow = (colour.clamp_min(0) for colour in (red, green, blue, yellow))
    return torch.stack([intensity[:, 0], red - green, blue - yellow], 1)


def promoted(maps: Tensor) -> Tensor:
    """The paper's N(.) of maps ``(B, C, h, w)``: few strong peaks are promoted over many alike.

    Each map is scaled to [0, 10] and multiplied by (10 - m)^2; m is the mean of its local maxima, of 1 or more and no
    less than their four neighbours, without the largest. A constant map becomes zeros.
    """
    x = 10 * unit(maps, FLAT)
    highest = torch.maximum(F.max_pool2d(x, (1, 3), 1, (0, 1)), F.max_pool2d(x, (3, 1), 1, (1, 0)))
    peaks = (x >= 1) & (x == highest)
    others = (peaks.sum((2, 3), keepdim=True) - 1).clamp_min(1)
    mean = ((x * peaks).sum((2, 3), keepdim=True) - 10) / others
    return x * (10 - mean) ** 2


def enlarged(maps: Tensor, factor: int, size: tuple[int, int], mode: str) -> Tensor:
    """Maps ``(B, C, h, w)`` at a size in which their pixel k is pixel ``factor`` k; edge pixels are repeated.

    Bicubic is Keys's with a = -0.75.
    """
    height, width = maps.shape[-2:]
    full = (factor * height + 1, factor * width + 1)
    maps = F.interpolate(F.pad(maps, (0, 1, 0, 1), mode="replicate"), full, mode=mode, align_corners=True)
    return maps[..., : size[0], : size[1]]
