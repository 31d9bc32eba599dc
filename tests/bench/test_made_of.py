"""Whatever is kept is used only for the data, list, recipe, protocol, weights and code that it was made of."""

import dataclasses
import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import HOME, write_list, write_video
from PIL import Image
from scipy.io import savemat

from avsal_bench.bench import made_of
from avsal_bench.bench.computing.silent_norms import SilentNorms
from avsal_bench.bench.evaluate import Submission, evaluate
from avsal_bench.bench.job import Job
from avsal_bench.bench.launch.state import is_complete
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.made_of import of_test, of_training
from avsal_bench.bench.run import forget, run_job
from avsal_bench.bench.stages import test_folder as results_of
from avsal_bench.bench.stages import trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli import main
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.evaluation import score_videos
from avsal_bench.evaluation.protocol import PROTOCOLS
from avsal_bench.kept import sources
from avsal_bench.kept.sources import closure
from avsal_bench.records import read_record
from avsal_bench.training.building import MODULES
from avsal_bench.workers import Workers

CENTRE = Job("centre", "", 1, 0, "paper", "stavis", (), ("avad",))
MEP = dataclasses.replace(CENTRE, model="mep")
#: Its recipe trains a visual stage and one that hears, on all sets; here on one.
VISUAL = "stages.visual={data: [avad], epochs: 6, modality: v, start: null}"
ON_ONE_SET = (VISUAL, "stages.audiovisual.data=[avad]", "test=[avad]")
HEARING = Job("avrsp", "av", 1, 0, "smoke", "stavis", ON_ONE_SET)
ONE = Machine(workers=0)


@pytest.fixture(scope="module")
def _made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    for n in range(4):
        write_video(root, "AVAD", f"video{n}", 6, seed=n)
    write_list(root, "AVAD", "test", "_1", "video0 6 25\nvideo1 6 25\n")  # two, so that sounds can be swapped
    write_list(root, "AVAD", "train", "_1", "video2 6 25\nvideo3 6 25\n")
    labels = root / "av_gt_label" / "AVAD"
    labels.mkdir(parents=True)
    for n in range(4):
        (labels / f"video{n}.txt").write_text("1\n0\n1\n0\n1\n1\n")
    return root


@pytest.fixture
def root(_made, tmp_path):
    return shutil.copytree(_made, tmp_path / "data")


@pytest.fixture
def space(root, tmp_path):
    return Workspace(HOME, root, tmp_path / "synth", tmp_path / "runs", tmp_path / "board")


def annotation(root, video="video0", frame=3):
    return root / "annotations" / "AVAD" / video / f"fixMap_{frame:05d}.mat"


def change_fixations(root, video="video0"):
    fixated = np.zeros((48, 64), np.uint8)
    fixated[5, 5] = 1
    savemat(annotation(root, video), {"eyeMap": fixated}, do_compression=True)


def change_density(root, video="video0"):
    path = annotation(root, video).parent / "maps" / "eyeMap_00003.jpg"
    image = np.asarray(Image.open(path)).copy()
    Image.fromarray(image[::-1, ::-1].copy()).save(path)


def change_frame(root, video="video0"):
    path = root / "video_frames" / "AVAD" / video / "img_00002.jpg"
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)


def change_sound(root, video="video0"):
    path = root / "video_audio" / "AVAD" / video / f"{video}.wav"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def change_labels(root, video="video0"):
    (root / "av_gt_label" / "AVAD" / f"{video}.txt").write_text("1\n1\n1\n0\n1\n1\n")


def relist(part, text):
    return lambda root: write_list(root, "AVAD", part, "_1", text)


def touch_all(root):
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (1e9, 1e9))


def of(job, space, sound="original"):
    return of_test(job, job.recipe(space), space, "avad", sound)


def changed(before, after):
    assert before.keys() == after.keys()
    return {part for part in before if before[part] != after[part]}


STAGES = ("visual", "audiovisual")


