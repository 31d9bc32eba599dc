"""Whether a network hears, and whether the scores are still those that were expected."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_records import made_elsewhere, make, save, section, synth_records

from avsal_bench.leaderboard import hearing_claims, write_leaderboard
from avsal_bench.leaderboard.hearing import hearing_table

# hearing


def test_claims_of_a_network_that_hears() -> None:
    claims = hearing_claims(synth_records())
    assert len(claims) == 12
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
    assert " mep " in cc
    kinds = [x for x in section(page, "### CC by kind of scene").splitlines() if x.startswith("| toy ")]
    heard = next([cell.strip() for cell in x.split("|")] for x in kinds if " av " in x)
    assert [float(cell) for cell in heard[4:8]] == pytest.approx([0.6, 0.6, 0.4, 0.4], abs=0.01)
