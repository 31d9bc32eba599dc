"""AVRSP's ablations, each against its definition, and the retention maps that are read out of it."""

import math

import numpy as np
import pytest
import torch
from tiny_networks import avrsp_clip as clip
from tiny_networks import tiny_avrsp as tiny
from torch.nn import functional as F

from avsal_bench.models.fusion.alternatives import MBT, Addition, Bilinear, Concatenation, Multiplication
from avsal_bench.models.fusion.ravf import RAVF
from avsal_bench.models.layers.multi_scale import MS, RegulatorGate

FUSIONS = ["add", "multiply", "concatenate", "bilinear", "mbt", "ravf"]
OPTIONS = [
    *({"fusion": name} for name in FUSIONS),
    *({"pairs": n} for n in range(5)),
    {"pairs": 4, "ms": False},
    {"pairs": 4, "mrg": False},
    {"pairs": 4, "ms": False, "mrg": False},
    {"pairs": 4, "modality": "v"},
    {"pairs": 1, "modality": "v"},
    {"skips": False, "pairs": 0},
    {"skips": False, "ms": False, "mrg": False, "modality": "v"},
    {"retention": "sigmoid"},
]


def size(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize(
    "options",
    [pytest.param(options, marks=pytest.mark.slow if n % 3 else ()) for n, options in enumerate(OPTIONS)],
    ids=["-".join(f"{k}={v}" for k, v in options.items()) for options in OPTIONS],
)
def test_every_ablation_trains(options):
    net = tiny(**options).train()
    inputs = clip(net)
    for parameter in net.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    before = {key: p.detach().clone() for key, p in net.named_parameters()}
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0)
    saliency = net(*inputs)
    assert saliency.shape == (2, 64, 96)
    (saliency * torch.randn_like(saliency)).sum().backward()
    optimizer.step()
    assert [key for key, p in net.named_parameters() if torch.equal(p, before[key])] == []
    with torch.no_grad():
        saliency = net(*inputs)
    assert saliency.isfinite().all()
    assert saliency.min() >= 0
    assert saliency.max() <= 1


def same(one, other):
    state = other.state_dict()
    assert list(one.state_dict()) == list(state)
    assert all(torch.equal(value, state[key]) for key, value in one.state_dict().items())
    with torch.no_grad():
        assert torch.equal(one.eval()(*clip(one)), other.eval()(*clip(other)))


@pytest.mark.parametrize("modality", ["v", "av"])
def test_three_pairs_and_ravf_are_the_default(modality):
    same(tiny(modality=modality, pairs=3, fusion="ravf"), tiny(modality=modality))


@pytest.mark.parametrize("modality", ["v", "av"])
def test_no_pairs_is_neither_ms_nor_mrg(modality):
    same(tiny(modality=modality, pairs=0), tiny(modality=modality, ms=False, mrg=False))


def test_without_skips_the_decoder_is_given_the_fused_feature_alone():
    """The other network with neither MS nor MRG, which the paper scores otherwise."""
    net = tiny(skips=False, ms=False, mrg=False).eval()
    seen = []
    net.decoder.register_forward_pre_hook(lambda _, args: seen.append(args))
    with torch.no_grad():
        net(*clip(net))
    assert seen[0][1] == []
    assert size(net) < size(tiny(pairs=0))
    same(tiny(skips=False, pairs=0), net)
    x = seen[0][0]
    for block in (net.decoder.block0, net.decoder.block1, net.decoder.block2):
        x = F.interpolate(block(x), scale_factor=(1, 2, 2), mode="trilinear")
    x = net.decoder.head(net.decoder.block3(x)[:, :, 0])
    expected = F.interpolate(x, scale_factor=4, mode="bilinear").sigmoid()[:, 0]
    torch.testing.assert_close(net.decoder(*seen[0]), expected)


def test_without_skips_there_is_nothing_to_enhance():
    with pytest.raises(ValueError, match=r"skips=False has no scales for MS and MRG.*pairs=0"):
        tiny(skips=False)


