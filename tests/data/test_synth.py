"""The embedded set: layout, determinism, causes, and what happens when making it goes wrong."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from PIL import Image
from scipy.io import loadmat

from avsal_bench.data.files.tracks import read_track
from avsal_bench.data.files.video_files import count_frames, frame_rate, read_pictures
from avsal_bench.data.gaze.samples import read_gaze
from avsal_bench.data.synth import making as synth
from avsal_bench.data.synth import scenes as synth_scenes
from avsal_bench.data.synth import soundtrack as synth_sounds

VIDEOS = 12


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small set: one video of each category in each fold."""
    folder = tmp_path_factory.mktemp("synth")
    synth.make_synth(folder, videos=VIDEOS)
    return folder


PLANS = synth.plan_videos(videos=VIDEOS)
BY_NAME = {plan.name: plan for plan in synth.plan_videos()}


def read_list(root: Path, part: str, fold: int) -> list[list[str]]:
    text = (root / f"fold_lists/synth_list_{part}_{fold}_fps.txt").read_text()
    return [line.split() for line in text.splitlines()]


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_every_file_of_a_video_is_there(root: Path, plan: synth.Plan) -> None:
    notes = root / "annotations/synth" / plan.name
    frames = root / "video_frames/synth" / plan.name
    for folder, pattern in (
        (frames, "img_%05d.jpg"),
        (notes / "maps", "eyeMap_%05d.jpg"),
        (notes, "fixMap_%05d.mat"),
    ):
        found = sorted(p.name for p in folder.glob(f"*{pattern[-4:]}"))
        assert found == [pattern % k for k in range(1, plan.frames + 1)]
    assert len((root / f"av_gt_label/synth/{plan.name}.txt").read_text().split()) == plan.frames
    sound, rate = soundfile.read(root / f"video_audio/synth/{plan.name}/{plan.name}.wav")
    assert (rate, sound.shape) == (22050, (round(plan.frames / plan.fps * 22050),))
    with Image.open(root / f"video_frames/synth/{plan.name}/img_00001.jpg") as image:
        assert image.size == (144, 96)


def test_each_video_is_tested_in_one_fold_and_trains_in_the_others(root: Path) -> None:
    tested = Counter(row[0] for fold in (1, 2, 3) for row in read_list(root, "test", fold))
    trained = Counter(row[0] for fold in (1, 2, 3) for row in read_list(root, "train", fold))
    assert tested == {plan.name: 1 for plan in PLANS}
    assert trained == {plan.name: 2 for plan in PLANS}
    for fold in (1, 2, 3):
        test, train = ({row[0] for row in read_list(root, part, fold)} for part in ("test", "train"))
        assert not test & train


def test_the_lists_give_frames_and_rates(root: Path) -> None:
    rows = [row for fold in (1, 2, 3) for row in read_list(root, "test", fold)]
    assert sorted(rows) == sorted([p.name, str(p.frames), f"{p.fps:.6f}"] for p in PLANS)


def test_the_full_set_is_balanced_over_folds() -> None:
    plans = synth.plan_videos()
    for fold in (1, 2, 3):
        part = [plan for plan in plans if plan.fold == fold]
        assert Counter(p.category for p in part) == {"timbre": 15, "pulse": 3, "offscreen": 3, "silent": 3}
        assert sum(p.fps == 12.5 for p in part) == 6
        assert sorted(p.frames for p in part)[:2] == [6, 12]
        assert all(44 <= p.frames <= 56 for p in part if p.frames > 12)
    assert len({plan.name for plan in plans}) == 72


def test_the_same_seed_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    synth.make_synth(tmp_path, videos=VIDEOS, workers=1)
    # The H.264 encoder does not promise the same bytes twice.
    first, second = ({k: v for k, v in files(r).items() if not k.endswith(".mp4")} for r in (root, tmp_path))
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_another_seed_gives_another_set() -> None:
    paths = [synth.draw_video(seed, BY_NAME["timbre_01"])[0].paths for seed in (0, 1)]
    assert not np.allclose(paths[0], paths[1])


