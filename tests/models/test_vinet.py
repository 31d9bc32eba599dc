"""ViNet and AViNet with both fusions, against what the authors' code gives for the same weights."""

import math
from typing import Any, NamedTuple

import pytest
import torch
from parity import Golden, drawn, features, unfilled
from torch import Tensor, nn

from avsal_bench.models import create_model, model_entry
from avsal_bench.models.vinet import ViNet, position_code
from avsal_bench.models.weights.loading import Loaded, load_published

VISUAL = {"modality": "v"}
BILINEAR = {"modality": "av", "fusion": "bilinear"}
TRANSFORMER = {"modality": "av", "fusion": "transformer"}

every_variant = pytest.mark.parametrize(
    "options", [VISUAL, BILINEAR, TRANSFORMER], ids=["v", "bilinear", "transformer"]
)
both_fusions = pytest.mark.parametrize("options", [BILINEAR, TRANSFORMER], ids=["bilinear", "transformer"])


def tiny(**options: Any) -> ViNet:
    torch.manual_seed(0)
    return create_model("vinet", **{**model_entry("vinet").tiny, **options})


def clip(net: ViNet, batch: int = 2) -> tuple[Tensor, Tensor | None]:
    """Random frames and sound, in the type of the network."""
    draw, kind = torch.Generator().manual_seed(0), next(net.parameters()).dtype
    frames = torch.randn(batch, 3, net.spec.frames, *net.spec.size, generator=draw).to(kind)
    audio = net.spec.audio
    return frames, None if audio is None else 50 * torch.randn(batch, 1, audio.samples, 1, generator=draw).to(kind)


def filled(**options: Any) -> ViNet:
    """A tiny network, in float64, with the weights of the parity rule: the initial ones give almost no contrast."""
    net = tiny(**options)
    state = {
        key: drawn(key, tuple(value.shape), 1) for key, value in net.state_dict().items() if value.is_floating_point()
    }
    net.load_state_dict(net.state_dict() | state)
    return net.eval().double()


# The authors' network


class Run(NamedTuple):
    """One forward pass with the weights of the golden file."""

    golden: Golden
    net: ViNet
    loaded: Loaded
    found: dict[str, Tensor]
    without_effect: int


def watched(net: ViNet) -> dict[str, nn.Module]:
    """Modules whose outputs the golden files know, by the names there."""
    s3d, decoder = net.s3d, net.decoder
    modules = {"base1": s3d.base1, "base3": s3d.base3, "base4": s3d.base4, "logits": decoder}
    modules |= {"convtsp1": decoder.convtsp1, "convtsp3": decoder.convtsp3}
    if net.spec.audio is not None:
        modules["audionet"] = net.soundnet
        parts = {"bilinear": "bilinear", "conv_in_1x1": "visual", "audio_conv_1x1": "audio", "transformer": "encoder"}
        modules |= {theirs: getattr(net.fusion, ours) for theirs, ours in parts.items() if hasattr(net.fusion, ours)}
    return modules


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("vinet_v", VISUAL), id="v"),
        pytest.param(("vinet_bilinear", BILINEAR), id="bilinear"),
        pytest.param(("vinet_transformer", TRANSFORMER), id="transformer", marks=pytest.mark.slow),
    ],
)
def run(request) -> Run:
    name, options = request.param
    golden = Golden(name)
    state = golden.state()
    net = unfilled(create_model, name="vinet", **options)
    loaded = load_published(net, state)
    with torch.no_grad(), features(**watched(net)) as found:
        found["pred"] = net(*golden.inputs())
    # Tokens come last in the authors' code, but for the transformer.
    for tokens in {"audionet", "audio_conv_1x1", "conv_in_1x1"} & found.keys():
        found[tokens] = found[tokens].transpose(1, 2)
    if "conv_in_1x1" in found:
        found["conv_in_1x1"] = found["conv_in_1x1"].unflatten(2, (4, 7, 12))
        found["transformer_audio"] = found["transformer"][:, -3:]
    without_effect = sum(state[key].numel() for key in golden.without_effect)
    return Run(golden, net, loaded, found, without_effect)


