"""The page without a browser: what it holds, what it keeps apart, and that nothing in it is loaded or escapes."""

import base64
import csv
import hashlib
import math
import re
import time
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from html_reader import Page
from made_boards import NETWORKS, SETS, board_records, large_board, picture, rich_record, show_board
from made_records import NAN, PUBLISHED, made_elsewhere, make, save, synth_records

from avsal_bench.data import list_datasets
from avsal_bench.leaderboard.known_facts import facts
from avsal_bench.leaderboard.page import panels as html_panels
from avsal_bench.leaderboard.page.board import overall, read_board, reproductions
from avsal_bench.leaderboard.page.html import LARGEST, SCRIPTS, html_page
from avsal_bench.leaderboard.page.parts.cells import DASH, MINUS
from avsal_bench.leaderboard.page.parts.naming import spelled
from avsal_bench.leaderboard.published_scores import read_published
from avsal_bench.records import METRICS, record_path

ASSETS = Path(html_panels.__file__).parent / "assets"
LEADERBOARD = PUBLISHED.parent


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    return show_board(tmp_path_factory.mktemp("shown"))


@pytest.fixture(scope="module")
def shown_text(shown):
    return html_page(read_board(shown))


@pytest.fixture(scope="module")
def page(shown_text):
    return Page(shown_text)


def test_an_empty_leaderboard_is_a_page_with_the_published_tables(tmp_path):
    text = html_page(read_board(save(tmp_path, [])))
    page = Page(text)
    assert "No record of a real data set yet" in text
    assert {t["tab"] for t in page.tables} == {"published", "cost", "cards", "sets"}
    lines = read_published(PUBLISHED)
    tables = [t for t in page.tables if "as printed" in t["caption"]]
    assert len(tables) == len({line["dataset"] for line in lines})
    assert len(page.table("Scores on which papers disagree")["rows"]) == 1 + 49


def test_the_committed_leaderboard_makes_a_page():
    assert "Where papers disagree" in html_page(read_board(LEADERBOARD))


def test_same_input_same_text(shown, shown_text):
    assert html_page(read_board(shown)) == shown_text


def test_every_number_with_a_doubtful_transcription_tells_why(page):
    lines = [
        line for line in csv.DictReader(PUBLISHED.open(encoding="utf-8")) if line["kind"] == "main" and line["value"]
    ]
    doubtful = {line["note"] for line in lines if line["legible"] == "doubtful"}
    assert doubtful
    table = facts()
    assert all(any(spelled(table, note) in mark for mark in page.marks) for note in doubtful)
    assert any(mark.startswith("clearly printed, but hardly what was meant: ") for mark in page.marks)
    assert any(mark.startswith("papers disagree: ") and "Xiong et al. 2023" in mark for mark in page.marks)
    assert any(mark.startswith("not built here; missing: ") for mark in page.marks)


def test_no_key_of_a_paper_or_set_stands_where_people_read(page):
    """But in the columns of names in commands; the search box knows them. A protocol is called crowdsal, too."""
    keys = {entry.key for entry in facts().references} | set(list_datasets()) - {"synth", "crowdsal"}
    cells = [cell for t in page.tables if t["tab"] in ("published", "cost") for row in t["rows"] for cell in row[:-1]]
    told = [*page.marks, *cells, *page.tips]
    found = {key for key in keys for words in told if re.search(rf"(?<![\w*-]){key}(?![\w-])", words)}
    assert found == set()


def test_kinds_of_scores_share_no_table(page):
    for table in page.tables:
        if table["tab"] in ("measured", "synthetic"):
            synthetic = {"Synth" in table["caption"]}
            assert synthetic == {table["tab"] == "synthetic"}
    assert not [t for t in page.tables if t["tab"] == "published" and "measured" in t["caption"]]
    heads = page.table("Published scores beside measured ones")["rows"][0]
    assert heads.index("Published") != heads.index("Measured")


def test_overall_ranks_are_those_of_the_sets(shown, page):
    board = read_board(shown)
    (main,) = overall(board.of_kind(synthetic=False))
    assert main.datasets == tuple(SETS)
    assert main.missing == {}
    values = [
        [g.rows[i].scores["CC"].value for i in range(len(g.ranked))] for g in board.groups if g.key == "stavis/etmd"
    ]
    assert values[0] == sorted(values[0], reverse=True)
    first = main.ranked[0]
    assert first.mean("CC") == sum(first.ranks["CC"]) / 6
    rows = page.table("Mean rank")["rows"][1:]
    assert [row[0].partition(" (")[0] for row in rows] == [
        board.facts.network(r.row.head.label).called for r in main.ranked
    ]
    assert [float(row[3].split()[0]) for row in rows] == [round(r.mean("CC"), 2) for r in main.ranked]


