"""The command `avsal pseudo`: from the categories of videos to maps on the disk, without eye tracking."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli import main
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.items import collate, read_item
from avsal_bench.data.clips.stream import Brought, Stream
from avsal_bench.data.clips.tagged import categories
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.images import read_density
from avsal_bench.data.places import NumberedFiles
from avsal_bench.models.scam import KINDS
from avsal_bench.spec import ClipSpec
from avsal_bench.studies import pseudo, pseudo_maps
from avsal_bench.studies.pseudo_options import preset
from avsal_bench.training.classifying.tags import TagModule

HOME = Path(__file__).resolve().parents[2]
FEW = {
    "size": [64, 96],
    "backbone_width": 0.125,
    "audio_width": 0.125,
    "blocks": [1, 1, 1, 1],
    "epochs": 2,
    "clips_every": 12,
}


def words(space, *more, **options):
    changed = [word for key, value in (FEW | options).items() for word in ("--set", f"{key}={value}")]
    folders = ["--synth-root", space.synth_root, "--runs", space.runs, "--leaderboard", space.leaderboard]
    return ["pseudo", "synth", "--workers", "0", *map(str, folders), *changed, *more]


def untaught(root, source):
    """A copy of the embedded set in which nobody knows where people look in training videos."""
    shutil.copytree(source, root)
    for video in dataset("synth").videos(root, "train", 1):
        shutil.rmtree(video.densities.folder)
        for path in video.fixations.folder.glob("fixMap_*.mat"):
            path.unlink()
    return root


@pytest.fixture
def blind(tmp_path, synth_root):
    return Workspace(HOME, None, untaught(tmp_path / "synth", synth_root), tmp_path / "runs", tmp_path / "board")


@pytest.fixture(scope="module")
def made(tmp_path_factory, synth_root):
    """A finished run of the command, which no test may change."""
    home = tmp_path_factory.mktemp("pseudo")
    space = Workspace(HOME, None, untaught(home / "synth", synth_root), home / "runs", home / "board")
    assert main(words(space, epochs=6, clips_every=4)) == 0
    return space


def training_videos(space):
    return dataset("synth").videos(space.synth_root, "train", 1)


def maps_of(space):
    return {p.relative_to(space.synth_root): p for p in sorted((space.synth_root / "pseudo").rglob("pseudo_*.png"))}


@pytest.mark.slow
def test_every_frame_of_every_training_video_gets_a_map_without_eye_tracking(made):
    expected = {
        Path(f"pseudo/synth/{video.name}/pseudo_{frame:05d}.png")
        for video in training_videos(made)
        for frame in range(1, video.n_frames + 1)
    }
    assert set(maps_of(made)) == expected
    pictures = [np.asarray(Image.open(path)) for path in maps_of(made).values()]
    assert {(p.shape, p.dtype.name) for p in pictures} == {((64, 96), "uint8")}
    assert {int(p.max()) for p in pictures} <= {0, 255}
    assert any(p.any() for p in pictures)


@pytest.mark.slow
def test_a_written_map_is_what_the_rules_make_of_the_classifiers(made):
    """All rules once more, in numpy, for the video with the most maps that are not black."""
    videos = training_videos(made)
    names = categories(videos, made.synth_root)
    options = preset("smoke").with_overrides([f"{k}={v}" for k, v in (FEW | {"epochs": 6, "clips_every": 4}).items()])
    request = pseudo.Request("synth", 1, made, options)
    nets = [pseudo.train_classifier(request, kind, videos, names, {}) for kind in KINDS]
    folders = {v.name: made.synth_root / "pseudo" / "synth" / v.name for v in videos}
    written = {n: [np.asarray(Image.open(p)) for p in sorted(f.glob("*.png"))] for n, f in folders.items()}
    video = max(videos, key=lambda v: np.mean([one.any() for one in written[v.name]]))
    tag = names.index(video.category)

    def resized(values, size):
        return F.interpolate(torch.tensor(values)[None, None], size, mode="bilinear")[0, 0].numpy()

    def look(frames, audio):
        above, below = 0.0, 0.0
        for net in nets:
            both = np.mean([one[0].numpy() for one in net(frames[None], audio)], 0)
            logits = both.mean((1, 2))
            cam = resized(np.maximum(both[tag], 0), (64, 96))
            p = 1 / (1 + np.exp(-logits[tag]))
            above += p * cam / cam.max() * (np.argmax(logits) == tag) if cam.any() else 0 * cam
            below += p
        fused = above / below
        return (fused - fused.min()) / np.ptp(fused) if np.ptp(fused) else 0 * fused

    maps = []
    for frame in range(1, 8):
        item = collate([read_item(video, frame, nets[1].net.spec)])
        frames, audio = nets[0].normalised(item["frames"])[0], item["audio"]
        coarse = look(frames, audio)
        whole = np.zeros((64, 96), np.float32)
        if (above := coarse > 2 * coarse.mean()).any():
            rows, columns = np.flatnonzero(above.any(1)), np.flatnonzero(above.any(0))
            part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            crop = F.interpolate(frames[(..., *part)].transpose(0, 1), (64, 96), mode="bilinear").transpose(0, 1)
            fine = torch.tensor(look(crop, audio))[None, None].float()
            shape = whole[part].shape
            whole[part] = F.interpolate(fine, shape, mode="bilinear", antialias=True)[0, 0].numpy()
        maps.append(whole)
    assert sum(one.any() for one in maps[:5]) >= 2
    for i in range(5):
        smoothed = np.mean(maps[max(0, i - 2) : i + 3], 0) if maps[i].any() else 0 * maps[i]
        left = np.where(smoothed >= 3 * smoothed.mean(), smoothed, 0)
        expected = 255 * left / left.max() if left.any() else left
        # A value on the edge of the threshold may fall to either side.
        differs = np.abs(written[video.name][i] - expected) > 1.5
        assert differs.mean() < 0.005


@pytest.mark.slow
def test_the_weak_teacher_reads_what_was_written(made):
    spec = ClipSpec(3, (64, 96), target="middle")
    data = SaliencyDataModule(DataConfig({"synth": made.synth_root}, teacher="pseudo", every_frame=True), spec)
    taught = data.fit_videos() + data.val_videos()
    maps = maps_of(made)
    stream = Stream(taught, [(i, [2]) for i in range(len(taught))], spec, 8, Brought(density=True))
    for video, batch in zip(taught, stream, strict=True):
        path = maps[Path(f"pseudo/synth/{video.name}/pseudo_00002.png")]
        assert torch.equal(batch["density"][0], read_density(path, (64, 96)))
    assert {v.key for v in data.fit_videos()} < {v.key for v in taught}


@pytest.mark.slow
def test_a_finished_run_does_nothing_again(made, monkeypatch, capsys):
    before = {path: path.stat().st_mtime_ns for path in maps_of(made).values()}
    monkeypatch.setattr(pseudo_maps, "fused_maps", None)
    monkeypatch.setattr(TagModule, "training_step", None)
    assert main(words(made, epochs=6, clips_every=4)) == 0
    assert {path: path.stat().st_mtime_ns for path in maps_of(made).values()} == before
    assert "right about" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_been(blind, tmp_path, synth_root, monkeypatch):
    two = ("--classifiers", "s,st")
    step, steps = TagModule.training_step, []

    def killed(self, batch, index):
        steps.append((self.net.kind, self.current_epoch, batch["video"], batch["frame"]))
        if stop and steps[-1][:2] == ("st", 1):
            raise KeyboardInterrupt
        return step(self, batch, index)

    monkeypatch.setattr(TagModule, "training_step", killed)
    whole = Workspace(HOME, None, untaught(tmp_path / "other", synth_root), tmp_path / "r2", tmp_path / "b2")
    stop = False
    assert main(words(whole, *two)) == 0
    undisturbed = steps.copy()
    steps.clear()
    stop = True
    assert main(words(blind, *two)) == 130
    assert not maps_of(blind)
    begun = len(steps)
    stop = False

    write, written = pseudo_maps._write, []

    def cut(path, grey):
        written.append(path)
        if len(written) == 20:
            raise OSError("no space left")
        write(path, grey)

    monkeypatch.setattr(pseudo_maps, "_write", cut)
    assert main(words(blind, *two)) == 2
    assert [one[:2] for one in steps[begun:]] == [one[:2] for one in undisturbed if one[:2] == ("st", 1)]
    assert steps[: begun - 1] + steps[begun:] == undisturbed
    assert len(maps_of(blind)) == 19
    monkeypatch.setattr(pseudo_maps, "_write", write)
    assert main(words(blind, *two)) == 0
    assert len(steps) == len(undisturbed) + 1
    ours, theirs = maps_of(blind), maps_of(whole)
    assert ours.keys() == theirs.keys()
    assert all(ours[key].read_bytes() == theirs[key].read_bytes() for key in ours)


def test_maps_that_were_made_otherwise_are_never_mixed(blind, capsys):
    assert main(words(blind, "--classifiers", "s")) == 0
    first = {key: path.read_bytes() for key, path in maps_of(blind).items()}
    assert main(words(blind, "--classifiers", "s", "--fold", "2")) == 2
    told = capsys.readouterr().err
    assert "fold was 1, asked for is 2" in told
    assert "--force" in told
    assert {key: path.read_bytes() for key, path in maps_of(blind).items()} == first
    assert main(words(blind, "--classifiers", "s", "--seed", "1", "--force")) == 0
    marker = json.loads((blind.synth_root / "pseudo" / "synth" / "pseudo.json").read_text())
    assert (marker["made_of"]["seed"], marker["made_of"]["classifiers"]) == (1, ["s"])
    assert maps_of(blind).keys() == first.keys()
    assert main(words(blind, "--classifiers", "s", "--seed", "1")) == 0
    frames = next(video.frames for video in training_videos(blind) if isinstance(video.frames, NumberedFiles))
    with frames.path(1).open("ab") as file:
        file.write(b" ")  # another file
    capsys.readouterr()
    assert main(words(blind, "--classifiers", "s", "--seed", "1")) == 2
    assert "maps that were made otherwise (frames was" in capsys.readouterr().err
    assert main(words(blind, "--classifiers", "s", "--seed", "1", "--force")) == 0
    assert main(words(blind, "--classifiers", "s", "--seed", "1")) == 0


def test_maps_from_elsewhere_are_left_alone(blind, capsys):
    path = blind.synth_root / "pseudo" / "synth" / "timbre_02" / "pseudo_00001.png"
    path.parent.mkdir(parents=True)
    Image.new("L", (8, 8)).save(path)
    assert main(words(blind)) == 2
    assert "maps that were not made here" in capsys.readouterr().err
    assert path.is_file()
    assert not list(blind.runs.glob("stages/*"))


def test_a_set_without_categories_says_where_they_belong(blind, capsys):
    table = blind.synth_root / "annotations" / "synth" / "categories.csv"
    table.unlink()
    assert main(words(blind)) == 2
    assert f"expected one for each in {table}, a table with the columns video,category" in capsys.readouterr().err
    rows = "".join(f"{video.name},scene\n" for video in training_videos(blind))
    table.write_text("video,category\n" + rows)
    assert main(words(blind)) == 2
    assert "all training videos are 'scene'; expected two categories or more" in capsys.readouterr().err


def test_without_sound_the_classifier_that_hears_is_left_out(blind, capsys):
    video = training_videos(blind)[0]
    video.audio.unlink()
    (blind.synth_root / "video_files" / "synth" / f"{video.name}.mp4").unlink(missing_ok=True)
    assert main(words(blind)) == 2
    told = capsys.readouterr().err
    assert "missing sound" in told
    assert "--classifiers s,st" in told
    assert main(words(blind, "--classifiers", "st,s", epochs=1, clips_every=50)) == 0
    assert len(list(blind.runs.glob("stages/scam-*/done.json"))) == 2
    assert maps_of(blind)


def test_what_the_command_does_not_take(blind, capsys):
    for more, message in (
        (["--classifiers", "s,ts"], "unknown classifier 'ts'"),
        (["--classifiers", ","], "name one classifier or more"),
        (["--preset", "papers"], "did you mean 'paper'"),
        (["--set", "epoch=2"], "did you mean 'epochs'"),
        (["--set", "epochs=0"], "epochs should be greater than or equal to 1; got 0"),
        (["--set", "size=[64]"], "size.1 is missing"),
        (["--set", "published=1"], "published should be true or false; got 1"),
        (["--set", "optimizer=adam"], "did you mean 'adamw'"),
    ):
        assert main(words(blind, *more)) == 2
        assert message in capsys.readouterr().err, more
    assert not maps_of(blind)


def test_published_weights_that_are_not_imported_are_missed_before_anything_is_trained(blind, capsys, monkeypatch):
    monkeypatch.setenv("AVSAL_WEIGHTS", str(blind.runs / "weights"))
    assert main(words(blind, published="true")) == 2
    assert "resnext101_32x8d_wsl" in capsys.readouterr().err
    assert not list(blind.runs.glob("stages/*"))
