"""The sound of a stream: its last seconds, placed by time stamps as the sound of a file is, and the windows cut of it.

Sample 0 is heard with the first picture. What comes before is cut, and what lacks is silence; a piece whose stamp is
off by less than :data:`~avsal_bench.data.files.tracks.JITTER` follows the one before it. So a window hears the samples
that it would hear of a file (:func:`~avsal_bench.data.files.sound_files.read_audio`), once they are there.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.data.files.resampling import Excerpt, resample
from avsal_bench.data.files.sound_files import heard_frames
from avsal_bench.data.files.sound_limits import LOUDEST, RATES
from avsal_bench.data.files.tracks import JITTER
from avsal_bench.prediction.live.live_windows import ENDLESS, LIVE, clip_of
from avsal_bench.prediction.live.pictures import JUMP
from avsal_bench.spec import ClipSpec

#: Seconds of sound that are kept at most; a window has one or two.
KEPT = 60.0
#: Kinds of pieces (format, channels, rate) that a stream may have before what mixes them is made anew.
MOST_KINDS = 16


class Part(NamedTuple):
    """The sound of a window."""

    native: Tensor
    """The samples ``(n,)`` float32 that it is made of, at the rate of the stream."""
    rate: int
    """Samples a second of these."""
    cut: Excerpt
    """Which of them are heard, once they are resampled."""
    backwards: bool
    """Whether they are turned around."""

    def through(self, front_end: AudioFrontEnd) -> Tensor:
        """What a network hears: these samples through its front end."""
        samples = resample(self.native, self.rate, front_end.sample_rate)[self.cut.skip :][: self.cut.length]
        if not len(samples):
            samples = torch.zeros(1)
        return front_end(samples.flip(0) if self.backwards else samples)


class StreamSound:
    """The sound of a stream as it comes, in one thread.

    Args:
        spec: of the network, which hears by one front end.
        fps: pictures a second, as the stream announces them.
        tick: seconds to which stamps of pictures are rounded.
    """

    def __init__(self, spec: ClipSpec, fps: float, tick: float) -> None:
        assert spec.audio is not None
        self._spec, self.front_end, self._fps, self._tick = spec, spec.audio, fps, tick
        self._shown: dict[int, float] = {}  # seconds of the last pictures, by number
        self._zero: float | None = None
        self._early: list[tuple[float, NDArray[np.float32], int]] = []
        self._rate = 0
        self._pieces: deque[Tensor] = deque()  # without a gap
        self._first = self._end = 0  # samples from the first picture on: the first that is kept, the next to come
        self._mixers: dict[tuple[str, str, int], av.AudioResampler] = {}

    def show(self, number: int, second: float, stamp: float) -> None:
        """Take note of a picture.

        Args:
            number: of it, from 1.
            second: from the first picture on.
            stamp: likewise, in the clock of the stream.
        """
        if self._zero is None:
            self._zero = stamp - second
            for piece in self._early:
                self._place(*piece)
            self._early.clear()
        if self._shown and abs(second - next(reversed(self._shown.values()))) > JUMP:
            self._shown.clear()
        self._shown[number] = second
        while len(self._shown) > 2 * (self._spec.form.reach + 2):
            self._shown.pop(next(iter(self._shown)))

    def add(self, frame: av.AudioFrame) -> None:
        """Take a piece of sound."""
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind not in self._mixers:
            if len(self._mixers) == MOST_KINDS:
                self._mixers.clear()
            self._mixers[kind] = av.AudioResampler(format="flt", rate=self._rate or None)  # the first rate stays
        for part in self._mixers[kind].resample(frame):
            samples = part.to_ndarray().astype(np.float32, copy=False).reshape(-1, part.layout.nb_channels).mean(axis=1)
            # What is no sound is silence: one bad packet must not end what may run for days.
            samples = np.where(np.abs(samples) <= LOUDEST, samples, np.float32(0))
            self._take(None if part.pts is None else part.time, samples, part.sample_rate)

    def come(self, number: int) -> bool:
        """Whether all of the sound of a picture's window is there."""
        return bool(self._rate) and self._excerpt(number, ENDLESS)[0].last <= self._end

    def part(self, number: int, ended: bool) -> Part:
        """The sound of a picture's window; what has not come is silence.

        Args:
            number: of the picture.
            ended: whether no more sound comes: a window then ends with it, as at the end of a file.
        """
        rate = self.front_end.sample_rate
        if not self._rate:
            return Part(torch.zeros(0), rate, Excerpt(0, 0, 0, 0), False)
        cut, backwards = self._excerpt(number, self._end * rate // self._rate if ended else ENDLESS)
        stop = min(cut.last, self._end) if ended else cut.last
        native = torch.zeros(max(0, stop - cut.first))
        begin = self._first
        for piece in self._pieces:
            low, high = max(begin, cut.first), min(begin + len(piece), stop)
            if low < high:
                native[low - cut.first : high - cut.first] = piece[low - begin : high - begin]
            begin += len(piece)
        return Part(native, self._rate, cut, backwards)

    def forget(self, number: int) -> None:
        """Keep nothing that only windows before that of a picture hear."""
        if self._rate:
            self._drop(self._excerpt(number, ENDLESS)[0].first)

    def _excerpt(self, number: int, samples: int) -> tuple[Excerpt, bool]:
        """The samples of a picture's window, of so many at the front end's rate, and whether they run backwards."""
        first, last, backwards = heard_frames(LIVE, clip_of(self._spec, number), self.front_end)
        rate = self.front_end.sample_rate
        start, stop = self.front_end.span(self._position(first), self._position(last), self._fps, samples)
        return Excerpt.around(start, max(start, stop), self._rate, rate), backwards

    def _position(self, number: int) -> float:
        """The number that a picture would have at a constant rate; a whole one, up to the rounding of stamps."""
        known = min(self._shown, key=lambda one: abs(one - number))
        place = max(1.0, 1 + self._shown[known] * self._fps + number - known)
        return round(place) if abs(round(place) - place) <= self._tick * self._fps else place

    def _take(self, stamp: float | None, samples: NDArray[np.float32], rate: int) -> None:
        if not RATES[0] <= rate <= RATES[1]:
            return
        if self._zero is not None:
            self._place(stamp, samples, rate)
        elif stamp is not None:  # the first picture has not come yet
            self._early.append((stamp, samples, rate))
            while self._early[0][0] < stamp - KEPT or self._early[0][0] > stamp:
                self._early.pop(0)

    def _place(self, stamp: float | None, samples: NDArray[np.float32], rate: int) -> None:
        assert self._zero is not None
        if not self._rate:
            if stamp is None:
                return
            self._rate = rate
            self._first = self._end = round((stamp - self._zero) * rate)
        elif stamp is not None:
            begin = stamp - self._zero
            off = begin - self._end / self._rate
            if abs(off) > JUMP:
                self._pieces.clear()
                self._first = self._end = round(begin * self._rate)
            elif off > max(JITTER, self._tick):
                self._append(np.zeros(max(0, round(begin * self._rate) - self._end), np.float32))
            elif off < -max(JITTER, self._tick):
                samples = samples[round(-off * self._rate) :]
        self._append(samples)
        self._drop(self._end - round(KEPT * self._rate))

    def _append(self, samples: NDArray[np.float32]) -> None:
        self._pieces.append(torch.from_numpy(np.ascontiguousarray(samples)))
        self._end += len(samples)

    def _drop(self, before: int) -> None:
        while self._pieces and self._first + len(self._pieces[0]) <= before:
            self._first += len(self._pieces.popleft())
