"""A set of one's own in plans: who is tested on it, in which folds, with which words; and what is looked for before."""

import json
from dataclasses import replace

import pytest
from own_trees import CLIPS, TEXT, describe, film, wav, write_lab

from avsal_bench.bench.job import Job, own_data
from avsal_bench.bench.jobs.needs import MOST, Needs
from avsal_bench.bench.launch.grid import look_for_files
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import make_plan, notes_of, plan_one
from avsal_bench.bench.run import run_job
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli.app import main
from avsal_bench.data.dataset import dataset, use_root
from avsal_bench.data.files.presence import faults_of, lacks_sound
from avsal_bench.data.places import VideoFile
from avsal_bench.leaderboard.tables import rows
from avsal_bench.records import read_record

SOUNDING = TEXT.replace("first: 0", "  sound: sounds/{name}.wav\nfirst: 0")
ONE = Machine(devices=1)
SMALL = ("--train", "lab", "--size", "64x96", "--epochs", "1")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = write_lab(tmp_path_factory.mktemp("lab"), SOUNDING)
    for name, frames in CLIPS.items():
        wav(root / f"sounds/{name}.wav", frames / 25)
    return root


@pytest.fixture
def space(root, tmp_path, monkeypatch):
    monkeypatch.setenv("AVSAL_WEIGHTS", str(tmp_path / "weights"))
    describe(root, SOUNDING)
    yield Workspace(tmp_path, root, tmp_path / "synth", tmp_path / "runs", tmp_path / "board")
    use_root(None)


def told(jobs):
    return [(job.name, job.preset_name, job.datasets, job.overrides) for job in jobs]


def test_networks_are_trained_on_it_and_baselines_tested_on_it(space):
    jobs = make_plan(space, ["vinet", "itti"], "paper", "stavis", own=SMALL, preset_asked=False)
    assert told(jobs) == [
        ("centre-fold1-seed0", "paper", ("lab",), ()),
        ("mep-fold1-seed0", "paper", ("lab",), ()),
        ("vinet_v-fold1-seed0", "smoke-on-lab", (), ()),
        ("vinet_av-fold1-seed0", "smoke-on-lab", (), ()),
        ("itti-fold1-seed0", "paper", ("lab",), ()),
    ]
    (note,) = notes_of(jobs, space, "paper")
    assert note.startswith("vinet trains as in its preset smoke: a small network, from random weights, because s3d")
    assert "--preset paper asks for them" in note


def test_the_process_of_a_job_makes_the_very_recipe(space):
    job = make_plan(space, ["vinet"], "smoke", "stavis", own=SMALL)[-1]
    words = job.arguments()
    assert [words[words.index(name) + 1] for name in ("--train", "--size", "--epochs")] == ["lab", "64x96", "1"]
    same = plan_one(space, "vinet", "smoke", "stavis", modality="av", own=job.own)
    assert same == job
    assert same.recipe(space) == job.recipe(space)
    assert job.key != Job("vinet", "av", 1, 0, "smoke", "stavis").key


def test_the_published_training_is_taken_where_it_is_asked_for_or_its_weights_are_there(space, monkeypatch):
    own = {"modalities": ["av"], "own": ("--train", "lab")}
    asked = make_plan(space, ["vinet"], "paper", "stavis", **own)
    assert asked[-1].preset_name == "paper-on-lab"
    assert not notes_of(asked, space, "paper")
    with pytest.raises(FileNotFoundError, match=r"s3d_kinetics400(.|\n)*soundnet8"):
        look_for_files(asked, space, ONE)
    monkeypatch.setattr("avsal_bench.bench.planning.asked.imported_source", lambda name, store: {})
    there = make_plan(space, ["vinet"], "paper", "stavis", preset_asked=False, **own)
    assert there[-1].preset_name == "paper-on-lab"


def test_baselines_beside_are_tested_on_what_the_networks_are(space):
    every = {"datasets": ["lab"]}, {"overrides": ["test=[lab]"]}
    for words in every:
        jobs = make_plan(space, ["vinet"], "smoke", "stavis", modalities=["v"], **words)
        tested = [job.datasets or job.recipe(space).test for job in jobs]
        assert tested == [("lab",)] * 3
    both = make_plan(space, ["vinet"], "smoke", "stavis", modalities=["v"], overrides=["test=[lab, salicon]"])
    assert [job.datasets or job.recipe(space).test for job in both] == [("lab", "salicon")] * 3
    usual = make_plan(space, ["vinet"], "smoke", "stavis")
    assert {(job.datasets, job.overrides) for job in usual} == {((), ())}


