"""`avsal show`: which videos and frames are shown, what is refused, and films and a grid of trained networks."""

import math
from dataclasses import replace

import pytest
import torch
from conftest import HOME, TINY
from made_records import make
from PIL import Image

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli import main
from avsal_bench.leaderboard.films.film_form import read_films
from avsal_bench.records import read_record, write_record
from avsal_bench.studies.showing.chosen_videos import told_videos
from avsal_bench.studies.showing.map_grid import Column, _most_apart
from avsal_bench.studies.showing.recorded_network import Recorded, why_no_network

MACHINE = Machine(devices=1, logger=("csv",))
SHORT = (*TINY, "stages.audiovisual.epochs=1", "clips_per_video=1")


def saved(folder, values, sound="original", **changes):
    record = make(values, "avrsp", "av", "synth", sound=sound, **changes)
    path = folder / f"avrsp_av-fold1-seed0{'' if sound == 'original' else '-' + sound}.json"
    write_record(path, record)
    return path, record


def test_where_hearing_gains_most_loses_most_and_a_middling_video(tmp_path):
    path, record = saved(tmp_path, {"a": 0.5, "b": 0.6, "c": 0.7})
    saved(tmp_path, {"a": 0.55, "b": 0.2, "c": 0.6}, "muted")
    assert told_videos(record, path) == {
        "b": "hearing gains most: +0.400 CC",
        "a": "hearing loses most: -0.050 CC",
        "c": "a middling gain: +0.100 CC",
    }


def test_without_a_record_with_the_sound_muted_scores_choose(tmp_path):
    path, record = saved(tmp_path, {"a": 0.5, "b": 0.6, "c": math.nan})
    assert told_videos(record, path) == {"b": "the best: CC 0.600", "a": "the worst: CC 0.500"}


def test_muted_maps_of_other_weights_choose_nothing(tmp_path):
    path, record = saved(tmp_path, {"a": 0.5, "b": 0.6})
    saved(tmp_path, {"a": 0.1, "b": 0.1}, "muted", weights={"file": "best.ckpt", "sha256": "0" * 64})
    assert list(told_videos(record, path)) == ["b", "a"]
    assert "best" in told_videos(record, path)["b"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preset": "maps"}, "avsal predict VIDEO --weights W -o FOLDER --view"),
        ({"sound": "muted"}, "name the record with the true sound"),
        ({"model": "human_infinite"}, "is of people"),
    ],
)
def test_records_without_a_network_are_told_what_to_do(changes, said):
    assert said in why_no_network(
        make({"a": 0.5}, **{"model": "avrsp", "modality": "av", "dataset": "synth"} | changes)
    )


def test_frames_on_which_networks_disagree_most_come_from_several_videos(synth_root, space):
    video = space_videos(space)[0]
    columns = [
        Column(replace(video, name=name), frame, torch.zeros(2, 4, 4), apart)
        for name, frame, apart in (("a", 1, 0.9), ("a", 5, 0.8), ("b", 2, 0.3), ("c", 1, math.nan))
    ]
    chosen = [(c.video.name, c.frame) for c in _most_apart(columns, 3)]
    assert chosen == [("a", 1), ("b", 2), ("c", 1)]