def both(*parts):
    return {f"{stage}: {part}" for stage in STAGES for part in parts}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (touch_all, set()),
        (change_fixations, {"ground truth"}),
        (change_density, {"ground truth"}),
        (change_frame, {"frames"}),
        (change_sound, {"sound"}),
        (change_labels, {"labels"}),
        (lambda root: (root / "av_gt_label" / "AVAD" / "video0.txt").unlink(), {"labels"}),
        (relist("test", "video0 5 25\nvideo1 6 25\n"), {"list", "frames", "ground truth"}),
        (relist("test", "video0 6 24\nvideo1 6 25\n"), {"list"}),
        (relist("test", "video1 6 25\nvideo0 6 25\n"), set()),
        (relist("train", "video3 6 25\nvideo2 6 25\n"), both("list", "frames", "maps") | {"audiovisual: sound"}),
        (lambda root: change_density(root, "video2"), both("maps")),
        (lambda root: change_frame(root, "video2"), both("frames")),
        (lambda root: change_sound(root, "video2"), {"audiovisual: sound"}),
    ],
)
def test_a_record_of_a_network_that_hears_sees_each_part_that_changes(root, space, change, expected):
    before = of(HEARING, space)
    change(root)
    after = of(HEARING, space)
    assert {part for part in changed(before.whole, after.whole) if "fixations" not in part} == expected
    of_test_list = {part for part in expected if ": " not in part}
    moved = {video: changed(before.videos[video], after.videos[video]) for video in before.videos}
    assert moved == {"video0": of_test_list, "video1": set()}, "no video counts but the one that changed"


def test_a_copied_root_is_the_same_data_and_another_root_is_not(root, space, tmp_path):
    before = of(HEARING, space)
    copied = shutil.copytree(root, tmp_path / "copied")
    assert of(HEARING, dataclasses.replace(space, data_root=copied)) == before
    change_fixations(copied)
    other = of(HEARING, dataclasses.replace(space, data_root=copied))
    assert changed(before.whole, other.whole) == {"ground truth"}


@pytest.mark.parametrize("sound", ["muted", "shifted", "noise"])
def test_sounds_of_ones_own_and_of_another(root, space, sound):
    own = of(HEARING, space, sound)
    given = {other: of(HEARING, space, other) for other in ("swapped", "matched")}
    assert len({made.videos["video0"]["sound"] for made in (own, *given.values())}) == 3
    change_sound(root, "video1")
    assert changed(own.videos["video0"], of(HEARING, space, sound).videos["video0"]) == set()
    for other, made in given.items():
        assert changed(made.videos["video0"], of(HEARING, space, other).videos["video0"]) == {"sound"}


def test_negatives_of_the_whole_set_see_all_fixations_and_the_order(root, space):
    job = dataclasses.replace(CENTRE, protocol="dhf1k")
    before = of(job, space)
    change_fixations(root, "video1")
    assert changed(before.videos["video0"], of(job, space).videos["video0"]) == {"negatives"}
    before = of(job, space)
    relist("test", "video1 6 25\nvideo0 6 25\n")(root)
    assert changed(before.whole, of(job, space).whole) == {"negatives"}


def test_the_protocol_counts_in_full(space, monkeypatch):
    before = of(CENTRE, space)
    other = dataclasses.replace(PROTOCOLS["stavis"], empty="nan")
    monkeypatch.setitem(PROTOCOLS, "stavis", other)
    assert changed(before.whole, of(CENTRE, space).whole) == {"protocol"}


def test_code_and_libraries_count(space, monkeypatch):
    before = of(HEARING, space).whole
    monkeypatch.setattr(made_of, "code_of", lambda *parts, **options: "other")
    assert changed(before, of(HEARING, space).whole) == {"code", "visual: code", "audiovisual: code"}
    monkeypatch.undo()
    real = sources._release
    monkeypatch.setattr(sources, "_release", lambda name: "99" if name == "av" else real(name))
    assert changed(before, of(HEARING, space).whole) == {"library av", *both("library av")}


@pytest.mark.parametrize("training", MODULES)
def test_the_code_of_a_stage_is_that_of_what_trains_it(space, training):
    counted = files_of(training)
    assert MODULES[training].__module__ in counted
    others = {module.__module__ for module in MODULES.values()} - counted
    assert MODULES["denoising"].__module__ in others or training == "denoising"  # and of nothing else


