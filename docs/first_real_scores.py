"""Score DHF1K's video 002 and the gaze of three of DIEM's, and write the pages: ``python docs/first_real_scores.py``.

It needs a folder ``real`` with the raw files: ``--real PLACE``, ``REAL_FILES`` in the environment, or
``../shared/real`` beside the checkout. A data root is made of them in ``--work``, where every result is kept: a run
that was broken off goes on, and a second one is quick. It writes ``docs/first-real-scores.md`` with its pictures, and
the numbers between the markers of ``docs/dhf1k.md``. No frame of a film is in any of them.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dhf1k_forms import write as write_forms
from first_real_tables import (
    FORMS,
    MARKERS,
    NAMES,
    between_markers,
    centre_map,
    mean,
    moves,
    processor_seconds,
    raw_files,
    row_of,
    table,
)
from PIL import Image
from torch import Tensor

from avsal_bench.bench.provenance import provenance
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.gaze.from_dhf1k import convert_dhf1k
from avsal_bench.data.gaze.from_diem import convert_diem
from avsal_bench.data.layouts.lists import find_list, read_fold_list
from avsal_bench.data.places import NumberedFiles
from avsal_bench.evaluation import Half, Halving, Truth, VideoScorer, list_protocols, score_frames
from avsal_bench.evaluation.observers import halves, read_observers, score_both
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.sparse import Preparation, is_quick
from avsal_bench.files import fingerprint, sha256, write_atomically
from avsal_bench.kept import code_of
from avsal_bench.prediction.predicting import Running, predict_maps
from avsal_bench.prediction.predictor import Predictor, find_predictor
from avsal_bench.progress import progress
from avsal_bench.records import METRICS
from avsal_bench.resources import home

HERE = Path(__file__).resolve().parent
#: Every so many-th frame of a video is scored.
EVERY = 30
#: Protocols under which the wider half is scored too: the default, and maps as they are.
WIDE = ("stavis", "raw")
PREDICTORS = ("chance", "centre", "itti", "gbvs", "seo", "tinyhd")
#: Deviation of human infinite's Gaussian, in pixels: for DHF1K that of the released density maps (docs/dhf1k.md); for
#: DIEM a decision, as the distance to the screen is not in its files.
DEGREE = {"dhf1k": 12.74, "diem": 30.0}
DIEM = {
    "arctic_bears_1066x710": (710, 1066),
    "documentary_dolphins_1280x720": (720, 1280),
    "50_people_brooklyn_1280x720": (720, 1280),
}


@dataclass(frozen=True)
class Place:
    """Where things are: raw files, what is made of them, and how many frames count.

    Args:
        real: folder of the raw files.
        work: data roots and results.
        every: every so many-th frame is scored.
    """

    real: Path
    work: Path
    every: int = EVERY

    def root(self, form: str) -> Path:
        """The data root of one form of the fixation maps."""
        return self.work / form

    def frames(self, video: Video) -> list[int]:
        """The frames that are scored."""
        return list(range(self.every, video.n_frames + 1, self.every))


def make_roots(place: Place) -> dict[str, Video]:
    """A data root for each form, with 002 as the only test video: by form the video."""
    found = {}
    for form in FORMS:
        root = place.root(form)
        film, lists = root / "DHF1K/video/002.AVI", root / "fold_lists"
        film.parent.mkdir(parents=True, exist_ok=True)
        lists.mkdir(exist_ok=True)
        if not film.is_file():
            shutil.copyfile(place.real / "dhf1k_002/002.AVI", film)
        write_atomically(lists / "DHF1K_list_test_1_fps.txt", "0002 783 30\n")
        write_atomically(lists / "DHF1K_list_train_1_fps.txt", "0001 1 30\n")
        convert_dhf1k(place.real / "dhf1k_002/gaze", root, form=form)
        (found[form],) = dataset("dhf1k").videos(root, "test", 1)
    return found


def predictors(space: Workspace) -> tuple[dict[str, Predictor], str]:
    """The networks by name, and a word about what is missing."""
    found = {name: find_predictor(space, model=name) for name in PREDICTORS if name != "tinyhd"}
    try:
        found["tinyhd"] = find_predictor(space, weights="tinyhd_dhf1k")
    except FileNotFoundError as error:
        return found, f"TinyHD is left out: {error}"
    return found, ""


class Kept:
    """Results in files, each with what it was made of; one that was made of anything else is made again."""

    def __init__(self, place: Place) -> None:
        self.folder = place.work / "kept"
        raw = {p.name: sha256(p) for p in raw_files(place.real)}
        code = code_of(score_frames, predict_maps, convert_dhf1k, score_both, halves)
        self.common = {"raw": fingerprint(raw), "code": code, "every": place.every, "torch": torch.__version__}

    def get(self, name: str, more: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What is kept under a name, or what ``make`` gives, with its seconds of the processor."""
        path, made_of = self.folder / f"{name}.json", {**self.common, "more": more}
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
            if plain["made_of"] == made_of:
                found: dict[str, Any] = plain["found"]
                return found
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # not there, or damaged
            pass
        began = processor_seconds()
        found = make()
        found["seconds"] = round(processor_seconds() - began, 1)
        write_atomically(path, json.dumps({"made_of": made_of, "found": found}))
        return found


