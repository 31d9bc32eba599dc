"""Videos as they are tested: each frame is read, resized and sent to the device once, and windows are lists of frames.

Who reads (a thread, or processes) is ahead of who predicts, by a few batches. The device holds the frames that a batch
and those after it need, of one video at a time: at most ``2T - 2`` and those of a batch, however long the video is.

A network that goes by frames (``ClipSpec.walk``) is given each frame of a video once, from the first one to the last
one whose map is asked for; frames between those are walked through, and no map of them comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from avsal_bench.data.clips.ahead import read_ahead
from avsal_bench.data.clips.readers import AHEAD, readers
from avsal_bench.data.clips.sounds import Swaps, hear
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import in_order, read_pool
from avsal_bench.data.files.truth_files import density, fixated
from avsal_bench.data.labels import labels_of
from avsal_bench.data.windows import Step, count_windows, steps
from avsal_bench.spec import ClipSpec, Sound, WindowBatch
from avsal_bench.timing.stopwatch import timed


@dataclass(frozen=True)
class Brought:
    """What windows bring beside their frames.

    Args:
        sound: what is heard, as ``audio``.
        others: what else is heard, as ``others``.
        swaps: what each video is given where it hears the sound of another one, by condition and key.
        density: whether windows bring the saliency map of their target frame.
        fixations: whether they bring its fixated pixels.
        labels: whether they bring its label of consistency.
    """

    sound: Sound = "original"
    others: tuple[Sound, ...] = ()
    swaps: Swaps = field(default_factory=dict)
    density: bool = False
    fixations: bool = False
    labels: bool = False


#: A video, by its place in a list, and the frames of it to predict, in ascending order.
Wanted = tuple[int, Sequence[int]]


class Ask(NamedTuple):
    """Asks for what a step of a video needs that is not on the device."""

    video: int
    step: Step


class Stream:
    """Batches of windows of some videos, one video after the other.

    Each batch is a :class:`~avsal_bench.spec.WindowBatch` that stands for itself: its frames are all there. A stream
    may be gone through again, which reads again.

    Args:
        videos: that are read.
        wanted: which frames of which of them are predicted.
        spec: of the network.
        size: windows of a batch; of a network that goes by frames, frames of a batch, whether or not their maps are
            asked for.
        brought: what windows bring beside their frames.
        spanning: whether a batch may have windows of several videos; else the last one of a video has the rest of it.
        device: where frames and sound go, by copies that nobody waits for.
        workers: processes that read pictures and prepared frames; 0 for a thread of this one, or for reading between
            batches where sound is read too. Frames of a video file are decoded one after the other, by one reader.
        beside: processes on this machine that read so many each.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        wanted: Sequence[Wanted],
        spec: ClipSpec,
        size: int,
        brought: Brought | None = None,
        *,
        spanning: bool = False,
        device: torch.device | None = None,
        workers: int = 0,
        beside: int = 1,
    ) -> None:
        brought = brought or Brought()
        if any(in_order(videos[i], spec) for i, _ in wanted):
            workers = min(workers, 1)
        maps, sounds = brought.density + brought.fixations, 1 + len(brought.others)
        most, span = size * spec.window_frames, spec.form.span if spec.walk == "windows" else 0
        fresh = most if spanning else min(most, span + size)
        self.workers = readers(workers, spec, size, frames=fresh, maps=maps, sounds=sounds, beside=beside)
        # MKL, which resamples sounds and transforms them, keeps accounts of its memory by thread: a process that is
        # forked after a thread but the first has used it may turn in circles for ever.
        self.by_thread = not self.workers and spec.audio is None
        self.device = device or torch.device("cpu")
        self._asks = _Asks(videos, wanted, spec, size, spanning)
        self._parts = _Parts(videos, spec, brought)

    def __len__(self) -> int:
        """How many batches there are."""
        return len(self._asks)

    def __iter__(self) -> Iterator[WindowBatch]:
        loader = DataLoader(
            self._parts,
            sampler=self._asks,
            batch_size=None,
            collate_fn=_as_it_is,  # a part is a batch already
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
        )
        parts = iter(loader)
        held = _Held(self.device)
        for part in read_ahead(parts, AHEAD) if self.by_thread else parts:
            with timed("copying"):
                batch = held.batch(part)
            yield batch


