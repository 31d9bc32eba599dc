"""What a record must be to be published, and all that is wrong with some. They may come from anyone."""

from __future__ import annotations

import math
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from avsal_bench.files import regular_file, sha256
from avsal_bench.leaderboard.by_frame.packed_scores import packed_path, unpack
from avsal_bench.leaderboard.kinds import KINDS, known_viewing
from avsal_bench.leaderboard.submissions.handed_in import files_in
from avsal_bench.leaderboard.submissions.problem import NO_RECORD, Problem, with_fix
from avsal_bench.leaderboard.tables import folds_of
from avsal_bench.names import PRECISIONS, shortened, unknown
from avsal_bench.plain_values import MOST_BYTES, read_plain
from avsal_bench.record_metrics import AREAS, areas_above_1
from avsal_bench.records import (
    MAPS_PRESET,
    METRICS,
    Averaging,
    Record,
    VideoScores,
    mean_scores,
    record_from_json,
    record_path,
)
from avsal_bench.text import many, named

#: Where a score of a video can plausibly lie. CC, AUC and SIM by their definition; NSS and KL with room beyond what
#: agreeing observers and hopeless maps get.
RANGES: dict[str, tuple[float, float]] = {
    "CC": (-1.0, 1.0),
    "NSS": (-5.0, 30.0),
    "AUC-J": (0.0, 1.0),
    "sAUC": (0.0, 1.0),
    "SIM": (0.0, 1.0),
    "KL": (0.0, 40.0),
}
#: How far the mean of a record may be from that of its videos: rounding in the last digits.
MEAN_TOLERANCE = 1e-6
#: Its frames are scored by some of the observers only, who may not have looked.
HUMAN = "human_infinite"

CHANGED = "made by code that was changed since it was committed or installed"
#: What the story of a record must hold, and the form of it.
STORY = {
    "version": r"\d+\.\d+.*",
    "commit": r"[0-9a-f]{40}",
    "code": r"[0-9a-f]{64}",
    "python": r"\d.*",
    "torch": r"\d.*",
    "device": r".+",
    "command": r".+",
}

#: What a laboratory does with records that only it can check.
HOW_TO_PUBLISH = (
    "To publish them, give your leaderboard's folder with the lists and the description of the set to others (the page "
    "'Publish a record' of the documentation says how)"
)
#: Frames of every test video of a data set and fold, by name; None where no list is known. ValueError for unknown ones.
Listed = Callable[[str, int], Mapping[str, int] | None]


@dataclass
class Submission:
    """Records that may be published by their files, where each will lie, and what is wrong with the other files.

    ``strays`` are files that other programs left, and that are not looked at.
    """

    records: dict[Path, Record] = field(default_factory=dict)
    places: dict[Path, Path] = field(default_factory=dict)
    problems: dict[Path, list[Problem]] = field(default_factory=dict)
    strays: list[Path] = field(default_factory=list)


def check_submission(
    paths: Sequence[Path],
    folder: Path,
    averaging: Mapping[str, Averaging],
    listed: Listed,
    reason: str | None = None,
    blank_counts: Collection[str] = (),
) -> Submission:
    """Look at every file, and find everything that is wrong.

    Args:
        paths: records, and folders of them.
        folder: of the leaderboard that they are for; records that lie in it already are only looked at.
        averaging: what each known protocol averages.
        listed: what a whole test is.
        reason: why records that are there may be replaced; None when they may not.
        blank_counts: protocols under which maps that are the same everywhere have a CC.

    Raises:
        FileNotFoundError: for a path that does not exist.
        ValueError: for an empty reason.
    """
    if reason is not None and not reason.strip():
        raise ValueError('say why records are replaced: --replace "..."; it is kept in the record')
    found = Submission()
    taken: dict[str, Path] = {}
    there = cache(_names_in)
    for path in files_in(paths, found.problems, found.strays):
        try:
            content = regular_file(path, MOST_BYTES, links=True).read_bytes()
            record = record_from_json(read_plain(content))
        except (ValueError, OSError) as error:
            told = f"not a record ({str(error).removeprefix(f'{path} ')})"
            found.problems[path] = [Problem(told, NO_RECORD)]
            continue
        problems = list(_problems(record, averaging, listed, blank_counts))
        if not problems:
            r = record
            place = record_path(folder / "records", r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound)
            problems = [*_place_problems(path, place, record, taken, reason, there), *_frame_problems(path, record)]
            taken[str(place).casefold()] = path
        if problems:
            found.problems[path] = problems
            continue
        if reason and place.exists() and not is_same(path, place):
            old = sha256(place)
            record = replace(record, provenance=record.provenance | {"replaces": {"sha256": old, "reason": reason}})
        found.records[path] = record
        found.places[path] = place
    return found


