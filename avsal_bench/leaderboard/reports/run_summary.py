"""What the end of a run shows: its scores, and whether its networks learn and hear."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from avsal_bench.leaderboard.hearing import Claim, hearing_by_seed, hearing_claims
from avsal_bench.leaderboard.page.readme import summary_table
from avsal_bench.leaderboard.reports.seed_tables import seed_tables_text
from avsal_bench.records import Record
from avsal_bench.text import fixed, many, named, text_table


def run_summary(records: Sequence[Record]) -> str:
    """Scores of records for a terminal; on the embedded set also the claims that its causes allow.

    A claim must hold with each seed by itself, and of a network with several seeds a table says what each of them gave.
    What a run did not ask, as the records of a modality or baseline are not there, is told in one line and not as a
    claim that fails.
    """
    table = summary_table(records)
    if not any(record.synthetic and record.modality for record in records):
        return table
    asked: dict[str, list[Claim]] = defaultdict(list)
    missing = []
    for claim in hearing_claims(records):
        if claim.interval is None:
            missing.append(claim.reason)
        else:
            asked[claim.text].append(claim)
    if body := [[text, *_with_each_seed(claims)] for text, claims in asked.items()]:
        told = "paired differences over test videos, 95 % intervals"
        table += f"\n\n{text_table(['Does it learn, does it hear?', '', told], body)}"
    if missing:
        table += f"\n\nNot asked: {'; '.join(dict.fromkeys(missing))}."
    if several := seed_tables_text(one for one in hearing_by_seed(records) if len(one.seeds) > 1):
        table += f"\n\n{several}"
    return table


def _with_each_seed(claims: Sequence[Claim]) -> tuple[str, str]:
    """Whether a claim holds with each seed, and the differences that it rests on."""
    failed = [claim.seed for claim in claims if not claim.holds]
    if len(claims) == 1:
        interval = claims[0].interval
        return "NO" if failed else "yes", interval.text() if interval else ""
    means = [claim.interval.mean for claim in claims if claim.interval]
    span = " to ".join(fixed(value, sign=True) for value in (min(means), max(means)))
    return f"NO: {named('seed', failed)}" if failed else "yes", f"{span}, {many(len(claims), 'seed')}"


def failed_text(what: str, names: Sequence[str], total: int) -> str:
    """A line that names the jobs or rows that failed."""
    return f"\n{len(names)} of {total} {what} failed: {', '.join(names)}"
