"""Score saliency maps that any code made: look at each before any work starts, score, and write a record."""

from __future__ import annotations

import contextlib
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from avsal_bench.bench.provenance import provenance
from avsal_bench.bench.results import write_result
from avsal_bench.bench.seen.trained_on import said
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files.presence import check_truth
from avsal_bench.data.labels import story_of_labels
from avsal_bench.data.layouts.lists import story_of_lists
from avsal_bench.evaluation.inspection import Inspection, inspect
from avsal_bench.evaluation.maps import read_map
from avsal_bench.evaluation.pairing import is_film, is_map, what_lies_in
from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.evaluation.score import Results, VideoScorer
from avsal_bench.evaluation.score_files import Noted, score_files
from avsal_bench.evaluation.scores_of import DECIDE_NOTHING, Made, of_videos
from avsal_bench.evaluation.truth import Truth
from avsal_bench.files import write_atomically
from avsal_bench.kept import code_of, one_look, require_same
from avsal_bench.map_layouts import LAYOUTS
from avsal_bench.names import plain_name
from avsal_bench.progress import progress
from avsal_bench.records import (
    MAPS_PRESET,
    VideoScores,
    network_name,
    read_record,
    record_path,
    write_record,
)
from avsal_bench.spec import Sound
from avsal_bench.workers import Workers

#: Findings of one kind that are printed; all of them stand in a file.
SHOWN = 30


@dataclass(frozen=True)
class Submission:
    """Maps of one network for one test list.

    Args:
        maps: their folder, with films or a file a frame.
        name: of the network, in file names and tables.
        dataset: name of the data set.
        fold: which test list, from 1.
        modality: ``v``, ``av``, ``a``, or "" where it is not known.
        first: number of the file of the first frame, where each has one.
        any_shape: score maps that do not have the shape of their ground truth as they are.
        sound: what the network heard when it made them.
        trained_on: what made the maps was trained on, as :func:`~avsal_bench.bench.seen.saying.asked_words` gives it;
            None where nobody says.

    Raises:
        ValueError: for a name that is not fit for a file.
        FileNotFoundError: when there is no such folder.
    """

    maps: Path
    name: str
    dataset: str
    fold: int
    modality: str = ""
    first: int = 1
    any_shape: bool = False
    trained_on: tuple[str, ...] | None = None
    sound: Sound = "original"

    def __post_init__(self) -> None:
        plain_name("the network's --name", self.name)
        if not self.maps.is_dir():
            raise FileNotFoundError(f"no folder of maps {self.maps}; see --pred")

    @property
    def network(self) -> str:
        """Name in file names."""
        return network_name(self.name, self.modality)

    def work_folder(self, space: Workspace) -> Path:
        """Where findings and the results of single videos lie."""
        heard = "" if self.sound == "original" else f"-{self.sound}"
        return space.runs / "evaluate" / f"{self.network}-{self.dataset}-fold{self.fold}{heard}"

    def results_folder(self, space: Workspace, rule: Protocol) -> Path:
        """Where the results of single videos under a protocol lie."""
        return self.work_folder(space) / re.sub(r"[^A-Za-z0-9]+", "-", rule.name)


def evaluate(
    submission: Submission,
    rule: Protocol,
    space: Workspace,
    workers: Workers,
    allow_missing: bool = False,
    force: bool = False,
) -> Path:
    """Score the maps of one test list and write an ordinary record; a video that has its scores is not scored again.

    Scores count as long as the maps, the ground truth, the list, the protocol and the code that scores are the same.

    Args:
        submission: the maps, and whose they are.
        rule: the protocol.
        space: folders.
        workers: processes that read and score.
        allow_missing: score what is there although maps are missing or unreadable; the record says how many.
        force: score everything anew, and replace a record that is there.

    Returns:
        Path of the record.

    Raises:
        ValueError: when maps are missing or unreadable, after all that was found is printed; when a record of other
            maps, or made of other ground truth, lists or code, is in the place.
        OSError: for a folder of results that cannot be written.
        FileNotFoundError: naming a missing file of the ground truth.
    """
    space.check_writable(files=[record_of(submission, rule, space)])
    inspection = inspect_submission(submission, space, workers, allow_missing)
    return score_inspected(submission, inspection, rule, space, workers, allow_missing, force)


def record_of(submission: Submission, rule: Protocol, space: Workspace) -> Path:
    """Where the record of maps under a protocol lies."""
    s = submission
    return record_path(space.records, s.network, s.dataset, s.fold, 0, rule.name, s.sound)