def space_videos(space):
    from avsal_bench.bench.sets import videos_of

    return videos_of(space, "synth", "test", 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name one RECORD"),
        (["a.json", "--compare", "b.json"], "name one RECORD"),
        (["a.json"], "give the result a name with -o: a new folder"),
        (["a.json", "-o", "x", "--frames", "a:1"], "--frames does not go with films"),
        (["--compare", "a.json", "-o", "x.png", "--videos", "a"], "--videos does not go with --compare"),
        (["--compare", "a.json", "-o", "x.jpg"], "written as .png, .svg or .pdf"),
        (["a.json", "-o", "x", "--into-leaderboard"], "leave out -o"),
        (["nowhere.json", "-o", "x"], "nowhere.json"),
        (["a.json", "-o", "x", "--sound", "mutd"], "did you mean"),
    ],
)
def test_what_nobody_can_mean(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["show", *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists(), "nothing is left"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, synth_root):
    """Networks that see, hear, and need no training, with their records."""
    folder = tmp_path_factory.mktemp("trained")
    space = Workspace(HOME, None, synth_root, folder / "runs", folder / "leaderboard")
    paths = {
        "av": run_job(Job("avrsp", "av", 1, 0, "smoke", "stavis", SHORT), space, MACHINE)[0],
        "v": run_job(Job("avrsp", "v", 1, 0, "smoke", "stavis", SHORT), space, MACHINE)[0],
        "mep": run_job(Job("mep", "", 1, 0, "smoke", "stavis"), space, MACHINE)[0],
    }
    return space, paths


def words_of(space):
    folders = {"synth-root": space.synth_root, "runs": space.runs, "leaderboard": space.leaderboard}
    return [word for name, folder in folders.items() for word in (f"--{name}", str(folder))] + ["--workers", "0"]


@pytest.mark.slow
def test_films_and_a_grid_of_trained_networks(trained, tmp_path, capsys):
    space, paths = trained
    look = tmp_path / "look"
    assert main(["show", str(paths["av"]), "-o", str(look), *words_of(space)]) == 0
    films = read_films(look)
    record = read_record(paths["av"])
    told = {v.video: v.scores for v in record.videos}
    assert {film.video for film in films.films} <= told.keys()
    for film in films.films:
        assert list(film.curves["CC"]) == ["true sound", "muted", "swapped"]
        values = [v for v in film.curves["CC"]["true sound"] if v is not None]
        assert sum(values) / len(values) == pytest.approx(told[film.video]["CC"], abs=1e-3)
        assert (look / film.file).stat().st_size < 300_000
        assert len(film.panes) == 6
    page = (look / "index.html").read_bytes()
    assert main(["show", str(paths["av"]), "-o", str(look), *words_of(space)]) == 0
    assert f"{len(films.films)} of {len(films.films)} film" in capsys.readouterr().out
    assert (look / "index.html").read_bytes() == page

    assert main(["show", str(paths["av"]), "-o", str(look), "--videos", "nobody", *words_of(space)]) == 2
    assert "unknown test video of synth 'nobody'" in capsys.readouterr().err
    assert main(["show", str(paths["v"]), "-o", str(look), *words_of(space)]) == 2
    assert "holds films made otherwise" in capsys.readouterr().err

    grid = tmp_path / "grid.png"
    compared = ["--compare", *map(str, paths.values())]
    assert main(["show", *compared, "-o", str(grid), "--columns", "2", *words_of(space)]) == 0
    with Image.open(grid) as picture:
        assert picture.width > 500
    whole = grid.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorded, "maps", None)  # nothing is predicted again
        patch.chdir(tmp_path)
        rows = ["--compare", "avrsp/av", "avrsp/v", "synth/mep"]
        assert main(["show", *rows, "-o", str(grid), "--columns", "2", *words_of(space)]) == 0
    assert grid.read_bytes() == whole
    video = films.films[0].video
    for frames, said in (
        (f"{video}:0", "has frames 1 to"),
        (f"{video}:x", "expected VIDEO:N"),
        ("no:1", "unknown test video"),
    ):
        assert main(["show", *compared, "-o", str(grid), "--frames", frames, *words_of(space)]) == 2
        assert said in capsys.readouterr().err
    for suffix in (".svg", ".pdf"):
        named = ["--frames", f"{video}:3", "-o", str(grid.with_suffix(suffix))]
        assert main(["show", *compared, *named, *words_of(space)]) == 0
        assert grid.with_suffix(suffix).stat().st_size > 1000

    for path in space.runs.glob("stages/*/best.ckpt"):
        path.unlink()
    assert main(["show", str(paths["av"]), "-o", str(tmp_path / "gone"), *words_of(space)]) == 2
    said = capsys.readouterr().err
    assert "its weights are gone" in said
    assert not (tmp_path / "gone").exists()
