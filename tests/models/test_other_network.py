"""Stages that train another network, whose parts the next ones start from; with small networks and a small recipe."""

from dataclasses import replace

import pytest
import torch
import yaml
from stills import write_mit1003, write_salicon
from torch import nn

from avsal_bench.audio.waveform import Waveform
from avsal_bench.bench.checkpoints import network_state
from avsal_bench.bench.context import Context, Trained
from avsal_bench.bench.cost import cost, plan_text
from avsal_bench.bench.fit import fit
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.checks import check_files
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.made_of import of_training
from avsal_bench.bench.plan import make_plan, records_of
from avsal_bench.bench.run import forget, run_job
from avsal_bench.bench.stages import network_label, trainings
from avsal_bench.models import model_entry, registry
from avsal_bench.models.base import Network
from avsal_bench.models.registry import ModelEntry
from avsal_bench.records import read_record
from avsal_bench.resources import resource
from avsal_bench.spec import ClipSpec
from avsal_bench.training.recipe import load_recipe

MACHINE = Machine(devices=1)


class Picture(Network):
    """One frame through an encoder and a head."""

    def __init__(self, modality="v", channels=4):
        super().__init__()
        self.spec = ClipSpec(1, (32, 48))
        self.eye = nn.Module()
        self.eye.encoder = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.BatchNorm2d(channels))
        self.head = nn.Conv2d(channels, 1, 1)

    def forward(self, frames, audio=None):
        return self.head(self.eye.encoder(frames[:, :, 0]))[:, 0].sigmoid()


class Film(Network):
    """Two frames; ``picture`` is frozen and comes from :class:`Picture`; the sound is one number."""

    audio_only = ("loudness.",)
    frozen = ("picture",)

    def __init__(self, modality="av", channels=4, depth="shallow"):
        super().__init__()
        self.spec = ClipSpec(2, (32, 48), audio=Waveform(2) if modality == "av" else None)
        self.script_audio = Waveform(4) if modality == "av" else None
        self.picture = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.BatchNorm2d(channels))
        self.last = nn.Conv2d(2 * channels, 1, 1)
        if modality == "av":
            self.loudness = nn.Linear(1, 1)
        self.freeze()

    def forward(self, frames, audio=None):
        features = torch.cat([self.picture(frames[:, :, t]) for t in range(2)], dim=1)
        logit = self.last(features)[:, 0]
        if audio is not None:
            logit = logit + self.loudness(audio.flatten(1).abs().mean(1, keepdim=True))[..., None]
        return logit.sigmoid()


RECIPE = {
    "network": {"channels": 4},
    "batch_size": 4,
    "val_stride": 20,
    "stages": {
        "stills": {"model": "picture", "modality": "v", "data": ["synth_stills"], "epochs": 1},
        "more_stills": {"model": "picture", "modality": "v", "data": ["synth_stills"], "epochs": 2},
        "film": {"data": ["synth"], "epochs": 1, "start": {"picture": "more_stills.eye.encoder"}},
    },
    "test": ["synth"],
    "presets": {"smoke": {}},
}  # fmt: skip


