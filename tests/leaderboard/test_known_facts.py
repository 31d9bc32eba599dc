"""Names and links for readers: every network and set has a name, every key resolves, and no link is made up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from avsal_bench.data import list_datasets
from avsal_bench.data.dataset import dataset
from avsal_bench.leaderboard.known_facts import FactTable, facts
from avsal_bench.leaderboard.published_scores import read_published
from avsal_bench.leaderboard.references import read_references
from avsal_bench.models import list_models, model_facts, register_model, registry
from avsal_bench.plugins import entries
from avsal_bench.resources import resource

#: What a link may be: of a paper by DOI, on arXiv, or a page; of code, a repository on GitHub.
PAPER = r"https://(doi\.org/10\.\d{4,9}/[\w.()/-]+|arxiv\.org/abs/\d{4}\.\d{4,5}|github\.com/[\w-]+/[\w-]+)"
#: Licences of code as its owners say them.
LICENCES = ("MIT", "Apache-2.0", "CC BY-NC 4.0", "CC BY-NC-SA 4.0", "not stated", "MIT by the README; no licence file")
#: Links that stand in no data sheet and no network's file, and where they were read.
READ_IN = {
    "the list of references of mspi2024": """
        10.1109/CVPR52729.2023.00623 10.1109/CVPR42600.2020.00482 10.1109/CVPR.2018.00514 10.1109/TCSVT.2023.3278410
        10.1007/978-3-030-01264-9_37 10.1109/TMM.2021.3139743 10.1007/978-3-030-58558-7_25 10.1016/j.knosys.2022.109675
        10.1109/34.730558 10.1007/s12559-010-9074-z 10.1016/j.image.2015.08.004 10.1016/j.image.2019.05.001
        10.1007/978-3-319-10584-0_33 10.1109/CVPR46437.2021.01487 10.1109/TPAMI.2014.2366154""",
    "the README of MichiganCOG/TASED-Net": "1908.05786 1801.07424",
    "the fact sheets of the networks": "2403.01226 2003.05477 2010.01220",
    "the pages of the papers": "1710.11063 2606.03540",
}


@pytest.fixture(scope="module")
def table() -> FactTable:
    return facts()


def test_every_network_has_a_name_for_people(table: FactTable) -> None:
    titles = {name: table.network(name).title for name in list_models() if registry._DECLARED.get(name)}
    assert all(model_facts(name).title == title != name for name, title in titles.items())
    assert len({*titles.values()}) == len(titles)


def test_every_network_of_a_paper_has_its_reference_and_licence(table: FactTable) -> None:
    for name in list_models():
        one, own = table.network(name), model_facts(name)
        if own.modalities and own.paper:
            assert [paper.key for paper in one.papers] == [own.paper], name
            assert one.shown == f"{one.title} ({one.papers[0].cited})"
        assert bool(one.code_terms) == bool(one.code) == bool(one.code_link)
        if one.code:
            assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", one.code_link), name
            assert one.code_licence in LICENCES, name
        assert all(weights.licence for weights in one.weights), name


def test_every_set_has_a_name_for_people(table: FactTable) -> None:
    known = [table.dataset(name) for name in list_datasets()]
    assert all(one.title == dataset(one.name).title for one in known)
    assert not [one.name for one in known if not one.title or one.title == one.name]
    assert len({one.title for one in known}) == len(known)
    assert all(one.about.endswith(".") and one.about[0] == one.about[0].upper() for one in known)
    wanted = {"diem": "DIEM", "coutrot1": "Coutrot 1", "coutrot2": "Coutrot 2", "etmd": "ETMD", "summe": "SumMe"}
    assert {name: table.dataset(name).title for name in wanted} == wanted
    assert all(bool(one.papers) != one.embedded for one in known)
    assert table.dataset("dave_ave-nature").title == "AVE of DAVE (DAVoS), nature"


def test_links_are_well_formed(table: FactTable) -> None:
    for entry in table.references:
        assert not entry.link or re.fullmatch(PAPER, entry.link), entry.key
        assert entry.title, entry.key
        assert re.fullmatch(r"\S.* \d{4}", entry.cited), entry.key
        assert not re.search(r"[{}\\]", entry.title + entry.cited + entry.venue), entry.key


def test_no_link_is_made_up(table: FactTable) -> None:
    """Each DOI and arXiv number is said in a data sheet or a network's file, or was read where ``READ_IN`` says."""
    files = [*resource().parent.glob("data/sets/**/*.py"), *resource().parent.glob("models/**/*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    said = {doi.rstrip(".;,") for doi in re.findall(r"doi:(10\.\d{4,9}/[\w./-]+)", text)}
    said |= set(re.findall(r"arXiv:?\s*(\d{4}\.\d{4,5})", text))
    said |= set(re.findall(r"arXiv (\d{4}\.\d{4,5})", resource("not_built.csv").read_text(encoding="utf-8")))
    listed = {entry.fields[key] for entry in table.references for key in ("doi", "eprint") if key in entry.fields}
    read = {link for links in READ_IN.values() for link in links.split()}
    assert listed - said == read


def test_each_key_of_a_paper_resolves(table: FactTable) -> None:
    keys = {line["paper"] for line in read_published(resource("published.csv"))}
    keys |= {model_facts(name).paper for name in list_models()} - {""}
    assert [key for key in keys if table.paper(key) is None] == []
    assert table.paper("nobody2020") is None


def test_methods_of_papers_are_called_as_papers_print_them(table: FactTable) -> None:
    davs = table.network("davs")
    assert (davs.shown, davs.built, davs.code_terms, davs.weights_terms) == ("DAVS", False, "", "")
    assert davs.absent is not None
    assert "not found" in davs.absent.status
    assert table.network("tsfpnet").shown == "TSFP-Net (Chang and Zhu 2021)"
    assert table.network("ning2022").shown == "Ning et al. 2022"
    assert table.network("human_infinite").title == "Human infinite"
    printed = {line["method"] for line in read_published(resource("published.csv"))}
    assert all(table.network(method).title != method for method in printed)


def test_a_label_is_a_network_with_its_variant(table: FactTable) -> None:
    one = table.network("mspi-s3d-bf16")
    assert (one.name, one.called, one.shown) == ("mspi", "MSPI, S3D, bf16", "MSPI, S3D, bf16 (Xie et al. 2024)")
    assert table.network("avc-caspnet-avenet").called == "AVC-aware scheme, CASP-Net, AVENet"
    assert table.network("vinet_s").name == "vinet_s"
    assert table.network("avrsp").shown == "AVRSP (Yu et al. 2024)"


def test_of_what_is_unknown_nothing_is_invented(table: FactTable) -> None:
    mine = table.network("my-maps")
    assert (mine.shown, mine.papers, mine.paper_link, mine.code_link, mine.built) == ("my-maps", (), "", "", False)
    nothing = table.dataset("nothing")
    assert (nothing.title, nothing.about, nothing.link, nothing.terms) == ("nothing", "", "", "unknown")
    assert table.dataset("synth").terms == "made here, no licence needed"


def test_a_network_that_does_not_say_its_licence_has_an_unknown_one(table: FactTable) -> None:
    @register_model("mine_of_facts", paper="", modalities=("v",), code="me/mine", title="Mine")  # type: ignore[type-var]
    class Mine: ...

    try:
        one = facts().network("mine_of_facts-wide")
        assert (one.shown, one.code_terms, one.weights_terms) == ("Mine, wide", "unknown", "")
    finally:
        entries.take_back([entry for entry in entries.entered() if entry.name == "mine_of_facts"])


def test_the_files_of_a_leaderboard_count(tmp_path: Path) -> None:
    (tmp_path / "references.bib").write_text(
        "@misc{me2025,\n  avsal = {stavis},\n  title = {A},\n  year = {2025},\n  howpublished = {javascript:x()}\n}\n"
    )
    own = facts(tmp_path).network("stavis")
    assert (own.cited, own.paper_link) == ("2025", "")
    assert read_references(tmp_path / "references.bib")[0].venue == ""
