"""What the study finds in records made by hand: losses, intervals over seeds and videos, verdicts, and its tables."""

import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from made_records import STORY, make
from test_study_plan import PLAN, RECIPE, plan_file

from avsal_bench.leaderboard.statistics import Interval, bootstrap_interval
from avsal_bench.records import write_record
from avsal_bench.studies.who_hears.seed_intervals import over_seeds_and_videos
from avsal_bench.studies.who_hears.study_file import load_study
from avsal_bench.studies.who_hears.study_findings import (
    OTHER_SOUNDS,
    Loss,
    NotRun,
    clips_of,
    look_at_records,
    verdict,
)
from avsal_bench.studies.who_hears.study_jobs import Work, pairs, record_paths
from avsal_bench.studies.who_hears.study_page import ablation_word, page, summary
from avsal_bench.studies.who_hears.study_search import Choice, note_choices
from avsal_bench.studies.who_hears.study_tables import long_table, plain, write_pages

#: Sixteen videos, of which the first two of every four sound; see ``made_records.KINDS``.
NOISE = np.random.default_rng(0).normal(0, 0.01, 16)
SOUNDING = np.array([i % 4 < 2 for i in range(16)])
FITS = [
    {"stage": "visual", "steps": 3, "seconds": 1.0},
    {"stage": "audiovisual", "steps": 10, "seconds": 5.0},
]


@pytest.fixture
def work(tmp_path, synth_root):
    return Work(tmp_path / "work", synth_root)


@pytest.fixture
def study(tmp_path):
    deaf = {"model": "avrsp", "set": [*PLAN["networks"]["avrsp"]["set"], "flip=0"], "settings": [RECIPE]}
    return load_study(
        plan_file(tmp_path, networks={**PLAN["networks"], "deaf": deaf, "late": {**deaf, "set": ["flip=0"]}})
    )


def record(job, work, sound, values, **changes):
    recipe = json.loads(json.dumps(job.recipe(work.space(job)).plain()))
    made = make(list(values), "avrsp", "av", "synth", 1, job.seed, sound, "smoke", recipe=recipe, **changes)
    weights = {"file": "best.ckpt", "sha256": f"{job.seed}" * 64, "parameters": 1}
    liked = [replace(v, map_cc=None if sound == "original" else 0.75) for v in made.videos]
    return replace(made, videos=liked, weights=weights, provenance={**STORY, "fits": FITS})


def save(study, work, network, gains, sounds=OTHER_SOUNDS):
    """Records of every seed of ``gains``, which lose so much on sounding scenes with each of ``sounds``."""
    setting = study.networks[network].settings[0]
    note_choices(study, work, {network: Choice(network, setting)})
    of_seed = pairs(study, network, setting)
    for seed, gain in gains.items():
        hearing, silent = of_seed[seed]
        for sound, path in record_paths(hearing, work).items():
            lost = gain if sound in sounds else 0.0
            write_record(path, record(hearing, work, sound, 0.5 + NOISE - lost * SOUNDING))
        [path] = record_paths(silent, work).values()
        write_record(path, record(silent, work, "muted", 0.5 + NOISE[::-1] - gain * SOUNDING))


def test_a_network_that_hears_and_one_that_does_not(study, work):
    save(study, work, "avrsp", {0: 0.2, 1: 0.3})
    save(study, work, "deaf", {0: 0.0, 1: 0.0})
    hears, deaf, late = look_at_records(study, work)
    assert (hears.verdict, deaf.verdict) == ("hears with every seed", "loses nothing")
    assert isinstance(late, NotRun)
    assert (hears.seeds, hears.missing, hears.setting) == ((0, 1), (), "recipe")
    muted = hears.losses["muted"]
    assert muted.sounding.mean == pytest.approx(0.25)
    assert (muted.sounding.n, muted.other.n) == (8, 8)
    bounds = (muted.sounding.low, muted.sounding.high)
    assert bounds == (pytest.approx(0.2), pytest.approx(0.3)), "over seeds, too"
    assert muted.other.mean == 0
    assert muted.map_cc == 0.75
    assert muted.by_seed[1].mean == pytest.approx(0.3)
    assert hears.over_silent.mean == pytest.approx(0.25, abs=0.02)
    assert (ablation_word(hears.over_silent), ablation_word(deaf.over_silent)) == ("worse", "the same")
    assert (hears.clips, hears.seconds) == ((40, 12), 6.0)


