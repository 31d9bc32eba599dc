"""Printed scores beside those of records: of a set, and of the videos of each of its categories."""

from made_records import make

from avsal_bench.leaderboard.published_scores import published_rows, read_published
from avsal_bench.leaderboard.reports.printed_scores import printed_part
from avsal_bench.leaderboard.tables import rows
from avsal_bench.resources import resource

KINDS = ("all", "Nature", "Social", "Miscellaneous")
PAPERS = published_rows(read_published(resource("published.csv")))


def part(*records, metric="NSS"):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in printed_part(rows(records), KINDS, metric, PAPERS).splitlines()
        if "2019" in line
    ]


def test_tables_3_and_5_of_dave_stand_by_category():
    made = [
        make([0.5], model=model, modality=modality, dataset="dave_ave")
        for model, modality in (("dave", "av"), ("mep", ""), ("human_infinite", ""), ("aclnet", "v"))
    ]
    assert part(*made) == [
        ["aclnet (v)", "dave2019", "1.88", "1.96", "1.91", "1.74"],
        ["dave (av)", "dave2019", "2.45", "2.27", "2.65", "2.39"],
        ["human_infinite", "dave2019", "3.83!", "3.31", "3.65", "3.34"],
        ["mep", "dave2019", "1.59", "1.76", "1.35", "1.73"],
    ]


def test_only_networks_and_modalities_of_the_records_are_shown():
    assert part(make([0.5], model="dave", modality="a", dataset="dave_ave"), metric="CC") == [
        ["dave (a)", "dave2019", "0.3929", "0.4637", "0.3123", "0.4114"]
    ]
    assert part(make([0.5], model="toy", modality="v", dataset="dave_ave")) == []
    assert part(make([0.5], model="dave", modality="av", dataset="avad")) == []