def test_four_pairs_without_ms_and_mrg_are_no_pairs():
    same(tiny(pairs=4, ms=False, mrg=False), tiny(pairs=0))


@pytest.mark.parametrize("pairs", range(5))
def test_a_pair_costs_its_ms_and_its_gate(pairs):
    finest, middle, coarsest = MS(32, finer=False), MS(32, finer=True), MS(32, finer=True, coarser=False)
    synergies = [finest, middle, middle, coarsest][:pairs]
    gates = [RegulatorGate(32)] * pairs
    # The fourth makes a skip, of which the first block of the decoder takes 32 channels more.
    skip = 9 * 32 * 32 if pairs == 4 else 0
    assert size(tiny(pairs=pairs)) == size(tiny(pairs=0)) + size(*synergies) + size(*gates) + skip
    assert size(tiny(pairs=pairs, mrg=False)) == size(tiny(pairs=0)) + size(*synergies) + skip
    assert size(tiny(pairs=pairs, ms=False)) == size(tiny(pairs=0)) + size(*gates) + skip


def test_the_coarsest_ms_drops_the_terms_of_the_scale_that_is_not_there():
    torch.manual_seed(0)
    ms = MS(4, finer=True, coarser=False).eval()
    h, m = torch.randn(1, 4, 2, 4, 6), torch.randn(1, 4, 2, 2, 3)

    def step(gather, **scales):
        return gather.bn(sum(gather.convs[i](x) for i, x in scales.items())).relu()

    def down(x):
        return F.avg_pool3d(x, (1, 2, 2))

    def up(x):
        return F.interpolate(x, scale_factor=(1, 2, 2), mode="nearest")

    h1, m1 = step(ms.first["h"], h=h), step(ms.first["m"], m=m)
    h2, m2 = step(ms.second["h"], h=h1, m=up(m1)), step(ms.second["m"], h=down(h1), m=m1)
    torch.testing.assert_close(ms(h, m, None), step(ms.third, h=down(h2), m=m2) + m)


@pytest.mark.parametrize("pairs", range(5))
def test_pairs_go_from_the_finest_scale_down(pairs):
    """Table IV: scales with a pair are enhanced by MS and take the gated fusion feature; the others are as they are."""
    net = tiny(pairs=pairs).eval()
    seen = []
    net.decoder.register_forward_pre_hook(lambda _module, inputs: seen.extend(inputs))
    frames, audio = clip(net)
    with torch.no_grad():
        net(frames, audio)
        x = [lip(aspp(f)) for lip, aspp, f in zip(net.lip, net.aspp, net.s3d(frames), strict=True)][::-1]
        fused = net.ravf(x[0], net.soundnet(audio))
        expected, climbing = list(x), fused
        for index, level in enumerate(range(4 - pairs, 4)):
            finer = x[level + 1] if level < 3 else None
            enhanced = net.ms[index](finer, x[level], x[level - 1] if level > 0 else None)
            factor = enhanced.shape[-1] // climbing.shape[-1]
            raised = F.interpolate(climbing, scale_factor=(1, factor, factor), mode="trilinear")
            gate = net.mrg[index].gate(torch.cat([raised, enhanced], 1)).sigmoid().mean((2, 3, 4), keepdim=True)
            climbing = net.mrg[index].conv(gate * raised)
            expected[level] = enhanced + climbing
    torch.testing.assert_close(seen[0], fused)
    for found, skip in zip(seen[1], expected if pairs == 4 else expected[1:], strict=True):
        torch.testing.assert_close(found, skip, atol=1e-5, rtol=1e-5)


# Fusions


@pytest.fixture
def streams():
    """X0 ``(2, 8, 2, 2, 3)`` and three audio tokens of 6 channels."""
    draw = torch.Generator().manual_seed(0)
    return torch.randn(2, 8, 2, 2, 3, generator=draw), torch.randn(2, 3, 6, generator=draw)