def test_baselines_on_own_sets_have_one_record_whatever_trains_others(space):
    alone = make_plan(space, ["centre"], "paper", "stavis", datasets=["lab"])[-1]
    for preset, words in (("smoke", {"own": SMALL}), ("paper", {"own": SMALL}), ("smoke", {"datasets": ["lab"]})):
        beside = make_plan(space, ["vinet"], preset, "stavis", **words)[0]
        assert (beside.model, beside.recipe(space)) == ("centre", alone.recipe(space))


def test_each_override_reaches_those_that_take_it(space):
    words = ["network.degree.lab=32", "network.frames=16", "stages.six.epochs=2", "network.sigma=0.3"]
    jobs = make_plan(space, ["centre", "human_infinite", "vinet"], "smoke", "stavis", datasets=["lab"], overrides=words)
    assert {job.model: job.overrides for job in jobs} == {
        "mep": (),
        "centre": ("network.sigma=0.3",),
        "human_infinite": ("network.degree.lab=32",),
        "vinet": ("network.frames=16", "stages.six.epochs=2"),
    }
    beside = make_plan(space, ["human_infinite"], "smoke", "stavis", datasets=["lab"], overrides=words[:1])
    assert {job.model for job in beside if job.overrides} == {"human_infinite"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("network.frame=16", "unknown option 'frame'; did you mean 'frames'"),
        ("epoch=3", "unknown key 'epoch'"),
        ("stages.audio.epochs=3", "stage 'audio' lacks 'data'"),
    ],
)
def test_an_override_that_nobody_takes_is_an_error(space, override, message):
    with pytest.raises(ValueError, match=message):
        make_plan(space, ["vinet", "avrsp"], "smoke", "stavis", overrides=[override])


@pytest.mark.parametrize(
    ("split", "folds"),
    [
        ("fraction: 0.34", [1]),
        ("folds: 3", [1, 2, 3]),
        ("test: [a]", [1]),
        ("lists: lists/{part}_{fold}.txt", [1, 2, 3]),
    ],
)
def test_folds_that_would_be_the_same_are_not_run(space, split, folds):
    describe(space.data_root, SOUNDING.replace("fraction: 0.34\n  seed: 1", split))
    for words in ({"own": SMALL}, {"datasets": ["lab"]}):
        models = ["vinet", "itti"] if "own" in words else ["itti", "human_infinite"]
        preset = "smoke" if "own" in words else "paper"
        jobs = make_plan(space, models, preset, "stavis", modalities=["v"], **words)
        assert {job.model: sorted({j.fold for j in jobs if j.model == job.model}) for job in jobs} == dict.fromkeys(
            ("centre", "mep", *models), folds
        )
    asked = make_plan(space, ["itti"], "paper", "stavis", datasets=["lab"], folds=[3, 1])
    assert [job.fold for job in asked if job.model == "itti"] == [3, 1]


def test_a_network_of_three_trainings_has_three_folds_on_it(space, monkeypatch):
    jobs = make_plan(space, ["vinet"], "paper", "stavis", modalities=["v"], datasets=["lab"])
    assert [(job.model, job.fold) for job in jobs] == [
        ("centre", 1), ("mep", 1), ("vinet", 1), ("vinet", 2), ("vinet", 3)
    ]  # fmt: skip
    of_package = make_plan(space, ["centre"], "paper", "stavis", datasets=["diem"])
    assert [job.fold for job in of_package if job.model == "centre"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["vinet", "--train", "lba"], "unknown data set 'lba'; did you mean 'lab'"),
        (["vinet", "--train", "lab", "--test", "lb"], "unknown data set 'lb'; did you mean 'lab'"),
        (["vinet", "--test", "lab"], "--test goes with --train"),
        (["vinet", "--epochs", "3"], "--epochs goes with --train"),
        (["centre", "--train", "lab"], "--train lab: centre trains nothing; test it with --datasets"),
        (["vinet", "--preset", "published", "--train", "lab"], "vinet trains nothing; test it with --datasets"),
        (["vinet", "--train", "lab", "--size", "100x100"], "vinet takes a height and a width of 32, 64, 96"),
        (["vinet", "--train", "lab", "--size", "100"], "expected height x width such as 224x384"),
        (["vinet", "--train", "lab", "--lr", "-1"], "expected a number above 0, such as 1e-3; got '-1'"),
        (["vinet", "--train", "lab", "--epochs", "0"], "expected a whole number from 1"),
        (["vinet", "--save-recipe"], "name the data sets with --train"),
        (["vinet", "--train", "lab", "--set", "flip=0", "--save-recipe"], "writes a preset without it"),
        (
            ["--ablation", "caspnet-table2", "--datasets", "lab"],
            "a table is tested on its own sets; --train and --test",
        ),
    ],
)
def test_bad_words_are_told_before_any_work(space, capsys, words, message):
    folders = {"--data-root": space.data_root, "--runs": space.runs, "--leaderboard": space.leaderboard}
    try:
        code = main(["bench", *words, "--dry-run", *(str(word) for pair in folders.items() for word in pair)])
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert message in capsys.readouterr().err