def incomplete_folds(found: Submission, folder: Path) -> list[str]:
    """Rows of the submission that lack a fold, with what the leaderboard has already; they are listed, not ranked."""
    rows: dict[tuple[str, str, str, int, str], set[int]] = defaultdict(set)
    wanted: dict[str, set[int]] = {}
    for r in found.records.values():
        key = (r.protocol, r.dataset, r.network, r.seed, r.sound)
        folds = folds_of(r)
        wanted[r.dataset] = set(folds)
        places = (record_path(folder / "records", r.network, r.dataset, k, r.seed, r.protocol, r.sound) for k in folds)
        rows[key] |= {r.fold} | {fold for fold, place in zip(folds, places, strict=True) if place.is_file()}
    return [
        f"{network} on {dataset}, {protocol}, seed {seed}, sound {sound}: "
        f"{named('fold', sorted(wanted[dataset] - folds), 'are')} missing; the row is listed as incomplete"
        for (protocol, dataset, network, seed, sound), folds in sorted(rows.items())
        if folds != wanted[dataset]
    ]


def _problems(
    r: Record, averaging: Mapping[str, Averaging], listed: Listed, blank_counts: Collection[str]
) -> Iterator[Problem]:
    """Everything about a record that speaks against publishing it."""
    known = "score it again under a protocol of this package; `avsal protocols --help` says how to compare them"
    yield from with_fix(_rule_problems(r, averaging), "leave it out" if r.synthetic else known)
    if not r.synthetic:
        whole = "test every video of the list again, with `avsal evaluate` or `avsal bench`, and no other"
        yield from with_fix(_video_problems(r, listed), whole)
    anew = "make the record anew with `avsal evaluate` or `avsal bench`, and change nothing in it"
    yield from with_fix(_score_problems(r, r.protocol in blank_counts), anew)
    yield from with_fix(_weight_problems(r), anew)
    yield from with_fix(_story_problems(r.provenance), "make it anew from a committed tree or an installed package")
    yield from with_fix(_watched_problems(r), anew)


def _rule_problems(r: Record, averaging: Mapping[str, Averaging]) -> Iterator[str]:
    if r.synthetic:
        yield f"{r.dataset} is made by this project itself: its scores say nothing about real videos and stay at home"
    if r.protocol not in averaging:
        yield f"unknown protocol {r.protocol!r}; known are {', '.join(averaging)}"
    elif r.averaging != averaging[r.protocol]:
        yield f"averages {r.averaging}, protocol {r.protocol} averages {averaging[r.protocol]}"


def _video_problems(r: Record, listed: Listed) -> Iterator[str]:
    frames, unknown = None, ""
    try:
        frames = listed(r.dataset, r.fold)
    except ValueError as error:
        unknown = str(error)
    if "own_set" in r.provenance and frames is None:
        yield (
            f"{r.dataset} is a set of its owner (dataset.yaml): nobody else can see whether its test is whole, so its "
            f"records stay on your own leaderboard, where bench and evaluate put them. {HOW_TO_PUBLISH}"
        )
        return
    if unknown:
        yield unknown
        return
    if r.provenance.get("own_list"):
        yield (
            f"{r.dataset}, fold {r.fold}: tested by a list in fold_lists of the data root, and not by that of this "
            f"package, so it cannot stand beside others. Take the list out of the root and test again; or, where that "
            f"list is meant, {HOW_TO_PUBLISH[0].lower()}{HOW_TO_PUBLISH[1:]}"
        )
        return
    names = Counter(v.video for v in r.videos)
    for name, times in sorted(names.items()):
        if times > 1:
            yield f"video {name} stands in it {times} times"
    if frames is None:
        yield (
            f"{r.dataset}: no test list comes with this package, so nobody can see whether the test is whole. "
            f"{HOW_TO_PUBLISH}"
        )
        return
    yield from (f"video {name} of the test list is missing" for name in frames if name not in names)
    for v in r.videos:
        if v.video not in frames:
            yield f"video {v.video} is not in the test list of {r.dataset}, fold {r.fold}"
        elif v.skipped:
            yield f"video {v.video}: {v.skipped} of {many(frames[v.video], 'frame')} had no map; score them all"
        elif v.frames != frames[v.video]:
            yield f"video {v.video}: {many(v.frames, 'frame')} scored, the test list has {frames[v.video]}"


