"""The motion encoders of MSPI: the functions that its authors have, and what goes with them."""

import sys
from typing import NamedTuple

import pytest
import torch
from parity import Golden, drawn, unfilled
from torch import nn
from torchvision.models.video import mvit_v2_s, swin3d_s

from avsal_bench.models.backbones import mvitv2, s3d, slowfast, videoswin, x3d
from avsal_bench.models.weights.loading import load_published


class Encoder(NamedTuple):
    build: object
    rename: object
    #: Parameters of the authors' encoder, those without effect too.
    million: float


def mspi_s3d(width=1.0):
    return s3d.S3D(width, last_time_pool=1)


ENCODERS = {
    "s3d": Encoder(mspi_s3d, s3d.rename_kylemin, 7.91),
    "slowfast_4x16": Encoder(slowfast.SlowFast, slowfast.rename_pyslowfast, 33.56),
    "x3d_l": Encoder(x3d.X3D, x3d.rename_pyslowfast, 4.37),
    "videoswin_s": Encoder(videoswin.VideoSwin, videoswin.rename_mmaction, 49.51),
    "mvitv2_s": Encoder(mvitv2.MViTv2, mvitv2.rename_pyslowfast, 34.23),
}
every_encoder = pytest.mark.parametrize("name", ENCODERS)


@pytest.fixture(scope="module", params=ENCODERS)
def published(request):
    """The name of an encoder, the encoder with the authors' state dict, what was loaded, and that state dict."""
    encoder = ENCODERS[request.param]
    state = Golden(f"mspi_{request.param}").state()
    state = {key.removeprefix("visnet."): value for key, value in state.items() if key.startswith("visnet.")}
    net = unfilled(encoder.build)
    return request.param, net, load_published(net, state, encoder.rename), state


def small(name):
    """An encoder of an eighth of the width, with weights that leave nothing at zero."""
    # SlowFast's fast pathway begins with one channel there, which may be zero for ever.
    net = ENCODERS[name].build(width=0.25 if name == "slowfast_4x16" else 0.125).eval()
    filled = {key: drawn(key, tuple(value.shape), 1) for key, value in net.state_dict().items() if value.dim()}
    for key, value in filled.items():
        if key.endswith(("norm_c.weight", "bn3.weight")):  # 55 full blocks would saturate X3D's gates
            value *= 0.1
    net.load_state_dict(filled, strict=False)  # without the counters of the batch norms
    return net


@pytest.mark.slow
@pytest.mark.parametrize("published", ["slowfast_4x16", "x3d_l"], indirect=True)
def test_the_features_are_those_of_the_authors_code(published):
    """Of the two that take a second; test_mspi_parity.py has the features of all at all sizes, within the network."""
    name, net, _, _ = published
    golden = Golden(f"mspi_{name}")
    with torch.inference_mode():
        features = net(golden.inputs()[0])
    assert [golden.error(f"feature/visnet.{i}", feature) <= 1e-5 for i, feature in enumerate(features)] == [True] * 4
    assert [feature.shape[1:3] for feature in features] == list(zip(net.channels, net.steps, strict=True))


@pytest.mark.slow
def test_only_parameters_without_effect_are_left_out(published):
    name, _, loaded, _ = published
    computed = ("running_mean", "running_var", "num_batches_tracked", "relative_position_index")
    without_effect = {key for key in Golden(f"mspi_{name}").without_effect if key.startswith("visnet.")}
    assert {f"visnet.{key}" for key in loaded.without_effect if not key.endswith(computed)} == without_effect


@pytest.mark.slow
def test_the_parameters_are_as_many_as_the_authors(published):
    name, net, loaded, state = published
    computed = ("running_mean", "running_var", "num_batches_tracked", "relative_position_index")
    left_out = sum(state[key].numel() for key in loaded.without_effect if not key.endswith(computed))
    parameters = sum(parameter.numel() for parameter in net.parameters())
    assert round((parameters + left_out) / 1e6, 2) == ENCODERS[name].million


@every_encoder
def test_the_features_have_the_channels_and_steps_that_the_encoder_tells(name):
    net = small(name)
    with torch.inference_mode():
        features = net(torch.randn(1, 3, 16, 64, 96))
    grids = [(16, 24), (8, 12), (4, 6), (2, 3)]
    expected = [(1, c, t, *grid) for c, t, grid in zip(net.channels, net.steps, grids, strict=True)]
    assert [tuple(feature.shape) for feature in features] == expected