def test_equal_scores_share_a_rank_and_a_network_without_a_set_is_named(tmp_path):
    folds = (1, 2, 3)
    records = [
        make([0.5, 0.6], model=m, dataset=s, fold=k) for m in ("a", "b") for s in ("diem", "avad") for k in folds
    ]
    records += [make([0.7, 0.8], model="c", dataset="avad", fold=k) for k in folds]
    records += [make([0.9, 0.9], model="d", dataset=s) for s in ("diem", "avad")]
    (found,) = overall(read_board(save(tmp_path, records)).groups)
    assert {r.row.head.model: r.ranks["KL"] for r in found.ranked} == {"a": (1.5, 1.5), "b": (1.5, 1.5)}
    assert found.missing == {"c_v (paper)": ("diem",)}
    assert "c (v), preset paper lacks DIEM" in html_page(read_board(tmp_path))


def test_less_divergence_ranks_first(tmp_path):
    records = [
        make([x, x], model=m, dataset=s, fold=k)
        for m, x in (("a", 0.5), ("b", 0.6))
        for s in ("diem", "avad")
        for k in (1, 2, 3)
    ]
    (found,) = overall(read_board(save(tmp_path, records)).groups)
    ranks = {r.row.head.model: r for r in found.ranked}
    assert (ranks["a"].mean("KL"), ranks["a"].mean("CC")) == (1, 2)


def test_incomplete_rows_stand_apart_and_compare_with_none(page):
    rows = page.rows()
    dave = rows["stavis/avad/dave_av/paper"]
    assert dave["place"] is None
    last = page.table("AVAD, protocol stavis")["rows"][-1]
    assert last[0] == "DAVE (Tavakoli et al. 2019)†‡"
    assert last[-2] == "1 incomplete"
    assert "stavis/avad/dave_av/paper" not in page.blocks["data"]["tables"]["stavis/avad"][1]


def test_marks_of_rows_have_reasons(page):
    assert "made by code that was changed since it was committed or installed" in page.marks
    assert "made by an older version than other rows of this table" in page.marks


def test_best_and_like_the_best_are_marked(tmp_path):
    base = [0.3 + i / 50 for i in range(14)]
    like = [x - 0.002 * (-1) ** i - 0.001 for i, x in enumerate(base)]
    worse = [x - 0.1 - i / 1000 for i, x in enumerate(base)]
    records = [
        make(values, model=m, fold=k)
        for m, values in (("top", base), ("like", like), ("low", worse))
        for k in (1, 2, 3)
    ]
    page = Page(html_page(read_board(save(tmp_path, records))))
    cc = {row[0]: row[3] for row in page.table("AVAD")["rows"][1:]}
    assert " best" in cc["top"]
    assert "≈" in cc["like"]
    assert "≈" not in cc["low"]
    assert "best" not in cc["low"]
    first, second, _, _, corrected, significant = page.part("pairs/stavis/avad")["CC"]
    assert list(zip(first, second, significant, strict=True)) == [(0, 1, 0), (0, 2, 1), (1, 2, 1)]
    assert corrected[1] == pytest.approx(3 * 2 / 2**14, rel=0.05)


def test_published_stands_beside_reproduced_with_the_difference(shown, page):
    pairs = reproductions(read_board(shown))
    assert {(row.head.model, row.head.modality) for row, _ in pairs} >= {
        ("vinet", "av"),
        ("stavis", "v"),
        ("mspi-s3d", "av"),
    }
    assert all("*" not in paper.variant and "#" not in paper.variant for _, paper in pairs)
    assert {p.variant for row, p in pairs if row.head.model == "mspi-s3d"} == {
        "Ours (S3D) 224x224",
        "Ours (S3D) 224x384",
    }
    assert not any(row.head.synthetic for row, _ in pairs)
    table = page.table("Published scores beside measured ones")["rows"]
    place = {name: table[0].index(name) for name in ("Published", "Measured", "Difference")}
    for row in table[1:]:
        published, measured, gap = (row[place[name]].replace(MINUS, "-") for name in place)
        number = float(re.match(r"[-\d.]+", published).group())
        assert float(gap.removesuffix(" inside")) == pytest.approx(float(measured) - number, abs=0.0101)


