"""STAViS, against what the authors' code gives for the same weights."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from parity import FOLDER, Golden, features, unfilled
from torch import Tensor, nn

from avsal_bench.data.windows import window
from avsal_bench.models import Outputs, create_model, model_entry
from avsal_bench.models.stavis import STAViS, _in_16_bits, _mean_of_time, bilinear_kernel, centre_crop, spatial_softmax
from avsal_bench.models.weights.loading import Loaded, load_published

TOLERANCE = 1e-5
MODALITIES = pytest.mark.parametrize("modality", ["v", "av"])


def tiny(modality: str, **options: Any) -> STAViS:
    torch.manual_seed(0)
    return create_model("stavis", **{**model_entry("stavis").tiny, "modality": modality, **options})


def clip(net: STAViS, batch: int = 2) -> tuple[Tensor, Tensor | None]:
    draw = torch.Generator().manual_seed(0)
    frames = torch.randn(batch, 3, net.spec.frames, *net.spec.size, generator=draw)
    audio = net.spec.audio
    return frames, None if audio is None else 50 * torch.randn(batch, 1, 1, audio.samples, generator=draw)


def mixed(net: STAViS) -> STAViS:
    """The same network far from its initial values, which let hardly anything through."""
    for parameter in net.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return net.eval()


# The authors' network


class Run(NamedTuple):
    golden: Golden
    state: dict[str, Tensor]
    net: STAViS
    loaded: Loaded
    outputs: Outputs
    features: dict[str, Tensor]


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    found = {}
    for modality in ("v", "av"):
        golden = Golden(f"stavis_{modality}")
        net = unfilled(create_model, name="stavis", modality=modality)
        state = golden.state()
        loaded = load_published(net, state)
        encoder = net.encoder
        watched = {"layer1": encoder.layer1, "layer2": encoder.layer2, "layer3": encoder.layer3}
        if modality == "av":
            watched |= {"soundnet8": net.soundnet, "fusion3": net.fusion}
        with torch.no_grad(), features(**watched) as seen:
            outputs = net.outputs(*golden.inputs())
        found[modality] = Run(golden, state, net, loaded, outputs, seen)
    return found


@MODALITIES
def test_the_output_is_that_of_the_authors(runs, modality):
    run = runs[modality]
    assert run.outputs.main.shape == (2, 112, 112)
    assert run.golden.error("pred", run.outputs.main) < TOLERANCE
    assert len(run.outputs.side) == (4 if modality == "v" else 0)
    for i, side in enumerate(run.outputs.side):
        assert run.golden.error(f"side{i}", side) < TOLERANCE


@MODALITIES
def test_the_features_are_those_of_the_authors(runs, modality):
    run = runs[modality]
    found = dict(run.features)
    if modality == "av":
        # Theirs is after the last pool.
        found["soundnet8"] = found["soundnet8"].amax(1)
    else:
        frames = run.golden.inputs()[0]
        with torch.no_grad():
            found["stem"] = run.net.encoder.bn1(run.net.encoder.conv1(frames))
    stored = {key.split("/")[1] for key in run.golden.data if key.startswith("feature/")}
    assert stored <= found.keys()
    for name in stored:
        assert run.golden.error(f"feature/{name}", found[name]) < TOLERANCE, name


@MODALITIES
def test_every_entry_of_the_authors_has_a_place_or_no_effect(runs, modality):
    golden, state, net, loaded = runs[modality][:4]
    unused = [key for key in loaded.without_effect if not key.endswith(("running_mean", "running_var", "tracked"))]
    assert sorted(unused) == sorted(golden.without_effect)
    ours = sum(p.numel() for p in net.parameters())
    assert ours + sum(state[key].numel() for key in unused) == golden.parameters
    assert set(loaded.loaded) | set(loaded.without_effect) == set(state)


@MODALITIES
def test_a_batch_of_one_is_an_item_of_a_batch_of_two(runs, modality):
    golden, _, net, _, outputs, _ = runs[modality]
    frames, audio = golden.inputs()
    with torch.no_grad():
        for i in range(2):
            alone = net(frames[i : i + 1], audio[i : i + 1])[0]
            assert (alone - outputs.main[i]).norm() < TOLERANCE * outputs.main[i].norm()


def test_the_sound_is_heard_by_the_audio_visual_network_only(runs):
    for modality, change in (("v", 0.0), ("av", 8.141952514648438)):
        golden, _, net, _, outputs, _ = runs[modality]
        frames, audio = golden.inputs()
        with torch.no_grad():
            found = (net(frames, -audio) - outputs.main).abs().max().item()
        # The change is what the authors' network makes of it.
        assert found == pytest.approx(change, rel=1e-3)


def test_weights_that_overflow_the_authors_attention_stay_finite():
    golden = Golden("stavis_v")
    golden.about["scale"] = {}
    net = create_model("stavis", modality="v").eval()
    load_published(net, golden.state(salt=2))
    frames, _ = golden.inputs(salt=2)
    with torch.no_grad():
        main, side, _ = net.outputs(frames[:1])
    assert all(output.isfinite().all() and output.std() > 0 for output in (main, *side))


def test_a_key_that_the_authors_do_not_have_is_refused():
    net = tiny("v")
    for key in ("conv2.weight", "soundnet8.2.weight", "score_dsn.1.other.weight", "fused"):
        assert net.rename_published(key, torch.ones(1)) == (key, torch.ones(1))
        assert key not in net.state_dict()


def test_windows_are_those_of_the_authors_but_for_the_ends():
    scripts = np.load(FOLDER / "scripts.npz")
    theirs = dict(zip(scripts["stavis/saved_as"].tolist(), map(tuple, scripts["stavis/frames"].tolist()), strict=True))
    assert list(theirs) == list(range(9, 48))
    for frame in range(9, 34):
        assert window(frame, 40, 16, "middle").frames == theirs[frame]
    # Theirs jump back from here on; ours repeat the last frame.
    assert theirs[34] == (*range(26, 41), 26)
    assert window(34, 40, 16, "middle").frames == (*range(26, 41), 40)


# Ours


@MODALITIES
@pytest.mark.parametrize(("frames", "size"), [(8, (64, 96)), (16, (50, 70)), (8, (33, 47))])
def test_any_size_gives_maps_of_that_size(modality, frames, size):
    net = mixed(tiny(modality, frames=frames, size=size))
    with torch.no_grad():
        main, side, _ = net.outputs(*clip(net))
        saliency = net.to_map(main)
    assert {tuple(output.shape) for output in (main, *side)} == {(2, *size)}
    assert saliency.min() >= 0
    assert saliency.max() <= 1
    assert saliency.std() > 0


@MODALITIES
def test_forward_is_the_main_output(modality):
    net = mixed(tiny(modality))
    with torch.no_grad():
        assert torch.equal(net(*clip(net)), net.outputs(*clip(net)).main)


@MODALITIES
def test_gradients_reach_every_parameter(modality):
    net = mixed(tiny(modality))
    main, side, _ = net.outputs(*clip(net))
    sum((output * torch.randn_like(output)).sum() for output in (main, *side)).backward()
    still = {name for name, p in net.named_parameters() if p.grad is None or not p.grad.norm() > 1e-6}
    # The softmax does not see what is added to a whole score map: without side maps its bias learns nothing.
    biases = {f"score.{i}.bias" for i in range(3)} if modality == "av" else set()
    assert still - biases == set()


def test_the_attention_weighs_the_first_three_features():
    net = mixed(tiny("v"))
    frames, _ = clip(net)
    with torch.no_grad():
        with features(layer1=net.encoder.layer1, layer2=net.encoder.layer2, layer3=net.encoder.layer3) as seen:
            before = net(frames)
        first = dict(seen)
        for i, changed in ((2, {"layer3"}), (1, {"layer2", "layer3"}), (0, {"layer1", "layer2", "layer3"})):
            with features(layer1=net.encoder.layer1, layer2=net.encoder.layer2, layer3=net.encoder.layer3) as seen:
                net.score[i].weight.neg_()
                net(frames)
                net.score[i].weight.neg_()
            assert {name for name in seen if not torch.allclose(seen[name], first[name])} == changed
        net.score[3].weight.neg_()
        assert torch.equal(net(frames), before)


def test_the_attention_sums_to_one_and_does_not_overflow():
    score = 1000 * torch.randn(2, 1, 5, 7)
    attention = spatial_softmax(score)
    assert attention.shape == score.shape
    torch.testing.assert_close(attention.sum((1, 2, 3)), torch.ones(2))


def test_a_crop_takes_the_odd_row_from_the_bottom_and_the_right():
    x = torch.arange(7 * 6).reshape(1, 1, 7, 6)
    assert torch.equal(centre_crop(x, (4, 3)), x[:, :, 1:5, 1:4])
    assert torch.equal(centre_crop(x, (7, 6)), x)


def test_the_fusion_is_the_bilinear_layer_at_every_position():
    fusion = tiny("av").fusion
    visual, audio = torch.randn(2, 64, 2, 3, 4), torch.randn(2, 128)
    seen, heard = torch.relu(fusion.affine_rgb(visual.mean(2).movedim(1, -1))), torch.relu(fusion.affine_audio(audio))
    expected = fusion.w_a_rgb(seen.contiguous(), heard[:, None, None].expand(seen.shape).contiguous()).movedim(-1, 1)
    expected = nn.functional.interpolate(expected, scale_factor=8, mode="bilinear")
    torch.testing.assert_close(fusion(visual, audio), expected)


def test_the_fusion_looks_at_the_middle_two_steps():
    fusion = tiny("av", frames=16).fusion
    visual, audio = torch.randn(1, 64, 4, 3, 4), torch.randn(1, 128)
    before = fusion(visual, audio)
    visual[:, :, [0, 3]] = 0
    assert torch.equal(fusion(visual, audio), before)
    visual[:, :, 2] = 0
    assert not torch.equal(fusion(visual, audio), before)


@MODALITIES
def test_training_from_scratch_starts_from_the_authors_values(modality):
    net = tiny(modality)
    sixes = {name for name, p in net.named_parameters() if name.endswith("bias") and (p == -6).all()}
    fuse = {"v": {"fuse.bias", "score.3.bias"}, "av": {"fuse_av.bias"}}[modality]
    assert sixes == {f"score.{i}.bias" for i in range(3)} | fuse
    assert net.side_prep[3].weight.std().item() == pytest.approx(0.001, rel=0.1)
    assert not net.side_prep[0].bias.any()
    if modality == "av":
        assert net.soundnet.conv4.weight.std().item() == pytest.approx(0.001, rel=0.1)
        # He's normal values: the deviation is sqrt(2 / fan-out).
        assert net.fusion.w_a_rgb.weight.std().item() == pytest.approx((2 / (64 * 128)) ** 0.5, rel=0.1)
    for upscale in net.upscale:
        assert torch.equal(upscale.weight, bilinear_kernel(16, upscale.kernel_size[0]))


@pytest.mark.parametrize("stage", range(4))
def test_the_transposed_convolutions_start_as_bilinear_interpolation(stage):
    upscale, x = tiny("v").upscale[stage], torch.randn(1, 16, 4, 5)
    scale = 2 ** (stage + 1)
    with torch.no_grad():
        found = centre_crop(upscale(x), (4 * scale, 5 * scale))
    expected = nn.functional.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)
    inner = (..., slice(scale, -scale), slice(scale, -scale))
    torch.testing.assert_close(found[inner], expected[inner])


def test_the_clip_is_that_of_the_authors():
    spec = create_model("stavis", width=0.125, audio_width=0.125).spec
    assert (spec.frames, spec.size, spec.target) == (16, (112, 112), "middle")
    # In 0..255, less a mean, and not divided.
    assert [255 * mean for mean in spec.mean] == pytest.approx([114.7748, 107.7354, 99.4750])
    assert [255 * std for std in spec.std] == pytest.approx([1, 1, 1])
    assert spec.audio(torch.zeros(100)).shape == (1, 1, 35280)


def test_the_visual_network_starts_the_audio_visual_one(runs):
    visual, both = runs["v"].net, create_model("stavis", modality="av")
    both.load_visual(visual.state_dict())
    assert torch.equal(both.upscale[3].weight, visual.upscale[3].weight)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 32}, "stavis takes 8 or 16 frames; got 32"),
        ({"frames": 4}, "stavis takes 8 or 16 frames; got 4"),
        ({"size": (64, 15)}, r"16 pixels or more; got \(64, 15\)"),
        ({"modality": "a"}, "stavis has no modality 'a'"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**{"modality": "av", **options})


def test_an_audio_visual_network_without_sound_is_refused():
    net = tiny("av")
    with pytest.raises(ValueError, match="needs the sound"):
        net(clip(net)[0])
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 8, 64, 96\)"):
        net(torch.zeros(1, 3, 8, 64, 64), clip(net)[1])


def test_means_of_time_in_16_bits_add_up_in_float32():
    x = torch.randn(2, 8, 4, 5, 6).bfloat16()
    assert not _in_16_bits(x), "with gradients"
    with torch.inference_mode():
        found = _mean_of_time(x)
    assert found.dtype is torch.bfloat16
    torch.testing.assert_close(found.float(), x.float().mean(2), rtol=2**-7, atol=1e-6)


def test_maps_of_bfloat16_are_near_those_of_float32():
    net = mixed(tiny("v")).eval()
    frames, _ = clip(net, 1)
    with torch.inference_mode():
        wanted = net(frames)
        with torch.autocast("cpu", torch.bfloat16):
            found = net(frames).float()
    assert torch.corrcoef(torch.stack([found.flatten(), wanted.flatten()]))[0, 1] > 0.99
