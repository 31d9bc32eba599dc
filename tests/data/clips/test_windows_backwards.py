"""Windows of a video played backwards are the mirror of those of the video, and its record says so."""

from dataclasses import replace

import pytest
import torch
from tiny_networks import filled_mspi

from avsal_bench.bench import stages
from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.stages import network_label, trainings
from avsal_bench.bench.workspace import workspace
from avsal_bench.cli import main
from avsal_bench.data.windows import steps, training_targets, window
from avsal_bench.leaderboard.analysis import find_results
from avsal_bench.leaderboard.by_frame.packed_scores import unpack
from avsal_bench.models import Clips, Memory, Place
from avsal_bench.records import read_record
from avsal_bench.spec import ClipSpec
from avsal_bench.studies.showing.recorded_network import recorded_network
from avsal_bench.training.recipe import Recipe

FORMS = [(3, "last", "reverse", 1), (4, "last", "repeat", 1), (4, "middle", "reverse", 2), (4, 3, "reverse", 2)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n", [1, 3, 10])
def test_each_window_is_the_mirror_of_another_and_predicts_its_frame(form, n):
    for frame in range(1, n + 1):
        forwards = window(n + 1 - frame, n, *form)
        found = window(frame, n, *form, True)
        assert found.frames == tuple(n + 1 - one for one in forwards.frames)
        assert found.target == frame
        index = form[0] - 1 if form[1] == "last" else form[0] // 2
        if form[1] in ("last", "middle") and 5 < frame < n - 5:
            assert found.frames[index] == frame


@pytest.mark.parametrize("form", FORMS)
def test_each_frame_is_there_when_its_window_comes(form):
    there, seen = set(), []
    for step in steps(range(1, 31), 30, *form, True, size=4):
        there = {frame for frame in there if frame >= step.first} | set(step.fresh)
        for one in step.windows:
            assert set(one.frames) <= there, one
            seen.append(one.target)
    assert seen == list(range(1, 31))


def test_in_the_middle_of_a_video_every_window_runs_backwards():
    assert all(window(frame, 40, 8, backwards=True).reverse for frame in range(1, 33))
    assert not any(window(frame, 40, 8, backwards=True).reverse for frame in range(34, 41))


def test_trainings_run_forwards_all_the_same():
    spec = ClipSpec(8, (8, 8), backwards=True)
    assert training_targets(30, *spec.form) == training_targets(30, *replace(spec, backwards=False).form)


def test_a_network_that_goes_by_frames_cannot():
    with pytest.raises(ValueError, match="backwards: a network that goes by frames"):
        ClipSpec(8, (8, 8), walk="frames", backwards=True)


def test_the_same_weights_have_another_name_and_another_place(space):
    both = [Job("mspi", "av", 1, 0, "smoke", "stavis", words) for words in ((), ("test_backwards=true",))]
    recipes = [job.recipe(space) for job in both]
    names = [network_label(job, recipe) for job, recipe in zip(both, recipes, strict=True)]
    assert names == ["mspi-s3d", "mspi-s3d-backwards"]
    assert len({trainings(job, r, space)[-1].folder for job, r in zip(both, recipes, strict=True)}) == 1
    assert (
        len({stages.test_folder(job, r, space, "synth", "original") for job, r in zip(both, recipes, strict=True)}) == 2
    )
    assert ["test_backwards" in recipe.plain() for recipe in recipes] == [False, True], "older fingerprints stay"
    assert all(Recipe.from_plain(recipe.plain()) == recipe for recipe in recipes)
    with pytest.raises(ValueError, match="test_backwards"):
        Job("mspi", "av", 1, 0, "smoke", "stavis", ("test_backwards=maybe",)).recipe(space)


@pytest.mark.slow
@torch.no_grad()
def test_a_network_that_shares_what_it_saw_predicts_each_window_backwards_as_alone():
    net = filled_mspi(size=(32, 32), modality="v").double()
    film = torch.randn(3, 20, 32, 32, generator=torch.Generator().manual_seed(0)).double()
    places = [Place("film", window(frame, 20, 16, backwards=True).frames) for frame in range(1, 21)]
    got, want, memory = [], [], Memory()
    for start in range(0, 20, 3):
        some = places[start : start + 3]
        clips = torch.stack([film[:, [number - 1 for number in place.frames]] for place in some])
        want.append(net(clips))
        got.append(net.predict(Clips.of(clips, some), None, memory))
    torch.testing.assert_close(torch.cat(got), torch.cat(want), rtol=0, atol=1e-10)
    forwards = net(film[None, :, :16])
    assert (forwards - net(film[None, :, :16].flip(2))).abs().max() > 1e-4, "the direction is seen"


@pytest.mark.slow
def test_a_test_backwards_is_a_row_of_its_own_and_a_network_by_frames_is_refused_first(tmp_path, synth_root, capsys):
    folders = ["--runs", str(tmp_path / "runs"), "--leaderboard", str(tmp_path / "board")]
    words = ["--preset", "smoke", "--fold", "1", "--synth-root", str(synth_root), *folders]
    assert main(["run", "unisal", *words, "--set", "test_backwards=true"]) == 2
    assert "unisal goes through a video frame by frame, so it cannot be tested backwards" in capsys.readouterr().err
    for more in ([], ["--set", "test_backwards=true"]):
        assert main(["run", "centre", *words, *more]) == 0
    records = {path.name: read_record(path) for path in (tmp_path / "board").rglob("*.json")}
    assert sorted(records) == ["centre-backwards-fold1-seed0.json", "centre-fold1-seed0.json"]
    back, forth = (records[name] for name in sorted(records))
    assert back.scores == forth.scores, "one map for all windows"
    assert back.recipe["test_backwards"] is True
    assert "test_backwards" not in forth.recipe
    tests = [find_results(record, tmp_path / "runs") for record in (back, forth)]
    assert [folder.name for folder in tests] == [
        "stavis-synth-fold1-original-backwards",
        "stavis-synth-fold1-original",
    ]
    space = workspace(synth_root=synth_root, runs=tmp_path / "runs", leaderboard=tmp_path / "board")
    for record, name in ((back, sorted(records)[0]), (forth, sorted(records)[1])):
        [path] = (tmp_path / "board").rglob(name)
        again = recorded_network(path, space, Machine(devices=1), "cpu")
        assert again.spec.backwards is (record is back), "what is shown of a record is what was tested"
        assert unpack(path, record).keys() == {video.video for video in record.videos}