@pytest.mark.parametrize(
    ("gains", "sounds", "expected"),
    [
        ({0: 0.2, 1: 0.0}, OTHER_SOUNDS, "hears with some: seed 0 of 0, 1"),
        ({0: 0.2}, OTHER_SOUNDS, "hears with seed 0, the only one"),
        (
            {0: 0.2, 1: 0.0},
            ["muted", "noise"],
            "does not hear with every sound: loses by seed 0 with muted, noise only",
        ),
    ],
)
def test_verdicts_go_by_seed_and_sound(study, work, gains, sounds, expected):
    save(study, work, "avrsp", gains, sounds)
    found = look_at_records(study, work)[0]
    assert found.verdict == expected
    assert found.missing == tuple({0, 1} - gains.keys())


def test_better_without_the_sound_is_no_hearing():
    worse = Interval(-0.2, -0.3, -0.1, 8)
    assert verdict({sound: Loss(worse, worse, 0.5, {0: worse}) for sound in OTHER_SOUNDS}) == "loses nothing"


def test_of_a_seed_without_scores_nothing_is_said():
    lost, none = Interval(0.2, 0.1, 0.3, 8), Interval(math.nan, math.nan, math.nan, 0)
    told = verdict({sound: Loss(none, none, 1.0, {0: lost, 1: none}) for sound in OTHER_SOUNDS})
    assert told.startswith("unknown: no interval with seed 1")
    assert ablation_word(none).startswith("unknown")


def test_a_seed_that_is_not_whole_is_not_run(study, work):
    save(study, work, "avrsp", {0: 0.2, 1: 0.2})
    silent = pairs(study, "avrsp", study.networks["avrsp"].settings[0])[1].silent
    record_paths(silent, work)["muted"].unlink()
    found = look_at_records(study, work)[0]
    assert (found.seeds, found.missing) == ((0,), (1,))
    for seed in (0, 1):
        for job in pairs(study, "avrsp", study.networks["avrsp"].settings[0])[seed]:
            for path in record_paths(job, work).values():
                path.unlink(missing_ok=True)
    gone = look_at_records(study, work)[0]
    assert gone.why == "setting 'recipe' is chosen, no seed is trained and tested whole"


def test_a_record_of_another_recipe_is_refused(study, work):
    save(study, work, "avrsp", {0: 0.2})
    hearing, _ = pairs(study, "avrsp", study.networks["avrsp"].settings[0])[0]
    path = record_paths(hearing, work)["swapped"]
    other = replace(hearing, overrides=(*hearing.overrides, "flip=0.25"))
    write_record(path, record(other, work, "swapped", 0.5 + NOISE))
    with pytest.raises(ValueError, match="was made by another recipe"):
        look_at_records(study, work)


def test_sounds_of_different_weights_are_refused(study, work):
    save(study, work, "avrsp", {0: 0.2})
    hearing, _ = pairs(study, "avrsp", study.networks["avrsp"].settings[0])[0]
    path = record_paths(hearing, work)["swapped"]
    made = record(hearing, work, "swapped", 0.5 + NOISE)
    write_record(path, replace(made, weights={**made.weights, "sha256": "f" * 64}))
    with pytest.raises(ValueError, match="are of different weights"):
        look_at_records(study, work)


