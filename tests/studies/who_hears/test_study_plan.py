"""The plan of `avsal study hearing`: the packaged one, what is refused, the jobs of it, its cost, and the choice."""

import json
from dataclasses import replace

import pytest
import yaml
from conftest import TINY

from avsal_bench.bench.plan import epoch_clips
from avsal_bench.bench.stages import trainings
from avsal_bench.cli import main
from avsal_bench.models import list_models, model_entry
from avsal_bench.records import read_records
from avsal_bench.studies.who_hears import study_cost
from avsal_bench.studies.who_hears.study_cost import cost_text, what_is_left
from avsal_bench.studies.who_hears.study_file import CONDITIONS, Setting, asked_study, load_study
from avsal_bench.studies.who_hears.study_jobs import Work, check_jobs, check_seeds, pairs, search_jobs
from avsal_bench.studies.who_hears.study_search import (
    Choice,
    choose,
    look_at_search,
    note_choices,
    noted_choice,
    read_choices,
    tried_of,
    with_done_searches,
)

#: Tiny, and in two stages, whatever the smoke preset has.
WORDS = (
    *(word for word in TINY if "visual." not in word or "audiovisual." in word),
    "stages.visual={data: [synth_silent], epochs: 1, modality: v, start: null}",
)
RECIPE = {"name": "recipe", "reason": "as it is"}
SLOW = {"name": "slow", "reason": "half of it", "set": ["stages.audiovisual.optimizer={name: adamw, lr: 1.0e-3}"]}
PLAN = {
    "seeds": [0, 1],
    "audiovisual": {"epochs": 2, "clips_per_video": 3},
    "visual": {"epochs": 1, "clips_per_video": 1},
    "networks": {"avrsp": {"set": list(WORDS), "settings": [RECIPE, SLOW]}},
}


def plan_file(folder, **changes):
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump({**PLAN, **changes}), encoding="utf-8")
    return path


@pytest.fixture
def study(tmp_path):
    return load_study(plan_file(tmp_path))


@pytest.fixture
def work(tmp_path, synth_root):
    return Work(tmp_path / "work", synth_root)


def network(**entry):
    return {"networks": {"avrsp": {"settings": [RECIPE], **entry}}}


def test_the_packaged_plan_names_every_network_that_takes_sound():
    study = load_study()
    hearing = {name for name in list_models() if "av" in model_entry(name).modalities}
    assert {study.model(name) for name in study.networks} == hearing
    assert all(len(entry.settings) == 3 for entry in study.networks.values())
    assert study.seeds == (0, 1, 2)
    assert "mspi-s3d" in study.networks


def test_the_packaged_settings_differ_and_leave_the_counts_alone(work):
    study = load_study()
    for name, entry in study.networks.items():
        jobs = [pairs(study, name, one)[0].hearing for one in entry.settings]
        recipes = [job.recipe(work.space(job)) for job in jobs]
        assert len({json.dumps(recipe.plain(), default=str) for recipe in recipes}) == 3, name
        for recipe in recipes:
            last = recipe.stages[-1]
            passes = study.audiovisual
            assert (last.epochs, last.clips_per_video, last.clips_every) == (
                passes.epochs,
                passes.clips_per_video,
                None,
            )
            assert (last.val_fraction, last.data) == (0.15, ("synth",))


@pytest.mark.slow
def test_every_packaged_setting_can_be_trained_on_as_many_clips(work):
    assert check_jobs(load_study(), work) > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"networks": {"avrps": {"settings": [RECIPE]}}}, "network avrps: unknown model 'avrps'; did you mean 'avrsp'"),
        ({"networks": {"tasednet": {"settings": [RECIPE]}}}, "tasednet takes no sound, so it cannot hear"),
        (network(settings=[{**RECIPE, "name": f"{i}"} for i in range(5)]), "5 settings; from 1 to 4 a network"),
        (network(settings=[]), "0 settings; from 1 to 4"),
        (network(settings=[RECIPE, RECIPE]), "two settings are called 'recipe'"),
        (network(settings=[{**RECIPE, "reason": " "}]), "setting 'recipe' lacks its name or its reason"),
        (network(settings=[{"name": "recipe"}]), "reason is missing"),
        (network(settings=[{**RECIPE, "set": "lr=1"}]), "set should be a list"),
        (network(tempo=3), "unknown key 'networks.avrsp.tempo'"),
        ({"networks": {}}, "networks: name at least one"),
        ({"networks": ["avrsp"]}, "networks should be a mapping"),
        ({"networks": {"a/b": {"settings": [RECIPE], "model": "avrsp"}}}, "network 'a/b': a name has letters"),
        ({"seeds": [0, 0]}, "seeds: expected at least one, and each once"),
        ({"seeds": [-1]}, "greater than or equal to 0"),
        ({"seeds": [2**31]}, "less than or equal to"),
        ({"audiovisual": {"epochs": 0, "clips_per_video": 1}}, "audiovisual.epochs should be greater than"),
        ({"protocol": "stavi"}, "unknown protocol 'stavi'"),
        ({"clips": 3}, "unknown key 'clips'"),
    ],
)
def test_a_plan_of_another_form_is_an_error_with_its_file(tmp_path, changes, message):
    with pytest.raises(ValueError, match=r"plan\.yaml: ") as wrong:
        load_study(plan_file(tmp_path, **changes))
    assert message in str(wrong.value)


