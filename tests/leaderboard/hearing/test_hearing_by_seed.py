"""Several seeds of one training: each must hear by itself, and a table says what each of them gave."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import make, save, section, synth_records

from avsal_bench.cli import main
from avsal_bench.leaderboard import hearing_claims, write_leaderboard
from avsal_bench.leaderboard.hearing import SeedTable, hearing_by_seed, hearing_table
from avsal_bench.leaderboard.reports.run_summary import run_summary
from avsal_bench.leaderboard.reports.seed_tables import seed_tables_markdown, seed_tables_text
from avsal_bench.records import Record, record_path

#: What hearing brings with each seed: the last one is deaf, and the mean of all is not.
GAINS = {0: 0.2, 1: 0.3, 4: 0.0}


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """Three seeds of one network; what no seed changes is there once."""
    return [
        replace(record, seed=seed)
        for seed, gain in GAINS.items()
        for record in synth_records(gain)
        if record.modality or not seed
    ]


def table_of(records: list[Record], metric: str = "CC") -> SeedTable:
    [table] = hearing_by_seed(records, metric)
    return table


def test_every_seed_is_asked_by_itself(records: list[Record]) -> None:
    claims = hearing_claims(records)
    assert len(claims) == 3 * 14
    assert {claim.seed for claim in claims if not claim.holds} == {4}
    of_0 = [claim for claim in claims if claim.seed == 0]
    assert of_0 == hearing_claims(synth_records(GAINS[0]))


@pytest.mark.parametrize("sound", ["swapped", "matched", "shifted"])
def test_another_sound_that_was_heard_is_asked_too(sound: str) -> None:
    first = synth_records(GAINS[0])
    more = [replace(record, sound=sound) for record in first if record.sound == "muted"]
    asked = [claim for claim in hearing_claims([*first, *more]) if sound in claim.text]
    assert len(asked) == 4
    assert all(claim.holds for claim in asked)


def test_a_seed_alone_has_the_baselines_of_another(records: list[Record]) -> None:
    alone = [record for record in records if record.seed == 1 or not record.modality]
    assert [claim.reason for claim in hearing_claims(alone) if not claim.holds] == []


def test_a_table_says_what_each_seed_gave(records: list[Record]) -> None:
    table = table_of(records)
    assert (table.model, table.preset, table.protocol, table.dataset, table.metric) == (
        *("toy", "smoke", "stavis"),
        *("synth", "CC"),
    )
    assert [one.seed for one in table.seeds] == [0, 1, 4]
    assert [one.hears for one in table.seeds] == [True, True, False]
    for one, gain in zip(table.seeds, GAINS.values(), strict=True):
        assert one.videos == 12
        assert one.av_over_muted is not None
        assert one.av_over_muted.mean == pytest.approx(one.av - one.muted) == pytest.approx(gain)
        assert one.av_over_v is not None
        assert one.av_over_v.mean == pytest.approx(one.av - one.v)
        assert one.whole == pytest.approx(one.muted + gain / 2, abs=0.01), "half of the scenes sound"


def test_what_is_missing_is_neither_yes_nor_no(records: list[Record]) -> None:
    left = [r for r in records if not (r.seed == 1 and r.sound == "muted") and not (r.seed == 4 and r.modality == "v")]
    zero, one, four = table_of(left).seeds
    assert (zero.hears, one.hears, four.hears) == (True, None, False)
    assert math.isnan(one.muted)
    assert (one.av_over_muted, four.av_over_v) == (None, None)
    text = seed_tables_text([table_of(left)])
    assert "hears with 1 of 3 seeds, 1 not asked" in text
    assert seed_tables_text([table_of(left)]).count("not asked") == 2


def test_the_table_ends_with_mean_and_spread(records: list[Record]) -> None:
    lines = seed_tables_text([table_of(records)]).splitlines()
    assert lines[0] == "toy on synth (smoke, stavis): hears with 2 of 3 seeds"
    rows = {line.split("  ")[0]: line.split() for line in lines[2:]}
    assert rows["0"][-1] == "yes"
    assert rows["4"][-1] == "NO"
    means = {name: [float(cell) for cell in rows[name][-6:]] for name in ("mean of the seeds", "lowest", "highest")}
    assert means["mean of the seeds"][-2] == pytest.approx(0.5 / 3, abs=1e-3)
    assert [means[name][-2] for name in ("lowest", "highest")] == [0.0, 0.3]
    assert float(rows["standard deviation"][-2]) == pytest.approx(0.1528, abs=1e-3), "of 0.2, 0.3 and 0"
    alone = seed_tables_text([table_of([r for r in records if r.seed == 0])])
    assert "hears with 1 of 1 seed\n" in alone
    assert "standard deviation" not in alone


def test_a_table_in_markdown_shows_who_is_deaf(records: list[Record]) -> None:
    text = seed_tables_markdown([table_of(records), table_of(records, "NSS")])
    assert text.startswith("**toy on synth (smoke, stavis): hears with 2 of 3 seeds**\n\n| seed ")
    assert text.count("| **NO** |") == 2
    assert "| NSS av |" in text


def test_a_run_of_several_seeds_ends_with_their_table(records: list[Record]) -> None:
    text = run_summary(records)
    assert "toy on synth (smoke, stavis): hears with 2 of 3 seeds" in text
    [gain] = [line for line in text.splitlines() if line.startswith("toy_av loses when muted, in CC on sounding")]
    assert gain.split("  ", 1)[1].split("  ")[-2:] == ["NO: seed 4", "0.000 to +0.300, 3 seeds"]
    [sees] = [line for line in text.splitlines() if line.startswith("toy_v beats mep in CC")]
    assert " yes " in sees
    assert "hears with" not in run_summary(synth_records())


def test_the_page_does_not_let_a_mean_speak_for_a_deaf_seed(records: list[Record], tmp_path: Path) -> None:
    [cc, _] = hearing_table(records)
    assert cc.original_over_muted is not None
    assert cc.original_over_muted.above_zero
    assert (cc.hears, cc.answer) == (False, "2 of 3 seeds")
    deaf, _ = hearing_table(synth_records(0.0))
    assert deaf.answer == "not shown"
    page = write_leaderboard(save(tmp_path, records))[0].read_text(encoding="utf-8")
    [line] = [x for x in section(page, "### Does it hear?").splitlines() if x.startswith("| toy") and " CC " in x]
    assert line.rstrip(" |").endswith("2 of 3 seeds")


def test_the_command_prints_the_table_of_records_alone(
    records: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save(tmp_path, [*records, make([0.5], modality="av", dataset="diem")])
    before = sorted(path.name for path in folder.rglob("*"))
    asked = ["leaderboard", "--leaderboard", str(folder)]
    assert main([*asked, "--hearing"]) == 0
    assert capsys.readouterr().out == seed_tables_text([table_of(records)]) + "\n"
    assert sorted(path.name for path in folder.rglob("*")) == before, "nothing but a table is asked for"
    out = tmp_path / "t.md"
    assert main([*asked, "--hearing", "toy", "--metrics", "CC,NSS", "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == seed_tables_markdown([table_of(records), table_of(records, "NSS")])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--hearing", "toi"], "unknown network with sound that has a record on synthetic data 'toi'; did you mean"),
        (["--hearing", "--metrics", "KL"], "unknown metric in which more is better 'KL'"),
        (["--hearing", "--latex", "synth"], "--latex is of tables in LaTeX; leave out --hearing"),
        (["--hearing", "--bibtex"], "--bibtex is of tables in LaTeX; leave out --hearing"),
    ],
)
def test_what_cannot_be_printed_is_told(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save(tmp_path, synth_records())
    assert main(["leaderboard", "--leaderboard", str(folder), *words]) == 2
    assert told in capsys.readouterr().err


def test_without_a_record_the_command_says_what_makes_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = save(tmp_path, [make([0.5], modality="av", dataset="diem")])
    assert main(["leaderboard", "--leaderboard", str(folder), "--hearing"]) == 2
    assert "no record of a network with sound on synthetic data" in capsys.readouterr().err
    place = record_path(folder / "records", "toy_av", "diem", 1, 0, "stavis", "original")
    assert place.is_file()