def test_a_panel_has_what_the_records_say(tmp_path):
    record = rich_record("toy", "av", "avad", 1, 0, 0.5, 4)
    curve = record.videos[0].curve | {"CC": [0.1] * 19 + [NAN]}
    other = replace(record.videos[1], curve={m: [0.3] * 20 for m in METRICS})
    record = replace(record, videos=[replace(record.videos[0], curve=curve), other])
    page = Page(html_page(read_board(save(tmp_path, [record]))))
    row = page.rows()["stavis/avad/toy_av/paper"]
    assert row["videos"]["names"] == [v.video for v in record.videos]
    assert row["videos"]["scores"]["CC"] == [round(v.scores["CC"], 4) for v in record.videos]
    mean, low, high = row["time"]["CC"]
    assert (mean[0], mean[0] - low[0], mean[0] + high[0]) == (200, 150, 250)
    assert (mean[19], low[19], high[19]) == (300, 0, 0)
    fits = [page.part("shared")["fits"][n] for _, _, n in row["fits"]]
    assert [fit["stage"] for fit in fits] == ["visual", "audiovisual"]
    assert fits[0]["epochs"][:2] == [1, 2]
    assert set(fits[0]["curves"]) == {"train/loss", "val/loss", "val/cc", "lr"}
    (story,) = row["records"]
    assert story["command"] == record.provenance["command"]
    assert page.part("shared")["jobs"][story["job"]]["weights"]["sha256"] == record.weights["sha256"]
    assert story["path"] == "records/stavis/avad/toy_av-fold1-seed0.json"
    assert (tmp_path / story["path"]).is_file()


def test_records_without_curves_fits_or_weights_make_a_page(tmp_path):
    records = [make([0.1, NAN, 0.3], fold=k) for k in (1, 2, 3)]
    records += [made_elsewhere(make([0.2, 0.4, 0.5], model="elsewhere", modality="", fold=k)) for k in (1, 2, 3)]
    page = Page(html_page(read_board(save(tmp_path, records))))
    row = page.rows()["stavis/avad/toy_v/paper"]
    assert row["time"]["CC"] == []
    assert row["fits"] == []
    assert row["videos"]["scores"]["CC"] == [0.1, None, 0.3]


def test_categories_and_hearing_are_on_the_synthetic_tab(tmp_path):
    page = Page(html_page(read_board(save(tmp_path, synth_records()))))
    heads = page.table("CC by kind of scene")["rows"][0]
    assert heads[3:] == ["timbre", "pulse", "offscreen", "silent"]
    hearing = page.table("Does it hear?")["rows"]
    assert [row[-1] for row in hearing[1:]] == ["yes", "yes"]
    rows = page.rows()
    assert not any("muted" in name for name in rows)
    kinds = rows["stavis/synth/toy_av/smoke"]["kinds"]
    assert kinds["names"] == ["timbre", "pulse", "offscreen", "silent"]
    assert kinds["scores"]["CC"][0] == pytest.approx(0.6, abs=0.02)


def test_pictures_stay_within_their_budget_and_the_rest_is_told(shown):
    found = html_panels.pictures(read_board(shown))
    size = sum(len(p["data"]) for shown_here in found["shown"].values() for p in shown_here)
    assert size <= html_panels.PICTURES
    assert sum(map(len, found["shown"].values())) + sum(map(len, found["left"].values())) == len(
        list(shown.rglob("*.jpg"))
    )
    assert all((shown / path).is_file() for paths in found["left"].values() for path in paths)
    none = html_panels.pictures(read_board(shown), budget=0)
    assert not none["shown"]


def test_every_row_has_its_first_picture_before_any_has_a_second(tmp_path):
    records = [make([0.5], model=m, fold=k) for m in ("a", "b") for k in (1, 2)]
    save(tmp_path, records)
    for r in records:
        place = record_path(tmp_path / "records", r.network, r.dataset, r.fold, r.seed, r.protocol)
        place.with_suffix(".jpg").write_bytes(picture(0, (32, 32)))
    one = 4 * math.ceil(len(picture(0, (32, 32))) / 3)
    found = html_panels.pictures(read_board(tmp_path), budget=2 * one)
    assert {row: [p["fold"] for p in shown] for row, shown in found["shown"].items()} == {
        "stavis/avad/a_v/paper": [1],
        "stavis/avad/b_v/paper": [1],
    }
    assert found["left"]["stavis/avad/a_v/paper"] == ["records/stavis/avad/a_v-fold2-seed0.jpg"]
    assert "2 of 4 pictures" not in html_page(read_board(tmp_path))


def test_nothing_is_loaded_and_ids_are_unique(page):
    assert [(tag, value) for tag, value in page.loads if not value.startswith("data:")] == []
    assert len(page.ids) == len(set(page.ids))
    assert not [link for link in page.links if link.startswith(("//", "javascript"))]


