"""Losses with other sounds as plain text, for a terminal."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

from avsal_bench.leaderboard.kinds import KINDS
from avsal_bench.leaderboard.reliance.loss_tests import ALL, SoundLoss
from avsal_bench.leaderboard.tables import DIGITS
from avsal_bench.record_metrics import PLACES
from avsal_bench.records import METRICS
from avsal_bench.text import fixed, many, rounds_to_zero, text_table

#: Metrics whose tests a terminal shows; the page has them all.
TESTED = ("CC", "NSS")
#: How many videos a loss is told for besides those that there are: small test lists of the field have about 10, and
#: DIEM's has 17.
OF_VIDEOS = (10, 17)


def losses_text(losses: Sequence[SoundLoss]) -> str:
    """The losses as plain text, a line a network, sound and part, and their tests; tables for each kind of sets."""
    if not losses:
        return "no record with another sound than the true one"
    kinds: dict[str, list[SoundLoss]] = defaultdict(list)
    for one in losses:
        kinds[one.viewing.device].append(one)
    told = (
        "What is lost with another sound: mean over videos [95 % interval]; above 0, the true sound is better. "
        "Map CC: 1.000 ignores the sound.\n"
    )
    tables = [(KINDS[device], _table(kinds[device])) for device in KINDS if device in kinds]
    if len(tables) == 1:
        told += tables[0][1]
    else:
        told += "\n\n".join(f"{kind.capitalize()}\n{table}" for kind, table in tables)
    return "\n\n".join(filter(None, [told, _places_text(losses), _tests_text(losses)]))


def _places_text(losses: Sequence[SoundLoss]) -> str:
    """What is lost in NSS on what sounds and elsewhere; nothing of sets that do not say where that is."""
    shown = [one for one in losses if one.places]
    if not shown:
        return ""
    places = [place for place in PLACES if any(place in one.places for one in shown)]
    body = [
        [f"{one.model} ({one.preset})", one.dataset, one.sound]
        + [one.places[place].text(DIGITS["NSS"]) if place in one.places else "-" for place in places]
        for one in shown
    ]
    told = "What is lost in NSS, of fixations at each place, over the frames in which what sounds is seen:\n"
    return told + text_table(["network", "dataset", "sound", *(PLACES[place] for place in places)], body)


def _tests_text(losses: Sequence[SoundLoss]) -> str:
    """Which losses are shown, which could have been, and what was run."""
    tested = [one for one in losses if one.tests]
    if not tested:
        return ""
    header = ["network", "dataset", "sound", "on", "metric", "loss", "p", "corrected", "shown", "smallest, here"]
    header += [many(n, "video") for n in OF_VIDEOS]
    body = []
    for one in tested:
        for metric in TESTED:
            test, digits = one.tests[metric], DIGITS.get(metric, 3)
            if not test.videos:
                continue
            sizes = [test.smallest(), *map(test.smallest, OF_VIDEOS)]
            names = [f"{one.model} ({one.preset})", one.dataset, one.sound, one.part, metric]
            found = [fixed(one.losses[metric].mean, digits, sign=True), p_text(test.p), p_text(test.corrected)]
            shown = "yes" if test.significant else "no"
            body.append([*names, *found, shown, *(smallest_text(size, digits) for size in sizes)])
    told = (
        "Which losses are shown: paired permutation test over videos, two-sided, corrected for the sounds that were "
        "run (Holm); smallest: the mean loss\nthat the videos here, or so many of the same spread, show with 80 % "
        "power.\n"
    )
    numbers = [5, 6, 7, *range(9, len(header))]
    return "\n".join([told + text_table(header, body, numbers=numbers), "", *_notes(tested)])


def _notes(losses: Sequence[SoundLoss]) -> Iterator[str]:
    """What was run of each row, and what it lost nothing of that its videos could show."""
    for (model, preset, _, dataset), of_row in groupby(losses, key=lambda one: one.row):
        every = list(of_row)
        left = ", ".join(every[0].not_run) or "none"
        yield f"{model} ({preset}) on {dataset}: run {', '.join(every[0].run)}; not run: {left}"
        for one in every:
            if one.part == ALL and (nothing := nothing_lost(one)):
                yield f"  {one.sound}: {nothing}"


def nothing_lost(one: SoundLoss) -> str:
    """What there is to say where a loss is not shown in any of ``TESTED``; "" where one is."""
    tests = {metric: one.tests[metric] for metric in TESTED if one.tests[metric].videos}
    if not tests or any(test.significant for test in tests.values()):
        return ""
    videos = max(test.videos for test in tests.values())
    if all(math.isinf(test.smallest()) for test in tests.values()):
        sounds = many(next(iter(tests.values())).sounds, "sound", "are")
        return f"{many(videos, 'video')} can show no loss, however large, where {sounds} corrected for"
    if all(test.spread == 0 == one.losses[metric].mean for metric, test in tests.items()):
        return f"lost nothing, exactly, in {many(videos, 'video')}"
    sizes = (f"{smallest_text(t.smallest(), DIGITS.get(metric, 3))} {metric}" for metric, t in tests.items())
    return f"lost nothing that {many(videos, 'video')} could show: smallest loss {', '.join(sizes)}"


def p_text(p: float) -> str:
    """A p in two digits.

    >>> p_text(0.25), p_text(0.00391), p_text(5e-05), p_text(float("nan"))
    ('0.25', '0.0039', '5.0e-05', '-')
    """
    return "-" if math.isnan(p) else f"{p:.1e}" if p < 0.001 else f"{p:.2g}"


def smallest_text(loss: float, digits: int) -> str:
    """A smallest loss; ``none`` where nothing can be shown, a dash where it is not known.

    >>> smallest_text(0.0124, 3), smallest_text(0.0004, 3), smallest_text(0.0, 3)
    ('0.012', '<0.001', '0.000')
    """
    if math.isnan(loss) or math.isinf(loss):
        return "-" if math.isnan(loss) else "none"
    return f"<{10**-digits:.{digits}f}" if loss > 0 and rounds_to_zero(loss, digits) else fixed(loss, digits)


def _table(losses: Sequence[SoundLoss]) -> str:
    header = ["network", "dataset", "sound", "on", "videos", *METRICS, "map CC"]
    body = [
        [f"{one.model} ({one.preset})", one.dataset, one.sound, one.part, str(one.videos)]
        + [one.losses[metric].text() for metric in METRICS]
        + ["-" if one.map_cc is None else fixed(one.map_cc.mean)]
        for one in losses
    ]
    return text_table(header, body, numbers=[4, len(header) - 1])
