"""Figures of networks: every edge is there and no other, joins and skips show, and files are what the command says."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch
from conftest import HOME
from torch import nn

from avsal_bench.audio.waveform import Waveform
from avsal_bench.catalogue.figure.boxes import TIMES, diagram
from avsal_bench.catalogue.figure.drawing import svg
from avsal_bench.catalogue.figure.flow import watch
from avsal_bench.catalogue.figure.layering import layout
from avsal_bench.catalogue.figure.made import figure, form_of
from avsal_bench.cli import main
from avsal_bench.models import create_model, list_models, model_entry, model_facts
from avsal_bench.models.base import Network
from avsal_bench.plugins import entries, importing
from avsal_bench.spec import ClipSpec

FIGURES = HOME / "docs" / "networks"


def edges_of(build, **options):
    """Pairs of titles, with a number behind a sign that stands twice."""
    found = diagram(watch(build), **options)
    names, seen = {}, {}
    for box in found.boxes:
        seen[box.title] = seen.get(box.title, 0) + 1
        names[box.key] = box.title + (str(seen[box.title]) if box.kind == "join" and seen[box.title] > 1 else "")
    return {(names[a], names[b]) for a, b in found.edges}, {names[box.key]: box for box in found.boxes}


class Toy(Network):
    """Two convolutions with a skip around the second, the sound by elements, a part that nothing comes of."""

    def __init__(self):
        super().__init__()
        self.spec = ClipSpec(2, (8, 12), audio=Waveform(1, sample_rate=50))
        self.first = nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU(inplace=True))
        self.second = nn.Conv3d(4, 4, 3, padding=1)
        self.hears = nn.Linear(5, 4)
        self.head = nn.ConvTranspose2d(8, 1, 2, 2)
        self.nothing = nn.Conv3d(4, 1, 1)
        self.dropped = nn.Dropout()

    def forward(self, frames, audio=None):
        x = self.first(frames)
        self.nothing(x)
        y = self.dropped(self.second(x)) + x
        y = y * self.hears(audio).mean(1)[:, :, None, None, None]
        return self.head(torch.cat([y.mean(2), x.mean(2)], 1))[:, 0]


def test_every_edge_of_a_toy_and_no_other():
    edges, boxes = edges_of(Toy)
    assert edges == {
        ("frames", "first"),
        ("first", "second"),
        ("first", "+"),
        ("second", "+"),
        ("sound", "hears"),
        ("+", TIMES),
        ("hears", TIMES),
        (TIMES, "C"),
        ("first", "C"),
        ("C", "head"),
        ("head", "map"),
    }
    roles = {name: box.role for name, box in boxes.items()}
    assert {n for n, role in roles.items() if role == "picture"} == {"frames", "first", "second", "+"}
    assert {n for n, role in roles.items() if role == "sound"} == {"sound", "hears"}
    assert (roles[TIMES], roles["head"], roles["map"]) == ("fusion", "decoder", "decoder")
    assert (boxes["first"].shape, boxes["map"].shape) == ((4, 2, 8, 12), (16, 24))
    assert boxes["first"].what == "Conv3d"
    assert boxes["second"].parameters == 4 * 4 * 27 + 4


class Writes(Toy):
    """Writes what two parts give into one tensor, and goes on with the first one's."""

    def forward(self, frames, audio=None):
        x = self.first(frames)
        out = x.new_zeros(1, 8, 8, 12)
        out[:, :4] = x.mean(2)
        out[:, 4:] = self.second(frames[:, :1].expand(-1, 4, -1, -1, -1)).mean(2)
        return self.head(out)[:, 0]


class LooksAtValues(Toy):
    def forward(self, frames, audio=None):
        if frames.sum().item() > 1e9:
            raise AssertionError("it is zeros")
        return super().forward(frames, audio)


class Again(Toy):
    """A cell for each frame, with what it gave for the one before."""

    def forward(self, frames, audio=None):
        state = self.first(frames)[:, :, :1]
        for _ in range(3):
            state = self.second(state).relu_()
        return state[:, 0, 0]


