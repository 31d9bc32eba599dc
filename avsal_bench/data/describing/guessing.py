"""What a tree of files seems to be: its sets, where their parts lie, and how sure that is."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from avsal_bench.data.dataset import registered_datasets
from avsal_bench.data.describing.clusters import WORDS, Cluster, clusters_of, renamed
from avsal_bench.data.describing.found_splits import find_split
from avsal_bench.data.describing.inside import is_film, observers_in, picture_of, size_of
from avsal_bench.data.describing.times import find_rate, find_sound
from avsal_bench.data.describing.told import NEEDED, Found, SetFound
from avsal_bench.data.describing.tree_files import Files, Single, files_of_tree
from avsal_bench.text import many


def look_at_tree(root: Path) -> Found:
    """Look at a tree of files, and say what it seems to be.

    Args:
        root: the data root, with the files of one set or of several.

    Raises:
        FileNotFoundError: when it is no folder.
        ValueError: for a tree of more files than a data root has.
    """
    files = files_of_tree(root)
    clusters = clusters_of(files)
    found = Found(root)
    if not any(len(c.series) > 1 for c in clusters):  # no level of folders that several videos share
        clusters = _as_stills(files, clusters, found)
    roles: dict[str, list[tuple[Cluster, str]]] = defaultdict(list)
    for cluster in clusters:
        role, sure = _role(root, cluster, found)
        if role:
            roles[role].append((cluster, sure))
    folders = {one.folder: one.name for one in registered_datasets().values() if not one.embedded}
    truths = roles["maps"] or roles["fixations"]
    keys = list(dict.fromkeys(cluster.key for cluster, _ in truths))
    for key in keys or [()]:
        if key and key[-1] in folders:
            found.built_in.append(folders[key[-1]])
            continue
        own = {role: [pair for pair in pairs if pair[0].key == key or len(keys) < 2] for role, pairs in roles.items()}
        found.sets.append(_set(root, files, own, found, several=len(keys) > 1))
    return found


def _as_stills(files: Files, clusters: list[Cluster], found: Found) -> list[Cluster]:
    """Clusters of a tree without a folder for each video: of images; else what is said is why they are none."""
    lone = [one for one in files.series if one.kind in ("picture", "mat")]
    placed = any(cluster.series for cluster in clusters)
    coloured = [one for one in lone if picture_of([files.root / one.file(one.first)]) == "frames"]
    for one in coloured:
        numbers = range(one.first, min(one.last, one.first + 5) + 1)
        if is_film([files.root / one.file(n) for n in numbers]):
            if placed:
                return clusters
            place = "/".join(one.folder) or "the root"
            found.notes.append(
                f"{place} holds {many(one.count, 'picture')} that look like frames of one video, "
                f"and no level of folders "
                f"bears its name; put each part into a folder of the video, such as {place}/<video>/"
            )
            return clusters
    single = [
        Single(one.folder, one.kind, Path(name).stem, Path(name).suffix)
        for one in lone
        for n in range(one.first, one.last + 1)
        if (files.root / (name := one.file(n))).is_file()
    ]
    singles = [Single(s.folder, s.kind, Path(s.file).stem, s.suffix) for s in single]
    return clusters_of(replace(files, series=(), singles=(*files.singles, *singles)))


def _role(root: Path, cluster: Cluster, found: Found) -> tuple[str, str]:
    """What a cluster is, and how sure that is; "" for what is of no use, which is noted."""
    if cluster.kind in ("video", "sound", "text"):
        return ("sound" if cluster.kind == "sound" else cluster.kind), "sure"
    if cluster.kind == "table":
        example = root / cluster.examples()[0]
        return ("gaze", "sure") if observers_in(example) is not None else ("", "")
    content = picture_of([root / name for name in cluster.examples()])
    levels = re.sub(r"\{[^{}]*\}", "", cluster.pattern).lower().split("/")[::-1]
    said = next(
        (
            role
            for level in levels
            for role in ("fixations", "maps", "frames")
            # The files of any part may be called frame_0001.
            if (role != "frames" or level != levels[0]) and WORDS[role] & {level, *re.split(r"[^a-z]+", level)}
        ),
        "",
    )
    if content == "frames" and said in NEEDED:
        found.notes.append(
            f"{cluster.pattern}: pictures in colours, so neither maps nor fixation maps; write those in grey"
        )
        return "", ""
    if content == "maps" and said == "frames":
        return "frames", "a guess: its pictures are grey, its name says frames"
    if not content:
        return said, "a guess: the files that were opened are black"
    return content, "sure" if said == content or cluster.kind == "mat" else "likely: by what is in them"


def _set(
    root: Path, files: Files, roles: Mapping[str, list[tuple[Cluster, str]]], found: Found, several: bool
) -> SetFound:
    one = SetFound(_name(root, ()))
    truths = roles.get("maps") or roles.get("fixations") or []
    if not truths:
        one.missing = ["maps", "fixations"]
        one.say("maps", "", "not found", "no grey pictures, one a frame, in folders that bear names of videos")
        one.say("fixations", "", "not found", "no pictures or .mat files with the points where people looked")
        return one
    names = max((cluster.names for cluster, _ in truths), key=len)
    one.stills = not any(cluster.series for cluster, _ in truths)
    _pictures(root, one, roles, names, found)
    chosen = one.chosen
    one.missing = [part for part in NEEDED if part not in chosen]
    for part in one.missing:
        other = "maps" if part == "fixations" else "fixation maps"
        one.say(part, "", "not found", f"beside the {other} there are none; nothing can be scored without them")
    # A folder that stands in the path of every part has the name of the set.
    keys = [cluster.key for cluster in chosen.values()]
    one.name = _name(root, [level for level in keys[0] if all(level in key for key in keys)])
    if "maps" in chosen:
        one.names = sorted(chosen["maps"].names)
    _numbers(one)
    find_split(root, one, files, several)
    find_sound(root, one, _best(roles.get("sound", []), names))
    find_rate(root, one)
    _gaze(root, one, _best(roles.get("gaze", []), names))
    return one


def _pictures(
    root: Path,
    one: SetFound,
    roles: Mapping[str, list[tuple[Cluster, str]]],
    names: set[str],
    found: Found,
) -> None:
    """Choose frames, maps and fixations; what else there is of them is noted."""
    for part in ("frames", "maps", "fixations"):
        pairs = [*roles.get(part, []), *(roles.get("video", []) if part == "frames" else [])]
        pairs = [pair for pair in pairs if bool(pair[0].series) != one.stills or pair[0].kind == "video"]
        offered = [(same, sure) for cluster, sure in pairs if (same := renamed(cluster, names)) is not None]
        if not offered:
            if part == "frames":
                one.say(part, "", "not found", "maps can be scored without them; no network can run")
            continue
        cluster, sure = max(
            offered, key=lambda pair: (len(pair[0].names & names), pair[1] == "sure", -_endings(pair[0]))
        )
        one.chosen[part] = cluster
        alike = [other for other, _ in offered if other is not cluster]
        if part == "frames" and cluster.kind == "video":
            alike = _join_endings(cluster, alike)
        for other in alike:
            found.notes.append(f"{other.pattern}: {part} too, and not used")
        lacking = len(names - cluster.names)
        sure, colon, by = sure.partition(": ")
        why = f"{by}{colon and ', '}{many(len(cluster.names), 'image' if one.stills else 'video')}"
        why += f", {lacking} with maps have none" if lacking else ""
        if sizes := _sizes(root, cluster):
            why += f", {sizes}"
        one.say(part, cluster.pattern, "likely" if lacking and sure == "sure" else sure, why)


def _endings(cluster: Cluster) -> int:
    """Pictures before .mat files, which open slower."""
    return (cluster.kind == "video") + 2 * (cluster.kind == "mat")


def _join_endings(cluster: Cluster, others: Sequence[Cluster]) -> list[Cluster]:
    """Put video files that differ in their ending alone together; the others come back."""
    stem = cluster.pattern.rpartition(".")[0]
    same = [other for other in others if other.kind == "video" and other.pattern.rpartition(".")[0] == stem]
    for other in same:
        cluster.singles |= other.singles
        cluster.pattern = f"{stem}.*"
    return [other for other in others if other not in same]


def _sizes(root: Path, cluster: Cluster) -> str:
    """Height and width of a few of its pictures, in words."""
    if cluster.kind == "video":
        return ""
    sizes = {size for name in cluster.examples() if (size := size_of(root / name))}
    return "sizes " + ", ".join("x".join(map(str, size[::-1])) for size in sorted(sizes)) if sizes else ""


def _numbers(one: SetFound) -> None:
    """The first index of each part, and videos whose parts do not have one length."""
    for part, cluster in one.chosen.items():
        firsts = Counter(series.first for series in cluster.series.values())
        if not firsts:
            continue
        (first, times), *_ = firsts.most_common(1)
        one.first[part] = first
        if odd := len(cluster.series) - times:
            one.say(f"first of {part}", str(first), "likely", f"in {many(odd, 'video')} another number comes first")
        gaps = [name for (_, name), s in sorted(cluster.series.items()) if s.count <= s.last - s.first]
        if gaps:
            one.say(
                f"files of {part}", "", "odd", f"numbers are missing in {many(len(gaps), 'video')}, such as {gaps[0]}"
            )
    if len(set(one.first.values())) > 1:
        told = ", ".join(f"{part} from {first}" for part, first in one.first.items())
        one.say("first", told, "likely", "each part counts by itself; are frame and map of one moment the same place?")
    elif one.first and set(one.first.values()) != {1}:
        one.say("first", str(next(iter(one.first.values()))), "sure", "the lowest number of each video")
    lengths = {
        part: {name: s.last - s.first + 1 for (_, name), s in cluster.series.items()}
        for part, cluster in one.chosen.items()
        if cluster.series
    }
    maps = lengths.get("maps", {})
    for part, counts in lengths.items():
        fewer = sorted(name for name, count in counts.items() if count < maps.get(name, 0))
        more = sorted(name for name, count in counts.items() if name in maps and count > maps[name])
        if fewer:
            one.say(
                f"{part} and maps", "", "odd", f"{many(len(fewer), 'video', 'have')} fewer {part} than maps: {fewer[0]}"
            )
        if more:
            why = (
                f"{many(len(more), 'video', 'have')} more {part} than maps, such as {more[0]}; "
                f"those behind the last map"
            )
            one.say(f"{part} and maps", "", "odd", f"{why} are not read")


def _gaze(root: Path, one: SetFound, cluster: Cluster | None) -> None:
    if cluster is None:
        one.say("viewers", "", "not found", "nothing says how many watched; write it down")
        return
    one.chosen["gaze"] = cluster
    counts = [observers_in(root / single.file) or 0 for _, single in sorted(cluster.singles.items())[:20]]
    one.viewers = max(counts)
    one.say("gaze", cluster.pattern, "sure", f"{many(len(cluster.names), 'video')}, each with gaze of single observers")
    one.say("viewers", str(one.viewers), "likely", "the most observers of a video in its gaze")


def _best(pairs: Iterable[tuple[Cluster, str]], names: set[str]) -> Cluster | None:
    """The cluster that most videos have."""
    found = [same for cluster, _ in pairs if (same := renamed(cluster, names)) is not None]
    return max(found, key=lambda cluster: len(cluster.names & names), default=None)


def _name(root: Path, key: Sequence[str]) -> str:
    """A name for a set that may stand in commands."""
    text = re.sub(r"[^A-Za-z0-9._+-]+", "-", key[-1] if key else root.absolute().name).strip("-._+") or "mine"
    taken = {name.lower() for one in registered_datasets().values() for name in (one.name, one.folder)} | {"six"}
    return f"my-{text}" if text.lower() in taken else text[:100]
