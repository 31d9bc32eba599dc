"""STSANet, against what its authors' code gives for the same weights."""

from fnmatch import fnmatchcase
from typing import Any

import pytest
import torch
from conftest import HOME
from parity import Golden, drawn, features, normal, unfilled
from torch import Tensor, nn

from avsal_bench.data.windows import window
from avsal_bench.evaluation.steps import Resize
from avsal_bench.models import create_model, model_entry
from avsal_bench.models.layers.resample import upsample
from avsal_bench.models.visual.stsanet import CrossedAttention, Embeddings, Level, STSANet
from avsal_bench.models.weights.loading import load_published
from avsal_bench.training.losses import Prediction, Truth, saliency_loss
from avsal_bench.training.recipe import load_recipe

LIMIT = 1e-5


@pytest.fixture(scope="module")
def golden() -> Golden:
    return Golden("stsanet_v")


def tiny(**options: Any) -> STSANet:
    torch.manual_seed(0)
    return create_model("stsanet", **{**model_entry("stsanet").tiny, **options})


def clip(net: STSANet, batch: int = 2) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(batch, 3, 32, *net.spec.size, generator=draw)


def published(net: STSANet, golden: Golden) -> dict[str, Tensor]:
    """The authors' names with the shapes of a small network, filled by the rule of the parity tests."""
    own, state = net.state_dict(), {}
    for key, *_ in golden.about["state"]:
        shape = own[net.rename_published(key, torch.zeros(()))[0]].shape
        counts = key.endswith("num_batches_tracked")
        state[key] = torch.zeros(shape, dtype=torch.int64) if counts else drawn(key, tuple(shape), 1)
        for pattern, factor in golden.about["scale"].items():
            state[key] *= factor if fnmatchcase(key, pattern) else 1
    return state


# The authors' network


@pytest.mark.slow
def test_outputs_and_features_are_those_of_the_authors_code(golden):
    """At full size, in float32: 2.2 GB, and a dozen seconds of CPU."""
    net = unfilled(create_model, name="stsanet")
    loaded = load_published(net, golden.state())
    assert len(loaded.loaded) == len(net.state_dict()) == 849
    assert loaded.without_effect == ()
    watched: dict[str, nn.Module] = {f"base{i}": net.s3d.get_submodule(f"base{i}") for i in (1, 2, 3, 4)}
    watched |= {"branch0_pre": net.levels[0].shorten, "branch0_mid": net.levels[0].middle}
    watched |= {f"ln_{i}_{j}": norm for i, its in enumerate(net.levels) for j, norm in enumerate(norms(its))}
    watched |= {f"SA_{i}": fusion.mask for i, fusion in enumerate(net.fusions)}
    watched |= {f"CA_{i}": fusion.weigh for i, fusion in enumerate(net.fusions)}
    others = {"coarsest": net.coarsest, "enlarged": net.enlarged, "logits": net.readout}
    with torch.inference_mode(), features(**watched, **others) as found:
        pred = net(*golden.inputs())
        found["branch3_beh_0"] = upsample(found.pop("coarsest"))
        found["readout_1"] = upsample(found.pop("enlarged"))
        logits = found.pop("logits")
    assert golden.error("pred", pred) < LIMIT
    assert golden.error("logits", logits) < LIMIT
    assert golden.error("logits_float64", logits) < LIMIT
    names = {key.split("/")[1] for key in golden.data if key.startswith("feature/")}
    assert names == found.keys()
    errors = {name: golden.error(f"feature/{name}", value) for name, value in found.items()}
    assert {name: error for name, error in errors.items() if not error < LIMIT} == {}


def norms(level: nn.Module) -> list[nn.Module]:
    return [level.get_submodule("norm_pairs"), level.get_submodule("norm_halves")]


def test_outputs_of_a_small_network_are_those_of_the_one_that_was_compared(golden):
    """The network that had the authors' outputs at full size gave these at a small one, in float64."""
    net = tiny(size=(64, 96)).eval()
    load_published(net, published(net, golden))
    frames = normal("video", (1, 3, 32, 64, 96)).double()
    with torch.inference_mode(), features(logits=net.readout) as found:
        pred = net.double()(frames)
    assert golden.error("small/pred", pred) < 1e-6
    assert golden.error("small/logits", found["logits"]) < 1e-6


