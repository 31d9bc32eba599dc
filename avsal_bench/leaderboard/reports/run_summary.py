"""What the end of a run shows: its scores, and whether its networks learn and hear."""

from __future__ import annotations

from collections.abc import Sequence

from avsal_bench.leaderboard.hearing import hearing_claims
from avsal_bench.leaderboard.page.readme import summary_table
from avsal_bench.records import Record
from avsal_bench.text import text_table


def run_summary(records: Sequence[Record]) -> str:
    """Scores of records for a terminal; on the embedded set also the claims that its causes allow.

    What a run did not ask, as the records of a modality or baseline are not there, is told in one line and not as a
    claim that fails.
    """
    table = summary_table(records)
    if not any(record.synthetic and record.modality for record in records):
        return table
    body, missing = [], []
    for claim in hearing_claims(records):
        if claim.interval is None:
            missing.append(claim.reason)
        else:
            body.append([claim.text, "yes" if claim.holds else "NO", claim.interval.text()])
    if body:
        told = "paired differences over test videos, 95 % intervals"
        table += f"\n\n{text_table(['Does it learn, does it hear?', '', told], body)}"
    if missing:
        table += f"\n\nNot asked: {'; '.join(dict.fromkeys(missing))}."
    return table


def failed_text(what: str, names: Sequence[str], total: int) -> str:
    """A line that names the jobs or rows that failed."""
    return f"\n{len(names)} of {total} {what} failed: {', '.join(names)}"
