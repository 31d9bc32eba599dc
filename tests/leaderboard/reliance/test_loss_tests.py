"""What is told of a loss with another sound: its test, what could have been shown, when it is, and where."""

import math
from dataclasses import replace

import numpy as np
import pytest
from made_records import make

from avsal_bench.leaderboard.reliance.loss_curves import loss_curves
from avsal_bench.leaderboard.reliance.losses_in_words import nothing_lost, p_text, smallest_text
from avsal_bench.leaderboard.reliance.sign_flips import flip_p, smallest_effect
from avsal_bench.leaderboard.sound_losses import ALL, BELONGS, losses_text, sound_losses
from avsal_bench.records import CURVE_PARTS, METRICS, mean_scores

N = 10


def heard(sound, lost, n=N, curve=None, places=None, **more):
    """A record of real videos, each so much worse than 0.5 in every metric, and so in KL higher."""
    record = make([0.0] * n, modality="av", dataset="diem", sound=sound, weights={"sha256": "a"}, **more)
    lost = np.broadcast_to(lost, n)
    videos = [
        replace(
            video,
            scores={m: 0.5 - by * (1 if higher else -1) for m, higher in METRICS.items()},
            curve={} if curve is None else {m: (np.array(curve) * (1 if METRICS[m] else -1)).tolist() for m in METRICS},
            places=places or {},
        )
        for video, by in zip(record.videos, lost, strict=True)
    ]
    return replace(record, videos=videos, scores=mean_scores(videos))


def told(record, *sounds):
    return replace(record, provenance=record.provenance | {"sounds": list(sounds)})


LOST = np.linspace(-0.01, 0.09, N)
NOISE = np.linspace(-0.05, 0.05, N)


@pytest.fixture
def losses():
    return {one.sound: one for one in sound_losses([heard("original", 0), heard("muted", LOST), heard("noise", NOISE)])}


def test_each_metric_has_a_permutation_test_corrected_for_the_sounds_that_were_run(losses):
    for metric in METRICS:
        muted, noise = (losses[sound].tests[metric] for sound in ("muted", "noise"))
        assert (muted.sounds, muted.videos) == (2, N)
        assert muted.p == pytest.approx(flip_p(LOST))
        assert muted.corrected == pytest.approx(2 * muted.p), "Holm's first step of two"
        assert muted.significant
        assert muted.spread == pytest.approx(np.std(LOST, ddof=1))
        assert (noise.p > 0.9, noise.significant) == (True, False)
    assert losses["muted"].run == ("original", "muted", "noise")


def test_sounds_that_were_run_and_are_not_here_count_in_the_correction():
    """Whoever keeps the best of five conditions to himself has tested five."""
    all_six = ("original", "muted", "swapped", "matched", "shifted", "noise")
    [one] = sound_losses([told(heard("original", 0), "original"), told(heard("muted", LOST), *all_six)])
    assert one.run == all_six
    test = one.tests["CC"]
    assert (test.sounds, test.corrected) == (5, pytest.approx(5 * test.p))
    [alone] = sound_losses([heard("original", 0), heard("muted", LOST)])
    assert alone.tests["CC"].corrected == alone.tests["CC"].p
    assert alone.tests["CC"].smallest() < test.smallest()


def test_the_smallest_loss_is_that_of_the_spread_and_the_number_of_videos(losses):
    test = losses["noise"].tests["CC"]
    spread = np.std(NOISE, ddof=1)
    assert test.smallest() == pytest.approx(spread * smallest_effect(N, 0.025))
    assert test.smallest(17) == pytest.approx(spread * smallest_effect(17, 0.025))
    assert test.smallest(17) < test.smallest()
    assert test.smallest(5) == math.inf
    [one] = sound_losses([heard("original", 0, n=1), heard("muted", 0.1, n=1)])
    assert math.isnan(one.tests["CC"].smallest())
    assert (one.tests["CC"].p, one.tests["CC"].significant) == (1.0, False)


def test_the_text_says_what_was_shown_what_could_have_been_and_what_was_run(losses):
    text = losses_text([*losses.values()])
    lines = [line.split() for line in text.splitlines() if line.startswith("toy (paper)")]
    tests = {tuple(line[3:4] + line[6:7]): line for line in lines if len(line) == 14}
    assert set(tests) == {(sound, metric) for sound in ("muted", "noise") for metric in ("CC", "NSS")}
    assert tests["muted", "CC"][7] == "+0.040"
    assert [tests[sound, "CC"][10] for sound in ("muted", "noise")] == ["yes", "no"]
    test = losses["noise"].tests["CC"]
    assert tests["noise", "CC"][11:] == [f"{test.smallest(n):.3f}" for n in (N, 10, 17)]
    assert "toy (paper) on diem: run original, muted, noise; not run: swapped, matched, shifted" in text
    size = f"{test.smallest():.3f} CC, {losses['noise'].tests['NSS'].smallest():.2f} NSS"
    assert f"  noise: lost nothing that 10 videos could show: smallest loss {size}" in text
    assert "muted: lost nothing" not in text
    assert "What is lost in NSS" not in text, "nobody says where anything is"