@pytest.mark.slow
def test_map_and_logits_are_those_of_the_authors_code(run):
    assert run.golden.error("logits", run.found["logits"]) < 1e-5
    # The sigmoid of AViNet's logits, as large as 100, keeps less: the authors' own float32 is off by 1e-5 there.
    limit = 5e-5 if "bilinear" in run.found else 1e-5
    assert run.golden.error("pred", run.found["pred"]) < limit


@pytest.mark.slow
def test_features_are_those_of_the_authors_code(run):
    names = {key.split("/")[1] for key in run.golden.data if key.startswith("feature/")}
    assert len(names) >= 4
    errors = {name: run.golden.error(f"feature/{name}", run.found[name]) for name in names}
    assert {name: error for name, error in errors.items() if not error < 1e-5} == {}


@pytest.mark.slow
def test_every_entry_of_the_authors_has_a_place_or_no_effect(run):
    ours = sum(p.numel() for p in run.net.parameters())
    assert ours + run.without_effect == run.golden.parameters
    computed = {"transformer.pos_encoder.pe"}
    assert set(run.loaded.without_effect) - computed == set(run.golden.without_effect)
    assert len(run.loaded.loaded) == len(run.net.state_dict())


def test_the_position_code_is_its_formula():
    code = position_code(339, 512)
    for position, channel in [(0, 0), (0, 1), (1, 0), (7, 3), (338, 0), (338, 255), (338, 510), (120, 511)]:
        angle = position / 10000 ** (2 * (channel // 2) / 512)
        assert code[position, channel].item() == pytest.approx((math.sin, math.cos)[channel % 2](angle), abs=5e-5)


# Files of weights


def published(net: ViNet) -> dict[str, Tensor]:
    """The state of a tiny network under the authors' names."""
    visual = "" if net.spec.audio is None else "visual_model."
    parts = {"s3d.": f"{visual}backbone.", "decoder.": f"{visual}decoder.", "soundnet.": "audionet.", "fusion.": ""}
    return {
        theirs + key.removeprefix(ours): value
        for key, value in net.state_dict().items()
        for ours, theirs in parts.items()
        if key.startswith(ours)
    }


@pytest.mark.parametrize("options", [VISUAL, BILINEAR], ids=["v", "bilinear"])
def test_a_network_takes_its_own_file_and_no_other(options):
    net = tiny(**options)
    file = published(net)
    assert load_published(net, file).without_effect == ()
    for others in (VISUAL, BILINEAR, TRANSFORMER):
        if others != options:
            with pytest.raises(ValueError, match="does not fit vinet"):
                load_published(tiny(**others), file)


def test_an_entry_that_the_authors_do_not_have_is_refused():
    net = tiny()
    with pytest.raises(ValueError, match=r"leads nowhere: backbone2\.weight"):
        load_published(net, published(net) | {"backbone2.weight": torch.zeros(1)})


@both_fusions
def test_an_audio_visual_network_starts_from_the_visual_one(options):
    visual, net = tiny(), tiny(**options)
    for parameter in visual.parameters():
        parameter.data += 1
    net.load_visual(visual.state_dict())
    state = net.state_dict()
    assert all(torch.equal(state[key], value) for key, value in visual.state_dict().items())
    assert {key.split(".")[0] for key in state.keys() - visual.state_dict().keys()} == {"soundnet", "fusion"}


# The network


@every_variant
@pytest.mark.parametrize("frames", [8, 16, 32])
def test_clips_of_8_16_and_32_frames(options, frames):
    net = tiny(frames=frames, **options)
    with torch.no_grad():
        saliency = net(*clip(net))
    assert saliency.shape == (2, 64, 96)
    assert (saliency >= 0).all()
    assert (saliency <= 1).all()


@every_variant
def test_the_smallest_frame_and_an_odd_number_of_columns(options):
    for size in ((32, 32), (32, 96)):
        net = tiny(size=size, **options).eval()
        with torch.no_grad():
            assert net(*clip(net)).shape == (2, *size)


@every_variant
def test_gradients_reach_every_parameter(options):
    net = tiny(**options).train()
    saliency = net(*clip(net))
    (saliency * torch.randn_like(saliency)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert all(p.grad.isfinite().all() for p in net.parameters())


@every_variant
def test_a_batch_of_two_is_two_batches_of_one(options):
    net = filled(**options)
    frames, audio = clip(net)
    with torch.no_grad():
        together = net(frames, audio)
        for i in range(2):
            alone = net(frames[i : i + 1], None if audio is None else audio[i : i + 1])
            torch.testing.assert_close(alone[0], together[i])


@every_variant
def test_a_clip_that_is_negated_or_runs_backwards_gives_another_map(options):
    net = filled(**options)
    frames, audio = clip(net)
    with torch.no_grad():
        saliency = net(frames, audio)
        for other in (-frames, frames.flip(2)):
            assert (net(other, audio) - saliency).abs().max() > 1e-2


@both_fusions
def test_another_sound_gives_another_map(options):
    net = filled(**options)
    frames, audio = clip(net)
    frames[1] = frames[0]
    with torch.no_grad():
        first, second = net(frames, audio)
        swapped = net(frames, audio.flip(0))
    assert (first - second).abs().max() > 1e-3
    torch.testing.assert_close(swapped, torch.stack([second, first]))


@both_fusions
def test_silence_is_finite(options):
    net = tiny(**options).train()
    frames, audio = clip(net)
    saliency = net(frames, torch.zeros_like(audio))
    saliency.sum().backward()
    assert saliency.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


@both_fusions
def test_fusions_work_in_mixed_precision(options):
    net = filled(**options).float()
    frames, audio = clip(net)
    with torch.no_grad():
        exact = net(frames, audio)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = net(frames, audio)
    assert (mixed.float() - exact).abs().mean() < 0.02


def test_the_visual_network_has_no_parts_that_hear():
    net = tiny(fusion="transformer")
    assert net.spec.audio is None
    assert {key.split(".")[0] for key in net.state_dict()} == {"s3d", "decoder"}


def test_the_transformer_is_the_same_with_and_without_gradients():
    net = filled(**TRANSFORMER).float()
    with torch.no_grad():
        fast = net(*clip(net))
    torch.testing.assert_close(net(*clip(net)).detach(), fast)


def test_the_clip_is_that_of_the_authors():
    spec = create_model("vinet", modality="av", width=0.125, audio_width=0.125).spec
    assert (spec.frames, spec.size, spec.target) == (32, (224, 384), "last")
    assert (spec.mean, spec.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert spec.audio(torch.zeros(28224)).shape == (1, 70560, 1)


def test_an_option_outside_its_range(subtests):
    for options, message in [
        ({"frames": 24}, "vinet takes 8, 16 or 32 frames; got 24"),
        ({"size": (64, 100)}, r"got \(64, 100\)"),
        ({"size": (0, 64)}, r"got \(0, 64\)"),
        ({"fusion": "bilinaer"}, "unknown fusion 'bilinaer'; did you mean 'bilinear'"),
        ({"modality": "a"}, "vinet has no modality 'a'; it has: v, av"),
        ({"modality": "av", "audio_width": 0.25}, "got 128 channels of S3D and 256 of SoundNet"),
    ]:
        with subtests.test(options=options, message=message), pytest.raises(ValueError, match=message):
            tiny(**options)


def test_a_clip_that_is_not_the_one_of_the_spec():
    net = tiny(**BILINEAR)
    frames, audio = clip(net)
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 16, 64, 96\); got \(2, 3, 8, 64, 96\)"):
        net(frames[:, :, :8], audio)
    with pytest.raises(ValueError, match="needs the sound"):
        net(frames)
