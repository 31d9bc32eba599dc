"""A look at every file that the fold lists of data sets ask for, before anything is trained on them."""

from __future__ import annotations

import os
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from avsal_bench.data.audit.findings import ORDER, Counts, Report
from avsal_bench.data.audit.notes import KINDS, Checked, Finding, Notes, Task, below
from avsal_bench.data.audit.video_checks import look_at
from avsal_bench.data.dataset import DataSet, Video, dataset
from avsal_bench.data.files.prepared import maps_are_prepared
from avsal_bench.data.files.presence import lacks_sound
from avsal_bench.data.files.whole_films.truth_films import cost_of_a_map
from avsal_bench.data.layouts.categories import categories_by_line
from avsal_bench.data.layouts.described import DescribedLayout
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, ListedVideo, names_of_list, read_fold_list
from avsal_bench.data.layouts.mvva_layout import MvvaLayout
from avsal_bench.data.places import MapFiles, NumberedFiles, OneFile, PointsFile, VideoFile
from avsal_bench.data.statistics.stats import distinct_videos, find_overlaps
from avsal_bench.progress import progress
from avsal_bench.strays import same_name
from avsal_bench.text import many
from avsal_bench.workers import Workers


@dataclass
class _Set:
    """One set: its lists, the videos to look at, and what is found."""

    description: DataSet
    root: Path
    lists: dict[tuple[int, str], list[Video]] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    checked: dict[str, Checked] = field(default_factory=dict)

    def add(self, kind: str, names: Sequence[str], where: str, text: str) -> None:
        """Note what concerns a list or several videos; a single video is named as such."""
        severity, training = KINDS[kind]
        video = names[0] if len(names) == 1 else ""
        self.findings.append(Finding(severity, self.description.name, video, kind, where, text, training))


def check_sets(roots: Mapping[str, Path], workers: Workers, *, quick: bool = False, audio: bool = True) -> Report:
    """Look at every file that the lists of some sets ask for, videos in parallel, with a progress bar.

    No damage of the data is raised: it is all in the report, and :attr:`Report.errors` says whether there is any that
    stops a run.

    Args:
        roots: data root of each set, by its name.
        workers: processes that look.
        quick: look at names and headers only: sizes and lengths, but no pixels, samples or gaze.
        audio: look at the sound of sets that have one.

    Raises:
        ValueError: for an unknown set.
    """
    began = time.monotonic()
    sets = [_Set(dataset(name, root), root) for name, root in roots.items()]
    for one in sets:
        _read_lists(one)
        _look_at_description(one)
        _compare_with_packaged(one)
        _find_absent(one, quick, audio)
    # The longest first, so that no process is left with one at the end.
    places = sorted(((one, task) for one in sets for task in one.tasks), key=lambda p: -p[1].video.n_frames)
    tasks = [task for _, task in places]
    with progress("look at the data", sum(map(_files, tasks))) as bar:
        for index, checked in _look_at_all(tasks, workers):
            one, task = places[index]
            one.checked[task.video.name] = checked
            one.findings += checked.findings
            bar.advance(_files(task), task.video.key)
    return Report(
        roots=dict(roots),
        quick=quick,
        audio=audio,
        findings=tuple(f for one in sets for f in sorted(one.findings, key=_worst_first)),
        counts=tuple(counts for one in sets for counts in _count(one)),
        seconds=time.monotonic() - began,
    )


def _read_lists(one: _Set) -> None:
    """Read all lists of a set; those that cannot be read, and what is odd between them, are findings."""
    broken: dict[str, list[str]] = {}
    folds = one.description.fold_numbers
    parts = one.description.parts
    for fold in folds:
        for part in parts:
            try:
                one.lists[fold, part] = one.description.videos(one.root, part, fold)
            except Exception as error:  # a damaged list must not keep the others from being looked at
                broken.setdefault(str(error) or type(error).__name__, []).append(f"{part} {fold}")
    for text, lists in broken.items():
        more = "" if one.lists else f"; 0 of {_packaged_number(one) or 'its'} videos are there"
        one.add("list", (), ", ".join(lists), text + more)
    odd = find_overlaps({(fold, part): one.lists.get((fold, part), []) for fold in folds for part in parts})
    for kind, found, text in (
        ("leak", odd.leaks, _both(one.description)),
        ("unequal", odd.unequal, "numbers of frames or frame rates differ between lists"),
    ):
        for name, where in found.items():
            one.add(kind, (name,), f"fold{'s' if len(where) > 1 else ''} {', '.join(map(str, where))}", text)
    _look_at_categories(one)


def _both(description: DataSet) -> str:
    return "in two lists of the fold" if description.validation else "in the training and the test list"


