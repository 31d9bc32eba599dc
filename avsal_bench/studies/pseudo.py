"""Pseudo maps from the categories of videos (stanet2021): train the classifiers, then map every training frame."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lightning import seed_everything

from avsal_bench.bench.callbacks import Curve, FitProgress
from avsal_bench.bench.checkpoints import BestCheckpoint, epochs_of, load_network
from avsal_bench.bench.fit import read_story
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.provenance import provenance
from avsal_bench.bench.sharing.locks import hold
from avsal_bench.bench.sharing.turns import take_turn
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.tagged import TagDataModule, categories
from avsal_bench.data.contents_of import Part, together
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files.presence import check_videos
from avsal_bench.data.teachers import pseudo_folder, with_pseudo_maps
from avsal_bench.evaluation.scores_of import COMPUTE, DECIDE_NOTHING, readers
from avsal_bench.files import check_writable, fingerprint, write_atomically
from avsal_bench.kept import claim, code_of, differing, is_code, read_made_of, versions_of
from avsal_bench.models.scam import KINDS, Kind
from avsal_bench.models.weights.store import imported_source, load_weights
from avsal_bench.names import unknown
from avsal_bench.studies.pseudo_maps import Made, map_videos
from avsal_bench.studies.pseudo_options import Options
from avsal_bench.training.classifying.tags import TagModule

#: Published weights of the trunks.
WEIGHTS = {"trunk_picture": "resnext101_32x8d_wsl", "trunk_sound": "vggsound_netvlad"}


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        name: of the data set.
        fold: whose training list is taken.
        space: folders.
        options: of the classifiers.
        kinds: the classifiers, in the order of :data:`~avsal_bench.models.scam.KINDS`.
        seed: of their training.
        workers: processes that read.

    Raises:
        ValueError: for no classifiers, or an unknown one.
    """

    name: str
    fold: int
    space: Workspace
    options: Options
    kinds: tuple[Kind, ...] = KINDS
    seed: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise ValueError(unknown("classifier", kind, KINDS))
        if not self.kinds:
            raise ValueError(f"name one classifier or more: --classifiers {','.join(KINDS)}")


def make_pseudo_maps(request: Request, force: bool = False) -> Made:
    """Train what is not trained yet, and write a map for each frame of each training video that has none yet.

    Args:
        request: what is asked for.
        force: remove maps that were made otherwise, or elsewhere.

    Raises:
        ValueError: for a set without categories or sound, and for maps that were made otherwise, without ``force``.
        FileNotFoundError: for missing frames, sounds or published weights.
    """
    r = request
    root = r.space.root_of(r.name)
    one = dataset(r.name)
    videos = [video for part in one.learnt_parts for video in one.videos(root, part, r.fold)]
    names = categories(videos, root)
    _check_files(r, videos)
    starts = _starts(r)
    folder = pseudo_folder(r.name, root)
    check_writable([folder, r.space.runs], advice="maps lie below the data root; see --data-root, --synth-root, --runs")
    made_of = {
        "set": r.name,
        "fold": r.fold,
        "seed": r.seed,
        "classifiers": list(r.kinds),
        "options": asdict(r.options),
        "start": starts,
        "videos": fingerprint([[video.name, video.n_frames, video.category] for video in videos]),
        **_read_of(r, videos, "sa" in r.kinds),
        "code": code_of(map_videos, TagModule, TagDataModule, without=DECIDE_NOTHING),
        **versions_of(*COMPUTE, *readers()),
    }
    made_of = json.loads(json.dumps(made_of))  # as it will be read
    if not force:
        _check_marker(folder, made_of, r.space.reuse_other_code)
    modules = {kind: train_classifier(r, kind, videos, names, starts, force) for kind in r.kinds}
    with hold(folder):
        _mark(folder, made_of, provenance(), force, r.space.reuse_other_code)
        return map_videos(with_pseudo_maps(videos, root), videos, names, modules, folder, r.workers)


def _read_of(r: Request, videos: Sequence[Video], hears: bool) -> dict[str, str]:
    """What the frames of videos hold, and their sound where it is heard."""
    parts: tuple[Part, ...] = ("frames", "sound") if hears else ("frames",)
    return {str(part): together(r.space.contents, videos, part) for part in parts}


def _check_files(r: Request, videos: Sequence[Video]) -> None:
    """Look for all that will be read, before anything is trained."""
    advice = f"leave the sound out: --classifiers {','.join(kind for kind in KINDS if kind != 'sa')}"
    if "sa" in r.kinds and not dataset(r.name).sound:
        raise ValueError(f"{r.name} has no sound, and the classifier sa hears; {advice}")
    try:
        check_videos(videos, audio="sa" in r.kinds, truth=False, contents=r.space.contents)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{error}; or, where sounds lack, {advice}" if "sa" in r.kinds else error) from error