def test_a_video_does_not_depend_on_the_size_of_the_set() -> None:
    assert synth.plan_videos(videos=6) == synth.plan_videos(videos=72)[:6]


@pytest.mark.parametrize("name", ["timbre_01", "pulse_02"])
def test_the_observers_pooled_are_the_fixation_map(root: Path, name: str) -> None:
    notes = root / "annotations/synth" / name
    gaze = read_gaze(notes / "observers.csv", BY_NAME[name].frames, (96, 144), name)
    assert gaze.observers == tuple(f"{o:02d}" for o in range(1, synth_scenes.OBSERVERS + 1))
    assert len(gaze) == BY_NAME[name].frames * synth_scenes.OBSERVERS
    drawn = synth.draw_video(0, BY_NAME[name])[2]
    for frame in (1, 20, BY_NAME[name].frames):
        points = gaze.points(frame)
        np.testing.assert_allclose(points, drawn[:, frame - 1], atol=1e-9)
        pooled = np.zeros((96, 144), dtype=np.uint8)
        pooled[np.floor(points[:, 1]).astype(int), np.floor(points[:, 0]).astype(int)] = 1
        fixated = loadmat(notes / f"fixMap_{frame:05d}.mat")["eyeMap"]
        assert fixated.dtype == np.uint8
        np.testing.assert_array_equal(fixated, pooled)
        density = np.asarray(Image.open(notes / f"maps/eyeMap_{frame:05d}.jpg"))
        assert density.shape == (96, 144)
        assert density.max() >= 250  # 255 before JPEG
        assert density[pooled == 1].mean() > 4 * density.mean()


@pytest.mark.parametrize(("category", "label"), [("timbre", "1"), ("pulse", "1"), ("offscreen", "0"), ("silent", "0")])
def test_labels_tell_whether_the_looked_at_thing_sounds(root: Path, category: str, label: str) -> None:
    assert set((root / f"av_gt_label/synth/{category}_01.txt").read_text().split()) == {label}


