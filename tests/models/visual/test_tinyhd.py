"""TinyHD in both forms, against what its authors' code gives for the same weights, and for their trained ones."""

import hashlib
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from parity import Golden, features, normal
from real_files import needs_real, real
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.bench.workspace import workspace
from avsal_bench.data.files.frames import read_frames
from avsal_bench.models import create_model, model_entry
from avsal_bench.models.backbones.mobilenetv2 import MobileNet3D, rename_torchvision
from avsal_bench.models.layers.inverted_residual import InvertedResidual, shuffle
from avsal_bench.models.visual.tinyhd import TinyHD, enlarge, stretch
from avsal_bench.models.weights.loading import Loaded, load_published, read_state
from avsal_bench.models.weights.store import load_weights
from avsal_bench.prediction import open_film

#: The file of the authors' outputs, how many maps there are, and the weights that they trained.
FORMS = {1: ("tinyhd_v", "tinyhd_dhf1k"), 16: ("tinyhd_16", "tinyhd_multi_dhf1k")}
DECODERS = ("d1", "d2", "d3")


def tiny(maps: int = 1, **options: Any) -> TinyHD:
    torch.manual_seed(0)
    return create_model("tinyhd", **{**model_entry("tinyhd").tiny, "maps": maps, **options})


def clip(net: TinyHD, batch: int = 1) -> Tensor:
    return torch.randn(batch, 3, 16, *net.spec.size, generator=torch.Generator().manual_seed(0))


def all_maps(net: TinyHD, frames: Tensor) -> Tensor:
    """``(B, H, W)`` of the network with one map, ``(B, 16, H, W)`` of that with sixteen."""
    with torch.no_grad():
        return net.every_frame(frames)[0] if net.maps == 16 else net(frames)


# The authors' network


class Run(NamedTuple):
    golden: Golden
    net: TinyHD
    loaded: Loaded
    found: dict[str, Tensor]


@pytest.fixture(scope="module", params=FORMS)
def run(request) -> Run:
    golden = Golden(FORMS[request.param][0])
    (frames,) = golden.inputs()
    net = create_model("tinyhd", maps=request.param, size=frames.shape[-2:]).eval()
    loaded = load_published(net, golden.state())
    watched = {f"enc{i}": net.encoder[i] for i in (1, 6, 13, 18)} | {name: getattr(net, name) for name in DECODERS}
    with features(**watched, logits=net.head) as found:
        found["pred"] = all_maps(net, frames)
    return Run(golden, net, loaded, {k: v.sigmoid() if k in DECODERS else v for k, v in found.items()})


def test_outputs_are_those_of_the_authors_code(run):
    assert run.golden.error("pred", run.found["pred"]) < 1e-5
    # In float64 the logits of one map differ by 1.9e-5: it is the rounding of the authors' run in float32.
    assert run.golden.error("logits", run.found["logits"]) < 3e-5


def test_features_are_those_of_the_authors_code(run):
    names = [name for name in run.found if f"feature/{name}/sample" in run.golden.data]
    assert names == ["enc1", "enc6", "enc13", "enc18", "d1", "d2", "d3"]
    errors = {name: run.golden.error(f"feature/{name}", run.found[name]) for name in names}
    limits = {"d1": 3e-5}  # rounding of the authors' run, as with the logits
    assert {name: error for name, error in errors.items() if not error < limits.get(name, 1e-5)} == {}


def test_every_entry_of_the_authors_has_a_place(run):
    assert sum(p.numel() for p in run.net.parameters()) == run.golden.parameters
    assert run.golden.parameters == {1: 513_121, 16: 515_281}[run.net.maps]
    assert len(run.loaded.loaded) == len(run.net.state_dict()) == 980
    assert run.loaded.without_effect == ()


def test_batch_norms_are_those_of_the_authors(run):
    norms = [module for module in run.net.modules() if isinstance(module, nn.BatchNorm3d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.1)}
    assert len(norms) == 163


def test_two_networks_in_a_process_do_not_disturb_each_other():
    one, other = tiny().eval(), tiny(16).eval()
    frames = clip(one)
    alone = all_maps(one, frames)
    all_maps(other, -frames)
    assert torch.equal(all_maps(one, frames), alone)


# Weights that the authors trained


def pattern() -> Tensor:
    """The authors' sheet's made clip: a wave in each channel and a spot that moves, ``(1, 3, 16, 192, 256)``."""
    k, t, r, c = np.ogrid[:3, :16, :192, :256]
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * ((k + 1) * c / 256 + (2 - k) * r / 192 + (k + 1) * t / 16))
    spot = np.exp(-((r - 96 - 30 * np.sin(t / 4)) ** 2 + (c - 60 - 8 * t) ** 2) / (2 * 18**2))
    spec = create_model("tinyhd").spec
    mean, std = (np.reshape(values, (3, 1, 1, 1)) for values in (spec.mean, spec.std))
    return torch.from_numpy(((0.35 * wave + 0.65 * spot - mean) / std)[None].astype(np.float32))


