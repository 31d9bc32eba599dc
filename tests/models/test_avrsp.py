"""AVRSP and the encoders and blocks it is made of, against equations and numbers of the layers."""

import math
import re

import pytest
import torch
from tiny_networks import avrsp_clip as clip
from tiny_networks import tiny_avrsp as tiny
from torch import nn
from torchvision.models.video import s3d as torchvision_s3d

from avsal_bench.models.avrsp import AVRSP, Decoder
from avsal_bench.models.backbones.s3d import S3D, rename_torchvision
from avsal_bench.models.backbones.soundnet import SoundNet
from avsal_bench.models.fusion.ravf import RAVF, RAVFBlock
from avsal_bench.models.layers.aspp import ASPP
from avsal_bench.models.layers.lip import LIP
from avsal_bench.models.layers.multi_scale import MS, RegulatorGate
from avsal_bench.models.layers.resample import halve, upsample
from avsal_bench.models.weights.loading import load_published


def millions(*modules: nn.Module) -> float:
    return sum(p.numel() for module in modules for p in module.parameters()) / 1e6


# Encoders


@pytest.fixture(scope="module")
def pair():
    """torchvision's S3D with random weights and statistics, and ours with the same."""
    torch.manual_seed(0)
    theirs = torchvision_s3d(weights=None)
    for name, buffer in theirs.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    ours = S3D()
    load_published(ours, theirs.state_dict(), rename_torchvision)
    return theirs.features.eval(), ours.eval()


def test_s3d_has_the_features_of_torchvision(pair):
    theirs, ours = pair
    frames = torch.randn(1, 3, 8, 32, 64)
    with torch.no_grad():
        stages = ours(frames)
        x = frames
        for found, (first, last) in zip(stages, [(0, 4), (4, 7), (7, 13), (13, 16)], strict=True):
            x = theirs[first:last](x)
            torch.testing.assert_close(found, x, atol=1e-5, rtol=1e-5)


def test_s3d_of_the_published_size(pair):
    assert millions(pair[1]) == pytest.approx(7.91, abs=0.005)
    assert pair[1].channels == (192, 480, 832, 1024)
    norms = [m for m in pair[1].modules() if isinstance(m, nn.BatchNorm3d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.001)}


def test_s3d_width_gives_the_channels_it_says():
    encoder = S3D(width=0.25).eval()
    with torch.no_grad():
        stages = encoder(torch.randn(1, 3, 16, 64, 96))
    c3, c2, c1, c0 = encoder.channels
    assert [tuple(s.shape[1:]) for s in stages] == [(c3, 8, 16, 24), (c2, 8, 8, 12), (c1, 4, 4, 6), (c0, 2, 2, 3)]


@pytest.mark.parametrize("shape", [(12, 64, 64), (16, 48, 64), (16, 64, 100)])
def test_s3d_rejects_a_size_it_cannot_halve(shape):
    with pytest.raises(ValueError, match="T divisible by 8 and H, W divisible by 32; got T="):
        S3D(width=0.1)(torch.zeros(1, 3, *shape))


def test_an_entry_that_torchvision_does_not_have_is_refused(pair):
    state = {**pair[1].state_dict(), "features.0.conv.weight": torch.zeros(1)}
    with pytest.raises(ValueError, match=r"1 of its 463 entries leads nowhere: features\.0\.conv\.weight"):
        load_published(pair[1], state, rename_torchvision)


@pytest.mark.parametrize(("frames", "tokens"), [(32, 3), (16, 2), (8, 2)])
def test_soundnet_gives_the_tokens_that_are_expected(frames, tokens):
    net = SoundNet().eval()
    with torch.no_grad():
        assert net(torch.randn(1, 1, frames * 2205)).shape == (1, tokens, 1024)


