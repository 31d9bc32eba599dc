"""HyperSal with and without sound, in small; at its published size it is in ``test_gated_parity.py``."""

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import torch
from parity import Golden, drawn, normal
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.models import Clips, Memory, create_model, model_entry
from avsal_bench.models.clips import Place
from avsal_bench.models.hypersal import Condition, HyperSal
from avsal_bench.models.layers.decoders.gated import ModulatedConv
from avsal_bench.models.weights.loading import load_published


def tiny(**options: Any) -> HyperSal:
    torch.manual_seed(0)
    return create_model("hypersal", **{**model_entry("hypersal").tiny, "size": (32, 64), **options})


@cache
def _filled(modality: str) -> HyperSal:
    net = tiny(modality=modality)
    state = {
        key: drawn(key, tuple(value.shape), 1) for key, value in net.state_dict().items() if value.is_floating_point()
    }
    net.load_state_dict(net.state_dict() | state)
    return net.eval().double()


def filled(modality: str = "av") -> HyperSal:
    """A tiny network, in float64, with weights of the parity rule: the initial ones hear little."""
    return deepcopy(_filled(modality))


def clip(net: HyperSal, batch: int = 2) -> tuple[Tensor, Tensor]:
    kind = next(net.parameters()).dtype
    return normal("video", (batch, 3, 32, *net.spec.size)).to(kind), normal("audio", (batch, 1, 70560, 1)).to(kind)


@pytest.fixture(scope="module")
def golden() -> Golden:
    return Golden("hypersal_av")


def published(net: HyperSal, golden: Golden) -> dict[str, Tensor]:
    """The state of a tiny network under the authors' names."""
    own, state = net.state_dict(), {}
    for key, shape, *_ in golden.about["state"]:
        renamed = net.rename_published(key, torch.empty(shape, device="meta"))
        if renamed is not None and renamed[0] in own:
            value = own[renamed[0]]
            kernel = key.startswith("audionet.conv") and key.endswith(".weight")
            state[key] = value[..., None] if kernel else value[..., None, None] if key == ONE_BY_ONE else value
    return state


ONE_BY_ONE = "audio_conv_1x1.weight"
#: What the authors' class with sound has and nothing calls.
HEADS = {"audionet.conv8_objs.weight": torch.zeros(3, 2), "audionet.conv8_scns.bias": torch.zeros(3)}


# The parts of its own


def test_the_condition_is_a_mean_of_the_left_of_the_frame():
    """What the sheet says: a pool as high as the picture, whose stride is its width."""
    torch.manual_seed(0)
    condition = Condition(12, 4, 6).double()
    frames = torch.randn(2, 3, 4, 32, 64, dtype=torch.float64, requires_grad=True)
    channels = torch.stack([frames[:, c, t] for c in range(3) for t in range(4)], 1)
    x = channels
    for layer, pool in zip((0, 2, 5, 7), (1, 2, 1, 1), strict=True):
        conv = condition.layers[layer]
        x = F.avg_pool2d(F.relu(F.conv2d(x, conv.weight, conv.bias, padding=1)), pool)
    h, w = x.shape[2:]
    want = F.avg_pool2d(x, (h, h), stride=w)[:, :, 0, 0]
    found = condition(frames)
    torch.testing.assert_close(found, want, atol=1e-14, rtol=1e-12)
    seen = torch.autograd.grad(found.sum(), frames)[0].abs().amax((0, 1, 2, 3)) > 0
    # Half of 64 columns, and the rim that convolutions look across.
    assert seen.tolist() == [True] * 38 + [False] * 26
    assert torch.equal(condition(torch.cat([frames[..., :38], 7 + frames[..., 38:]], 4)), found)


def test_a_square_frame_is_seen_whole():
    condition = Condition(6, 4, 6)
    frames = torch.randn(1, 3, 2, 32, 32, requires_grad=True)
    gradient = torch.autograd.grad(condition(frames).sum(), frames)[0]
    assert (gradient.abs().amax((0, 1, 2)) > 0).all()


def test_a_kernel_is_modulated_by_input_channel_and_by_clip():
    torch.manual_seed(0)
    conv = ModulatedConv(5, 7).double()
    x, condition = torch.randn(2, 5, 1, 6, 8).double(), torch.randn(2, 7).double()
    for i in range(2):
        m = condition[i] @ conv.modulation.weight.T / 7**0.5 + conv.modulation.bias
        kernel = conv.weight / (5 * 9) ** 0.5 * m[None, :, None, None, None]
        torch.testing.assert_close(conv(x, condition)[i : i + 1], F.conv3d(x[i : i + 1], kernel, padding=(0, 1, 1)))
    torch.testing.assert_close(
        conv(x, torch.zeros(2, 7).double()), F.conv3d(x, conv.weight / 45**0.5, padding=(0, 1, 1))
    )


def test_the_sound_is_added_to_the_coarsest_stage_alone():
    net = filled()
    frames, audio = clip(net, 1)
    with torch.no_grad():
        (*finer, coarsest), condition = net._see(frames)
        s = F.relu(net.project(net.soundnet(audio)))[0].T
        v = coarsest[0].amax(1)[:, :, ::2].flatten(1)
        added = torch.einsum("ci,oij,cj->co", v, net.bilinear.weight, s) + net.bilinear.bias
        joined = coarsest + added.reshape(coarsest.shape)
        want = net.decoder((*finer, joined), condition).sigmoid()
        torch.testing.assert_close(net(frames, audio), want, atol=1e-12, rtol=1e-10)


