"""The table of networks: what it counts, where its facts come from, and that docs/zoo.md has it as it is."""

import argparse
import csv
import io
import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from conftest import HOME
from torch import nn
from torch.nn import functional as F

from avsal_bench.audio.waveform import Waveform
from avsal_bench.catalogue import networks as facts
from avsal_bench.catalogue.about import about, described, title_of
from avsal_bench.catalogue.compared import of_form, read_compared
from avsal_bench.catalogue.counting import count, count_in, sound_phrase, window_shapes
from avsal_bench.catalogue.facts import read_facts
from avsal_bench.catalogue.networks import catalogue, expected_cc, variants
from avsal_bench.catalogue.speeds import Way, read_speeds
from avsal_bench.catalogue.table import BEGIN, END, KINDS, kinds, markdown, replaced, terminal, to_csv
from avsal_bench.cli.models import add_parser
from avsal_bench.models import create_model, list_models, model_entry
from avsal_bench.models.base import Network
from avsal_bench.models.visual.unisal import Smoothing
from avsal_bench.resources import resource
from avsal_bench.spec import ClipSpec

RECORDS = HOME / "leaderboard" / "records"
OUTPUTS = HOME / "tests" / "golden" / "parity"

NETWORKS = [variant for variant in variants() if variant.modality]


@pytest.fixture(scope="module")
def rows():
    """All networks, counted at their published sizes: a minute, for slow tests."""
    return catalogue(RECORDS, recount=True)


@pytest.fixture(scope="module")
def avrsp_rows():
    return catalogue(RECORDS, ["avrsp"])


@pytest.fixture
def avsal():
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())

    def run(*words):
        args = parser.parse_args(["models", *words])
        return args.function(args)

    return run


class Toy(Network):
    """A convolution, a linear and a bilinear layer that sound and frames go through."""

    def __init__(self):
        super().__init__()
        self.spec = ClipSpec(2, (4, 6), audio=Waveform(1, sample_rate=50))
        self.conv = nn.Conv3d(3, 8, 3, padding=1)
        self.linear = nn.Linear(5, 7)
        self.join = nn.Bilinear(8, 7, 2)

    def forward(self, frames, audio=None):
        seen = self.conv(frames).relu().mean((2, 3, 4))
        return self.join(seen, self.linear(audio[:, 0]))


class Looks(Toy):
    def forward(self, frames, audio=None):
        if frames.sum().item() > 1e9:
            raise AssertionError("it is zeros")
        return super().forward(frames, audio)


def macs(make, use):
    """MACs of one use of a layer, counted without values and with them."""

    class One(Network):
        def __init__(self):
            super().__init__()
            self.spec = ClipSpec(1, (1, 1))
            self.layer = make()

        def forward(self, frames, audio=None):
            return use(self.layer)

    found = count(One).macs
    assert found == count_in(nullcontext(), One()).macs
    return found


@pytest.mark.parametrize("network", [Toy, Looks])
def test_a_small_network_counted_by_hand(network):
    found = count(network)
    assert found.parameters == (3 * 8 * 27 + 8) + (5 * 7 + 7) + (8 * 7 * 2 + 2)
    assert found.macs == 2 * 4 * 6 * 8 * 3 * 27 + 5 * 7 + 2 * (8 * 7 + 7)
    assert window_shapes(found.spec) == [(1, 3, 2, 4, 6), (1, 1, 5)]


