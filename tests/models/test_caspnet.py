"""CASP-Net, its encoder of sound and its decoders, against the paper's numbers."""

import re

import pytest
import torch
from conftest import HOME
from torch import nn

from avsal_bench.models import create_model, model_entry
from avsal_bench.models.backbones.vggish import VGGish, rename_torchvggish
from avsal_bench.models.caspnet import CASPNet
from avsal_bench.models.layers.aspp import ASPP
from avsal_bench.models.layers.caspnet_decoders import DenseBlock, FCNDecoder, SalDecoder, UNetDecoder
from avsal_bench.models.weights.loading import load_published
from avsal_bench.training.recipe import load_recipe

DECODERS = {"sal": SalDecoder(256, 32, 64), "fcn": FCNDecoder(256, 64), "unet": UNetDecoder(256, 64)}


def tiny(**options) -> CASPNet:
    torch.manual_seed(0)
    return create_model("caspnet", **{**model_entry("caspnet").tiny, **options})


def clip(net: CASPNet, batch: int = 2):
    draw = torch.Generator().manual_seed(0)
    frames = torch.randn(batch, 3, 16, *net.spec.size, generator=draw)
    return frames, None if net.spec.audio is None else torch.randn(batch, 1, 96, 64, generator=draw)


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


# VGGish


def test_vggish_flattens_time_then_band_then_channel():
    net = VGGish(width=0.125)
    example = torch.randn(2, 1, 96, 64)
    maps = net.features(example)
    assert maps.shape == (2, 64, 6, 4)
    seen = {}
    net.embeddings[0].register_forward_hook(lambda _module, inputs, _output: seen.update(flat=inputs[0]))
    assert net(example).shape == (2, net.channels)
    t, f, c = 4, 3, 50
    assert torch.equal(seen["flat"][:, (t * 4 + f) * 64 + c], maps[:, c, t, f])


def test_vggish_of_the_published_size():
    with torch.device("meta"):
        net = VGGish()
        assert net.features(torch.empty(1, 1, 96, 64)).shape == (1, 512, 6, 4)
        assert net(torch.empty(1, 1, 96, 64)).shape == (1, 128)
    assert [layer.in_features for layer in net.embeddings if isinstance(layer, nn.Linear)] == [12288, 4096, 4096]
    assert count(net) / 1e6 == pytest.approx(72.1, abs=0.05)
    convolutions = [f"features.{i}" for i in (0, 3, 6, 8, 11, 13)]
    layers = {key.rpartition(".")[0] for key in net.state_dict()}
    assert layers == {*convolutions, "embeddings.0", "embeddings.2", "embeddings.4"}


def test_a_file_of_vggish_with_its_pca_is_loaded():
    theirs, ours = VGGish(width=0.125), VGGish(width=0.125)
    state = {**theirs.state_dict(), "pproc.pca_matrix": torch.zeros(128, 128), "pproc.pca_means": torch.zeros(128, 1)}
    loaded = load_published(ours, state, rename_torchvggish)
    assert set(loaded.without_effect) == {"pproc.pca_matrix", "pproc.pca_means"}
    assert all(torch.equal(value, theirs.state_dict()[key]) for key, value in ours.state_dict().items())


def test_the_sound_survives_vggish_from_random_weights():
    torch.manual_seed(0)
    found = VGGish(width=0.25)(torch.randn(8, 1, 96, 64))
    assert found.std(0).mean() > 0.05 * found.mean() > 0


def test_an_example_of_another_shape():
    with pytest.raises(ValueError, match=r"\(B, 1, 96, 64\), time first; got \(2, 1, 64, 96\)"):
        VGGish(width=0.1)(torch.zeros(2, 1, 64, 96))


# Decoders


@pytest.mark.parametrize(
    ("name", "parameters", "paper"), [("sal", 2_492_033, 2.49), ("fcn", 1_772_097, 1.77), ("unet", 3_935_137, 3.94)]
)
def test_decoders_have_the_parameters_of_table_1(name, parameters, paper):
    assert count(DECODERS[name]) == parameters
    assert count(DECODERS[name]) / 1e6 == pytest.approx(paper, rel=0.01)


@pytest.mark.parametrize("name", ["sal", "fcn", "unet"])
def test_a_decoder_reads_every_stage_it_names(name):
    torch.manual_seed(0)
    decoder = {"sal": SalDecoder(4, 2, 4), "fcn": FCNDecoder(4, 4), "unet": UNetDecoder(4, 4)}[name]
    grids = {1: (8, 16, 24), 2: (8, 8, 12), 3: (4, 4, 6), 4: (2, 2, 3)}
    features = [torch.randn(2, 4, *grids[stage], requires_grad=True) for stage in decoder.stages]
    saliency = decoder(features)
    assert saliency.shape == (2, 64, 96)
    assert ((saliency >= 0) & (saliency <= 1)).all()
    saliency.square().sum().backward()
    assert all(feature.grad.any() for feature in features)
    assert all(p.grad.any() for p in decoder.parameters())
    biased = [key for key, p in decoder.named_parameters() if p.ndim == 1 and key.endswith("bias")]
    norms = [key for key, module in decoder.named_modules() if isinstance(module, nn.BatchNorm3d)]
    assert set(biased) == {"head.bias", *(f"{key}.bias" for key in norms)}


