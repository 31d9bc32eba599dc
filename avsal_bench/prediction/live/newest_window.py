"""Which networks can predict live, and the window of the newest picture."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from avsal_bench.data.windows import Window
from avsal_bench.prediction.live.live_windows import USUAL_RATE, clip_of, frames_ahead
from avsal_bench.prediction.live.pictures import Picture, Source
from avsal_bench.prediction.live.receiving import Taken
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.spec import ClipSpec, WindowBatch
from avsal_bench.text import many

#: Frames after a picture whose sound is waited for.
MOST_AHEAD = 3


def check_network(predictor: Predictor, muted: bool = False) -> None:
    """Nothing, for a network that sees no frame after the one that it predicts, and hears next to nothing after it.

    Args:
        predictor: the network.
        muted: whether it is given silence.

    Raises:
        ValueError: for one that does, with how much, or whose films run backwards; and one that looks at frames of
            several sizes.
    """
    name, net = predictor.name, predictor.module.net
    spec = net.spec
    if net.switched_by_labels:
        raise ValueError(f"{name} is switched by labels of consistency, which a live stream does not have")
    if spec.backwards:
        raise ValueError(
            f"{name} predicts from the film played backwards (backwards of its spec), so it sees frames that are not "
            "there yet in a stream; `avsal predict FILE` takes it"
        )
    after = spec.form.span - spec.form.before
    if spec.walk == "windows" and after > 0:
        raise ValueError(
            f"{name} sees {many(after, 'frame')} after the one that it predicts, not there yet in a stream. Take a "
            "network whose target is the last frame, such as vinet, vinet_s, tasednet, unisal or avrsp; `avsal predict "
            "FILE` takes any"
        )
    if not muted and (ahead := frames_ahead(spec)) > MOST_AHEAD:
        raise ValueError(
            f"{name} hears {ahead / USUAL_RATE:.2f} s after the frame that it predicts, not there yet in a stream; let "
            "it hear silence with --muted, or take another network, such as avrsp or mspi"
        )
    if spec.pictures:
        raise ValueError(f"{name} looks at frames of several sizes and cannot predict live; take another network")


class NewestWindow:
    """Makes the batch of one window, that of the newest picture; frames that are on the device are not sent again.

    Args:
        spec: of the network.
        source: whose sound is heard.
        device: of the network.
        muted: whether a network that hears is given silence.
    """

    def __init__(self, spec: ClipSpec, source: Source, device: torch.device, muted: bool) -> None:
        self._spec = spec
        self._source = source
        self._device = device
        self._muted = muted
        self._walked = 0
        self._rows: dict[int, int] = {}
        self._pool = torch.empty((0, 3, *spec.size), dtype=torch.uint8, device=device)

    def batch(self, taken: Taken) -> WindowBatch:
        """The window of the newest picture."""
        number = taken.picture.number
        clip = clip_of(self._spec, number)
        wanted = sorted(set(clip.frames))
        kept = [n for n in wanted if n in self._rows]
        fresh = [n for n in wanted if n not in self._rows]
        added = [taken.frames[n][None].to(self._device) for n in fresh]
        self._pool = torch.cat([self._pool[[self._rows[n] for n in kept]], *added])
        self._rows = {n: row for row, n in enumerate([*kept, *fresh])}
        batch: dict[str, Any] = {
            "pool": self._pool,
            "index": torch.tensor([[self._rows[n] for n in clip.frames]], device=self._device),
            "audio": self._heard(taken.picture, clip),
            "density": None,
            "fixated": None,
            "dataset": ["live"],
            "video": [self._source.name],
            "frame": [number],
            "window": [clip.frames],
        }
        if self._spec.walk == "frames":
            # It sees what it has the time for: for its state, these follow each other.
            self._walked += 1
            batch["walked"] = [(f"live/{self._source.name}", self._walked, True)]
        return cast(WindowBatch, batch)

    def _heard(self, picture: Picture, clip: Window) -> Tensor | None:
        front_end = self._spec.audio
        if front_end is None:
            return None
        own = picture.hear
        return (self._source.heard(clip, front_end, self._muted) if own is None else own())[None].to(self._device)
