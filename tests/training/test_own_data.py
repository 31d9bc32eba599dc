"""Every network on data of one's own: the recipe that ``--train`` makes of a preset, and the file it is written to."""

from dataclasses import asdict, replace

import pytest

from avsal_bench.bench.job import HUMAN
from avsal_bench.data.dataset import dataset
from avsal_bench.models import model_entry
from avsal_bench.resources import resource
from avsal_bench.training.building import check_network, check_stage
from avsal_bench.training.own_data import BN_MOMENTUM, CLIPS, OwnData, options_of
from avsal_bench.training.recipe import Recipe, list_recipes, load_recipe, takes
from avsal_bench.training.recipe_folder import recipe_folder
from avsal_bench.training.recipe_saving import save_recipe

RECIPES = resource("recipes")
OWN = OwnData(("synth_silent",), ("synth",), epochs=3, batch_size=4, lr=0.002)
TRAINED = [name for name in list_recipes(RECIPES) if name != HUMAN and load_recipe(RECIPES, name, "paper").stages]
BOTH = [(model, base) for model in TRAINED for base in ("paper", "smoke")]


def size_of(model):
    """A size that every network takes, where it can be chosen."""
    return (64, 128) if "size" in options_of(model) or "network_options" in options_of(model) else None


@pytest.mark.parametrize(("model", "base"), BOTH)
def test_every_network_trains_on_own_data(model, base):
    usual = load_recipe(RECIPES, model, base)
    own = replace(OWN, size=size_of(model))
    recipe = load_recipe(RECIPES, model, base, own=own)
    assert (recipe.preset, recipe.test, recipe.folds) == (f"{base}-on-synth_silent", ("synth",), (1, 2, 3))
    assert [stage.name for stage in recipe.stages] == [stage.name for stage in usual.stages]
    for stage, before in zip(recipe.stages, usual.stages, strict=True):
        epochs = 3 if before.epochs else 0  # a stage that puts parts together trains nothing
        data = () if before.utterances else ("synth_silent",)  # spoken words are no data set
        assert (stage.data, stage.epochs, stage.batch_size, stage.stills) == (data, epochs, 4, ())
        assert stage.optimizer == {**before.optimizer, "lr": 0.002}
        assert stage.schedule["name"] != "multistep"
        assert stage.clips_every == before.clips_every
        assert stage.clips_every is not None or stage.clips_per_video >= CLIPS or before.utterances
        assert (stage.start, stage.loss, stage.flip) == (before.start, before.loss, before.flip)
    assert Recipe.from_plain(recipe.plain()) == recipe


@pytest.mark.slow
@pytest.mark.parametrize("model", TRAINED)
def test_every_network_can_be_built_so(model):
    recipe = load_recipe(RECIPES, model, "smoke", own=replace(OWN, size=size_of(model)))
    for modality in model_entry(model).modalities:
        network = {**recipe.network, "modality": modality}
        check_network(model, network)
        for stage in recipe.stages:
            if not stage.modality == "av" != modality and not stage.model:
                check_stage(stage, model, network | dict(stage.options))


@pytest.mark.parametrize("model", TRAINED)
def test_batch_norms_follow_what_they_see(model):
    network = load_recipe(RECIPES, model, "paper", own=OWN).network
    if "bn_momentum" in options_of(model):
        assert network["bn_momentum"] == BN_MOMENTUM
    elif "network_options" in options_of(model):
        assert network["network_options"] == {"bn_momentum": BN_MOMENTUM}
    else:
        assert "bn_momentum" not in network


def test_frames_and_size_reach_the_network_and_those_of_its_stages():
    vinet = load_recipe(RECIPES, "vinet", "smoke", own=replace(OWN, frames=16, size=(128, 192)))
    assert (vinet.network["frames"], vinet.network["size"]) == (16, [128, 192])
    mspi = load_recipe(RECIPES, "mspi", "smoke", own=replace(OWN, size=(96, 128)))
    assert {stage.name: stage.options.get("size") for stage in mspi.stages} == {
        "image_salicon": [96, 128],
        "image_mit1003": [96, 128],
        "six": None,
    }
    avc = load_recipe(RECIPES, "avc", "paper", own=replace(OWN, frames=16, size=(96, 128)))
    assert avc.network["network_options"] == {"frames": 16, "size": [96, 128], "bn_momentum": BN_MOMENTUM}


