"""DiffSal without its authors' numbers: the sampler, the noise, what reaches the map, and options (tiny networks)."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from parity import drawn
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.audio import LogMelImages
from avsal_bench.data.windows import window
from avsal_bench.models import create_model, model_entry
from avsal_bench.models.backbones.mvitv2 import MViTv2, rename_mmaction
from avsal_bench.models.backbones.vggish import VGGish, VGGishFeatures
from avsal_bench.models.base import predict_windows
from avsal_bench.models.clips import Clips, Memory, Place
from avsal_bench.models.diffsal import DiffSal
from avsal_bench.models.diffusion.denoiser import noise_of
from avsal_bench.models.diffusion.salunet import SalUNet, Stage, Widths, waves
from avsal_bench.models.diffusion.schedule import CosineSchedule, sampled_steps
from avsal_bench.models.layers.inference import inference_form
from avsal_bench.models.weights.loading import load_published

STEPS = [0, 1, 250, 999]


def tiny(modality: str = "av", **options: Any) -> DiffSal:
    torch.manual_seed(0)
    return create_model("diffsal", **{**model_entry("diffsal").tiny, "modality": modality, **options}).eval()


@cache
def filled(modality: str) -> DiffSal:
    """With the weights of the parity rule: those of a new network make keys that are almost alike."""
    net = tiny(modality)
    state = net.state_dict()
    net.load_state_dict({k: drawn(k, tuple(v.shape), 1) if v.is_floating_point() else v for k, v in state.items()})
    return net


def clip(net: DiffSal, batch: int = 1, seed: int = 0) -> tuple[Tensor, Tensor | None, Tensor]:
    """Frames, sound and noise."""
    draw = torch.Generator().manual_seed(seed)
    height, width = net.spec.size
    frames = torch.randn(batch, 3, 16, height, width, generator=draw)
    audio = torch.randn(batch, 1, 9, height // 2, width // 2, generator=draw) if net.spec.audio else None
    return frames, audio, torch.randn(batch, 1, height, width, generator=draw)


def moved(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / one.norm())


def kept(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """What a function gives at first, for whatever comes."""
    first: list[Tensor] = []

    def give(x: Tensor) -> Tensor:
        if not first:
            first.append(function(x))
        return first[0]

    return give


# What reaches the map


@torch.inference_mode()
def test_without_sound_neither_noise_nor_step_reaches_the_map():
    """At test time: the visual network is no diffusion model."""
    net = filled("v")
    frames, _, noise = clip(net)
    seen = net.see(frames)
    maps = [net.clean(seen, None, noisy, step) for step in STEPS for noisy in (noise, -noise, 100 * noise)]
    assert all(torch.equal(maps[0], other) for other in maps[1:])
    assert moved(maps[0][:, 0], net(-frames)) > 0.05, "it sees"


def test_while_it_trains_noise_reaches_the_map_without_sound_by_batch_norms():
    net = tiny("v").train()
    frames, _, noise = clip(net)
    with torch.no_grad():
        seen = net.see(frames)
        one, other = (net.clean(seen, None, noisy, 0) for noisy in (noise, -noise))
    assert not torch.equal(one, other)


@torch.inference_mode()
def test_with_sound_noise_and_step_reach_the_map_by_the_keys_alone(monkeypatch):
    net = filled("av")
    frames, audio, noise = clip(net)
    seen, heard = net.see(frames), net.hear(audio)

    def maps() -> list[Tensor]:
        silent = net.hear(torch.full_like(audio, math.log(0.01)))
        return [
            net.clean(seen, heard, noise, 0),
            net.clean(seen, heard, -noise, 0),
            net.clean(seen, heard, noise, 999),
            net.clean(seen, silent, noise, 0),
        ]

    first, *others = maps()
    assert [moved(first, other) > 1e-4 for other in others] == [True] * 3, "noise, step and sound move the map"
    for key in [stage.k for stage in net.decoder.stages]:
        # The first keys for whatever comes: what else depends on sound, noise or step would show.
        monkeypatch.setattr(key, "forward", kept(key.forward))
    first, *others = maps()
    assert all(torch.equal(first, other) for other in others)


@torch.inference_mode()
def test_the_last_steps_of_the_picture_reach_the_map_with_sound_alone():
    changed = {}
    for modality in ("v", "av"):
        net = filled(modality)
        frames, audio, noise = clip(net)
        seen, heard = net.see(frames), net.hear(audio)
        other = [x.clone() for x in seen]
        for x in other:
            x[:, :, 5:] += 1
        changed[modality] = not torch.equal(net.clean(seen, heard, noise, 0), net.clean(other, heard, noise, 0))
    assert changed == {"v": False, "av": True}


# The decoder


def plain_stage(stage: Stage, x: Tensor, seen: Tensor | None, sound: Tensor | None) -> Tensor:
    """One stage of ``(1, T, C, H, W)``, step by step and head by head."""
    steps = []
    for t in range(x.shape[1]):
        y = x[0, t][None]
        if stage.up is not None:
            y = stage.up(F.interpolate(y, scale_factor=2, mode="bilinear"))
        steps.append(y[0] if seen is None else y[0] + seen[0, t])
    x = torch.stack(steps)  # (T, C, H, W)
    count, channels, height, width = x.shape
    source = None
    if sound is not None:
        heard = torch.stack([stage.align(sound[0, t][None])[0] for t in range(count)])
        heard = heard.repeat_interleave(stage.enlarged, 2).repeat_interleave(stage.enlarged, 3)
        weights = (heard * x).mean(0).softmax(-1)  # rows of a channel sum to 1
        memory = (heard * weights).transpose(0, 1).contiguous()  # (C, T, H, W)
        source = memory.view(count, height * width, channels)
    found = []
    for t in range(count):
        tokens = x[t].flatten(1).T
        normed = stage.norm1(tokens)

        def project(part, values):
            time = part.weight.shape[2]
            image = values.T.reshape(1, channels, 1, height, width)
            pad = (1, 1, 1) if time > 1 else 0
            y = F.conv3d(image, part.weight, None, (1, part.stride, part.stride), pad, groups=channels)
            return part.linear(part.norm(y[0, :, 0].flatten(1).T))

        q, v = project(stage.q, normed), project(stage.v, normed)
        k = project(stage.k, normed if source is None else source[t])
        half = channels // 2
        heads = [
            (q[:, i : i + half] @ k[:, i : i + half].T / channels**0.5).softmax(1) @ v[:, i : i + half]
            for i in (0, half)
        ]
        tokens = tokens + stage.proj(torch.cat(heads, 1))
        tokens = tokens + stage.mlp(stage.norm2(tokens))
        found.append(tokens.T.reshape(channels, height, width))
    return torch.stack(found)[None]


@torch.inference_mode()
@pytest.mark.parametrize("hears", [False, True])
def test_a_stage_is_its_parts_one_by_one(hears):
    torch.manual_seed(0)
    for inputs, stride, enlarged in ((0, 2, 1), (16, 4, 2)):
        stage = Stage(inputs, 8, 12 if hears else 0, stride, enlarged, 8).double().eval()
        for parameter in stage.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
        grid = (5, 6) if not inputs else (10, 12)
        x = torch.randn(1, 9, inputs or 8, 5, 6, dtype=torch.float64)
        seen = torch.randn(1, 9, 8, *grid, dtype=torch.float64) if inputs else None
        sound = torch.randn(1, 9, 12, 5, 6, dtype=torch.float64) if hears else None
        torch.testing.assert_close(stage(x, seen, sound), plain_stage(stage, x, seen, sound))
        y = torch.randn(1, 9, 8, *grid, dtype=torch.float64)
        assert torch.equal(stage.read(y), stage.read(torch.cat([y[:, :5], -y[:, 5:]], 1))), "the first five steps"


def test_waves_are_sines_and_cosines_of_falling_frequencies():
    found = waves(torch.tensor([0, 137]), 96)
    assert found.shape == (2, 96)
    for i in (0, 1, 47):
        angle = 137 * math.exp(-math.log(10000) * i / 47)
        assert found[1, [i, 48 + i]].tolist() == pytest.approx([math.sin(angle), math.cos(angle)], abs=1e-4)


def test_the_decoder_starts_as_the_authors_have_it():
    torch.manual_seed(0)
    net = SalUNet(Widths((64, 32, 16, 8), 16), hears=True)
    for name, value in net.named_parameters():
        if value.ndim > 1:
            assert 0.007 < value.std() < 0.013 or value.numel() < 200, name
            assert abs(value.mean()) < 0.002 or value.numel() < 200, name
        elif name.endswith("bias"):
            assert not value.any(), name


# The sampler and its noise


def test_steps_of_the_sampler():
    assert sampled_steps(1) == [0]
    assert sampled_steps(2) == [500, 0]
    assert sampled_steps(4) == [750, 500, 250, 0]
    assert sampled_steps(3) == [999, 666, 333, 0], "a step more, as the authors count"
    assert sampled_steps(1000)[:2] == [999, 998]


@torch.inference_mode()
def test_the_sampler_is_a_plain_loop():
    schedule, noise = CosineSchedule(), torch.randn(2, 1, 4, 6, generator=torch.Generator().manual_seed(0))
    asked = []

    def denoise(x: Tensor, step: int) -> Tensor:
        asked.append(step)
        return 0.8 * torch.sigmoid(x) + 0.0003 * step - 0.1

    found = schedule.sample(denoise, noise, 4)
    assert asked == [750, 500, 250, 0]
    x, a = noise.double(), schedule.alphas_hat.double()
    for step, after in ((750, 500), (500, 250), (250, 0)):
        x0 = denoise(x, step)
        left = (x - a[step].sqrt() * x0) / (1 - a[step]).sqrt()
        x = a[after].sqrt() * x0 + (1 - a[after]).sqrt() * left
    torch.testing.assert_close(found, denoise(x, 0).clamp(0, 1).float(), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_one_step_is_one_call_at_step_0():
    net = filled("av")
    frames, audio, noise = clip(net)
    assert torch.equal(net(frames, audio, noise), net.denoise(frames, audio, noise, 0))


@torch.inference_mode()
def test_more_steps_are_calls_on_what_is_left_of_the_noise():
    net = filled("av")
    frames, audio, noise = clip(net)
    net.steps = 2
    try:
        found = net(frames, audio, noise)
    finally:
        net.steps = 1
    a = net.schedule.alphas_hat
    x0 = net.denoise(frames, audio, noise, 500)[:, None]
    left = (noise - a[500].sqrt() * x0) / (1 - a[500]).sqrt()
    last = net.denoise(frames, audio, a[0].sqrt() * x0 + (1 - a[0]).sqrt() * left, 0)
    torch.testing.assert_close(found, last, atol=1e-5, rtol=0)
    assert moved(found, net(frames, audio, noise)) > 1e-5


def test_noise_is_a_function_of_name_seed_and_size():
    one = noise_of("set/a 9", (64, 128), 0)
    assert one.shape == (1, 64, 128)
    assert (one.mean().abs() < 0.05, abs(one.std() - 1) < 0.05) == (True, True)
    assert torch.equal(one, noise_of("set/a 9", (64, 128), 0))
    for other in (noise_of("set/a 10", (64, 128), 0), noise_of("set/a 9", (64, 128), 1), noise_of("", (64, 128), 0)):
        assert not torch.equal(one, other)
    # The same numbers on any machine, and after any other draw.
    assert one[0, 0, :3].tolist() == pytest.approx(FIRST, abs=1e-6)


FIRST = [-0.850664, 0.445536, -0.505488]


@torch.inference_mode()
def test_a_frame_has_its_own_noise_whatever_batch_its_window_is_in():
    net = filled("av")
    frames, audio, _ = clip(net, 3)
    # The same window in two videos; and one near the start, whose first frame is repeated.
    places = [Place(video, window(at, 40, 16, "middle").frames) for video, at in (("a", 20), ("b", 20), ("a", 2))]
    frames[1], audio[1] = frames[0], audio[0]
    noise = torch.stack([noise_of(name, net.spec.size, 0) for name in ("a 20", "b 20", "a 2")])
    want = net(frames, audio, noise)
    for order in ([0], [2, 1]):
        found = predict_windows(net, Clips.of(frames[order], [places[i] for i in order]), audio[order], Memory())
        torch.testing.assert_close(found, want[order], atol=1e-5, rtol=0)
    assert (want[0] - want[1]).abs().max() > 1e-4, "another noise would be seen"


@torch.inference_mode()
def test_the_picture_is_seen_once_for_several_sounds_and_for_all_steps():
    net = filled("av")
    frames, audio, _ = clip(net)
    clips, memory, calls = Clips.of(frames, [Place("set/a", tuple(range(1, 17)))]), Memory(), []
    hook = net.encoder.register_forward_hook(lambda *given: calls.append("seen"))
    net.steps = 2
    try:
        one, other = (predict_windows(net, clips, heard, memory.other_sound()) for heard in (audio, -audio))
    finally:
        hook.remove()
        net.steps = 1
    assert calls == ["seen"]
    assert not torch.equal(one, other)


@torch.inference_mode()
def test_the_form_for_inference_gives_the_same_maps():
    net = filled("av")
    frames, audio, noise = clip(net)
    torch.testing.assert_close(inference_form(net)(frames, audio, noise), net(frames, audio, noise), atol=1e-5, rtol=0)


# Its parts


def test_the_clip_is_that_of_the_authors():
    with torch.device("meta"):
        six, dhf1k = create_model("diffsal").spec, tiny("v").spec
        other = tiny("v", normalisation="six").spec
    assert (six.frames, six.size, six.target, six.target_index) == (16, (224, 384), "middle", 8)
    assert six.audio == LogMelImages(9, (112, 192))
    assert [255 * x for x in six.mean] == pytest.approx([114.7748, 107.7354, 99.475])
    assert [255 * x for x in six.std] == pytest.approx([38.7568578, 37.88248729, 40.02898126])
    assert dhf1k.mean == pytest.approx((0.485, 0.456, 0.406))
    assert dhf1k.std == pytest.approx((0.229, 0.224, 0.225))
    assert dhf1k.audio is None
    assert (other.mean, other.std) == (six.mean, six.std)


def test_what_is_frozen():
    with torch.device("meta"):
        net, others = tiny(frozen_encoders=True), (tiny(), tiny("v", frozen_encoders=True))
    assert net.frozen == ("audio_encoder",)
    assert {n.split(".")[0] for n, p in net.named_parameters() if not p.requires_grad} == {"audio_encoder"}
    assert {other.frozen for other in others} == {()}


def test_the_encoder_starts_from_mmaction2_whose_file_lacks_three_norms():
    torch.manual_seed(0)
    net = MViTv2(0.0625, class_token=True)
    own = {key: torch.rand(value.shape) for key, value in net.state_dict().items()}
    theirs = {f"backbone.{k.replace('patch_embed.', 'patch_embed.projection.')}": v for k, v in own.items()}
    theirs = {key: value for key, value in theirs.items() if not key.startswith(MViTv2.may_lack, len("backbone."))}
    load_published(net, theirs | {"cls_head.fc_cls.weight": torch.ones(1)}, rename_mmaction)
    assert torch.equal(net.cls_token, own["cls_token"])
    assert torch.equal(net.norm3.bias, own["norm3.bias"])
    assert (net.norm0.weight == 1).all()
    del theirs["backbone.cls_token"]
    with pytest.raises(ValueError, match=r"1 of our .* entries is missing: cls_token"):
        load_published(net, theirs, rename_mmaction)


def test_the_encoder_of_the_sound_starts_from_all_of_vggish():
    torch.manual_seed(0)
    whole, part = VGGish(0.0625), VGGishFeatures(0.0625)
    load_published(part, whole.state_dict(), part.rename_stored)
    example = torch.randn(2, 1, 32, 48)
    assert torch.equal(part(example), whole.features(example))
    assert part(example).shape == (2, part.channels, 2, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps: expected how many steps the sampler takes, 1 to 1000, got 0"),
        ({"steps": 1001}, "got 1001"),
        ({"steps": 2.0}, r"got 2\.0"),
        ({"steps": True}, "got True"),
        ({"seed": "1"}, "diffsal: seed is a whole number; got '1'"),
        ({"size": (64, 64)}, r"room for two blocks of 64 x 64, .* got \(64, 64\)"),
        ({"size": (32, 256)}, r"got \(32, 256\)"),
        ({"size": (100, 256)}, r"got \(100, 256\)"),
        ({"normalisation": "imagenet"}, "unknown normalisation 'imagenet'"),
        ({"modality": "a"}, "diffsal has no modality 'a'; it has: v, av"),
    ],
)
def test_an_option_outside_its_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_input_that_is_not_that_of_the_spec():
    net = filled("av")
    frames, audio, noise = clip(net, 2)
    with pytest.raises(
        ValueError, match=r"expected noise \(B, 1, H, W\), here \(2, 1, 64, 128\); got \(1, 1, 64, 128\)"
    ):
        net(frames, audio, noise[:1])
    with pytest.raises(ValueError, match="this network needs the sound"):
        net(frames, None, noise)
    with pytest.raises(ValueError, match="step 1000 of noise; there are 0"):
        net.denoise(frames, audio, noise, 1000)
    with pytest.raises(ValueError, match=r"expected noisy \(B, 1, H, W\)"):
        net.denoise(frames, audio, noise[:, 0], 5)
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 16, 64, 128\)"):
        net(frames[:, :, :8], audio, noise)


@pytest.mark.parametrize("key", ["visual_net.blocks.3.attn.pool_q.bias", "decoder_net.other.weight", "fc2.weight"])
def test_an_entry_that_the_authors_do_not_have_is_refused(key):
    with pytest.raises(ValueError, match="leads nowhere"):
        load_published(tiny(), {key: torch.zeros(1)})
