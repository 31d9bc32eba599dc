"""The head of a card: YAML in the form of the Hugging Face Hub (license, tags, datasets, metrics, model-index)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import yaml

from avsal_bench.catalogue.card.card_facts import Told
from avsal_bench.catalogue.card.licence_ids import UNSTATED, licence_id
from avsal_bench.data.dataset import SIX
from avsal_bench.leaderboard.tables import Row
from avsal_bench.record_story import Seen
from avsal_bench.records import METRICS
from avsal_bench.text import named

#: Tasks of the hub have none of their own for saliency: a network makes a map of each frame of a video.
TASK = "video-to-video"
TASK_NAME = "Video saliency prediction"
LIBRARY = "avsal-bench"
TAGS = ("saliency", "video-saliency-prediction", "eye-tracking", "gaze")


def front_matter(told: Told) -> str:
    """The head of a card, between its lines of three hyphens.

    Scores are those with the true sound, on whole test lists that the training did not see; others stand in the text.
    """
    plain: dict[str, Any] = {
        "license": licence_id(*(one.licence for one in told.offered)) if told.offered else UNSTATED,
        "library_name": LIBRARY,
        "pipeline_tag": TASK,
        "tags": [*TAGS, *(["audio-visual"] if told.hears else [])],
    }
    if sets := _sets(told):
        plain["datasets"] = sets
    if index := [*_index(told)]:
        plain["metrics"] = [_identifier(metric) for metric in METRICS]
        plain["model-index"] = index
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
    return f"---\n{text}---\n"


def _sets(told: Told) -> list[str]:
    """Names of the sets that decided the weights, as far as that is told."""
    found = [
        learnt["set"]
        for record in told.records
        for learnt in (record.provenance.get("trained_on") or {"sets": ()})["sets"]
    ]
    if not found:
        found = [part.partition("/")[0] for one in told.offered for part in one.trained_on if part != UNSTATED]
    six = ((name,) if name != "six" else SIX for name in found)
    return [*dict.fromkeys(name for names in six for name in names)]


def _index(told: Told) -> Iterable[dict[str, Any]]:
    forms: dict[str, list[Row]] = {}
    for row in told.scores:
        if not row.part and row.seen is not Seen.TEST_VIDEOS:
            forms.setdefault(row.head.network, []).append(row)
    for form, its in forms.items():
        yield {"name": form, "results": [_result(told, row) for row in its]}


def _result(told: Told, row: Row) -> dict[str, Any]:
    head = row.head
    values = ((metric, row.scores[metric].value) for metric in METRICS)
    of_set = told.table.dataset(head.dataset).title
    made = ", synthetic" if head.synthetic else ""
    share = told.tested_share(row)
    small = f", {share} of the published parameters" if share else ""
    folds = "" if row.complete else f", {named('fold', row.folds)} alone"
    return {
        "task": {"type": TASK, "name": TASK_NAME},
        "dataset": {
            "name": f"{of_set}{made}{folds}",
            "type": head.dataset,
            "config": f"protocol {head.protocol}, preset {head.preset}{small}",
            "split": "test",
            "args": {"folds": [*row.folds], "seeds": [*row.seeds], "protocol": head.protocol, "preset": head.preset},
        },
        "metrics": [
            {"name": metric, "type": _identifier(metric), "value": round(value, 4)}
            for metric, value in values
            if not math.isnan(value)
        ],
    }


def _identifier(metric: str) -> str:
    """A metric as the hub writes names.

    >>> _identifier("AUC-J")
    'auc-j'
    """
    return metric.lower()
