"""Recipes: every file loads in every preset, presets and overrides apply in order, and unknown names are errors."""

import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from avsal_bench.bench.jobs import HUMAN
from avsal_bench.models import list_models
from avsal_bench.training.recipe import Recipe, list_recipes, load_recipe
from avsal_bench.yaml_files import read_setting, read_yaml

RECIPES = Path(__file__).resolve().parents[2] / "benchmarks" / "recipes"


PRESETS = [
    (model, preset)
    for model in list_recipes(RECIPES)
    for preset in yaml.safe_load((RECIPES / f"{model}.yaml").read_text())["presets"]
]


def test_every_recipe_loads(subtests):
    for model, preset in PRESETS:
        with subtests.test(model=model, preset=preset):
            recipe = load_recipe(RECIPES, model, preset)
            assert recipe.model == model


def test_every_network_has_a_recipe_with_both_presets():
    assert list_recipes(RECIPES) == sorted([*list_models(), HUMAN])
    assert {(m, p) for m in list_models() for p in ("paper", "smoke")} <= set(PRESETS)


def test_avrsp_is_trained_as_published():
    recipe = load_recipe(RECIPES, "avrsp", "paper")
    visual, audiovisual = recipe.stages
    assert (visual.data, visual.epochs, visual.modality) == (("dhf1k",), 80, "v")
    assert (audiovisual.epochs, audiovisual.modality) == (100, "job")
    assert set(audiovisual.data) == {"diem", "coutrot1", "coutrot2", "avad", "etmd", "summe"} == set(recipe.test)
    for stage in recipe.stages:
        assert stage.optimizer == {"name": "adamw", "lr": 1e-4, "weight_decay": 1e-5}
        assert stage.schedule["name"] == "plateau"
        assert stage.schedule["factor"] == 0.5
        assert stage.loss == {"kl": 1.0, "cc": -0.1, "sim": -0.1}
    assert recipe.network == {}


def test_two_papers_validate_on_the_part_of_dhf1k_that_is_made_for_it():
    for model in ("avrsp", "caspnet"):
        recipe = load_recipe(RECIPES, model, "paper")
        assert [stage.validation for stage in recipe.stages] == ["official", "set_aside"]
        assert ["validation" in stage.plain() for stage in recipe.stages] == [True, False], (
            "told where it says something"
        )
        smoke = load_recipe(RECIPES, model, "smoke")
        assert not any("validation" in stage.plain() for stage in smoke.stages), "what was made before is what it was"
        with pytest.raises(
            ValueError, match=r"stage 'visual': validation: official .* test dhf1k, which is tested here"
        ):
            load_recipe(RECIPES, model, "paper", ["test=[avad, dhf1k]"])
        load_recipe(RECIPES, model, "paper", ["test=[avad, dhf1k]", "stages.visual.validation=set_aside"])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        """
        optimizer: {name: adamw, lr: 1e-4, weight_decay: 0.1}
        schedule: {name: plateau, factor: 0.5}
        batch_size: 4
        stages:
          one: {data: [synth], epochs: 3, batch_size: 2}
          two: {data: [synth], epochs: 5}
        test: [synth]
        presets:
          paper: {}
          quick: {optimizer: {lr: 0.5}, schedule: {name: cosine}, stages: {two: {epochs: 1}}}
        """
    )
    return tmp_path


def test_what_stands_at_the_top_holds_for_all_stages_unless_they_say_otherwise(folder):
    one, two = load_recipe(folder, "mine", "paper").stages
    assert (one.batch_size, two.batch_size) == (2, 4)
    assert one.optimizer["lr"] == 1e-4, "YAML reads 1e-4 as text"


def test_recipe_then_preset_then_command_line(folder):
    recipe = load_recipe(folder, "mine", "quick", ["stages.two.epochs=9", "optimizer.weight_decay=0"])
    one, two = recipe.stages
    assert (one.epochs, two.epochs) == (3, 9)
    assert one.optimizer == {"name": "adamw", "lr": 0.5, "weight_decay": 0}
    assert one.schedule == {"name": "cosine"}, "another schedule takes nothing over from the one it replaces"


