"""MSPI's switches, its frozen encoders and its losses, in tiny versions; equality with the authors' is elsewhere."""

from types import SimpleNamespace

import pytest
import torch
from tiny_networks import filled_mspi as filled
from tiny_networks import mspi_clip as clip
from tiny_networks import tiny_mspi as tiny
from torch import nn

from avsal_bench.audio.spectra import LogSpectrogram
from avsal_bench.models import create_model
from avsal_bench.models.backbones.motion import MOTION_ENCODERS
from avsal_bench.models.base import Outputs
from avsal_bench.models.fusion.audio_visual import Agreement
from avsal_bench.models.fusion.bilinear import ChannelBilinear, SpatialBilinear
from avsal_bench.models.fusion.consistency import AVIM, CPC
from avsal_bench.models.mspi import MSPI
from avsal_bench.training.module import SaliencyModule

FUSIONS = ("transformer", "bilinear_stavis", "bilinear_avinet", "avim", "avim_cpc")


def step(net: MSPI, lr: float = 0.01) -> None:
    """One step of training on the output and the loss of its own."""
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=lr, weight_decay=0.1)
    main, _, auxiliary = net.train().outputs(*clip(net))
    ((main * torch.randn_like(main)).mean() + sum(auxiliary.values())).backward()
    optimizer.step()


# What is frozen, and what learns


@pytest.mark.parametrize("modality", ["v", "av"])
def test_frozen_encoders_do_not_change_and_the_rest_does(modality):
    net = tiny(modality=modality)
    expected = ("audio_encoder", "image_encoder") if modality == "av" else ("image_encoder",)
    assert net.frozen == expected
    before = {key: value.clone() for key, value in net.state_dict().items()}
    step(net)
    prefixes = tuple(f"{name}." for name in expected)
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key]) == key.startswith(prefixes), key
    assert all(not net.get_submodule(name).training for name in expected)
    assert net.motion_encoder.training