# What it hears


def test_it_hears_and_what_is_seen_goes_around_the_sound():
    net, visual = filled(), filled("v")
    visual.load_state_dict({k: v for k, v in net.state_dict().items() if not k.startswith(net.audio_only)})
    frames, audio = clip(net, 2)
    with torch.no_grad():
        seen = net._see(frames)
        heard, negated, muted = (net._decode(seen, a, None) for a in (audio, -audio, 0 * audio))
        some = net(frames, audio, use_audio=torch.tensor([True, False]))
        alone = visual(frames)
    for one, other in ((heard, negated), (heard, muted), (muted, alone)):
        assert (one - other).abs().amax((1, 2)).min() > 1e-3
    torch.testing.assert_close(some[0], heard[0], atol=1e-12, rtol=0)
    torch.testing.assert_close(some[1], alone[1], atol=1e-12, rtol=0)
    assert not net.soundnet.conv1.weight.requires_grad


def test_what_is_seen_is_found_once_for_several_sounds(monkeypatch):
    net, visual = filled(), []
    frames, audio = clip(net, 2)
    places = [Place("set/film", tuple(range(first, first + 32))) for first in (1, 2)]
    clips, memory = Clips.of(frames, places), Memory()
    encode = net.backbone.forward
    monkeypatch.setattr(net.backbone, "forward", lambda given: visual.append(1) or encode(given))
    with torch.no_grad():
        maps = [net.predict(clips, heard, memory.other_sound()) for heard in (audio, -audio)]
        rows = torch.tensor([True, False])
        some = net.predict(clips, -audio, memory, use_audio=rows)
        assert visual == [1]
        torch.testing.assert_close(maps[0], net(frames, audio), atol=1e-12, rtol=0)
        torch.testing.assert_close(maps[1][:1], net(frames[:1], -audio[:1]), atol=1e-12, rtol=0)
        torch.testing.assert_close(some[0], maps[1][0], atol=1e-12, rtol=0)
    assert not torch.equal(some[1], maps[1][1])


def test_soundnet_learns_where_it_is_not_frozen():
    net = tiny(frozen_sound=False)
    net.train()(*clip(net, 1)).sum().backward()
    assert net.soundnet.conv1.weight.grad is not None
    assert net.soundnet.training
    assert not tiny().train().soundnet.training


# Files of weights


@pytest.mark.parametrize("modality", ["v", "av"])
def test_the_network_without_sound_takes_either_file_and_the_other_its_own(modality, golden):
    net = tiny(modality=modality)
    with_sound = published(tiny(), golden)
    loaded = load_published(net, with_sound | HEADS)
    assert len(loaded.loaded) == len(net.state_dict())
    sound = {k for k in with_sound if k.startswith(("audionet.", "audio_conv_1x1.", "bilinear."))}
    assert set(loaded.without_effect) == (HEADS.keys() if modality == "av" else {*HEADS, *sound})
    without = {k: v for k, v in with_sound.items() if k not in sound}
    if modality == "v":
        assert load_published(net, without).without_effect == ()
    else:
        with pytest.raises(ValueError, match=r"does not fit hypersal \(with sound\)\n.*missing: .*soundnet"):
            load_published(net, without)


@pytest.mark.parametrize(
    "key", ["decoder.convtsp1.conv3d_module1.9.weight", "decoder.modulations.modulations.4.bias", "condition_net.x"]
)
def test_an_entry_that_the_authors_do_not_have_is_refused(key, golden):
    net = tiny()
    with pytest.raises(ValueError, match=r"leads nowhere: "):
        load_published(net, published(net, golden) | {key: torch.zeros(1)})


# The network


def test_the_clip_is_that_of_the_authors():
    spec = create_model("hypersal", width=0.0625, depths=(1, 1, 1, 1)).spec
    assert (spec.frames, spec.size, spec.target, spec.start) == (32, (224, 384), "last", "repeat")
    assert (spec.mean, spec.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (spec.audio.samples, spec.audio.sample_rate, spec.audio.scale) == (70560, 44100, 2**-8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 16}, "hypersal takes clips of 32 frames, which its decoder halves to one step; got 16"),
        ({"size": (60, 96)}, r"hypersal takes a height and a width of 32, 64, 96 ... pixels; got \(60, 96\)"),
        ({"size": (96, 64)}, "hypersal takes frames at least as wide as high, .* a square of them; got 96 high and 64"),
        ({"modality": "a"}, "hypersal has no modality 'a'; it has: v, av"),
    ],
)
def test_an_option_outside_its_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


@pytest.mark.parametrize(
    ("frames", "audio", "message"),
    [
        ((1, 3, 32, 64, 64), (1, 1, 70560, 1), r"expected frames \(B, 3, 32, 32, 64\)"),
        ((1, 3, 32, 32, 64), None, "this network needs the sound"),
        ((1, 3, 32, 32, 64), (1, 1, 35280, 1), r"expected a waveform \(B, 1, 70560, 1\) .*; got \(1, 1, 35280, 1\)"),
        ((1, 3, 32, 32, 64), (1, 1, 70560), r"expected a waveform .* for each of 1 clip; got \(1, 1, 70560\)"),
    ],
)
def test_a_clip_or_a_sound_that_is_not_the_one_of_the_spec(frames, audio, message):
    with pytest.raises(ValueError, match=message):
        tiny()(torch.zeros(frames), None if audio is None else torch.zeros(audio))
