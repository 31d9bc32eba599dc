"""Where the text of a paper says another number than its own tables: the text beside what the tables give.

What tables give is worked out from ``published.csv`` each time, so a line stands here only as long as the scores that
it speaks of are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from avsal_bench.leaderboard.known_facts import facts
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
    return [claim for look in (_avrsp, _caspnet, _survey, _mspi) for claim in look(lines)]


def _scores(lines: Sequence[Printed], paper: str, variant: str, tables: Sequence[str], pretrain: str = "") -> Scores:
    """Scores of a row; with ``pretrain`` of the one that says so, where two rows share a name."""
    return {
        (line["dataset"], line["metric"]): float(line["value"])
        for line in lines
        if (line["paper"], line["variant"]) == (paper, variant) and line["table"] in tables and line["value"]
        if pretrain in ("", line["pretrain"])
    }


def mean_gain(own: Scores, other: Scores, metric: str = "") -> float:
    """Mean over data sets and metrics (or one) of how much higher a score is than another, in per cent of the other.

    >>> mean_gain({("avad", "CC"): 0.55}, {("avad", "CC"): 0.5})
    10.000000000000009
    """
    places = [place for place in own if place in other and metric in ("", place[1])]
    return sum(own[place] / other[place] - 1 for place in places) / len(places) * 100


@cache
def _title(dataset: str) -> str:
    return facts().dataset(dataset).title


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

    place, base = ("diem", "SIM"), _scores(lines, paper, "Visual-only baseline", ["Table V"])
    if place in base and place in first and base[place] != first[place]:
        yield Claim(
            paper,
            "Tables I and V",
            "the network without sound is a row of both tables, with the same other scores",
            f"SIM on DIEM: {first[place]:.3f} in Table I, {base[place]:.3f} in Table V",
        )
    learnt = [_scores(lines, paper, name, ["Table V"]) for name in ("Bilinear", "MBT [37]")]
    if base and all(learnt) and any(lower := [_lower(one, base) for one in learnt]):
        yield Claim(
            paper,
            "Section IV.E",
            "fusion by Bilinear and by MBT improves somewhat on the network without sound",
            f"{lower[0]} (Bilinear) and {lower[1]} (MBT) of the {many(len(base), 'score')} of Table V are lower",
        )


def _caspnet(lines: Sequence[Printed]) -> Iterator[Claim]:
    yield from _caspnet_ablations(lines)
    yield from _caspnet_comparisons(lines)


def _caspnet_ablations(lines: Sequence[Printed]) -> Iterator[Claim]:
    paper = "caspnet2023"
    fcn, unet, sal = (_scores(lines, paper, f"CASP-Net({name})", ["Table 1"]) for name in ("FCN", "UNet", "Sal"))
    own, linear, both = (_scores(lines, paper, n, ["Table 2"]) for n in ("Visual-Only", "V+A+ILinear", "V+A+ILinear+C"))
    stages = {
        name: _scores(lines, paper, f"AVIM at stage{name} of video encoder", ["Table 3"])
        for name in (" 2", " 4", "s 2,3,4", "s 1,2,3,4")
    }
    if fcn and unet and sal:
        yield Claim(
            paper,
            "Section 4.2",
            "its decoder is better than FCN and UNet with fewer parameters",
            "2.49 M in Table 1, and 1.77 M for FCN, 3.94 M for UNet",
        )
    seen, heard = (_scores(lines, paper, f"CASP-Net({m})", ["Table 5"], "none") for m in ("V", "AV"))
    if sal and both and sal.items() <= seen.items() and both.items() <= heard.items():
        yield Claim(
            paper,
            "Section 4.2",
            "all ablations are trained on AVAD and ETMD alone",
            "CASP-Net(Sal) of Table 1 and the last row of Table 2 equal Table 5 digit by digit, whose networks are "
            "trained on six sets; Figure 5 is of AVAD and DIEM",
        )
    place = ("etmd", "SIM")
    if place in own and place in sal and own[place] != sal[place]:
        yield Claim(
            paper,
            "Tables 1 and 2",
            "the visual-only network is a row of both tables, with the same other scores",
            f"SIM on ETMD: {sal[place]:.3f} in Tables 1 and 5, {own[place]:.3f} in Table 2",
        )
    all_four, place = stages["s 1,2,3,4"], ("avad", "SIM")
    if place in linear and place in all_four and linear[place] != all_four[place]:
        yield Claim(
            paper,
            "Tables 2 and 3",
            "the network with AVIM at all stages is a row of both tables, with the same other scores",
            f"SIM on AVAD: {linear[place]:.3f} in Table 2, {all_four[place]:.3f} in Table 3",
        )
    yield from _lower_than_said(
        "AVIM at all four stages gives the best scores on both sets",
        "all four",
        all_four,
        "2, 3 and 4",
        stages["s 2,3,4"],
    )
    yield from _lower_than_said(
        "of single stages the second and third are better", "stage 2", stages[" 2"], "stage 4", stages[" 4"]
    )


def _lower_than_said(text: str, name: str, best: Scores, other: str, scores: Scores) -> Iterator[Claim]:
    """What Table 3 says against a row that section 4.2 has as the better one: the scores in which it is not."""
    said = [
        f"{place[1]} on {_title(place[0])}: {best[place]:.3f} at {name}, {scores[place]:.3f} at {other}"
        for place in best
        if place in scores and best[place] < scores[place]
    ]
    if said:
        yield Claim("caspnet2023", "Section 4.2", text, "; ".join(said))


def _caspnet_comparisons(lines: Sequence[Printed]) -> Iterator[Claim]:
    paper, tables = "caspnet2023", ("Table 4", "Table 5")
    alone, stavis = (_scores(lines, paper, f"{name}(AV)", tables, "none") for name in ("CASP-Net", "STAViS"))
    gain = {metric: mean_gain(alone, stavis, metric) for metric in ("CC", "SIM") if alone and stavis}
    if gain and [round(gain["CC"], 1), round(gain["SIM"])] != [11.5, 13]:
        yield Claim(
            paper,
            "Section 4.3",
            "11.5 % CC and 13 % SIM above STAViS on average, both with sound, over the six sets",
            f"{gain['CC']:.2f} % CC and {gain['SIM']:.2f} % SIM: mean of the relative gains of Tables 4 and 5, without "
            "DHF1K",
        )
    heard, seen = (_scores(lines, paper, f"CASP-Net({m})", tables, "dhf1k") for m in ("AV", "V"))
    gains = {place: (heard[place] / seen[place] - 1) * 100 for place in heard if place in seen}
    most = ("coutrot2", "etmd", "summe")
    found = []
    for metric in ("CC", "SIM") if gains else ():
        of = [(more, place[0]) for place, more in gains.items() if place[1] == metric]
        least = min((one for one in of if one[1] in most), default=(0.0, ""))
        best = max((one for one in of if one[1] not in most), default=(0.0, ""))
        if least[1] and least[0] < best[0]:
            found.append(f"{metric} {least[0]:.2f} % on {_title(least[1])} and {best[0]:.2f} % on {_title(best[1])}")
    if found:
        yield Claim(
            paper,
            "Section 4.3",
            "sound adds most on Coutrot 2, ETMD and SumMe (3 % CC and 2 % SIM on average)",
            f"{'; '.join(found)}, by Tables 4 and 5 with DHF1K",
        )
    others = [
        _scores(lines, paper, f"{name}({m})", tables, "dhf1k") for name in ("ViNet", "TSFP-Net") for m in ("V", "AV")
    ]
    lower = sum(any(heard[place] < other.get(place, 0) for other in others) for place in heard)
    if lower:
        yield Claim(
            paper,
            "Section 4.3",
            "with sound better than all others on almost all sets and metrics",
            f"{lower} of {many(len(heard), 'score')} with DHF1K are lower than ViNet's or TSFP-Net's",
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
    yield from _survey_best(lines)


def _survey_best(lines: Sequence[Printed]) -> Iterator[Claim]:
    """Networks with the classifier that are said to be the best of their block of Table IV."""
    blocks = {
        "STANet*": ("outperforms all weakly supervised methods significantly", ("GradCAM++", "WSS", "MWS", "STANet")),
        "AViNet*": (
            "performs the best among all fully supervised methods",
            ("DeepVS", "ACLNet", "STAViS", "STAViS*", "AViNet"),
        ),
    }
    for name, (text, others) in blocks.items():
        own = _scores(lines, "scdl2022", name, ["Table IV"])
        better = [other for other in others if _lower(own, _scores(lines, "scdl2022", other, ["Table IV"]))]
        rivals = [_scores(lines, "scdl2022", other, ["Table IV"]) for other in better]
        lower = sum(any(own[place] < rival[place] for rival in rivals if place in rival) for place in own)
        if lower:
            told = f"{lower} of {many(len(own), 'score')} of Table IV are lower than those of {' or '.join(better)}"
            yield Claim("scdl2022", "Section VI.C", f"{name} {text}", told)


def _mspi(lines: Sequence[Printed]) -> Iterator[Claim]:
    """What printed digits decide; most of Table 2 are doubtful readings, and no claim is made of those."""
    paper, read = "mspi2024", [line for line in lines if line["legible"] == "yes"]
    place = ("mit1003", "NSS")
    mobile, convnext = (
        _scores(read, paper, f"ISP model, {name} encoder", ["Table 3"]).get(place)
        for name in ("MobileNetV2", "ConvNeXt-T")
    )
    if mobile and convnext and convnext < mobile:
        yield Claim(
            paper,
            "Section 4.5",
            "the image model on ConvNeXt-T is better than that on MobileNetV2 on SALICON and on MIT1003",
            f"NSS on MIT1003: {convnext:.4f}, and {mobile:.4f} with MobileNetV2 (Table 3)",
        )
    place = ("diem", "NSS")
    own, other = (_scores(read, paper, name, ["Table 1"]).get(place) for name in ("Ours (S3D) 224x224", "TSFP-Net"))
    if own and other and own < other:
        yield Claim(
            paper,
            "Section 4.4",
            "with S3D better than all others but CASP-Net on the six sets",
            f"NSS on DIEM at 224 x 224: {own:.2f}, and {other:.2f} of TSFP-Net (Table 1)",
        )