def test_a_name_that_means_nothing_is_an_error(subtests, folder):
    for override, message in [
        ("stages.two.epoch=9", "stage 'two': unknown key 'epoch'; did you mean 'epochs'"),
        ("bach_size=9", "recipe: unknown key 'bach_size'; did you mean 'batch_size'"),
        ("stages.one.data=[synt]", "stage 'one': unknown data set 'synt'; did you mean 'synth'"),
        ("loss={kll: 1}", "unknown loss 'kll'; did you mean 'kl'"),
        ("folds=[10]", "unknown fold 10"),
        ("folds=[4]", "fold: expected 1, 2 or 3, got 4"),
        ("sounds=[mute]", "unknown sound 'mute'; did you mean 'muted'"),
    ]:
        wrong = pytest.raises(ValueError, match=f"mine.yaml, preset paper: {message}")
        with subtests.test(override=override), wrong:
            load_recipe(folder, "mine", "paper", [override])


def test_a_value_of_another_type_or_out_of_its_range_is_an_error(subtests, folder):
    for override, message in [
        ("epochs=3", "recipe: unknown key 'epochs'"),
        ("stages.two.epochs=many", "stage 'two': epochs should be a whole number; got 'many'"),
        ("stages.two.epochs=-1", "stage 'two': epochs should be greater than or equal to 0; got -1"),
        ("stages.two.epochs=0", "stage 'two': epochs: 0 trains nothing, and puts a network together of what its parts"),
        ("stages.two.epochs=1.0", "stage 'two': epochs should be a whole number; got 1.0"),
        ("stages.one.batch_size=true", "stage 'one': batch_size should be a whole number; got True"),
        ("batch_size.of=1", "stage 'two': batch_size should be a whole number; got {'of': 1}"),
        ("test_batch_size='8'", "test_batch_size should be a whole number; got '8'"),
        ("accumulate=[1]", "stage 'one': accumulate should be a whole number; got [1]"),
        ("flip=2", "stage 'one': flip should be less than or equal to 1; got 2"),
        ("flip='0.5'", "stage 'one': flip should be a number such as 0.5 or 1.0e-4; got '0.5'"),
        ("val_fraction=-0.1", "stage 'one': val_fraction should be greater than or equal to 0; got -0.1"),
        ("clip_gradient=0", "stage 'one': clip_gradient should be greater than 0; got 0"),
        ("side=.nan", "stage 'one': side should be a finite number; got nan"),
        ("sync_batchnorm='yes'", "stage 'one': sync_batchnorm should be true or false; got 'yes'"),
        ("loss.kl=much", "stage 'one': loss.kl should be a number such as 0.5 or 1.0e-4; got 'much'"),
        ("loss=kl", "stage 'one': loss should be a mapping; got 'kl'"),
        ("optimizer=adam", "stage 'one': optimizer should be a mapping; got 'adam'"),
        ("stages.one.modality=va", "stage 'one': unknown modality 'va'; did you mean 'v'"),
        ("test=synth", "test should be a list; got 'synth'"),
        ("stages.one.data=[1]", "stage 'one': data.0 should be text; got 1"),
        ("weights.v=1", "weights.v should be text; got 1"),
        ("two_task.rho=2", "stage 'one': two_task: rho should be less than or equal to 1; got 2"),
        ("network=3", "network: expected a mapping, got 3"),
        ("stages=3", "stages: expected a mapping, got 3"),
        ("stages.one=3", "stage 'one': expected a mapping, got 3"),
        ("start=3", "stage 'one': start: expected a mapping, got 3"),
        ("flip=[", "flip=[: not YAML: "),
    ]:
        with subtests.test(override=override):
            with pytest.raises(ValueError, match=r"mine\.yaml") as wrong:
                load_recipe(folder, "mine", "paper", [override])
            assert f"mine.yaml, preset paper: {message}" in str(wrong.value)
            assert "pydantic" not in str(wrong.value)


