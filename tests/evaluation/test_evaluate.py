"""`avsal evaluate` and `avsal protocols`: maps made by any code, with all that may be wrong with them."""

import csv
import hashlib
import shutil

import numpy as np
import pytest
import torch
from conftest import HOME, write_list
from dying import die
from golden_data import N_FRAMES, SPLITS, golden_mean, golden_scores, write_golden
from PIL import Image

from avsal_bench.bench.evaluate import Submission, evaluate
from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.cli import main
from avsal_bench.evaluation import score
from avsal_bench.evaluation.protocol import PROTOCOLS
from avsal_bench.leaderboard.tables import protocol_mean, split_mean
from avsal_bench.records import METRICS, read_record
from avsal_bench.training.module import SaliencyModule
from avsal_bench.workers import Workers


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_golden(tmp_path_factory.mktemp("golden"))


@pytest.fixture
def root(whole, tmp_path):
    """The golden videos with maps that a test may change; v3 has none of its first frame, and two beyond the list."""
    (tmp_path / "data").mkdir()
    for folder in ("video_frames", "annotations", "fold_lists"):
        (tmp_path / "data" / folder).symlink_to(whole / folder)
    shutil.copytree(whole / "maps", tmp_path / "data" / "maps")
    return tmp_path / "data"


@pytest.fixture
def run(root, tmp_path):
    """Type a command on the maps of that root."""
    board = tmp_path / "leaderboard"
    board.mkdir()
    shutil.copy(HOME / "leaderboard" / "published.csv", board)
    folders = ["--data-root", str(root), "--runs", str(tmp_path / "runs"), "--leaderboard", str(board)]

    def typed(command, *options, workers=0):
        words = ["--pred", str(root / "maps"), "--dataset", "AVAD", "--workers", str(workers)]
        return main([command, *words, *folders, *options])

    typed.records = board / "records"
    typed.work = tmp_path / "runs" / "evaluate"
    return typed


def record(run, fold=1, name="maps", protocol="stavis"):
    return read_record(run.records / protocol / "avad" / f"{name}-fold{fold}-seed0.json")


def test_golden_videos_score_as_in_the_authors_scripts(run, capsys):
    options = {1: [], 2: ["--allow-missing"], 3: []}
    for fold, more in options.items():
        assert run("evaluate", "--fold", str(fold), "--name", "mine", "--modality", "av", *more) == 0
    folds = [record(run, fold, "mine_av") for fold in (1, 2, 3)]
    for got, names in zip(folds, SPLITS, strict=True):
        assert [video.video for video in got.videos] == names
        for video in got.videos:
            assert video.scores == pytest.approx(golden_mean(video.video, True), abs=1e-6, rel=0)
    for metric in METRICS:
        row = "wellcond" if metric not in ("AUC-J", "KL") else ""
        expected = golden_scores("ALL", True)
        pooled, split = (
            expected["_".join(filter(None, (kind, row)))][metric] for kind in ("pooled_videos", "mean_of_splits")
        )
        assert protocol_mean(folds, metric) == pytest.approx(pooled, abs=1e-6)
        assert split_mean(folds, metric) == pytest.approx(split, abs=1e-6)
    out = capsys.readouterr().out
    assert "mine_av" in out
    assert "fold2-seed0.json" in out


def test_a_record_tells_the_whole_story(run):
    assert run("evaluate", "--fold", "2", "--allow-missing") == 0
    got = record(run, 2)
    assert (got.model, got.modality, got.preset, got.averaging, got.synthetic) == ("maps", "", "maps", "videos", False)
    assert got.counts() == {"frames": 29, "unfixated": 2, "constant": 2, "skipped": 1}
    assert got.provenance["maps"]["kinds"] == {"112x112 uint8": 29}
    assert got.provenance["maps"]["extra"] == 4, "two frames beyond the list, and the folders of two other videos"
    assert len(got.provenance["maps"]["sha256"]) == 64
    assert got.provenance["command"]


def test_a_record_tells_what_its_maps_were_trained_on_by_the_word_of_who_made_them(run):
    assert run("evaluate") == 0
    first = record(run)
    assert first.provenance["viewing"] == {"device": "eye", "viewers": "16", "heard": True}
    assert first.provenance["trained_on"]["known"] is False
    assert run("evaluate", "--trained-on", "AVAD,kinetics400") == 0  # the maps are not scored again
    said = record(run)
    assert said.provenance["trained_on"]["weights"] == [{"name": "said", "trained_on": ["avad/train/1", "kinetics400"]}]
    assert said.provenance["trained_on"]["training_part_seen"]
    assert (said.scores, said.provenance["started"]) == (first.scores, first.provenance["started"])