def test_training_on_silence_counts_what_keeps_its_norms(space):
    assert SilentNorms.__module__ in files_of("clips", hears="muted")
    assert SilentNorms.__module__ not in files_of("clips")
    assert SilentNorms.__module__ not in files_of("clips", "v", hears="muted")  # it is the stage that hears nothing


def files_of(training, modality="av", **keys):
    """Modules whose code decides what a stage gives."""
    given = []
    stage = SimpleNamespace(training=training, **{"hears": "original", **keys})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(made_of, "code_of", lambda *parts, files, without: given.extend(parts))
        made_of._code_of_stage(
            SimpleNamespace(stage=stage, model="vinet", options={"modality": modality}), SaliencyDataModule
        )
    return closure(frozenset(part.__module__ for part in given)).keys()


def test_a_baseline_of_training_maps_sees_them(root, space):
    before = of(MEP, space)
    change_density(root, "video2")
    assert changed(before.whole, of(MEP, space).whole) == {"training maps"}
    before = of(CENTRE, space)
    change_density(root, "video2")
    assert of(CENTRE, space) == before


def test_the_weights_under_test_count(space):
    best = trainings(HEARING, HEARING.recipe(space), space)[-1].best
    best.parent.mkdir(parents=True)
    best.write_bytes(b"weights")
    before = of(HEARING, space)
    best.write_bytes(b"other")
    after = of(HEARING, space)
    assert changed(before.whole, after.whole) == changed(before.videos["video0"], after.videos["video0"]) == {"weights"}


# Jobs.


@pytest.fixture
def scored(monkeypatch):
    """Names of the videos that are scored, one after the other."""
    names, real = [], score_videos.ScoreVideos._finish

    def finish(self, video, *rest):
        names.append(video.name)
        real(self, video, *rest)

    monkeypatch.setattr(score_videos.ScoreVideos, "_finish", finish)
    return names


def test_a_record_of_other_data_is_refused_by_name_and_told_what_to_do(root, space, scored, capsys):
    (path,) = run_job(CENTRE, space, ONE)
    assert scored == ["video0", "video1"]
    kept = read_record(path).provenance["made_of"]
    assert {"ground truth", "frames", "list", "recipe", "protocol", "code", "library torch"} <= kept.keys()
    touch_all(root)
    run_job(CENTRE, space, ONE)
    assert is_complete(CENTRE, space)
    assert len(scored) == 2
    assert "all records are there" in capsys.readouterr().out
    change_fixations(root)
    with pytest.raises(ValueError, match=r"centre-fold1-seed0\.json was made of other .*: ground truth; .*--force"):
        run_job(CENTRE, space, ONE)
    assert not is_complete(CENTRE, space)
    path.unlink()
    run_job(CENTRE, space, ONE)
    assert scored[2:] == ["video0"], "the other one is still of the same data"


def test_a_test_that_goes_on_keeps_all_maps_where_they_are_asked_for(space, scored):
    keeping = dataclasses.replace(ONE, keep_maps="png")
    (path,) = run_job(CENTRE, space, ONE)
    path.unlink()  # as if it had been interrupted before the record
    run_job(CENTRE, space, keeping)
    (maps,) = space.runs.rglob("maps")
    assert {folder.name for folder in maps.iterdir()} == {"video0", "video1"}
    path.unlink()
    next((maps / "video1").iterdir()).unlink()
    run_job(CENTRE, space, keeping)
    assert scored == ["video0", "video1"] * 2 + ["video1"], "those that have their maps are not tested again"


def test_an_interrupted_test_goes_on_with_what_is_of_the_same_data_only(root, space, scored):
    (path,) = run_job(CENTRE, space, ONE)
    old = read_record(path)
    path.unlink()  # as if it had been interrupted before the record
    change_density(root)
    change_fixations(root)
    run_job(CENTRE, space, ONE)
    fresh = dataclasses.replace(
        space, runs=space.runs.with_name("fresh"), leaderboard=space.runs.with_name("fresh_board")
    )
    (other,) = run_job(CENTRE, fresh, ONE)
    new = read_record(path)
    assert new.scores == read_record(other).scores != old.scores
    assert new.videos == read_record(other).videos
    assert scored == ["video0", "video1", "video0", "video0", "video1"]