def spectrum(sound: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Energy in 24 bands, scaled to unit length."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    edges = np.geomspace(100, 8000, 25) / 11025 * len(power)
    bands = np.array([power[int(a) : int(a) + max(1, int(b) - int(a))].sum() for a, b in pairwise(edges)])
    return np.asarray(np.sqrt(bands / bands.sum()))


def test_the_sound_tells_which_thing_is_looked_at(root: Path) -> None:
    times = np.arange(22050) / 22050
    rng = np.random.default_rng(99)
    templates = {kind: spectrum(synth_sounds.voice(rng, kind, times)) for kind in synth_scenes.KINDS}
    right = []
    for plan in [p for p in PLANS if p.category == "timbre"]:
        scene, _, _ = synth.draw_video(0, plan)
        sound, _ = soundfile.read(root / f"video_audio/synth/{plan.name}/{plan.name}.wav")
        step = round(22050 / plan.fps)
        for k in range(plan.frames - 3):
            if len(set(scene.sounding[k : k + 3])) == 1:
                heard = spectrum(sound[k * step : (k + 3) * step])
                guess = max(templates, key=lambda kind: templates[kind] @ heard)
                right.append(guess == scene.things[scene.sounding[k]].kind)
    assert len(right) > 50
    assert np.mean(right) > 0.99


def distance_to_things(name: str) -> NDArray[np.float64]:
    """Median distance of gaze to each thing, ``(things, T)`` in pixels."""
    scene, _, gaze = synth.draw_video(0, BY_NAME[name])
    away = np.linalg.norm(gaze[None] - scene.paths[:, None], axis=-1)
    return np.asarray(np.median(away, axis=1))


@pytest.mark.parametrize("name", ["timbre_09", "timbre_12", "pulse_03"])
def test_gaze_goes_to_the_thing_that_sounds(name: str) -> None:
    scene, _, _ = synth.draw_video(0, BY_NAME[name])
    nearest = distance_to_things(name).argmin(axis=0)
    settled = np.array([len(set(scene.sounding[max(k - 5, 0) : k + 1])) == 1 for k in range(scene.frames)])
    settled[:8] = False
    assert (nearest == scene.sounding)[settled].mean() > 0.98


def test_gaze_comes_late() -> None:
    scene, _, _ = synth.draw_video(0, BY_NAME["timbre_09"])
    nearest = distance_to_things("timbre_09").argmin(axis=0)
    change = int(np.flatnonzero(np.diff(scene.sounding))[1]) + 1
    assert (nearest[change : change + 2] == scene.sounding[change - 1]).all()


@pytest.mark.parametrize("name", ["offscreen_05", "silent_05"])
def test_gaze_goes_to_the_salient_thing_without_a_source_on_screen(name: str) -> None:
    scene, _, _ = synth.draw_video(0, BY_NAME[name])
    largest = int(np.argmax([thing.radius[0] for thing in scene.things]))
    assert (distance_to_things(name).argmin(axis=0) == largest)[10:].all()


def test_nothing_seen_tells_which_thing_of_a_timbre_video_sounds() -> None:
    for plan in [p for p in synth.plan_videos() if p.category == "timbre"]:
        scene, _, _ = synth.draw_video(0, plan)
        assert len({thing.kind for thing in scene.things}) == 3
        assert len({float(radius) for thing in scene.things for radius in thing.radius}) == 1
        speeds = np.linalg.norm(np.diff(scene.paths, axis=1), axis=-1).mean(axis=1) * plan.fps
        np.testing.assert_allclose(speeds, synth_scenes.SPEED)


def test_things_stay_in_the_frame_and_apart() -> None:
    for plan in synth.plan_videos():
        paths = synth.draw_video(0, plan)[0].paths
        assert np.linalg.norm(paths[[0, 0, 1]] - paths[[1, 2, 2]], axis=-1).min() > 22
        assert (paths > 14).all()
        assert (paths < (144 - 14, 96 - 14)).all()


def test_the_bursts_of_a_pulse_video_come_when_the_disc_is_largest() -> None:
    scene, _, _ = synth.draw_video(0, BY_NAME["pulse_01"])
    times = np.arange(scene.frames) / scene.fps
    at_beats = [np.interp(scene.beats, times, thing.radius).mean() for thing in scene.things]
    assert int(np.argmax(at_beats)) == scene.sounding[0]


def test_one_silent_video_is_digital_zero() -> None:
    tracks = [synth.draw_video(0, p)[1] for p in synth.plan_videos() if p.category == "silent"]
    assert 0 < sum(not track.any() for track in tracks) < len(tracks)
    assert max(float(np.abs(track).max()) for track in tracks) < 0.01


@pytest.mark.parametrize("name", ["timbre_01", "pulse_01", "offscreen_01"])
def test_the_video_file_holds_the_frames_and_the_sound(root: Path, name: str) -> None:
    path, plan = root / f"video_files/synth/{name}.mp4", BY_NAME[name]
    assert count_frames(path) == plan.frames
    assert frame_rate(path) == pytest.approx(plan.fps)
    image = np.asarray(Image.open(root / f"video_frames/synth/{name}/img_00012.jpg"), dtype=float)
    assert np.abs(read_pictures(path, [12])[0].permute(1, 2, 0).numpy() - image).mean() < 4
    sound, rate = read_track(path)
    assert len(sound) / rate == pytest.approx(plan.frames / plan.fps, abs=3 * 1024 / rate)


def test_the_sound_free_part_has_the_extracted_layout(root: Path) -> None:
    names = [str(p.relative_to(root / "synth_silent")) for p in sorted((root / "synth_silent").glob("*/*"))]
    assert names == ["train/0001", "train/0002", "train/0003", "val/0004"]
    folder = root / "synth_silent/train/0002"
    for part, suffix in (("images", "jpg"), ("maps", "png"), ("fixations", "png")):
        assert [p.name for p in sorted((folder / part).iterdir())] == [f"{k:04d}.{suffix}" for k in range(1, 33)]
    fixated = np.asarray(Image.open(folder / "fixations/0020.png"))
    assert set(np.unique(fixated)) == {0, 255}
    assert np.asarray(Image.open(folder / "maps/0020.png")).max() == 255


def test_the_full_sound_free_part_has_both_kinds_in_both_splits() -> None:
    counts = Counter((split, category) for split, _, category in synth.plan_silent())
    assert counts == {
        ("train", "silent"): 10,
        ("train", "spread"): 10,
        ("val", "silent"): 2,
        ("val", "spread"): 2,
    }


def test_the_marker_counts(root: Path) -> None:
    marker = json.loads((root / "synth.json").read_text())
    assert marker == {
        "version": synth.VERSION,
        "seed": 0,
        "videos": VIDEOS,
        "frames": sum(plan.frames for plan in PLANS),
        "silent_videos": 4,
        "silent_frames": 128,
    }
    assert synth.synth_is_complete(root)
    assert synth.synth_is_complete(root, seed=0, videos=VIDEOS)
    assert not synth.synth_is_complete(root, seed=1)
    assert not list(root.glob(".synth.staging"))


@pytest.mark.parametrize("text", ["", "[]", '{"version": 0, "seed": 0, "videos": 3}', '{"version": 1}'])
def test_a_bad_marker_is_no_set(tmp_path: Path, text: str) -> None:
    assert not synth.synth_is_complete(tmp_path)
    (tmp_path / "synth.json").write_text(text)
    assert not synth.synth_is_complete(tmp_path)


def test_ensure_leaves_a_whole_set_alone(root: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    synth.ensure_synth(root)
    assert before == {p: p.stat().st_mtime_ns for p in root.rglob("*")}


def test_an_interrupted_generation_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = synth.make_video, []

    def fails_at_the_second(stage: Path, seed: int, plan: synth.Plan) -> None:
        made.append(plan.name)
        if len(made) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(stage, seed, plan)

    (tmp_path / "video_frames/AVAD").mkdir(parents=True)
    monkeypatch.setattr(synth, "make_video", fails_at_the_second)
    with pytest.raises(OSError, match=rf"in the folder {tmp_path} \(No space left on device\)"):
        synth.make_synth(tmp_path, videos=3, workers=1)
    assert not synth.synth_is_complete(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".synth.lock", "video_frames"]
    monkeypatch.setattr(synth, "make_video", real)
    synth.ensure_synth(tmp_path, videos=3)
    assert synth.synth_is_complete(tmp_path, seed=0, videos=3)
    assert (tmp_path / "video_frames/AVAD").is_dir()


def test_a_killed_process_leaves_no_set_and_no_lock(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from avsal_bench.data.synth import making as synth\n"
        "synth._publish = lambda stage, root: os._exit(9)\n"
        "synth.make_synth(Path(sys.argv[1]), videos=3)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == 9
    assert (tmp_path / ".synth.staging/video_frames/synth/timbre_01").is_dir()
    assert not synth.synth_is_complete(tmp_path)
    synth.ensure_synth(tmp_path, videos=3)
    assert synth.synth_is_complete(tmp_path)
    assert not (tmp_path / ".synth.staging").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=f"in the folder {tmp_path / 'file' / 'data'}"):
        synth.ensure_synth(tmp_path / "file" / "data")


def test_fewer_videos_than_folds_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 3 videos"):
        synth.make_synth(tmp_path, videos=2)


def test_making_the_set_needs_no_torch() -> None:
    program = "import sys, avsal_bench.data.synth.making; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.slow
def test_the_full_set_takes_less_than_80_megabytes(tmp_path: Path) -> None:
    synth.ensure_synth(tmp_path)
    blocks = sum(-(-p.stat().st_size // 4096) if p.is_file() else 1 for p in tmp_path.rglob("*"))
    assert blocks * 4096 < 80e6