def test_what_lacks_is_told_at_once_and_how_to_declare_it(space):
    (space.data_root / "sounds/d.wav").rename(space.data_root / "sounds/d.txt")
    (space.data_root / "heat/e/002.png").rename(space.data_root / "heat/e/x.png")
    jobs = make_plan(space, ["vinet"], "smoke", "stavis", own=SMALL)
    try:
        with pytest.raises(FileNotFoundError) as found:
            look_for_files(jobs, space, ONE)
    finally:
        (space.data_root / "sounds/d.txt").rename(space.data_root / "sounds/d.wav")
        (space.data_root / "heat/e/x.png").rename(space.data_root / "heat/e/002.png")
    first, *others = str(found.value).splitlines()
    assert first == (
        "not all that is needed is here, so nothing is started; 1 of 6 videos lack sound, "
        "1 of 6 videos lack saliency maps"
    ) or first.endswith("1 of 6 videos lack saliency maps, 1 of 6 videos lack sound")
    assert [line.split(": ")[0] for line in sorted(others[:2])] == ["  lab/d", "  lab/e"]
    assert others[2] == (
        f"  where videos of lab have no sound, {space.data_root}/dataset.yaml can say so: silent: [d]; networks that "
        "hear are then given zeros. Or leave the sound out: --modality v"
    )
    describe(space.data_root, SOUNDING.replace("fps: 25", "fps: 25\nsilent: [d]"))
    assert look_for_files(jobs, space, ONE) == 6


def test_every_video_is_looked_at_once_for_all_jobs(space, monkeypatch):
    looked = []

    def look(video, parts, contents):
        looked.append((video.key, sorted(parts)))
        return faults_of(video, parts, contents)

    monkeypatch.setattr("avsal_bench.bench.jobs.needs.faults_of", look)
    jobs = make_plan(space, ["stavis", "itti"], "smoke", "stavis", own=SMALL)
    look_for_files(jobs, space, ONE)
    assert len(looked) == len({key for key, _ in looked}) == 6
    assert all({"frames", "maps", "fixations", "sound"} <= set(parts) for _, parts in looked)


def test_what_no_video_lacks_is_told_too(space):
    jobs = make_plan(space, ["human_infinite"], "paper", "stavis", datasets=["lab"])
    with pytest.raises(ValueError, match="human_infinite is not available without the gaze of single observers"):
        look_for_files(jobs, space, ONE)
    space.data_root.joinpath("annotations/lab").mkdir(parents=True, exist_ok=True)
    names = [video.name for video in dataset("lab").videos(space.data_root, "test", 1)]
    for name in names:
        (space.data_root / f"annotations/lab/{name}").mkdir()
        (space.data_root / f"annotations/lab/{name}/observers.csv").write_text("video,observer,frame,x,y\n", "utf-8")
    try:
        with pytest.raises(ValueError, match=r"is not known here; give it as --set network.degree.lab=PIXELS"):
            look_for_files(jobs, space, ONE)
        with_degree = make_plan(
            space, ["human_infinite"], "paper", "stavis", datasets=["lab"], overrides=["network.degree.lab=5"]
        )
        look_for_files(with_degree, space, ONE)
        labels = make_plan(space, ["avc"], "smoke", "stavis", own=SMALL)
        with pytest.raises(FileNotFoundError, match=r"6 videos lack labels(.|\n)*lab/a: no labels of the set"):
            look_for_files(labels, space, ONE)
    finally:
        for name in names:
            (space.data_root / f"annotations/lab/{name}/observers.csv").unlink()
            (space.data_root / f"annotations/lab/{name}").rmdir()


