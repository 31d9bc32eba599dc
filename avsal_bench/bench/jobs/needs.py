"""What jobs read, and whether it is there: each file is looked for once, and all that lacks is told at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files.presence import faults_of, lacks_sound
from avsal_bench.data.labels import labels_of
from avsal_bench.data.places import VideoFile
from avsal_bench.evaluation.score import consistency
from avsal_bench.kept.noted import at_once
from avsal_bench.models.weights.store import imported_source
from avsal_bench.progress import progress
from avsal_bench.text import many

#: Videos whose faults are written out, and names that are listed in one sentence.
MOST, NAMES = 20, 8
#: Videos from which on a bar says how far the look is.
LONG = 100
#: What is looked for, in words; ``consistency`` are labels that need not be there.
PARTS = {
    "frames": "frames",
    "maps": "saliency maps",
    "fixations": "fixation maps",
    "sound": "sound",
    "labels": "labels",
    "consistency": "labels",
}


#: What some sets keep back.
TRUTH = {"maps", "fixations"}


@dataclass
class Needs:
    """What some jobs read.

    Args:
        space: folders.
        videos: each with its parts, of those of :data:`PARTS`.
        weights: names of published weights.
        wrong: what was found wrong meanwhile, of no single video, by its text.
    """

    space: Workspace
    videos: dict[Video, set[str]] = field(default_factory=dict)
    weights: dict[str, None] = field(default_factory=dict)
    wrong: dict[str, OSError | ValueError] = field(default_factory=dict)

    def read(self, videos: Iterable[Video], *parts: str) -> None:
        """Note that parts of videos are read."""
        for video in videos:
            self.videos.setdefault(video, set()).update(parts)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Whatever is found wrong in the block is noted, and work goes on behind it."""
        try:
            yield
        except (OSError, ValueError) as error:
            self.wrong.setdefault(str(error), error)

    def check(self) -> None:
        """Look for all of it.

        Raises:
            FileNotFoundError: for what is missing, by videos, with how many lack what.
            ValueError: likewise, where something there does not fit.
        """
        for name in self.weights:
            with self.noted():
                imported_source(name, self.space.weights)
        self._note_kept_back()
        faults = self._look()
        errors = [*(error for of_video in faults.values() for error in of_video.values()), *self.wrong.values()]
        if not errors:
            return
        if len(errors) == 1 and not any(map(lacks_sound, faults)):
            raise errors[0]
        raise _kind(errors)("\n".join(_told(faults, [*self.wrong], len(self.videos))))

    def _note_kept_back(self) -> None:
        """Note the sets that keep ground truth back which is needed, in a sentence each, and ask for it no more."""
        kept: Counter[str] = Counter()
        for video, parts in self.videos.items():
            if not video.has_truth and parts & TRUTH:
                kept[video.dataset] += 1
                parts -= TRUTH
        for name, count in kept.items():
            of = sum(video.dataset == name for video in self.videos)
            error = ValueError(
                f"{name}: its authors keep the ground truth of {count} of {many(of, 'video')} back, so nothing can be "
                f"trained on or scored there; leave it out of --datasets, and predict its maps to hand them in: `avsal "
                f"predict --dataset {name} -o <folder>`"
            )
            self.wrong.setdefault(str(error), error)

    def _look(self) -> dict[Video, dict[str, OSError | ValueError]]:
        """The faults of each video, by their parts."""
        long = len(self.videos) >= LONG or any(isinstance(video.frames, VideoFile) for video in self.videos)
        bar = progress("look for the files of all jobs", len(self.videos)) if long else nullcontext()
        found: dict[Video, dict[str, OSError | ValueError]] = {}
        with bar as told, at_once():
            for video, parts in self.videos.items():
                if faults := self._faults(video, parts):
                    found[video] = faults
                if told is not None:
                    told.advance()
        return found

    def _faults(self, video: Video, parts: set[str]) -> dict[str, OSError | ValueError]:
        found = faults_of(video, parts, self.space.contents)
        for part, look in (("labels", labels_of), ("consistency", consistency)):
            if part in parts and (part == "labels" or "labels" not in parts):
                try:
                    look(video)
                except (OSError, ValueError) as error:
                    found[part] = error
        return found


def _kind(errors: Sequence[Exception]) -> type[FileNotFoundError] | type[ValueError]:
    return FileNotFoundError if all(isinstance(error, FileNotFoundError) for error in errors) else ValueError


def _told(faults: dict[Video, dict[str, OSError | ValueError]], wrong: Sequence[str], looked: int) -> Iterator[str]:
    """The lines of what is wrong: a summary, the videos, what is of no video, and what to do about missing sound."""
    counts = Counter(
        ("lack" if isinstance(error, FileNotFoundError) else "have faulty", PARTS[part])
        for of_video in faults.values()
        for part, error in of_video.items()
    )
    lacks = ", ".join(f"{count} of {many(looked, 'video')} {how} {what}" for (how, what), count in counts.items())
    yield "; ".join(filter(None, ["not all that is needed is here, so nothing is started", lacks]))
    for video, of_video in [*faults.items()][:MOST]:
        said = "; ".join(dict.fromkeys(str(error).removeprefix(f"{video.key}: ") for error in of_video.values()))
        yield f"  {video.key}: {said}"
    if len(faults) > MOST:
        yield f"  and {many(len(faults) - MOST, 'more video')}"
    for text in wrong:
        yield f"  {text}"
    yield from _about_sound(video for video, of_video in faults.items() if "sound" in of_video)


def _about_sound(videos: Iterable[Video]) -> Iterator[str]:
    """What to do about videos of described sets without any sound."""
    silent = defaultdict(list)
    for video in videos:
        if lacks_sound(video) and dataset(video.dataset).described:
            silent[video.dataset].append(video.name)
    for name, names in silent.items():
        listed = ", ".join(names[:NAMES]) + (", ..." if len(names) > NAMES else "")
        yield (
            f"  where videos of {name} have no sound, {dataset(name).described} can say so: silent: [{listed}]; "
            "networks that hear are then given zeros. Or leave the sound out: --modality v"
        )