@pytest.mark.parametrize(
    ("make", "use", "expected"),
    [
        (lambda: nn.Conv1d(4, 6, 3, groups=2), lambda net: net(torch.zeros(1, 4, 10)), 8 * 6 * 2 * 3),
        # Each of 5 x 5 pixels of 4 channels goes to 3x3 places of the 3 channels of its group.
        (lambda: nn.ConvTranspose2d(4, 6, 3, 2, groups=2), lambda net: net(torch.zeros(1, 4, 5, 5)), 25 * 4 * 3 * 9),
        (lambda: nn.Linear(3, 4), lambda net: net(torch.zeros(2, 5, 3)), 2 * 5 * 3 * 4),
        (lambda: nn.Bilinear(5, 7, 3, bias=False), lambda net: net(torch.zeros(2, 5), torch.zeros(2, 7)), 2 * 3 * 42),
        (nn.Identity, lambda _: torch.zeros(3, 4) @ torch.zeros(4), 12),
        (
            lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
            lambda net: net(torch.zeros(1, 10, 8)),
            10 * 8 * 8 * 4 + 2 * 10 * 10 * 8 + 2 * 10 * 8 * 16,
        ),
        (nn.Identity, lambda _: F.scaled_dot_product_attention(*torch.zeros(3, 1, 2, 10, 4)), 2 * 2 * 10 * 10 * 4),
        (lambda: nn.BatchNorm1d(4), lambda net: net(torch.zeros(2, 4)).relu(), 0),
    ],
)
def test_macs_of_layers_by_hand(make, use, expected):
    assert macs(make, use) == expected


