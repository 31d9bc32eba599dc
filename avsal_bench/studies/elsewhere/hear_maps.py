"""How much of a score comes from hearing, of maps that other code made with the true sound and with others.

Nobody here can see that two folders of maps differ in the sound alone: who made them says so, and records tell it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

from avsal_bench.bench.evaluate import Submission, inspect_submission, record_of, score_inspected
from avsal_bench.bench.seen.saying import asked_words
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset
from avsal_bench.evaluation.inspection import Inspection
from avsal_bench.evaluation.maps import MapCheck
from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.record_story import goes_with, same_but_sound
from avsal_bench.records import Record, read_record
from avsal_bench.spec import Sound
from avsal_bench.text import frame_ranges, many
from avsal_bench.workers import Workers


@dataclass(frozen=True)
class MapsHeard:
    """Maps of one network, predicted with the true sound and with others.

    Args:
        true: those with the true sound, of any fold; the network hears, so its modality is ``av``.
        others: folder of those with each other sound.
        folds: test lists, from 1, whose maps all of the folders hold.
        trained_on: words of ``--trained-on``; None where nobody says.

    Raises:
        ValueError: where there is no other sound, or two of the folders are one.
        FileNotFoundError: naming the option of a folder that is not there.
    """

    true: Submission
    others: Mapping[Sound, Path]
    folds: tuple[int, ...] = (1,)
    trained_on: str | None = None

    def __post_init__(self) -> None:
        if not self.others:
            raise ValueError(
                f"--pred {self.true.maps}: maps with the true sound alone; name those with another one, such as --muted"
            )
        folders = {"pred": self.true.maps, **{str(sound): folder for sound, folder in self.others.items()}}
        for option, folder in folders.items():
            if not folder.is_dir():
                raise FileNotFoundError(f"no folder of maps {folder}; see --{option}")
        for (one, here), (other, there) in combinations(folders.items(), 2):
            if here.resolve() == there.resolve():
                raise ValueError(
                    f"--{one} and --{other} are one folder, {here}; a network that was given another sound has maps "
                    "of its own, which are equal where it ignores the sound"
                )

    def submission(self, fold: int, sound: Sound = "original") -> Submission:
        """The maps of a fold with a sound."""
        words = None if self.trained_on is None else asked_words(self.trained_on, fold)
        maps = self.true.maps if sound == "original" else self.others[sound]
        return replace(self.true, maps=maps, fold=fold, modality="av", trained_on=words, sound=sound)


def hear_maps(
    asked: MapsHeard,
    rule: Protocol,
    space: Workspace,
    workers: Workers,
    allow_missing: bool = False,
    force: bool = False,
) -> list[Record]:
    """Score the maps with each sound, compare those of each frame, and write a record for each fold and sound.

    Every map of every folder is looked at before any is scored. What is scored is kept by video, as
    :func:`~avsal_bench.bench.evaluate.evaluate` keeps it.

    Args:
        asked: the maps, and whose they are.
        rule: the protocol.
        space: folders.
        workers: processes that read and score.
        allow_missing: score what is there although maps lack; they must be of the same frames with every sound.
        force: score everything anew, and replace records that are there.

    Raises:
        ValueError, OSError, FileNotFoundError: as :func:`~avsal_bench.bench.evaluate.evaluate`; naming video and frames
            where maps with two sounds are of other frames, sizes or types.
    """
    sounds: tuple[Sound, ...] = ("original", *asked.others)
    for fold in asked.folds:
        dataset(asked.true.dataset).check_fold(fold)
    places = [record_of(asked.submission(fold, sound), rule, space) for fold in asked.folds for sound in sounds]
    space.check_writable(files=places)
    looks: dict[tuple[int, Sound], Inspection] = {}
    for fold in asked.folds:
        for sound in sounds:
            looks[fold, sound] = inspect_submission(asked.submission(fold, sound), space, workers, allow_missing)
    stories: dict[tuple[int, Sound], dict[str, Any]] = {}
    notes: list[str] = []
    for (fold, sound), look in looks.items():
        if sound != "original":
            same, of = compare_looks(looks[fold, "original"], look)
            stories[fold, sound] = same_but_sound("word", looks[fold, "original"].story()["sha256"], equal=same, of=of)
            notes += [_told_equal(sound, same, of)] if same else []
    records = []
    for (fold, sound), look in looks.items():
        submission = asked.submission(fold, sound)
        true = None if sound == "original" else looks[fold, "original"]
        more = stories.get((fold, sound))
        path = score_inspected(submission, look, rule, space, workers, allow_missing, force, true, more)
        records.append(read_record(path))
    _require_same_frames(records)
    if any(check.dtype == "uint8" for look in looks.values() for check in _checks(look)):
        notes.append(
            "the maps are in 8 bits: they are rounded to 256 levels, and so is what map CC tells; equal files are "
            "found exactly equal"
        )
    for note in dict.fromkeys(notes):
        print(f"note: {note}", flush=True)
    return records + _heard_before(asked, looks, rule, space)


def _heard_before(
    asked: MapsHeard, looks: Mapping[tuple[int, Sound], Inspection], rule: Protocol, space: Workspace
) -> list[Record]:
    """Records of the same row with sounds that were asked for before, of the same maps with the true sound: tests are
    corrected for all that were run, however many at a time."""
    found = []
    for fold in asked.folds:
        true = looks[fold, "original"].story()["sha256"]
        for sound in get_args(Sound):
            path = record_of(replace(asked.submission(fold), sound=sound), rule, space)
            if (fold, sound) not in looks and path.is_file():
                found.append(read_record(path))
        found = [record for record in found if record.fold != fold or goes_with(record.provenance) == true]
    return found


def compare_looks(true: Inspection, other: Inspection) -> tuple[int, int]:
    """How many maps with another sound are the same file as those with the true one, and of how many.

    Of a film all maps are the same, or none.

    Args:
        true: a look at the maps with the true sound.
        other: at those with another one, of the same test list.

    Raises:
        ValueError: naming video and frames whose maps cannot be compared.
    """
    same = of = 0
    for maps in true.videos:
        here, there = (look.good[maps.video.key] for look in (true, other))
        for one, more, less in ((true, here, there), (other, there, here)):
            if only := sorted(more.keys() - less.keys()):
                raise ValueError(
                    f"{maps.video.name}, {frame_ranges(only)}: there is a map in {one.root} alone, of {true.root} and "
                    f"{other.root}; losses are those of the same frames, so write the other ones, or leave out both"
                )
        for frame, check in here.items():
            if _form(check) != _form(there[frame]):
                raise ValueError(
                    f"{maps.video.name}, frame {frame}: the map is {_form(check)} in {true.root}, and "
                    f"{_form(there[frame])} in {other.root}; write both in one size and type"
                )
        same += sum(check.sha256 == there[frame].sha256 for frame, check in here.items())
        of += len(here)
    return same, of


def _form(check: MapCheck) -> str:
    return f"{check.size[0]}x{check.size[1]} {check.dtype}"


def _checks(look: Inspection) -> Iterator[MapCheck]:
    return (check for of_video in look.good.values() for check in of_video.values())


def _told_equal(sound: str, same: int, of: int) -> str:
    if same < of:
        return f"{sound}: {same:,} of {many(of, 'map', 'are')} the same file as with the true sound"
    return (
        f"{sound}: all {many(of, 'map', 'are')} the same files as with the true sound; the sound changed nothing, or "
        "the maps of one folder were copied into the other"
    )


def _require_same_frames(records: Sequence[Record]) -> None:
    """Raise ValueError where pictures of films that are no maps leave other frames with one sound than with another."""
    frames: dict[tuple[int, str], tuple[int, str]] = {}
    for record in records:
        for video in record.videos:
            before = frames.setdefault((record.fold, video.video), (video.frames, record.sound))
            if before[0] != video.frames:
                raise ValueError(
                    f"{video.video}: {many(before[0], 'map')} could be read with {before[1]} sound, and "
                    f"{video.frames} with {record.sound}; losses are those of the same frames, so write the films again"
                )
