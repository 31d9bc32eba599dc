"""The loop of a live prediction: the newest picture, its map, and what both are worth to who looks at them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.bench.computing.precision import computing
from avsal_bench.evaluation.protocol import require_finite
from avsal_bench.models import Memory
from avsal_bench.prediction.live.live_windows import first_frame
from avsal_bench.prediction.live.newest_window import NewestWindow, check_network
from avsal_bench.prediction.live.outputs import Written
from avsal_bench.prediction.live.pictures import Source
from avsal_bench.prediction.live.receiving import Receiver
from avsal_bench.prediction.predicting import Running
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.progress import progress
from avsal_bench.text import many
from avsal_bench.training.module import SaliencyModule

#: Longest delay that is counted in milliseconds of its own; longer ones count as this.
LONGEST_MS = 60_000
#: Maps whose delay and rate are shown while it runs.
RECENT = 25


@dataclass
class Summary:
    """What came of a live prediction so far.

    Args:
        came: pictures of the source; each is one of the next four.
        predicted: that got a map.
        filling: at the start, before the first clip was full.
        dropped: that got none, as the network was busy.
        lost: that were passed over unseen, as reading was behind.
        damaged: packets that could not be decoded.
        unheard: maps for which some of the sound had not come in time, and was silence.
        seconds: from the first map's picture to the last one's, by the clock.
    """

    came: int = 0
    predicted: int = 0
    filling: int = 0
    dropped: int = 0
    lost: int = 0
    damaged: int = 0
    unheard: int = 0
    seconds: float = 0.0
    _delays: NDArray[np.int64] = field(default_factory=lambda: np.zeros(LONGEST_MS + 1, np.int64), repr=False)

    def count(self, number: int, filling: int, lost: int, delay: float, seconds: float) -> None:
        """Count a map.

        Args:
            number: of its picture, from 1.
            filling: pictures at the start that could have none.
            lost: that were passed over unseen, after those.
            delay: seconds that the map was late.
            seconds: from the picture of the first map to this one, by the clock.
        """
        self.came, self.filling, self.lost, self.seconds = number, filling, lost, seconds
        self.predicted += 1
        self.dropped = number - filling - lost - self.predicted
        self._delays[min(max(round(1000 * delay), 0), LONGEST_MS)] += 1

    def delay(self, share: float) -> int:
        """Milliseconds within which this share of the maps came; 0 without a map."""
        passed = np.cumsum(self._delays)
        return int(np.searchsorted(passed, max(1, np.ceil(share * passed[-1])))) if passed[-1] else 0

    @property
    def rate(self) -> float:
        """Maps a second."""
        return (self.predicted - 1) / self.seconds if self.seconds > 0 else 0.0

    def told(self) -> str:
        """All of it in one line."""
        if not self.came:
            return "no picture came"
        parts = [f"{many(self.predicted, 'map')} of {many(self.came, 'frame')}"]
        if self.filling:
            parts.append(f"the first {self.filling} filled the clip")
        parts.append(f"{self.dropped} dropped, as the network was busy")
        if self.lost:
            parts.append(f"{self.lost} passed over, as reading was behind")
        if self.damaged:
            parts.append(f"{many(self.damaged, 'packet')} damaged")
        if self.unheard:
            parts.append(f"{many(self.unheard, 'map')} heard some silence, as the sound was late")
        if self.predicted:
            parts.append(f"delay {self.delay(0.5)} ms (median), {self.delay(0.95)} ms (95 %)")
        if self.rate:
            parts.append(f"{self.rate:.1f} maps a second")
        return "; ".join(parts)


def watch(
    predictor: Predictor,
    source: Source,
    written: Written,
    running: Running,
    muted: bool = False,
    seconds: float | None = None,
    ended: Callable[[Summary], None] = lambda summary: None,
) -> Summary:
    """Predict the newest picture of a source, again and again, until it ends or the time is over.

    Pictures that come while a map is made get none, and are counted. So a map is late by the time of one prediction,
    and of the rest of the one before.

    Args:
        predictor: a network whose target is the last frame of its clip.
        source: of the pictures.
        written: takes the maps; it is closed by who opened it.
        running: device and precision; the batch is one window.
        muted: whether a network that hears is given silence.
        seconds: to watch, of the clock; None for until it ends.
        ended: is told the summary, however it ends: Ctrl-C and a stream that breaks off raise after that.

    Returns:
        What came of it.

    Raises:
        ValueError: for a network that sees frames after its target or hears beyond it, and a map that is not finite.
        ValueError, OSError: where the source breaks off, after its last picture got its map.
    """
    device = running.torch_device()
    module = predictor.predicting.to(device).eval()
    spec = module.net.spec
    check_network(predictor, muted)
    hears = spec.audio is not None and not muted
    if hears:
        source.listen(spec, predictor.name)
    first = first_frame(spec, hears)
    windows, receiver = NewestWindow(spec, source, device, muted), Receiver(source, spec, first)
    predict, summary = _Predicting(module, running, device), Summary()
    predict.warm_up()
    last, begun, until = first - 1, 0.0, math.inf
    recent: list[tuple[float, float]] = []
    receiver.start()
    try:
        with progress(source.name, None) as bar:
            while source.clock() < until:
                taken = receiver.newest(last, until - source.clock())
                if taken is None:
                    break
                last = taken.picture.number
                saliency = predict(windows.batch(taken))
                require_finite(saliency, [f"{source.name}, frame {last}"])
                now = source.clock()
                delay = now - taken.picture.came
                written.add(taken.picture, saliency, delay)
                if not summary.predicted:
                    begun = taken.picture.came
                    until = math.inf if seconds is None else now + seconds
                summary.count(last, first - 1, taken.lost, delay, taken.picture.came - begun)
                summary.unheard += taken.picture.lacks
                recent = [*recent, (now, delay)][-RECENT:]
                bar.advance(1, _note(summary, recent))
    finally:
        receiver.stop()
        summary.damaged = source.damaged
        if not summary.predicted:
            summary.came = summary.filling = receiver.came
        ended(summary)
    if not summary.predicted:
        raise ValueError(
            f"{source.name}: ended after {many(summary.came, 'frame')}; the first map comes with frame {first}, when "
            "the clip of the network is full"
        )
    return summary


class _Predicting:
    """The map of one window at a time."""

    def __init__(self, module: SaliencyModule, running: Running, device: torch.device) -> None:
        self._module, self._running, self._device = module, running, device
        self._memory = Memory()

    def __call__(self, batch: Any) -> Tensor:
        """The map ``(1, h, w)`` float32 on the CPU."""
        try:
            exactly = torch.backends.cudnn.flags(enabled=True, deterministic=True)
            with torch.inference_mode(), exactly, computing(self._running.precision, self._device):
                saliency: Tensor = self._module(batch, self._memory).float().cpu()
        except torch.OutOfMemoryError as error:
            raise ValueError(f"no memory for one window on {self._device}; take another device or network") from error
        return saliency

    def warm_up(self) -> None:
        """Predict nothing once: the first time takes longer, and would be a delay that nobody sees again."""
        spec, device = self._module.net.spec, self._device
        pool = torch.zeros((1, 3, *spec.size), dtype=torch.uint8, device=device)
        steps = spec.window_frames
        audio = None if spec.audio is None else spec.audio(torch.zeros(1))[None].to(device)
        batch: dict[str, Any] = {
            "pool": pool,
            "index": torch.zeros((1, steps), dtype=torch.int64, device=device),
            "audio": audio,
            "dataset": ["live"],
            "video": ["nothing"],
            "frame": [steps],
            "window": [tuple(range(1, steps + 1))],
        }
        if spec.walk == "frames":
            batch["walked"] = [("live/nothing", 1, True)]
        self(batch)
        self._memory = Memory()


def _note(summary: Summary, recent: list[tuple[float, float]]) -> str:
    """Delay and rate of the last maps, and what was dropped so far."""
    spent = recent[-1][0] - recent[0][0]
    rate = f"{(len(recent) - 1) / spent:.1f} maps a second, " if spent > 0 else ""
    middle = sorted(delay for _, delay in recent)[len(recent) // 2]
    return f"delay {1000 * middle:.0f} ms, {rate}{summary.dropped} of {summary.came} dropped"
