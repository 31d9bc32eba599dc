"""MSPI's audio and image-saliency encoders: the functions of the authors' code, and the files that they read.

And the whole network counted with each motion encoder, for docs/mspi.md.
"""

import pytest
import timm
import torch
from conftest import HOME
from parity import Golden
from torch import nn

from avsal_bench.models.backbones import audio_resnet, image_saliency
from avsal_bench.models.backbones.audio_resnet import AudioResNet18
from avsal_bench.models.backbones.image_saliency import (
    ImageSaliencyEncoder,
    ImageSaliencyModel,
    convnext_t,
    mobilenetv2,
)
from avsal_bench.models.backbones.motion import MOTION_ENCODERS
from avsal_bench.models.weights.loading import load_published

SMALL = {"depths": (1, 1, 2, 1), "dims": (8, 8, 16, 24)}


def published(module, name):
    return next(weights for weights in module.WEIGHTS if weights.name == name)


def state_of(prefix):
    golden = Golden("mspi_s3d")
    golden.about["state"] = [entry for entry in golden.about["state"] if entry[0].startswith(prefix)]
    return {key.removeprefix(prefix): value for key, value in golden.state().items()}


def count(net):
    return sum(p.numel() for p in net.parameters())


def without_gradient(net):
    return [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]


def test_every_entry_of_the_audio_encoder_has_a_place():
    """Its feature, within the network, is compared in test_mspi_parity.py."""
    state = state_of("audnet.")
    net = published(audio_resnet, "resnet18_vggsound").build().eval()
    load_published(net, state)
    assert count(net) == 11_170_240