def test_findings_are_listed_by_name_before_any_work(run, root, capsys, monkeypatch):
    monkeypatch.setattr(score, "score_frames", None)
    maps = root / "maps" / "v1"
    (maps / "pred_sal_000007.png").unlink()
    (maps / "pred_sal_000008.png").unlink()
    (maps / "pred_sal_000012.png").write_bytes((maps / "pred_sal_000012.png").read_bytes()[:900])
    Image.fromarray(np.full((9, 9), 7, np.uint8)).save(maps / "pred_sal_000020.png")
    shutil.copy(maps / "pred_sal_000001.png", maps / "pred_sal_000031.png")
    assert run("evaluate") == 2
    out, error = capsys.readouterr()
    lines = out.splitlines()
    assert "  v1: frames 7-8" in lines
    assert any("v1/pred_sal_000012.png: unreadable image" in line for line in lines)
    assert "  v1/pred_sal_000031.png" in lines[lines.index("extra, maps of no frame of the test list, not used (2)") :]
    assert "  v3/" in lines, "a folder of another fold, or a typing error"
    assert "  v1/pred_sal_000020.png" in lines
    assert "--allow-missing" in error
    assert not run.records.exists() or not list(run.records.rglob("*.json"))
    (report,) = run.work.rglob("findings.txt")
    assert "v1: frames 7-8" in report.read_text()


def test_the_rest_is_scored_when_asked_and_the_record_says_so(run, root, capsys):
    maps = root / "maps" / "v1"
    (maps / "pred_sal_000007.png").unlink()
    (maps / "pred_sal_000012.png").write_bytes(b"no picture")
    assert run("evaluate", "--allow-missing") == 0
    video = record(run).videos[0]
    assert (video.frames, video.skipped) == (N_FRAMES - 2, 2)
    assert record(run).provenance["maps"]["unreadable"] == 1
    assert "2 skipped" in capsys.readouterr().out


def test_folders_of_training_videos_are_no_finding(run, root, capsys):
    lists = root / "fold_lists"
    copied = shutil.copytree(lists, root / "lists")
    lists.unlink()
    copied.rename(lists)
    write_list(root, "AVAD", "train", "_1", "v3 30 25\n")
    (root / "maps" / "v9").mkdir()
    shutil.copy(root / "maps" / "v1" / "pred_sal_000001.png", root / "maps" / "v9")
    assert run("evaluate") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  v9/" in lines
    assert "  v3/" not in lines


def test_a_video_without_any_map_is_missing_as_a_whole(run, root, capsys):
    shutil.rmtree(root / "maps" / "v2")
    assert run("evaluate") == 2
    assert "  v2: all 30 frames" in capsys.readouterr().out
    assert run("evaluate", "--allow-missing") == 0
    video = record(run).videos[1]
    assert (video.frames, video.skipped) == (0, 30)
    assert np.isnan(video.scores["CC"])
    assert record(run).scores["CC"] == record(run).videos[0].scores["CC"]


def test_extra_and_constant_maps_are_named_and_do_not_stop(run, root, capsys):
    maps = root / "maps" / "v1"
    Image.fromarray(np.full((9, 9), 7, np.uint8)).save(maps / "pred_sal_000020.png")
    Image.fromarray(np.full((9, 9), 7, np.uint8)).save(maps / "pred_sal_000099.png")
    assert run("evaluate") == 0
    out = capsys.readouterr().out
    assert "v1/pred_sal_000020.png" in out
    assert "v1/pred_sal_000099.png" in out
    video = record(run).videos[0]
    # Frame 11 of v1 has no ground truth, so no CC either.
    assert (video.frames, video.constant, video.undefined["CC"]) == (30, 1, 2)


def test_maps_on_their_side_are_refused_unless_any_shape_will_do(run, root, capsys):
    for path in sorted((root / "maps" / "v2").iterdir()):
        Image.fromarray(np.ascontiguousarray(np.asarray(Image.open(path)).T)).save(path)
    assert run("evaluate") == 2
    out, error = capsys.readouterr()
    assert "  v2: 320x240 in frames 1-30, ground truth 240x320; they look transposed" in out
    assert "--any-shape" in error
    assert run("evaluate", "--any-shape") == 0
    assert record(run).provenance["maps"]["misshapen"] == 1