def by_position(x0, audio, project, fuse):
    """The fusion of the token at each position with the mean of the projected audio tokens, one at a time."""
    out = torch.empty_like(x0)
    for b in range(len(x0)):
        heard = sum(project(token) for token in audio[b]) / audio.shape[1]
        for t, y, x in np.ndindex(x0.shape[2:]):
            out[b, :, t, y, x] = fuse(x0[b, :, t, y, x], heard)
    return out


@pytest.mark.parametrize(
    ("build", "fuse"),
    [
        (Addition, lambda net: torch.add),
        (Multiplication, lambda net: torch.mul),
        (Concatenation, lambda net: lambda v, a: net.join.weight[:, :, 0, 0, 0] @ torch.cat([v, a]) + net.join.bias),
        (Bilinear, lambda net: net.bilinear),
    ],
)
def test_simple_fusions_are_their_definitions(streams, build, fuse):
    torch.manual_seed(1)
    net = build(6, 8)
    torch.testing.assert_close(net(*streams), by_position(*streams, net.project, fuse(net)), atol=1e-5, rtol=1e-5)


def transformer_layer(layer, tokens, heads):
    """A pre-norm layer over ``(N, C)``, head by head and token by token."""
    query, key, value = layer.qkv(layer.norm1(tokens)).chunk(3, dim=1)
    attended = torch.zeros_like(tokens)
    d = tokens.shape[1] // heads
    for part in (slice(d * h, d * h + d) for h in range(heads)):
        for i in range(len(tokens)):
            weights = torch.stack([query[i, part] @ k / math.sqrt(d) for k in key[:, part]]).softmax(0)
            attended[i, part] = sum(w * v for w, v in zip(weights, value[:, part], strict=True))
    tokens = tokens + layer.project(attended)
    return tokens + layer.mlp(layer.norm2(tokens))


@pytest.mark.parametrize("layers", [2, 3])
def test_mbt_is_its_definition(streams, layers):
    torch.manual_seed(1)
    net = MBT(6, 8, heads=2, layers=layers)
    x0, audio = streams
    found = net(x0, audio)
    for b in range(len(x0)):
        seen = torch.stack([x0[b, :, t, y, x] for t, y, x in np.ndindex(x0.shape[2:])])
        heard, shared = net.project(audio[b]), net.bottleneck
        for i in range(layers):
            visual = transformer_layer(net.visual[i], torch.cat([seen, shared]), heads=2)
            if i < layers - 1:
                sound = transformer_layer(net.audio[i], torch.cat([heard, shared]), heads=2)
                heard, shared = sound[:3], (visual[12:] + sound[3:]) / 2
            seen = visual[:12]
        for n, (t, y, x) in enumerate(np.ndindex(x0.shape[2:])):
            torch.testing.assert_close(found[b, :, t, y, x], seen[n], atol=1e-5, rtol=1e-5)
    assert net.bottleneck.shape == (4, 8)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_hears_and_starts_from_the_visual_network(fusion):
    visual, net = tiny(modality="v"), tiny(fusion=fusion)
    for parameter in visual.parameters():
        parameter.data += 1
    state = visual.state_dict()
    net.load_visual(state)
    found = net.state_dict()
    assert [key for key, value in state.items() if not torch.equal(found[key], value)] == []
    x0 = torch.randn(2, 32, 2, 2, 3)
    x0[1] = x0[0]
    _, audio = clip(net)
    fused = net.train()._fuse(x0, audio)
    assert fused.shape == x0.shape
    assert not torch.allclose(fused[0], fused[1], atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": 5}, "pairs is a number from 0 to 4; got 5"),
        ({"pairs": -1}, "pairs is a number from 0 to 4; got -1"),
        ({"fusion": "concatenat"}, "unknown fusion 'concatenat'; did you mean 'concatenate'"),
        ({"fusion": "mul", "modality": "v"}, "unknown fusion 'mul'"),
        ({"fusion": "mbt", "heads": 5}, "width=32, heads=5"),
    ],
)
def test_an_ablation_outside_its_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


# Retention maps


