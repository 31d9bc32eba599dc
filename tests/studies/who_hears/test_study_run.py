"""The whole study with tiny networks, in this process: killed on its way, gone on with, and nothing trained twice."""

import json
from collections import Counter

import pytest
from test_study_plan import RECIPE, SLOW, WORDS, plan_file

from avsal_bench.bench import fit
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.cli import main
from avsal_bench.studies.who_hears import study_cost, study_run

pytestmark = pytest.mark.slow

MACHINE = Machine(devices=1, workers=0, logger=("csv",))


class Killed(BaseException):
    """Stands for a signal."""


@pytest.fixture
def trained(monkeypatch):
    """How often each stage was trained, by its folder; jobs run in this process, and `dies` ends them by a count."""
    counts = Counter()
    counts.dies = 10**6
    train = fit._fit

    def counted(context, training, *args):
        if sum(counts.values()) >= counts.dies:
            raise Killed
        counts[training.folder.name] += 1
        return train(context, training, *args)

    def launch(jobs, common, parallel, own):
        for job in jobs:
            assert own[job], "its folders"
            run_job(job, launch.work.space(job), MACHINE)
        return []

    monkeypatch.setattr(fit, "_fit", counted)
    monkeypatch.setattr(study_run, "launch_local", launch)
    monkeypatch.setattr(study_cost, "seconds_a_clip", lambda model, options, precision: (1.0, 1.0))
    prepare = study_run.prepare

    def kept(study, work, *others):
        launch.work = work
        return prepare(study, work, *others)

    monkeypatch.setattr(study_run, "prepare", kept)
    return counts


def test_the_whole_study(tmp_path, synth_root, trained, capsys):
    passes = {"epochs": 1, "clips_per_video": 1}
    plan = plan_file(
        tmp_path,
        seeds=[0],
        audiovisual=passes,
        visual=passes,
        networks={"avrsp": {"set": [*WORDS], "settings": [RECIPE, SLOW]}},
    )
    folders = ["--work", str(tmp_path / "work"), "--synth-root", str(synth_root), "--workers", "0"]
    words = ["study", "hearing", "--plan", str(plan), *folders]
    trained.dies = 4
    with pytest.raises(Killed):
        main(words)
    assert sum(trained.values()) == 4, "visual and both settings of the search, and the visual one of the measurement"
    assert json.loads((tmp_path / "work" / "search.json").read_text())["avrsp"]["data"] == {"seed": 7, "videos": 6}
    trained.dies = 10**6
    assert main(words) == 0
    assert len(trained) == 6
    assert set(trained.values()) == {1}, "nothing is trained twice"
    told = capsys.readouterr().out
    assert "Left to do: 2 trainings (0 to search, 2 to measure)" in told
    page = (tmp_path / "work" / "who_hears.md").read_text()
    assert "Nothing: every network of the plan was trained and tested with every seed." in page
    found = json.loads((tmp_path / "work" / "who_hears.json").read_text())["networks"][0]
    tried = {name: score for name, _, score in found["tried"]}
    assert tried[found["setting"]] == max(tried.values())
    assert main(words) == 0
    assert sum(trained.values()) == 6
    assert "nothing is left to train or test of 1 network" in capsys.readouterr().out

    [stage] = [path for path in (tmp_path / "work" / "runs" / "stages").iterdir() if "visual" in path.name][:1]
    made = json.loads((stage / "made_of.json").read_text())
    (stage / "made_of.json").write_text(json.dumps({**made, "visual: frames": "0" * 64}))
    assert main(words) == 2, "what was trained on other data is refused"
    assert "was made of other things than are here now" in capsys.readouterr().err
