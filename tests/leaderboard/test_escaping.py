"""Texts of strangers stand in every form as text: in Markdown, HTML, LaTeX, CSV, BibTeX, plots and terminals."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_boards import rich_record
from made_records import PUBLISHED, make, save
from matplotlib.cbook import is_math_text  # type: ignore[attr-defined, unused-ignore]

from avsal_bench.leaderboard.analysis import Contextual
from avsal_bench.leaderboard.escaping import for_csv, for_latex, for_markdown, for_plot, one_line
from avsal_bench.leaderboard.markdown import Ready, markdown_table
from avsal_bench.leaderboard.page import write_leaderboard
from avsal_bench.leaderboard.published_scores import read_not_built, read_published
from avsal_bench.leaderboard.references import bibtex, read_references
from avsal_bench.leaderboard.reports.analysis_report import Analysis, write_analysis
from avsal_bench.leaderboard.reports.latex import latex_tables
from avsal_bench.leaderboard.tables import rows
from avsal_bench.records import Record, mean_scores

#: Something for each form, behind the sign of a formula.
BAD = "=1+1</script><img src=x onerror=alert(1)>|`[x](javascript:alert(1))$\\input{/etc/passwd}$*b*_i_&lt;%~\"'"
#: The same for what is a part of a path.
NAME = re.sub(r"[/\\:]", "", BAD)
FORMULA = re.compile(r"\s*[=+\-@]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("a\nb\r\nc", "a b  c"),
        ("[x](javascript:a)", r"\[x\](javascript:a)"),
        ("<b>&lt;", "&lt;b>&amp;lt;"),
        ("R&D, a & b", "R&D, a & b"),
        ("`x`", r"\`x\`"),
        ("human_infinite __x__ _y", r"human_infinite \_\_x\_\_ \_y"),
        ("\\", r"\\"),
        ("$x$ ~~y~~", r"\$x\$ \~\~y\~\~"),
        ("a\x1b[2J\u202eb", "a \\[2J b"),
        ("0.5 ± 0.1 \u2013 3 %", "0.5 ± 0.1 \u2013 3 %"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, shown: str) -> None:
    assert for_markdown(text) == shown


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "' =1"),
        ("\r\n=1", "'  =1"),
        (" =1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("-clip", "'-clip"),
        ("-", "'-"),
        ("-0.5", "-0.5"),
        ("+1e-4", "+1e-4"),
        (-0.5, "-0.5"),
        (-3, "-3"),
        (".5", ".5"),
        ("1.", "1."),
        ("a=b", "a=b"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_cell_of_csv_is_no_formula_and_a_number_stays_one(value: object, cell: str) -> None:
    assert for_csv(value) == cell


@pytest.mark.parametrize("text", ["\\input{x}", "a}b{", "$x$", "50 % # ~ ^ _ &", "\\\\[1em]*", "<>|", "a\n\nb", "^^5c"])
def test_latex_prints_text_as_it_is(text: str) -> None:
    escaped = for_latex(text)
    known = r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar)\{\}|\\[&%$#_{}]|\{[\[*]\}"
    left = re.sub(known, "", escaped)
    assert not re.search(r"[\\{}$&#^_~%*\[\n]", left)


@pytest.mark.parametrize("text", ["$x$", "$\\input{x}$", "$", "a $b$ c", "\\$x$$"])
def test_a_plot_has_no_formulas(text: str) -> None:
    assert "\n" not in for_plot("a\nb")
    assert not is_math_text(for_plot(text))


def test_only_what_is_said_to_be_markdown_is() -> None:
    table = markdown_table(["a|b"], [["**x**"], [Ready("**y**")]])
    assert r"| a\|b " in table
    assert r"| \*\*x\*\* |" in table
    assert "| **y** " in table


def test_one_line_leaves_good_text_alone() -> None:
    assert one_line("V6_Basketball1 é 目 ±") == "V6_Basketball1 é 目 ±"


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
MARKS = st.text(alphabet=" ab1-+=@*_`[]()|<>&;#$%{}^~\\\"'\n\t", max_size=30)


@given(text=TEXTS | MARKS)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_any_text_is_text_in_every_form(text: str) -> None:
    table = markdown_table(["a", "b"], [[text, "x"]])
    assert len(table.splitlines()) == 3
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", table.splitlines()[2])) == 3
    assert "<" not in for_markdown(text).replace("&lt;", "")
    [[cell]] = csv.reader(io.StringIO(f'"{for_csv(text).replace(chr(34), chr(34) * 2)}"', newline=""))
    assert not FORMULA.match(cell) or float(cell) == float(cell)
    assert not is_math_text(for_plot(text))
    assert "\n" not in for_latex(text)


# a leaderboard with such texts in every place that may hold any


def hostile(record: Record) -> Record:
    """The record with such text wherever a record may hold any."""
    videos = [replace(v, video=f"{NAME}{i}", category=BAD[:100]) for i, v in enumerate(record.videos)]
    fits = [fit | {"stage": BAD, "network": BAD, BAD: BAD} for fit in record.provenance.get("fits", [])]
    texts = dict.fromkeys(("commit", "code", "device", "torch", "python", "started", "command"), BAD)
    story = record.provenance | texts | {"fits": fits, "made_of": {BAD: BAD}, "maps": {"folder": BAD}}
    changes: dict[str, Any] = {"videos": videos, "scores": mean_scores(videos), "provenance": story}
    return replace(
        record, **changes, recipe={BAD: BAD}, weights={"file": BAD, "sha256": "0" * 64, "parameters": 5, BAD: BAD}
    )


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """Of a whole row that hears, of the same muted, and of an embedded set."""
    found = [rich_record("mspi-s3d", "av", "avad", fold, 0, 0.6, 2) for fold in (1, 2, 3)]
    found += [rich_record("mspi-s3d", "av", "avad", 1, 0, 0.5, 2, sound="muted")]
    found += [rich_record("centre", "", "synth", 1, 0, 0.3, 4, synthetic=True)]
    return [hostile(record) for record in found]


@pytest.fixture(scope="module")
def folder(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A leaderboard of these, with such texts in its tables too."""
    folder = save(tmp_path_factory.mktemp("hostile") / "board", records)
    text = io.StringIO(newline="")
    first = dict(next(csv.DictReader(PUBLISHED.open(encoding="utf-8"))))
    writer = csv.DictWriter(text, list(first), lineterminator="\n")
    number = {"metric": "CC", "value": "0.5", "kind": "main", "legible": "doubtful"}
    for paper in ("one", "two"):
        writer.writerow(dict.fromkeys(first, BAD) | number | {"paper": f"{BAD}{paper}", "value": f"0.{len(paper)}"})
    writer.writerow(
        first | number | {"dataset": "avad", "method": "mspi", "modality": "AV", "variant": BAD, "note": BAD}
    )
    with (folder / "published.csv").open("a", encoding="utf-8", newline="") as file:
        file.write(text.getvalue())
    row = io.StringIO(newline="")
    csv.writer(row).writerows([["method", "paper", "status", "missing"], [BAD] * 4])
    (folder / "not_built.csv").write_text(row.getvalue(), encoding="utf-8", newline="")
    costs = io.StringIO(newline="")
    csv.writer(costs).writerows(
        [
            ["network", "variant", "modality", "parameters", "macs", "cpu_seconds_one_thread"],
            [BAD, BAD, BAD, "5", "6", "7"],
        ]
    )
    (folder / "networks.csv").write_text(costs.getvalue(), encoding="utf-8", newline="")
    (folder / "references.bib").write_bytes((PUBLISHED.parent / "references.bib").read_bytes())
    write_leaderboard(folder)
    return folder