def test_the_audio_encoder_has_neither_pooling_nor_classifier_and_starts_awake():
    torch.manual_seed(0)
    net = AudioResNet18(width=0.125)
    assert {key.split(".")[0] for key in net.state_dict()} == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}
    assert {m.eps for m in net.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-5}
    assert all(m.weight.all() for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    net.eval()
    sound = torch.randn(2, 1, 257, 111)
    found = net(sound)
    assert found.shape == (2, net.channels, 9, 4) == (2, 64, 9, 4)
    found.square().sum().backward()
    assert without_gradient(net) == []
    with torch.no_grad():
        assert torch.allclose(net(sound[1:]), found[1:], atol=1e-5)


def test_every_entry_of_the_image_encoder_has_a_place():
    """Its features, within the network, are compared in test_mspi_parity.py."""
    state = state_of("image_encoder.")
    net = published(image_saliency, "mspi_image_convnext_t").build().eval()
    load_published(net, state)
    assert round(count(net) / 1e6, 3) == 30.363


def test_the_norms_of_the_image_encoder_have_the_eps_of_the_authors():
    net = ImageSaliencyEncoder(**SMALL)
    layer_norms = [m.eps for m in net.modules() if isinstance(m, nn.LayerNorm)]
    assert set(layer_norms) == {1e-6}
    assert len(layer_norms) == 1 + 3 + 5
    assert {m.eps for m in net.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-5}


@pytest.mark.parametrize("options", [SMALL, {"encoder": "mobilenetv2"}], ids=["convnext_t", "mobilenetv2"])
def test_both_image_encoders_give_96_and_320_channels_frame_by_frame(options):
    torch.manual_seed(0)
    net = ImageSaliencyEncoder(**options).eval()
    frames = torch.randn(3, 3, 64, 96)
    with torch.no_grad():
        fine, coarse = net(frames)
        alone = net(frames[2:])
    assert fine.shape == (3, 96, 4, 6)
    assert coarse.shape == (3, 320, 2, 3)
    assert torch.allclose(fine[2:], alone[0], atol=1e-5 * float(fine.abs().max()))
    assert torch.allclose(coarse[2:], alone[1], atol=1e-5 * float(coarse.abs().max()))


def test_other_image_encoders_are_refused():
    with pytest.raises(ValueError, match="'convnext_t' or 'mobilenetv2'; got 'resnet50'"):
        ImageSaliencyEncoder("resnet50")
    with pytest.raises(ValueError, match="mobilenetv2 has no dims"):
        ImageSaliencyEncoder("mobilenetv2", dims=(8, 8, 16, 24))


@pytest.mark.parametrize("options", [SMALL, {"encoder": "mobilenetv2"}], ids=["convnext_t", "mobilenetv2"])
def test_the_image_saliency_model_gives_log_maps_and_trains_every_parameter(options):
    torch.manual_seed(0)
    net = ImageSaliencyModel(**options).eval()
    found = net(torch.randn(2, 3, 64, 96))
    assert found.shape == (2, 64, 96)
    assert torch.allclose(found.exp().sum((1, 2)), torch.ones(2), atol=1e-4)
    found[:, 20, 30].sum().backward()
    # A bias of the last layer moves all of the log map alike, and the softmax takes it out.
    assert set(without_gradient(net)) <= {"head.bias"}


def test_the_image_saliency_model_names_sizes_that_it_cannot_take():
    with pytest.raises(ValueError, match=r"height and a width of 32, 64 .*\(1, 3, 64, 90\)"):
        ImageSaliencyModel(**SMALL)(torch.zeros(1, 3, 64, 90))


def test_what_the_model_trained_is_what_the_encoder_loads():
    torch.manual_seed(0)
    trained, fresh = ImageSaliencyModel(**SMALL), ImageSaliencyEncoder(**SMALL)
    load_published(fresh, trained.encoder.state_dict())
    assert all(torch.equal(value, trained.encoder.state_dict()[key]) for key, value in fresh.state_dict().items())


def test_facebooks_convnext_leads_where_timms_reader_brings_it():
    torch.manual_seed(0)
    shapes = {"norm.weight": (24,), "norm.bias": (24,), "head.weight": (10, 24), "head.bias": (10,)}
    for i, (depth, dim) in enumerate(zip(SMALL["depths"], SMALL["dims"], strict=True)):
        before = SMALL["dims"][i - 1]
        conv, norm = ((dim, 3, 4, 4), dim) if i == 0 else ((dim, before, 2, 2), before)
        first, second = (conv, (norm,)) if i == 0 else ((norm,), conv)
        down = f"downsample_layers.{i}."
        shapes |= {f"{down}0.weight": first, f"{down}1.weight": second, f"{down}0.bias": first[:1]}
        shapes |= {f"{down}1.bias": second[:1]}
        for j in range(depth):
            block = f"stages.{i}.{j}."
            shapes |= {f"{block}gamma": (dim,), f"{block}dwconv.weight": (dim, 1, 7, 7), f"{block}dwconv.bias": (dim,)}
            shapes |= {f"{block}norm.weight": (dim,), f"{block}norm.bias": (dim,)}
            shapes |= {f"{block}pwconv1.weight": (4 * dim, dim), f"{block}pwconv1.bias": (4 * dim,)}
            shapes |= {f"{block}pwconv2.weight": (dim, 4 * dim), f"{block}pwconv2.bias": (dim,)}
    state = {key: 0.1 * torch.randn(shape) for key, shape in shapes.items()}
    net = convnext_t(**SMALL).eval()
    loaded = load_published(net, state, published(image_saliency, "convnext_t_imagenet").rename)
    assert set(loaded.without_effect) == {"norm.weight", "norm.bias", "head.weight", "head.bias"}
    whole = timm.create_model("convnext_tiny", num_classes=10, **SMALL).eval()
    whole.load_state_dict(timm.models.convnext.checkpoint_filter_fn(dict(state), whole))
    frames = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = whole.forward_intermediates(frames, indices=[2, 3], intermediates_only=True)
        assert all(torch.equal(a, b) for a, b in zip(net(frames), expected, strict=True))


def test_timms_mobilenetv2_loads_without_its_head():
    torch.manual_seed(0)
    whole = timm.create_model("mobilenetv2_100", pretrained=False).eval()
    weights = published(image_saliency, "mobilenetv2_imagenet")
    net = weights.build().eval()
    loaded = load_published(net, whole.state_dict(), weights.rename)
    assert {key.split(".")[0] for key in loaded.without_effect} == {"conv_head", "bn2", "classifier"}
    frames = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(net(frames)[1], whole.blocks(whole.bn1(whole.conv_stem(frames))))
    assert load_published(mobilenetv2(), net.state_dict()).without_effect == ()


# Table 6


@pytest.fixture
def table6(monkeypatch):
    """The script that writes the table of docs/mspi.md."""
    monkeypatch.syspath_prepend(HOME / "docs")
    import mspi_table6

    return mspi_table6


@pytest.mark.parametrize("encoder", MOTION_ENCODERS)
def test_parameters_are_those_of_the_authors_code_less_the_ones_without_effect(encoder, table6):
    golden = Golden(f"mspi_{encoder}")
    shapes = {key: torch.Size(shape) for key, shape, *_ in golden.about["state"]}
    idle = sum(shapes[key].numel() for key in golden.without_effect)
    with torch.device("meta"):
        net = table6.build(encoder)
    assert count(net) == golden.parameters - idle
    assert table6.trainable(encoder) == golden.about["trainable"] - idle
    assert table6.authors_parameters(encoder) == golden.parameters
    # The paper rounds to millions.
    assert abs(golden.parameters / 1e6 - table6.TABLE_6[encoder][0]) < 0.5
    assert golden.parameters - golden.about["trainable"] == pytest.approx(table6.FROZEN[0] * 1e6, abs=5e3)


def test_the_page_has_the_lines_of_table_6_as_they_are(table6):
    page = (HOME / "docs" / "mspi.md").read_text(encoding="utf-8").splitlines()
    assert list(MOTION_ENCODERS) == list(table6.TABLE_6)
    frozen = table6.count(table6.Frozen)
    assert 0.99 < frozen.macs / 1e9 / table6.FROZEN[1] <= 1
    for encoder in ("s3d", "slowfast_4x16"):
        line = table6.line(encoder, frozen)
        assert line in page, "docs/mspi.md is not up to date; `python docs/mspi_table6.py` writes its table"
        macs = float(line.split("|")[8])
        assert 0.99 < macs / table6.TABLE_6[encoder][1] <= 1
