"""Where the sound is in a network: small ones that are deaf in a known place, and every network of the registry."""

import math

import pytest
import torch
from tiny_networks import CASES, build, clip
from torch import nn

from avsal_bench.audio.waveform import Waveform
from avsal_bench.models import Network
from avsal_bench.spec import ClipSpec
from avsal_bench.studies.sound_path.path_report import draw_path, path_table, percent, sentence, write_path
from avsal_bench.studies.sound_path.sound_shares import MAP, follow_sound, lost_at, named_parts
from avsal_bench.training.module import SaliencyModule

HEARING = [case for case in CASES if case[1] == "av"]


class Ears(nn.Module):
    """A number a clip: the loudness of each quarter."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.second = nn.Linear(6, 3)

    def forward(self, audio):
        quarters = audio.flatten(1)[:, : audio.shape[-1] // 4 * 4].unflatten(1, (4, -1)).abs().mean(2)
        return self.second(self.first(quarters).relu())


class Small(Network):
    """Eyes, ears, a sum of both and a head; ``deaf`` says where the sound is lost."""

    def __init__(self, deaf="", scale=0.0):
        super().__init__()
        self.spec = ClipSpec(4, (8, 12), audio=Waveform(4))
        self.eyes = nn.Conv2d(3, 3, 3, padding=1)
        self.ears = Ears()
        self.fusion = nn.Conv2d(6, 4, 1)
        self.head = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1))
        self.deaf, self.scale = deaf, scale
        if deaf == "ears":
            self.ears.first.bias.data.fill_(-1e6)  # a ReLU that is dead
        if deaf == "fusion":
            self.fusion.weight.data[:, 3:] *= scale

    def forward(self, frames, audio=None):
        self.check_input(frames, audio)
        seen = self.eyes(frames.mean(2))
        heard = self.ears(audio)[:, :, None, None].expand(-1, -1, *seen.shape[2:])
        if self.deaf == "between":
            heard = heard.detach() * self.scale
        return self.head(self.fusion(torch.cat([seen, heard], 1)))[:, 0].sigmoid()


def module_of(net):
    module = SaliencyModule(net)
    return module.eval()


def windows(spec, count=6):
    """As batches of one, with the sound of the next one and with silence."""
    frames, audio = clip(spec, count)
    assert spec.audio is not None
    silence = spec.audio(torch.zeros(1))[None].expand_as(audio)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1, 1) * 255 for v in (spec.mean, spec.std))
    pictures = (frames * std + mean).clamp(0, 255).to(torch.uint8)
    others = torch.stack([audio.roll(1, 0), silence], 1)
    return [
        {
            "frames": pictures[i : i + 1],
            "audio": audio[i : i + 1],
            "others": others[i : i + 1],
            "density": torch.rand(1, *spec.size, generator=torch.Generator().manual_seed(i)),
            "fixated": None,
            "dataset": ["made"],
            "video": [f"video{i}"],
            "frame": [4],
            "window": [(1, 2, 3, 4)],
        }
        for i in range(count)
    ]


def followed(net, depth=2, sound=0):
    torch.manual_seed(0)
    return follow_sound(module_of(net), windows(net.spec), sound, "swapped", depth)


def made(**options):
    torch.manual_seed(3)
    return Small(**options)


def test_what_hears_has_the_sound_and_what_sees_is_not_on_the_path():
    path = followed(made())
    names = [part.name for part in path.parts]
    assert names == ["ears.first", "ears.second", "ears", "fusion", "head.0", "head.1", "head.2", "head", MAP]
    ears = path.of("ears")
    assert 0.5 < ears.share < 2
    assert ears.changed == 1
    assert 0 < path.of(MAP).share < 1
    assert 0.01 < path.of("fusion").taken < ears.share  # what is seen is beside it
    # A norm and an offset change no share; the offset makes the relative change small.
    assert path.of("head.1").share > 0
    assert lost_at(path) is None
    assert path.map_cc < 1


@pytest.mark.parametrize(
    ("deaf", "scale", "last", "first"),
    [
        ("ears", 0.0, "ears.first", "ears.second"),
        ("fusion", 1e-6, "ears", "fusion"),
        ("fusion", 0.0, "ears", "fusion"),
        ("between", 1e-7, "ears", "fusion"),
    ],
)
def test_the_place_where_a_network_is_deaf_is_found(deaf, scale, last, first):
    path = followed(made(deaf=deaf, scale=scale))
    lost = lost_at(path)
    assert (lost.last.name, lost.first.name) == (last, first)
    assert path.of(MAP).share < 1e-4
    if not scale:
        assert path.of(MAP).share == path.of(MAP).changed == 0
        assert path.map_cc == 1
        assert path.of(MAP).ways == 0
    if deaf == "ears":
        assert path.of("ears.second").zeros == 0
        assert path.of("ears.second").changed == 0
    # What a part takes tells a loss inside it from one before it.
    assert (lost.first.taken >= 0.01) == (deaf == "fusion")
    told = sentence(path)
    assert f"is {last} (" in told
    assert f"the next, {first}, gives" in told


def test_a_map_without_a_way_for_the_sound_ends_the_path():
    class Blind(Small):
        def forward(self, frames, audio=None):
            self.ears(audio)
            return self.head(self.fusion(self.eyes(frames.mean(2)).repeat(1, 2, 1, 1)))[:, 0].sigmoid()

    torch.manual_seed(0)
    path = followed(Blind())
    assert [part.name for part in path.parts] == ["ears.first", "ears.second", "ears", MAP]
    assert lost_at(path)[1].name == MAP


def test_the_share_does_not_depend_on_scale_and_offset_and_a_sound_alone_has_all_of_it():
    net = made()
    before = followed(net).of("ears").share
    net.ears.second.weight.data *= 1000
    net.ears.second.bias.data += 1e4
    after = followed(net).of("ears")
    assert after.share == pytest.approx(before, rel=1e-3)
    assert after.change < 0.2


def test_ways_count_independent_directions():
    net = made()
    net.ears.second.weight.data[1:] = net.ears.second.weight.data[:1]
    assert followed(net).of("ears").ways == pytest.approx(1, abs=1e-3)
    free = made()
    assert followed(free).of("ears.first").ways > 1.001


def test_modes_and_random_numbers_stay_as_they_are():
    module = module_of(made())
    module.train()
    module.net.ears.eval()
    state, before = torch.random.get_rng_state(), {k: v.clone() for k, v in module.state_dict().items()}
    follow_sound(module, windows(module.net.spec), 1, "muted")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert module.net.training
    assert not module.net.ears.training
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert not module.net.ears._forward_hooks


def test_depth_counts_parts_and_no_lists():
    net = build("avrsp", "av")
    assert {"ravf", "mrg.0"} <= named_parts(net, 1).keys()
    assert "mrg" not in named_parts(net, 2)
    assert "ravf.blocks.0" in named_parts(net, 2)
    assert "ravf.blocks.0" not in named_parts(net, 1)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"windows": []}, "no windows"),
        ({"depth": 0}, "depth: expected 1 or more, got 0"),
        ({"net": ("avrsp", "v")}, "takes no sound"),
    ],
)
def test_bad_input(change, error):
    net = build(*change["net"]) if "net" in change else made()
    given = change.get("windows", windows(made().spec))
    with pytest.raises(ValueError, match=error):
        follow_sound(module_of(net), given, 0, "swapped", change.get("depth", 1))


def test_a_network_that_is_switched_by_labels_is_refused():
    class Labelled(Small):
        @property
        def switched_by_labels(self):
            return True

    net = Labelled()
    with pytest.raises(ValueError, match="switched by labels"):
        follow_sound(module_of(net), windows(net.spec), 0, "swapped")


def test_tables_csv_and_figure(tmp_path):
    paths = {"swapped": followed(made()), "muted": followed(made(), sound=1)}
    lines = path_table(paths).splitlines()
    assert "gives, swapped" in lines[0]
    assert "gives, muted" in lines[0]
    assert len(lines) == 1 + len(paths["swapped"].parts)
    write_path(tmp_path / "path.csv", paths)
    rows = (tmp_path / "path.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * len(paths["swapped"].parts)
    assert rows[0].startswith("sound,part,class,depth,takes,share")
    assert rows[1].startswith("swapped,ears.first,Linear,2,")
    draw_path(paths, "made", tmp_path / "path.png")
    assert (tmp_path / "path.png").stat().st_size > 5000
    with pytest.raises(ValueError, match="png"):
        draw_path(paths, "made", tmp_path / "path.pdf")


def test_percent():
    assert [percent(v) for v in (1.0, 0.0996, 0.0994, 4e-5, 0.0, None, math.inf)] == [
        *("100 %", "10 %", "9.94 %", "under 0.01 %", "0 %", "-", "all"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "modality"), HEARING)
def test_every_network_that_hears_can_be_followed(name, modality):
    net = build(name, modality)
    if net.switched_by_labels:
        pytest.skip("needs labels")
    path = follow_sound(module_of(net), windows(net.spec, 3), 0, "swapped", 1)
    assert path.parts[-1].name == MAP
    assert len(path.parts) > 1
    assert all(part.share is None or part.share >= 0 for part in path.parts)
    assert any((part.share or 0) > 0 for part in path.parts)
    assert sentence(path)