def score_inspected(
    submission: Submission,
    inspection: Inspection,
    rule: Protocol,
    space: Workspace,
    workers: Workers,
    allow_missing: bool = False,
    force: bool = False,
    true: Inspection | None = None,
    more: Mapping[str, Any] | None = None,
) -> Path:
    """:func:`evaluate`, of maps that were looked at.

    Args:
        submission: the maps, and whose they are.
        inspection: of :func:`inspect_submission`.
        rule: the protocol.
        space: folders.
        workers: processes that score.
        allow_missing: see :func:`evaluate`, as ``force``.
        force: likewise.
        true: of maps of another than the true sound, a look at those with the true one: they are compared, frame by
            frame.
        more: that the record tells.

    Raises:
        ValueError, OSError, FileNotFoundError: as :func:`evaluate`.
    """
    s = submission
    path = record_of(s, rule, space)
    story = provenance() | dict(more or {})
    made = of_maps(inspection, rule, space, true)
    if force:
        shutil.rmtree(s.results_folder(space, rule), ignore_errors=True)
    elif path.is_file():
        _same_maps(path, inspection)
        ways = "score anew with --force, or choose another --name"
        there = read_record(path)
        require_same(str(path), there.provenance.get("made_of"), made.whole, ways, space.reuse_other_code)
        if s.trained_on is not None:  # the scores stay as they are
            told = {"trained_on": said(s.trained_on, s.dataset, s.fold, space)}
            write_record(path, replace(there, provenance=there.provenance | told))
        return path
    began = time.monotonic()
    videos = score_maps(s, inspection, [rule], space, workers, allow_missing, true)[rule.name]
    seconds = round(time.monotonic() - began, 1)
    story |= {"fits": [], "maps": inspection.story(), "test_seconds": seconds, "workers": workers.count}
    story |= story_of_lists(space.root_of(s.dataset), dataset(s.dataset), s.fold)
    story |= story_of_labels(dataset(s.dataset).videos(space.root_of(s.dataset), "test", s.fold))
    story["made_of"] = dict(made.whole)
    story["trained_on"] = said(s.trained_on, s.dataset, s.fold, space)
    write_result(
        path,
        videos,
        rule,
        story,
        model=s.name,
        modality=s.modality,
        dataset=s.dataset,
        fold=s.fold,
        preset=MAPS_PRESET,
        parameters=None,
        sound=s.sound,
        results=s.results_folder(space, rule),
    )
    return path


def _same_maps(path: Path, inspection: Inspection) -> None:
    """Raise ValueError unless a record is of these maps."""
    maps = read_record(path).provenance.get("maps", {})
    if maps.get("sha256") != inspection.story()["sha256"]:
        raise ValueError(
            f"{path} is there, and was made of other maps or by a network that ran here; replace it with --force, "
            "or choose another --name"
        )


def inspect_submission(submission: Submission, space: Workspace, workers: Workers, allow_missing: bool) -> Inspection:
    """Find and read every map, print what is wrong, and stop if that must not be.

    Raises:
        ValueError: when maps are missing, unreadable or misshapen and that is not allowed, or no map is found at all.
        FileNotFoundError: naming a missing file of the ground truth.
    """
    s = submission
    if not any(is_map(path) or is_film(path) for path in s.maps.rglob("*")):  # before an embedded set is made
        there = what_lies_in(s.maps)
        raise ValueError(f"{s.maps}: no png, jpg, npy or film; the folder holds {there}; maps may lie as\n{LAYOUTS}")
    root = space.root_of(s.dataset)
    videos = dataset(s.dataset).videos(root, "test", s.fold)
    known: list[Video] = []
    with contextlib.suppress(FileNotFoundError):  # a root to test on may have no training lists
        one = dataset(s.dataset)
        known = [video for part in one.learnt_parts for video in one.videos(root, part, s.fold)]
    for video in videos:
        check_truth(video)
    inspection = inspect(s.maps, videos, workers, s.first, known)
    if inspection.findings():
        report = _write_findings(s, inspection, space)
        print(inspection.text(SHOWN, f"; all of them in {report}"), flush=True)
    if not inspection.complete and not allow_missing:
        raise ValueError(
            f"{s.maps}: maps are missing or unreadable, see above; mend them, or score the rest with --allow-missing"
        )
    if inspection.misshapen and not s.any_shape:
        raise ValueError(
            f"{s.maps}: maps do not have the shape of their ground truth, see above; write them again, or score them "
            "stretched as they are with --any-shape"
        )
    return inspection


def _write_findings(submission: Submission, inspection: Inspection, space: Workspace) -> Path:
    report = submission.work_folder(space) / "findings.txt"
    write_atomically(report, inspection.text() + "\n")
    return report


