"""TASED-Net, against what the authors' code gives for the same weights."""

from typing import Any, NamedTuple

import pytest
import torch
from parity import Golden, drawn, features, unfilled
from torch import Tensor, nn

from avsal_bench.models import create_model, model_entry
from avsal_bench.models.visual.tasednet import Decoder, TASEDNet
from avsal_bench.models.weights.loading import Loaded, load_published


def tiny(**options: Any) -> TASEDNet:
    torch.manual_seed(0)
    return create_model("tasednet", **{**model_entry("tasednet").tiny, **options})


def clip(net: TASEDNet, batch: int = 2) -> Tensor:
    """Random frames, in the type of the network."""
    draw, kind = torch.Generator().manual_seed(0), next(net.parameters()).dtype
    return torch.randn(batch, 3, net.spec.frames, *net.spec.size, generator=draw).to(kind)


def filled() -> TASEDNet:
    """A tiny network with the weights of the parity rule, in float64: rounding must not move a maximum."""
    net = tiny()
    state = {
        key: drawn(key, tuple(value.shape), 1) for key, value in net.state_dict().items() if value.is_floating_point()
    }
    net.load_state_dict(net.state_dict() | state)
    return net.eval().double()


# The authors' network


class Run(NamedTuple):
    """A forward pass in float32, and one in float64, with the weights of the golden file."""

    golden: Golden
    net: TASEDNet
    loaded: Loaded
    single: dict[str, Tensor]
    double: dict[str, Tensor]


@pytest.fixture(scope="module")
def run() -> Run:
    golden = Golden("tasednet_v")
    net = unfilled(create_model, name="tasednet")
    loaded = load_published(net, golden.state())
    decoder = net.decoder
    watched = {"unpool1": decoder.unpool1, "unpool2": decoder.unpool2, "unpool3": decoder.unpool3}
    watched |= {"base4": net.s3d.base4, "logits": decoder}
    (frames,) = golden.inputs()
    with torch.no_grad():
        with features(**watched) as single:
            single["pred"] = net(frames)
        with features(**watched) as double:
            double["pred"] = net.double()(frames.double())
    return Run(golden, net, loaded, single, double)


@pytest.mark.slow
def test_logits_in_float64_are_those_of_the_authors_code(run):
    assert run.double["logits"].dtype == torch.float64
    assert run.golden.error("logits_float64", run.double["logits"]) < 1e-5


@pytest.mark.slow
def test_features_are_those_of_the_authors_code(run):
    names = {key.split("/")[1] for key in run.golden.data if key.startswith("feature/")}
    assert names == {"base4", "unpool1", "unpool2", "unpool3"}
    errors = {name: run.golden.error(f"feature/{name}", run.double[name]) for name in names}
    assert {name: error for name, error in errors.items() if not error < 1e-5} == {}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "limit"), [("logits", 1e-3), ("pred", 1e-4)])
def test_nearly_all_pixels_in_float32_are_those_of_the_authors_code(run, name, limit):
    # Rounding may move a maximum, and with it a few pixels by much.
    want = torch.from_numpy(run.golden.data[f"{name}/sample"])
    flat = run.single[name].flatten()
    got = flat[[i * flat.numel() // want.numel() for i in range(want.numel())]]
    assert (got - want).abs().quantile(0.99) < limit


@pytest.mark.slow
def test_every_entry_of_the_authors_has_a_place(run):
    assert sum(p.numel() for p in run.net.parameters()) == run.golden.parameters
    assert run.loaded.without_effect == () == tuple(run.golden.without_effect)
    assert len(run.loaded.loaded) == len(run.net.state_dict())


@pytest.mark.slow
def test_batch_norms_are_those_of_the_authors(run):
    norms = [module for module in run.net.modules() if isinstance(module, nn.BatchNorm3d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.001)}


def test_an_entry_that_the_authors_do_not_have_is_refused():
    net = tiny()
    file = {key.removeprefix("s3d.").removeprefix("decoder."): value for key, value in net.state_dict().items()}
    assert len(load_published(net, file).loaded) == len(file)
    with pytest.raises(ValueError, match=r"leads nowhere: unpool1\.weight"):
        load_published(net, file | {"unpool1.weight": torch.zeros(1)})


# The network


def test_where_windows_share_a_maximum_the_last_write_wins():
    decoder = Decoder((8, 8, 8, 8), 0.125, 8, 0.1)
    written = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None, None]
    # Row 1, column 1 is in all four windows 3x3 of stride 2.
    places = torch.full((1, 1, 1, 2, 2), 1 * 4 + 1)
    expected = torch.zeros(1, 1, 1, 4, 4)
    expected[..., 1, 1] = 4
    for unpool in (decoder.unpool2, decoder.unpool3):
        assert torch.equal(unpool(written, places, torch.Size((1, 1, 1, 4, 4))), expected)


@pytest.mark.parametrize("frames", [8, 16, 32])
def test_clips_of_8_16_and_32_frames(frames):
    net = tiny(frames=frames)
    with torch.no_grad():
        saliency = net(clip(net))
    assert saliency.shape == (2, 64, 96)
    assert (saliency >= 0).all()
    assert (saliency <= 1).all()


def test_gradients_reach_every_parameter():
    net = tiny().train()
    saliency = net(clip(net))
    (saliency * torch.randn_like(saliency)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert all(p.grad.isfinite().all() for p in net.parameters())


def test_a_batch_of_two_is_two_batches_of_one():
    net = filled()
    frames = clip(net)
    with torch.no_grad():
        together = net(frames)
        for i in range(2):
            torch.testing.assert_close(net(frames[i : i + 1])[0], together[i])


def test_a_clip_that_is_negated_or_runs_backwards_gives_another_map():
    net = filled()
    frames = clip(net)
    with torch.no_grad():
        saliency = net(frames)
        for other in (-frames, frames.flip(2)):
            assert (net(other) - saliency).abs().max() > 1e-2


def test_the_clip_is_that_of_the_authors():
    spec = create_model("tasednet", width=0.125).spec
    assert (spec.frames, spec.size, spec.target, spec.audio) == (32, (224, 384), "last", None)
    assert (spec.mean, spec.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 48}, "tasednet takes 8, 16 or 32 frames; got 48"),
        ({"size": (60, 96)}, r"got \(60, 96\)"),
        ({"modality": "av"}, "tasednet has no modality 'av'; it has: v"),
    ],
)
def test_an_option_outside_its_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_a_clip_that_is_not_the_one_of_the_spec():
    net = tiny()
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 16, 64, 96\); got \(2, 3, 16, 64, 64\)"):
        net(clip(net)[..., :64])