INPUTS = {"normal": lambda: normal("video", (1, 3, 16, 192, 256)), "pattern": pattern}


def trained(maps: int, name: str) -> TinyHD:
    store = workspace().weights
    if not (store / f"{name}.pt").is_file():
        pytest.skip(
            f"no trained weights here: {name} is not in the store (`avsal weights get {name}`, or AVSAL_WEIGHTS)"
        )
    net = create_model("tinyhd", maps=maps).eval()
    load_weights(net, name, store)
    return net


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("maps", FORMS)
def test_trained_weights_give_the_maps_of_the_authors_code(maps, kind):
    golden = Golden(FORMS[maps][0])
    net = trained(maps, FORMS[maps][1])
    frames, want = INPUTS[kind](), golden.about["trained"]["inputs"][kind]
    if kind == "normal":
        assert hashlib.sha256(frames.numpy().tobytes()).hexdigest() == want["sha256"]
    with features(**{name: getattr(net, name) for name in DECODERS}, logits=net.head) as seen:
        found = all_maps(net, frames).double()
    assert list(found.shape) == want["shape"]
    for name, value in {"": found, "logits_": seen["logits"].double()}.items():
        flat = value.flatten()
        picked = flat[[i * flat.numel() // 64 for i in range(64)]]
        limit = 1e-4 if name else 1e-6
        np.testing.assert_allclose(picked, golden.data[f"trained/{kind}/{name}sample"], atol=limit, rtol=0)
        spread = value.std(correction=0)
        assert (value.mean().item(), spread.item()) == pytest.approx(
            (want[f"{name}mean"], want[f"{name}std"]), abs=limit
        )
    assert (found.min().item(), found.max().item()) == pytest.approx((want["min"], want["max"]), abs=1e-6)
    for name, its in want["decoder_maps"].items():
        value = seen[name].double().sigmoid()
        assert (value.mean().item(), value.std(correction=0).item()) == pytest.approx(
            (its["mean"], its["std"]), abs=1e-5
        )
    last = found.flatten(0, -3)[-1]
    assert list(divmod(int(last.argmax()), 256)) == want["argmax_last_map_row_col"]


@needs_real("dhf1k_002/002.AVI")
def test_trained_weights_see_what_people_look_at_in_a_real_film():
    """The map of a frame stands out from the mean of others at its own place, and frames change it."""
    net = trained(1, "tinyhd_dhf1k")
    video = open_film(real("dhf1k_002", "002.AVI"))
    mean, std = (torch.tensor(values).view(1, 3, 1, 1, 1) * 255 for values in (net.spec.mean, net.spec.std))
    maps = []
    for last in (16, 400):
        frames = read_frames(video, range(last - 15, last + 1), net.spec.size, net.spec.antialias)
        with torch.inference_mode():
            maps.append(net((frames[None].float() - mean) / std)[0])
    for saliency in maps:
        assert saliency.max() > 20 * saliency.median(), "a few places, and not a grey field"
        assert saliency.max() > 0.05
    assert torch.corrcoef(torch.stack([saliency.flatten() for saliency in maps]))[0, 1] < 0.95


def test_the_wrapper_of_the_authors_files_is_known(tmp_path):
    state = Golden("tinyhd_v").state()
    torch.save({"student_model": state}, tmp_path / "d123s_rc4_rc1T.pth")
    assert len(load_published(tiny(), tmp_path / "d123s_rc4_rc1T.pth").loaded) == 980
    torch.save({"student_model": state, "model": state}, tmp_path / "two.pth")
    with pytest.raises(ValueError, match="several state dicts, model, student_model"):
        read_state(tmp_path / "two.pth")


@pytest.mark.parametrize("maps", FORMS)
def test_weights_of_the_other_form_are_refused(maps):
    with pytest.raises(ValueError, match=r"does not fit tinyhd \(frames only\)\n.*has|have another shape"):
        load_published(tiny(maps), Golden(FORMS[17 - maps][0]).state())


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("aggregator.aggregate_adapter.37.conv.0.0.weight", r"leads nowhere: .*here d3\.blocks\.13\.conv"),
        ("aggregator.aggregate_adapter.x", r"leads nowhere: aggregator\.aggregate_adapter\.x"),
        ("decoder.decoder.1.weight", r"leads nowhere: decoder\.decoder\.1\.weight"),
    ],
)
def test_an_entry_that_the_authors_do_not_have_is_refused(key, message):
    with pytest.raises(ValueError, match=message):
        load_published(tiny(), Golden("tinyhd_v").state() | {key: torch.zeros(1)})


