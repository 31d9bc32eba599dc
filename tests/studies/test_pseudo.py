"""Pseudo maps in the place of densities, and training on every frame of a clip."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.bench.stages import trainings
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.images import read_density
from avsal_bench.data.teachers import with_pseudo_maps
from avsal_bench.models import model_entry
from avsal_bench.records import read_record
from avsal_bench.spec import ClipSpec
from avsal_bench.training.every_frame import EveryFrameModule
from avsal_bench.training.losses import Prediction, Truth, saliency_loss
from avsal_bench.training.recipe import load_recipe

HOME = Path(__file__).resolve().parents[2]
TINY = tuple(
    f"network.{key}={list(value) if isinstance(value, tuple) else value}"
    for key, value in model_entry("stanet").tiny.items()
)
FEW = (*TINY, "stages.maps.epochs=1", "clips_per_video=1", "val_stride=20", "stages.maps.teacher=pseudo")


def pseudo_maps(root, value=None):
    """A grey disc in every frame of every training video, elsewhere in each frame; or a flat picture."""
    for video in with_pseudo_maps(dataset("synth").videos(root, "train", 1), root):
        video.densities.folder.mkdir(parents=True)
        for frame in range(1, video.n_frames + 1):
            y, x = np.mgrid[:48, :64]
            disc = 200.0 * ((x - frame % 60) ** 2 + (y - 20) ** 2 < 40)
            grey = disc if value is None else np.full((48, 64), value)
            Image.fromarray(grey.astype(np.uint8)).save(video.densities.path(frame))


@pytest.fixture
def taught_space(tmp_path, space):
    """A workspace whose embedded set may be written to."""
    root = tmp_path / "synth"
    shutil.copytree(space.synth_root, root)
    return replace(space, synth_root=root)


def data(root, **options):
    return SaliencyDataModule(
        DataConfig({"synth": root}, batch_size=2, **options), ClipSpec(3, (48, 64), target="middle")
    )


def test_clips_and_windows_to_validate_on_bring_pseudo_maps(taught_space):
    root = taught_space.synth_root
    pseudo_maps(root)
    for loader in ("train_dataloader", "val_dataloader"):
        batch = next(iter(getattr(data(root, flip=0.0, teacher="pseudo"), loader)()))
        for video, frame, density in zip(batch["video"], batch["frame"], batch["density"], strict=True):
            path = root / "pseudo" / "synth" / video / f"pseudo_{frame:05d}.png"
            assert torch.equal(density, read_density(path))
    taught = data(root, teacher="pseudo")
    assert [v.key for v in taught.fit_videos()] == [v.key for v in data(root).fit_videos()]
    assert "pseudo" not in str(taught.test_videos()[0].densities.folder)


def test_pseudo_maps_that_are_all_black_are_an_error(taught_space):
    pseudo_maps(taught_space.synth_root, value=0)
    with pytest.raises(ValueError, match=r"pseudo/synth: every pseudo map is black"):
        next(iter(data(taught_space.synth_root, teacher="pseudo").train_dataloader()))


def test_a_video_whose_pseudo_maps_are_black_is_left_out(taught_space):
    root = taught_space.synth_root
    pseudo_maps(root)
    listed = [v.name for v in dataset("synth").videos(root, "train", 1)]
    for path in (root / "pseudo" / "synth" / listed[1]).glob("*.png"):
        Image.fromarray(np.zeros((48, 64), np.uint8)).save(path)
    module = data(root, teacher="pseudo", flip=0.0)
    names = [v.name for v in [*module.fit_videos(), *module.val_videos()]]
    assert sorted(names) == sorted(set(listed) - {listed[1]})
    assert listed[1] not in {name for batch in module.train_dataloader() for name in batch["video"]}


def test_the_one_frame_with_a_map_is_found(taught_space):
    root = taught_space.synth_root
    pseudo_maps(root, value=0)
    wanted = {}
    for video in dataset("synth").videos(root, "train", 1):
        wanted[video.name] = video.n_frames - 2
        Image.fromarray(np.full((48, 64), 9, np.uint8)).save(
            root / "pseudo" / "synth" / video.name / f"pseudo_{video.n_frames - 2:05d}.png"
        )
    for batch in data(root, teacher="pseudo", flip=0.0).train_dataloader():
        for name, frame in zip(batch["video"], batch["frame"], strict=True):
            assert int(frame) == wanted[name]


def test_other_pseudo_maps_train_anew(taught_space):
    root = taught_space.synth_root
    pseudo_maps(root)
    job = Job("stanet", "v", 1, 0, "smoke", "stavis", FEW)

    def folders():
        return [t.folder for t in trainings(job, job.recipe(taught_space), taught_space)]

    before = folders()
    (root / "pseudo" / "synth" / "pseudo.json").write_text("{}")
    assert folders() != before
    assert folders() == folders()


def test_a_pseudo_map_that_is_cut_off_is_named(taught_space):
    root = taught_space.synth_root
    pseudo_maps(root)
    for path in (root / "pseudo").rglob("*.png"):
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"unreadable image .*pseudo/synth/.*/pseudo_\d{5}\.png"):
        next(iter(data(root, teacher="pseudo").train_dataloader()))


def test_pseudo_maps_may_have_any_size(taught_space):
    root = taught_space.synth_root
    pseudo_maps(root)
    for path in (root / "pseudo").rglob("*.png"):
        Image.open(path).resize((100, 30)).save(path)
    batch = next(iter(data(root, teacher="pseudo", flip=0.0).train_dataloader()))
    assert batch["density"].shape == (2, 48, 64)
    path = root / "pseudo" / "synth" / batch["video"][0] / f"pseudo_{batch['frame'][0]:05d}.png"
    assert torch.equal(batch["density"][0], read_density(path, (48, 64)))


def test_every_frame_brings_its_map_and_they_flip_with_the_frames(synth_root):
    for flip in (0.0, 1.0):
        module = data(synth_root, flip=flip, every_frame=True)
        batch = next(iter(module.train_dataloader()))
        videos = {v.name: v for v in module.fit_videos()}
        assert batch["densities"].shape == (2, 3, 48, 64)
        for item, name in enumerate(batch["video"]):
            maps = [read_density(videos[name].densities.path(n), (48, 64)) for n in batch["window"][item]]
            found = batch["densities"][item]
            assert torch.equal(found.flip(-1) if flip else found, torch.stack(maps))
        assert torch.equal(batch["densities"][:, 1], batch["density"])
    assert "densities" not in next(iter(data(synth_root).train_dataloader()))
    assert "densities" not in next(iter(module.val_dataloader()))


@pytest.mark.parametrize("modality", ["v", "av"])
def test_the_loss_is_the_sum_over_frames_and_scales(modality):
    torch.manual_seed(0)
    weights = {"bce": 1e-4, "kl": 1.0}
    options = {**model_entry("stanet").tiny, "modality": modality}
    module = EveryFrameModule("stanet", options, weights, {"name": "sgd", "lr": 0.1}, {"name": "constant"}).eval()
    densities = torch.rand(2, 3, 64, 96)
    densities[1, 2] = 0  # which has no loss
    batch = {
        "frames": torch.randint(0, 256, (2, 3, 3, 64, 96), dtype=torch.uint8),
        "audio": torch.randn(2, 1, 257, 48) if modality == "av" else None,
        "density": densities[:, 1],
        "densities": densities,
        "fixated": None,
    }
    scales = module.net.every_frame(module.normalised(batch), batch["audio"])
    expected = 0.0
    for scale in scales:
        for t, items in ((0, [0, 1]), (1, [0, 1]), (2, [0])):
            logits = scale[items, t]
            expected += saliency_loss(Prediction(logits.sigmoid(), logits), Truth(densities[items, t]), weights)[0]
    torch.testing.assert_close(module.training_loss(batch), expected)


def test_a_weak_job_learns_from_pseudo_maps_and_is_tested_on_true_ones(taught_space):
    pseudo_maps(taught_space.synth_root)
    job = Job("stanet", "av", 1, 0, "smoke", "stavis", FEW)
    for path in run_job(job, taught_space, Machine(devices=1)):
        record = read_record(path)
        assert record.recipe["stages"][0]["teacher"] == "pseudo"
        assert record.recipe["stages"][0]["training"] == "every_frame"
        assert np.isfinite(record.scores["CC"])
        assert record.provenance["fits"][0]["steps"] >= 1


def test_missing_pseudo_maps_are_found_before_anything_is_trained(taught_space):
    job = Job("stanet", "v", 1, 0, "smoke", "stavis", FEW)
    with pytest.raises(FileNotFoundError, match=r"missing file .*pseudo/synth/.*/pseudo_00001\.png"):
        run_job(job, taught_space, Machine(devices=1))
    assert not list(taught_space.runs.glob("stages/*/*.ckpt"))


def test_the_weak_preset_is_the_paper_with_another_teacher():
    recipes = HOME / "benchmarks" / "recipes"
    weak, paper = (load_recipe(recipes, "stanet", preset) for preset in ("weak", "paper"))
    assert (weak.stages[0].teacher, paper.stages[0].teacher) == ("pseudo", "density")
    assert replace(weak, preset="paper", stages=(replace(weak.stages[0], teacher="density"),)) == paper


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("teacher=pseudos", "unknown teacher 'pseudos'; did you mean 'pseudo'"),
        ("loss.nss=-1.0", "stage 'maps': nss is of the target frame alone; say training: mean_of_frames"),
        ("training=every_frames", "did you mean 'every_frame'"),
    ],
)
def test_what_a_recipe_may_not_ask_for(override, message):
    with pytest.raises(ValueError, match=message):
        load_recipe(HOME / "benchmarks" / "recipes", "stanet", "paper", [override])