def assert_markdown(text: str) -> None:
    """No tag, no link but those of our own, and tables with as many cells in each line as in their header."""
    assert "<img" not in text
    assert "<script" not in text
    assert not re.search(r"(?<!\\)\]\(javascript", text)
    assert not re.search(r"(?<!\\)\$", text)
    widths: list[int] = []
    for line in text.splitlines():
        bars = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line))
        widths = [*widths, bars] if line.startswith("|") else []
        assert len(set(widths)) <= 1, line


def assert_csv(path: Path) -> None:
    for line in csv.reader(path.open(encoding="utf-8", newline="")):
        for cell in line:
            assert not FORMULA.match(cell) or re.fullmatch(r"[-+]?[0-9.]+(e[-+]?\d+)?", cell), cell


def test_the_readme_shows_them_as_text(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert for_markdown(BAD) in text
    assert_markdown(text)


def test_the_table_for_programs_holds_no_formula(folder: Path) -> None:
    assert BAD[1:] in (folder / "leaderboard.csv").read_text(encoding="utf-8").replace('""', '"')
    assert_csv(folder / "leaderboard.csv")


class Tags(HTMLParser):
    """Tags of a page, with the attributes that run or load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.risky: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        links = [(k, v) for k, v in attrs if k in ("src", "href")]
        self.risky += [(k, v) for k, v in links if not re.match(r"#|data:|https?://|[a-z]+\.csv$", f"{v}")]
        self.risky += [(k, v) for k, v in attrs if k.startswith("on")]


def test_the_page_has_no_tag_of_theirs(folder: Path, tmp_path: Path) -> None:
    page = Tags((folder / "index.html").read_text(encoding="utf-8"))
    good = save(tmp_path, [make([0.5])])
    write_leaderboard(good)
    usual = Tags((good / "index.html").read_text(encoding="utf-8"))
    assert page.risky == []
    assert set(page.tags) - set(usual.tags) <= {"em", "strong", "span", "p", "h4"}
    assert page.tags.count("script") == usual.tags.count("script")
    assert page.tags.count("img") == usual.tags.count("img"), "those of the clips alone"


def test_latex_and_its_references_hold_no_command_of_theirs(folder: Path) -> None:
    tables = latex_tables(folder, ["avad", BAD], published=True, intervals=True)
    assert for_latex(BAD) in tables.text
    assert r"\input" not in tables.text
    text = re.sub(r"\\[{}]", "", tables.text)
    assert text.count("{") == text.count("}")
    comments = bibtex(read_references(folder / "references.bib"), [*tables.named, f"a\n@misc{{{BAD}}}"])
    assert not re.search(r"^(?!%).*onerror", comments, re.MULTILINE)


def test_analyses_show_them_as_text(folder: Path, records: list[Record], tmp_path: Path) -> None:
    table = rows([record for record in records if record.dataset == "avad" and record.sound == "original"])
    text, written = write_analysis(Analysis(table, "CC", [{}], [Contextual({}, "no boxes")]), tmp_path)
    assert for_markdown(NAME) in text
    assert_markdown(text)
    for path in written:
        if path.suffix == ".csv":
            assert_csv(path)


# tables of the leaderboard


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("caspnet2023,", '"caspnet\n2023",', "paper is 'caspnet"),
        ("caspnet2023,", "caspnet\x1b2023,", "paper is 'caspnet"),
        (",main,yes,", ",main,perhaps,", "legible as one of"),
        ("\n", ",more,than,columns,there,are\n", "expected paper, table"),
        ("paper,table", "papers,table", "expected paper, table"),
        ("caspnet2023", "x" * 200_000, "no table in CSV"),
        ("caspnet2023", "x" * 6_000, "expected text on one line"),
    ],
)
def test_a_damaged_table_of_papers_is_named_with_its_row(old: str, new: str, told: str, tmp_path: Path) -> None:
    head, rest = PUBLISHED.read_text(encoding="utf-8").split("\n", 1)
    text = f"{head.replace(old, new, 1)}\n{rest}" if old in head else f"{head}\n{rest.replace(old, new, 1)}"
    (tmp_path / "published.csv").write_text(text, encoding="utf-8", newline="")
    with pytest.raises(ValueError, match=r"published\.csv") as error:
        read_published(tmp_path / "published.csv")
    assert told in str(error.value)
    assert len(str(error.value)) < 1000


def test_tables_in_another_encoding_are_named_and_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    path.write_bytes(b"\xef\xbb\xbf" + PUBLISHED.read_bytes())
    assert read_published(path) == read_published(PUBLISHED)
    path.write_bytes(PUBLISHED.read_bytes() + b"\xff")
    with pytest.raises(ValueError, match=r"published\.csv: no table in CSV and UTF-8"):
        read_published(path)
    (tmp_path / "not_built.csv").write_text("method,paper,status,missing\nx,a,b,\x07c\n")
    with pytest.raises(ValueError, match=r"not_built\.csv, row 2: missing is"):
        read_not_built(tmp_path / "not_built.csv", ["x"])