@pytest.fixture
def space(space, tmp_path, monkeypatch):
    """A workspace with the recipe, and a registry with both networks."""
    deep = {"deep": {"modality": "av", "depth": "deep"}}
    for entry in (
        ModelEntry("picture", Picture, "", ("v",)),
        ModelEntry("film", Film, "", ("v", "av"), variants=deep),
    ):
        monkeypatch.setitem(registry._MODELS, entry.name, entry)
    recipes = tmp_path / "resources" / "recipes"
    recipes.mkdir(parents=True)
    for path in resource("recipes").iterdir():
        if path.stem not in ("centre", "mep"):
            (recipes / path.name).symlink_to(path)
    (recipes / "film.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    for name in ("centre", "mep"):
        (recipes / f"{name}.yaml").write_text("{network: {}, test: [synth], presets: {paper: {}}}")
    monkeypatch.setattr("avsal_bench.resources._HERE", recipes.parent)
    return space


def job(modality="v", fold=1, *overrides, protocol="stavis"):
    return Job("film", modality, fold, 0, "smoke", protocol, overrides)


def stages(space, one):
    return trainings(one, one.recipe(space), space)


def test_every_job_shares_the_stages_of_the_other_network(space):
    found = {key: stages(space, job(*key)) for key in (("v", 1), ("av", 1), ("v", 2), ("av", 3))}
    for other in found.values():
        assert [t.network for t in other[:2]] == ["picture_v", "picture_v"]
        assert [t.folder for t in other[:2]] == [t.folder for t in found["v", 1][:2]]
        assert (other[1].before, other[2].before) == (other[0], None)
        assert other[2].parts == {"picture": (other[1], "eye.encoder")}
    assert len({other[2].folder for other in found.values()}) == 4
    assert found["av", 1][2].folder.name.startswith("film_av-film-")


def test_what_a_stage_starts_from_is_in_its_fingerprint(space):
    plain = [t.folder for t in stages(space, job())]
    longer = [t.folder for t in stages(space, job("v", 1, "stages.stills.epochs=2"))]
    assert not set(plain) & set(longer), "the first stage decides on all that follow"
    own = [t.folder for t in stages(space, job("v", 1, "network.channels=8"))]
    assert own[:2] == plain[:2]
    assert own[2] != plain[2]
    elsewhere = [t.folder for t in stages(space, job("v", 1, "stages.film.start.picture=stills.eye.encoder"))]
    assert elsewhere[:2] == plain[:2]
    assert elsewhere[2] != plain[2]


def test_a_part_starts_from_the_trained_part_and_says_so(space):
    (path,) = run_job(job(), space, MACHINE)
    first, second, third = stages(space, job())
    trained, final = network_state(second.best), network_state(third.best)
    kept = {key: value for key, value in final.items() if key.startswith("picture.")}
    assert len(kept) == 7
    for key, value in kept.items():  # frozen, so it is still what it was at the start
        assert torch.equal(value, trained[key.replace("picture.", "eye.encoder.")]), key
    assert not torch.equal(trained["head.weight"], network_state(first.best)["head.weight"])
    fits = read_record(path).provenance["fits"]
    assert [(fit["stage"], fit["network"]) for fit in fits] == [
        ("stills", "picture_v"),
        ("more_stills", "picture_v"),
        ("film", "film_v"),
    ]
    assert [fit["start"] for fit in fits[:2]] == [{}, {}]
    start = fits[2]["start"]["picture"]
    assert {k: start[k] for k in ("stage", "network", "part")} == {
        "stage": "more_stills",
        "network": "picture_v",
        "part": "eye.encoder",
    }
    assert len(start["sha256"]) == 64


def test_jobs_of_both_modalities_train_it_once_and_force_forgets_it(space):
    run_job(job("v"), space, MACHINE)
    _, second, film = stages(space, job("v"))
    before = second.best.stat().st_mtime_ns
    run_job(job("av"), space, MACHINE)
    assert second.best.stat().st_mtime_ns == before
    forget(job("v"), space)
    assert not second.folder.exists()
    assert not film.folder.exists()
    assert stages(space, job("av"))[2].best.exists(), "that of another job stays"


def test_the_cost_counts_shared_stages_once_and_times_each_network(space, capsys):
    left, shared = [], set()
    for one in (job("v"), job("av")):
        left.append(cost(one, space, shared))
    # 16 stills less 2, one and two epochs; 4 videos of synth less 1.
    assert [clips for _, clips in left[0].stages] == [14, 28, 3]
    assert [clips for _, clips in left[1].stages] == [3]
    jobs = make_plan(space, ["film"], "smoke", "stavis", folds=[1])
    text = plan_text(jobs, space, timed=True)
    assert "hours in all" in text
    asked = [line for line in capsys.readouterr().err.splitlines() if "picture_v" in line]
    assert asked == ["timing one clip of picture_v"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stages.film.start.picture=later.eye", "unknown earlier stage in `start` of 'film' 'later'"),
        ("stages.stills.start.eye=film.picture", "unknown earlier stage in `start` of 'stills' 'film'; .*known: none"),
        ("stages.stills.modality=job", "stage 'stills' trains picture: say in which modality, such as `modality: v`"),
        ("stages.film={model: picture, modality: v}", "the last stage, 'film', must train film, which is tested"),
        ("stages.film.start.picture='{chanels}'", "chanels"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_run_says_so(space, change, message):
    with pytest.raises(ValueError, match=message):
        load_recipe(space.recipes, "film", "smoke", [change])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("more_stills.eye.decoder", "unknown part of picture in stage 'more_stills' 'eye.decoder'; .*eye.encoder"),
        ("more_stills.head", "part 'head' of picture, stage 'more_stills', does not fit: .*Missing key"),
        (
            "more_stills.eye.encoder",
            "part 'eye.encoder' of picture, stage 'more_stills', does not fit: .*size mismatch",
        ),
    ],
)
def test_a_part_that_is_not_there_or_does_not_fit_is_named(space, source, message):
    options = ("stages.more_stills.options={channels: 8}",) if source.endswith("encoder") else ()
    with pytest.raises(ValueError, match=f"(?s){message}"):
        run_job(job("v", 1, f"stages.film.start.picture={source}", *options), space, MACHINE)
    assert not (space.runs / "stages").exists(), "nothing was trained in vain"


def test_a_stage_that_only_av_jobs_have_cannot_give_a_v_job_its_weights(space):
    change = ("stages.stills={data: [synth], epochs: 1, modality: av}", "stages.film.start.picture=stills.picture")
    assert len(stages(space, job("av", 1, *change))) == 3
    with pytest.raises(ValueError, match="unknown stage of film_v-fold1-seed0 'stills'"):
        stages(space, job("v", 1, *change))


def test_a_stage_that_a_preset_leaves_out_is_gone(space):
    recipe = load_recipe(space.recipes, "film", "smoke", ["stages.stills=null"])
    assert [stage.name for stage in recipe.stages] == ["more_stills", "film"]


def test_options_stand_in_for_braces_in_start(space):
    given = load_recipe(space.recipes, "film", "smoke", ["stages.film.start.picture='net{channels}'"])
    assert given.stages[-1].start == {"picture": "net4"}
    nothing = load_recipe(space.recipes, "film", "smoke", ["stages.film.start.picture=null"])
    assert nothing.stages[-1].start == {}


def test_every_file_of_the_stages_is_looked_for_first(space, tmp_path):
    write_salicon(tmp_path / "real")
    write_mit1003(tmp_path / "real")
    space = replace(space, data_root=tmp_path / "real")
    one = job("v", 1, "stages.stills.data=[salicon]", "stages.more_stills.data=[mit1003]")
    recipe = one.recipe(space)
    context = Context(one, recipe, space, MACHINE)
    found = trainings(one, recipe, space)
    check_files(context, found, {"synth"})
    (tmp_path / "real/MIT1003/ALLFIXATIONMAPS/i000000001_fixPts.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"mit1003/i000000001: missing file .*i000000001_fixPts.jpg"):
        check_files(context, found, {"synth"})
    trained = fit(context, found[0], Trained(), lambda: of_training(found[0], one, space))
    assert trained.fits[0]["steps"] == 1  # 4 images less 1 set aside: one short batch


def test_mspi_stops_before_training_where_the_encoder_cannot_take_the_size(space):
    one = Job("mspi", "v", 1, 0, "smoke", "stavis", ("network.encoder=morphmlp_s",))
    with pytest.raises(ValueError, match=r"MorphMLP cannot take frames of 64x96 pixels: .*; take 224x224"):
        run_job(one, space, MACHINE)
    assert not (space.runs / "stages").exists()


def test_mspi_says_what_to_do_where_the_weights_of_the_encoder_cannot_be_opened(space, monkeypatch):
    monkeypatch.setenv("AVSAL_WEIGHTS", str(space.runs / "weights"))
    slowfast = ("network.encoder=slowfast_4x16", "stages.image_salicon=null", "stages.image_mit1003=null")
    slowfast = (*slowfast, "stages.six.start.image_encoder=null", "stages.six.data=[synth]", "test=[synth]")

    def run(*more):
        run_job(Job("mspi", "av", 1, 0, "paper", "stavis", (*slowfast, *more)), space, MACHINE)

    with pytest.raises(ValueError, match=r"SLOWFAST_4x16_R50\.pkl .*--set stages\.six\.start\.motion_encoder=null"):
        run()
    with pytest.raises(FileNotFoundError, match=r"resnet18_vggsound: not in"):  # the next file, so the advice helps
        run("stages.six.start.motion_encoder=null")


def test_a_network_is_tested_on_stills_too_and_one_image_has_no_shuffled_auc(space):
    (path,) = run_job(job("v", 1, "test=[synth_stills]"), space, MACHINE)
    record = read_record(path)
    assert [video.frames for video in record.videos] == [1] * 8
    assert {m for m, score in record.scores.items() if score != score} == {"sAUC"}
    (path,) = run_job(job("v", 1, "test=[synth_stills]", protocol="dhf1k"), space, MACHINE)
    assert all(score == score for score in read_record(path).scores.values()), "negatives of other images"


def test_records_of_a_variant_have_a_name_of_its_own(space):
    deep = "network.depth=deep"
    both = {name: job("v", 1, *change) for name, change in (("film_v", ()), ("film-deep_v", (deep,)))}
    for name, one in both.items():
        (found,) = records_of(one, one.recipe(space), space)
        assert found[2].name == f"{name}-fold1-seed0.json"
        (path,) = run_job(one, space, MACHINE)
        assert path == found[2]
        record = read_record(path)
        assert (record.network, record.model, record.modality) == (name, network_label(one, one.recipe(space)), "v")
    assert len(list(space.records.rglob("*.json"))) == 2
    av = job("av", 1, deep)
    assert network_label(av, av.recipe(space)) == "film-deep", "so that it is compared with its own v network"


def test_the_variant_is_the_one_with_the_most_options_in_any_modality():
    entry = model_entry("vinet")
    assert entry.variant_of({"modality": "av", "fusion": "transformer", "frames": 8}) == "transformer"
    assert entry.label({"fusion": "transformer"}) == "vinet-transformer"
    assert entry.label({"modality": "av", "fusion": "bilinear"}) == "vinet"
    several = replace(entry, variants={"a": {"x": 1}, "ab": {"x": 1, "y": 2}})
    assert [several.variant_of(o) for o in ({"x": 1}, {"x": 1, "y": 2}, {"y": 2}, {})] == ["a", "ab", "", ""]


def test_a_protocol_that_follows_a_script_gives_the_network_the_scripts_sound(space, monkeypatch):
    heard = {}

    class Listening(Film):
        def forward(self, frames, audio=None):
            heard.setdefault(self.training, set()).add(audio.shape[-1])
            return super().forward(frames, audio)

    entry = replace(registry._MODELS["film"], build=Listening)
    monkeypatch.setitem(registry._MODELS, "film", entry)
    short, long = (front(torch.zeros(1)).shape[-1] for front in (Waveform(2), Waveform(4)))
    assert short != long
    run_job(job("av", protocol="mspi"), space, MACHINE)
    assert heard == {True: {short}, False: {short, long}}, "training and validation, and then the test"
    heard.clear()
    run_job(job("av"), space, MACHINE)
    assert heard == {False: {short}}
