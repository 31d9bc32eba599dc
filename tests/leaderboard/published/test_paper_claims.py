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
        ("avrsp2024", "SIM on DIEM: 0.545 in Table I, 0.546 in Table V"),
        ("avrsp2024", "5 (Bilinear) and 1 (MBT) of the 8 scores of Table V are lower"),
        ("caspnet2023", "2.49 M in Table 1, and 1.77 M for FCN, 3.94 M for UNet"),
        (
            "caspnet2023",
            "CASP-Net(Sal) of Table 1 and the last row of Table 2 equal Table 5 digit by digit, whose networks are "
            "trained on six sets; Figure 5 is of AVAD and DIEM",
        ),
        ("caspnet2023", "SIM on ETMD: 0.471 in Tables 1 and 5, 0.469 in Table 2"),
        ("caspnet2023", "SIM on AVAD: 0.519 in Table 2, 0.518 in Table 3"),
        ("caspnet2023", "SIM on ETMD: 0.470 at all four, 0.471 at 2, 3 and 4"),
        ("caspnet2023", "SIM on AVAD: 0.512 at stage 2, 0.513 at stage 4"),
        (
            "caspnet2023",
            "11.86 % CC and 13.00 % SIM: mean of the relative gains of Tables 4 and 5, without DHF1K",
        ),
        (
            "caspnet2023",
            "CC 0.65 % on ETMD and 1.47 % on AVAD; SIM 1.31 % on SumMe and 2.47 % on Coutrot 1, by Tables 4 and 5 "
            "with DHF1K",
        ),
        ("caspnet2023", "7 of 24 scores with DHF1K are lower than ViNet's or TSFP-Net's"),
        ("scdl2022", "2.15, 0.84, 0.82 % by Table IV"),
        ("scdl2022", "3 of 90 scores of Table IV are lower than without it"),
        ("scdl2022", "13 of 90 scores of Table IV are lower with the ideal switch"),
        ("scdl2022", "2 of 30 scores of Table IV are lower than those of GradCAM++ or WSS"),
        ("scdl2022", "4 of 30 scores of Table IV are lower than those of STAViS* or AViNet"),
        ("mspi2024", "NSS on MIT1003: 0.8150, and 0.8398 with MobileNetV2 (Table 3)"),
        ("mspi2024", "NSS on DIEM at 224 x 224: 2.59, and 2.62 of TSFP-Net (Table 1)"),
    ]


def test_a_claim_is_gone_with_the_scores_that_it_is_about():
    assert claims([]) == []
    assert claims_table([], facts()) is None
    alone = claims([line for line in LINES if line["paper"] == "caspnet2023"])
    assert {one.paper for one in alone} == {"caspnet2023"}
    assert len(alone) == 9
    borne_out = [{**line, "value": "0.471"} if line["variant"] == "Visual-Only" else line for line in LINES]
    assert "Tables 1 and 2" not in {one.place for one in claims(borne_out)}


def test_what_the_scores_bear_out_is_no_claim():
    """Of scores that are all the same nothing is lower, and no gain is said to be another than it is."""
    same = [{**line, "value": "0.5"} for line in LINES if line["paper"] == "caspnet2023"]
    found = {one.text.partition(",")[0] for one in claims(same)}
    assert found == {
        "its decoder is better than FCN and UNet with fewer parameters",  # counts, and no scores
        "all ablations are trained on AVAD and ETMD alone",
        "11.5 % CC and 13 % SIM above STAViS on average",
    }
    for gone in ("coutrot1", "coutrot2", "etmd"):
        claims([line for line in LINES if line["dataset"] != gone])  # of a table with fewer sets, what can be said


def test_the_table_of_the_page_has_a_line_a_claim():
    table = claims_table(LINES, facts())
    assert [column.title for column in table.columns] == ["Paper", "Where", "It says", "Its tables give"]
    assert len(table.bodies[0]) == 21
    assert "0.97 %" in table.bodies[0][0].cells[2].text


def test_of_mspi_only_what_can_be_read_is_held_against_it():
    """Every reading of Table 2 may be wrong, and so may what it says against the text."""
    doubtful = [{**line, "legible": "doubtful"} for line in LINES if line["paper"] == "mspi2024"]
    assert claims(doubtful) == []