def test_results_of_an_older_version_are_made_again(space, scored):
    (path,) = run_job(CENTRE, space, ONE)
    expected = read_record(path).videos
    path.unlink()
    result = results_of(CENTRE, CENTRE.recipe(space), space, "avad", "original") / "video0.json"
    plain = json.loads(result.read_text())
    del plain["made_of"]
    result.write_text(json.dumps(plain))
    run_job(CENTRE, space, ONE)
    assert scored[2:] == ["video0"]
    assert read_record(path).videos == expected


def test_results_of_other_code_are_made_again_and_records_of_it_refused_or_used(space, scored, monkeypatch):
    (path,) = run_job(CENTRE, space, ONE)
    monkeypatch.setattr(made_of, "code_of", lambda *parts, **options: "other")
    with pytest.raises(ValueError, match=r"here now: code; .*--force.*or use it as it is, with --reuse-other-code"):
        run_job(CENTRE, space, ONE)
    assert run_job(CENTRE, dataclasses.replace(space, reuse_other_code=True), ONE) == [path]
    assert is_complete(CENTRE, dataclasses.replace(space, reuse_other_code=True))
    assert len(scored) == 2
    path.unlink()
    run_job(CENTRE, space, ONE)
    assert scored[2:] == ["video0", "video1"]
    assert read_record(path).provenance["made_of"]["code"] == "other"


def test_a_record_that_does_not_say_what_it_was_made_of_is_refused(space):
    (path,) = run_job(CENTRE, space, ONE)
    plain = json.loads(path.read_text())
    del plain["provenance"]["made_of"]
    path.write_text(json.dumps(plain))
    with pytest.raises(ValueError, match=r"does not say what it was made of; .*--force"):
        run_job(CENTRE, space, ONE)


def test_a_record_of_another_recipe_is_told_first(space):
    run_job(CENTRE, space, ONE)
    with pytest.raises(ValueError, match="another recipe"):
        run_job(dataclasses.replace(CENTRE, overrides=("test_batch_size=3",)), space, ONE)


def test_force_forgets_results_of_single_videos_too(root, space, scored):
    (path,) = run_job(CENTRE, space, ONE)
    change_fixations(root)
    forget(CENTRE, space)
    assert not path.exists()
    run_job(CENTRE, space, ONE)
    assert scored[2:] == ["video0", "video1"]


def test_results_at_another_precision_are_made_again(space, scored):
    (path,) = run_job(CENTRE, space, ONE)
    assert read_record(path).provenance["precision"] == "32-true"
    path.unlink()
    result = results_of(CENTRE, CENTRE.recipe(space), space, "avad", "original") / "video1.json"
    plain = json.loads(result.read_text())
    assert plain["made_of"].pop("precision") == "32-true"
    result.write_text(json.dumps(plain))
    run_job(CENTRE, space, ONE)
    assert scored[2:] == ["video1"]


def test_where_the_data_is_gone_records_count_by_their_recipe(root, space):
    run_job(CENTRE, space, ONE)
    gone = dataclasses.replace(space, data_root=root / "nowhere")
    assert is_complete(CENTRE, gone)
    with pytest.raises(FileNotFoundError):
        run_job(CENTRE, gone, ONE)


# Trained stages.


def begin(training, made, *names):
    training.folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (training.folder / name).write_text("{}")
    if made is not None:
        (training.folder / "made_of.json").write_text(json.dumps(made))


@pytest.mark.parametrize("there", ["done.json", "last.ckpt"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda root: change_frame(root, "video2"), "visual: frames, audiovisual: frames"),
        (lambda root: change_density(root, "video2"), "visual: maps, audiovisual: maps"),
        (None, "does not say what it was made of"),
    ],
)
def test_a_stage_of_other_training_data_is_refused_before_any_work(root, space, there, change, told):
    last = trainings(HEARING, HEARING.recipe(space), space)[-1]
    begin(last, None if change is None else of_training(last, HEARING, space), there)
    if change is not None:
        change(root)
    with pytest.raises(ValueError, match=f"{last.folder.name}.*{told}.*train it anew with --force") as error:
        run_job(HEARING, space, ONE)
    assert "--reuse-other-code" not in str(error.value)


