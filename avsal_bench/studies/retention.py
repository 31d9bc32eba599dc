"""The retention maps of AVRSP for a frame of any video, as a picture like Fig. 6 of avrsp2024."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.data import painting
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import frame_size, read_frames
from avsal_bench.models.avrsp import AVRSP
from avsal_bench.models.fusion.ravf import RAVFBlock
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.studies.one_window import one_window

#: Pixels: width of a tile, and what is added for its title, for the names of the rows, and for the title.
TILE, LINE, MARGIN, TITLE = 220, 24, 40, 30


#: Ret_A and Ret_V of a block, ``(heads, h', w')``.
Scores = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Retained:
    """The retention maps of a frame with a sound.

    Args:
        blocks: for each RAVF block, Ret_A and Ret_V ``(heads, h', w')`` of the last time step, averaged over the audio
            tokens: what each place keeps of the sound, and what the sound keeps of each place.
        squeezed: the same of the sigmoids of the scores, each in [0, 1].
        trained_squeezed: whether the network itself squeezes them (``retention="sigmoid"``), and both are the same.
    """

    blocks: list[Scores]
    squeezed: list[Scores]
    trained_squeezed: bool


@dataclass(frozen=True)
class Seen:
    """What AVRSP made of a frame.

    Args:
        clip: frames of the window, in the order in which the network sees them.
        saliency: the predicted map ``(h, w)``, not negative.
        retained: the retention maps.
    """

    clip: tuple[int, ...]
    saliency: Tensor
    retained: Retained

    @property
    def blocks(self) -> list[Scores]:
        """The scores as the blocks used them."""
        return self.retained.blocks


def read_retention(predictor: Predictor, video: Video, frame: int, device: torch.device, muted: bool = False) -> Seen:
    """Let AVRSP see and hear the window of a frame, and read what its RAVF blocks retain.

    Args:
        predictor: the network.
        video: from :func:`~avsal_bench.prediction.open_film`, or any other.
        frame: its number from 1; the last time step of the window is its own.
        device: to compute on.
        muted: whether the network is given silence; the sound is not read then.

    Raises:
        ValueError: for a network without retention maps, a frame that the video does not have, or a sound that is
            missing or too short.
        OSError: naming a file that cannot be read.
    """
    net = avrsp_of(predictor)
    given = one_window(predictor, video, frame, device, muted)
    assert given.audio is not None, "an av network hears"
    with torch.inference_mode():
        saliency = net.to_map(net(given.frames, given.audio))[0].float().cpu()
        retained = scores_of(net, given.frames, given.audio)
    return Seen(given.clip, saliency, retained)


def avrsp_of(predictor: Predictor) -> AVRSP:
    """The network of a predictor, which has retention maps.

    Raises:
        ValueError: for another network.
    """
    net = predictor.module.net
    if not isinstance(net, AVRSP) or net.ravf is None:
        raise ValueError(
            f"{predictor.source or predictor.model}: {predictor.name} has no retention maps; "
            "give --weights of avrsp with modality av and fusion ravf"
        )
    return net


def scores_of(net: AVRSP, frames: Tensor, audio: Tensor) -> Retained:
    """The retention maps of one clip ``(1, 3, T, H, W)`` and its sound, as ``forward`` takes them."""
    maps = net.retention_maps(frames, audio)
    assert net.ravf is not None, "it has maps"
    squeezed = cast(RAVFBlock, net.ravf.blocks[0]).retention == "sigmoid"
    own = [_last(m.ret_a, m.ret_v) for m in maps]
    return Retained(own, own if squeezed else [_last(m.ret_a.sigmoid(), m.ret_v.sigmoid()) for m in maps], squeezed)


def _last(ret_a: Tensor, ret_v: Tensor) -> Scores:
    """The maps of the last time step of the only item, means over the audio tokens."""
    return ret_a.mean(-1)[0, :, -1].float().cpu(), ret_v.mean(2)[0, :, -1].float().cpu()


def draw_retention(found: Seen, video: Video, frame: int, path: Path) -> None:
    """Write a PNG: the frame and the predicted map, and for each block a row of Ret_A and one of Ret_V by head.

    A map is laid over the frame from clear at its lowest value to yellow at its highest; both stand above it. Each
    cell is one visual token.

    Args:
        found: from :func:`read_retention`.
        video: whose frame is read.
        frame: its number.
        path: of the PNG.

    Raises:
        ValueError: for a name that does not end in .png; naming an unreadable file.
        OSError: naming a missing file, or the folder when it cannot be written.
    """
    height, width = frame_size(video)
    tile = (max(1, round(TILE * height / width)), TILE)
    # Resized here: the cache of the reader is meant for small frames.
    stored = read_frames(video, [frame], None)[:, 0]
    shown = np.asarray(F.interpolate(stored[None], tile, mode="bilinear", antialias=True)[0].permute(1, 2, 0))
    rows = [
        (f"block {i}\n{name}", maps)
        for i, block in enumerate(found.blocks, 1)
        for name, maps in zip(("Ret_A", "Ret_V"), block, strict=True)
    ]
    heads = len(rows[0][1])
    width = MARGIN + (1 + heads) * TILE
    figure = painting.new_figure(width, TITLE + len(rows) * (tile[0] + LINE))
    grid = figure.subplots(len(rows), 1 + heads, squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    saliency = F.interpolate(found.saliency[None, None], tile, mode="bilinear", antialias=True)[0, 0]
    grid[0, 0].imshow(shown)
    grid[0, 0].set_title("frame", fontsize=9)
    grid[1, 0].imshow(painting.blend(shown, _scaled(saliency)))
    grid[1, 0].set_title("predicted map", fontsize=9)
    for axes, (name, maps) in zip(grid[:, 1:], rows, strict=True):
        axes[0].set_ylabel(name, fontsize=9)
        for head, (place, scores) in enumerate(zip(axes, maps, strict=True), 1):
            cells = F.interpolate(scores[None, None], tile, mode="nearest-exact")[0, 0]
            place.imshow(painting.blend(shown, _scaled(cells)))
            low, high = scores.aminmax()
            place.set_title(f"head {head}: {low:.4g} to {high:.4g}", fontsize=9)
    first, last = found.clip[0], found.clip[-1]
    seen = f"frames {first} {'back ' if first > last else ''}to {last}"
    title = painting.fits(f"{video.key}, frame {frame}; clip: {seen}", width, 16)
    figure.suptitle(title, fontsize=11, parse_math=False)
    painting.write_figure(figure, path)


def _scaled(scores: Tensor) -> NDArray[np.float32]:
    """Scores from 0 at their lowest to 1 at their highest; zeros where all are equal."""
    low, high = scores.aminmax()
    scaled = (scores - low) / (high - low) if high > low else torch.zeros_like(scores)
    return scaled.numpy()