@every_encoder
def test_every_parameter_has_a_gradient(name):
    net = small(name)
    torch.manual_seed(0)
    features = net(torch.randn(1, 3, 16, 64, 96))
    sum((feature * torch.randn_like(feature)).sum() for feature in features).backward()
    without = [key for key, value in net.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []
    assert all(value.grad.isfinite().all() for value in net.parameters())


@every_encoder
def test_clips_of_a_batch_do_not_see_each_other(name):
    net = small(name)
    torch.manual_seed(0)
    frames = torch.randn(2, 3, 16, 64, 64)
    with torch.inference_mode():
        together, alone = net(frames), [net(frames[i : i + 1]) for i in range(2)]
    for i, feature in enumerate(together):
        expected = torch.cat([features[i] for features in alone])
        assert (feature - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_what_the_golden_values_cannot_see():
    """An epsilon of 1e-6 in the place of 1e-5 changes less than float32 does, and dropping is for training."""
    swin, mvit = videoswin.VideoSwin(width=0.125), mvitv2.MViTv2(width=0.125)
    epsilons = [{m.eps for m in net.modules() if isinstance(m, nn.LayerNorm)} for net in (swin, mvit)]
    assert epsilons == [{1e-5}, {1e-6}]
    assert {block.stochastic_depth.p for stage in swin.features[::2] for block in stage} == {0.0}
    dropped = [block.stochastic_depth.p for block in mvit.blocks]
    assert dropped == pytest.approx([0.2 * i / 15 for i in range(16)])


def test_the_s3d_of_the_other_networks_halves_time_once_more():
    net, frames = s3d.S3D(width=0.125).eval(), torch.randn(1, 3, 16, 32, 32)
    with torch.inference_mode():
        assert tuple(feature.shape[2] for feature in net(frames)) == net.steps == (8, 8, 4, 2)


def test_slowfast_refuses_another_number_of_frames():
    with pytest.raises(ValueError, match="16 frames; got 32"):
        slowfast.SlowFast(width=0.125)(torch.zeros(1, 3, 32, 32, 32))


def test_relative_rows_are_the_distances_between_queries_and_keys():
    table = torch.arange(7.0)[:, None]
    assert mvitv2.relative_rows(table, 4, 4)[..., 0].tolist() == [[3 + i - j for j in range(4)] for i in range(4)]
    # Two keys cover four queries, and the other way round.
    assert mvitv2.relative_rows(table, 4, 2)[..., 0].tolist() == [[2 + i - 2 * j for j in range(2)] for i in range(4)]
    assert mvitv2.relative_rows(table, 2, 4)[..., 0].tolist() == [[3 + 2 * i - j for j in range(4)] for i in range(2)]


def test_a_table_of_another_length_is_interpolated():
    table = torch.tensor([[0.0], [2.0], [4.0]])
    # Linear, between the middles of the rows: five rows over three.
    rows = mvitv2.relative_rows(table, 3, 3)[..., 0]
    assert torch.allclose(rows[2], torch.tensor([4.0, 3.2, 2.0]), atol=1e-6)
    assert torch.allclose(rows[0], torch.tensor([2.0, 0.8, 0.0]), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "library", "rename", "left_out"),
    [
        (videoswin.VideoSwin, swin3d_s, videoswin.rename_torchvision, {"patch_embed.norm", "norm", "head"}),
        (mvitv2.MViTv2, mvit_v2_s, mvitv2.rename_torchvision, {"pos_encoding", "norm", "head.1"}),
    ],
    ids=["videoswin_s", "mvitv2_s"],
)
def test_the_names_of_torchvision_have_their_places(build, library, rename, left_out):
    loaded = load_published(build(), library().state_dict(), rename)
    kept = [key for key in loaded.without_effect if not key.endswith("relative_position_index")]
    assert {key.rpartition(".")[0] for key in kept} == left_out


def test_without_pytorchvideo_x3d_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorchvideo.models.x3d", None)
    text = r"encoder x3d is made of pytorchvideo, which is not installed: `pip install 'avsal-bench\[pytorchvideo\]'`"
    with pytest.raises(ValueError, match=text):
        x3d.X3D()
    assert mspi_s3d(0.125)


def test_a_python_that_cannot_import_pytorchvideo_is_named(monkeypatch):
    def fails(name):
        raise ImportError("cannot import name 'gone' from 'ast'")

    monkeypatch.setattr(x3d.importlib, "import_module", fails)
    monkeypatch.setattr(x3d.platform, "python_version", lambda: "3.14.2")
    with pytest.raises(ValueError, match=r"Python 3\.14\.2 cannot import \(cannot import name 'gone'.*choose another"):
        x3d.X3D()