def test_a_stage_of_other_code_is_refused_or_used_and_the_record_says_so(space, monkeypatch):
    stages = trainings(HEARING, HEARING.recipe(space), space)
    before = of_training(stages[-1], HEARING, space)
    old = dict(before) | {"visual: code": "old", "audiovisual: library torch": "1.0"}
    begin(stages[-1], old, "done.json")
    with pytest.raises(ValueError, match=r"visual: code, audiovisual: library torch \(1\.0, now .*--reuse-other-code"):
        run_job(HEARING, space, ONE)
    told = made_of.of_trained(HEARING, HEARING.recipe(space), space, of(HEARING, space))
    assert told["reused"] == ["visual: code", "audiovisual: library torch"]
    assert told["made_of"]["visual: code"] == "old"
    assert told["made_of"]["visual: maps"] == before["visual: maps"]


# Maps of other code.


@pytest.fixture
def maps(root, tmp_path):
    folder = tmp_path / "maps"
    for video in ("video0", "video1"):
        shutil.copytree(root / "annotations" / "AVAD" / video / "maps", folder / video)
    return folder


@pytest.fixture
def typed(root, space, maps):
    board = space.leaderboard
    board.mkdir()
    shutil.copy(HOME / "leaderboard" / "published.csv", board)

    def type_(*options):
        words = ["evaluate", "--pred", maps, "--dataset", "AVAD", "--data-root", root, "--runs", space.runs]
        return main([*map(str, words), "--leaderboard", str(board), "--name", "mine", "--workers", "1", *options])

    return type_


def cc(space):
    return read_record(space.records / "stavis" / "avad" / "mine-fold1-seed0.json").scores["CC"]


def test_scores_of_old_ground_truth_are_refused_and_force_forgets_them(root, space, typed, capsys):
    assert typed() == 0
    assert cc(space) > 0.9
    touch_all(root)
    assert typed() == 0
    for frame in range(1, 7):
        path = annotation(root).parent / "maps" / f"eyeMap_{frame:05d}.jpg"
        Image.fromarray(np.asarray(Image.open(path))[::-1, ::-1].copy()).save(path)
    assert typed() == 2
    error = capsys.readouterr().err
    assert "other things than are here now: ground truth; score anew with --force" in error
    assert typed("--force") == 0
    assert cc(space) < 0.7


def test_another_data_root_is_other_data(root, space, typed, tmp_path, capsys):
    assert typed() == 0
    other = shutil.copytree(root, tmp_path / "other")
    assert typed("--data-root", str(other)) == 0, "a copy is the same"
    change_fixations(other)
    assert typed("--data-root", str(other)) == 2
    assert "ground truth" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (change_labels, "labels"),
        (relist("test", "video0 6 24\nvideo1 6 25\n"), "list"),
    ],
)
def test_labels_and_lists_are_looked_at(root, typed, capsys, change, told):
    assert typed() == 0
    change(root)
    assert typed() == 2
    assert f"here now: {told}; score anew" in capsys.readouterr().err


def test_other_code_that_scored_is_refused_or_used(typed, space, monkeypatch, capsys):
    from avsal_bench.bench import evaluate as module

    assert typed() == 0
    monkeypatch.setattr(module, "code_of", lambda *parts, **options: "other")
    assert typed() == 2
    assert "--reuse-other-code" in capsys.readouterr().err
    assert typed("--reuse-other-code") == 0
    assert typed("--force") == 0


def test_results_of_single_videos_follow_their_own_ground_truth(root, space, maps, monkeypatch):
    from avsal_bench.bench import evaluate as module

    names, real = [], module._score_video
    monkeypatch.setattr(module, "_score_video", lambda task: (names.append(task.video.name), real(task))[1])
    submission = Submission(maps, "mine", "avad", 1)
    with Workers(1) as workers:
        path = evaluate(submission, PROTOCOLS["stavis"], space, workers)
        change_fixations(root, "video1")
        path.unlink()
        evaluate(submission, PROTOCOLS["stavis"], space, workers)
        assert names == ["video0", "video1", "video1"]
        evaluate(submission, PROTOCOLS["stavis"], space, workers, force=True)
    assert sorted(names[3:]) == ["video0", "video1"]