@pytest.mark.parametrize("retention", ["raw", "sigmoid"])
def test_retention_maps_are_the_scores_that_each_block_uses(streams, retention):
    """Eqs. 4 to 7, with the scores that are read out, give what the block gives; so do Eqs. 1 to 3 the scores."""
    torch.manual_seed(1)
    x0, audio = streams
    ravf = RAVF(6, width=8, heads=2, blocks=2, retention=retention)
    maps = ravf.retention_maps(x0, audio)
    assert [tuple(m.ret_a.shape) for m in maps] == [(2, 2, 2, 2, 3, 3)] * 2
    assert [tuple(m.ret_v.shape) for m in maps] == [(2, 2, 3, 2, 2, 3)] * 2
    places = list(np.ndindex(x0.shape[2:]))
    heard = ravf.project(audio)
    for b in range(2):
        tokens = torch.stack([x0[b, :, t, y, x] for t, y, x in places])
        for block, (ret_a, ret_v) in zip(ravf.blocks, maps, strict=True):
            (v_q, v_k, v_v), (a_q, a_k, a_v) = (
                affine(x).reshape(len(x), 3, 2, 4).unbind(1)
                for affine, x in ((block.visual_qkv, tokens), (block.audio_qkv, heard[b]))
            )
            mean_v2a, mean_a2v, v2a = torch.zeros(2, 4), torch.zeros(2, 4), torch.zeros(len(places), 2, 4)
            for h in range(2):
                a2v = a_v[:, h].clone()
                for n, (t, y, x) in enumerate(places):
                    v2a[n, h] = v_v[n, h]
                    for a in range(3):
                        scores = (v_q[n, h] @ a_k[a, h] / 2, a_q[a, h] @ v_k[n, h] / 2)
                        read = (ret_a[b, h, t, y, x, a], ret_v[b, h, a, t, y, x])
                        for score, found in zip(scores, read, strict=True):
                            expected = score.sigmoid() if retention == "sigmoid" else score
                            torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
                        v2a[n, h] = v2a[n, h] + read[0] * a_v[a, h]
                        a2v[a] = a2v[a] + read[1] * v_v[n, h]
                mean_v2a[h], mean_a2v[h] = v2a[:, h].mean(0), a2v.mean(0)
            weights = block.head_mlp(torch.cat([mean_v2a, mean_a2v], 1)).softmax(0)
            attended = block.norm1(tokens + (weights * v2a).flatten(1))
            expected = block.norm2(attended + block.ffn(attended))
            tokens = block(tokens[None], heard[b : b + 1])[0]
            torch.testing.assert_close(tokens, expected, atol=1e-5, rtol=1e-5)


def test_reading_retention_maps_leaves_the_network_as_it_was():
    net = tiny(retention="sigmoid", ravf_blocks=3).eval()
    frames, audio = clip(net)
    state = {key: value.clone() for key, value in net.state_dict().items()}
    with torch.no_grad():
        before = net(frames, audio)
        maps = net.retention_maps(frames, audio)
        assert torch.equal(net(frames, audio), before)
        x0 = net.lip[-1](net.aspp[-1](net.s3d(frames)[-1]))
        direct = net.ravf.retention_maps(x0, net.soundnet(audio))
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    assert len(maps) == 3
    for block, again in zip(maps, direct, strict=True):
        assert block.ret_a.shape == (2, 4, 2, 2, 3, 2)
        assert block.ret_v.shape == (2, 4, 2, 2, 2, 3)
        for found, expected in zip(block, again, strict=True):
            assert torch.equal(found, expected)
            assert found.min() >= 0
            assert found.max() <= 1
            assert found.std() > 0


@pytest.mark.parametrize(
    ("options", "why"), [({"modality": "v"}, "it does not hear"), ({"fusion": "mbt"}, "its fusion is another")]
)
def test_a_network_without_retention_maps_says_so(options, why):
    net = tiny(**options)
    with pytest.raises(ValueError, match=f"this network has no retention maps: {why}; take modality='av'"):
        net.retention_maps(*clip(net))


def test_retention_maps_need_the_sound():
    net = tiny()
    with pytest.raises(ValueError, match="needs the sound"):
        net.retention_maps(clip(net)[0], None)