# The blocks


def plain(block: InvertedResidual, x: Tensor) -> Tensor:
    """A block, one plain layer after the other."""
    *inner, project, norm = block.conv
    y = x
    for conv, normalise in inner:
        y = normalise(F.conv3d(y, conv.weight, None, conv.stride, conv.padding, groups=conv.groups)).clamp(0, 6)
    y = norm(F.conv3d(y, project.weight))
    return x + y if block.residual else y


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("expansion", "kernel", "stride", "residual"),
    [(6, (3, 3, 3), (1, 1, 1), True), (1, (3, 3, 3), (2, 2, 2), False), (2, (2, 3, 3), (1, 2, 2), False)],
)
def test_a_block_is_its_layers_one_by_one(training, expansion, kernel, stride, residual):
    torch.manual_seed(0)
    block = InvertedResidual(4, 4, expansion, kernel, stride, residual).double()
    for name, value in block.named_buffers():
        if "running" in name:
            value.uniform_(0.5, 1.5)
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(2, 4, 2, 6, 8, dtype=torch.float64)
    torch.testing.assert_close(block.train(training)(x), plain(block, x))


def test_resampling_is_what_the_sheet_says():
    x = torch.randn(2, 8, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    for found, size in ((enlarge(x), (3, 8, 12)), (stretch(x), (6, 4, 6))):
        torch.testing.assert_close(found, F.interpolate(x, size, mode="trilinear", align_corners=True))
    assert torch.equal(shuffle(x)[:, :, 1], F.pixel_shuffle(x[:, :, 1], 2))


# The network


@pytest.mark.parametrize("maps", FORMS)
def test_a_map_for_the_target_frame_and_with_sixteen_one_for_each(maps):
    net = tiny(maps).eval()
    frames = clip(net, 2)
    with torch.no_grad():
        last = net(frames)
    assert last.shape == (2, 64, 96)
    if maps == 16:
        (every,) = net.every_frame(frames)
        assert every.shape == (2, 16, 64, 96)
        assert torch.equal(every[:, -1], last)
        assert (every[:, 1:] - every[:, :-1]).abs().amax((2, 3)).gt(0).all(), "no two frames in a row have one map"
    else:
        with pytest.raises(TypeError, match="build it with maps=16"):
            net.every_frame(frames)


@pytest.mark.parametrize("maps", FORMS)
def test_every_frame_of_the_clip_counts(maps):
    net = tiny(maps, size=(32, 32)).train()
    frames = clip(net, 2).requires_grad_()
    saliency = net(frames)
    (saliency * torch.randn_like(saliency)).sum().backward()
    assert frames.grad.abs().amax((0, 1, 3, 4)).gt(0).all()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_clip_is_that_of_the_authors():
    spec = create_model("tinyhd").spec
    assert (spec.frames, spec.size, spec.target, spec.audio, spec.antialias) == (16, (192, 256), "last", None, False)
    assert (spec.mean, spec.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_names_of_rows():
    entry = model_entry("tinyhd")
    assert (entry.label({}), entry.label({"maps": 16})) == ("tinyhd", "tinyhd-16")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"maps": 2}, r"tinyhd has 1 map \(of the last frame\) or 16 \(of every frame\); got maps=2"),
        ({"maps": "16"}, "got maps='16'"),
        ({"maps": 16.0}, r"got maps=16\.0"),
        ({"maps": True}, "got maps=True"),
        ({"frames": 32}, "tinyhd takes clips of 16 frames; got 32"),
        ({"size": (60, 96)}, r"got \(60, 96\)"),
        ({"modality": "av"}, "tinyhd has no modality 'av'; it has: v"),
    ],
)
def test_an_option_outside_its_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


@pytest.mark.parametrize("shape", [(1, 3, 16, 64, 64), (1, 3, 8, 64, 96)])
def test_a_clip_that_is_not_the_one_of_the_spec(shape):
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 16, 64, 96\)"):
        tiny()(torch.zeros(shape))


# The start of the encoder


def test_the_encoder_starts_from_torchvisions_network():
    from torchvision.models import mobilenet_v2

    with torch.device("meta"):
        theirs = mobilenet_v2(weights=None)
    state = {key: torch.rand(value.shape) for key, value in theirs.state_dict().items() if value.is_floating_point()}
    encoder = MobileNet3D()
    loaded = load_published(encoder, state, rename_torchvision)
    assert {key.split(".")[0] for key in loaded.without_effect} == {"classifier"}
    first = state["features.0.0.weight"]
    torch.testing.assert_close(encoder[0][0].weight[1, :, 2], first[4:8].mean(0))
    point = state["features.2.conv.0.0.weight"]
    torch.testing.assert_close(encoder[2].conv[0][0].weight[1, 2, 0], point[4:8, 8:12].mean((0, 1)))
