"""Leaderboards as they might look one day: records with curves, training, provenance and pictures, all made up."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
from made_records import KINDS, make, save
from PIL import Image

from avsal_bench.records import CURVE_PARTS, METRICS, Record, VideoScores, mean_scores, record_path, video_to_json

#: Model, modality, and how well it does.
NETWORKS = (
    ("avrsp", "av", 0.64),
    ("avrsp", "v", 0.61),
    ("mspi-s3d", "av", 0.63),
    ("caspnet", "av", 0.62),
    ("vinet", "av", 0.59),
    ("vinet", "v", 0.58),
    ("stavis", "av", 0.55),
    ("stavis", "v", 0.53),
    ("tasednet", "v", 0.53),
    ("mep", "", 0.33),
    ("centre", "", 0.28),
)
#: How hard a set is, and how many videos a fold tests.
SETS = {
    "diem": (0.0, 17),
    "coutrot1": (-0.08, 20),
    "coutrot2": (0.1, 5),
    "avad": (0.02, 15),
    "etmd": (-0.02, 4),
    "summe": (-0.1, 8),
}
FROM_CC = {
    "CC": (1.0, 0.0),
    "NSS": (4.2, 0.1),
    "AUC-J": (0.2, 0.78),
    "sAUC": (0.25, 0.53),
    "SIM": (0.75, 0.05),
    "KL": (-2.0, 2.4),
}


def scores_from_cc(cc: float) -> dict[str, float]:
    """All metrics, as they go with a CC."""
    return {metric: FROM_CC[metric][0] * cc + FROM_CC[metric][1] for metric in METRICS}


def rich_record(
    model: str, modality: str, dataset: str, fold: int, seed: int, quality: float, videos: int, **changes: object
) -> Record:
    """A record with curves, training curves and provenance; equal arguments give equal records."""
    hard = np.random.default_rng([fold, len(dataset), videos])
    own = np.random.default_rng([fold, seed, len(model), round(1000 * quality)])
    difficulty = hard.normal(0, 0.08, size=videos)
    first = 0 if dataset == "diem" else 100 * fold
    found = []
    for i in range(videos):
        cc = float(np.clip(quality + difficulty[i] + own.normal(0, 0.02), -0.2, 0.95))
        drift = 0.05 * np.sin(np.linspace(0, 3, CURVE_PARTS)) + own.normal(0, 0.01, size=CURVE_PARTS)
        parts = np.clip(cc + drift, -0.99, 0.99)
        curve = {m: [round(float(part * a + b), 4) for part in parts] for m, (a, b) in FROM_CC.items()}
        kind = KINDS[i % 4] if dataset == "synth" else ""
        name = f"{kind or dataset}_clip_{first + i:03d}_1280x720"
        found.append(VideoScores(name, 200 + 7 * i, scores_from_cc(cc), {}, kind, curve=curve))
    record = make([], model=model, modality=modality, dataset=dataset, fold=fold, seed=seed)
    started = f"2026-10-{1 + (fold * 7 + seed * 3 + len(model)) % 28:02d}T08:00:00+00:00"
    name = f"{model.partition('-')[0]} --modality {modality}" if modality else model
    story = {
        "version": "0.1.0",
        "commit": "604b21a0c0ffee00604b21a0c0ffee00604b21a0",
        "clean": True,
        "code": "c0de" * 16,
        "device": "NVIDIA H100",
        "threads": 8,
        "torch": "2.11.0",
        "started": started,
        "test_seconds": 300.0 + 10 * fold,
        "command": f"avsal run {name} --fold {fold} --seed {seed} --preset paper --protocol stavis",
        "fits": [_fit(stage, fold, seed, quality) for stage in ("visual", "audiovisual")] if modality else [],
    }
    weights = {"file": "best.ckpt", "sha256": f"{fold}{seed}" + "ab" * 31, "parameters": 21_000_000 + 1000 * len(model)}
    full = replace(record, videos=found, scores=mean_scores(found), provenance=story, weights=weights)
    return replace(full, **changes)  # type: ignore[arg-type]


def board_records(
    networks: Sequence[tuple[str, str, float]] = NETWORKS, seeds: Iterable[int] = (0, 1), sets: Iterable[str] = SETS
) -> list[Record]:
    """Measured records of all networks on all sets."""
    return [
        rich_record(model, modality, name, fold, seed, quality + SETS[name][0], SETS[name][1])
        for model, modality, quality in networks
        for name in sets
        for seed in seeds
        for fold in (1, 2, 3)
    ]


def picture(seed: int, size: tuple[int, int] = (720, 400)) -> bytes:
    """A JPEG of smooth blobs."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (9, 16, 3), dtype=np.uint8))
    noise = rng.normal(0, 12, (size[1], size[0], 3))
    big = np.asarray(small.resize(size, Image.Resampling.BICUBIC), dtype=np.float64) + noise
    out = io.BytesIO()
    Image.fromarray(np.clip(big, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=60)
    return out.getvalue()


def add_pictures(folder: Path, records: Iterable[Record]) -> None:
    """A picture beside each record."""
    data = [picture(n) for n in range(3)]
    for i, r in enumerate(records):
        place = record_path(folder / "records", r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound)
        place.with_suffix(".jpg").write_bytes(data[i % 3])


def show_board(folder: Path) -> Path:
    """A leaderboard with something of everything: all kinds, marks, an incomplete row, a second protocol, pictures."""
    records = board_records(seeds=(0,)) + board_records(seeds=(1,), sets=("avad",))
    story = records[0].provenance
    records += [
        rich_record("dave", "av", "avad", 1, 0, 0.57, 15, provenance=story | {"clean": False, "version": "0.0.9"}),
        *(rich_record("vinet", "av", "avad", fold, 0, 0.6, 15, protocol="vinet") for fold in (1, 2, 3)),
        *(rich_record("tasednet", "v", "avad", fold, 0, 0.55, 15, protocol="vinet") for fold in (1, 2, 3)),
    ]
    for model, modality, quality in NETWORKS[:2] + NETWORKS[-2:]:
        for fold in (1, 2, 3):
            common = {"preset": "smoke", "synthetic": True}
            records.append(rich_record(model, modality, "synth", fold, 0, quality, 24, **common))
            if modality == "av":
                records.append(
                    rich_record(model, modality, "synth", fold, 0, quality - 0.1, 24, sound="muted", **common)
                )
    save(folder, records)
    home = Path(__file__).parent.parent / "leaderboard"
    (folder / "not_built.csv").write_bytes((home / "not_built.csv").read_bytes())
    add_pictures(folder, [r for r in records if r.sound == "original" and r.seed == 0])
    lines = ["network,variant,modality,parameters,macs,cpu_seconds_one_thread"]
    for i, (model, modality, _) in enumerate(NETWORKS):
        if modality:
            lines.append(f"{model},,{modality},{(i + 2) * 9_000_000},{(i + 1) * 30 * 10**9},{0.3 * (i + 1):.2f}")
    (folder / "networks.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def large_board(folder: Path) -> Path:
    """504 records of 24 videos each: 28 networks, six sets, three folds."""
    networks = [(f"net{i:02d}", ("v", "av")[i % 2], 0.4 + i / 120) for i in range(28)]
    records = [
        rich_record(model, modality, name, fold, 0, quality + SETS[name][0], 24)
        for model, modality, quality in networks
        for name in SETS
        for fold in (1, 2, 3)
    ]
    save(folder, records)
    add_pictures(folder, records)
    return folder


def _fit(stage: str, fold: int, seed: int, quality: float) -> dict[str, object]:
    epochs = 30
    noise = np.random.default_rng([fold, seed, len(stage)]).normal(0, 0.01, size=(3, epochs))
    t = np.arange(epochs)
    train, val = 1.5 * np.exp(-t / 8) - quality + noise[0], 1.4 * np.exp(-t / 8) + 0.1 - quality + noise[1]
    cc = quality * (1 - np.exp(-(t + 1) / 5)) + noise[2]
    curve = [
        {
            "epoch": n + 1,
            "train/loss": float(train[n]),
            "val/loss": float(val[n]),
            "val/cc": float(cc[n]),
            "lr": 1e-3 * 0.5 ** (n // 10),
        }
        for n in range(epochs)
    ]
    return {"stage": stage, "network": "net", "seconds": 4000.0, "curve": curve}


def huge_board(folder: Path, models: int = 15) -> int:
    """336 records for each model, of 24 videos on average: with and without sound, on eight sets, five protocols.

    They are written as they come, in a form of no spaces, as they would take minutes otherwise; how many is told.
    """
    save(folder, [])
    sets = SETS | {"dhf1k": (-0.05, 100), "synth": (0.0, 24)}
    conditions = [("stavis", seed, "original") for seed in (0, 1)]
    conditions += [(name, 0, "original") for name in ("vinet", "dhf1k", "mspi", "dave")]
    heard = [("stavis", 0, "muted"), ("stavis", 0, "swapped")]
    made, told = 0, cache(rich_record)
    for n in range(models):
        for modality, name, fold in product(("v", "av"), sets, (1, 2, 3)):
            shift, videos = sets[name]
            for protocol, seed, sound in [*conditions, *(heard if modality == "av" else [])]:
                quality = 0.4 + n / 60 + shift + 0.01 * (modality == "av") - 0.02 * (sound != "original")
                story = told(f"net{n:02d}", modality, "avad", fold, seed, 0.4 + n / 60, 1)
                rng = np.random.default_rng([n, fold, seed, len(modality), len(name), len(protocol), len(sound)])
                plain = {
                    # Of plug-ins there are none, and then a record does not speak of their metrics.
                    **{f.name: getattr(story, f.name) for f in fields(story) if f.name != "metrics"},
                    **{"dataset": name, "protocol": protocol, "sound": sound, "synthetic": name == "synth"},
                    "videos": list(_plain_videos(rng, name, fold, quality, videos)),
                    "preset": "smoke" if name == "synth" else "paper",
                }
                cell = [[video["scores"][m] for m in METRICS] for video in plain["videos"]]
                plain["scores"] = dict(zip(METRICS, np.mean(cell, axis=0).tolist(), strict=True))
                place = record_path(folder / "records", story.network, name, fold, seed, protocol, sound)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(json.dumps(plain), encoding="utf-8")
                made += 1
    return made


def _plain_videos(
    rng: np.random.Generator, dataset: str, fold: int, quality: float, videos: int
) -> Iterator[dict[str, object]]:
    """Videos of a record as JSON has them, with curves."""
    cc = np.clip(quality + rng.normal(0, 0.08, videos), -0.2, 0.9)
    factors, offsets = (np.array([FROM_CC[m][k] for m in METRICS]) for k in (0, 1))
    low, high = np.array([-1, -5, 0, 0, 0, 0.0]), np.array([1, 30, 1, 1, 1, 40.0])
    scores = np.clip(cc[:, None] * factors + offsets + rng.normal(0, 0.003, (videos, len(METRICS))), low, high)
    drift = factors[:, None] * rng.normal(0, 0.02, (videos, 1, CURVE_PARTS))
    curves = np.clip(scores[:, :, None] + drift, low[:, None], high[:, None]).round(4)
    for i, (mine, curve) in enumerate(zip(scores.tolist(), curves.tolist(), strict=True)):
        kind = KINDS[i % 4] if dataset == "synth" else ""
        number = i if dataset in ("diem", "dhf1k") else 100 * fold + i
        video = VideoScores(f"{kind or dataset}_clip_{number:03d}_1280x720", 200 + 7 * i, {}, {}, kind)
        plain = video_to_json(video) | {"scores": dict(zip(METRICS, mine, strict=True))}
        yield plain | {"undefined": dict.fromkeys(METRICS, 0), "curve": dict(zip(METRICS, curve, strict=True))}
