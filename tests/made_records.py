"""Records made by hand, and the folder of a leaderboard that holds them."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from avsal_bench.data.layouts.listed import listed_frames
from avsal_bench.leaderboard.submissions.submit import Submission, check_submission
from avsal_bench.plain_values import DEEPEST, LONGEST
from avsal_bench.records import METRICS, Averaging, Record, VideoScores, mean_scores, record_path, write_record

PUBLISHED = Path(__file__).parent.parent / "leaderboard" / "published.csv"
KINDS = ("timbre", "pulse", "offscreen", "silent")
NAN = math.nan
#: A provenance with all that the leaderboard asks for.
STORY = {
    "version": "0.1.0",
    "commit": "a" * 40,
    "code": "b" * 64,
    "clean": True,
    "started": "2026-01-01T00:00:00+00:00",
    "python": "3.11.2",
    "torch": "2.11.0",
    "device": "a processor",
    "command": "avsal run",
    "fits": [],
}


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


def whole(fold: int = 1, value: float = 0.5, dataset: str = "avad", **changes: Any) -> Record:
    """A record with nothing against it."""
    frames = listed_frames(dataset, fold)
    assert frames is not None
    videos = [VideoScores(name, n, dict.fromkeys(METRICS, value), {}) for name, n in frames.items()]
    weights = {"file": "best.ckpt", "sha256": "c" * 64, "parameters": 10}
    record = make(
        [value],
        fold=fold,
        dataset=dataset,
        videos=videos,
        scores=mean_scores(videos),
        weights=weights,
        provenance=STORY,
    )
    return replace(record, **changes)


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


def hand_in(folder: Path, record: Record, name: str = "a.json", reason: str | None = None) -> Submission:
    path = folder / "in" / name
    write_record(path, record)
    return check(folder, [folder / "in"], reason)


def check(folder: Path, paths: list[Path], reason: str | None = None) -> Submission:
    averaging: Mapping[str, Any] = {"stavis": "videos", "vinet": "frames", "stavis-chance": "videos"}
    return check_submission(paths, folder / "board", averaging, listed_frames, reason, ["stavis-chance"])


# every change of one field that a stranger's record may have


def places(value: Any, above: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    """Every field of plain values; of a list the first entry."""
    for key in value if isinstance(value, dict) else range(min(1, len(value))):
        yield (*above, key)
        if isinstance(value[key], dict | list):
            yield from places(value[key], (*above, key))


def changed(plain: dict[str, Any], place: tuple[int | str, ...], change: Callable[[Any, Any], None]) -> dict[str, Any]:
    """The plain values with one field changed."""
    other = copy.deepcopy(plain)
    inside: Any = other
    for key in place[:-1]:
        inside = inside[key]
    change(inside, place[-1])
    return other


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def put(value: Any) -> Callable[[Any, Any], None]:
    def change(inside: Any, key: Any) -> None:
        inside[key] = value

    return change


def drop(inside: Any, key: Any) -> None:
    del inside[key]


def misspell(inside: Any, key: Any) -> None:
    if isinstance(key, str):
        inside[f"{key[:1]}{key}"] = inside.pop(key)
    else:
        inside.append({})


def negate(inside: Any, key: Any) -> None:
    inside[key] = -inside[key] if isinstance(inside[key], int | float) and not isinstance(inside[key], bool) else [-1]


def as_text(inside: Any, key: Any) -> None:
    inside[key] = str(inside[key])


CHANGES: dict[str, Callable[[Any, Any], None]] = {
    "left out": drop,
    "misspelled": misspell,
    "negative": negate,
    "as text": as_text,
    **{
        repr(value)[:30]: put(value)
        for value in (
            *(None, True, False, 0, 1, -1, 1.5, 10**9, 2**63, 10**400, 1e308, -0.0),
            *(
                "",
                "a",
                "a b",
                "avr\u0455p",
                "../x",
                "a\x00b",
                "a\nb",
                "a\x1b[2J",
                "\u202egpj",
                "\ud800",
                "x" * (LONGEST + 1),
            ),
            *("=1+1", "</script><img src=x>", "|a|", "$\\input{x}$", "__proto__"),
            *([], {}, [1], {"a": 1}, [[]], [None], {"": None}, deep(DEEPEST + 1), {"a": deep(3)}, [{}] * 3),
        )
    },
}
