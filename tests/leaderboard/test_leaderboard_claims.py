"""Whether a network hears, and whether the scores are still those that were expected."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_records import made_elsewhere, make, save, section, synth_records

from avsal_bench.leaderboard import hearing_claims, write_leaderboard
from avsal_bench.leaderboard.hearing import hearing_table
from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.html import html_page
from avsal_bench.leaderboard.reports.run_summary import run_summary
from avsal_bench.leaderboard.sound_losses import ALL, BELONGS, OTHER_SCENES, SOUNDING_SCENES, losses_text, sound_losses
from avsal_bench.records import METRICS, Record, VideoScores, mean_scores, read_record, record_path, write_record

# hearing


def test_claims_of_a_network_that_hears() -> None:
    claims = hearing_claims(synth_records())
    assert len(claims) == 14
    assert [c.text for c in claims if not c.holds] == []
    gain = next(c for c in claims if c.text.startswith("toy_av beats toy_v in CC on sounding"))
    assert gain.interval is not None
    assert gain.interval.mean == pytest.approx(0.2, abs=0.01)
    assert gain.interval.n == 12


def test_claims_of_a_network_that_does_not_hear() -> None:
    failed = [c for c in hearing_claims(synth_records(gain=0.0)) if not c.holds]
    assert {c.text.split(" in ")[0].rstrip(",") for c in failed} == {"toy_av beats toy_v", "toy_av loses when muted"}
    assert all("does not lie above zero" in c.reason for c in failed)


@pytest.mark.parametrize(
    ("gone", "reason"),
    [("muted", "no record of toy_av with muted sound"), ("v", "no record of toy_v"), ("mep", "no record of mep")],
)
def test_missing_record_gives_a_claim_that_does_not_hold(gone: str, reason: str) -> None:
    left = [r for r in synth_records() if gone not in (r.sound, r.modality, r.model)]
    failed = [c for c in hearing_claims(left) if not c.holds]
    assert failed
    assert reason in {c.reason for c in failed}
    assert all(c.interval is None for c in failed)


def test_a_run_of_one_modality_ends_with_no_claim_that_nobody_asked_for() -> None:
    records = synth_records()
    both = run_summary(records)
    assert " NO " not in both
    assert "Not asked" not in both
    network = next(r.network for r in records if r.modality == "v")
    heard = run_summary([r for r in records if r.network != network])
    assert " NO " not in heard
    assert f" beats {network} " not in heard
    assert "loses when muted" in heard
    assert heard.endswith(f"\n\nNot asked: no record of {network}.")
    seen = run_summary([r for r in records if r.network == network])
    assert seen.endswith("\n\nNot asked: no synthetic record of a network with sound.")
    assert "Does it learn" not in seen


def test_a_claim_that_fails_is_told_at_the_end_of_a_run() -> None:
    assert " NO " in run_summary(synth_records(gain=-0.2))


def test_claims_without_any_record() -> None:
    [claim] = hearing_claims([make([0.5], modality="av")])
    assert (claim.holds, claim.interval) == (False, None)
    [claim] = hearing_claims(synth_records()[:1], models=["toy"])
    assert claim.reason == "no synthetic record of toy_av"


def test_maps_made_elsewhere_are_not_asked_whether_they_hear() -> None:
    maps = [
        made_elsewhere(make([0.9] * 24, model="other", modality="av", dataset="synth")),
        made_elsewhere(make([0.1] * 24, model="other", modality="v", dataset="synth")),
        made_elsewhere(make([9.0] * 24, model="mep", modality="", dataset="synth", seed=7)),
    ]
    assert hearing_claims([*maps, *synth_records()]) == hearing_claims(synth_records())
    assert hearing_table([*maps, *synth_records()]) == hearing_table(synth_records())
    assert hearing_table(maps) == []
    [claim] = hearing_claims(maps)
    assert (claim.holds, claim.reason) == (False, "no synthetic record of a network with sound")
    # Nor do they stand in for a baseline that was not run.
    without = [r for r in synth_records() if r.model != "mep"]
    assert hearing_claims([*maps, *without]) == hearing_claims(without)


def test_hearing_pairs_only_equal_folds_and_seeds() -> None:
    records = [
        make([0.5] * 4, dataset="synth", modality="av"),
        make([9.0] * 4, dataset="synth", modality="av", fold=2),
        make([0.25] * 4, dataset="synth"),
        make([7.0] * 4, dataset="synth", seed=5),
    ]
    [cc, _] = hearing_table(records)
    assert cc.av_over_v is not None
    assert cc.av_over_v.mean == 0.25
    assert cc.original_over_muted is None
    assert not cc.hears


def test_page_answers_whether_it_hears(tmp_path: Path) -> None:
    page = write_leaderboard(save(tmp_path, synth_records()))[0].read_text(encoding="utf-8")
    lines = section(page, "### Does it hear?").splitlines()
    [cc] = [line for line in lines if line.startswith("| toy") and " CC " in line]
    assert "**+0.2" in cc
    assert cc.rstrip(" |").endswith("yes")
    assert " Mean eye position " in cc
    kinds = [x for x in section(page, "### CC by kind of scene").splitlines() if x.startswith("| toy ")]
    heard = next([cell.strip() for cell in x.split("|")] for x in kinds if " av " in x)
    assert [float(cell) for cell in heard[4:8]] == pytest.approx([0.6, 0.6, 0.4, 0.4], abs=0.01)


# losses with another sound


def heard(
    sound: str, lost: float, consistent: float | None = None, map_cc: float | None = None, **more: object
) -> Record:
    """A record of ten real videos, each this much worse than 0.5 in every metric, and so in KL higher."""
    record = make([0.0] * 10, modality="av", dataset="diem", sound=sound, weights={"sha256": "a"}, **more)  # type: ignore[arg-type]
    spread = np.linspace(-0.01, 0.01, 10) * (lost != 0)
    videos = [
        replace(
            video,
            scores={m: 0.5 - (lost + d) * (1 if higher else -1) for m, higher in METRICS.items()},
            consistent={}
            if consistent is None
            else dict.fromkeys(METRICS, 0.5 - consistent) | {"KL": 0.5 + consistent},
            consistent_frames=0 if consistent is None else 4,
            map_cc=map_cc,
        )
        for video, d in zip(record.videos, spread, strict=True)
    ]
    return replace(record, videos=videos, scores=mean_scores(videos))


def test_a_loss_is_positive_where_the_true_sound_is_better_in_every_metric() -> None:
    records = [heard("original", 0.0, 0.0), heard("swapped", 0.1, 0.2, 0.8), heard("muted", 0.0, 0.0, 1.0)]
    found = {(one.sound, one.part): one for one in sound_losses(records)}
    assert list(found) == [("muted", ALL), ("muted", BELONGS), ("swapped", ALL), ("swapped", BELONGS)]
    for metric in METRICS:
        lost = found["swapped", ALL].losses[metric]
        assert lost.mean == pytest.approx(0.1)
        assert 0.09 < lost.low < 0.1 < lost.high < 0.11
        assert found["swapped", BELONGS].losses[metric].mean == pytest.approx(0.2)
        assert (found["muted", ALL].losses[metric].mean, found["muted", ALL].losses[metric].high) == (0.0, 0.0)
    likeness = found["swapped", ALL].map_cc
    assert likeness is not None
    assert likeness.mean == pytest.approx(0.8)
    assert found["swapped", BELONGS].map_cc is None
    assert found["muted", ALL].videos == 10
    text = losses_text(list(found.values())).splitlines()
    [line] = [line for line in text if line.split()[:6] == ["toy", "(paper)", "diem", "swapped", "all", "frames"]][:1]
    assert line.endswith("0.800")
    assert losses_text([]) == "no record with another sound than the true one"


def test_consistent_frames_are_asked_only_where_labels_are_and_count_only_videos_that_have_some() -> None:
    records = [heard("original", 0.0), heard("noise", 0.1)]
    assert [one.part for one in sound_losses(records)] == [ALL]
    labelled = [heard("original", 0.0, 0.0), heard("noise", 0.1, 0.3)]
    for record in labelled:
        record.videos[0].consistent.update(dict.fromkeys(METRICS, math.nan))
    of_all, belongs = sound_losses(labelled)
    assert (of_all.videos, belongs.videos) == (10, 9)
    assert belongs.losses["CC"].mean == pytest.approx(0.3)


def test_records_of_other_weights_or_folds_are_not_paired() -> None:
    true = heard("original", 0.0)
    assert sound_losses([true, heard("muted", 0.1, fold=2)]) == []
    retrained = replace(heard("muted", 0.1), weights={"sha256": "b"})
    assert sound_losses([true, retrained]) == []
    assert sound_losses([made_elsewhere(true), made_elsewhere(heard("muted", 0.1))]) == []


def test_on_synth_sounding_scenes_stand_apart() -> None:
    found = {one.part: one.losses["CC"].mean for one in sound_losses(synth_records())}
    assert found[SOUNDING_SCENES] == pytest.approx(0.2, abs=0.01)
    assert found[OTHER_SCENES] == pytest.approx(0.0, abs=0.01)
    assert found[ALL] == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("sound", ["swapped", "shifted"])
def test_a_network_that_was_tested_with_another_sound_must_lose_with_it(sound: str) -> None:
    records = synth_records()
    other = [replace(r, sound=sound) for r in records if r.sound == "muted"]
    claims = hearing_claims([*records, *other])
    assert len(claims) == 18
    assert all(claim.holds for claim in claims)
    deaf = [replace(r, sound=sound) for r in records if r.modality == "av" and r.sound == "original"]
    failed = [claim.text for claim in hearing_claims([*records, *deaf]) if not claim.holds]
    assert len(failed) == 2
    assert all(f"loses when {sound}" in text for text in failed)
    misled = [replace(r, videos=[lower(v, 0.1) for v in r.videos]) for r in other]
    failed = [claim.text for claim in hearing_claims([*records, *misled]) if not claim.holds]
    assert len(failed) == 2
    assert all(f"loses nothing when {sound}" in text and "other scenes" in text for text in failed)
    slightly = [replace(r, videos=[lower(v, 1e-4) for v in r.videos]) for r in other]
    assert all(claim.holds for claim in hearing_claims([*records, *slightly]))


def test_what_rounding_moves_is_no_loss() -> None:
    """Muted, a network that does not hear has scores that differ in the seventh place, always to one side."""
    heard = [r for r in synth_records() if r.modality == "av" and r.sound == "original"]
    others = [r for r in synth_records() if r.sound == "original"]
    moved = [replace(r, sound="muted", videos=[lower(v, 1e-7) for v in r.videos]) for r in heard]
    failed = [claim.text for claim in hearing_claims([*others, *moved]) if not claim.holds]
    assert len(failed) == 2
    assert all("loses when muted" in text for text in failed)


@pytest.mark.parametrize(("better", "worse"), [(0.0, 0.0), (0.1, 0.0), (0.0, 0.1)])
def test_the_ideal_switch_is_no_worse_than_the_learned_one(better: float, worse: float) -> None:
    records = synth_records()
    ideal = [
        replace(r, model="toy-ideal", videos=[lower(v, worse - better) for v in r.videos])
        for r in records
        if r.model == "toy"
    ]
    found = [claim for claim in hearing_claims([*records, *ideal]) if "no worse" in claim.text]
    assert [claim.text.split(" on ")[0] for claim in found] == [
        "toy-ideal_av is no worse than toy_av in CC",
        "toy-ideal_av is no worse than toy_av in NSS",
    ]
    assert [claim.holds for claim in found] == [worse == 0.0] * 2


def lower(video: VideoScores, by: float) -> VideoScores:
    return replace(video, scores={metric: score - by for metric, score in video.scores.items()})


def test_page_shows_the_losses_of_real_sets_and_names_what_was_not_tested(tmp_path: Path) -> None:
    records = [heard("original", 0.0, 0.0), heard("swapped", 0.1, 0.2, 0.8)]
    folder = save(tmp_path, [*records, make([0.3] * 10, model="other", modality="av", dataset="diem")])
    page = write_leaderboard(folder)[0].read_text(encoding="utf-8")
    part = section(page, "### What is lost without the true sound? DIEM")
    assert "With the true sound only: other (paper). `avsal hear` tests them with others." in part
    lines = [[cell.strip() for cell in line.split("|")] for line in part.splitlines() if line.startswith("| toy")]
    assert [(line[3], line[4], line[5]) for line in lines] == [("swapped", ALL, "10"), ("swapped", BELONGS, "10")]
    assert lines[0][6].startswith("**+0.100 (+0.09")
    assert [line[-2] for line in lines] == ["0.800 (0.800 to 0.800)", "-"]
    assert page.count("What is lost without the true sound?") == 1
    html = html_page(read_board(folder))
    assert "<h4>What is lost without the true sound?</h4>" in html
    assert "<em>swapped</em>" in html
    assert "other (paper); <code>avsal hear</code>" in html
    assert "<strong>+0.100</strong> <small>" in html
    (folder / "records/stavis/diem/toy_av-fold1-seed0-swapped.json").unlink()
    assert "What is lost" not in html_page(read_board(folder))


def test_what_a_record_says_of_other_sounds_survives_the_disk(tmp_path: Path) -> None:
    record = heard("swapped", 0.1, 0.2, 0.8)
    record.videos[0].consistent["CC"] = math.nan
    path = record_path(tmp_path, "toy_av", "diem", 1, 0, "stavis", "swapped")
    write_record(path, record)
    back = read_record(path)
    assert math.isnan(back.videos[0].consistent.pop("CC"))
    del record.videos[0].consistent["CC"]
    assert back.videos == record.videos
