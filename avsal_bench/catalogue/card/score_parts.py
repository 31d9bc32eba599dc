"""Sections from records and papers: what it was trained on, its scores, and whether it uses the sound."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from avsal_bench.catalogue.about import METRICS as PRINTED
from avsal_bench.catalogue.card.card_facts import Told
from avsal_bench.catalogue.card.human_words import learnt_words, set_words, with_papers
from avsal_bench.catalogue.card.part import Part, listed, table
from avsal_bench.catalogue.numbers import shortened
from avsal_bench.leaderboard.hearing import hearing_table
from avsal_bench.leaderboard.kinds import KINDS
from avsal_bench.leaderboard.markdown import Ready
from avsal_bench.leaderboard.reliance.losses_in_words import TESTED, p_text
from avsal_bench.leaderboard.sound_losses import SoundLoss, sound_losses
from avsal_bench.leaderboard.tables import DIGITS, Row, Score
from avsal_bench.record_story import trained_on_lines
from avsal_bench.records import METRICS
from avsal_bench.text import fixed, many, named

#: Lines of one form that tell what it was trained on, at most.
_MOST_LINES = 20


def trained_on(told: Told) -> Part:
    """What decided the weights of the records; where there is none, what the authors say of theirs."""

    def named(part: str) -> str:
        return learnt_words([part], told.table)

    title = "Trained on"
    lines: dict[str, list[str]] = {}
    for row in told.scores:
        own = lines.setdefault(f"{row.head.network}, preset {row.head.preset}", [])
        found = (line for record in row.records for line in trained_on_lines(record.provenance, named))
        own += [line for line in dict.fromkeys(found) if line not in own]
    if lines:
        blocks = []
        for form, own in lines.items():
            more = [f"and {len(own) - _MOST_LINES} more"] if len(own) > _MOST_LINES else []
            blocks.append(f"`{form}`, by its records:\n\n{listed([*own[:_MOST_LINES], *more])}")
        return Part(title, tuple(blocks))
    if told.offered:
        said = [f"{one.name}: {learnt_words(one.trained_on, told.table)}" for one in told.offered]
        return Part(title, ("No record tells it. As far as the authors say it of their weights:", listed(said)))
    return Part(title, ("Not known here: there is no record of it.",))


def small_presets(told: Told) -> str:
    """A sentence on presets whose networks are smaller than the published ones; "" where none is."""
    small = (row for row in told.scores if told.tested_share(row))
    found = dict.fromkeys((row.head.network, row.head.preset, _tested(told, row)) for row in small)
    if not found:
        return ""
    sizes = ", ".join(f"{form} of preset {preset} {size}" for form, preset, size in found)
    return f"Networks of some presets are smaller, in parameters: {sizes}."


def scores(told: Told) -> Part:
    """Measured scores by kind of set, then synthetic ones, then those that papers print."""
    blocks = []
    for device, words in KINDS.items():
        group = [row for row in told.scores if row.viewing.device == device]
        if group:
            heading = f"### Measured: {words}" if device != "simulated" else "### On the synthetic set"
            blocks += [heading, _score_table(told, group)]
            if device == "simulated":
                blocks.append("The suite makes this set itself. Its scores say nothing of real videos.")
            blocks += [listed(notes)] if (notes := [*_notes(told, group)]) else []
    if blocks:
        words = "With the true sound. In brackets the 95 % interval over videos (bootstrap)."
        if small := small_presets(told):
            words += f" {small} Their scores say nothing of the network as published."
        blocks.insert(0, words)
    else:
        of_weights = " of these weights" if told.weights is not None else ""
        blocks.append(f"Not measured: there is no record{of_weights} where this card was made.")
    blocks += _printed(told)
    return Part("Scores", tuple(blocks))


def _score_table(told: Told, group: Sequence[Row]) -> str:
    header = ["form", "set", "protocol", "preset", "parameters tested", "what its training saw of the set"]
    header += ["folds", "seeds", "videos", *METRICS]
    return table(header, [_score_line(told, row) for row in group], range(6, len(header)))


def _score_line(told: Told, row: Row) -> list[str]:
    head = row.head
    videos = {video.video for record in row.records for video in record.videos}
    return [
        *(head.network, told.table.dataset(head.dataset).title, head.protocol, head.preset),
        _tested(told, row),
        row.seen.value if row.seen is not None else "-",
        ", ".join(map(str, row.folds)),
        str(len(row.seeds)),
        str(len(videos)),
        *(score_text(row.scores[metric], metric) for metric in METRICS),
    ]


def _tested(told: Told, row: Row) -> str:
    """Parameters of the network that was tested, and their share where it is not the published one."""
    count = row.head.weights.get("parameters")
    if not isinstance(count, int):
        return "-"
    share = told.tested_share(row)
    return shortened(count) if share is None else f"{shortened(count)} ({share} of the published)"


def score_text(score: Score, metric: str) -> Ready:
    """A score with its interval, such as ``0.512 [0.498, 0.526]``; a dash where it is not defined."""
    if math.isnan(score.value):
        return Ready("-")
    value, low, high = (fixed(x, DIGITS.get(metric, 3)) for x in (score.value, score.low, score.high))
    return Ready(f"{value} [{'too few videos' if math.isnan(score.low) else f'{low}, {high}'}]")


def _notes(told: Told, group: Sequence[Row]) -> Iterator[str]:
    """What a reader must know before a row is compared with others."""
    for row in group:
        head = row.head
        what = f"{head.network} on {told.table.dataset(head.dataset).title}"
        if not row.complete:
            yield f"{what}: {named('fold', row.folds)} alone, so it is not ranked"
        if row.part:
            yield f"{what}: {row.part}"
        if row.left_out:
            yield f"{what}: {named('seed', row.left_out)} left out, with other folds than the rest"
        if row.not_counted:
            yield f"{what}: {many(row.not_counted, 'frame')} with a constant map in no mean"
        if not row.clean:
            yield f"{what}: made from code that is no commit"


def _printed(told: Told) -> list[str]:
    """What papers print, with sets by their names for people."""
    blocks = []
    for section in told.printed:
        learnt = section.header.index("trained on first")
        body = [
            [
                *(told.table.dataset(line[0]).title, *line[1:learnt], _sets(told, line[learnt])),
                *(*line[learnt + 1 : -1], with_papers(line[-1], told.table)),
            ]
            for line in section.body
        ]
        title = section.title.replace("Published scores", "Printed in papers")
        first = len(section.header) - 1 - len(PRINTED)
        blocks += [
            f"### {title}",
            *section.paragraphs,
            table(section.header, body, range(first, first + len(PRINTED))),
        ]
    return blocks


def _sets(told: Told, words: str) -> str:
    """Sets of a printed table by their names for people; what is no name stays as it is."""
    return re.sub(r"[a-z]\w+", lambda found: set_words(found[0], told.table), words)


def sound(told: Told) -> Part:
    """Whether it uses the sound, by records with other sounds."""
    title = "Does it use the sound?"
    if not told.hears:
        words = "It takes no sound." if told.forms else "Not measured, and whether it takes sound is not known here."
        return Part(title, (words,))
    losses = sound_losses(told.records)
    if not losses:
        return Part(title, ("Not measured: there is no record with another sound than the true one (`avsal hear`).",))
    header = ["network", "set", "sound", "on", "videos"]
    header += [word for metric in TESTED for word in (f"loss in {metric}", "p", "shown")]
    body = [_loss_line(told, one) for one in losses]
    words = (
        "What is lost with another sound than the true one: mean over videos with its 95 % interval; above 0, the true "
        "sound is better. p: paired permutation test over videos, corrected for the sounds that were run (Holm)."
    )
    answers = [
        f"{one.model} ({one.preset}) on {told.table.dataset(one.dataset).title}: {one.answer}"
        for one in hearing_table(told.records)
        if one.metric == "CC"
    ]
    asked = "Is it better in CC than itself muted, and than the same network without sound, with each seed of training?"
    hears = [asked, listed(answers)] if answers else []
    return Part(title, (words, table(header, body, range(4, len(header))), *hears))


def _loss_line(told: Told, one: SoundLoss) -> list[str]:
    cells = [f"{one.model} ({one.preset})", told.table.dataset(one.dataset).title, one.sound, one.part, str(one.videos)]
    for metric in TESTED:
        test = one.tests.get(metric)
        cells.append(Ready(one.losses[metric].text(DIGITS.get(metric, 3))))
        cells += [p_text(test.corrected), "yes" if test.significant else "no"] if test is not None else ["-", "-"]
    return cells
