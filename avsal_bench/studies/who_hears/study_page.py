"""What the study found, for people: a page in Markdown, and a line a network for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from avsal_bench.leaderboard.escaping import for_markdown
from avsal_bench.leaderboard.markdown import Ready, markdown_table
from avsal_bench.leaderboard.statistics import Interval
from avsal_bench.resources import resource
from avsal_bench.studies.who_hears.study_file import Study
from avsal_bench.studies.who_hears.study_findings import (
    METRIC,
    OTHER_SOUNDS,
    Found,
    NotRun,
    measured,
    not_run,
    seeds_text,
)
from avsal_bench.studies.who_hears.study_search import RULE
from avsal_bench.text import fixed, many, named, text_table


def page(study: Study, found: Sequence[Found | NotRun]) -> str:
    """The page in Markdown, without what differs from run to run of the same trainings."""
    have = measured(found)
    parts: list[str] = []
    if have:
        parts += ["## Verdicts", _verdicts(have)]
        parts += [f"## Loss in {METRIC} on sounding scenes", _losses(have, sounding=True)]
        parts += [f"## Loss in {METRIC} on the other scenes", _losses(have, sounding=False)]
        parts += ["## Each seed", _by_seed(have)]
        parts += ["## How each was trained", _trained(have)]
    if any(one.tried for one in have):
        parts += ["## The search", _search(have)]
    parts += ["## Not run", _not_run(study, found)]
    return (
        resource("studies", "who_hears.md")
        .read_text(encoding="utf-8")
        .format(
            findings="\n".join(f"{part.rstrip()}\n" for part in parts),
            preset=study.preset,
            audiovisual=_passes(study.audiovisual.epochs, study.audiovisual.clips_per_video),
            visual=_passes(study.visual.epochs, study.visual.clips_per_video),
            search_seed=study.search_seed,
            search_data=study.search_data,
            rule=RULE,
            metric=METRIC,
        )
    )


def _passes(epochs: int, clips: int) -> str:
    return f"{many(epochs, 'epoch')} of {many(clips, 'clip')} of every video"


def _verdicts(found: Sequence[Found]) -> str:
    header = [
        "network",
        "verdict",
        "seeds",
        f"{METRIC}, true sound",
        f"{METRIC}, ablation",
        "difference",
        "ablation is",
    ]
    body = [
        [
            one.network,
            one.verdict,
            seeds_text(one),
            _score(one.score),
            _score(one.silent),
            one.over_silent.text(),
            ablation_word(one.over_silent),
        ]
        for one in found
    ]
    text = f"{METRIC} on sounding scenes; the ablation was trained and tested on silence.\n\n"
    return text + markdown_table(header, body, range(3, 5))


def _score(interval: Interval) -> str:
    return "-" if math.isnan(interval.mean) else fixed(interval.mean)


def ablation_word(over: Interval) -> str:
    """How the ablation does beside the network, by the interval of the difference."""
    if math.isnan(over.low):
        return "unknown: too few videos, or none with a CC"
    if over.above_zero:
        return "worse"
    return "better" if over.excludes_zero else "the same"


def _losses(found: Sequence[Found], sounding: bool) -> str:
    header = ["network", "videos", *OTHER_SOUNDS]
    body = []
    for one in found:
        intervals = [one.losses[sound].sounding if sounding else one.losses[sound].other for sound in OTHER_SOUNDS]
        body.append([one.network, str(max(i.n for i in intervals)), *(_bold(interval) for interval in intervals)])
    table = markdown_table(header, body, range(1, 2))
    if not sounding:
        return table
    alike = [[one.network, *(fixed(one.losses[sound].map_cc) for sound in OTHER_SOUNDS)] for one in found]
    told = "CC of the maps with the other sound and with the true one, over all videos; 1.000 ignores the sound:\n\n"
    return f"{table}\n{told}{markdown_table(['network', *OTHER_SOUNDS], alike, range(1, 1 + len(OTHER_SOUNDS)))}"


def _bold(interval: Interval) -> Ready:
    text = for_markdown(interval.text())
    return Ready(f"**{text}**" if interval.stands_out(3) else text)


def _by_seed(found: Sequence[Found]) -> str:
    header = ["network", "seed", *OTHER_SOUNDS]
    body = [
        [one.network, str(seed), *(_bold(one.losses[sound].by_seed[seed]) for sound in OTHER_SOUNDS)]
        for one in found
        for seed in one.seeds
    ]
    text = f"Loss in {METRIC} on sounding scenes, each interval over videos alone.\n\n"
    return text + markdown_table(header, body, range(1, 2))


def _trained(found: Sequence[Found]) -> str:
    header = ["network", "setting", "of", "clips", "clips before", "seconds a seed", "on", "overrides"]
    body = [
        [
            one.network,
            one.setting,
            many(len(one.tried), "setting") if one.tried else "one, not searched",
            f"{one.clips[0]:,}",
            f"{one.clips[1]:,}",
            f"{one.seconds:,.0f}",
            ", ".join(one.devices),
            " ".join(one.set) or "none",
        ]
        for one in found
    ]
    why = "".join(
        f"- {for_markdown(one.network)}, {for_markdown(one.setting)}: {for_markdown(one.reason)}\n" for one in found
    )
    return f"{markdown_table(header, body, range(3, 6))}\n{why}"


def _search(found: Sequence[Found]) -> str:
    body = []
    for one in found:
        for name, reason, score in one.tried:
            told = "none" if score is None else fixed(score)
            chosen = name == one.setting
            body.append([one.network, name, Ready(f"**{told}**") if chosen else told, reason])
    table = markdown_table(["network", "setting", f"validation {METRIC}", "tried because"], body, range(2, 3))
    return f"{METRIC} on validation videos of the other seed; in bold what was chosen.\n\n{table}"


def _not_run(study: Study, found: Sequence[Found | NotRun]) -> str:
    lines = [f"- {for_markdown(one.network)}: {for_markdown(one.why)}." for one in not_run(found)]
    for one in measured(found):
        name, planned, tried = for_markdown(one.network), len(study.networks[one.network].settings), len(one.tried)
        if one.missing:
            lines.append(f"- {name}: {named('seed', one.missing)} of {', '.join(map(str, study.seeds))}.")
        if not tried and planned > 1:
            lines.append(f"- {name}: the search of {many(planned, 'setting')}; the first was taken.")
        elif tried < planned and planned > 1:
            lines.append(f"- {name}: the search of {many(planned - tried, 'setting')} of {planned}.")
    return "\n".join(lines) or "Nothing: every network of the plan was trained and tested with every seed."


def summary(found: Sequence[Found | NotRun]) -> str:
    """A line a network, for a terminal."""
    body = []
    for one in found:
        if isinstance(one, NotRun):
            body.append([one.network, "not run", "", *[""] * (1 + len(OTHER_SOUNDS)), one.why])
        else:
            losses = [one.losses[sound].sounding.text() for sound in OTHER_SOUNDS]
            body.append([one.network, one.setting, seeds_text(one), *losses, one.over_silent.text(), one.verdict])
    header = ["network", "setting", "seeds", *OTHER_SOUNDS, "over silent", "verdict"]
    return f"Loss in {METRIC} on sounding scenes:\n{text_table(header, body)}"
