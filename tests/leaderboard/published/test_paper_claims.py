"""Where the text of a paper says other than its own tables."""

from made_records import PUBLISHED

from avsal_bench.leaderboard.known_facts import facts
from avsal_bench.leaderboard.page.claims import claims
from avsal_bench.leaderboard.page.paper_tables import claims_table
from avsal_bench.leaderboard.published_scores import read_published

LINES = [line for kind in ("main", "ablation") for line in read_published(PUBLISHED, kind)]


def test_what_the_papers_claim_and_what_their_tables_give():
    """The numbers were worked out by hand from the printed tables."""
    found = [(one.paper, one.tables) for one in claims(LINES)]
    assert found == [
        ("avrsp2024", "1.93 % and 2.23 %: mean of the relative gains of the 24 scores of Tables I and II"),
        (
            "avrsp2024",
            "the full rows of Table III equal Table I digit by digit, whose networks are trained on six sets",
        ),
        ("avrsp2024", "CC on DIEM without and with sound: 0.628 and 0.663 in Table III, 0.652 and 0.670 in Table IV"),
        ("caspnet2023", "SIM on ETMD: 0.471 in Tables 1 and 5, 0.469 in Table 2"),
        ("scdl2022", "2.15, 0.84, 0.82 % by Table IV"),
        ("scdl2022", "3 of 90 scores of Table IV are lower than without it"),
        ("scdl2022", "13 of 90 scores of Table IV are lower with the ideal switch"),
    ]


def test_a_claim_is_gone_with_the_scores_that_it_is_about():
    assert claims([]) == []
    assert claims_table([], facts()) is None
    assert [one.paper for one in claims([line for line in LINES if line["paper"] == "caspnet2023"])] == ["caspnet2023"]
    borne_out = [{**line, "value": "0.471"} if line["variant"] == "Visual-Only" else line for line in LINES]
    assert "caspnet2023" not in {one.paper for one in claims(borne_out)}


def test_the_table_of_the_page_has_a_line_a_claim():
    table = claims_table(LINES, facts())
    assert [column.title for column in table.columns] == ["Paper", "Where", "It says", "Its tables give"]
    assert len(table.bodies[0]) == 7
    assert "0.97 %" in table.bodies[0][0].cells[2].text
