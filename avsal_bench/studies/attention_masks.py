"""What MSPI's image model sees in the window of a frame, and where its masks let the network look (mspi2024, Fig. 4).

Three rows, as in the figure: the image features in time (the Sep-Inception block), the masks of the three stages, and
the features of the encoder (also Fig. 3, whose two last stages these are). Features are shown by the mean over their
channels of what they are, from their lowest value to their highest; masks from 0 to 1, as they are. The paper says that
it averages features in Fig. 3, and not how it shows those of Fig. 4.

The parts are watched while the network predicts, so what is drawn is what made the map.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.data import painting
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import frame_size, read_frames
from avsal_bench.models.mspi import MSPI, STEPS
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.studies.one_window import one_window

#: Pixels: width of a tile, and what is added for its title, for the names of the rows, and for the title.
TILE, LINE, MARGIN, TITLE = 220, 24, 120, 30


@dataclass(frozen=True)
class Attention:
    """What the image model gave for the window of one frame.

    Args:
        clip: frames of the window, in the order in which the network sees them.
        saliency: the predicted map ``(h, w)``, not negative.
        masks: of the three stages, the finest first, ``(4, h, w)`` in [0, 1]: a map for each four frames.
        temporal: mean over channels of the features in time, ``(4, h, w)``; None for a network that uses maps.
        single: by encoder stage the mean over channels of its features of single frames, ``(T, h, w)``: two stages, or
            the maps themselves (V7).
    """

    clip: tuple[int, ...]
    saliency: Tensor
    masks: tuple[Tensor, ...]
    temporal: Tensor | None
    single: tuple[Tensor, ...]


def read_attention(
    predictor: Predictor, video: Video, frame: int, device: torch.device, muted: bool = False
) -> Attention:
    """Let MSPI see and hear the window of a frame, and read what its image model gives.

    Args:
        predictor: the network.
        video: from :func:`~avsal_bench.prediction.open_film`, or any other.
        frame: its number from 1.
        device: to compute on.
        muted: whether the network is given silence; the sound is not read then.

    Raises:
        ValueError: for a network without these masks, a frame that the video does not have, or a sound that is missing
            or too short.
        OSError: naming a file that cannot be read.
    """
    net = _mspi_of(predictor)
    given = one_window(predictor, video, frame, device, muted)
    with torch.inference_mode(), _watched(net) as seen:
        saliency = net.to_map(net(given.frames, given.audio))
        found = seen["image_encoder"]
        features: tuple[Tensor, ...] = (found[:, None],) if isinstance(found, Tensor) else tuple(found)
        masks = [seen[f"masks.{k}"][0, 0] for k in range(3)] if "sep_inception" in seen else []
        if not masks:  # the maps themselves, each of maximum 1
            features = net.frame_features(given.frames[0].transpose(0, 1))
            masks = [mask[0, 0] for mask in net._masks(tuple(one[None] for one in features))]
        temporal = seen["sep_inception"][0].mean(0).float().cpu() if "sep_inception" in seen else None
    return Attention(
        given.clip,
        saliency[0].float().cpu(),
        tuple(mask.float().cpu() for mask in masks),
        temporal,
        tuple(feature.mean(1).float().cpu() for feature in features),
    )


def _mspi_of(predictor: Predictor) -> MSPI:
    net = predictor.module.net
    if not isinstance(net, MSPI) or net.image_encoder is None:
        raise ValueError(
            f"{predictor.source or predictor.model}: {predictor.name} has no masks of image features; give --weights "
            "of mspi with network.image other than none"
        )
    return net


@contextmanager
def _watched(net: MSPI) -> Iterator[dict[str, Tensor]]:
    """What the parts gave that masks are made of, by their names, of the forward pass inside the block."""
    seen: dict[str, Tensor] = {}

    def keep(name: str, part: nn.Module) -> torch.utils.hooks.RemovableHandle:
        return part.register_forward_hook(lambda module, given, result: seen.__setitem__(name, result))

    names = ("image_encoder", "sep_inception", "masks.0", "masks.1", "masks.2")
    parts = dict(net.named_modules())
    handles = [keep(name, parts[name]) for name in names if name in parts]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def draw_attention(found: Attention, video: Video, frame: int, path: Path) -> None:
    """Write a PNG: a column for each four frames of the window with the last of them, and the predicted map.

    Args:
        found: from :func:`read_attention`.
        video: whose frames are read.
        frame: the predicted one.
        path: of the PNG.

    Raises:
        ValueError: for a name that does not end in .png; naming an unreadable file.
        OSError: naming a missing file, or the folder when it cannot be written.
    """
    height, width = frame_size(video)
    tile = (max(1, round(TILE * height / width)), TILE)
    group = len(found.clip) // STEPS
    shown = []
    for step in range(STEPS):
        # Resized here: the cache of the reader is meant for small frames.
        stored = read_frames(video, [found.clip[(step + 1) * group - 1]], None)[:, 0]
        shown.append(np.asarray(_resized(stored).permute(1, 2, 0).numpy().clip(0, 255).astype(np.uint8)))
    rows: list[tuple[str, Tensor, bool]] = []
    if found.temporal is not None:
        rows.append(("image features\nin time", found.temporal, False))
    rows += [(f"mask of\nstage {k}", mask, True) for k, mask in enumerate(found.masks, 1)]
    named = (
        ["maps of the\nimage model"]
        if found.temporal is None
        else ["encoder, its\n3rd stage", "encoder, its\n4th stage"]
    )
    rows += [(name, one[group - 1 :: group], False) for name, one in zip(named, found.single, strict=True)]
    across = MARGIN + STEPS * TILE
    figure = painting.new_figure(across, TITLE + (1 + len(rows)) * (tile[0] + LINE))
    grid = figure.subplots(1 + len(rows), STEPS, squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for step, axes in enumerate(grid[0]):
        last = step == STEPS - 1
        saliency = _resized(found.saliency[None])[0].numpy().astype(np.float32)
        axes.imshow(painting.blend(shown[step], saliency) if last else shown[step])
        number = found.clip[(step + 1) * group - 1]
        axes.set_title(f"frame {number}" + (", predicted map" if last else ""), fontsize=9)
    for line, (name, maps, absolute) in zip(grid[1:], rows, strict=True):
        line[0].set_ylabel(name, fontsize=9)
        low, high = (0.0, 1.0) if absolute else (float(maps.min()), float(maps.max()))
        for axes, one in zip(line, maps, strict=True):
            axes.imshow(_resized(one[None])[0].numpy(), cmap="magma", vmin=low, vmax=high if high > low else low + 1)
            axes.set_title(f"{float(one.min()):.3g} to {float(one.max()):.3g}", fontsize=9)
    first, last_frame = found.clip[0], found.clip[-1]
    seen = f"frames {first} {'back ' if first > last_frame else ''}to {last_frame}"
    title = painting.fits(f"{video.key}, frame {frame}; clip: {seen}", across, 16)
    figure.suptitle(title, fontsize=11, parse_math=False)
    painting.write_figure(figure, path)


def _resized(maps: Tensor) -> Tensor:
    """Maps or a picture ``(C, h, w)`` at the width of a tile."""
    height = max(1, round(TILE * maps.shape[1] / maps.shape[2]))
    return F.interpolate(maps[None].float(), (height, TILE), mode="bilinear", antialias=True)[0]