def _score_problems(r: Record, blank_counts: bool) -> Iterator[str]:
    for v in r.videos:
        counts = _count_problems(v, blank_counts) if r.model != HUMAN else ()
        ranges = RANGES | ({"AUC-J": AREAS} if areas_above_1(r.protocol) else {})
        for problem in (*counts, *_range_problems(v.scores, ranges), *_range_problems(v.consistent, ranges)):
            yield f"video {v.video}: {problem}"
        if r.sound == "original" and v.map_cc is not None:
            yield f"video {v.video}: map_cc is {v.map_cc:g}, and compares maps of other sounds only"
        if r.sound == "original" and v.places:
            yield f"video {v.video}: it has places, which compare scores of other sounds only"
    means = mean_scores(r.videos, r.averaging)
    for metric, value in r.scores.items():
        mean = means[metric]
        if math.isnan(value) != math.isnan(mean) or abs(value - mean) > MEAN_TOLERANCE:
            yield f"{metric} is {value:.6f}, the mean over its {r.averaging} is {mean:.6f}"
        elif math.isnan(value):
            yield f"{metric} is undefined on every video"


def _range_problems(scores: Mapping[str, float], ranges: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    for metric, value in scores.items():
        low, high = ranges.get(metric, (-math.inf, math.inf))  # of a plug-in's the form of records has looked
        if not math.isnan(value) and not low - MEAN_TOLERANCE <= value <= high + MEAN_TOLERANCE:
            yield f"{metric} is {value:g}, plausible is {low:g} to {high:g}"


def _count_problems(v: VideoScores, blank_counts: bool) -> Iterator[str]:
    """Frames that count for nothing must be those that nobody fixated, or leaving frames out would raise a score."""
    for metric in METRICS:
        undefined = v.undefined.get(metric, 0)
        if (undefined == v.frames) != math.isnan(v.scores[metric]):
            yield f"{metric} is {v.scores[metric]:g}, and not defined in {undefined} of {many(v.frames, 'frame')}"
        # Where one frame alone is fixated, there are no fixations of others to shuffle.
        elif undefined > v.unfixated and not (metric == "sAUC" and v.frames - v.unfixated <= 1):
            yield (
                f"{many(undefined, 'frame')} without {metric}, and {v.unfixated} that nobody "
                f"fixated: the others need maps "
                "that are not the same everywhere, or a protocol that counts these as chance, such as stavis-chance"
            )
    if v.constant > v.undefined.get("CC", 0) and not blank_counts:
        yield (
            f"{many(v.constant, 'frame')} with a constant map, which has no CC, and "
            f"{v.undefined.get('CC', 0)} without CC"
        )


def _weight_problems(r: Record) -> Iterator[str]:
    """A network has weights, and their checksum says which; a baseline and maps of other code have none."""
    checksum, needed = r.weights.get("sha256"), bool(r.modality) and r.preset != MAPS_PRESET
    if checksum is None and needed:
        yield "weights: no SHA-256, so nobody can say which weights these scores are of"
    elif checksum is not None and not re.fullmatch(r"[0-9a-f]{64}", str(checksum)):
        yield f"weights: SHA-256 {checksum!r}, expected 64 hexadecimal digits"
    parameters = r.weights.get("parameters")
    if needed and not (isinstance(parameters, int) and parameters > 0):
        yield f"weights: {parameters!r} parameters, expected a number above 0"


def _story_problems(story: Mapping[str, Any]) -> Iterator[str]:
    for name, form in STORY.items():
        value = story.get(name)
        if name == "commit" and value is None and story.get("clean") is True:
            continue  # of an installed package, whose version and hash say which code it is
        if not isinstance(value, str) or not re.fullmatch(form, value):
            yield f"provenance: {name} is {shortened(value)}" + ("" if value else "; a record of this package has it")
    if str(story.get("precision") or "32-true") not in PRECISIONS:
        told = unknown("precision", str(story["precision"])[:60], PRECISIONS)
        yield f"provenance: {told}"
    try:
        datetime.fromisoformat(str(story.get("started")))
    except ValueError:
        yield f"provenance: started is {shortened(story.get('started'))}, expected such as 2026-01-01T12:00:00+00:00"
    if story.get("clean") is not True:
        yield (
            f"provenance: {CHANGED}, so nobody else has it; commit the changes, or install the package anew, and run "
            "it again"
        )


def _watched_problems(r: Record) -> Iterator[str]:
    """What a record says of viewers must be what this package says, and what it says it saw no contradiction."""
    told, known = r.provenance.get("viewing"), known_viewing(r.dataset)
    if told is not None and known is not None and told["device"] != known.device:
        yield (
            f"provenance: viewing says {KINDS[told['device']]}, {r.dataset} is of {KINDS[known.device]}; "
            "scores of the two share no table"
        )
    trained = r.provenance.get("trained_on")
    if trained is not None and not trained["training_part_seen"]:
        own = [learnt for learnt in trained["sets"] if learnt["set"] == r.dataset and learnt["part"] != "test"]
        if own:
            yield f"provenance: trained_on names {r.dataset}, and says that its training part was not seen"
    if trained is not None and trained["tested_videos_seen"] > len(r.videos):
        yield (
            f"provenance: trained_on saw {many(trained['tested_videos_seen'], 'test video')}, and {len(r.videos)} "
            "were tested"
        )


def _names_in(folder: Path) -> dict[str, str]:
    """Names of the files in a folder, by what they are without regard to case."""
    return {path.name.casefold(): path.name for path in sorted(folder.iterdir())} if folder.is_dir() else {}


def _place_problems(
    path: Path,
    place: Path,
    record: Record,
    taken: Mapping[str, Path],
    reason: str | None,
    there: Callable[[Path], Mapping[str, str]],
) -> Iterator[Problem]:
    if other := taken.get(str(place).casefold()):
        yield Problem(f"claims the same row as {other}", "keep one of them")
    elif (near := there(place.parent).get(place.name.casefold(), place.name)) != place.name:
        told = f"is called as {near} in {place.parent} but for upper and lower case; choose another name, or that one"
        yield Problem(told, "choose another name, or that one")
    if place.parents[2] in path.resolve().parents or place.parents[2].resolve() in path.resolve().parents:
        if not is_same(path, place):
            told = f"lies where another record belongs; its place is {place}"
            yield Problem(told, "move it there, as `avsal submit` does")
    elif place.exists() and not reason and not replaces(record, place):
        told = f'{place} is there already; to put this one in its place give --replace "why"'
        yield Problem(told, 'put it in its place with `avsal submit --replace "why"`')


def _frame_problems(path: Path, record: Record) -> Iterator[Problem]:
    """Frame scores beside a record that are not its own. A record whose file was left at home is whole without it."""
    if os.path.lexists(packed_path(path)):
        try:
            regular_file(packed_path(path))
            unpack(path, record)
        except (ValueError, OSError) as error:
            yield Problem(str(error), "hand the record in without this file, or with that of its own test")


def replaces(record: Record, place: Path) -> bool:
    """Whether a record says that it takes the place of the very file that is there, and why."""
    said = record.provenance.get("replaces")
    return isinstance(said, Mapping) and bool(said.get("reason")) and said.get("sha256") == sha256(place)


def is_same(path: Path, place: Path) -> bool:
    """Whether two paths lead to one file."""
    return path.resolve() == place.resolve()
