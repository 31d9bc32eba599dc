"""Records made by hand, and the folder of a leaderboard that holds them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from avsal_bench.records import METRICS, Averaging, Record, VideoScores, mean_scores, record_path, write_record

PUBLISHED = Path(__file__).parent.parent / "leaderboard" / "published.csv"
KINDS = ("timbre", "pulse", "offscreen", "silent")
NAN = math.nan


def make(
    values: Mapping[str, float] | Sequence[float],
    model: str = "toy",
    modality: str = "v",
    dataset: str = "avad",
    fold: int = 1,
    seed: int = 0,
    sound: str = "original",
    preset: str = "paper",
    averaging: Averaging = "videos",
    **changes: object,
) -> Record:
    """A record whose every metric is the given value of each video; categories go round."""
    if not isinstance(values, Mapping):
        values = {f"video{i}": x for i, x in enumerate(values)}
    synthetic = dataset == "synth"
    videos = [
        VideoScores(name, 10, dict.fromkeys(METRICS, x), {}, KINDS[i % 4] if synthetic else "")
        for i, (name, x) in enumerate(values.items())
    ]
    record = Record(
        model=model,
        modality=modality,
        dataset=dataset,
        fold=fold,
        seed=seed,
        protocol="stavis",
        preset=preset,
        sound=sound,
        averaging=averaging,
        scores=mean_scores(videos, averaging),
        videos=videos,
        synthetic=synthetic,
        recipe={},
        weights={},
        provenance={"version": "0.1.0", "commit": "abc", "clean": True},
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def made_elsewhere(record: Record) -> Record:
    """The record as maps of other code would have it."""
    unknown = {"file": None, "sha256": None, "parameters": None}
    story = record.provenance | {"fits": [], "maps": {"folder": "maps"}}
    return replace(record, preset="maps", recipe={}, weights=unknown, provenance=story)


def with_frames(record: Record, **frames: object) -> Record:
    """The record with other frame counts in its first video."""
    first = replace(record.videos[0], **frames)  # type: ignore[arg-type]
    videos = [first, *record.videos[1:]]
    return replace(record, videos=videos, scores=mean_scores(videos, record.averaging))


def save(folder: Path, records: Sequence[Record]) -> Path:
    """The folder of a leaderboard with these records."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "published.csv").write_bytes(PUBLISHED.read_bytes())
    for r in records:
        place = record_path(folder / "records", r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound)
        write_record(place, r)
    return folder


def section(page: str, title: str) -> str:
    """Text under the headings that start with ``title``, down to the next of this level."""
    start = page.index(f"\n{title}")
    end = page.find("\n" + title.split()[0] + " ", start + 1)
    return page[start : end if end > 0 else None]


def synth_records(gain: float = 0.2) -> list[Record]:
    """A model that gains from sound on sounding scenes, with all that the claims ask for."""
    noise = np.random.default_rng(1).normal(0, 0.01, size=(2, 3, 24))
    records = []
    for fold in (1, 2, 3):
        sounding = np.array([gain if KINDS[i % 4] in ("timbre", "pulse") else 0.0 for i in range(24)])
        silent, heard = 0.4 + noise[0, fold - 1], 0.4 + noise[1, fold - 1] + sounding
        common = {"dataset": "synth", "fold": fold, "preset": "smoke"}
        records += [
            make(list(silent), **common),  # type: ignore[arg-type]
            make(list(heard), modality="av", **common),  # type: ignore[arg-type]
            make(list(heard - sounding), modality="av", sound="muted", **common),  # type: ignore[arg-type]
            make([0.1] * 24, model="centre", modality="", **common),  # type: ignore[arg-type]
            make([0.2] * 24, model="mep", modality="", **common),  # type: ignore[arg-type]
        ]
    return records