def _look_at_description(one: _Set) -> None:
    """Note what a set says of files in no list, what a description leaves out that a reader of scores asks for, and
    gaze that it names and nobody has."""
    layout = one.description.layout
    if one.description.remarks is not None and one.lists:
        try:
            for text in one.description.remarks(one.root):
                one.add("remark", (), one.description.folder, text)
        except (OSError, ValueError) as error:
            one.add("not checked", (), one.description.folder, f"files in no list: {error}")
    if not isinstance(layout, DescribedLayout):
        return
    where = below(layout.one.path, one.root.absolute())
    if unsaid := layout.unsaid():
        one.add("not said", (), where, f"the description does not say: {', '.join(unsaid)}")
    for name, path in _silenced(one, layout).items():
        text = f"declared silent, and {below(path, one.root)} has its sound; should it be heard, take it out of silent"
        one.add("silenced", (name,), where, text)
    videos = [video for listed in one.lists.values() for video in listed]
    if videos and layout.one.form.files.gaze and not any(video.gaze for video in videos):
        one.add("no gaze", (), where, f"no video has the file of files.gaze, {layout.one.form.files.gaze}")


def _silenced(one: _Set, layout: DescribedLayout) -> dict[str, Path]:
    """Videos that are declared silent, and have sound: each with the file that would be heard."""
    quiet = {video.name for listed in one.lists.values() for video in listed if video.silent}
    if not quiet:
        return {}
    as_if = replace(layout, one=replace(layout.one, form=replace(layout.one.form, silent=())))
    found = {}
    for fold, part in one.lists:
        for video in as_if(one.root, one.description, part, fold):
            if video.name in quiet and video.audio is not None and video.audio.is_file():
                with suppress(OSError, ValueError):  # of a damaged file the look at frames tells
                    if not lacks_sound(video):
                        found[video.name] = video.audio
    return found


def _look_at_categories(one: _Set) -> None:
    """Note categories of videos that no list names. A table that cannot be read keeps the lists from being read."""
    path = one.root / "annotations" / one.description.folder / "categories.csv"
    if len(one.lists) < len(one.description.parts) * len(one.description.fold_numbers):
        return
    listed = {same_name(video.name) for videos in one.lists.values() for video in videos}
    for name, (line, category) in categories_by_line(path).items():
        if name not in listed:
            text = f"{name!r} has the category {category!r}, and no list names it"
            one.add("category", (), f"{below(path, one.root)}:{line}", text)


def _compare_with_packaged(one: _Set) -> None:
    """Hold the lists against the published ones, which come with the package."""
    for (fold, part), videos in one.lists.items():
        published = _packaged(one, part, fold)
        if published is None:
            continue
        # Rates of MVVA are those of its files.
        timed = not isinstance(one.description.layout, MvvaLayout)
        ours = Counter(ListedVideo(v.name, v.n_frames, v.fps if timed else 0.0) for v in videos)
        theirs = Counter(v if timed else v._replace(fps=0.0) for v in read_fold_list(published))
        odd = {"only here": ours - theirs, "only in the published list": theirs - ours}
        if any(odd.values()):
            own = one.root / "fold_lists" / published.name
            told = "; ".join(
                f"{where}: {', '.join(map(_line, lines.elements()))}" for where, lines in odd.items() if lines
            )
            text = f"{(ours & theirs).total()} of {many(theirs.total(), 'video')} are as in the published list; {told}"
            one.add("list differs", (), below(own, one.root) if own.is_file() else f"{part} {fold}", text)


def _packaged(one: _Set, part: str, fold: int) -> Path | None:
    places = (PACKAGED_LISTS / name for name in names_of_list(one.description, part, fold))
    return next((path for path in places if path.is_file()), None)


def _packaged_number(one: _Set) -> int:
    folds = one.description.fold_numbers
    lists = filter(None, (_packaged(one, part, fold) for part in one.description.parts for fold in folds))
    return len({video.name for path in lists for video in read_fold_list(path)})


def _line(video: ListedVideo) -> str:
    return f"{video.name} {video.n_frames}" + (f" {video.fps:g}" if video.fps else "")


def _find_absent(one: _Set, quick: bool, audio: bool) -> None:
    """Make the tasks of a set. What whole videos lack is one finding, not one for each file."""
    videos = distinct_videos(one.lists)
    trained = {v.name for (_, part), listed in one.lists.items() if part != "test" for v in listed}
    lacking: dict[str, list[Video]] = {"video": [], "frames": [], "maps": [], "fixations": [], "sound": []}
    for video in videos:
        absent = {part for part, there in _parts(video, audio).items() if not there}
        if absent >= {"frames", "maps", "fixations"}:
            lacking["video"].append(video)
            continue
        for part in absent:
            lacking[part].append(video)
        one.tasks.append(Task(video, one.root, video.name in trained, frozenset(absent), quick, audio))
    _look_at_truth(one, videos)
    for part, without in lacking.items():
        if not without:
            continue
        names = [video.name for video in without]
        place = _place(without[0], "frames" if part == "video" else part)
        what = "frames, maps and fixations" if part == "video" else part
        text = (
            f"{len(videos) - len(names)} of {many(len(videos), 'video')} have {what}, "
            f"{many(len(names), 'video')} have none"
        )
        first = f"; {'first ' if len(names) > 1 else ''}missing {below(place, one.root)}{_other_spelling(place)}"
        if isinstance(one.description.layout, DescribedLayout):
            first += f"; {one.description.layout.says('frames' if part == 'video' else part)}"
        one.add(f"{part} missing", names, ", ".join(names), text + first)