def test_a_list_that_overlaps_on_purpose_is_told_in_the_record(run, root, capsys):
    copied = shutil.copytree(root / "fold_lists", root / "lists")
    (root / "fold_lists").unlink()
    copied.rename(root / "fold_lists")
    write_list(root, "AVAD", "train", "_1", f"v3 {N_FRAMES} 25\nv1 {N_FRAMES} 25\n")
    test = root / "fold_lists" / "AVAD_list_test_1_fps.txt"
    assert run("evaluate") == 2
    assert "train_1_fps.txt:2 and" in capsys.readouterr().err
    test.write_text(f"# overlaps\n{test.read_text()}")
    assert run("evaluate") == 0
    assert record(run).provenance["overlaps"] is True


def test_maps_of_all_videos_in_one_folder_score_as_in_folders(run, root):
    assert run("evaluate", "--name", "apart") == 0
    for name in ("v1", "v2", "v3"):
        for path in sorted((root / "maps" / name).iterdir()):
            path.rename(root / "maps" / f"{name}_{path.name}")
        (root / "maps" / name).rmdir()
    shutil.copy(root / "maps" / "v1_pred_sal_000001.png", root / "maps" / "v1_2_pred_sal_000001.png")
    (root / "maps" / "._v1_pred_sal_000001.png").write_bytes(b"of a Mac")
    assert run("evaluate", "--name", "together") == 0
    assert record(run, name="together").videos == record(run, name="apart").videos


def test_no_map_at_all_says_where_they_may_lie(run, root, capsys):
    shutil.rmtree(root / "maps")
    (root / "maps").mkdir()
    (root / "maps" / "notes.txt").write_text("nothing here")
    for words in ("no png, jpg, npy or film; the folder holds notes.txt", "no map of the 2 test videos, such as v1"):
        assert run("evaluate") == 2
        error = capsys.readouterr().err
        for word in (words, "notes.txt", "pred_sal_000001.jpg"):
            assert word in error
        (root / "maps" / "other.png").write_bytes(b"of no video")


def test_maps_that_count_from_zero(run, root, capsys):
    for name in ("v1", "v2"):
        for n in range(N_FRAMES):
            path = root / "maps" / name / f"pred_sal_{n + 1:06d}.png"
            path.rename(path.with_name(f"{n:04d}.png"))
    assert run("evaluate") == 2
    assert "the files seem to count from 0; if so, say --first 0" in capsys.readouterr().out
    assert run("evaluate", "--first", "0") == 0
    assert record(run).videos[0].scores == pytest.approx(golden_mean("v1", True), abs=1e-6, rel=0)


@pytest.mark.slow
def test_processes_do_not_change_a_score_and_a_killed_run_goes_on_with_the_next_video(run):
    assert run("evaluate", "--name", "one") == 0
    assert run("evaluate", workers=2) == 0
    first = record(run)
    assert record(run, name="one").videos == first.videos
    (folder,) = (p.parent for p in run.work.rglob("maps*/**/v1.json"))
    before = (folder / "v1.json").stat().st_mtime_ns
    for workers in (0, 2):
        for path in run.records.rglob("maps-*.json"):
            path.unlink()
        (folder / "v2.json").unlink()
        assert run("evaluate", workers=workers) == 0
        assert (folder / "v1.json").stat().st_mtime_ns == before
        assert record(run).videos == first.videos


def test_changed_maps_are_scored_again_and_never_passed_off_as_others(run, root, capsys):
    assert run("evaluate") == 0
    before = record(run)
    assert run("evaluate") == 0, "the same maps: the record is there"
    path = root / "maps" / "v1" / "pred_sal_000003.png"
    Image.fromarray(np.asarray(Image.open(path))[::-1]).save(path)
    assert run("evaluate") == 2
    assert "made of other maps" in capsys.readouterr().err
    assert record(run).videos == before.videos
    assert run("evaluate", "--force") == 0
    assert record(run).videos[0].scores != before.videos[0].scores
    assert record(run).videos[1] == before.videos[1]


def test_an_error_in_a_process_keeps_its_text(quick_processes):
    with Workers(2) as workers, pytest.raises(ValueError, match=r"bad file x\.png"):
        list(workers.run(die, [1, 1]))


def test_a_process_that_dies_says_what_to_do(quick_processes):
    with Workers(2) as workers, pytest.raises(OSError, match="run again to go on, with fewer --workers"):
        list(workers.run(die, [0, 0]))