def test_each_problem_has_a_line_with_file_and_preset(folder):
    with pytest.raises(ValueError, match="flip should be") as wrong:
        load_recipe(folder, "mine", "paper", ["stages.one.flip=2", "stages.one.batch_size=0"])
    place = f"{folder / 'mine.yaml'}, preset paper: stage 'one': "
    assert str(wrong.value).splitlines() == [
        f"{place}batch_size should be greater than or equal to 1; got 0",
        f"{place}flip should be less than or equal to 1; got 2",
    ]


def test_a_number_stays_as_it_was_written(folder):
    recipe = load_recipe(folder, "mine", "paper", ["flip=0", "stages.two.flip=0.0", "loss={kl: 1, cc: -0.1}"])
    one, two = recipe.plain()["stages"]
    assert [repr(value) for value in (one["flip"], two["flip"], one["loss"])] == ["0", "0.0", "{'kl': 1, 'cc': -0.1}"]
    assert Recipe.from_plain(json.loads(json.dumps(recipe.plain()))) == recipe


def test_the_recipe_of_a_record_of_another_version_is_an_error(folder):
    plain = json.loads(json.dumps(load_recipe(folder, "mine", "paper").plain()))
    plain["stages"][1] |= {"tempo": 3, "training": "clip"}
    message = r"unknown training 'clip'; did you mean 'clips'\? .*; unknown key 'stages.1.tempo'"
    with pytest.raises(ValueError, match=rf"no recipe of this version \({message}\)"):
        Recipe.from_plain(plain)
    del plain["stages"]
    with pytest.raises(ValueError, match=r"no recipe of this version \(stages is missing\)"):
        Recipe.from_plain(plain)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch_size: 4\nflip: [1\ntest: [synth]", "mine.yaml, line 3: not YAML: expected ',' or ']'"),
        ("[1, 2]", "mine.yaml: expected a mapping, got [1, 2]"),
        ("presets: [paper]", "mine.yaml: presets: expected a mapping, got ['paper']"),
        ("presets: {paper: 3}", "mine.yaml, preset paper: preset: expected a mapping, got 3"),
        ("", "mine.yaml: unknown preset 'paper'; known: none"),
        ("\0", "mine.yaml: not YAML: unacceptable character"),
    ],
)
def test_a_file_of_another_form_is_an_error(tmp_path, text, message):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"mine\.yaml") as wrong:
        load_recipe(tmp_path, "mine", "paper")
    assert str(wrong.value).removeprefix(f"{tmp_path}/").startswith(message)


def test_an_override_without_a_value_is_an_error(folder):
    with pytest.raises(ValueError, match=r"expected key=value, such as stages.audiovisual.epochs=2, got 'epochs'"):
        load_recipe(folder, "mine", "paper", ["epochs"])


def test_unknown_preset_and_model(folder):
    with pytest.raises(ValueError, match=r"mine.yaml: unknown preset 'quik'; did you mean 'quick'"):
        load_recipe(folder, "mine", "quik")
    with pytest.raises(FileNotFoundError, match=r"no recipe .*yours.yaml; there are recipes for mine"):
        load_recipe(folder, "yours", "paper")


@pytest.mark.parametrize(("key", "missing"), [("epochs=1", "data"), ("data=[synth]", "epochs")])
def test_a_stage_that_a_preset_leaves_out_and_the_command_line_half_brings_back(folder, key, missing):
    message = rf"mine.yaml, preset paper: stage 'two' lacks '{missing}'; one that a preset leaves out \(null\) must be"
    with pytest.raises(ValueError, match=message):
        load_recipe(folder, "mine", "paper", ["stages.two=null", f"stages.two.{key}"])


