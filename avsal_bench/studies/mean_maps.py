"""Mean maps: where a network looks on average, and where people do, over all videos and by category (dave2019, Fig. 8).

Each map counts with a sum of 1, each video with the mean of its maps, and all videos alike. Of a long video
``FRAMES`` frames are taken, spread over it evenly; those of people and of every network are the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import Video
from avsal_bench.data.painting import evenly
from avsal_bench.data.statistics.stats import GRID, on_grid
from avsal_bench.evaluation.maps import runs_of_one_shape
from avsal_bench.evaluation.pairing import find_maps
from avsal_bench.evaluation.score import READ
from avsal_bench.evaluation.truth import Truth
from avsal_bench.leaderboard.analysis import ALL
from avsal_bench.leaderboard.by_frame.frame_claims import FIRST
from avsal_bench.leaderboard.reports.frame_report import Maps
from avsal_bench.leaderboard.tables import CATEGORIES, Row
from avsal_bench.records import Record
from avsal_bench.studies.contextual_records import tested_videos

#: Frames of a video that are taken, at most.
FRAMES = 100
#: Part of the width and the height of the frame that is called its centre here: a box of a quarter of its area. The
#: paper, whose authors looked at the frames, does not say what they called the centre.
CENTRE = 0.5

Array = NDArray[np.float64]


def maps_of_people(row: Row, space: Workspace) -> tuple[Maps, tuple[int, int]]:
    """Mean ground-truth map of the videos of a row; and how many first frames they have, and how many of these have
    more than half of the ground truth in the centre. Or why there is none."""
    try:
        found: dict[str, tuple[str, Array]] = {}
        frames = central = 0
        for record in row.records:
            for video in tested_videos(record, space)[0]:
                if video.name in found:
                    continue
                truth = Truth(video)
                taken = evenly(video.n_frames, FRAMES)
                parts = [truth.densities(taken[k : k + READ]).double().numpy() for k in range(0, len(taken), READ)]
                found[video.name] = video.category, _mean(parts)
                for density in truth.densities(range(1, min(FIRST, video.n_frames) + 1)).double().numpy():
                    if density.sum() > 0:
                        frames, central = frames + 1, central + (in_centre(density) > 0.5)
    except (ValueError, FileNotFoundError) as error:
        return Maps(missing=str(error)), (0, 0)
    return _by_category(found), (frames, central)


def maps_of_network(row: Row, results: Mapping[tuple[int, int], Path], space: Workspace) -> Maps:
    """Mean predicted map of a row, from the maps that its tests left; or why there is none.

    Args:
        row: of a network.
        results: folders of its tests, by fold and seed.
        space: folders.
    """
    found: dict[str, list[tuple[str, Array]]] = defaultdict(list)
    try:
        for record in row.records:
            for video, mean in _means(record, results.get((record.fold, record.seed)), space):
                found[video.name].append((video.category, mean))
    except (ValueError, FileNotFoundError) as error:
        return Maps(missing=str(error))
    return _by_category(
        {name: (parts[0][0], np.mean([mean for _, mean in parts], axis=0)) for name, parts in found.items()}
    )


def _means(record: Record, results: Path | None, space: Workspace) -> list[tuple[Video, Array]]:
    maps = results / "maps" if results else None
    if maps is None or not maps.is_dir():
        raise FileNotFoundError(
            f"no maps of fold {record.fold}, seed {record.seed} are there; bench it with --keep-maps"
        )
    videos = tested_videos(record, space)[0]
    found = []
    for video in videos:
        files, taken = find_maps(maps, video, others=videos).files, evenly(video.n_frames, FRAMES)
        if missing := [frame for frame in taken if frame not in files]:
            raise FileNotFoundError(f"{maps}: no map of {video.key}, frame {missing[0]}; give all frames a map")
        read = runs_of_one_shape({frame: files[frame] for frame in taken}, READ, {}, False)
        found.append((video, _mean([part.double().numpy() for _, part in read])))
    return found


def in_centre(density: Array) -> float:
    """Share of a map ``(H, W)`` that lies in the box of half its width and height at its centre; pixels count by area.

    >>> in_centre(np.ones((8, 8)))
    0.25
    """
    inside = [np.diff((np.arange(n + 1) / n).clip(0.5 - CENTRE / 2, 0.5 + CENTRE / 2)) * n for n in density.shape]
    return float(inside[0] @ density @ inside[1] / density.sum())


def _mean(parts: Sequence[Array]) -> Array:
    """Mean of maps ``(F, H, W)``, of any sizes, on the grid; maps of zeros count nowhere."""
    found = [on_grid(one / total) for part in parts for one in part if (total := float(one.sum())) > 0]
    return np.asarray(np.mean(found, axis=0)) if found else np.zeros(GRID)


def _by_category(found: Mapping[str, tuple[str, Array]]) -> Maps:
    kinds = {kind for kind, _ in found.values()} - {""}
    ordered = [kind for kind in CATEGORIES if kind in kinds] + sorted(kinds - set(CATEGORIES))
    maps, counts = {}, {}
    for kind in [ALL, *ordered]:
        members = [mean for category, mean in found.values() if kind in (ALL, category) and mean.any()]
        if members:
            maps[kind], counts[kind] = np.asarray(np.mean(members, axis=0)), len(members)
    return Maps(maps, counts)