def test_missing_ground_truth_is_named(run, root, capsys):
    (root / "annotations").unlink()
    (root / "annotations" / "AVAD").mkdir(parents=True)
    assert run("evaluate") == 2
    assert "missing file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dataset", "AVDA"], "unknown data set 'AVDA'; did you mean"),
        (["--protocol", "stavs"], "unknown protocol 'stavs'; did you mean 'stavis'?"),
        (["--name", "a/b"], "--name 'a/b': a name has letters"),
        (["--pred", "/nowhere/maps"], "no folder of maps /nowhere/maps"),
    ],
)
def test_bad_input_is_one_line(run, capsys, options, message):
    assert run("evaluate", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1


def test_names_may_not_leave_the_folder(tmp_path):
    with pytest.raises(ValueError, match=r"name '\.\./x'"):
        Submission(tmp_path, "../x", "avad", 1)


def _noise(self, batch, index):
    """A map of noise for each window, the same for the same frame."""
    seeds = [hash_of(f"{video}/{frame}") for video, frame in zip(batch["video"], batch["frame"], strict=True)]
    return torch.stack([torch.rand(24, 32, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


def hash_of(text):
    return int(hashlib.sha1(text.encode()).hexdigest()[:8], 16)


@pytest.mark.parametrize("form", ["png", "npy"])
def test_the_maps_that_a_bench_kept_score_as_the_bench_did(space, monkeypatch, form):
    monkeypatch.setattr(SaliencyModule, "predict_step", _noise)
    job = Job("centre", "", 1, 0, "smoke", "stavis")
    (path,) = run_job(job, space, Machine(devices=1, keep_maps=form))
    (maps,) = space.runs.rglob("maps")
    assert {p.suffix for p in maps.rglob("*.*")} == {f".{form}"}
    again = evaluate(Submission(maps, "again", "synth", 1), PROTOCOLS["stavis"], space, Workers(0))
    ours, theirs = read_record(path), read_record(again)
    assert ours.videos == theirs.videos
    assert ours.scores == theirs.scores
    assert theirs.synthetic


# Side by side.


@pytest.mark.slow
def test_protocols_side_by_side(run, tmp_path, capsys):
    table = tmp_path / "table.csv"
    assert run("evaluate") == 0
    capsys.readouterr()
    assert run("protocols", "--csv", str(table)) == 0
    out = capsys.readouterr().out
    with table.open() as file:
        rows = {row["protocol"]: row for row in csv.DictReader(file)}
    assert next(iter(rows)) == "stavis"
    assert set(rows) == set(PROTOCOLS)
    for metric, value in record(run).scores.items():
        assert float(rows["stavis"][metric]) == pytest.approx(value, abs=1e-9)
    assert rows["dhf1k"]["sAUC"] != rows["stavis"]["sAUC"]
    difference = float(rows["raw"]["CC"]) - float(rows["stavis"]["CC"])
    assert f"({difference:+.4f})" in out
    assert 0.5 < float(rows["crowdsal"]["AUC-J-mit"]) <= 1
    assert rows["stavis"]["AUC-J-mit"] == ""
    assert "AUC-J-mit" in out
    assert "Maps in 8 bits are taken as saved already" in out
    assert not list(run.records.rglob("*raw*"))


def test_choices_change_one_thing_at_a_time(run, root, tmp_path, capsys):
    frames = 8  # every choice scores them all anew
    copied = shutil.copytree(root / "fold_lists", root / "lists")
    (root / "fold_lists").unlink()
    copied.rename(root / "fold_lists")
    write_list(root, "AVAD", "test", "_1", f"v1 {frames} 25\nv2 {frames} 25\n")
    for name in ("v1", "v2"):
        for path in sorted((root / "maps" / name).iterdir()):
            np.save(path.with_suffix(".npy"), np.asarray(Image.open(path), np.float32) / 700)
            path.unlink()
    table = tmp_path / "table.csv"
    assert run("protocols", "--choices", "--csv", str(table)) == 0
    assert "8 bits are taken" not in capsys.readouterr().out
    with table.open() as file:
        rows = {row["protocol"]: row for row in csv.DictReader(file)}
    base = rows["stavis"]
    assert rows["no blur"]["CC"] != base["CC"]
    assert rows["negatives of the whole set"]["CC"] == base["CC"]
    assert rows["negatives of the whole set"]["sAUC"] != base["sAUC"]
    assert abs(float(rows["not stored in 8 bits"]["CC"]) - float(base["CC"])) < 1e-3