BOMB = "&a [1,1,1,1,1,1,1,1,1,1]" + "".join(f", &{b} [{','.join([f'*{a}'] * 10)}]" for a, b in pairwise("abcdef"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"[{BOMB}]", "over 100000 values"),
        ("&a [*a]", "levels of values"),
        ("[" * 5000, "levels of values"),
        ("[" * 100 + "]" * 100, "levels of values"),
        ("{a: 1, b: 2, a: 3}", "the key 'a' stands twice"),
        ("9" * 5000, "not YAML"),
        ("!!python/object/apply:os.getcwd []", "not YAML"),
        ("a\0b", "not YAML"),
        ("{[1]: 2}", "not YAML"),
    ],
)
def test_yaml_of_a_stranger_is_bounded(tmp_path, text, told):
    with pytest.raises(ValueError, match=told) as raised:
        read_setting(f"key={text}", "key=1")
    assert len(str(raised.value)) < 400
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ValueError, match=rf"mine\.yaml.*{told}"):
        read_yaml(tmp_path / "mine.yaml")


def test_who_changes_values_changes_no_others(tmp_path):
    (tmp_path / "mine.yaml").write_text("a: &a [1]\nb: *a\n")
    first = read_yaml(tmp_path / "mine.yaml")
    first["a"].append(2)
    assert first == {"a": [1, 2], "b": [1, 2]}
    assert read_yaml(tmp_path / "mine.yaml") == {"a": [1], "b": [1]}
    (tmp_path / "mine.yaml").write_text("a: 3")
    assert read_yaml(tmp_path / "mine.yaml") == {"a": 3}


def test_what_is_no_small_file_is_not_read_as_yaml(tmp_path):
    (tmp_path / "large.yaml").write_bytes(b"#" * 2_000_000)
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, told in {"large.yaml": "expected at most", "pipe.yaml": "this is none", ".": "this is none"}.items():
        with pytest.raises(ValueError, match=told):
            read_yaml(tmp_path / name)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("optimizer={name: sgdd, lr: 1}", "unknown optimizer 'sgdd'; did you mean 'sgd'"),
        ("optimizer={name: 3, lr: 1}", "optimizer: give its name, one of adamw, adam, sgd"),
        ("optimizer={name: sgd}", "optimizer: lr is missing"),
        ("optimizer={name: sgd, lr: -1}", "lr should be greater than or equal to 0"),
        ("optimizer={name: sgd, lr: .inf}", "lr should be a finite number"),
        ("optimizer={name: sgd, lr: fast}", "lr should be a number"),
        ("optimizer={name: adam, lr: 1, momentum: 0.9}", "unknown key 'momentum'"),
        ("optimizer={name: adam, lr: 1, betas: [0.9, 1]}", "betas.1 should be less than 1"),
        ("optimizer={name: sgd, lr: 1, nesterov: true}", "nesterov needs a momentum"),
        ("optimizer={name: sgd, lr: 1, lr_scale: {a: -1}}", "lr_scale.a should be greater than or equal to 0"),
        ("schedule={name: cosin}", "unknown schedule 'cosin'; did you mean 'cosine'"),
        ("schedule={name: cosine, warmup: 2}", "warmup should be less than or equal to 1"),
        ("schedule={name: plateau, patience: -1}", "patience should be greater than or equal to 0"),
        ("schedule={name: plateau, factor: 1}", "factor should be less than 1"),
        ("schedule={name: multistep}", "milestones is missing"),
        ("schedule={name: multistep, milestones: [x]}", "milestones.0 should be a whole number"),
        ("schedule={name: constant, interval: day}", "unknown interval 'day'"),
    ],
)
def test_optimisers_and_schedules_have_types(folder, override, told):
    with pytest.raises(ValueError, match=r"mine\.yaml, preset paper: stage 'one': ") as raised:
        load_recipe(folder, "mine", "paper", [override])
    assert told in str(raised.value)


def test_an_optimiser_stays_as_it_was_written(folder):
    text = "{name: adam, lr: 1e-4, betas: [0.9, 0.99], lr_scale: {a: 10, b: 1e-1}}"
    own = load_recipe(folder, "mine", "paper", [f"optimizer={text}"]).stages[0].optimizer
    assert repr(own) == repr({"name": "adam", "lr": 1e-4, "betas": [0.9, 0.99], "lr_scale": {"a": 10, "b": 0.1}})