def test_what_is_written_into_a_tensor_comes_out_of_it():
    edges, _ = edges_of(Writes)
    assert edges == {
        ("frames", "first"),
        ("frames", "second"),
        ("first", "C"),
        ("second", "C"),
        ("C", "head"),
        ("head", "map"),
    }
    found = diagram(watch(Writes))
    assert found.feeds("first", "map")
    assert found.feeds("second", "map")
    assert not found.feeds("sound", "map")
    assert "hears" not in {box.key for box in found.boxes}


def test_a_network_that_looks_at_values_has_the_same_figure():
    assert edges_of(LooksAtValues)[0] == edges_of(Toy)[0]


def test_a_part_that_is_called_again_is_one_box_and_says_how_often():
    edges, boxes = edges_of(Again)
    assert edges == {("frames", "first"), ("first", "second"), ("second", "map")}
    assert boxes["second"].calls == 3
    assert f"second {TIMES}3" in svg(diagram(watch(Again)), "again")


class Loop(Toy):
    """Two parts that feed each other, twice."""

    def forward(self, frames, audio=None):
        x = self.first(frames)
        for _ in range(2):
            x = self.first[0](self.second(x)[:, :3])
        return x[:, 0, 0]


def test_an_edge_to_an_earlier_box_goes_back():
    edges, _ = edges_of(Loop)
    assert {("first", "second"), ("second", "first")} <= edges
    assert 'again"' in svg(diagram(watch(Loop)), "loop")


def tiny(name, modality):
    entry = model_entry(name)
    return lambda: create_model(name, modality=modality, **entry.tiny)


def test_sound_joins_picture_in_stavis_where_the_code_does():
    edges, boxes = edges_of(tiny("stavis", "av"))
    assert {a for a, b in edges if b == "fusion"} == {"encoder.layer2", "soundnet"}
    assert {a for a, b in edges if b == "soundnet"} == {"sound"}
    assert {a for a, b in edges if b == "C"} == {"fusion", *(f"upscale.{n}" for n in range(4))}
    assert {("encoder.conv1", TIMES), ("score.0", TIMES), (TIMES, "encoder.layer1")} <= edges
    assert boxes["fusion"].role == "fusion"
    assert all(boxes[f"upscale.{n}"].role == "decoder" for n in range(4))


def test_skips_of_vinet_reach_its_decoder():
    edges, _ = edges_of(tiny("vinet", "v"))
    for join, stage, layer in (("C", "base3", 1), ("C2", "base2", 2), ("C3", "base1", 3)):
        source = [a for a, b in edges if b == join]
        assert any(a.startswith(f"s3d.{stage}") for a in source), edges
        assert any(a.startswith(f"decoder.convtsp{layer}") for a in source), edges


class Noisy(Toy):
    def forward(self, frames, audio=None, noise=None):
        return self.head(torch.cat([self.first(frames).mean(2), noise.expand(-1, 4, -1, -1)], 1))[:, 0]


def test_the_noise_of_a_network_that_takes_some_is_an_input():
    edges, boxes = edges_of(Noisy)
    assert {("noise", "C"), ("first.0", "C")} <= edges
    assert boxes["noise"].role == "own"
    assert boxes["C"].role == "picture"


def test_baselines_and_what_is_misspelt_are_told_plainly():
    with pytest.raises(ValueError, match="centre has no layers to draw"):
        figure("centre")
    with pytest.raises(ValueError, match=r"vinet: unknown form 'transfomer'; did you mean 'transformer'"):
        form_of("vinet", "transfomer")
    assert form_of("vinet").modality == "av"
    assert form_of("vinet", "v").modality == "v"

    class Nothing(Network):
        spec = ClipSpec(1, (4, 4))

        def forward(self, frames, audio=None):
            return frames[:, 0, 0]

    with pytest.raises(ValueError, match="no part of this network has weights"):
        diagram(watch(Nothing))