def test_soundnet_keys_are_those_of_the_release():
    state = SoundNet().state_dict()
    layers = {key.split(".")[0] for key in state}
    assert layers == {f"{kind}{i}" for kind in ("conv", "batchnorm") for i in range(1, 8)}
    assert [tuple(state[f"conv{i}.weight"].shape) for i in (1, 2, 7)] == [(16, 1, 64), (32, 16, 32), (1024, 512, 4)]


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("silent", [1, 2])
def test_silence_is_finite_and_teaches_soundnet_nothing(train, silent):
    torch.manual_seed(0)
    net = SoundNet(width=0.25).train(train)
    waveform = 50 * torch.randn(2, 1, 35280)
    waveform[:silent] = 0
    tokens = net(waveform)
    tokens[:silent].sum().backward()
    assert tokens.isfinite().all()
    assert not any(p.grad.any() for p in net.parameters())


# Blocks


def test_lip_starts_as_average_pooling():
    x = torch.randn(2, 3, 8, 5, 6)
    inner = LIP(3, stride=4)(x)[:, :, :, 1:-1, 1:-1]
    torch.testing.assert_close(inner, nn.AvgPool3d((4, 3, 3), (4, 1, 1))(x))


def test_lip_is_the_weighted_mean_of_its_equation():
    torch.manual_seed(0)
    lip = LIP(3, stride=2)
    nn.init.normal_(lip.conv.weight, std=0.3)
    x = torch.randn(2, 3, 4, 5, 6)
    weight = torch.exp(12 * torch.sigmoid(lip.norm(lip.conv(x))))
    pool = nn.AvgPool3d((2, 3, 3), (2, 1, 1), (0, 1, 1))
    torch.testing.assert_close(lip(x), pool(weight * x) / pool(weight))


def test_lip_weighs_in_float32_under_autocast():
    torch.manual_seed(0)
    lip = LIP(3, stride=2)
    nn.init.normal_(lip.conv.weight)
    x = torch.randn(2, 3, 4, 5, 6)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = lip(x.bfloat16())
    assert mixed.dtype == torch.bfloat16
    torch.testing.assert_close(mixed.float(), lip(x.bfloat16().float()), atol=0.1, rtol=0.1)


def test_resampling_leaves_time_alone():
    x = torch.randn(2, 3, 4, 6, 8)
    torch.testing.assert_close(halve(x), nn.AvgPool3d((1, 2, 2))(x))
    for mode, like in (("nearest", "nearest"), ("bilinear", "trilinear")):
        corners = None if mode == "nearest" else False
        expected = nn.functional.interpolate(x, scale_factor=(1, 2, 2), mode=like, align_corners=corners)
        torch.testing.assert_close(upsample(x, 2, mode), expected)


@pytest.mark.parametrize("retention", ["raw", "sigmoid"])
def test_ravf_block_is_equations_1_to_7(retention):
    torch.manual_seed(0)
    width, heads, n_v, n_a = 8, 2, 5, 3
    d = width // heads
    block = RAVFBlock(width, heads, retention)
    visual, audio = torch.randn(n_v, width), torch.randn(n_a, width)
    v = block.visual_qkv(visual).reshape(n_v, 3, heads, d)
    a = block.audio_qkv(audio).reshape(n_a, 3, heads, d)

    def kept(query, key):
        score = query @ key / math.sqrt(d)
        return score.sigmoid() if retention == "sigmoid" else score

    v2a, logits = [], []
    for head in range(heads):
        (v_q, v_k, v_v), (a_q, a_k, a_v) = v[:, :, head].unbind(1), a[:, :, head].unbind(1)
        to_audio = [v_v[i] + sum(kept(v_q[i], a_k[j]) * a_v[j] for j in range(n_a)) for i in range(n_v)]
        to_visual = [a_v[j] + sum(kept(a_q[j], v_k[i]) * v_v[i] for i in range(n_v)) for j in range(n_a)]
        logits.append(block.head_mlp(torch.cat([sum(to_audio) / n_v, sum(to_visual) / n_a])))
        v2a.append(torch.stack(to_audio))
    weights = torch.cat(logits).softmax(0)
    fused = torch.cat([weights[head] * v2a[head] for head in range(heads)], dim=1)
    x = block.norm1(visual + fused)
    expected = block.norm2(x + block.ffn(x))
    torch.testing.assert_close(block(visual[None], audio[None])[0], expected, atol=1e-5, rtol=1e-5)


