"""MVVA on a small tree: presets, scores of maps, and a training that hears, with contextual NSS of its maps."""

import mvva_trees as trees
import pytest
from PIL import Image

from avsal_bench import evaluate
from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli import main
from avsal_bench.leaderboard.tables import folds_of
from avsal_bench.records import read_record

NAMES = ("82", "005", "103", "212", "301")
#: A training of seconds.
SMALL = ("--train", "mvva", "--frames", "8", "--size", "64x96", "--epochs", "1")
WORDS = ("network.width=0.25", "network.audio_width=0.25", "clips_per_video=1", "val_stride=8")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("mvva")
    trees.write_authors(root, NAMES)
    trees.write_lists(root, NAMES)
    return root


@pytest.fixture
def space(root, tmp_path):
    return Workspace(tmp_path, root, tmp_path / "synth", tmp_path / "runs", tmp_path / "board")


@pytest.mark.parametrize("preset", ["mvva", "published_mvva"])
def test_vinet_s_has_presets_of_the_first_fold(space, preset):
    recipe = Job("vinet_s", "v", 1, 0, preset, "stavis").recipe(space)
    assert recipe.test == ("mvva",)
    assert recipe.folds == (1,)
    assert [stage.data for stage in recipe.stages] == ([] if recipe.weights else [("dhf1k",), ("mvva",)])


def test_vinet_a_is_trained_by_the_loss_of_its_script(space):
    stages = Job("vinet_a", "v", 1, 0, "mvva", "stavis").recipe(space).stages
    assert stages[-1].data == ("mvva",)
    assert stages[-1].loss == {"kl": 1.0, "cc": -0.5}
    assert stages[-1].epochs == 120


def test_maps_of_every_fold_are_scored_and_of_no_other(root, tmp_path):
    folder = tmp_path / "pred" / "301"
    folder.mkdir(parents=True)
    for n in range(1, trees.N + 1):
        Image.fromarray(trees.saliency("301", n)).save(folder / f"{n:05d}.png")
    record = evaluate(tmp_path / "pred", "mvva", fold=5, data_root=root, progress=False)
    assert record.scores["CC"] > 0.95
    assert folds_of(record) == (1, 2, 3, 4, 5)
    with pytest.raises(ValueError, match="fold: expected 1, 2 or 3, got 4; mvva_random has no other"):
        evaluate(tmp_path / "pred", "mvva_random", fold=4, data_root=root)


@pytest.mark.slow
def test_a_network_that_hears_trains_on_it_and_is_analysed_on_faces(space, tmp_path):
    job = Job("stavis", "av", 4, 0, "smoke", "stavis", WORDS, own=SMALL)
    paths = run_job(job, space, Machine(devices=1, workers=0, keep_maps="png", logger=("csv",)))
    record = read_record(next(path for path in paths if "muted" not in path.name))
    assert [video.video for video in record.videos] == ["212"]
    assert record.fold == 4
    assert record.videos[0].consistent_frames == trees.N // 2
    assert record.videos[0].places == {}
    muted = read_record(next(path for path in paths if "muted" in path.name))
    assert {"source", "frame"} <= muted.videos[0].places.keys()
    assert "places" in muted.provenance["made_of"]
    folders = ["--data-root", str(space.data_root), "--runs", str(space.runs), "-o", str(tmp_path / "analysis")]
    assert main(["analyse", str(paths[0]), *folders]) == 0
    text = (tmp_path / "analysis" / "analysis.md").read_text(encoding="utf-8")
    assert "| sounding thing | other faces |" in " ".join(text.split())