@pytest.mark.parametrize(
    ("model", "preset", "changes", "message"),
    [
        ("image_saliency", "smoke", {"frames": 3}, "--frames 3: the frames of image_saliency cannot be chosen"),
        ("mspi", "paper", {"frames": 8}, "--frames 8: the frames of mspi cannot be chosen"),
        ("stanet", "paper", {"frames": 8}, "--frames 8"),
        ("itti", "paper", {}, "itti trains nothing here; test it with --datasets"),
        ("stavis", "published", {}, "stavis trains nothing here"),
    ],
)
def test_what_cannot_be_is_said(model, preset, changes, message):
    with pytest.raises(ValueError, match=message):
        load_recipe(RECIPES, model, preset, own=replace(OWN, **changes))


@pytest.mark.parametrize(
    ("size", "frames", "message"),
    [
        ((100, 100), None, r"height and a width of 32, 64, 96 .* got \(100, 100\)"),
        (None, 9, "8, 16 or 32 frames; got 9"),
    ],
)
def test_a_clip_that_the_network_cannot_take(size, frames, message):
    recipe = load_recipe(RECIPES, "vinet", "smoke", own=replace(OWN, size=size, frames=frames))
    with pytest.raises(ValueError, match=message):
        check_network("vinet", recipe.network)


def test_overrides_stand_above_own_data_and_stills_are_seen_once():
    recipe = load_recipe(
        RECIPES, "vinet", "paper", ["clip_gradient=7", "stages.six.epochs=9", "stages.dhf1k=null"], OWN
    )
    assert [(stage.name, stage.epochs, stage.clip_gradient) for stage in recipe.stages] == [("six", 9, 7)]
    stills = load_recipe(RECIPES, "image_saliency", "paper", own=OwnData(("synth_stills",), ("synth",)))
    assert {stage.clips_per_video for stage in stills.stages} == {1}
    chosen = load_recipe(RECIPES, "stavis", "paper", own=replace(OWN, clips=5))
    assert {(stage.clips_per_video, stage.clips_every) for stage in chosen.stages} == {(5, None)}


def test_folds_are_those_of_the_sets():
    assert not dataset("diem").folds
    assert load_recipe(RECIPES, "vinet", "paper", own=OwnData(("diem",), ("diem",))).folds == (1,)
    assert load_recipe(RECIPES, "vinet", "smoke", own=OwnData(("diem",), ("avad",))).folds == (1, 2, 3)


@pytest.mark.parametrize(
    ("model", "base"), [(name, "smoke") for name in TRAINED] + [("mspi", "paper"), ("avc", "paper")]
)
def test_the_file_says_the_very_recipe(model, base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, name = save_recipe(tmp_path / "recipes", model, base, OWN)
    assert recipe_folder(model) == path.parent
    assert asdict(load_recipe(path.parent, model, name)) == asdict(load_recipe(RECIPES, model, base, own=OWN))
    text = path.read_text(encoding="utf-8")
    assert text.startswith((RECIPES / f"{model}.yaml").read_text(encoding="utf-8").rstrip("\n"))


def test_a_file_that_is_there_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, name = save_recipe(tmp_path / "recipes", "vinet", "smoke", OWN)
    before = path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=rf"has a preset '{name}'; change it there"):
        save_recipe(tmp_path / "recipes", "vinet", "smoke", OWN)
    other = replace(OWN, train=("synth",))
    assert save_recipe(tmp_path / "recipes", "vinet", "smoke", other) == (path, "smoke-on-synth")
    assert path.read_text(encoding="utf-8").startswith(before), "what a person changed in it stays"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/vinet.yaml").write_text("mine: 1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="there is another recipe; move it away"):
        save_recipe(tmp_path / "elsewhere", "vinet", "smoke", OWN)
    assert (tmp_path / "elsewhere/vinet.yaml").read_text(encoding="utf-8") == "mine: 1\n"


def test_a_recipe_that_does_not_end_in_presets_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    text = "presets: {paper: {}}\nstages: {one: {data: [synth], epochs: 1}}\ntest: [synth]\n"
    (tmp_path / "recipes/vinet.yaml").write_text(text, encoding="utf-8")
    path, name = save_recipe(tmp_path / "recipes", "vinet", "paper", OWN)
    assert load_recipe(path.parent, "vinet", name) == load_recipe(path.parent, "vinet", "paper", own=OWN)


@pytest.mark.parametrize(
    ("model", "override", "taken"),
    [
        ("vinet", "network.size=[64, 96]", True),
        ("vinet", "network.degree.lab=3", False),
        ("centre", "network.sigma=0.1", True),
        ("centre", "epochs=3", False),
        ("centre", "test=[synth]", True),
        ("vinet", "stages.six.epochs=3", True),
        ("vinet", "stages.audiovisual.epochs=3", False),
        ("vinet", "epoch=3", False),
        ("vinet", "presets.a=3", False),
    ],
)
def test_who_takes_an_override(model, override, taken):
    assert takes(RECIPES, model, override, options_of(model)) is taken
