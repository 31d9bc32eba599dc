"""From files to patterns: which part of a path is the name of a video, which the part of the split."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from avsal_bench.data.describing.tree_files import Files, Series, Single

#: Words of folders and files that say what is in them.
WORDS = {
    "frames": {"frames", "frame", "image", "images", "img", "imgs", "rgb", "jpegimages", "stimuli", "allstimuli"}
    | {"pictures", "video_frames", "stills"},
    "maps": {"map", "maps", "density", "densities", "saliency", "salmaps", "saliency_maps", "eyemap", "eyemaps"}
    | {"heatmap", "heatmaps", "gt", "ground_truth", "groundtruth", "fdm", "fixmap"},
    "fixations": {"fixation", "fixations", "fix", "fixmaps", "fixation_maps", "fixationmaps", "points", "fixpts"}
    | {"allfixationmaps"},
    "sound": {"audio", "audios", "video_audio", "sound", "sounds", "wav", "wavs"},
    "video": {"video", "videos", "video_files", "movies", "clips"},
    "other": {"annotation", "annotations", "data", "fold_lists", "lists", "gaze", "observers"},
}
#: Folders of the parts of a split.
PARTS = {
    "train": ("train", "training"),
    "test": ("test", "testing", "val", "valid", "validation"),
}
_KNOWN = {word for words in WORDS.values() for word in words} | {word for words in PARTS.values() for word in words}
_MARKS = "_-. "
_END = re.compile(r"[_-][A-Za-z]+$")


@dataclass
class Cluster:
    """Files that one pattern names.

    Args:
        pattern: with ``{name}``, and ``{frame:04}`` or ``{part}`` where they are.
        kind: of the files.
        key: names of folders in it that say nothing: that of the set, mostly.
        series: of each video, by the folder of its part and its name.
        singles: likewise.
    """

    pattern: str
    kind: str
    key: tuple[str, ...]
    series: dict[tuple[str, str], Series] = field(default_factory=dict)
    singles: dict[tuple[str, str], Single] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Of the videos."""
        return {name for _, name in (*self.series, *self.singles)}

    @property
    def parts(self) -> set[str]:
        """Folders that stand for ``{part}``."""
        return {part for part, _ in (*self.series, *self.singles) if part}

    def examples(self, most: int = 3) -> list[str]:
        """Files from its beginning, middle and end, for a look inside; from the middle of series."""
        found = [one.file((one.first + one.last) // 2) for _, one in sorted(self.series.items())]
        found += [one.file for _, one in sorted(self.singles.items())]
        places = sorted({0, len(found) // 2, len(found) - 1}) if found else []
        return [found[place] for place in places][:most]


def clusters_of(files: Files) -> list[Cluster]:
    """The patterns of a tree that name videos or images, those with most names first."""
    made: dict[tuple[str, str], Cluster] = {}
    _put_series(made, files.series)
    _put_singles(made, files.singles)
    return sorted(_with_parts(made.values()), key=lambda c: (-len(c.names), c.pattern))


def _put_series(made: dict[tuple[str, str], Cluster], series: Sequence[Series]) -> None:
    """Name series by the level of their folders that bears the name, or by what stands before their numbers."""
    alike = Counter(pattern for one in series for _, _, pattern in _by_level(one, _numbered(one)))
    beside = Counter((one.folder, one.suffix, one.digits) for one in series if one.prefix.rstrip(_MARKS))
    prefixes = Counter(one.prefix.rstrip(_MARKS) for one in series)
    for one in series:
        before = one.prefix.rstrip(_MARKS)
        best = _best_level(one, _numbered(one), alike)
        several = beside[one.folder, one.suffix, one.digits]
        lone = best is None and before.lower() not in _KNOWN and prefixes[before] > 1
        if before and (lone or several > max(1, alike[best[1]] if best else 0)):
            levels = (*one.folder, "{name}" + _numbered(one)[len(before) :])
            _cluster(made, "/".join(levels), one.kind).series["", before] = one
        elif best is not None:
            _cluster(made, best[1], one.kind).series["", best[0]] = one


def _put_singles(made: dict[tuple[str, str], Cluster], singles: Sequence[Single]) -> None:
    """Name singles by their folder where it bears their name, or where such folders have one file, called alike."""
    alike = Counter(pattern for one in singles for _, _, pattern in _by_level(one, one.stem + one.suffix))
    beside = Counter((one.folder, one.kind, one.suffix) for one in singles)
    stems = {one.stem for one in singles}
    for one in singles:
        best = _best_level(one, one.stem + one.suffix, alike)
        alone = beside[one.folder, one.kind, one.suffix] == 1
        if best is not None and (one.stem in one.folder or (alone and alike[best[1]] > 1)):
            name, pattern = best
        else:
            name = one.stem
            end = _END.search(name)
            # Beside a.jpg there may be a_fixMap.jpg and a_fixPts.jpg.
            name = name[: end.start()] if end and name[: end.start()] in stems else name
            pattern = "/".join((*one.folder, "{name}" + one.stem[len(name) :] + one.suffix))
        _cluster(made, pattern, one.kind).singles["", name] = one


def _numbered(one: Series) -> str:
    """The names of the files of a series, with the field of their number."""
    number = "{frame}" if one.digits == 1 else f"{{frame:{one.digits:02d}}}"
    return f"{one.prefix}{number}{one.suffix}"


def _by_level(one: Series | Single, file: str) -> list[tuple[int, str, str]]:
    """Each level of the folders that may be the name, the name, and its pattern; the file may hold it too or not."""
    found = []
    for at, name in enumerate(one.folder):
        if name.lower() in _KNOWN:
            continue
        levels = ["{name}" if i == at else level for i, level in enumerate(one.folder)]
        own = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", "{name}", file)
        found += [(at, name, "/".join((*levels, text))) for text in dict.fromkeys((file, own))]
    return found


def _best_level(one: Series | Single, file: str, alike: Mapping[str, int]) -> tuple[str, str] | None:
    """Name and pattern by the deepest level that differs; above that of videos there may be one of sets."""
    ways = _by_level(one, file)
    best = max(ways, key=lambda way: (alike[way[2]] > 1, way[0], alike[way[2]], len(way[2])), default=None)
    return None if best is None else best[1:]


def _cluster(made: dict[tuple[str, str], Cluster], pattern: str, kind: str) -> Cluster:
    key = tuple(level for level in pattern.split("/")[:-1] if "{" not in level and level.lower() not in _KNOWN)
    return made.setdefault((pattern, kind), Cluster(pattern, kind, key))


def _with_parts(clusters: Iterable[Cluster]) -> list[Cluster]:
    """Clusters that differ in the folder of a part alone become one."""
    groups: dict[tuple[str, str], list[tuple[str, Cluster]]] = defaultdict(list)
    for cluster in clusters:
        levels = cluster.pattern.split("/")
        at = next((i for i, level in enumerate(levels[:-1]) if part_of(level)), None)
        part = "" if at is None else levels[at]
        shape = "/".join("{part}" if i == at else level for i, level in enumerate(levels))
        groups[shape, cluster.kind].append((part, cluster))
    found = []
    for (pattern, kind), members in groups.items():
        kinds = {part_of(part) for part, _ in members}
        if not {"train", "test"} <= kinds:
            found += [cluster for _, cluster in members]
            continue
        whole = Cluster(pattern, kind, members[0][1].key)
        for part, cluster in members:
            whole.series |= {(part, name): one for (_, name), one in cluster.series.items()}
            whole.singles |= {(part, name): one for (_, name), one in cluster.singles.items()}
        found.append(whole)
    return found


def part_of(folder: str) -> str:
    """``train`` or ``test`` for the folder of a part; "" for another."""
    return next((part for part, words in PARTS.items() if folder.lower() in words), "")


def renamed(cluster: Cluster, names: Iterable[str]) -> Cluster | None:
    """The cluster with the names of others: where each of its own is one of them and an end that all have, or a number.

    ``i001_fixMap`` of ``i001`` gives the pattern ``{name}_fixMap``, and ``001`` of ``0001`` gives ``{name:03}``.
    """
    wanted = set(names)
    if cluster.names & wanted:
        return cluster
    ends: dict[str, dict[str, str]] = defaultdict(dict)
    for own in cluster.names:
        for cut in range(1, len(own)):
            if own[:cut] in wanted:
                ends[own[cut:]][own] = own[:cut]
    if ends:
        end, found = max(ends.items(), key=lambda item: len(item[1]))
        return _mapped(cluster, found, "{name}" + end)
    numbers = {int(name): name for name in wanted if name.isascii() and name.isdigit()}
    digits = {len(own) for own in cluster.names if own.isascii() and own.isdigit()}
    same = {own: numbers[int(own)] for own in cluster.names if own.isascii() and own.isdigit() and int(own) in numbers}
    if same and len(digits) == 1:
        return _mapped(cluster, same, f"{{name:{digits.pop():02d}}}")
    return None


def _mapped(cluster: Cluster, names: Mapping[str, str], text: str) -> Cluster:
    kept = Cluster(cluster.pattern.replace("{name}", text), cluster.kind, cluster.key)
    kept.series = {(part, names[name]): one for (part, name), one in cluster.series.items() if name in names}
    kept.singles = {(part, names[name]): one for (part, name), one in cluster.singles.items() if name in names}
    return kept