def test_ravf_keeps_the_place_of_a_token():
    torch.manual_seed(0)
    ravf = RAVF(6, width=8, heads=2, blocks=2, retention="raw")
    x0, audio = torch.randn(2, 8, 2, 3, 4), torch.randn(2, 3, 6)
    fused = ravf(x0, audio)
    assert fused.shape == x0.shape
    torch.testing.assert_close(ravf(x0.flip(3), audio), fused.flip(3))


@pytest.mark.parametrize("finer", [True, False])
def test_ms_enhances_the_middle_scale(finer):
    ms = MS(8, finer)
    middle, coarser = torch.randn(2, 8, 2, 4, 6), torch.randn(2, 8, 2, 2, 3)
    enhanced = ms(torch.randn(2, 8, 2, 8, 12) if finer else None, middle, coarser)
    assert enhanced.shape == middle.shape
    # The interaction ends in a ReLU, so it can only add.
    assert (enhanced >= middle).all()


def test_gate_weighs_channels_by_equations_13_to_15():
    torch.manual_seed(0)
    gate = RegulatorGate(4)
    fused, visual = torch.randn(2, 4, 2, 2, 3), torch.randn(2, 4, 2, 4, 6)
    raised = nn.functional.interpolate(fused, scale_factor=(1, 2, 2), mode="trilinear")
    weights = gate.gate(torch.cat([raised, visual], 1)).sigmoid().mean((2, 3, 4))
    expected = gate.conv(torch.einsum("bc,bcthw->bcthw", weights, raised))
    torch.testing.assert_close(gate(fused, visual), expected)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_decoder_collapses_time(steps):
    decoder = Decoder(8, steps)
    fused = torch.randn(2, 8, steps, 2, 3)
    skips = [torch.randn(2, 8, steps, 2 * k, 3 * k) for k in (2, 4, 8)]
    assert decoder(fused, skips).shape == (2, 64, 96)


# The network


def test_parameter_counts_are_those_that_are_expected():
    channels = (192, 480, 832, 1024)
    assert millions(*(ASPP(c, 128) for c in channels)) == pytest.approx(11.65, abs=0.005)
    assert millions(*(LIP(128, s) for s in (4, 4, 2, 1))) == pytest.approx(0.59, abs=0.005)
    assert millions(MS(128, finer=True)) == pytest.approx(5.75, abs=0.005)
    assert millions(MS(128, finer=False)) == pytest.approx(3.54, abs=0.005)
    assert millions(*(RegulatorGate(128) for _ in range(3))) == pytest.approx(3.98, abs=0.005)
    assert millions(Decoder(128, steps=4)) == pytest.approx(1.07, abs=0.005)
    assert millions(RAVF(1024, 128, 4, 2, "raw")) == pytest.approx(0.60, abs=0.005)


@pytest.mark.slow
def test_shapes_at_full_size():
    net = AVRSP().eval()
    shapes = {}
    for name in ("lip.0", "lip.1", "lip.2", "lip.3", "ravf", "soundnet", "decoder"):
        net.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: shapes.update({name: tuple(output.shape[1:])})
        )
    with torch.no_grad():
        net(*clip(net, batch=1))
    assert shapes == {
        "lip.0": (128, 4, 56, 96),
        "lip.1": (128, 4, 28, 48),
        "lip.2": (128, 4, 14, 24),
        "lip.3": (128, 4, 7, 12),
        "soundnet": (3, 1024),
        "ravf": (128, 4, 7, 12),
        "decoder": (224, 384),
    }


@pytest.mark.parametrize("frames", [8, 16, 32])
def test_clips_of_8_16_and_32_frames(frames):
    net = tiny(frames=frames)
    with torch.no_grad():
        saliency = net(*clip(net))
    assert saliency.shape == (2, 64, 96)
    assert (saliency >= 0).all()
    assert (saliency <= 1).all()