@pytest.mark.parametrize("text", ["[1, 2]", "3", "networks: [", "1: 2"])
def test_what_is_no_plan_at_all(tmp_path, text):
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"plan\.yaml"):
        load_study(tmp_path / "plan.yaml")


def test_a_plan_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no plan .*; --plan names a file such as .*hearing\.yaml"):
        load_study(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (network(set=["test=[avad]"]), "the study trains, and tests on synth alone; got test avad"),
        (network(set=["stages.audiovisual.data=[avad]"]), "trains on avad; causes are known on synth alone"),
        (network(set=["stages.audiovisual.modality=v"]), "the last stage, 'audiovisual', trains without sound"),
        (network(set=["hears=muted"]), "setting 'recipe': stage 'audiovisual' hears muted: that is the ablation"),
        ({**network(), "preset": "smok"}, "network avrsp, setting 'recipe': .*unknown preset 'smok'"),
        (network(set=["network.wide=3"]), "network avrsp, setting 'recipe': .*wide"),
        (network(settings=[{**RECIPE, "set": ["stages.audio.epochs=1"]}]), "setting 'recipe': .*stage 'audio'"),
        (
            network(settings=[RECIPE, {**SLOW, "set": ["stages.audiovisual.epochs=3"]}]),
            r"same number of clips, and these differ: .* \(network avrsp, setting 'slow'\)",
        ),
    ],
)
def test_what_cannot_be_trained_or_compared_names_network_and_setting(tmp_path, work, changes, message):
    with pytest.raises(ValueError, match=message):
        check_jobs(load_study(plan_file(tmp_path, **changes)), work)


def test_the_search_and_the_measurement_are_of_two_seeds(study, work):
    check_seeds(study, work)
    with pytest.raises(ValueError, match="embedded set of seed 0, on which the settings are searched"):
        check_seeds(replace(study, search_data=0), work)


def test_only_a_part_may_be_asked_for(study):
    assert asked_study(study) == study
    assert asked_study(study, seeds=[5]).seeds == (5,)
    assert [s.name for s in asked_study(study, settings=1).networks["avrsp"].settings] == ["recipe"]
    others = asked_study(study, ["stavis"]).networks
    assert list(others) == ["stavis"], "a network beside the plan is trained as its preset says"
    assert others["stavis"].settings[0].set == ()
    with pytest.raises(ValueError, match="unknown network 'avrps'; did you mean 'avrsp'"):
        asked_study(study, ["avrps"])


def test_the_search_trains_alone_and_on_other_data(study, work):
    jobs = search_jobs(study, "avrsp")
    assert [job.train_only for job in jobs] == [True, True]
    assert {work.space(job).synth_root for job in jobs} == {work.search_root}
    assert search_jobs(asked_study(study, settings=1), "avrsp") == []


def test_a_seed_is_a_pair_that_shares_what_hears_nothing(study, work):
    setting = study.networks["avrsp"].settings[0]
    of_seed = pairs(study, "avrsp", setting)
    assert list(of_seed) == [0, 1]
    hearing, silent = of_seed[1]
    assert (hearing.sounds, silent.sounds) == (CONDITIONS, ("muted",))
    true, mute = (trainings(job, job.recipe(work.space(job)), work.space(job)) for job in (hearing, silent))
    assert true[0].folder == mute[0].folder
    assert true[1].folder != mute[1].folder
    assert work.space(hearing).leaderboard != work.space(silent).leaderboard
    assert work.space(hearing).synth_root == work.synth_root


def test_the_cost_is_told_by_network_and_counts_shared_stages_once(study, work, space, monkeypatch):
    monkeypatch.setattr(study_cost, "seconds_a_clip", lambda model, options, precision: (3600.0, 0.0))
    study = asked_study(study, settings=1)
    left = what_is_left(study, work, {}, "32-true")["avrsp"]
    clips = check_jobs(study, work)
    stage, _ = pairs(study, "avrsp", study.networks["avrsp"].settings[0])[0].hearing.recipe(space).stages
    assert (left.searches, left.trainings) == (0, 4)
    assert left.clips == 4 * clips + 2 * epoch_clips(stage, 1, space)
    assert left.hours == pytest.approx(left.clips)
    text = cost_text(study, {"avrsp": left}, clips)
    told = f"Left to do: 4 trainings (0 to search, 4 to measure) on {left.clips:,} clips"
    assert text.splitlines()[0].startswith(told)
    assert f"{clips} clips in the audio-visual stage" in text
    assert not list(work.runs.glob("stages/*")), "nothing is trained"


def story(*scores, **more):
    points = [{"epoch": n, "val/cc": cc, "val/loss": 1 - cc} for n, cc in enumerate(scores, start=1)]
    return {"curve": points, "seconds": 1.0, **more}