def maps_of(predictor: Predictor, video: Video, frames: Sequence[int]) -> Tensor:
    """Maps ``(F, h, w)`` float32 of some frames."""
    return torch.cat([maps for _, maps in predict_maps(predictor, video, frames, Running(4, "cpu", 0))])


def scores_of_maps(maps: Tensor, frames: Sequence[int], truth: Truth, name: str) -> dict[str, list[float]]:
    """Scores of each frame under a protocol."""
    scorer = VideoScorer(truth, protocol(name))
    scorer.add(frames, maps)
    return {metric: scorer.scores[metric] for metric in METRICS}


def scores_of_halves(video: Video, halving: Halving, frames: Sequence[int], name: str) -> dict[str, list[float]]:
    """Mean over draws and directions of each of some frames, under a protocol; NaN where nothing is defined."""
    rules, wanted = protocol(name), set(frames)
    found: dict[str, dict[int, list[float]]] = {metric: {frame: [] for frame in frames} for metric in METRICS}
    for one, other, common in halves(video, halving, [video]):
        preparation = Preparation(rules, one.size) if is_quick(rules) else None
        for frame in (n for n in common if n in wanted):
            for values in score_both(one, other, frame, rules, preparation):
                for metric in METRICS:
                    if not math.isnan(values[metric]):
                        found[metric][frame].append(values[metric])
    return {m: [math.fsum(v) / len(v) if v else math.nan for v in rows.values()] for m, rows in found.items()}


def score_dhf1k(place: Place, videos: dict[str, Video], nets: dict[str, Predictor], kept: Kept) -> dict[str, Any]:
    """By predictor, form and protocol the scores of each frame; with the seconds of prediction and scoring."""
    names = list_protocols()
    frames = place.frames(videos["pairs"])
    truths = {form: Truth(video, [video]) for form, video in videos.items()}
    found: dict[str, Any] = {}
    with progress("002", len(nets) * (1 + len(FORMS) * len(names)) + len(names) + len(WIDE)) as bar:
        for who, net in nets.items():
            path = place.work / "maps" / f"{who}.pt"

            def predict(net: Predictor = net, path: Path = path) -> dict[str, Any]:
                maps = maps_of(net, videos["pairs"], frames)
                path.parent.mkdir(parents=True, exist_ok=True)
                torch.save(maps, path)
                return {}

            if not path.is_file():
                (kept.folder / f"{who}-maps.json").unlink(missing_ok=True)
            found[who] = {"predicting": kept.get(f"{who}-maps", str(net.sha256), predict)["seconds"]}
            maps = torch.load(path, weights_only=True)
            bar.advance(note=who)
            for form in FORMS:
                for name in names:
                    made = kept.get(
                        f"{who}-{form}-{name}",
                        str(net.sha256) + repr(protocol(name)),
                        lambda m=maps, t=truths[form], n=name: {"scores": scores_of_maps(m, frames, t, n)},
                    )
                    found[who].setdefault(form, {})[name] = made["scores"]
                    bar.advance(note=f"{who}, {form}, {name}")
        for who, width in (("human", 1.0), ("human wide", 1.5)):
            halving = Halving(DEGREE["dhf1k"], width=width)
            found[who] = {"predicting": 0.0}
            for name in names if width == 1 else WIDE:
                made = kept.get(
                    f"{who}-{name}",
                    repr((halving, protocol(name))),
                    lambda h=halving, n=name: {"scores": scores_of_halves(videos["pairs"], h, frames, n)},
                )
                found[who].setdefault("pairs", {})[name] = made["scores"]
                found[who]["predicting"] += made["seconds"] if name == "stavis" else 0
                bar.advance(note=f"{who}, {name}")
    return found