def _look_at_truth(one: _Set, videos: Sequence[Video]) -> None:
    """Note which videos have no ground truth, and what maps in films cost where they are not prepared."""
    if secret := [video.name for video in videos if not video.has_truth]:
        text = f"no ground truth of {many(len(secret), 'video')}: their authors keep it back, or it was not fetched"
        one.add("kept back", secret, ", ".join(secret), text)
    slow = [video for video in videos if isinstance(video.densities, VideoFile) and not maps_are_prepared(video)]
    for first in slow[:1]:
        with suppress(OSError, ValueError):  # of a damaged film the look at the video tells
            text = f"maps of {many(len(slow), 'video')} are films, and not prepared: {cost_of_a_map(first)}"
            one.add("maps in films", [video.name for video in slow], first.name, text)


def _parts(video: Video, audio: bool) -> dict[str, bool]:
    """Whether there is anything at all of each part of a video."""
    there = {part: _any_file(files) for part, files in video.parts.items()}
    if video.audio is not None and audio:
        there["sound"] = video.audio.is_file()
    return there


def _any_file(files: MapFiles | PointsFile) -> bool:
    try:
        if not isinstance(files, NumberedFiles):
            return (files.file if isinstance(files, OneFile) else files.path).is_file()
        return any(_any_in(files.folder / below, files) for below in files.folders)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # there, but closed: the look at the video says so


def _any_in(folder: Path, files: NumberedFiles) -> bool:
    with os.scandir(folder) as entries:
        return any(e.name.startswith(files.prefix) and e.name.endswith(files.suffix) for e in entries)


def _place(video: Video, part: str) -> Path:
    """The file or folder of a part."""
    files = video.parts.get(part)
    if isinstance(files, NumberedFiles | OneFile):
        return files.path(1) if part == "fixations" or isinstance(files, OneFile) else files.folder
    path = video.audio if files is None else files.path
    assert path is not None
    return path


def _other_spelling(path: Path) -> str:
    """A neighbour of the same name in other letters: composed or decomposed accents, capitals."""
    while not path.parent.is_dir() and path.parent != path:
        path = path.parent
    if path.exists() or not path.parent.is_dir():
        return ""
    wanted = unicodedata.normalize("NFC", path.name).casefold()
    for near in sorted(p.name for p in path.parent.iterdir()):
        if unicodedata.normalize("NFC", near).casefold() == wanted:
            return f", but there is {near!r}, spelt in other letters; rename it"
    return ""


def _look_at_all(tasks: Sequence[Task], workers: Workers) -> Iterator[tuple[int, Checked]]:
    """Each video's result as it comes. A video that ends its process becomes a finding."""
    waiting = dict(enumerate(tasks))
    try:
        for index, checked in workers.run(look_at, tasks):
            yield index, checked
            del waiting[index]
        return
    except OSError:
        pass
    # All that was under way is lost with the process, and it is not known which video did it. The rest goes in small
    # groups, and the videos of a group that dies again one by one.
    count = max(2, workers.count)
    group: list[int] = []
    suspects: list[int] = []
    while waiting:
        try:
            with Workers(count) as fresh:
                while waiting:
                    group = suspects[:1] or list(waiting)[:count]
                    for place, checked in fresh.run(look_at, [waiting[index] for index in group]):
                        yield group[place], checked
                        del waiting[group[place]]
                    suspects = suspects[1:]
        except OSError as error:
            suspects = [index for index in group if index in waiting] if len(group) > 1 else suspects[1:]
            if len(group) == 1:
                notes = Notes(waiting.pop(group[0]))
                notes.add("not checked", "", f"could not be checked: {error}")
                yield group[0], Checked(notes.findings(), 0, 0.0)


def _count(one: _Set) -> Iterator[Counts]:
    everything = distinct_videos(one.lists)
    for (fold, part), videos in [*one.lists.items(), ((None, "all"), everything)]:
        checked = [one.checked[v.name] for v in videos if v.name in one.checked]
        yield Counts(
            dataset=one.description.name,
            fold=fold,
            part=part,
            videos=len(videos),
            frames=sum(v.n_frames for v in videos),
            hours=sum(v.seconds for v in videos) / 3600,
            files=sum(c.files for c in checked),
            seconds=round(sum(c.seconds for c in checked), 3),
        )


def _files(task: Task) -> int:
    """About how many files there are to look at."""
    return 3 * task.video.n_frames + 1


def _worst_first(finding: Finding) -> tuple[int, str, str, str, str]:
    return ORDER.index(finding.severity), finding.kind, finding.video, finding.where, finding.text
