"""How far scores move when float maps are kept in another form; see docs/howto/map_films.md.

avsal predict --dataset synth --model itti --native --form npy -o maps
python docs/map_film_forms.py maps
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from avsal_bench.bench.workspace import workspace
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.evaluation.map_films import FilmWriter
from avsal_bench.evaluation.maps import read_map
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import VideoScorer
from avsal_bench.evaluation.score_files import score_files
from avsal_bench.evaluation.score_videos import save_maps
from avsal_bench.evaluation.truth import Truth

FORMS = {"png": ("png", 8), "mp4": ("mp4", 10), "mp4 --bits 8": ("mp4", 8), "mkv": ("mkv", 16)}
METRICS = ("CC", "SIM", "NSS", "AUC-J")
RULES = ("crowdsal", "raw")
#: Videos of the test list that are looked at, one of each kind of scene.
KINDS = ("timbre_01", "offscreen_01", "silent_01", "pulse_01")


def in_form(video: Video, maps: torch.Tensor, form: str, folder: Path) -> dict[int, Path]:
    """Files of the maps of a video, written in a form."""
    suffix, bits = FORMS[form]
    frames = range(1, video.n_frames + 1)
    if suffix == "png":
        save_maps(maps, frames, folder, "png")
        return {n: folder / f"{n:05d}.png" for n in frames}
    path = folder / f"{video.name}.{suffix}"
    with FilmWriter(path, video.fps, 8 if bits == 8 else 10) as film:
        film.add(maps)
    return dict.fromkeys(frames, path)


def scores_of(video: Video, files: dict[int, Path]) -> dict[tuple[str, str], list[float]]:
    """Scores of each frame, by protocol and metric."""
    truth = Truth(video, [video])
    scorers = {name: VideoScorer(truth, protocol(name)) for name in RULES}
    score_files(files, list(scorers.values()))
    return {(name, metric): scorer.scores[metric] for name, scorer in scorers.items() for metric in METRICS}


def main(folder: Path) -> None:
    """Print the table of the page."""
    moved: dict[str, dict[tuple[str, str], list[float]]] = {form: {} for form in FORMS}
    taken, frames = dict.fromkeys(FORMS, 0), 0
    listed = dataset("synth").videos(workspace().root_of("synth"), "test", 1)
    with TemporaryDirectory() as made:
        for video in (video for video in listed if video.name in KINDS):
            files = {n: folder / video.name / f"{n:05d}.npy" for n in range(1, video.n_frames + 1)}
            maps = torch.stack([read_map(path) for path in files.values()])
            exact, frames = scores_of(video, files), frames + video.n_frames
            for form in FORMS:
                written = in_form(video, maps, form, Path(made) / form / video.name)
                taken[form] += sum(path.stat().st_size for path in set(written.values()))
                for what, values in scores_of(video, written).items():
                    apart = np.array(values) - np.array(exact[what])
                    moved[form].setdefault(what, []).extend(apart[np.isfinite(apart)])
    print(f"{frames} frames of {maps.shape[1]}x{maps.shape[2]}\n")
    print("| form | kB a frame | protocol | " + " | ".join(METRICS) + " |")
    print("| --- | ---: | --- |" + " ---: |" * len(METRICS))
    for form, kinds in moved.items():
        for rule in RULES:
            cells = (f"{abs(np.mean(d)):.0e} ({np.abs(d).max():.0e})" for d in (kinds[rule, m] for m in METRICS))
            print(f"| `{form}` | {taken[form] / frames / 1000:.1f} | {rule} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
