"""Model cards: what the hub reads of them, what they tell of records, and that the unknown is said."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from made_records import make, save

import avsal_bench
from avsal_bench.catalogue.about import faults_of
from avsal_bench.catalogue.card.card_facts import told
from avsal_bench.catalogue.card.model_card import carded, cards_without_scores, model_card, write_cards
from avsal_bench.catalogue.compared import read_compared
from avsal_bench.cli.app import main
from avsal_bench.data.dataset import list_datasets
from avsal_bench.files import sha256
from avsal_bench.leaderboard.known_facts import FactTable, facts
from avsal_bench.leaderboard.tables import rows
from avsal_bench.models import list_models, model_facts
from avsal_bench.records import Record
from avsal_bench.resources import resource

#: Sections of every card.
SECTIONS = [
    *("What it is", "What it takes", "Size", "Speed", "Is it the authors' network?", "Weights and licences"),
    *("Trained on", "Scores", "Does it use the sound?", "Known faults of the published code", "How to use it"),
    "How to cite",
]
TITLE, PARITY = "Known faults of the published code", "Is it the authors' network?"
SEEN = {
    "known": True,
    "sets": [{"set": "avad", "part": "train", "fold": 1, "use": "fit", "videos": 30, "stage": "main"}],
    "weights": [{"name": "a|b*<i>", "trained_on": ["kinetics400"]}],
    "tested_videos_seen": 0,
    "training_part_seen": True,
}
STORY = {"version": "0.1.0", "commit": "abc", "clean": True, "trained_on": SEEN}
VALUES = [0.5, 0.6, 0.7, 0.55, 0.65, 0.6, 0.5, 0.7]


@pytest.fixture(scope="module")
def table() -> FactTable:
    return facts()


def three_folds(model: str = "stavis", modality: str = "av", sha: str = "c" * 64, **changes: Any) -> list[Record]:
    """Records of all folds of AVAD."""
    weights = {"file": "best.ckpt", "sha256": sha, "parameters": 1_000_000}
    story = changes.pop("provenance", STORY)
    return [
        make(VALUES, model, modality, fold=fold, weights=weights, provenance=story, **changes) for fold in (1, 2, 3)
    ]


def muted(records: list[Record]) -> list[Record]:
    """The same weights with silence, worse on every video."""
    return [
        replace(
            r, sound="muted", videos=[replace(v, scores={m: x - 0.1 for m, x in v.scores.items()}) for v in r.videos]
        )
        for r in records
    ]


def section(card: str, title: str) -> str:
    return card.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def read(card: str) -> Any:
    """What the library of the hub reads of the head."""
    return ModelCard(card).data


def head(card: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return found


def test_the_hub_reads_the_scores_that_the_leaderboard_shows(table: FactTable) -> None:
    records = three_folds()
    card = model_card("stavis", records, facts=table)
    data = read(card)
    assert (data.library_name, data.pipeline_tag, data.datasets) == ("avsal-bench", "video-to-video", ["avad"])
    assert data.model_name == "stavis_av"
    (row,) = rows(records)
    found = {one.metric_name: one for one in data.eval_results}
    assert {name: one.metric_value for name, one in found.items()} == {
        name: round(score.value, 4) for name, score in row.scores.items()
    }
    one = found["CC"]
    assert (one.dataset_type, one.dataset_name, one.metric_type) == ("avad", "AVAD", "cc")
    assert one.dataset_args == {"folds": [1, 2, 3], "seeds": [0], "protocol": "stavis", "preset": "paper"}
    assert yaml.safe_load(data.to_yaml())["license"] == "unknown"
    assert head(card)["metrics"] == ["cc", "nss", "auc-j", "sauc", "sim", "kl"]


def test_a_card_tells_its_records_and_what_is_against_them(table: FactTable) -> None:
    card = model_card("stavis", [*three_folds(), *muted(three_folds()), *three_folds("vinet")], facts=table)
    score = rows(three_folds())[0].scores["CC"]
    assert f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]" in section(card, "Scores")
    assert "### Measured: eye tracking" in section(card, "Scores")
    assert re.search(r"\d %\) of the published|\(\S+ % of the published\)", section(card, "Scores"))
    assert "6 records of it" in card
    assert "vinet_av" not in card
    assert "AVAD, part train, fold 1: 30 videos (stage main)" in section(card, "Trained on")
    assert "weights a\\|b\\*&lt;i>, trained on Kinetics-400" in section(card, "Trained on")
    told = section(card, "Does it use the sound?")
    assert re.search(
        r"stavis \(paper\) +\| AVAD +\| muted \| all frames +\| +8 \| \+0\.100 \[\+0\.100, \+0\.100\]", told
    )
    assert "\n### Printed in papers\n" in card


def test_what_is_not_whole_is_said_and_kept_from_the_hub(table: FactTable) -> None:
    first = three_folds()[:1]
    assert read(model_card("stavis", first, facts=table)).eval_results[0].dataset_name == "AVAD, fold 1 alone"
    assert "stavis_av on AVAD: fold 1 alone, so it is not ranked" in model_card("stavis", first, facts=table)
    seen = {**STORY, "trained_on": {**SEEN, "tested_videos_seen": 3}}
    assert "model-index" not in head(model_card("stavis", three_folds(provenance=seen), facts=table))
    synthetic = [make(VALUES, "stavis", "av", "synth", preset="smoke")]
    card = model_card("stavis", synthetic, facts=table)
    assert "### On the synthetic set" in card
    assert head(card)["model-index"][0]["results"][0]["dataset"]["name"] == "Synth, synthetic, fold 1 alone"


@pytest.mark.parametrize("name", list_models())
def test_every_network_has_a_card_that_the_hub_reads(name: str, table: FactTable) -> None:
    card = model_card(name, facts=table)
    assert re.findall(r"^## (.*)$", card, re.MULTILINE) == SECTIONS
    assert not re.search(r"[|(=:] ?None\b|\bnan\b|\n\n\n", card)
    assert "Not measured: there is no record" in section(card, "Scores")
    told = section(card, "Does it use the sound?")
    hears = {"av", "a"} & {*model_facts(name).modalities}
    assert ("Not measured" in told) if hears else ("It takes no sound." in told)
    assert read(card).library_name == "avsal-bench"
    assert "model-index" not in head(card)
    assert card == model_card(name, facts=table)


def test_the_unknown_is_said_of_what_only_papers_have(table: FactTable) -> None:
    card = model_card("davs", facts=table)
    assert card.count("Not known here") >= 5
    assert "No network of this name is built here." in card
    assert "# DAVS\n" in card
    assert head(card)["license"] == "unknown"


def test_maps_of_a_stranger_have_a_card_of_their_scores(table: FactTable) -> None:
    maps = three_folds("mymaps", "", preset="maps", provenance={"version": "0.1.0", "commit": "abc", "clean": True})
    card = model_card("mymaps", maps, facts=table)
    assert "What it is is not known here: only scores of it are." in card
    assert "what it was trained on is not told" in section(card, "Trained on")
    assert head(card)["model-index"][0]["name"] == "mymaps"
    assert carded(maps, table) == sorted({*(n for n in list_models() if model_facts(n).modalities), "mymaps"})


def test_scores_of_a_small_preset_say_the_size_that_was_tested(table: FactTable) -> None:
    card = model_card("stavis", three_folds(preset="smoke"), facts=table)
    size, tested = section(card, "Size"), section(card, "Scores")
    assert size.strip().splitlines()[0] == "Of the network as published."
    ((count, share),) = set(re.findall(r"smoke (\S+ M) \((\d+\.\d %) of the published\)", size))
    assert "The scores below say which was tested." in size
    assert f"| {count} ({share} of the published) " in tested
    assert f"stavis_av of preset smoke {count} ({share} of the published)" in size
    assert tested.count(share) == 2, "once in words, once in the row"
    assert "parameters tested" in tested
    assert "Their scores say nothing of the network as published." in tested
    configs = {result["dataset"]["config"] for result in head(card)["model-index"][0]["results"]}
    assert configs == {f"protocol stavis, preset smoke, {share} of the published parameters"}
    whole = next(one.facts.parameters for one in told("stavis", table).forms if one.facts.key == "stavis_av")
    weights = {"file": "best.ckpt", "sha256": "c" * 64, "parameters": whole}
    records = [make(VALUES, "stavis", "av", fold=fold, weights=weights, provenance=STORY) for fold in (1, 2, 3)]
    card = model_card("stavis", records, facts=table)
    assert "of the published)" not in card
    assert "presets are smaller" not in card


def test_a_variant_has_its_own_forms_and_weights(table: FactTable) -> None:
    card = model_card("mspi-s3d", three_folds("mspi-s3d"), facts=table)
    assert "# MSPI, S3D (Xie et al. 2024)" in card
    assert "mspi_av " not in section(card, "Size")
    assert "mvitv2" not in section(card, "Weights and licences")
    assert "mspi_mvitv2_s1" in model_card("mspi", facts=table)
    assert "mspi-s3d_av" in section(model_card("mspi", three_folds("mspi-s3d"), facts=table), "Scores")


def test_a_card_of_some_weights_has_their_scores_alone(tmp_path: Path, table: FactTable) -> None:
    file = tmp_path / "mine.ckpt"
    file.write_bytes(b"weights")
    sha = sha256(file)
    records = [*three_folds(sha=sha)[:1], *three_folds()[1:]]
    card = model_card("stavis", records, str(file), table)
    assert f"`mine.ckpt` (SHA-256 {sha})" in card
    assert str(tmp_path) not in card
    assert "Nothing is known here of where they come from. Licence unknown." in card
    assert head(card)["model-index"][0]["results"][0]["dataset"]["args"]["folds"] == [1]
    unisal = model_card("unisal", records, "unisal", table)
    assert head(unisal)["license"] == "apache-2.0"
    assert "there is no record of these weights" in unisal


@pytest.mark.parametrize(
    ("label", "weights", "error", "message"),
    [
        ("stavi", "", ValueError, "unknown network 'stavi'; did you mean 'stavis'"),
        ("stavis", "unisal", ValueError, "--weights unisal: of unisal, and not of stavis; stavis has "),
        (
            "avrsp",
            "no.ckpt",
            FileNotFoundError,
            "--weights no.ckpt: neither a file nor .*; none of avrsp are",
        ),
    ],
)
def test_bad_input_is_named(label: str, weights: str, error: type[Exception], message: str, table: FactTable) -> None:
    with pytest.raises(error, match=message):
        model_card(label, (), weights, table)


def test_a_card_says_how_far_each_form_is_from_the_authors_code(table: FactTable) -> None:
    vinet = section(model_card("vinet", facts=table), PARITY)
    assert re.search(
        r"\| vinet_av +\| samyak0210/ViNet @ 2a52666 \| video 1 x 3 x 32 x 224 x 384; audio .* map ", vinet
    )
    for one in read_compared(resource("parity.csv")):
        if one.golden == "vinet_bilinear" and one.output == "pred":
            assert f"| {one.relative:.1e} | {one.largest:.1e} |" in re.sub(" +", " ", vinet)
    assert "avrsp_av: a reading of the paper" in section(model_card("avrsp", facts=table), PARITY)
    dave = section(model_card("dave", facts=table), PARITY)
    assert "dave_v, dave_a: not known" in dave
    assert "| dave_v " not in dave
    assert "Not known here." in section(model_card("mymaps", three_folds("mymaps", ""), facts=table), PARITY)


def test_names_of_papers_and_sets_are_those_of_people(table: FactTable) -> None:
    """In a card no key of a paper stands outside of its BibTeX, and no name of a set in its tables and lists."""
    keys = {one.key for one in table.references}
    names = {*list_datasets(), "kinetics400", "imagenet", "vggsound", "flickr"}
    for name in ("stavis", "dave", "diffsal", "vinet_e"):
        card = model_card(name, facts=table)
        text = card.split("---\n", 2)[2].split("```bibtex")[0]
        assert not {*re.findall(r"\w+", text)} & keys
        tables = section(card, "Scores") + section(card, "Trained on") + section(card, "Weights and licences")
        assert not {cell.strip() for cell in re.split(r"[|,;/]|: ", tables)} & names


def test_the_cards_that_the_page_shows_are_those_of_today(table: FactTable) -> None:
    kept = json.loads(resource("cards.json").read_text(encoding="utf-8"))
    assert kept == cards_without_scores(table), "run avsal models --cards avsal_bench/resources/cards.json"
    assert [*kept] == carded((), table)
    left = ("Trained on", "Scores", "Does it use the sound?", "How to use it")
    wanted = [title for title in SECTIONS if title not in left]
    assert all(re.findall("^## (.*)$", one["text"], re.MULTILINE) == wanted for one in kept.values())


def test_faults_stand_in_one_place(table: FactTable) -> None:
    found = {name: faults_of(name) for name in list_models()}
    assert {name for name, faults in found.items() if faults} >= {
        *("stavis", "vinet", "mspi", "dave", "vinet_e", "hd2s", "deepvs", "aclnet"),
    }
    assert found["stavis"][0].startswith("The reader looks for the sound in all videos of a list but the last")
    assert found["vinet_e"][0].startswith("On MVVA it gives ViNet-A 32 frames")
    assert not [fault for faults in found.values() for fault in faults if "(above)" in fault]
    assert all(fault in section(model_card("stavis", facts=table), TITLE) for fault in found["stavis"])
    assert "which does not say that there are none" in section(model_card("tinyhd", facts=table), TITLE)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    board = save(tmp_path / "board", three_folds())
    assert main(["card", "stavis", "--leaderboard", str(board)]) == 0
    printed = capsys.readouterr().out
    assert printed == model_card("stavis", three_folds(), facts=facts(board))
    assert main(["card", "stavis", "--records", str(board), "-o", str(tmp_path / "new" / "README.md")]) == 0
    assert (tmp_path / "new" / "README.md").read_text(encoding="utf-8") == printed
    assert main(["card", "stavis", "--all", "-o", "x"]) == 2
    assert main(["card", "--all"]) == 2
    assert main(["card"]) == 2
    assert "name one network, such as avsal card stavis" in capsys.readouterr().err
    assert main(["card", "stavis", "--records", str(tmp_path / "nowhere")]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    monkeypatch.setenv("AVSAL_HOME", str(tmp_path))
    assert avsal_bench.card("stavis", board) == avsal_bench.card("stavis", three_folds()) == printed
    with pytest.raises(TypeError, match="expected a folder, a file or a record, got 3"):
        avsal_bench.card("stavis", [3])  # type: ignore[list-item]


def test_all_cards_are_written(tmp_path: Path, table: FactTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avsal_bench.catalogue.card.model_card.list_models", lambda: ["stavis", "chance", "vinet_s"])
    paths = write_cards(tmp_path / "cards", three_folds("mine", "v"), table)
    assert [path.name for path in paths] == ["mine.md", "stavis.md", "vinet_s.md"]
    assert all(path.read_text(encoding="utf-8").startswith("---\nlicense: ") for path in paths)
    assert json.dumps(head(paths[0].read_text(encoding="utf-8")))
    (tmp_path / "taken").write_text("")
    with pytest.raises(OSError, match="taken"):
        write_cards(tmp_path / "taken", (), table)
