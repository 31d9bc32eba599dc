"""Contextual NSS of a record, from the maps that its test left, or for human infinite from the observers again."""

from __future__ import annotations

from pathlib import Path

from avsal_bench.bench.jobs import kind_of
from avsal_bench.bench.jobs.human import halving_of
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.sound_sources import FOLDER, has_marks, require_marks
from avsal_bench.data.synth.sounding import GIVEN
from avsal_bench.evaluation.contextual import contextual_of_halves, contextual_of_maps
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.scores_of import of_videos
from avsal_bench.kept import require_same
from avsal_bench.records import Record


def contextual_of(record: Record, results: Path | None, space: Workspace) -> dict[str, dict[str, float]]:
    """Contextual NSS of each video of a record in which a sounding thing is seen.

    Args:
        record: of a network, a baseline, or human infinite.
        results: folder that its test left, with the maps below ``maps``; None where it is gone.
        space: folders.

    Returns:
        By video, the mean over its frames at each of :data:`~avsal_bench.evaluation.contextual.PLACES`.

    Raises:
        ValueError: when there is none, saying why; also where the record was made of other ground truth.
        FileNotFoundError: naming a missing file.
    """
    name, rules = record.dataset, protocol(record.protocol)
    root = space.root_of(name)
    marked = has_marks(name, root)
    if name not in GIVEN and not marked and not _has_faces(name, space, record.fold):
        raise ValueError(
            f"{name} does not say where the sounding thing is; mark it in {root / FOLDER / name}, "
            "docs/data.md has the form"
        )
    maps = results / "maps" if results else None
    has_maps = kind_of(record.model).has_network
    if has_maps and not (maps and maps.is_dir()):
        raise ValueError(f"no maps of fold {record.fold}, seed {record.seed} are there; bench it with --keep-maps")
    videos, _ = tested_videos(record, space)
    if marked:
        require_marks(videos, root)
    if not has_maps:
        return contextual_of_halves(videos, halving_of(record.recipe["network"], name), rules, root)
    assert maps is not None, "looked for above"
    return contextual_of_maps(videos, maps, rules, root)


def tested_videos(record: Record, space: Workspace) -> tuple[list[Video], Path]:
    """The videos that a record was tested on, and their root.

    Raises:
        ValueError: where the record was made of other ground truth, or for an unknown set.
        FileNotFoundError: where the set is not there.
    """
    root = space.root_of(record.dataset)
    videos = dataset(record.dataset).videos(root, "test", record.fold)
    now = of_videos(space.contents, videos, protocol(record.protocol), (), {}).whole
    what = f"the record of fold {record.fold}, seed {record.seed},"
    same = {part: now[part] for part in ("ground truth", "list")}
    require_same(what, record.provenance.get("made_of"), same, "bench it anew with --force")
    return videos, root


def _has_faces(name: str, space: Workspace, fold: int) -> bool:
    """Whether a set annotates faces, and its files are there."""
    try:
        return any(video.faces for video in dataset(name).videos(space.root_of(name), "test", fold))
    except FileNotFoundError:
        return False
