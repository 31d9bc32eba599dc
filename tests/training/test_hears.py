"""The recipe key `hears`: silence in training and validation; what does not name it is what it was before the key."""

import json

import pytest
import torch
from conftest import TINY
from tiny_networks import create_tiny

from avsal_bench.audio.waveform import Waveform
from avsal_bench.bench.computing.silent_norms import silent_norms
from avsal_bench.bench.context import Context, Trained
from avsal_bench.bench.fit import fit, training_data
from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.made_of import of_training
from avsal_bench.bench.plan import make_plan
from avsal_bench.bench.stages import trainings
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.files import fingerprint
from avsal_bench.spec import ClipSpec
from avsal_bench.training.recipe import Recipe
from avsal_bench.training.stage import LATE_KEYS, Stage

#: Tiny, and in two stages, whatever the smoke preset has.
WORDS = (
    *(word for word in TINY if "visual." not in word or "audiovisual." in word),
    "stages.visual={data: [synth_silent], epochs: 1, modality: v, start: null}",
)
SPEC = ClipSpec(4, (32, 32), (0.0,) * 3, (1.0,) * 3, audio=Waveform(8000, 2000))


def job(*more, modality="av"):
    return Job("avrsp", modality, 1, 0, "smoke", "stavis", (*WORDS, *more))


def folders(one, space):
    return [training.folder.name for training in trainings(one, one.recipe(space), space)]


def heard(root, **options):
    data = SaliencyDataModule(DataConfig({"synth": root}, batch_size=2, **options), SPEC)
    return [next(iter(loader))["audio"] for loader in (data.train_dataloader(), data.val_dataloader())]


def test_training_and_validation_hear_what_a_muted_test_hears(synth_root):
    silence = SPEC.audio(torch.zeros(1))
    assert [bool(sound.any()) for sound in heard(synth_root)] == [True, True]
    for sound in heard(synth_root, hears="muted"):
        assert torch.equal(sound, silence.expand_as(sound))


def test_the_recipe_says_it_to_the_data(space):
    for word, kept in {"": "original", "hears=muted": "muted"}.items():
        one = job(*[word] if word else [])
        recipe = one.recipe(space)
        context = Context(one, recipe, space, Machine(devices=1, workers=0))
        assert training_data(context, recipe.stages[-1], SPEC).config.hears == kept


def test_a_stage_that_does_not_name_late_keys_is_what_it_was_before_them():
    assert fingerprint(Stage("one", ("synth",), 1).plain())[:12] == "e3ca8ab51b91", "made before `hears` was there"
    assert "hears" in LATE_KEYS
    assert "hears" not in Stage("one", ("synth",), 1, hears="original").plain()
    assert Stage("one", ("synth",), 1, hears="muted").plain()["hears"] == "muted"


def test_records_tell_it_where_it_is_said_alone(space):
    before, muted = job().recipe(space), job("hears=muted").recipe(space)
    assert before == job("hears=original").recipe(space)
    assert all("hears" not in stage for stage in before.plain()["stages"])
    for recipe in (before, muted):
        assert Recipe.from_plain(json.loads(json.dumps(recipe.plain()))) == recipe


def test_what_hears_nothing_is_one_stage_for_both(space):
    true, muted = folders(job(), space), folders(job("hears=muted"), space)
    assert true[0] == muted[0]
    assert true[1] != muted[1]
    assert folders(job(modality="v"), space) == folders(job("hears=muted", modality="v"), space)
    assert folders(job("stages.audiovisual.hears=muted"), space) == muted


def test_another_word_is_an_error(space):
    with pytest.raises(ValueError, match=r"avrsp\.yaml, preset smoke: .*hears.*swapped"):
        make_plan(space, ["avrsp"], "smoke", "stavis", overrides=["hears=swapped"])
    with pytest.raises(ValueError, match="hears: expected original or muted, got 'noise'"):
        DataConfig({"synth": "."}, hears="noise")


@pytest.mark.parametrize(("name", "norms"), [("avrsp", "soundnet."), ("dave", "audio_branch."), ("caspnet", None)])
def test_norms_that_silence_alone_reaches(name, norms):
    net = create_tiny(name, "av").train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    found = silent_norms(net)
    bns = {key for key, part in net.named_modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)}
    assert found.keys() == {key for key in bns if norms and key.startswith(norms)}
    assert all(part.training for part in net.modules())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items()), "it is only looked at"
    assert silent_norms(create_tiny(name, "v")) == {}


def test_a_network_that_trains_on_silence_hears_a_constant(space):
    """Not noise that rounding makes, which grows 300 times with each norm, up to NaN in tests."""
    one = job("stages.visual=null", "hears=muted")
    recipe = one.recipe(space)
    context = Context(one, recipe, space, Machine(devices=1, workers=0))
    [stage] = trainings(one, recipe, space)
    fit(context, stage, Trained(), lambda: of_training(stage, one, space))
    saved = torch.load(stage.best, weights_only=False)["state_dict"]
    sound = {key: value for key, value in saved.items() if "soundnet" in key and "running" in key}
    assert sound
    assert all(value.eq(1 if "var" in key else 0).all() for key, value in sound.items())
    seen = [value for key, value in saved.items() if "s3d" in key and "running_var" in key]
    assert not any(value.eq(1).all() for value in seen), "norms of what is seen learn as ever"