def tried(name, *scores):
    return tried_of(Setting(name, "why"), story(*scores), f"stage-{name}")


def test_the_best_epoch_of_the_validation_decides_and_the_first_of_equal_ones():
    one = tried("a", 0.1, 0.5, 0.3)
    assert (one.best_val_cc, one.epoch, one.kept_val_cc) == (0.5, 2, 0.5)
    assert choose([one, tried("b", 0.4), tried("c", 0.5, 0.5)]) == 0
    assert choose([tried("a", 0.1), tried("b", 0.4)]) == 1
    assert choose([tried("a"), tried("b", -0.4)]) == 1, "a training without a score is chosen last"
    assert choose([tried("a"), tried("b")]) == 0
    with pytest.raises(ValueError, match="no setting was tried"):
        choose([])


def test_the_choice_waits_for_all_settings(study, work):
    assert look_at_search(study, "avrsp", work) is None
    alone = look_at_search(asked_study(study, settings=1), "avrsp", work)
    assert alone == Choice("avrsp", study.networks["avrsp"].settings[0])


def test_a_choice_among_more_settings_stays_when_fewer_are_asked_for(study, work):
    asked = asked_study(study, settings=1)
    assert with_done_searches(asked, study, work) == asked
    work.folder.mkdir()
    work.search_root.symlink_to(work.synth_root)
    for job, cc in zip(search_jobs(study, "avrsp"), (0.2, 0.3), strict=True):
        folder = trainings(job, job.recipe(work.space(job)), work.space(job))[-1].folder
        folder.mkdir(parents=True)
        (folder / "done.json").write_text(json.dumps(story(cc)))
    assert with_done_searches(asked, study, work) == study
    assert look_at_search(study, "avrsp", work).setting.name == "slow"


def test_choices_are_noted_beside_others_and_known_again_while_the_plan_has_them(study, work):
    first, second = study.networks["avrsp"].settings
    note_choices(study, work, {"other": Choice("other", first)})
    path = note_choices(study, work, {"avrsp": Choice("avrsp", second, (tried("recipe", 0.2), tried("slow", 0.3)))})
    noted = read_choices(work)
    assert list(noted) == ["avrsp", "other"]
    assert [one["best_val_cc"] for one in noted["avrsp"]["tried"]] == [0.2, 0.3]
    assert noted["avrsp"]["tried"][0]["curve"] == story(0.2)["curve"]
    setting, scores = noted_choice(study, "avrsp", noted)
    assert (setting, [score for _, _, score in scores]) == (second, [0.2, 0.3])
    changed = replace(study, networks={"avrsp": replace(study.networks["avrsp"], settings=(first,))})
    assert noted_choice(changed, "avrsp", noted) is None
    path.write_text("[")
    with pytest.raises(ValueError, match=r"search\.json: damaged .*; remove it"):
        read_choices(work)


def typed(tmp_path, synth_root, *words):
    folders = ["--work", str(tmp_path / "work"), "--synth-root", str(synth_root), "--workers", "0"]
    return ["study", "hearing", "--plan", str(plan_file(tmp_path)), *folders, *words]


def test_the_command_tells_its_cost_and_stops(tmp_path, synth_root, capsys, monkeypatch):
    monkeypatch.setattr(study_cost, "seconds_a_clip", lambda model, options, precision: (1.0, 1.0))
    assert main(typed(tmp_path, synth_root, "--settings", "1", "--seeds", "0", "--dry-run")) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("Left to do: 2 trainings (0 to search, 2 to measure)")
    assert "hours of one process" in first
    assert not (tmp_path / "work" / "runs" / "stages").exists()


def test_the_command_lists_what_was_not_run(tmp_path, synth_root, capsys):
    page = tmp_path / "page.md"
    assert main(typed(tmp_path, synth_root, "--show", "--write", str(page))) == 0
    assert "avrsp    not run" in capsys.readouterr().out
    text = page.read_text()
    assert "## Not run\n\n- avrsp: no setting is chosen yet." in text
    assert "## Verdicts" not in text
    assert text == (tmp_path / "work" / "who_hears.md").read_text()
    assert [*read_records(tmp_path / "work" / "leaderboard" / "records")] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--networks", "avrps"], "unknown network 'avrps'; did you mean 'avrsp'"),
        (["--networks", "tasednet"], "takes no sound"),
        (["--show", "--dry-run"], "give one of them"),
        (["--precision", "bf16"], "the study compares scores in float32"),
        (["--settings", "5"], "expected a whole number from 1 to 4, got '5'"),
        (["--jobs", "0"], "expected a whole number from 1"),
        (["--seeds", "a"], "seeds such as 0,1"),
        (["--plan", "none.yaml"], "no plan none.yaml"),
    ],
)
def test_what_is_typed_wrongly(tmp_path, synth_root, capsys, words, message):
    try:
        code = main(typed(tmp_path, synth_root, *words))
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert message in capsys.readouterr().err