def test_rows_keep_their_distances_and_edges_go_down():
    keys = ["a", "b", "c", "d", "e"]
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "e"), ("d", "e"), ("e", "b")]
    placed = layout(keys, edges, dict.fromkeys(keys, 100.0))
    row = {node: n for n, nodes in enumerate(placed.rows) for node in nodes}
    assert all(row[a] < row[b] for a, b in edges[:-1])
    assert placed.back == [("e", "b")]
    assert placed.ways[("a", "e")] == ["a", ("a", "e", 1), ("a", "e", 2), "e"]
    assert abs(placed.x["b"] - placed.x["c"]) >= 122 - 1e-6
    assert placed.x[("a", "e", 1)] == pytest.approx(placed.x[("a", "e", 2)])  # a long edge is straight


def test_the_picture_is_sound_xml_that_names_every_box():
    text = svg(diagram(watch(Toy)), "Toy & <more>")
    root = ET.fromstring(text)
    assert root.find("{http://www.w3.org/2000/svg}title").text == "Toy & <more>"
    words = {"".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"first", "second", "hears", "head", "map", TIMES.join(["4", "2", "8", "12"]), "picture and sound"} <= words
    assert "prefers-color-scheme:dark" in text
    assert text == svg(diagram(watch(Toy)), "Toy & <more>")


PLUGIN = """
from torch import nn
from avsal_bench import ClipSpec, Network, register_model

@register_model("drawn_mine", paper="mine2026", modalities=("v",))
class Mine(Network):
    def __init__(self, modality="v"):
        super().__init__()
        self.spec = ClipSpec(1, (8, 8))
        self.only = nn.Conv3d(3, 1, 1)

    def forward(self, frames, audio=None):
        return self.only(frames)[:, 0, 0]
"""


@pytest.fixture
def forgotten(monkeypatch):
    """What a plug-in registers is unknown to the next test, and so is its name in the environment."""
    monkeypatch.setenv(importing.PLUGINS, "")
    monkeypatch.delenv(importing.PLUGINS)
    monkeypatch.setattr(importing, "_loaded", {})
    before = entries.entered()
    yield
    entries.take_back([entry for entry in entries.entered() if entry not in before and "avsal_bench" not in entry.file])


@pytest.mark.usefixtures("forgotten")
def test_the_command_draws_a_plug_in_and_tells_of_it(tmp_path, capsys):
    (tmp_path / "drawn_mine.py").write_text(f'"""Mine: a convolution (mine2026).\n\nIt is small.\n"""\n{PLUGIN}')
    plugin = ["--plugin", str(tmp_path / "drawn_mine.py")]
    path = tmp_path / "mine.svg"
    assert main(["models", "drawn_mine", *plugin, "--figure", str(path)]) == 0
    assert ">only<" in path.read_text()
    capsys.readouterr()
    assert main(["models", "drawn_mine", *plugin]) == 0
    told = capsys.readouterr().out
    assert "MINE\nMine: a convolution (mine2026).\nIt is small." in told
    assert "It takes no sound" in told


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["models", "--figure", "x.svg"], "--figure draws one network; name it"),
        (["models", "stavis", "vinet", "--figure", "x.svg"], "--figure draws one network; name it"),
        (["models", "stavis", "--figure", "x.png"], "name a file that ends in .svg"),
        (["models", "stavis", "--form", "v"], "add --figure FILE.svg"),
        (["models", "stavis", "--figures", "x"], "--figures is for all networks"),
        (["models", "stavis", "--figure", "x.svg", "--form", "a"], "stavis: unknown form 'a'"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_line(words, error, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    told = capsys.readouterr().err
    assert error in told
    assert len(told.splitlines()) == 1
    assert not [*tmp_path.iterdir()]


def test_every_network_has_a_small_figure_in_the_docs():
    every = map(model_facts, list_models())
    names = [facts.name for facts in every if facts.modalities and facts.module.startswith("avsal_bench.")]
    assert [path.stem for path in sorted(FIGURES.glob("*.svg"))] == names, "`make models` draws them"
    assert max(path.stat().st_size for path in FIGURES.glob("*.svg")) < 30_000


@pytest.mark.slow
def test_figures_of_the_docs_are_of_the_code():
    def told(text):
        """What a figure says, wherever it stands in it."""
        return sorted(re.findall(r">([^<>\n]+)</text>", text)), text.count("<path class")

    for path in sorted(FIGURES.glob("*.svg")):
        assert told(figure(path.stem)) == told(path.read_text()), f"{path} is not of this code; `make models` draws it"