def test_a_dense_block_keeps_its_input_and_adds_to_it():
    block = DenseBlock(8, 3).eval()
    x = torch.randn(2, 8, 2, 3, 4)
    y = block(x)
    assert y.shape == (2, block.channels, 2, 3, 4) == (2, 17, 2, 3, 4)
    assert torch.equal(y[:, :8], x)
    torch.testing.assert_close(y[:, 11:14], block.layers[1](y[:, :11]))


# The network


def test_aspp_is_the_sum_of_four_rates():
    aspp = ASPP(3, 5)
    x = torch.randn(2, 3, 2, 7, 9)
    parts = [
        nn.functional.conv3d(x, branch.weight, branch.bias, padding=(0, r, r), dilation=(1, r, r))
        for branch, r in zip(aspp.branches, (3, 6, 12, 18), strict=True)
    ]
    torch.testing.assert_close(aspp(x), sum(parts))
    with torch.device("meta"):
        assert sum(count(ASPP(c, 256)) for c in (192, 480, 832, 1024)) / 1e6 == pytest.approx(23.30, abs=0.005)


def test_shapes_at_the_papers_size():
    """Without values: the network is on the meta device."""
    with torch.device("meta"):
        net = create_model("caspnet")
        shapes = {}
        names = [f"{part}.{i}" for part in ("aspp", "avim") for i in (1, 2, 3, 4)]
        names += [f"decoder.dense.{i}" for i in range(4)] + [f"decoder.generate.{i}" for i in range(4)]
        for name in (*names, "s3d.base1", "s3d.base2", "s3d.base3", "s3d.base4", "vggish", "project", "cpc", "decoder"):
            net.get_submodule(name).register_forward_hook(
                lambda _module, _inputs, output, name=name: shapes.update({name: tuple(output.shape[1:])})
            )
        net(torch.empty(1, 3, 16, 224, 384), torch.empty(1, 1, 96, 64))
    grids = {1: (8, 56, 96), 2: (8, 28, 48), 3: (4, 14, 24), 4: (2, 7, 12)}
    expected = {"vggish": (128,), "project": (256,), "cpc": (256, *grids[4]), "decoder": (224, 384)}
    for stage, channels in ((1, 192), (2, 480), (3, 832), (4, 1024)):
        expected |= {f"s3d.base{stage}": (channels, *grids[stage])}
        expected |= {f"{part}.{stage}": (256, *grids[stage]) for part in ("aspp", "avim")}
        expected |= {f"decoder.{part}.{stage - 1}": (64, 2, *grids[stage][1:]) for part in ("dense", "generate")}
    assert shapes == expected
    assert net.spec.target == "middle"


@pytest.mark.parametrize("decoder", ["sal", "fcn", "unet"])
@pytest.mark.parametrize("interaction", ["none", "bilinear", "quadratic", "linear"])
def test_every_decoder_and_interaction(decoder, interaction):
    net = tiny(decoder=decoder, interaction=interaction, avim_stages=[3, 4])
    with torch.no_grad():
        saliency = net(*clip(net))
    assert saliency.shape == (2, 64, 96)
    assert ((saliency >= 0) & (saliency <= 1)).all()
    assert set(net.aspp) == set(map(str, net.decoder.stages))
    expected = {"3", "4"} & set(net.aspp) if interaction in ("quadratic", "linear") else set()
    assert set(net.avim) == expected


@pytest.mark.parametrize(
    "options",
    [
        {"cpc": False},
        {"cpc_iters": 0},
        {"cpc": False, "interaction": "quadratic"},
        {"cpc": False, "decoder": "fcn"},
        {"cpc": False, "avim_stages": [2]},
    ],
)
def test_without_cpc_the_audio_visual_network_starts_as_the_visual_one(options):
    visual = tiny(modality="v", **options).eval()
    both = tiny(**options)
    for parameter in both.parameters():
        if not parameter.any():
            continue
        parameter.data += 0.01 * torch.randn_like(parameter)
    both.load_visual(visual.state_dict())
    frames, audio = clip(both)
    with torch.no_grad():
        torch.testing.assert_close(both.eval()(frames, audio), visual(frames), atol=1e-6, rtol=0)


def hearing(**options) -> float:
    """The largest change of the map by another sound, in a network whose AVIMs are not at zero."""
    # In training: before it, the running statistics of the norms fit no clip, and all features are small.
    net = tiny(**options).train()
    for avim in net.avim.values():
        nn.init.normal_(avim.out.weight)
    frames, audio = clip(net)
    with torch.no_grad():
        return (net(frames, audio) - net(frames, audio.flip(0))).abs().max().item()


