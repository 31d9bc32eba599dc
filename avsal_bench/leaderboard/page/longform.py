"""``leaderboard.csv``: every number of the leaderboard in long form, one a line, for programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from avsal_bench.leaderboard.escaping import for_csv
from avsal_bench.leaderboard.kinds import Viewing, viewing_of_set
from avsal_bench.leaderboard.tables import Row
from avsal_bench.record_story import Seen
from avsal_bench.text import fixed

#: ``training`` is the preset of our recipe, or the saliency pre-training that a paper states.
#: ``precision`` is what our test computed in; where that is not float32 the name of the model ends in it.
#: ``value`` is the mean of the protocol, ``mean_of_splits`` that of the folds' means, as some papers have it.
#: ``device`` is ``eye``, ``mouse``, ``simulated`` or ``unknown``, and ``heard`` whether viewers heard the sound.
#: ``seen_in_training`` says what the training saw of the set: ``zero-shot``, ``trained on the training part``,
#: ``unknown`` or ``saw test videos``; nothing of human infinite, and of papers.
#: ``note`` says what there is to say of a printed number, such as why it has a mark.
COLUMNS = [
    "source",
    "model",
    "variant",
    "modality",
    "training",
    "precision",
    "dataset",
    "device",
    "heard",
    "protocol",
    "folds",
    "seeds",
    "sound",
    "metric",
    "value",
    "mean_of_splits",
    "std",
    "low",
    "high",
    "reference",
    "mark",
    "note",
    "seen_in_training",
]


def to_csv(table: Sequence[Row], lines: Iterable[Mapping[str, str]]) -> str:
    """All numbers in long form, one a line; measured and synthetic ones to six decimals."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for line in (*_csv_of_rows(table), *_csv_of_papers(lines)):
        writer.writerow({name: for_csv(value) for name, value in line.items()})
    return text.getvalue()


def _csv_of_rows(table: Sequence[Row]) -> Iterator[dict[str, str]]:
    for row in table:
        head = row.head
        shared = {
            "source": "synthetic" if head.synthetic else "measured",
            "model": head.label,
            "modality": head.modality,
            "training": head.preset,
            "precision": head.precision or "float32",
            "dataset": head.dataset,
            **_watched(row.viewing),
            "seen_in_training": row.seen.value if row.seen else "",
            "protocol": head.protocol,
            "folds": " ".join(map(str, row.folds)),
            "seeds": " ".join(map(str, row.seeds)),
            "sound": head.sound,
            "mark": " ".join(_words(row)),
        }
        for metric, s in row.scores.items():
            numbers = {name: getattr(s, name) for name in ("value", "mean_of_splits", "std", "low", "high")}
            yield shared | {"metric": metric} | {k: _raw(x) for k, x in numbers.items()}


def _csv_of_papers(lines: Iterable[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    for line in lines:
        yield {
            "source": "published",
            "model": line["method"],
            "variant": line["variant"],
            "modality": line["modality"].lower(),
            "training": line["pretrain"],
            "dataset": line["dataset"],
            **_watched(viewing_of_set(line["dataset"])),
            "metric": line["metric"],
            "value": line["value"],
            "reference": f"{line['paper']}, {line['table']}",
            "mark": "" if line["legible"] == "yes" else line["legible"],
            "note": line["note"],
        }


def _watched(viewing: Viewing) -> dict[str, str]:
    heard = {True: "yes", False: "no", None: ""}
    return {"device": viewing.device, "heard": heard[viewing.heard]}


def _words(row: Row) -> list[str]:
    words = {"incomplete": not row.complete, "not-clean": not row.clean}
    words |= {"part-of-list": bool(row.part), "frames-not-counted": row.not_counted > 0}
    words |= {"saw-test-videos": row.seen is Seen.TEST_VIDEOS, "not-float32": bool(row.head.precision)}
    return [word for word, true in words.items() if true]


def _raw(value: float) -> str:
    return "" if math.isnan(value) else fixed(value, 6)