def test_few_videos_are_said_to_show_nothing_however_large():
    records = [heard("original", 0, n=7), heard("muted", np.linspace(0.3, 0.5, 7), n=7)]
    assert sound_losses(records)[0].tests["CC"].significant
    five = [told(record, "original", "muted", "swapped", "matched", "shifted", "noise") for record in records]
    [one] = sound_losses(five)
    assert nothing_lost(one) == "7 videos can show no loss, however large, where 5 sounds are corrected for"
    assert " none " in losses_text([one])
    [one] = sound_losses([heard("original", 0, n=4), heard("muted", np.linspace(0.3, 0.5, 4), n=4)])
    assert nothing_lost(one) == "4 videos can show no loss, however large, where 1 sound is corrected for"


def test_what_is_lost_exactly_nothing_of_and_less_than_is_seen_is_said_so():
    [one] = sound_losses([heard("original", 0), heard("muted", 0)])
    assert nothing_lost(one) == f"lost nothing, exactly, in {N} videos"
    [one] = sound_losses([heard("original", 0), heard("muted", 1e-4 * (-1.0) ** np.arange(N))])
    assert nothing_lost(one).endswith("smallest loss <0.001 CC, <0.01 NSS")


def test_numbers_of_tests_as_text():
    assert [p_text(p) for p in (1.0, 0.0625, 0.001953, 5e-5, math.nan)] == ["1", "0.062", "0.002", "5.0e-05", "-"]
    assert [smallest_text(x, 3) for x in (0.01249, math.inf, math.nan)] == ["0.012", "none", "-"]


# over time


def test_a_loss_over_time_is_the_mean_over_videos_in_its_band():
    flat = np.full(CURVE_PARTS, 0.5)
    late = np.where(np.arange(CURVE_PARTS) < 10, 0.5, 0.3)
    true, other = heard("original", 0, curve=flat), heard("muted", 0.1, curve=late)
    videos = [replace(v, curve={m: list(c) for m, c in v.curve.items()}) for v in other.videos]
    videos[0].curve["CC"][0] = math.nan
    videos[1].curve["CC"][19] = 0.1
    [one] = sound_losses([true, replace(other, videos=videos)])
    for metric in METRICS:
        curve = one.curves[metric]
        assert curve.mean[:10] == pytest.approx(0, abs=1e-12)
        assert curve.mean[10:19] == pytest.approx(0.2)
        assert (curve.low <= curve.mean + 1e-12).all()
        assert (curve.mean <= curve.high + 1e-12).all()
    cc = one.curves["CC"]
    assert cc.mean[19] == pytest.approx(0.2 + 0.2 / N)
    assert cc.low[19] < cc.mean[19] < cc.high[19]
    assert cc.low[18] == pytest.approx(cc.high[18]), "all videos lose the same there"


def test_folds_and_seeds_of_a_video_count_once_and_records_without_curves_have_none():
    flat, lower = np.full(CURVE_PARTS, 0.5), np.full(CURVE_PARTS, 0.4)
    records = [heard("original", 0, curve=flat, fold=f) for f in (1, 2)]
    records += [heard("muted", 0.1, curve=lower, fold=1), heard("muted", 0.1, curve=flat, fold=2)]
    [one] = sound_losses(records)
    assert one.curves["CC"].mean == pytest.approx(0.05)
    assert sound_losses([heard("original", 0), heard("muted", 0.1)])[0].curves == {}
    [one] = sound_losses([heard("original", 0), heard("muted", 0.1, curve=flat)])
    assert one.curves == {}


def test_curves_may_lie_elsewhere():
    records = [heard("original", 0), heard("muted", 0.1)]
    given = {"original": 0.5, "muted": 0.2}
    [one] = sound_losses(records, lambda r: np.full((N, len(METRICS), CURVE_PARTS), given[r.sound]))
    assert one.curves["CC"].mean == pytest.approx(0.3)
    assert one.curves["KL"].mean == pytest.approx(-0.3)
    assert loss_curves.__doc__


# where


def test_a_loss_at_places_is_that_of_the_same_pass():
    """The record with the other sound holds both scores, so that none with the true sound need be made anew."""
    faces = {"source": [2.0, 1.5], "others": [0.5, 0.7], "rest": [0.25, 0.25]}
    [one] = sound_losses([heard("original", 0), heard("muted", 0.1, places=faces)])
    assert {place: lost.mean for place, lost in one.places.items()} == pytest.approx(
        {"source": 0.5, "others": -0.2, "rest": 0.0}
    )
    text = losses_text([one])
    assert "What is lost in NSS, of fixations at each place" in text
    [line] = [line for line in text.splitlines() if line.startswith("toy (paper)") and "-0.20" in line]
    assert "+0.50 [+0.50, +0.50]" in line


def test_frames_whose_sound_belongs_have_tests_of_their_own():
    def labelled(record, by):
        return replace(record, videos=[replace(v, consistent=dict.fromkeys(METRICS, by)) for v in record.videos])

    found = sound_losses([labelled(heard("original", 0), 0.5), labelled(heard("muted", 0), 0.4)])
    assert {one.part: one.tests["CC"].p for one in found} == {ALL: 1.0, BELONGS: 2 / 2**N}