def test_the_page_tells_all_and_leaves_nothing_out(study, work, tmp_path):
    save(study, work, "avrsp", {0: 0.2})
    found = look_at_records(study, work)
    text = page(study, found)
    for line in ("hears with seed 0, the only one", "0 (not run: 1)", r"**+0.200 \[+0.200, +0.200\]**"):
        assert line in text
    missing = text[text.index("## Not run") : text.index("## Method")]
    assert "- avrsp: seed 1 of 0, 1." in missing
    assert "- avrsp: the search of 2 settings; the first was taken." in missing
    assert "- deaf: no setting is chosen yet." in missing
    assert "- late: " in missing
    assert "{" not in text
    assert "2 epochs of 3 clips of every video" in text
    told = summary(found)
    assert [line.split()[0] for line in told.splitlines()[2:]] == ["avrsp", "deaf", "late"]
    paths = write_pages(study, found, text, work.folder, tmp_path / "docs" / "page.md")
    assert [path.name for path in paths] == ["who_hears.md", "who_hears.csv", "who_hears.json", "page.md"]
    assert paths[0].read_text() == paths[-1].read_text() == text
    whole = json.loads(paths[2].read_text())
    assert [one["network"] for one in whole["networks"]] == ["avrsp"]
    assert [one["network"] for one in whole["not_run"]] == ["deaf", "late"]
    assert whole == json.loads(json.dumps(plain(study, found)))


def test_the_long_table_has_a_line_a_number(study, work):
    save(study, work, "avrsp", {0: 0.2, 1: 0.3})
    rows = [*csv.DictReader(io.StringIO(long_table(look_at_records(study, work)[:1])))]
    assert len(rows) == 3 + 4 * (3 + 2)
    wanted = {"measure": "loss", "sound": "muted", "scenes": "sounding", "seed": ""}
    [muted] = [row for row in rows if wanted.items() <= row.items()]
    assert (float(muted["mean"]), muted["videos"], muted["seeds"]) == (pytest.approx(0.25), "8", "0 1")
    assert {r["seed"] for r in rows} == {"", "0", "1"}


def test_of_one_seed_the_interval_is_that_over_videos():
    values = {f"v{i}": float(x) for i, x in enumerate(NOISE)}
    assert over_seeds_and_videos([values]) == bootstrap_interval([*dict(sorted(values.items())).values()])


def test_seeds_that_differ_widen_the_interval():
    alike = [{f"v{i}": 0.5 + x for i, x in enumerate(NOISE)}] * 3
    apart = [{video: x + shift for video, x in of.items()} for of, shift in zip(alike, (-0.2, 0, 0.2), strict=True)]
    narrow, wide = over_seeds_and_videos(alike), over_seeds_and_videos(apart)
    assert narrow.mean == pytest.approx(wide.mean)
    assert narrow.high - narrow.low < 0.02
    assert wide.low == pytest.approx(wide.mean - 0.2, abs=0.02)
    assert wide == over_seeds_and_videos(apart), "the same draws"


def test_the_spread_of_the_draws_is_that_of_the_formula():
    """Variances of the means over drawn seeds and drawn videos add up, for effects that add up."""
    draw = np.random.default_rng(3)
    seeds, videos = draw.normal(size=4), draw.normal(size=30)
    found = over_seeds_and_videos([{f"v{i}": s + v for i, v in enumerate(videos)} for s in seeds])
    sigma = math.sqrt(seeds.var() / 4 + videos.var() / 30)
    assert (found.high - found.low) / (2 * 1.96 * sigma) == pytest.approx(1, abs=0.06)


def test_videos_without_a_score_are_dropped_for_all_seeds():
    one, other = {"a": 0.1, "b": 0.2, "c": 0.3}, {"a": math.nan, "b": 0.4, "d": 0.1}
    found = over_seeds_and_videos([one, other])
    assert (found.n, found.dropped, found.mean) == (1, 3, pytest.approx(0.3))
    assert math.isnan(found.low)
    none = over_seeds_and_videos([{"a": math.nan}])
    assert (none.n, math.isnan(none.mean)) == (0, True)
    with pytest.raises(ValueError, match="no seed"):
        over_seeds_and_videos([])


def test_clips_are_those_of_whole_steps(study, work):
    hearing, _ = pairs(study, "avrsp", study.networks["avrsp"].settings[0])[0]
    made = record(hearing, work, "original", NOISE)
    assert clips_of(made) == (40, 12), "10 and 3 steps of 4 clips"
    assert clips_of(replace(made, provenance=STORY)) == (0, 0)