def _starts(r: Request) -> dict[str, str]:
    """SHA-256 of the published weights of each trunk."""
    parts = [part for part in WEIGHTS if part == "trunk_picture" or "sa" in r.kinds] if r.options.published else []
    return {part: imported_source(WEIGHTS[part], r.space.weights)["sha256"] for part in parts}


def train_classifier(
    request: Request,
    kind: Kind,
    videos: Sequence[Video],
    names: Sequence[str],
    starts: Mapping[str, str],
    force: bool = False,
) -> TagModule:
    """A trained classifier; one whose training was interrupted goes on, and one that is done is read.

    Raises:
        ValueError: for one of other frames, sound or code, without ``force``.
    """
    r, o = request, request.options
    seed_everything(r.seed, verbose=False)
    module = TagModule(kind, len(names), o.network(), o.optimizer, o.lr, o.bias, o.new, o.weight_decay, r.seed)
    parts = {part: sha for part, sha in starts.items() if hasattr(module.net, part)}
    tagged = [[video.name, video.n_frames, video.category] for video in videos]
    batch_size = o.batch_size_st if kind == "st" else o.batch_size
    plain = {**asdict(o), "batch_size": batch_size, "batch_size_st": None}
    folder = r.space.runs / "stages" / f"scam-{kind}-{fingerprint([r.name, kind, plain, r.seed, parts, tagged])[:12]}"
    curve = Curve()
    trainer = Machine(devices=1).trainer(
        max_epochs=o.epochs,
        log_every_n_steps=1,
        logger=False,
        callbacks=[
            BestCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False),
            curve,
            FitProgress(f"classifier {kind} of {r.name}, fold {r.fold}"),
        ],
        default_root_dir=folder,
    )
    last = folder / "last.ckpt"
    made_of = {
        **_read_of(r, videos, kind == "sa"),
        "code": code_of(TagModule, TagDataModule, without=DECIDE_NOTHING),
        **versions_of(*COMPUTE, *readers(), "lightning"),
    }
    with take_turn(folder, trainer):
        begun = last.is_file() or read_story(folder) is not None
        if begun and force and differing(read_made_of(folder), made_of, r.space.reuse_other_code):
            for name in ("last.ckpt", "done.json"):
                (folder / name).unlink(missing_ok=True)
            begun = False
        ways = "train it anew with --force, or choose another --runs"
        claim(folder, begun, made_of, ways, r.space.reuse_other_code)
        if read_story(folder) is None:
            resumed = last.is_file()
            for part in parts if not resumed else ():
                load_weights(module.net.get_submodule(part), WEIGHTS[part], r.space.weights)
            data = TagDataModule(
                videos,
                names,
                module.net.spec,
                batch_size=batch_size,
                clips_every=o.clips_every,
                seed=r.seed,
                first_epoch=epochs_of(last, module) if resumed else 0,
                num_workers=r.workers,
            )
            trainer.fit(module, data, ckpt_path=last if resumed else None, weights_only=True)
            story = provenance() | {"start": parts, "steps": trainer.global_step, "curve": curve.points}
            write_atomically(folder / "done.json", json.dumps(story, indent=1) + "\n")
        load_network(module.net, last)
    return module.eval().requires_grad_(False)


def _check_marker(folder: Path, made_of: Mapping[str, Any], other_code: bool) -> bool:
    """Whether maps of this very kind were begun.

    Raises:
        ValueError: for maps that were made otherwise, or of which nobody says how.
    """
    marker = folder / "pseudo.json"
    if not marker.is_file():
        if any(folder.glob("*/pseudo_*.png")):
            raise ValueError(f"{folder}: maps that were not made here; move them away, or remove them with --force")
        return False
    try:
        there = json.loads(marker.read_text(encoding="utf-8"))["made_of"]
        other = sorted(differing(dict(there), made_of, other_code))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{marker}: not readable ({error}); remove these maps with --force") from error
    if other:
        told = "; ".join(f"{key} was {there.get(key)}, asked for is {made_of.get(key)}" for key in other)
        ways = "move them away, or remove them by --force"
        if all(map(is_code, other)):
            ways += ", or go on with them by --reuse-other-code"
        raise ValueError(f"{folder}: maps that were made otherwise ({told}); {ways}")
    return True


def _mark(folder: Path, made_of: Mapping[str, Any], story: Mapping[str, Any], force: bool, other_code: bool) -> None:
    """Say of a folder what its maps are made of; with ``force``, first remove those that are made of anything else."""
    try:
        if _check_marker(folder, made_of, other_code):
            return
    except ValueError:
        if not force:
            raise
        for path in folder.glob("*/pseudo_*.png"):
            path.unlink()
    write_atomically(folder / "pseudo.json", json.dumps({"made_of": made_of, "made_by": story}, indent=1) + "\n")