def test_another_sound_gives_another_map_but_for_the_quadratic_interaction():
    assert hearing(interaction="quadratic", cpc=False) < 1e-6
    assert hearing(interaction="linear", cpc=False) > 1e-4
    assert hearing(interaction="bilinear", cpc=False) > 1e-4
    # CPC alone hears, little as it is at the start.
    assert hearing(interaction="none", cpc_alpha=1.0) > 1e-5


def test_bilinear_is_stavis_layer_at_every_position():
    net = tiny(interaction="bilinear", cpc=False)
    visual, sound = torch.randn(2, 16, 2, 2, 3), torch.randn(2, 16)
    features = {4: visual}
    net._hear(features, sound)
    layer = net.bilinear
    for t, y, x in ((0, 0, 0), (1, 1, 2)):
        seen, heard = layer.visual(visual[:, :, t, y, x]).relu(), layer.audio(sound).relu()
        expected = visual[:, :, t, y, x] + layer.bilinear(seen, heard)
        torch.testing.assert_close(features[4][:, :, t, y, x], expected)


@pytest.mark.parametrize("frozen", [True, False])
def test_vggish_stays_as_it_is_where_it_is_frozen(frozen):
    net = tiny(freeze_audio=frozen, cpc_alpha=1.0).train()
    saliency = net(*clip(net))
    (saliency * torch.randn_like(saliency)).sum().backward()
    assert net.vggish.training != frozen
    grads = [p.grad for p in net.vggish.parameters()]
    assert all(grad is None for grad in grads) if frozen else all(grad.any() for grad in grads)
    assert net.project.weight.grad.any()
    with torch.device("meta"):
        assert create_model("caspnet").frozen == ("vggish",)


def test_an_option_outside_its_range(subtests):
    for options, message in [
        ({"decoder": "sall"}, "unknown decoder 'sall'; did you mean 'sal'"),
        ({"interaction": "linera"}, "unknown interaction 'linera'; did you mean 'linear'"),
        ({"avim_stages": [0, 1]}, r"some of 1, 2, 3 and 4, each once; got \[0, 1\]"),
        ({"avim_stages": [4, 4]}, r"each once; got \[4, 4\]"),
        ({"cpc_iters": 6}, "cpc_iters is 0 to 5; got 6"),
        ({"cpc_state": "keep"}, "unknown cpc_state 'keep'; did you mean 'kept'"),
        ({"cpc_alpha": 0.0}, "cpc_alpha is above 0 and at most 1; got 0.0"),
        ({"size": (64, 100)}, r"caspnet takes a height and a width of .*got \(64, 100\)"),
        ({"width": 15}, "width is an even number of channels; got 15"),
        ({"decoder_width": 0}, "decoder_width is an even number of channels; got 0"),
        ({"modality": "a"}, "caspnet has no modality 'a'; it has: v, av"),
        ({"interaction": "none", "cpc": False}, "no way for the sound to the map; .* take modality 'v'"),
        ({"interaction": "none", "cpc_iters": 0}, "no way for the sound to the map"),
        ({"decoder": "fcn", "avim_stages": [1, 2], "cpc": False}, "no way for the sound to the map"),
    ]:
        with subtests.test(options=options, message=message), pytest.raises(ValueError, match=message):
            tiny(**options)


def test_a_clip_that_is_not_the_one_of_the_spec():
    net = tiny()
    frames, audio = clip(net)
    with pytest.raises(ValueError, match=re.escape("expected frames (B, 3, 16, 64, 96); got (2, 3, 8, 64, 96)")):
        net(frames[:, :, :8], audio)
    with pytest.raises(ValueError, match="needs the sound"):
        net(frames)


def test_the_recipe_has_both_strategies_of_the_paper_and_rewards_correlation():
    recipes = HOME / "benchmarks" / "recipes"
    paper, six_only = (load_recipe(recipes, "caspnet", preset) for preset in ("paper", "six_only"))
    assert [(s.name, s.data[:1], s.epochs, s.modality) for s in paper.stages] == [
        ("visual", ("dhf1k",), 40, "v"),
        ("audiovisual", ("diem",), 60, "job"),
    ]
    assert [s.start for s in six_only.stages] == [
        {"vggish": "vggish_audioset", "s3d": "s3d_kinetics400_torchvision"},
    ]
    # "The entire model" is trained, VGGish too, but by the preset that says so; "from scratch" starts from nothing.
    frozen, scratch = (load_recipe(recipes, "caspnet", preset) for preset in ("frozen_audio", "scratch"))
    assert [r.network.get("freeze_audio") for r in (paper, six_only, scratch, frozen)] == [False, False, False, True]
    assert [(s.name, s.start) for s in scratch.stages] == [("audiovisual", {})]
    assert frozen.stages == paper.stages
    for stage in (*paper.stages, *six_only.stages):
        assert stage.loss == {"kl": 1.0, "cc": -0.1, "sim": -0.1}
        assert (stage.batch_size, stage.optimizer) == (8, {"name": "adam", "lr": 1e-4})