class _Asks(Sampler[list[Ask]]):
    """What is asked for, batch by batch: integers alone."""

    def __init__(
        self, videos: Sequence[Video], wanted: Sequence[Wanted], spec: ClipSpec, size: int, spanning: bool
    ) -> None:
        self.videos = videos
        self.wanted = wanted
        self.spec = spec
        self.size = size
        self.spanning = spanning

    def __len__(self) -> int:
        counts = [count_windows(targets, self.spec.walk) for _, targets in self.wanted]
        return sum(-(-count // self.size) for count in ([sum(counts)] if self.spanning else counts))

    def __iter__(self) -> Iterator[list[Ask]]:
        spec, asked, room = self.spec, list[Ask](), self.size
        for i, targets in self.wanted:
            n = self.videos[i].n_frames
            for step in steps(targets, n, *spec.form, size=self.size, head=room, walk=spec.walk):
                asked.append(Ask(i, step))
                room -= len(step.windows)
                if not room:
                    yield asked
                    asked, room = [], self.size
            if asked and not self.spanning:
                yield asked
                asked, room = [], self.size
        if asked:
            yield asked


class _Parts(Dataset[dict[str, Any]]):
    """What batches need that is not on the device, from the files."""

    def __init__(self, videos: Sequence[Video], spec: ClipSpec, brought: Brought) -> None:
        self.videos = videos
        self.spec = spec
        self.brought = brought

    def __getitem__(self, asked: Sequence[Ask]) -> dict[str, Any]:
        parts = [self._read(self.videos[ask.video], ask.step) for ask in asked]
        return {"asked": asked} | {key: _joined([part[key] for part in parts]) for key in parts[0]}

    def _read(self, video: Video, step: Step) -> dict[str, Any]:
        """What a step of a video needs."""
        spec, brought = self.spec, self.brought
        targets = list(step.asked)
        part: dict[str, Any] = {
            "fresh": read_pool(video, step.fresh, *spec.resizing),
            "audio": None,
            "density": None,
            "fixated": None,
            "dataset": [video.dataset] * len(targets),
            "video": [video.name] * len(targets),
            "frame": targets,
            "window": [clip.frames for clip in step.windows if clip.target in step.asked],
        }
        if spec.walk == "frames":
            part["walked"] = [(video.key, clip.target, clip.target in step.asked) for clip in step.windows]
        if spec.audio is not None:
            part["audio"] = self._heard(video, step, brought.sound)
            if brought.others:
                part["others"] = torch.stack([self._heard(video, step, sound) for sound in brought.others], dim=1)
        if brought.density:
            part["density"] = _stacked([density(video, n, spec.size) for n in targets], spec)
        if brought.fixations:
            looked = [fixated(video, n, spec.size) for n in targets]
            part["fixated"] = _stacked(looked, spec, torch.bool)
        if brought.labels:
            labels = labels_of(video)
            part["label"] = torch.tensor([labels[n - 1] for n in targets], dtype=torch.bool)
        return part

    def _heard(self, video: Video, step: Step, sound: Sound) -> Tensor:
        """What is heard with the windows of a step, ``(B, ...)``."""
        front_end, given = self.spec.audio, self.brought.swaps.get(sound, {}).get(video.key)
        assert front_end is not None, "asked for where there is one"
        return torch.stack([hear(video, clip, front_end, sound, given) for clip in step.windows])


def _stacked(maps: list[Tensor], spec: ClipSpec, kind: torch.dtype = torch.float32) -> Tensor:
    """Maps ``(B, h, w)``; of no frame nothing."""
    return torch.stack(maps) if maps else torch.empty((0, *spec.size), dtype=kind)


def _joined(columns: list[Any]) -> Any:
    """A column of a batch from those of its videos."""
    if len(columns) == 1 or columns[0] is None:
        return columns[0]
    return torch.cat(columns) if isinstance(columns[0], Tensor) else [entry for column in columns for entry in column]


def _as_it_is(part: Any) -> Any:
    return part


class _Held:
    """The frames that are on the device, and the batches of what follows them."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.pool: Tensor | None = None
        self.frames: list[tuple[int, int]] = []  # video and number of each frame of the pool

    def batch(self, part: dict[str, Any]) -> WindowBatch:
        """The batch of a part, once its fresh frames are there and those that no window needs any more are not."""
        asked: list[Ask] = [Ask(video, Step(*step)) for video, step in part.pop("asked")]
        fresh = part.pop("fresh").to(self.device, non_blocking=True)
        first = {ask.video: ask.step.first for ask in asked}
        added = [(ask.video, number) for ask in asked for number in ask.step.fresh]
        kept = [
            row
            for row, (video, number) in enumerate(self.frames)
            if video in first and number >= first[video] and (video, number) not in added
        ]
        self.pool = fresh if self.pool is None else torch.cat([_rows(self.pool, kept), fresh])
        self.frames = [*(self.frames[row] for row in kept), *added]
        rows = {frame: row for row, frame in enumerate(self.frames)}
        windows = [(ask.video, clip[1]) for ask in asked for clip in ask.step.windows]
        index = torch.tensor([[rows[video, number] for number in numbers] for video, numbers in windows])
        sent = {
            key: value.to(self.device, non_blocking=True) if isinstance(value, Tensor) else value
            for key, value in part.items()
        }
        return cast(WindowBatch, {**sent, "pool": self.pool, "index": index.to(self.device)})


def _rows(pool: Tensor, rows: list[int]) -> Tensor:
    """Some rows; usually the last ones, of which no list need go to the device."""
    first = len(pool) - len(rows)
    return pool[first:] if rows == list(range(first, len(pool))) else pool[torch.tensor(rows, device=pool.device)]
