"""The page of the leaderboard and its long form: measured, published and synthetic scores, each in its place."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
from made_records import NAN, PUBLISHED, made_elsewhere, make, save, section, synth_records, with_frames

from avsal_bench.leaderboard import summary_table, write_leaderboard
from avsal_bench.leaderboard.given_files import given_file, own_files
from avsal_bench.leaderboard.page import read_board
from avsal_bench.leaderboard.published_scores import SUSPECT_NOTES, published_rows, read_published
from avsal_bench.records import METRICS
from avsal_bench.resources import resource

# published


def test_published_rows_keep_disagreeing_papers_apart() -> None:
    found = published_rows(read_published(PUBLISHED))
    diem = {(r.variant, r.pretrain, r.papers): r for r in found if r.dataset == "diem"}
    assert diem["CASP-Net(AV)", "dhf1k", ("caspnet2023", "avrsp2024")].cells["CC"].text == "0.655"
    shifted = diem["TSFP-Net(V)", "dhf1k", ("avrsp2024",)].cells["CC"]
    assert (shifted.text, shifted.mark) == ("0.651", "!")
    assert diem["TSFP-Net(V)", "dhf1k", ("caspnet2023",)].cells["CC"].value == 0.649
    stars = [r for r in found if r.dataset == "diem" and r.variant == "STAViS*"]
    assert sorted(r.papers for r in stars) == [("mspi2024",), ("scdl2022",)]
    assert diem["STAViS*", "none", ("mspi2024",)].cells["AUC-J"].mark == "?"
    assert diem["STAViS", "none", ("mspi2024",)].cells["CC"].mark == "°"


def test_every_published_main_cell_is_in_a_row() -> None:
    lines = read_published(PUBLISHED)
    cells = sum(len(r.cells) * len(r.papers) for r in published_rows(lines))
    assert cells == len(lines) == 1559


def test_suspect_notes_are_real() -> None:
    notes = PUBLISHED.read_text(encoding="utf-8")
    assert [note for note in SUSPECT_NOTES if note not in notes] == []


def test_bad_published_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    text = PUBLISHED.read_text(encoding="utf-8")
    first = next(line for line in text.splitlines() if ",main,yes," in line)
    path.write_text(text.replace(first, first.replace(",main,yes,", ",main,perhaps,")), encoding="utf-8")
    with pytest.raises(ValueError, match=r"published\.csv, row \d+: .*'perhaps'"):
        read_published(path)


# the page


def test_empty_leaderboard_says_how_to_fill_it(tmp_path: Path) -> None:
    paths = write_leaderboard(save(tmp_path / "leaderboard", []))
    assert [p.name for p in paths] == ["README.md", "leaderboard.csv", "index.html"]
    page = paths[0].read_text(encoding="utf-8")
    assert "No record of a real set yet. To fill it" in page
    assert "STAViS\\* " in page
    made = ["README.md", "index.html", "leaderboard.csv"]
    assert sorted(p.name for p in tmp_path.glob("leaderboard/*")) == [*made, "published.csv", "records"]


def test_a_new_folder_is_a_leaderboard_with_the_tables_of_the_package(tmp_path: Path) -> None:
    new, given = tmp_path / "not yet" / "there", save(tmp_path / "given", [])
    for path in ("not_built.csv", "networks.csv"):
        (given / path).write_bytes(resource(path).read_bytes())
    assert [p.read_bytes() for p in write_leaderboard(new)] == [p.read_bytes() for p in write_leaderboard(given)]
    assert {p.name for p in new.iterdir()} == {"README.md", "index.html", "leaderboard.csv", "records"}


def test_links_of_the_pages_lead_somewhere(tmp_path: Path) -> None:
    folder = tmp_path / "board"
    write_leaderboard(folder)
    links = {"README.md": r"\]\(([^)#]+)\)", "index.html": r"<a [^>]*href=\"([^\"#]+)\""}
    found = {place for name, link in links.items() for place in re.findall(link, (folder / name).read_text("utf-8"))}
    places = {place for place in found if not place.startswith("http")}
    assert {"leaderboard.csv", "index.html", "records"} <= places
    assert [place for place in places if not (folder / place).exists()] == []


def test_a_table_of_ones_own_takes_the_place_of_the_packages(tmp_path: Path) -> None:
    folder = save(tmp_path, [])
    assert own_files(folder) == [], "the same content"
    header, *lines = PUBLISHED.read_text(encoding="utf-8").splitlines(keepends=True)
    line = next(line for line in lines if ",main,yes," in line)
    (folder / "published.csv").write_text(header + line, encoding="utf-8")
    assert own_files(folder) == [folder / "published.csv"]
    assert given_file(folder, "references.bib") == resource("references.bib")
    board = read_board(folder)
    assert (len(board.lines), board.not_built) == (1, ()), (
        "methods that are not built are those of the package's papers"
    )


def test_what_is_said_of_a_printed_score_is_in_the_csv(tmp_path: Path) -> None:
    _, data, _ = write_leaderboard(tmp_path / "board")
    lines = list(csv.DictReader(data.read_text(encoding="utf-8").splitlines()))
    doubtful = [line for line in lines if line["mark"]]
    assert doubtful
    assert all(line["note"] for line in doubtful if line["source"] == "published")


def test_same_input_same_bytes(tmp_path: Path) -> None:
    records = [*synth_records(), make([0.1, 0.7]), make([0.2, 0.3], fold=2)]
    first = [p.read_bytes() for p in write_leaderboard(save(tmp_path / "a", records))]
    again = [p.read_bytes() for p in write_leaderboard(tmp_path / "a")]
    moved = [p.read_bytes() for p in write_leaderboard(save(tmp_path / "b", records[::-1]))]
    assert first == again == moved
    assert (tmp_path / "a" / "published.csv").read_bytes() == PUBLISHED.read_bytes()


def test_measured_published_and_synthetic_never_meet(tmp_path: Path) -> None:
    records = [
        make([0.9999], model="stavis", modality="av", dataset="diem"),
        make([0.0009], model="stavis", modality="av", dataset="synth"),
        make([0.0008], model="stavis", modality="av", dataset="diem", sound="muted"),
    ]
    page, data, _ = (p.read_text(encoding="utf-8") for p in write_leaderboard(save(tmp_path, records)))
    measured, published, synthetic = (section(page, f"## {s}") for s in ("Measured", "Published", "Synthetic"))
    assert "says nothing about real videos" in synthetic
    assert ("1.000" in measured, "0.001" in measured, "0.580" in measured) == (True, False, False)
    assert ("1.000" in published, "0.001" in published, "0.580" in published) == (False, False, True)
    assert ("1.000" in synthetic, "0.001" in synthetic, "0.580" in synthetic) == (False, True, False)
    lines = list(csv.DictReader(data.splitlines()))
    assert {(line["source"], line["sound"]) for line in lines} == {
        ("measured", "original"),
        ("measured", "muted"),
        ("synthetic", "original"),
        ("published", ""),
    }
    assert {line["dataset"] for line in lines if line["source"] == "synthetic"} == {"synth"}


def test_long_form_has_raw_numbers_and_intervals(tmp_path: Path) -> None:
    records = [make([0.25, 0.5]), make([0.75, 1.0], fold=2), make([1.0, 1.0], fold=3)]
    data = write_leaderboard(save(tmp_path, records))[1].read_text(encoding="utf-8")
    line = next(x for x in csv.DictReader(data.splitlines()) if x["metric"] == "NSS")
    assert (line["value"], line["std"], line["folds"], line["seeds"]) == ("0.750000", "", "1 2 3", "0")
    assert float(line["low"]) <= 0.75 <= float(line["high"])
    assert line["mark"] == ""


def test_long_form_has_the_mean_of_splits_beside_the_pooled_one(tmp_path: Path) -> None:
    records = [make([0.1, 0.2, 0.3]), make([0.6], fold=2), *synth_records()]
    data = write_leaderboard(save(tmp_path, records))[1].read_text(encoding="utf-8")
    lines = list(csv.DictReader(data.splitlines()))
    line = next(x for x in lines if x["source"] == "measured")
    assert (line["value"], line["mean_of_splits"]) == ("0.300000", "0.400000")
    assert {bool(x["mean_of_splits"]) for x in lines if x["source"] != "published"} == {True}
    assert {x["mean_of_splits"] for x in lines if x["source"] == "published"} == {""}


def test_fixated_frames_that_do_not_count_are_marked(tmp_path: Path) -> None:
    dark = with_frames(make([0.5], model="dark"), constant=3, undefined={"CC": 3, "NSS": 4, "sAUC": 9}, unfixated=1)
    fair = with_frames(make([0.5], model="fair"), undefined={"CC": 1, "NSS": 2, "sAUC": 9}, unfixated=2)
    page, data, html = (p.read_text(encoding="utf-8") for p in write_leaderboard(save(tmp_path, [dark, fair])))
    assert (dark.not_counted, fair.not_counted) == (3, 0)
    assert {x.split()[1] for x in section(page, "### AVAD").splitlines() if "| paper" in x} == {"dark¤", "fair"}
    assert {x["model"]: x["mark"] for x in csv.DictReader(data.splitlines()) if x["source"] == "measured"} == {
        "dark": "incomplete frames-not-counted",
        "fair": "incomplete",
    }
    assert "3 fixated frames are left out of means, as their maps do not define a metric" in html


def test_skipped_frames_are_marked(tmp_path: Path) -> None:
    whole = [make([0.6], model="whole", fold=fold) for fold in (1, 2, 3)]
    part = [with_frames(make([0.5], model="part", fold=fold), skipped=fold // 3) for fold in (1, 2, 3)]
    page, data, _ = (p.read_text(encoding="utf-8") for p in write_leaderboard(save(tmp_path, [*whole, *part])))
    table = [x.split()[1] for x in section(page, "### AVAD").splitlines() if x.startswith("|")]
    assert table[2:] == ["whole", "part§"]
    assert "§ of a part of a test list, or of another list: it stands below the others and is not ranked" in " ".join(
        page.split()
    )
    marks = {(x["model"], x["mark"]) for x in csv.DictReader(data.splitlines()) if x["source"] == "measured"}
    assert marks == {("whole", ""), ("part", "part-of-list")}


def test_maps_made_elsewhere_have_rows_like_others(tmp_path: Path) -> None:
    other = [
        made_elsewhere(make([0.7], model="stavis", modality="av")),
        made_elsewhere(make([0.6], model="other", modality="")),
        made_elsewhere(make([0.5], model="other", modality="", dataset="synth")),
    ]
    page, data, _ = (
        p.read_text(encoding="utf-8") for p in write_leaderboard(save(tmp_path, [*synth_records(), *other]))
    )
    assert "`maps`: maps made by other code, scored with `avsal evaluate`; of their training" in " ".join(page.split())
    table = [x.split("|") for x in section(page, "### AVAD").splitlines() if x.startswith("|")]
    assert [[cell.strip() for cell in x[1:4]] for x in table[2:]] == [
        ["STAViS (Tsiami et al. 2020)", "av", "maps"],
        ["other", "-", "maps"],
    ]
    lines = csv.DictReader(data.splitlines())
    assert {x["training"] for x in lines if x["model"] == "other"} == {"maps"}


def test_order_and_marks_of_a_table(tmp_path: Path) -> None:
    dirty = {"version": "0.1.0", "commit": "abc", "clean": False}
    newer = {"version": "0.10.0", "commit": "abc", "clean": True}
    records = [make([0.3, 0.3], model="low", fold=fold) for fold in (1, 2, 3)]
    records += [
        make([0.6, 0.6], model="high", provenance=newer),
        make([0.4, 0.4], model="dirty", provenance=dirty),
        make([0.2, 0.2], model="untold", provenance={}),
        make([NAN, NAN], model="broken", provenance=newer),
    ]
    page = write_leaderboard(save(tmp_path, records))[0].read_text(encoding="utf-8")
    lines = [x for x in section(page, "### AVAD").splitlines() if x.startswith("|")]
    assert [x.split()[1] for x in lines[2:]] == ["low‡", "high", "dirty†‡", "untold†‡", "broken"]
    assert "1, 2, 3 " in lines[2]
    assert "incomplete" not in lines[2]
    assert "incomplete" in lines[3]
    assert len({len(x) for x in lines}) == 1
    assert "| 0.600 | 0.600 to 0.600 | 0.60 |" in " ".join(lines[3].split())


def test_other_protocols_have_tables_of_their_own(tmp_path: Path) -> None:
    page = write_leaderboard(save(tmp_path, [make([0.3]), make([0.9], protocol="vinet")]))[0].read_text()
    assert page.index("### AVAD (eye tracking, with sound)\n") < page.index("### AVAD, protocol vinet (eye")


def test_corrupted_record_stops_the_page_and_is_named(tmp_path: Path) -> None:
    folder = save(tmp_path, [make([0.3])])
    [path] = folder.glob("records/*/*/*.json")
    path.write_text(path.read_text()[:100])
    with pytest.raises(ValueError, match=r"avad/toy_v-fold1-seed0\.json: not a record"):
        write_leaderboard(folder)
    assert not (folder / "README.md").exists()


def test_summary_table_is_plain_text() -> None:
    text = summary_table([make([0.25, 0.75], dataset="synth"), make([NAN], dataset="diem", modality="av")])
    lines = [line.split() for line in text.splitlines()]
    assert [lines[0], lines[4]] == [["Eye", "tracking"], ["Simulated", "observers"]]
    assert lines[1][-6:] == lines[5][-6:] == list(METRICS)
    assert lines[2] == ["toy_av", "diem", "stavis", "1", "0", "original", "1", *"------"]
    assert lines[6][-6:] == ["0.500", "0.50", "0.500", "0.500", "0.500", "0.500"]
    assert len(lines) == 7


def test_summary_table_tells_of_odd_frames() -> None:
    odd = with_frames(make([0.5, 0.5]), unfixated=3, constant=2, skipped=1, undefined={"NSS": 3, "CC": 0, "KL": 4})
    text = summary_table([odd, make([0.5], fold=2), with_frames(make([0.5], fold=3), unfixated=2)])
    assert text.splitlines()[4:] == [
        "",
        "toy_v avad stavis fold 1 seed 0 original: 20 frames scored, 3 without fixations, 2 with a constant map, "
        "1 skipped, undefined NSS 3 KL 4",
        "toy_v avad stavis fold 3 seed 0 original: 10 frames scored, 2 without fixations",
        "toy_v avad stavis fold 1 seed 0 original: not of the whole test list, and not ranked on the leaderboard: 1 "
        "listed frame was left out, without a map",
    ]


# floors


def test_leaderboard_imports_no_torch() -> None:
    code = (
        "import sys, avsal_bench.leaderboard\n"
        "heavy = {'torch', 'lightning', 'pandas', 'scipy'} & {m.split('.')[0] for m in sys.modules}\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