def test_a_record_of_another_recipe_is_told_before_anything_runs(space, capsys):
    folders = {"--data-root": space.data_root, "--runs": space.runs, "--leaderboard": space.leaderboard}
    words = [*(str(word) for pair in folders.items() for word in pair), "--datasets", "lab"]
    path = space.records / "stavis/lab/mep-fold1-seed0.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}", encoding="utf-8")
    assert main(["bench", "centre", *words]) == 2
    assert str(path) in capsys.readouterr().err
    assert not (space.runs / "jobs").exists() or not any((space.runs / "jobs").iterdir())
    path.unlink()


def test_many_faults_are_counted_and_not_all_written(space, tmp_path):
    needs = Needs(space)
    one = dataset("lab").videos(space.data_root, "test", 1)[0]
    folder = replace(one.densities, folder=tmp_path / "none")
    needs.read([replace(one, name=f"v{k}", densities=folder) for k in range(MOST + 5)], "maps")
    with pytest.raises(FileNotFoundError) as found:
        needs.check()
    lines = str(found.value).splitlines()
    assert len(lines) == MOST + 2
    assert lines[-1] == "  and 5 more videos"


def test_all_faults_of_a_video_are_found(space, tmp_path):
    film(tmp_path / "one.avi", 3, 25)
    video = dataset("lab").videos(space.data_root, "test", 1)[0]
    nowhere = replace(video.fixations, folder=tmp_path / "none")
    mute = replace(video, frames=VideoFile(tmp_path / "one.avi"), audio=tmp_path / "one.avi", fixations=nowhere)
    found = faults_of(mute, {"frames", "maps", "fixations", "sound"})
    assert {part: type(error) for part, error in found.items()} == {
        "fixations": FileNotFoundError,
        "frames": ValueError,
    }
    assert f"3 frames, and the list asks for {video.n_frames}" in str(found["frames"])
    assert lacks_sound(mute)
    assert "no sound track" in str(faults_of(mute, {"sound"})["sound"])
    assert not lacks_sound(video)


def test_words_of_own_data_come_back():
    data = own_data(("--train", "lab,diem", "--frames", "16", "--size", "64x96", "--lr", "0.001", "--batch-size", "4"))
    assert (data.train, data.test, data.frames, data.size) == (("lab", "diem"), ("lab", "diem"), 16, (64, 96))
    assert (data.lr, data.batch_size, data.epochs) == (0.001, 4, None)
    assert own_data(()) is None
    assert json.dumps(data.preset("paper")) == '"paper-on-lab+diem"'


@pytest.mark.slow
def test_a_network_that_hears_is_trained_on_it_with_a_silent_video(space):
    describe(space.data_root, SOUNDING.replace("fps: 25", "fps: 25\nsilent: [d]"))
    own = ("--train", "lab", "--frames", "8", "--size", "32x64", "--epochs", "1", "--clips", "1")
    job = make_plan(space, ["stavis"], "smoke", "stavis", modalities=["av"], own=own)[-1]
    paths = run_job(job, space, ONE)
    assert [path.name for path in paths] == ["stavis_av-fold1-seed0.json", "stavis_av-fold1-seed0-muted.json"]
    record = read_record(paths[0])
    assert record.preset == record.recipe["preset"] == "smoke-on-lab"
    assert record.provenance["own_set"]["silent"] == ["d"]
    assert [fit["stage"] for fit in record.provenance["fits"]] == ["visual", "audiovisual"]
    assert rows([record])[0].complete


@pytest.mark.parametrize(("how", "kind"), [("empty", ValueError), ("dangling", FileNotFoundError)])
def test_empty_files_and_links_to_nowhere_are_found_before_anything_is_trained(tmp_path, how, kind):
    root = write_lab(tmp_path / "lab", TEXT)
    use_root(root)
    video = dataset("lab").videos(root, "train", 1)[0]
    assert faults_of(video, {"maps", "fixations"}) == {}
    path = video.densities.path(2)
    path.unlink()
    if how == "empty":
        path.touch()
    else:
        path.symlink_to("nowhere")
    use_root(None)
    error = faults_of(video, {"maps", "fixations"})["maps"]
    assert isinstance(error, kind)
    assert str(path) in str(error)