def test_encoders_that_are_not_frozen_learn():
    net = tiny(frozen_encoders=False)
    assert net.frozen == ()
    step(net)
    silent = [key for key, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


@pytest.mark.parametrize("fusion", FUSIONS)
def test_gradients_reach_every_parameter_that_is_not_frozen(fusion):
    net = tiny(fusion=fusion)
    for parameter in net.parameters():
        # Away from the initial values: AVIM starts with a layer of zeros, which hides the ones before it for a step.
        parameter.data += 0.02 * torch.randn_like(parameter)
    step(net)
    silent = [key for key, p in net.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert silent == []
    assert all(p.grad is None for p in net.parameters() if not p.requires_grad)


# The switches


@pytest.mark.parametrize(
    "options",
    [
        {"modality": "v"},
        {"modality": "v", "image": "none"},
        {"image": "none"},
        {"image": "mobilenetv2"},
        {"image_features": "maps"},
        {"image": "mobilenetv2", "image_features": "maps"},
        {"projector_norm": "batch"},
        *({"fusion": fusion} for fusion in FUSIONS[1:]),
        {"encoder": "s3d"},
        *(
            pytest.param({"encoder": name}, marks=pytest.mark.slow)
            for name in MOTION_ENCODERS
            if name not in ("s3d", "morphmlp_s")
        ),
        pytest.param({"encoder": "morphmlp_s", "size": (224, 224)}, marks=pytest.mark.slow),
    ],
    ids=lambda options: ",".join(map(str, options.values())),
)
def test_every_switch_builds_and_learns(options):
    net = tiny(**options)
    main, side, auxiliary = net.train().outputs(*clip(net))
    assert main.shape == (2, *net.spec.size)
    torch.testing.assert_close(net.to_map(main).sum((1, 2)), torch.ones(2))
    assert side == ()
    hears_by_transformer = net.spec.audio is not None and options.get("fusion", "transformer") == "transformer"
    assert set(auxiliary) == ({"audio_visual"} if hears_by_transformer else set())
    ((main * torch.randn_like(main)).mean() + sum(auxiliary.values())).backward()
    assert all(p.grad.isfinite().all() for p in net.parameters() if p.grad is not None)
    with torch.no_grad():
        one = net.eval()(*clip(net, 1))
    assert one.shape == (1, *net.spec.size)
    assert one.isfinite().all()


@pytest.mark.parametrize("fusion", FUSIONS)
def test_another_sound_gives_another_map(fusion):
    net = filled(fusion=fusion)
    frames, audio = clip(net)
    frames[1] = frames[0]
    muted = torch.full_like(audio, net.spec.audio.fill)
    with torch.no_grad():
        first, second = net(frames, audio)
        silent = net(frames, muted)
    assert (first - second).abs().max() > 1e-4
    assert (first - silent[0]).abs().max() > 1e-4
    torch.testing.assert_close(silent[0], silent[1])


def test_outputs_are_the_map_of_forward_and_a_loss_in_any_mode():
    net = tiny().eval()
    with torch.no_grad():
        outputs = net.outputs(*clip(net))
        assert torch.equal(outputs.main, net(*clip(net)))
    assert -1 <= outputs.auxiliary["audio_visual"].item() <= 1


def test_forward_leaves_the_projectors_out():
    net = tiny().eval()
    net.agreement.register_forward_hook(lambda *_: pytest.fail("computed"))
    with torch.no_grad():
        net(*clip(net))


@pytest.mark.parametrize("image_features", ["features", "maps"])
def test_features_of_single_frames_serve_every_clip(image_features, monkeypatch):
    net = tiny(image_features=image_features).eval()
    frames, audio = clip(net)
    with torch.no_grad():
        expected = net(frames, audio)
        # Frame by frame, as for windows that overlap.
        single = [net.frame_features(frames[:, :, t]) for t in range(16)]
        features = tuple(torch.stack(parts, dim=1) for parts in zip(*single, strict=True))
        monkeypatch.setattr(net, "_clip_features", lambda _: features)
        torch.testing.assert_close(net(frames, audio), expected, atol=1e-5, rtol=0)


def test_maps_of_the_image_model_have_the_maximum_one():
    net = tiny(image_features="maps").eval()
    with torch.no_grad():
        (maps,) = net.frame_features(torch.randn(3, 3, 64, 96))
        masks = net._masks((torch.rand(1, 16, 1, 64, 96),))
    assert maps.shape == (3, 1, 64, 96)
    torch.testing.assert_close(maps.amax((1, 2, 3)), torch.ones(3))
    assert [tuple(mask.shape) for mask in masks] == [(1, 1, 4, 16, 24), (1, 1, 4, 8, 12), (1, 1, 4, 4, 6)]


def test_maps_are_the_largest_of_every_four_frames():
    net = tiny(image_features="maps")
    maps = torch.zeros(1, 16, 1, 64, 96)
    maps[:, 5] = 1
    assert [mask.amax((0, 1, 3, 4)).tolist() for mask in net._masks((maps,))] == 3 * [[0, 1, 0, 0]]


def test_an_option_outside_its_range(subtests):
    for options, message in [
        ({"encoder": "mvit"}, "unknown encoder 'mvit'; did you mean 'mvitv2_s'"),
        ({"encoder": "morphmlp_s", "size": (224, 384)}, "take 224x224"),
        ({"size": (64, 100)}, r"s3d takes a height and a width of 32, 64, 96 ... pixels; got \(64, 100\)"),
        ({"size": (0, 64)}, r"got \(0, 64\)"),
        ({"image": "resnet"}, "unknown image model 'resnet'; known: convnext_t, mobilenetv2, none"),
        ({"image_features": "map"}, "unknown image_features 'map'; did you mean 'maps'"),
        ({"fusion": "bilinear"}, "unknown fusion 'bilinear'; did you mean 'bilinear_"),
        ({"projector_norm": "none"}, "unknown projector_norm 'none'"),
        ({"modality": "a"}, "mspi has no modality 'a'; it has: v, av"),
    ]:
        with subtests.test(options=options, message=message), pytest.raises(ValueError, match=message):
            tiny(**options)


def test_sizes_that_nobody_names():
    with torch.device("meta"):
        assert create_model("mspi").spec.size == (224, 384)
        assert create_model("mspi", encoder="morphmlp_s").spec.size == (224, 224)


def test_batch_norms_of_the_projectors_need_two_clips():
    net = tiny(projector_norm="batch")
    with pytest.raises(ValueError, match="needs two clips or more in a batch; got 1: take 'layer'"):
        net.train().outputs(*clip(net, 1))
    with torch.no_grad():
        assert net.eval().outputs(*clip(net, 1)).auxiliary["audio_visual"].isfinite()


def test_a_clip_that_is_not_the_one_of_the_spec():
    net = tiny()
    frames, audio = clip(net)
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 16, 64, 96\); got \(2, 3, 8, 64, 96\)"):
        net(frames[:, :, :8], audio)
    with pytest.raises(ValueError, match="needs the sound"):
        net(frames)
    with pytest.raises(ValueError, match="needs the sound"):
        net.outputs(frames)


def test_the_script_hears_16_frames_more():
    net = tiny()
    assert (net.spec.audio, net.script_audio) == (LogSpectrogram(16), LogSpectrogram(32))
    assert tiny(modality="v").script_audio is None


def test_the_visual_network_starts_all_but_what_the_sound_touches():
    visual, both = tiny(modality="v"), tiny()
    for parameter in visual.parameters():
        parameter.data += 1
    before = {key: value.clone() for key, value in both.state_dict().items()}
    both.load_visual(visual.state_dict())
    kept = {key for key, value in both.state_dict().items() if torch.equal(value, before[key])}
    parts = {key for key in kept if not key.endswith("num_batches_tracked") and "running_" not in key}
    assert {key.split(".")[0] for key in parts} == {"audio_encoder", "fusion", "agreement", "lateral"}
    assert {key for key in parts if key.startswith("lateral")} == {"lateral.3.0.weight", "lateral.3.0.bias"}


# The blocks of the other fusions


def test_agreement_is_equations_6_and_7():
    torch.manual_seed(0)
    agreement = Agreement(8).double()
    visual, audio = torch.randn(3, 8).double(), torch.randn(3, 8).double()
    v1, a1 = agreement.visual_projector(visual), agreement.audio_projector(audio)
    v2, a2 = agreement.visual_predictor(v1), agreement.audio_predictor(a1)

    def distance(p, z):
        return torch.stack([-(p[i] / p[i].norm()) @ (z[i] / z[i].norm()) for i in range(3)]).mean()

    torch.testing.assert_close(agreement(visual, audio), (distance(a2, v1) + distance(v2, a1)) / 2)


def test_a_projection_learns_nothing_from_being_foretold():
    torch.manual_seed(0)
    agreement = Agreement(8)
    # The sound foretells nothing any more, so its projection is but the target of the picture's guess.
    agreement.audio_predictor[-1].requires_grad_(False).weight.zero_()
    agreement(torch.randn(3, 8), torch.randn(3, 8)).backward()
    assert not any(p.grad.any() for p in agreement.audio_projector.parameters())
    assert all(p.grad.any() for p in agreement.visual_projector.parameters())


def test_channel_bilinear_is_a_bilinear_layer_at_each_position():
    torch.manual_seed(0)
    fusion = ChannelBilinear(6, 5, 4, affine=3)
    visual, audio = torch.randn(2, 6, 4, 2, 3), torch.randn(2, 5, 9, 4)
    fused = fusion(visual, audio)
    assert fused.shape == (2, 4, 4, 2, 3)
    seen = fusion.visual(visual.mean(2)[1, :, 1, 2]).relu()
    heard = fusion.audio(audio.mean((2, 3))[1]).relu()
    for t in range(4):
        torch.testing.assert_close(fused[1, :, t, 1, 2], fusion.bilinear(seen, heard))


def test_spatial_bilinear_reads_every_second_column_channel_by_channel():
    torch.manual_seed(0)
    fusion = SpatialBilinear(6, 4, (4, 2, 3), tokens=36)
    visual, audio = torch.randn(2, 6, 4, 2, 3), torch.randn(2, 4, 9, 4)
    fused = fusion(visual, audio)
    seen = fusion.visual(visual).amax(2)[1, 3, :, [0, 2]].flatten()
    torch.testing.assert_close(fused[1, 3].flatten(), fusion.bilinear(seen, audio[1, 3].flatten()))


def test_avim_is_linear_attention_with_the_same_key_everywhere():
    torch.manual_seed(0)
    avim = AVIM(5)
    visual, audio = torch.randn(2, 5, 2, 3, 4), torch.randn(2, 5)
    torch.testing.assert_close(avim(visual, audio), visual)
    nn.init.normal_(avim.out.weight)

    def phi(x):
        return nn.functional.gelu(x) + 0.2

    n = 2 * 3 * 4
    query, value = (layer(visual).flatten(2).transpose(1, 2) for layer in (avim.query, avim.value))
    key = avim.key(audio)[:, None].expand(-1, n, -1)
    attended = phi(query) @ (phi(key).transpose(1, 2) @ value) / n
    expected = visual + avim.out(attended.transpose(1, 2).reshape(visual.shape))
    torch.testing.assert_close(avim(visual, audio), expected)


def test_cpc_goes_down_the_gradient_of_its_errors():
    """Each update is a step against the gradient, by autograd, of half the sum of all squared errors."""
    torch.manual_seed(0)
    cpc = CPC(4, iterations=1).double()
    visual, audio = torch.randn(2, 4, 4, 5, 6).double(), torch.randn(2, 4).double()

    def energy(low, middle, high):
        top = cpc.down3(audio)[:, :, None, None, None]
        errors = (
            low - cpc.down1(middle, output_size=list(low.shape[2:])),
            middle - cpc.down2(high, output_size=list(middle.shape[2:])),
            high - top,
        )
        return sum(error.square().sum() for error in errors) / 2

    gelu = nn.functional.gelu
    levels = [visual, gelu(cpc.up1(visual))]
    levels = [level.detach().requires_grad_() for level in (*levels, gelu(cpc.up2(levels[1])))]
    start = energy(*levels).item()
    for i in (2, 1):
        (gradient,) = torch.autograd.grad(energy(*levels), levels[i])
        levels[i] = (levels[i] - 0.1 * gradient).detach().requires_grad_()
    # The lowest level has nothing below: its gradient is its own error.
    (gradient,) = torch.autograd.grad(energy(*levels), levels[0])
    expected = levels[0] - 0.1 * gradient
    torch.testing.assert_close(cpc(visual, audio), expected)
    assert energy(expected, *levels[1:]).item() < start


def test_cpc_without_iterations_is_the_identity_and_else_hears():
    visual, audio = torch.randn(2, 4, 4, 2, 3), torch.randn(2, 4, requires_grad=True)
    assert torch.equal(CPC(4, iterations=0)(visual, audio), visual)
    cpc = CPC(4)
    cpc(visual, audio).square().sum().backward()
    assert audio.grad.any()
    assert all(p.grad.any() for p in cpc.parameters())


def test_a_weight_of_a_loss_that_the_network_does_not_have_is_refused_and_not_left_out():
    """`--set auxiliary.lambda=3` trained with the default, without a word."""
    whole = SimpleNamespace(output_loss=lambda *_: (torch.ones(()), 1), side=0.0, side_last=0.0, clock=(0, 1))
    for names, given, total in (
        ({"audio_visual": 3.0}, {"audio_visual": torch.ones(())}, 4.0),
        ({"lambda": 3.0}, {}, 1.0),
    ):
        whole.auxiliary = names
        assert SaliencyModule.outputs_loss(whole, Outputs(torch.ones(1), auxiliary=given), {}) == total
    with pytest.raises(ValueError, match="auxiliary: unknown loss of the network 'lambda'; known: audio_visual"):
        SaliencyModule.outputs_loss(whole, Outputs(torch.ones(1), auxiliary={"audio_visual": torch.ones(())}), {})