def test_links_to_rows_and_files_go_somewhere(shown, page):
    rows, facts = page.blocks["data"]["rows"], read_board(shown).facts
    known = {paper.link for paper in facts.references} | {facts.network(name).code_link for name in facts.networks}
    known |= {facts.dataset(name).link for name in list_datasets()}
    for link in page.links:
        if link.startswith("#row/"):
            assert link.removeprefix("#row/") in rows
        elif link.startswith("#"):
            assert link[1:] in page.ids
        elif link.startswith(("https://", "http://")):
            assert link in known, "nothing is made up"
        else:
            assert link in ("leaderboard.csv", "published.csv")


def test_scripts_and_style_are_those_that_the_policy_names(shown_text):
    text = shown_text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    code = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    hashes = policy.split("script-src")[1].split(";")[0]
    assert len(code) == hashes.count("sha256-") - 1 == len(SCRIPTS)
    library = zlib.decompress(base64.b64decode(Page(text).blocks["chart"]))
    assert base64.b64encode(hashlib.sha256(library).digest()).decode() in hashes, "which is run when a plot is drawn"
    assert not any(re.search(r"\beval\(|new Function", script) for script in code)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", "".join(code[1:]))


def test_hostile_names_are_text(tmp_path):
    bad = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&"
    name = bad.replace("/", "")  # which no part of a path may hold
    story = {"version": "0.1.0", "command": bad, "commit": bad, "device": bad}
    record = make({name: 0.4, "b": 0.5}, provenance=story, recipe={"x": bad})
    record = replace(record, videos=[replace(v, category=bad) for v in record.videos])
    text = html_page(read_board(save(tmp_path, [record])))
    page = Page(text)
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    (row,) = page.rows().values()
    assert name in row["videos"]["names"]
    assert row["records"][0]["command"] == bad
    assert row["kinds"]["names"] == [bad]


def test_two_records_of_one_row_are_an_error_that_names_both(tmp_path):
    save(tmp_path, [make([0.5])])
    first = next((tmp_path / "records").rglob("*.json"))
    second = first.with_name("copy.json")
    second.write_bytes(first.read_bytes())
    with pytest.raises(ValueError, match=r"copy\.json") as error:
        html_page(read_board(tmp_path))
    assert str(first) in str(error.value)
    assert str(second) in str(error.value)


def test_costs_come_from_the_table_of_networks_and_then_from_records(tmp_path):
    weights = {"file": "w", "sha256": "5" * 64, "parameters": 5_000_000}
    save(tmp_path, [make([0.5], model=m, weights=weights) for m in ("listed", "unlisted")])
    (tmp_path / "networks.csv").write_text(
        "network,variant,modality,parameters,macs,cpu_seconds_one_thread,plain_cpu_seconds_one_thread\n"
        "listed,,v,7000000,2000000000,0.5,1.25\nlisted,,av,,,,\n"
    )
    page, unknown = Page(html_page(read_board(tmp_path))), [DASH, DASH, DASH]
    assert page.table("Size and speed")["rows"][1:] == [
        ["listed", "av", DASH, DASH, DASH, DASH, *unknown, "listed"],
        ["listed", "v", "7.00 M", "2.00 G", "1.25 s", "0.5 s", *unknown, "listed"],
        ["unlisted", "v", "5.00 M", DASH, DASH, DASH, *unknown, "unlisted"],
    ]


@pytest.mark.parametrize(
    "text",
    ["network,modality\nx,v\n", "network,variant,modality,parameters,macs,cpu_seconds_one_thread\nx,,v,many,,\n"],
)
def test_a_broken_table_of_networks_is_an_error_that_names_the_row(tmp_path, text):
    (save(tmp_path, []) / "networks.csv").write_text(text)
    with pytest.raises(ValueError, match=r"networks\.csv, row 2: expected network, variant, modality, and parameters"):
        html_page(read_board(tmp_path))


def test_libraries_are_those_that_the_readme_names():
    named = re.findall(
        r"\| `([^`]*\.min\.js)` .*`([^`]*LICENSE[^`]*)` \| `([0-9a-f]{64})` \|", (ASSETS / "README.md").read_text()
    )
    assert sorted(name for name, _, _ in named) == sorted(p.name for p in ASSETS.glob("*.min.js"))
    for name, licence, digest in named:
        assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == digest
        assert (ASSETS / name).stat().st_size < 1_000_000
        assert (ASSETS / licence).is_file()


@pytest.mark.slow
def test_500_records_make_a_page_in_20_seconds_of_less_than_5_mb(tmp_path):
    folder = large_board(tmp_path)
    assert len(list(folder.glob("records/*/*/*.json"))) == 504
    began = time.process_time()
    text = html_page(read_board(folder))
    assert time.process_time() - began < 20
    assert len(text.encode()) < LARGEST
    assert len(Page(text).blocks["data"]["rows"]) == 168


def test_made_boards_have_every_network_on_every_set():
    assert len(board_records(seeds=(0,))) == len(NETWORKS) * len(SETS) * 3