def _as_a_convolution(layer, maps):
    return nn.Conv2d.forward(layer, F.pad(maps, [layer.kernel_size[0] // 2] * 4, mode="replicate"))


def _some_first():
    """All variants; the first of these networks always, all others with the slow tests."""
    left = {"avrsp", "dave", "stavis", "unisal", "vinet_s"}
    found = []
    for variant in NETWORKS:
        marks = () if variant.entry.name in left else pytest.mark.slow
        left.discard(variant.entry.name)
        found.append(pytest.param(variant, marks=marks, id=variant.key))
    return found


@pytest.mark.parametrize("variant", _some_first())
def test_shapes_alone_count_what_a_real_forward_does(variant, monkeypatch):
    monkeypatch.setattr(Smoothing, "forward", _as_a_convolution)  # on a processor it multiplies spectra
    options = variant.entry.tiny | dict(variant.options) | {"modality": variant.modality}
    if options.get("encoder") == "morphmlp_s":
        options["size"] = None  # it takes the published size only
    if host := variant.options.get("network"):  # of a wrapper: the tiny options of what it wraps
        options["network_options"] = model_entry(host).tiny

    def build():
        net = create_model(variant.entry.name, **options)
        if options.get("sound_switch") == "predicted":  # the whole is counted, whatever random weights decide
            decide = net.switch.decide
            net.switch.decide = lambda *seen: torch.ones_like(decide(*seen))
        return net

    counted = count(build)
    assert counted == count_in(nullcontext(), build())
    assert counted.macs > 0


def test_counting_leaves_pytorch_as_it_was():
    fast = torch.backends.mha.get_fastpath_enabled()
    count(Toy)
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert torch.zeros(1).device.type == "cpu"
    assert type(torch.zeros(1)) is torch.Tensor


@pytest.mark.slow
def test_a_row_for_every_modality_and_variant_and_baselines_last(rows):
    keys = [row.facts.key for row in rows]
    assert len(set(keys)) == len(keys)
    for name in list_models():
        entry = model_entry(name)
        mine = [row.facts for row in rows if row.facts.network == name]
        assert len(mine) == max(1, len(entry.modalities)) + len(entry.variants)
        assert {v.modality for v in mine} == set(entry.modalities or [""])
    assert keys[-6:] == ["centre", "chance", "gbvs", "itti", "mep", "seo"]
    assert rows[-1].facts.macs is rows[-1].times is None


def test_facts_of_avrsp(avrsp_rows):
    (row,) = (row for row in avrsp_rows if row.facts.key == "avrsp_av")
    facts = row.facts
    assert (facts.year, facts.frames, facts.height, facts.width, facts.step) == ("2024", 32, 224, 384, 1)
    assert facts.sound == "Waveform 70560, 22.05 kHz"
    assert facts.parameters == sum(p.numel() for p in create_model("avrsp", modality="av").parameters())
    assert (
        row.synth_cc
        == json.loads(resource("expected", "smoke.json").read_text())["scores"]["avrsp_av/synth/fold1/original"]["CC"][
            0
        ]
    )
    assert facts.parity == "no code"


def test_what_is_said_to_be_compared_is_what_was():
    """Every file of the authors' outputs is in the table, every form that is called proved, and the error is small."""
    found = read_compared(resource("parity.csv"))
    names = {path.stem for path in OUTPUTS.glob("*.npz")} - {"scripts"}
    assert {one.golden for one in found} == names, "run tests/parity_table.py"
    assert max(one.relative for one in found) < 3e-5
    assert max(group[0].relative for one in found for group in of_form(found, one.forms[0])) < 2e-5
    kept = [row for rows in read_facts(resource("networks.csv")).values() for row in rows]
    assert {row.key for row in kept if row.parity == "proved"} <= {form for one in found for form in one.forms}
    for one in found:
        about = json.loads(str(np.load(OUTPUTS / f"{one.golden}.npz")["about"]))
        assert one.source == about["source"]
        assert np.load(OUTPUTS / f"{one.golden}.npz")[f"{one.output}/sample"].size == one.values


def test_a_table_of_another_form_is_refused_by_name(tmp_path):
    (tmp_path / "parity.csv").write_text("forms,golden\na_v,a\n")
    with pytest.raises(ValueError, match="no table of tests/parity_table"):
        read_compared(tmp_path / "parity.csv")


@pytest.mark.slow
def test_what_the_registry_calls_compared_has_the_authors_outputs(rows):
    for name in list_models():
        entry = model_entry(name)
        assert set(entry.parity) <= set(entry.modalities), name
        if entry.parity:
            assert entry.code, f"{name}: compared with the code of nobody"
            assert list(OUTPUTS.glob(f"{name}_*.npz")), name
    proved = {row.facts.network for row in rows if row.facts.parity == "proved"}
    assert proved == {n for n in list_models() if model_entry(n).parity}


@pytest.mark.slow
def test_every_weight_file_of_a_whole_network_is_in_one_row(rows):
    for name in list_models():
        whole = [w for w in model_entry(name).weights if w.build is None]
        assert sum(row.facts.weights for row in rows if row.facts.network == name) == len(whole), name


def test_real_records_count_and_synthetic_and_foreign_ones_do_not(monkeypatch):
    class Found:
        network, synthetic, preset = "avrsp_av", False, "paper"

    class Synthetic(Found):
        synthetic = True

    class Maps(Found):
        preset = "maps"

    monkeypatch.setattr(
        facts, "read_records", lambda root: [(root, kind()) for kind in (Found, Synthetic, Maps, Found)]
    )
    assert {row.facts.key: row.real for row in catalogue(RECORDS, ["avrsp"])} == {"avrsp_v": 0, "avrsp_av": 2}


def test_a_network_without_times_or_of_another_size_is_not_measured(tmp_path, avrsp_rows, monkeypatch):
    (av,) = (row for row in avrsp_rows if row.facts.key == "avrsp_av")
    path = tmp_path / "speed.json"
    monkeypatch.setattr(facts, "resource", lambda *parts: path if parts == (path.name,) else resource(*parts))

    def shown(networks):
        machine = {"processor": "Abacus", "cores": 3, "torch": "2"}
        path.write_text(json.dumps({"machine": machine, "networks": networks}))
        return catalogue(tmp_path / "no records", ["avrsp"])

    of = {"device": "cpu", "threads": 1, "precision": "32-true"}
    alone = [
        of | {"plain": [3.0, 1.0, 2.0], "ours": [1.0, 0.8, 0.6]},
        of | {"plain": [0.5, 0.25], "ours": [0.125, 0.125], "threads": 3},
        of | {"plain": [3.0], "ours": [0.3], "precision": "bf16-mixed"},
        of | {"plain": [9.0], "ours": [0.001], "device": "cuda"},
    ]
    parts = {"plain": {"read": 0.25, "network": 2.0}, "ours": {"network": 0.8, "rest": 0.1}}
    films = [
        of | {"source": source, "stretch": stretch, **parts} for source, stretch in (("mp4", ""), ("jpg", "whole"))
    ]
    timed = {"macs": av.facts.macs, "date": "2026-01-02", "alone": alone, "film": films}
    found = shown({"avrsp_av": timed})
    assert found[0].times is None
    ways = found[1].times
    assert (ways.one_thread, ways.all_threads) == (Way(2.0, 0.8), Way(0.375, 0.125))
    assert (ways.bf16, ways.film) == (Way(3.0, 0.3), Way())
    films.append(of | {"source": "jpg", "stretch": "", **parts})
    found = shown({"avrsp_av": timed})
    lines = markdown(found).splitlines()
    assert "| avrsp | v | - | not measured | - | - | - | - | - | - |" in lines
    assert "| avrsp | av | 2 | 0.8 | 2.5x | 0.3 | 2.25 | 0.9 | 0.375 | 0.125 |" in lines
    assert "3 threads; Abacus, torch 2, 2026-01-02" in terminal(found)
    numbers = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert [row["cpu_seconds_one_thread"] for row in numbers] == ["", "0.8"]
    assert numbers[1]["plain_cpu_seconds_one_thread"] == "2.0"
    assert numbers[1]["film_cpu_seconds_one_thread"] == "0.9"
    assert [row.times for row in shown({"avrsp_av": timed | {"macs": 1}})] == [None, None]


def test_expected_scores_of_all_files_once_each(tmp_path):
    of = {"stavis_av/synth/fold1/original": {"CC": [0.5, 0.1]}, "stavis_av/synth/fold1/muted": {"CC": [0.2, 0.1]}}
    (tmp_path / "smoke.json").write_text(json.dumps({"preset": "smoke", "claims": True, "scores": of}))
    (tmp_path / "quick.json").write_text(json.dumps({"preset": "regress", "scores": of}))
    of_vinet = {"vinet_v/synth/fold1/original": {"CC": [0.25, 0.1]}}
    (tmp_path / "vinet.json").write_text(json.dumps({"preset": "smoke", "scores": of_vinet}))
    assert expected_cc(tmp_path) == {"stavis_av": 0.5, "vinet_v": 0.25}
    (tmp_path / "vinet.json").write_text(json.dumps({"preset": "smoke", "scores": of}))
    with pytest.raises(ValueError, match=r"smoke\.json and in .*vinet\.json"):
        expected_cc(tmp_path)
    (tmp_path / "vinet.json").write_text("[]")
    with pytest.raises(ValueError, match=r"vinet\.json: expected a JSON object, got list"):
        expected_cc(tmp_path)


def test_a_file_of_times_of_another_form_is_refused(tmp_path):
    path = tmp_path / "speed.json"
    assert read_speeds(path) == {"machine": {}, "networks": {}}
    for text in ("{}", "{", "[1]", '{"machine": {}, "networks": {}, "windows": {}}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"speed\.json"):
            read_speeds(path)


def test_a_front_end_in_a_few_words():
    assert sound_phrase(Waveform(32)) == "Waveform 70560, 22.05 kHz"
    assert sound_phrase(Waveform(16, sample_rate=16000, shape=(1, -1, 1))) == "Waveform 25600, 16 kHz"


@pytest.mark.slow
def test_the_model_zoo_has_the_table_as_it_is(rows):
    page = HOME / "docs" / "zoo.md"
    text = page.read_text(encoding="utf-8")
    fresh = replaced(replaced(text, markdown(rows), page), kinds(rows), page, KINDS)
    assert fresh == text, "docs/zoo.md is not up to date; `make models` writes its tables"


@pytest.mark.slow
def test_what_is_kept_of_each_network_is_what_the_code_says(rows):
    kept = read_facts(resource("networks.csv"))
    counted = {}
    for row in rows:
        counted.setdefault(row.facts.network, []).append(row.facts)
    assert kept == counted, "networks.csv is not up to date; `make models` writes it"


def test_the_table_of_all_networks_needs_no_torch_and_counts_nothing(monkeypatch):
    monkeypatch.setattr(facts, "facts_of", lambda one: pytest.fail(f"{one.key} was counted; `make models` keeps it"))
    rows = catalogue(RECORDS)
    assert {row.facts.network for row in rows} == {*list_models()}


def test_what_is_kept_of_another_network_is_counted_anew(tmp_path, monkeypatch):
    lines = resource("networks.csv").read_text().splitlines()
    path = tmp_path / "networks.csv"
    monkeypatch.setattr(facts, "resource", lambda *parts: path if parts == (path.name,) else resource(*parts))
    counted = []
    monkeypatch.setattr(
        facts, "facts_of", lambda one: counted.append(one.key) or read_facts(resource(path.name))["stavis"][0]
    )
    for dropped, anew in (("stavis,,v,", ["stavis_v", "stavis_av"]), ("nothing", [])):
        path.write_text("\n".join(line for line in lines if not line.startswith(dropped)) + "\n")
        catalogue(tmp_path / "no records", ["stavis"])
        assert counted == anew
        counted.clear()
    path.write_text("\n".join(lines).replace("stavis2020", "stavis2021") + "\n")
    catalogue(tmp_path / "no records", ["stavis"])
    assert counted == ["stavis_v", "stavis_av"]


@pytest.mark.parametrize(("old", "new"), [("parameters,", "params,"), (",16,112,112,", ",many,112,112,")])
def test_a_table_of_another_form_says_its_line_and_how_to_make_it(old, new, tmp_path):
    path = tmp_path / "networks.csv"
    path.write_text(resource("networks.csv").read_text().replace(old, new))
    with pytest.raises(ValueError, match=r"networks\.csv, row \d+: no facts of a network .*avsal models --recount"):
        read_facts(path)


def test_kinds_of_networks_come_from_the_registry():
    lines = kinds(catalogue(RECORDS, ["stavis", "avrsp", "stanet", "centre"])).splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == [
        "[stavis](networks/stavis.svg).",
        "[stanet](networks/stanet.svg).",
        "[avrsp](networks/avrsp.svg).",
        "`centre`.",
    ]
    assert lines[0].startswith("- **Equal to the authors' code**")


def test_published_scores_by_eye_and_by_mouse_stand_in_two_tables():
    told = {section.title: {line[0] for line in section.body} for section in about("centre", [])}
    assert told["Published scores: mouse, no eye tracker"] == {"ntire26_private"}
    assert "ntire26_private" not in told.get("Published scores", set())


def test_all_that_is_told_of_a_network():
    rows = catalogue(RECORDS, ["stavis", "avrsp"])
    told = {section.title: section for section in about("stavis", rows)}
    assert [*told] == ["STAViS", "Sound", "Weights", "Published scores", "Recipe"]
    assert told["STAViS"].paragraphs[0].startswith("STAViS (stavis2020")
    assert not any("Decisions" in text for text in told["STAViS"].paragraphs)
    assert "`Waveform 35280, 22.05 kHz`: the raw waveform" in told["Sound"].paragraphs[0]
    assert len(told["Weights"].body) == len(model_entry("stavis").weights)
    assert {line[0] for line in told["Published scores"].body} >= {"diem", "avad"}
    assert "`avsal bench stavis --preset smoke`" in told["Recipe"].paragraphs[-1]
    assert "| name | file |" in told["Weights"].markdown()
    assert "`" not in told["Sound"].terminal()
    assert told["Sound"].terminal().startswith("SOUND\n")
    assert title_of("avrsp") == "AVRSP"
    assert "decided here" not in " ".join(about("avrsp", rows)[0].paragraphs)
    (sound,) = (section for section in about("tasednet", []) if section.title == "Sound")
    assert sound.paragraphs == ("It takes no sound, in any form.",)


def test_every_network_says_what_it_is():
    for name in list_models():
        first = described(name)
        assert first.paragraphs, name
        assert all(text and text[-1] in ".)" for text in first.paragraphs), (name, first.paragraphs)


def test_a_weight_that_is_handed_to_a_part_is_counted():
    class Part(nn.Module):
        def forward(self, weight, x):
            return weight.expand(len(x), -1) + x

    class Hands(Toy):
        def __init__(self):
            super().__init__()
            self.token, self.part = nn.Parameter(torch.zeros(1, 7)), Part()

        def forward(self, frames, audio=None):
            seen = self.conv(frames).mean((2, 3, 4))
            return self.join(seen, self.part(self.token, self.linear(audio[:, 0])))

    assert count(Hands).macs == count(Toy).macs
    assert count(Hands).parameters == count(Toy).parameters + 7


@pytest.mark.slow
def test_markdown_has_as_many_cells_in_every_line_and_is_narrow(rows):
    tables = [block.splitlines() for block in markdown(rows).split("\n\n") if block.startswith("|")]
    assert len(tables) == 3
    for lines in tables:
        assert len(lines) == 2 + len(rows)
        assert len({line.count("|") for line in lines}) == 1
    assert max(len(line) for line in terminal(rows).split("\n\n")[0].splitlines()) <= 120
    assert max(len(line) for line in terminal(rows).split("\n\n")[1].splitlines()) <= 120
    assert max(len(line) for line in terminal(rows).split("\n\n")[2].splitlines()) <= 120


@pytest.mark.slow
def test_csv_has_a_line_a_network(rows):
    lines = to_csv(rows).splitlines()
    assert len(lines) == 1 + len(rows)
    assert lines[0].startswith(
        "network,variant,modality,paper,year,parameters,macs,frames,height,width,step,target,sound"
    )
    assert lines[-6].startswith("centre,,,,,,,1,32,32,1,last,,")


def test_command_prints_and_writes(avsal, tmp_path, capsys):
    page, table = tmp_path / "page.md", tmp_path / "models.csv"
    assert avsal("avrsp", "--csv", str(table)) == 0
    assert capsys.readouterr().out.startswith("network")
    assert table.read_text().count("\n") == 3
    assert avsal("avrsp", "centre", "--markdown") == 0
    assert "| centre | baseline |" in capsys.readouterr().out
    with pytest.raises(ValueError, match="leave out avrsp"):
        avsal("avrsp", "--write", str(page))
    with pytest.raises(ValueError, match="unknown model 'avrps'; did you mean 'avrsp'"):
        avsal("avrps")


def test_command_writes_the_table_of_all_networks_into_a_page(avsal, tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "list_models", lambda: ["centre", "tasednet"])
    page = tmp_path / "page.md"
    page.write_text(f"before\n{KINDS[0]}\n{KINDS[1]}\n{BEGIN}\nold\n{END}\nafter\n")
    assert avsal("--write", str(page)) == 0
    lines = page.read_text().splitlines()
    assert lines[:2] == ["before", KINDS[0]]
    assert "[tasednet](networks/tasednet.svg)" in lines[2]
    assert lines[-2:] == [END, "after"]
    assert "old" not in lines
    assert "| tasednet | v |" in page.read_text()


@pytest.mark.parametrize("text", ["nothing\n", f"{BEGIN}\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"])
def test_a_page_without_markers_is_left_alone(text, tmp_path):
    with pytest.raises(ValueError, match=r"page\.md: expected one line <!-- models: begin -->"):
        replaced(text, "table", tmp_path / "page.md")