@pytest.mark.parametrize(("ms", "mrg"), [(False, False), (True, False), (False, True)])
def test_ms_and_mrg_can_be_left_out(ms, mrg):
    net = tiny(modality="v", ms=ms, mrg=mrg)
    with torch.no_grad():
        assert net(*clip(net)).shape == (2, 64, 96)
    parts = {key.split(".")[0] for key in net.state_dict()}
    assert ("ms" in parts, "mrg" in parts) == (ms, mrg)


def test_another_sound_gives_another_map():
    net = tiny()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm3d):
            module.momentum = 1.0
    frames, audio = clip(net)
    frames[1] = frames[0]
    with torch.no_grad():
        net.train()(frames, audio)
        net.eval()
        first, second = net(frames, audio)
        swapped = net(frames, audio.flip(0))
    assert not torch.allclose(first, second, atol=1e-3)
    torch.testing.assert_close(swapped, torch.stack([second, first]))


def test_silence_is_finite():
    net = tiny().train()
    frames, audio = clip(net)
    saliency = net(frames, torch.zeros_like(audio))
    saliency.mean().backward()
    assert saliency.isfinite().all()
    assert all(p.grad.isfinite().all() for p in net.parameters())
    assert net.eval()(frames, torch.zeros_like(audio)).isfinite().all()


def test_no_gradient_explodes_at_the_start():
    net = tiny().train()
    frames, _ = clip(net)
    loud = torch.empty(2, 1, net.spec.audio.samples).uniform_(-256, 256)
    saliency = net(frames, loud)
    (saliency * torch.randn_like(saliency)).mean().backward()
    assert max(p.grad.norm().item() for p in net.parameters()) < 100


def test_load_visual_lists_what_does_not_fit():
    net = tiny()
    state = tiny(modality="v").state_dict()
    state["extra.weight"] = state.pop("decoder.head.bias")
    with pytest.raises(ValueError, match=re.escape("missing: decoder.head.bias; unexpected: extra.weight")):
        net.load_visual(state)
    with pytest.raises(ValueError, match=r"unexpected: .*soundnet\.conv1\.bias"):
        net.load_visual(tiny().state_dict())


def test_an_option_outside_its_range(subtests):
    for options, message in [
        ({"frames": 24}, "8, 16 or 32 frames; got 24"),
        ({"size": (64, 100)}, r"got \(64, 100\)"),
        ({"size": (32, 64)}, r"got \(32, 64\)"),
        ({"heads": 5}, "width=32, heads=5"),
        ({"retention": "softmax"}, "retention is 'raw' or 'sigmoid'; got 'softmax'"),
        ({"modality": "a"}, "avrsp has no modality 'a'; it has: v, av"),
    ]:
        with subtests.test(options=options, message=message), pytest.raises(ValueError, match=message):
            tiny(**options)


def test_a_clip_that_is_not_the_one_of_the_spec():
    net = tiny()
    frames, audio = clip(net)
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 16, 64, 96\); got \(2, 3, 8, 64, 96\)"):
        net(frames[:, :, :8], audio)
    with pytest.raises(ValueError, match="needs the sound"):
        net(frames)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_pooling_in_bfloat16_is_that_of_float32_rounded_once(stride):
    torch.manual_seed(0)
    layer = LIP(6, stride)
    for values in layer.norm.parameters():
        torch.nn.init.normal_(values)
    x, logit = torch.randn(2, 6, 8, 5, 4).bfloat16(), (3 + torch.randn(2, 6, 8, 5, 4)).bfloat16()
    with torch.inference_mode():
        found, wanted = layer.pool(x, logit), layer.pool(x.float(), logit.float())
    assert found.dtype is torch.bfloat16
    torch.testing.assert_close(found.float(), wanted, rtol=2**-8, atol=1e-5)