def score_maps(
    submission: Submission,
    inspection: Inspection,
    rules: Sequence[Protocol],
    space: Workspace,
    workers: Workers,
    allow_missing: bool,
    true: Inspection | None = None,
) -> dict[str, list[VideoScores]]:
    """Scores of every video under each protocol, by the protocol's name, in the order of the test list.

    One result a video and protocol lies below the work folder; what is there, made of the same, is not done again.
    Films are read to their end here, and what is wrong in them is added to the inspection, and printed. The maps are
    compared with those of ``true``, where it is given; it has a map of each frame that they have.

    Raises:
        ValueError: when pictures of films are no maps and that is not allowed, after all of them are printed.
    """
    s = submission
    test_list = [maps.video for maps in inspection.videos]
    with one_look():
        kept = {
            rule.name: Results(s.results_folder(space, rule), of_maps(inspection, rule, space, true).videos)
            for rule in rules
        }
    done: dict[str, dict[str, VideoScores]] = {}
    noted: dict[str, Noted] = {}
    for name, results in kept.items():
        found = {
            video: (scores, Noted.from_json(plain.get("film"))) for video, (scores, plain) in results.read().items()
        }
        if not allow_missing:  # what was scored with holes is looked at again
            found = {video: result for video, result in found.items() if not result[1].unreadable}
        done[name] = {video: scores for video, (scores, _) in found.items()}
        noted |= {video: seen for video, (_, seen) in found.items() if seen}
    tasks = []
    beside = {} if true is None else {maps.video.key: maps.files for maps in true.videos}
    for maps in inspection.videos:
        left = {rule: kept[rule.name] for rule in rules if maps.video.name not in done[rule.name]}
        if left:
            files = {frame: maps.files[frame] for frame in sorted(inspection.good[maps.video.key])}
            tasks.append(_Task(maps.video, test_list, files, left, allow_missing, beside.get(maps.video.key)))
    tasks.sort(key=lambda task: -task.cost)
    total = sum(len(frames) for frames in inspection.good.values()) * len(rules)
    with progress("score the maps", total, total - sum(task.cost for task in tasks)) as bar:
        for index, (scored, seen) in workers.run(_score_video, tasks):
            for name, video_scores in scored.items():
                done[name][video_scores.video] = video_scores
            if seen:
                noted[tasks[index].video.name] = seen
            bar.advance(tasks[index].cost, tasks[index].video.name)
    _tell_films(s, inspection, noted, space, allow_missing)
    return {name: [results[video.name] for video in test_list] for name, results in done.items()}


def _tell_films(
    submission: Submission, inspection: Inspection, noted: Mapping[str, Noted], space: Workspace, allow_missing: bool
) -> None:
    """Print what was found in films; raise ValueError for pictures that are no maps where that is not allowed."""
    lines = []
    for maps in inspection.videos:
        if seen := noted.get(maps.video.name):
            lines += inspection.add_film(maps.video, seen.unreadable, seen.constant)
    if not lines:
        return
    report = _write_findings(submission, inspection, space)
    more = [f"  .. and {len(lines) - SHOWN} more; all of them in {report}"] if len(lines) > SHOWN else []
    print("\n".join([f"found in films ({len(lines)})", *(f"  {line}" for line in lines[:SHOWN]), *more]), flush=True)
    if inspection.unreadable and not allow_missing:
        raise ValueError(
            f"{submission.maps}: pictures of films are no maps, see above; write these films again, or score the rest "
            "with --allow-missing"
        )


def of_maps(inspection: Inspection, rule: Protocol, space: Workspace, true: Inspection | None = None) -> Made:
    """What scores of maps under a protocol are made of; with those of ``true``, what they are compared with."""
    videos = [maps.video for maps in inspection.videos]
    compares = () if true is None else (score_files,)
    common = {"code": code_of(VideoScorer, read_map, *compares, without=DECIDE_NOTHING)}
    made = of_videos(space.contents, videos, rule, (), common)
    looks = {"maps": inspection} if true is None else {"maps": inspection, "maps with the true sound": true}
    of_each = {
        video.name: {**made.videos[video.name], **{part: look.digest(video) for part, look in looks.items()}}
        for video in videos
    }
    return Made({**made.whole, **{part: look.story()["sha256"] for part, look in looks.items()}}, of_each)


@dataclass(frozen=True)
class _Task:
    """One video to score under some protocols, each with the place of its results; and the maps with the true sound
    that its own are compared with."""

    video: Video
    test_list: list[Video]
    files: dict[int, Path]
    results: dict[Protocol, Results]
    allow_missing: bool
    true: Mapping[int, Path] | None = None

    @property
    def cost(self) -> int:
        """Maps to score."""
        return len(self.files) * len(self.results)


def _score_video(task: _Task) -> tuple[dict[str, VideoScores], Noted]:
    """Scores by protocol, which are kept unless pictures of a film are no maps and that is not allowed."""
    truth = Truth(task.video, task.test_list)
    scorers = {rule: VideoScorer(truth, rule) for rule in task.results}
    noted = score_files(task.files, list(scorers.values()), task.true)
    if task.allow_missing or not noted.unreadable:
        for rule, results in task.results.items():
            results.write(scorers[rule], **({"film": noted.to_json()} if noted else {}))
    return {rule.name: scorer.result() for rule, scorer in scorers.items()}, noted
