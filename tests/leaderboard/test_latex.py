"""Tables and references for a paper: what is ranked, what is apart, and that LaTeX can read it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_records import PUBLISHED, make, save

from avsal_bench.cli import main
from avsal_bench.data.dataset import dataset, list_datasets
from avsal_bench.leaderboard.escaping import for_latex
from avsal_bench.leaderboard.references import bibtex, keys_of, read_references
from avsal_bench.leaderboard.reports.latex import latex_tables
from avsal_bench.models import list_models, model_entry
from avsal_bench.records import Record

REFERENCES = PUBLISHED.parent / "references.bib"


def folds(value: float, **options: object) -> list[Record]:
    return [make([value] * 3, fold=fold, **options) for fold in (1, 2, 3)]  # type: ignore[arg-type]


def board(folder: Path, records: list[Record]) -> Path:
    save(folder, records)
    (folder / "references.bib").write_bytes(REFERENCES.read_bytes())
    return folder


def body(text: str) -> list[list[str]]:
    """Cells of the rows of all tables, once each table is found well-formed."""
    assert text.count("{") == text.count("}")
    assert text.count("$") % 2 == 0
    assert re.findall(r"\\begin\{(\w+)\}", text) == ["table", "tabular"] * text.count(r"\begin{table}")
    assert sorted(re.findall(r"\\begin\{(\w+)\}", text)) == sorted(re.findall(r"\\end\{(\w+)\}", text))
    rows = []
    for table in text.split(r"\begin{tabular}")[1:]:
        columns = re.match(r"\{([lr]+)\}", table)[1]  # type: ignore[index]
        inside = table.split(r"\midrule")[1].split(r"\bottomrule")[0]
        for line in inside.strip().splitlines():
            assert line.endswith(r" \\")
            cells = [cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r"\\"))]
            assert len(cells) == len(columns)
            rows.append(cells)
        header = table.split(r"\toprule")[1].splitlines()[1]
        spans = sum(int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", header))
        assert spans + header.split(r"\multicolumn")[0].count("&") == len(columns)
    return rows


def test_best_is_bold_and_second_underlined(tmp_path: Path) -> None:
    records = [
        *folds(0.5, model="stavis"),
        *folds(0.4, model="vinet"),
        *folds(0.3, model="other_one"),
        *folds(0.5001, model="tied"),
        *folds(0.6, model="stavis", dataset="diem"),
    ]
    found = latex_tables(board(tmp_path, records), ["diem", "avad"], ["CC", "KL"])
    assert r"\multicolumn{2}{c}{DIEM} & \multicolumn{2}{c}{AVAD}" in found.text
    rows = {cells[0]: cells[3:] for cells in body(found.text)}
    assert rows[r"STAViS~\cite{stavis2020}"] == [r"\textbf{0.600}", r"\textbf{0.600}", r"\textbf{0.500}", "0.500"]
    assert rows["tied"] == ["--", "--", r"\textbf{0.500}", "0.500"]
    assert rows[r"ViNet~\cite{vinet2021}"] == ["--", "--", r"\underline{0.400}", r"\underline{0.400}"]
    assert rows[r"other\_one"] == ["--", "--", "0.300", r"\textbf{0.300}"], "of KL the lowest is best"
    assert r"CC $\uparrow$ & KL $\downarrow$" in found.text
    assert found.named == {"stavis", "vinet", "other_one", "tied", "diem", "avad"}


def test_a_row_without_all_folds_is_marked_and_not_ranked(tmp_path: Path) -> None:
    records = [*folds(0.5), make([0.9] * 3, model="lone")]
    text = latex_tables(board(tmp_path, records), ["avad"], ["CC"]).text
    assert [(cells[0], cells[3]) for cells in body(text)] == [("toy", r"\textbf{0.500}"), ("lone", "0.900$^{*}$")]
    assert "not all folds, not ranked" in text


def test_measured_synthetic_published_and_protocols_are_apart(tmp_path: Path) -> None:
    records = [*folds(0.5), *folds(0.5, protocol="dave", averaging="frames"), *folds(0.7, dataset="synth")]
    folder = board(tmp_path, records)
    text = latex_tables(folder, ["avad", "synth"], ["CC"], published=True).text
    body(text)
    tables = text.split(r"\begin{table}")[1:]
    assert [re.search(r"\\label\{tab:([\w-]+)\}", t)[1] for t in tables] == [  # type: ignore[index]
        "measured-dave",
        "measured-stavis",
        "measured-stavis",
        "published",
    ]
    assert "says nothing about real videos" in tables[2]
    assert "avad" not in tables[2]
    assert "toy" not in tables[3]
    assert "published" not in latex_tables(folder, ["avad"]).text


def test_intervals_stand_below_the_scores(tmp_path: Path) -> None:
    records = [make([0.4, 0.5, 0.6, 0.7], fold=fold) for fold in (1, 2, 3)]
    rows = body(latex_tables(board(tmp_path, records), ["avad"], ["NSS"], intervals=True).text)
    assert rows[0][-1] == r"\textbf{0.55}"
    assert re.fullmatch(r"\{\\scriptsize \[0\.\d\d, 0\.\d\d\]\}", rows[1][-1])


def test_doubtful_numbers_of_papers_are_marked_and_not_ranked(tmp_path: Path) -> None:
    rows = body(latex_tables(board(tmp_path, []), ["diem", "avad", "summe"], published=True).text)
    marked = [cell for cells in rows for cell in cells if re.search(r"\$\^\{[?!]", cell) or r"\circ" in cell]
    assert len(marked) > 20
    assert not [cell for cell in marked if "textbf" in cell or "underline" in cell]
    assert [r"\cite{avrsp2024}, \cite{caspnet2023}" in cells[3] for cells in rows].count(True) > 2


def test_every_character_that_latex_reads_otherwise_is_escaped() -> None:
    assert for_latex("a&b%c$d#e_f{g}") == r"a\&b\%c\$d\#e\_f\{g\}"
    assert for_latex("\\~^") == r"\textbackslash{}\textasciitilde{}\textasciicircum{}"
    assert for_latex("[x]*") == "{[}x]{*}"


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    folder = board(tmp_path, folds(0.5))
    with pytest.raises(ValueError, match="unknown metric 'cc'; did you mean 'CC'"):
        latex_tables(folder, ["avad"], ["cc"])
    with pytest.raises(ValueError, match=r"diem: no score that is measured \(published ones: --published\)"):
        latex_tables(folder, ["diem"])


# references


def test_the_references_are_well_formed_and_of_things_that_exist() -> None:
    references = read_references(REFERENCES)
    papers = {model_entry(name).paper for name in list_models()} - {""}
    printed = {line.split(",")[0] for line in PUBLISHED.read_text(encoding="utf-8").splitlines()[1:]}
    assert papers | printed <= {entry.key for entry in references}
    for name in list_models():
        if model_entry(name).paper and name != "mep":
            assert keys_of(references, name) == [model_entry(name).paper]
    for name in list_datasets():
        assert bool(keys_of(references, name)) == (not dataset(name).embedded), name
    for entry in references:
        assert entry.text.count("{") == entry.text.count("}")
        assert re.search(r"^  title = \{.+", entry.text, re.MULTILINE), entry.key
        assert re.search(r"^  year = \{(19|20)\d\d\},?$", entry.text, re.MULTILINE), entry.key
        assert "avsal" not in entry.text


def test_the_years_of_data_sets_are_those_of_their_sheets() -> None:
    references = read_references(REFERENCES)
    for name in list_datasets():
        years = sorted(re.findall(r"\d{4}", dataset(name).citation))
        assert sorted(key[-4:] for key in keys_of(references, name)) == years, name


def test_what_is_not_known_is_said_and_not_made_up() -> None:
    text = bibtex(read_references(REFERENCES), ["stavis", "davs", "diem", "stavis2020", "avimos"])
    assert text.startswith("% davs: no reference is known here\n% aim2024: its authors are not known here; add them\n")
    assert re.findall(r"^@\w+\{(\w+),", text, re.MULTILINE) == ["aim2024", "mital2011", "stavis2020"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("@misc{a,\n  title = {x}\n}\n", "expected @type"),
        ("@misc{a,\n  avsal = {a},\n  title = {x\n}\n", "expected @type"),
        ("@misc{a,\n  avsal = {},\n  year = {1}\n}\n" * 2, "two entries with the key a"),
    ],
)
def test_a_bad_file_of_references_is_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "references.bib").write_text(text)
    with pytest.raises(ValueError, match=f"references.bib: {told}"):
        read_references(tmp_path / "references.bib")
    with pytest.raises(FileNotFoundError, match=r"no .*none.bib"):
        read_references(tmp_path / "none.bib")


# the command


def test_the_command_prints_or_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--leaderboard", str(board(tmp_path / "board", folds(0.5, model="stavis")))]
    assert main(["leaderboard", "--latex", "AVAD", "--metrics", "CC,NSS", "--bibtex", *folder]) == 0
    out = capsys.readouterr().out
    assert r"\cite{stavis2020}" in out
    assert "@inproceedings{stavis2020," in out
    files = [tmp_path / "table.tex", tmp_path / "paper.bib"]
    options = ["--out", str(files[0]), "--bibtex", str(files[1])]
    assert main(["leaderboard", "--latex", "avad", *options, *folder]) == 0
    assert r"\toprule" in files[0].read_text()
    assert "@article{min2016," in files[1].read_text()
    assert not (tmp_path / "board" / "README.md").exists(), "tables are all that was asked for"
    assert main(["leaderboard", "--bibtex", *folder]) == 2
    assert "--bibtex is of tables in LaTeX" in capsys.readouterr().err
    assert main(["leaderboard", "--latex", "avda", *folder]) == 2
    assert "did you mean 'avad'" in capsys.readouterr().err