def test_every_entry_of_the_authors_has_a_place_of_its_shape(golden):
    with torch.device("meta"):
        net = create_model("stsanet")
    own = {key: list(value.shape) for key, value in net.state_dict().items()}
    theirs = {net.rename_published(key, torch.zeros(()))[0]: shape for key, shape, *_ in golden.about["state"]}
    assert theirs == own
    assert len(own) == len(golden.about["state"]) == 849
    assert sum(p.numel() for p in net.parameters()) == golden.parameters == 160_840_060


def test_batch_norms_are_those_of_the_authors():
    with torch.device("meta"):
        net = create_model("stsanet")
    kinds = (nn.BatchNorm3d, nn.LayerNorm)
    found = {kind: {part.eps for part in net.modules() if isinstance(part, kind)} for kind in kinds}
    assert found == {nn.BatchNorm3d: {1e-3}, nn.LayerNorm: {1e-5}}
    assert {part.momentum for part in net.modules() if isinstance(part, nn.BatchNorm3d)} == {0.001}


def test_an_entry_that_the_authors_do_not_have_is_refused(golden):
    with torch.device("meta"):
        net = tiny()
    state = {name: torch.zeros(1) for name, *_ in golden.about["state"]}
    for key, message in {
        "branch3_pre.0.weight": r"leads nowhere: .*here levels\.3\.shorten",
        "branch0_3_a_q.0.weight": r"leads nowhere: branch0_3_a_q",
        "SA_3.0.weight": r"leads nowhere: SA_3",
        "maxpooling2.weight": r"leads nowhere: maxpooling2",
    }.items():
        with pytest.raises(ValueError, match=message):
            load_published(net, state | {key: torch.zeros(1)})


def test_weights_of_another_size_are_refused(golden):
    shapes = {key: torch.zeros(shape) for key, shape, *_ in golden.about["state"] if key.startswith("ln_3")}
    with pytest.raises(ValueError, match=r"ln_3_0\.weight"):
        load_published(tiny(), shapes)


# The authors' scripts


def test_the_loss_of_the_recipe_is_the_authors(golden):
    (stage,) = load_recipe(HOME / "benchmarks" / "recipes", "stsanet", "paper").stages
    logits, target = (normal(name, (2, 224, 384)) for name in ("loss_logits", "loss_target"))
    density = (50 * target.abs()).clamp(max=255).round() / 255
    for weights, name in ((stage.loss, "total"), ({"kl": 1.0}, "kldiv"), ({"cc": 1.0}, "cc")):
        loss, _ = saliency_loss(Prediction(logits.sigmoid()), Truth(density), weights)
        assert loss.item() == pytest.approx(float(golden.data[f"script/{name}"]), rel=1e-5, abs=2e-6)


