"""Where the text of a paper says another number than its own tables: the text beside what the tables give.

What tables give is worked out from ``published.csv`` each time, so a line stands here only as long as the scores that
it speaks of are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from avsal_bench.text import many

#: One line of ``published.csv``.
Printed = Mapping[str, str]
#: Scores of one row of a paper's tables, by data set and metric.
Scores = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Claim:
    """What a paper says of its own scores, and what they say.

    Args:
        paper: its key.
        place: section, or table, that says it.
        text: what is said there, in our words.
        tables: what the scores give.
    """

    paper: str
    place: str
    text: str
    tables: str


def claims(lines: Sequence[Printed]) -> list[Claim]:
    """The claims whose scores are among the lines, and that the scores do not bear out, by paper."""
    return [claim for look in (_avrsp, _caspnet, _survey) for claim in look(lines)]


def _scores(lines: Sequence[Printed], paper: str, variant: str, tables: Sequence[str]) -> Scores:
    return {
        (line["dataset"], line["metric"]): float(line["value"])
        for line in lines
        if (line["paper"], line["variant"]) == (paper, variant) and line["table"] in tables and line["value"]
    }


def mean_gain(own: Scores, other: Scores, metric: str = "") -> float:
    """Mean over data sets and metrics (or one) of how much higher a score is than another, in per cent of the other.

    >>> mean_gain({("avad", "CC"): 0.55}, {("avad", "CC"): 0.5})
    10.000000000000009
    """
    places = [place for place in own if place in other and metric in ("", place[1])]
    return sum(own[place] / other[place] - 1 for place in places) / len(places) * 100


def _lower(own: Scores, other: Scores) -> int:
    return sum(own[place] < other[place] for place in own if place in other)


def _avrsp(lines: Sequence[Printed]) -> Iterator[Claim]:
    paper, tables = "avrsp2024", ("Table I", "Table II")
    pairs = [[_scores(lines, paper, f"{name}({m})", tables) for name in ("Ours", "CASP-Net")] for m in ("V", "AV")]
    if all(own and other for own, other in pairs):
        found = " and ".join(f"{mean_gain(own, other):.2f} %" for own, other in pairs)
        yield Claim(
            paper,
            "Section IV.D",
            "0.97 % without sound and 1.58 % with it above CASP-Net on average, over all metrics and the six sets",
            f"{found}: mean of the relative gains of the 24 scores of Tables I and II",
        )
    full, first = _scores(lines, paper, "AVRSP config: MS+MRG", ["Table III"]), pairs[0][0]
    if full and all(first.get(place) == value for place, value in full.items()):
        yield Claim(
            paper,
            "Section IV.E",
            "all ablations are trained on DIEM and AVAD alone",
            "the full rows of Table III equal Table I digit by digit, whose networks are trained on six sets",
        )
    none = [_scores(lines, paper, f"AVRSP config: {name}", ["Table III"]) for name in ("none", "Audio")]
    pairs0 = [_scores(lines, paper, f"{n}, MS&MRG pairs: 0", ["Table IV"]) for n in ("Visual-only", "Audio-Visual")]
    place = ("diem", "CC")
    if all(place in one for one in (*none, *pairs0)) and [o[place] for o in none] != [o[place] for o in pairs0]:
        third, fourth = (" and ".join(f"{one[place]:.3f}" for one in rows) for rows in (none, pairs0))
        yield Claim(
            paper,
            "Tables III and IV",
            "a network with neither MS nor MRG is a row of both tables",
            f"CC on DIEM without and with sound: {third} in Table III, {fourth} in Table IV",
        )


def _caspnet(lines: Sequence[Printed]) -> Iterator[Claim]:
    paper, place = "caspnet2023", ("etmd", "SIM")
    second = _scores(lines, paper, "Visual-Only", ["Table 2"]).get(place)
    first = _scores(lines, paper, "CASP-Net(Sal)", ["Table 1"]).get(place)
    if second and first and second != first:
        yield Claim(
            paper,
            "Tables 1 and 2",
            "the visual-only network is a row of both tables, with the same other scores",
            f"SIM on ETMD: {first:.3f} in Tables 1 and 5, {second:.3f} in Table 2",
        )


def _survey(lines: Sequence[Printed]) -> Iterator[Claim]:
    paper, hosts = "scdl2022", ("STANet", "STAViS", "AViNet")
    plain, starred, ideal = (
        [_scores(lines, paper, host + mark, ["Table IV"]) for host in hosts] for mark in ("", "*", "#")
    )
    if not all((*plain, *starred, *ideal)):
        return
    gains = [mean_gain(own, other, "AUC-J") for own, other in zip(starred, plain, strict=True)]
    yield Claim(
        paper,
        "Section VI.C",
        "with the classifier 1.9, 1.5 and 2.7 % higher in AUC-J (STANet, STAViS, AViNet), mean over six sets",
        f"{', '.join(f'{gain:.2f}' for gain in gains)} % by Table IV",
    )
    count = sum(map(len, starred))
    lower = sum(map(_lower, starred, plain))
    yield Claim(
        paper,
        "Section VI.C",
        "the three networks with the classifier improve persistently",
        f"{lower} of {many(count, 'score')} of Table IV are lower than without it",
    )
    lower = sum(map(_lower, ideal, starred))
    yield Claim(
        paper,
        "Section VI.C",
        "the ideal switch persistently outperforms the classifier's",
        f"{lower} of {many(count, 'score')} of Table IV are lower with the ideal switch",
    )