def diem_videos(place: Place) -> list[Video]:
    """The three videos of DIEM, with gaze and, for the size alone, a black picture: their films are not at hand."""
    root = place.work / "diem"
    root.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 81 videos of the lists have no gaze here is no news
        convert_diem(place.real / "diem_gaze", root)
    counts = {v.name: v.n_frames for v in read_fold_list(find_list(root, "DIEM_list_train_fps.txt"))}
    found = []
    for name, size in DIEM.items():
        folder = root / "annotations/DIEM" / name
        black = NumberedFiles(root / "black" / name, "img_", 5, ".png")
        black.folder.mkdir(parents=True, exist_ok=True)
        if not black.path(1).is_file():
            Image.fromarray(np.zeros((*size, 3), np.uint8)).save(black.path(1))
        found.append(Video("diem", name, counts[name], 30.0, black, black, black, gaze=folder / "observers.csv"))
    return found


def score_diem(place: Place, kept: Kept) -> dict[str, Any]:
    """By video the rows ``centre``, ``shuffled``, ``human`` and ``human wide`` under ``stavis``."""
    found: dict[str, Any] = {}
    videos = diem_videos(place)
    with progress("DIEM", 4 * len(videos)) as bar:
        for video in videos:
            frames = list(range(50, video.n_frames + 1, 4 * place.every))
            gaze, size = read_observers(video)
            everyone = Half(video, gaze, range(len(gaze.observers)), size, DEGREE["diem"], [video])
            # Where all look half the video later says nothing of now, but where people look at all.
            later = [(frame + video.n_frames // 2 - 1) % video.n_frames + 1 for frame in frames]
            rows: dict[str, Callable[[], dict[str, list[float]]]] = {
                "centre": lambda s=size, f=frames, t=everyone: scores_of_maps(
                    centre_map(s).expand(len(f), *s), f, t, "stavis"
                ),
                "shuffled": lambda n=later, f=frames, t=everyone: scores_of_maps(t.blurred(n), f, t, "stavis"),
            }
            for who, width in (("human", 1.0), ("human wide", 1.5)):
                halving = Halving(DEGREE["diem"], width=width)
                rows[who] = lambda v=video, h=halving, f=frames: scores_of_halves(v, h, f, "stavis")
            for who, make in rows.items():
                name = f"{video.name}-{who}"
                made = kept.get(name, repr(DEGREE), lambda make=make: {"scores": make()})
                found.setdefault(video.name, {})[who] = {"frames": len(frames), **made["scores"]}
                bar.advance(note=f"{video.name}, {who}")
    return found


def draw(place: Place, videos: dict[str, Video], found: dict[str, Any], folder: Path) -> None:
    """Scores over time, and the maps of each predictor beside what people looked at; no frame of the film."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    frames = place.frames(videos["pairs"])
    figure, axes = plt.subplots(2, 1, figsize=(8, 5), sharex=True)
    for axis, metric in zip(axes, ("NSS", "CC"), strict=True):
        for who in found:
            if who != "human wide":
                axis.plot([n / 30 for n in frames], found[who]["pairs"]["stavis"][metric], label=NAMES.get(who, who))
        axis.set_ylabel(metric)
        axis.grid(alpha=0.3)
    axes[0].legend(ncol=4, fontsize=7)
    axes[1].set_xlabel("seconds of 002")
    figure.tight_layout()
    figure.savefig(folder / "first-real-scores-time.png", dpi=80, metadata={"Software": None})
    plt.close(figure)

    shown = [frames[int(len(frames) * part)] for part in (0.15, 0.5, 0.85)]
    nets = [who for who in found if "as_published" in found[who] and who != "chance"]
    figure, axes = plt.subplots(len(shown), 2 + len(nets), figsize=(1.6 * (2 + len(nets)), 3.3))
    truths = {form: Truth(v, [v]) for form, v in videos.items()}
    for row, frame in zip(axes, shown, strict=True):
        at = frames.index(frame)
        pictures = [(f"people, {form.replace('_', ' ')}", truths[form].densities([frame])[0]) for form in FORMS]
        pictures += [(who, torch.load(place.work / "maps" / f"{who}.pt", weights_only=True)[at]) for who in nets]
        for axis, (title, saliency) in zip(row, pictures, strict=True):
            axis.imshow(saliency.numpy(), aspect="auto", extent=(0, 640, 360, 0), cmap="viridis")
            axis.set_xticks([])
            axis.set_yticks([])
            if frame == shown[0]:
                axis.set_title(title, fontsize=7)
        row[0].set_ylabel(f"frame {frame}", fontsize=7)
    figure.tight_layout(pad=0.3)
    figure.savefig(folder / "first-real-scores-maps.png", dpi=80, metadata={"Software": None})
    plt.close(figure)


def page(place: Place, found: dict[str, Any], diem: dict[str, Any], left_out: str) -> str:
    """The whole page."""
    story = provenance()
    frames = len(next(iter(found.values()))["pairs"]["stavis"]["NSS"])
    by_protocol = []
    for name in list_protocols():
        rows = [row_of(who, found[who]["pairs"][name]) for who in found if name in found[who]["pairs"]]
        by_protocol.append(f"### {name}\n{table('predictor', METRICS, rows)}")
    diem_rows = [
        f"| {name} | {NAMES.get(who, who)} | "
        + " | ".join(f"{mean(scores[m]):.3f}" for m in METRICS)
        + f" | {scores['frames']} |"
        for name, rows in diem.items()
        for who, scores in rows.items()
    ]
    spent = {NAMES.get(who, who): rows["predicting"] for who, rows in found.items()}
    seconds = [f"| {who} | {spent[who]:.1f} | {spent[who] / frames:.3f} |" for who in spent]
    files = [f"| `{p.relative_to(place.real).as_posix()}` | `{sha256(p)[:16]}` |" for p in raw_files(place.real)]
    template = (HERE / "first_real_scores.txt").read_text(encoding="utf-8")
    values = {
        "frames": frames,
        "every": place.every,
        "left_out": f"\n**{left_out}**\n" if left_out else "",
        "protocols": "\n\n".join(by_protocol),
        "moves": moves(found),
        "diem": "\n".join(
            [f"| video | row | {' | '.join(METRICS)} | frames |", f"| --- | --- |{' ---: |' * 7}", *diem_rows]
        ),
        "seconds": table("predictor", ["CPU s", "a frame"], seconds),
        "files": "\n".join(["| file | SHA-256, first 16 |", "| --- | --- |", *files]),
        "torch": story["torch"],
        "version": story["version"],
        "device": story["device"],
        "code": code_of(score_frames, predict_maps, convert_dhf1k, score_both, halves)[:16],
        "degree_dhf1k": f"{DEGREE['dhf1k']:g}",
        "degree_diem": f"{DEGREE['diem']:g}",
    }
    for key, value in values.items():
        template = template.replace("{{" + key + "}}", str(value))
    return template


def real_folder(asked: str | None) -> Path:
    """The folder of raw files.

    Raises:
        FileNotFoundError: when it is not there, or not whole.
    """
    folder = Path(asked or os.environ.get("REAL_FILES") or HERE.parents[1] / "shared/real")
    for part in ("dhf1k_002/002.AVI", "dhf1k_002/gaze", "dhf1k_0601", "diem_gaze"):
        if not (folder / part).exists():
            raise FileNotFoundError(f"{folder / part} is missing; name the folder of real files with --real")
    return folder


def main(words: Sequence[str] | None = None) -> int:
    """Score, and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", metavar="FOLDER", help="raw files; default: REAL_FILES, or beside the checkout")
    parser.add_argument("--work", metavar="FOLDER", help="data roots and results; default: runs/first-real-scores")
    parser.add_argument(
        "--every", type=int, default=EVERY, help="every so many-th frame is scored (default: %(default)s)"
    )
    parser.add_argument("--docs", metavar="FOLDER", default=str(HERE), help="where the pages are (default: docs)")
    args = parser.parse_args(words)
    torch.set_num_threads(1)
    work = Path(args.work) if args.work else home() / "runs/first-real-scores"
    place = Place(real_folder(args.real), work, args.every)
    docs = Path(args.docs)
    base = home()
    space = Workspace(base, None, base / "data/synth", base / "runs", base / "leaderboard")
    kept = Kept(place)
    videos = make_roots(place)
    nets, left_out = predictors(space)
    found = score_dhf1k(place, videos, nets, kept)
    diem = score_diem(place, kept)
    draw(place, videos, found, docs)
    write_atomically(docs / "first-real-scores.md", page(place, found, diem, left_out))
    if not between_markers(docs / "dhf1k.md", moves(found)):
        print(f"{docs / 'dhf1k.md'} has no markers {MARKERS[0]}; its numbers were not written")
    write_forms(docs / "dhf1k.md", place.real)
    print(f"wrote {docs / 'first-real-scores.md'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