def test_maps_are_resized_as_the_authors_do_it_to_validate(golden):
    maps = normal("post_map", (224, 384)).sigmoid()[None]
    flat = Resize("bilinear")(maps, (240, 320)).flatten()
    found = flat[[i * flat.numel() // 64 for i in range(64)]]
    torch.testing.assert_close(found, torch.from_numpy(golden.data["script/resized"]), rtol=0, atol=1e-6)


# The blocks


def plain_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Of one item, token by token."""
    found = torch.empty_like(value)
    times, rows, columns = value.shape[1:]
    places = [(t, y, x) for t in range(times) for y in range(rows) for x in range(columns)]
    for t, y, x in places:
        logits = torch.stack([query[:, t, y, x] @ key[:, s, v, u] for s, v, u in places])
        found[:, t, y, x] = sum(w * value[:, s, v, u] for w, (s, v, u) in zip(logits.softmax(0), places, strict=True))
    return found


def test_queries_are_crossed_and_keys_and_values_stay_at_home():
    torch.manual_seed(0)
    attention = CrossedAttention(6, 3).double()
    a, b = torch.randn(2, 2, 6, 2, 2, 3, dtype=torch.float64)
    with torch.no_grad():
        found = attention(a, b)
        assert found.shape == (2, 6, 4, 2, 3)
        for item in range(2):
            (qa, ka, va), (qb, kb, vb) = (tuple(x[item] for x in of) for of in (attention.a(a), attention.b(b)))
            torch.testing.assert_close(found[item, :, :2], plain_attention(qb, ka, va))
            torch.testing.assert_close(found[item, :, 2:], plain_attention(qa, kb, vb))
        assert min(x.min() for of in (attention.a(a), attention.b(b)) for x in of) == 0


def test_attention_has_no_scale_and_no_overflow():
    """Logits of 1e4, as plain weights give them: the largest one alone is left."""
    attention = CrossedAttention(2, 1)
    for part in (attention.a, attention.b):
        for embedding in (part.q, part.k, part.v):
            for layer in embedding:
                if isinstance(layer, nn.Conv3d):
                    nn.init.zeros_(layer.weight)
                    nn.init.zeros_(layer.bias)
                    middle = (slice(None), slice(None), *(size // 2 for size in layer.kernel_size))
                    layer.weight.data[middle] = torch.eye(*layer.weight.shape[:2])
    x = torch.tensor([[100.0, 99.0, 0.0], [1.0, 2.0, 3.0]]).view(1, 2, 1, 1, 3)
    found = attention(x, x)
    torch.testing.assert_close(found[0, :, 0, 0, 0], torch.tensor([100.0, 1.0]))
    torch.testing.assert_close(found[0, :, 0, 0, 2], torch.tensor([199 / 3, 2.0]))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d])
def test_values_stand_where_the_largest_of_four_was_and_ties_take_the_first(layout):
    level = Level(2, 2, (1, 1), 1, (4, 4), pooled=True)
    x = torch.zeros(1, 2, 4, 4, 4)
    x[..., 1, 3] = x[..., 3, 2] = x[..., 3, 3] = 5
    seen = []

    def attend(largest: Tensor) -> Tensor:
        seen.append(largest)
        return torch.arange(1.0, 5).view(2, 2).expand(1, 2, 4, 2, 2)

    found = level._where_largest(x.contiguous(memory_format=layout), attend)
    assert torch.equal(seen[0][0, 0, 0], torch.tensor([[0.0, 5], [0, 5]]))
    want = torch.zeros(4, 4)
    want[0, 0], want[1, 3], want[2, 0], want[3, 2] = 1, 2, 3, 4
    assert torch.equal(found, want.expand(1, 2, 4, 4, 4))


def test_kernels_of_the_embeddings():
    part = Embeddings(8, 4)
    kernels = {
        name: [tuple(layer.kernel_size) for layer in getattr(part, name) if hasattr(layer, "bias")] for name in "qkv"
    }
    assert kernels == {"q": [(1, 1, 1), (1, 3, 3)], "k": [(1, 1, 1), (1, 3, 3)], "v": [(1, 3, 1), (1, 1, 3)]}


# The network


def test_all_frames_before_and_after_the_target_count():
    net = tiny(size=(32, 32)).train()
    frames = clip(net).requires_grad_()
    saliency = net(frames)
    (saliency * torch.randn_like(saliency)).sum().backward()
    assert frames.grad.abs().amax((0, 1, 3, 4)).gt(0).all()


def test_the_clip_is_that_of_the_authors_and_predicts_its_16th_frame():
    spec = create_model("stsanet", width=0.125, size=(32, 32)).spec
    assert (spec.frames, spec.target_index, spec.audio, spec.antialias) == (32, 15, None, True)
    assert (spec.mean, spec.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert window(116, 200, *spec.form).frames == tuple(range(101, 133))
    assert window(1, 200, *spec.form).frames[:17] == (*[1] * 16, 2)
    assert window(200, 200, *spec.form).frames[14:] == (199, *[200] * 17)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 16}, "stsanet takes clips of 32 frames; got 16"),
        ({"size": (60, 96)}, r"got \(60, 96\)"),
        ({"modality": "av"}, "stsanet has no modality 'av'; it has: v"),
    ],
)
def test_an_option_outside_its_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_a_clip_that_is_not_the_one_of_the_spec():
    net = tiny()
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 32, 32, 64\); got \(2, 3, 32, 32, 32\)"):
        net(clip(net)[..., :32])
