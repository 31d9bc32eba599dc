"""STANet: its size by hand, how its parts are put together, what the switch does, and the recipe."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models import Clips, Memory, Place, create_model, model_entry
from avsal_bench.models.stanet import STANet
from avsal_bench.models.weights.offered import published_weights
from avsal_bench.training.every_frame import EveryFrameModule
from avsal_bench.training.recipe import load_recipe

RECIPES = Path(__file__).resolve().parents[2] / "benchmarks" / "recipes"


def tiny(modality: str = "av", **options: Any) -> STANet:
    """A tiny network whose maps depend on all of it: the authors' small initial values would hide much."""
    torch.manual_seed(0)
    net = create_model("stanet", **{**model_entry("stanet").tiny, "modality": modality, **options})
    for name, parameter in net.named_parameters():
        if not name.startswith(("trunk_", "switch.trunk_")):
            parameter.data += 0.2 * torch.randn_like(parameter)
    return net.eval()


def clip(net: STANet, batch: int = 2) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(batch, 3, 3, *net.spec.size, generator=draw), torch.randn(batch, 1, 257, 48, generator=draw)


def on_meta(**options: Any) -> STANet:
    with torch.device("meta"):
        return create_model("stanet", **options).eval()


def size(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


# The published size


def test_shapes_at_the_published_size():
    net = on_meta()
    frames, audio = torch.zeros(2, 3, 3, 356, 356, device="meta"), torch.zeros(2, 1, 257, 48, device="meta")
    features = net.trunk_picture(frames[:, :, 0])
    assert [tuple(f.shape) for f in features] == [(2, 512, 45, 45), (2, 1024, 23, 23), (2, 2048, 12, 12)]
    looked = net._look(frames[:, :, 0])
    assert [tuple(f.shape[1:]) for f in looked] == [(32, 12, 12), (32, 23, 23), (32, 45, 45), (128, 12, 12), (128,)]
    assert net.trunk_sound.resnet(audio).shape == (2, 512, 9, 2)
    assert net.trunk_sound(audio).shape == (2, 8192)
    assert net(frames, audio).shape == (2, 356, 356)
    assert [tuple(scale.shape) for scale in net.every_frame(frames, audio)] == [(2, 3, 356, 356)] * 2


def resnext_by_hand() -> int:
    count, inputs = 3 * 64 * 49 + 2 * 64, 64
    for planes, blocks in ((64, 3), (128, 4), (256, 23), (512, 3)):
        middle, outputs = 32 * 8 * planes // 64, 4 * planes
        count += inputs * outputs + 2 * outputs
        for _ in range(blocks):
            count += inputs * middle + middle * (middle // 32) * 9 + middle * outputs + 2 * (2 * middle + outputs)
            inputs = outputs
    return count


def resnet18_by_hand() -> int:
    count, inputs = 64 * 49 + 2 * 64, 64
    for planes in (64, 128, 256, 512):
        count += (inputs * planes + 3 * planes * planes) * 9 + 4 * 2 * planes
        count += inputs * planes + 2 * planes if inputs != planes else 0
        inputs = planes
    return count


def test_parameters_of_each_part_by_hand():
    net = on_meta(sound_switch="predicted")
    expected = {
        "trunk_picture": resnext_by_hand(),
        "squeeze": (512 + 1024 + 2048) * 32 + 3 * 32,
        "space_mask": 2 * (32 * 16 + 16) + (32 * 32 + 32) + 32,
        "time_mask": 32 * 32 * 3 + 32 + 2 * (32 * 32 * 9 + 32),
        "trunk_sound": resnet18_by_hand() + 2 * 16 * 512 + 16,
        "sound_mask": (8192 * 128 + 128) + 2 * (2048 * 128 + 128) + (128 * 32 + 32) + (32 + 1),
        "merge": 96 * 32 * 9 + 32,
        "gru": 3 * (64 * 32 + 32),
        "refine": 2 * (64 * 32 * 9 + 32),
        "heads": 2 * (32 + 1),
    }
    both = (2048 * 128 + 128) + (8192 * 128 + 128) + (128**3 + 128) + (128 * 2 + 2)
    expected["switch"] = expected["trunk_picture"] + expected["trunk_sound"] + both
    assert {name: size(part) for name, part in net.named_children()} == expected
    assert expected["trunk_picture"] == 88_791_336 - (2048 * 1000 + 1000)  # torchvision's, without its classifier
    assert round(expected["trunk_sound"] / 1e6, 2) == 11.19


def test_branches_make_the_merge_wider():
    for modality, branches in (("v", "s"), ("v", "st"), ("av", "sa"), ("av", "a")):
        net = tiny(modality, branches=branches)
        assert net.merge.in_channels == len(branches) * 8
        assert hasattr(net, "space_mask") == ("s" in branches)
        assert hasattr(net, "time_mask") == ("t" in branches)
        assert net(*clip(net)).shape == (2, 64, 96)


# The whole


def test_a_map_from_its_features_step_by_step():
    net = tiny()
    frames, audio = clip(net, 1)
    with torch.no_grad():
        seen = [net.trunk_picture(frames[:, :, i]) for i in range(3)]
        before, x, after = (net.squeeze[2](s[2]) for s in seen)
        finest, finer = net.squeeze[0](seen[1][0]), net.squeeze[1](seen[1][1])
        # The order of the authors' stack: the next frame, the current one, the one before.
        over_time = net.time_mask(torch.stack([after, x, before], 2))
        over_sound = net.sound_mask(net.trunk_sound(audio), *net.sound_mask.look(seen[1][2]))
        ways = [F.relu(x + mask * x) for mask in (net.space_mask(x), over_time, over_sound)]
        merged = net.gru(net.merge(torch.cat(ways, 1)), x)

        def up(y, like):
            return F.interpolate(y, like.shape[2:], mode="bilinear", align_corners=False)

        r1 = F.relu(net.refine[0](torch.cat([up(merged, finer), finer], 1)) + finer)
        r1 = up(r1, finest)
        r0 = F.relu(net.refine[1](torch.cat([r1, finest], 1)) + r1)
        fine, coarse = (up(head(r), frames[:, :, 0])[:, 0] for head, r in zip(net.heads, (r0, r1), strict=True))
        found = net.outputs(frames, audio)
        torch.testing.assert_close(net(frames, audio), fine)
    torch.testing.assert_close(found.main, fine)
    torch.testing.assert_close(found.side[0], coarse)


def test_the_neighbours_of_each_frame_are_shifted_in_a_cycle():
    net = tiny("v")
    stacks = []
    net.time_mask.register_forward_pre_hook(lambda _, inputs: stacks.append(inputs[0]))
    frames, _ = clip(net, 1)
    with torch.no_grad():
        net.every_frame(frames)
        x = [net.squeeze[2](net.trunk_picture(frames[:, :, i])[2]) for i in range(3)]
    for stack, order in zip(stacks, ((1, 0, 2), (2, 1, 0), (0, 2, 1)), strict=True):
        torch.testing.assert_close(stack, torch.stack([x[i] for i in order], 2))


def test_every_frame_has_its_map():
    net = tiny()
    frames, audio = clip(net)
    with torch.no_grad():
        fine, coarse = net.every_frame(frames, audio)
        found = net.outputs(frames, audio)
    assert torch.equal(fine[:, 1], found.main)
    assert torch.equal(coarse[:, 1], found.side[0])
    assert not torch.allclose(fine[:, 0], fine[:, 2], atol=1e-3)


# The switch


def test_a_switch_that_is_off_is_the_network_without_sound():
    both, visual = tiny(), tiny("v")
    both.load_visual(visual.state_dict())
    frames, audio = clip(both)
    with torch.no_grad():
        without = visual(frames)
        assert torch.equal(both(frames, audio, torch.tensor([False, False])), without)
        heard = both(frames, audio)
        assert torch.equal(both(frames, audio, torch.tensor([True, True])), heard)
        mixed = both(frames, audio, torch.tensor([True, False]))
    assert torch.equal(mixed[1], without[1])
    torch.testing.assert_close(mixed[0], heard[0])  # whose sound is encoded alone
    with torch.no_grad():
        audio[1] = torch.nan
        assert torch.equal(both(frames, audio, torch.tensor([True, False])), mixed)
    assert (heard - without).abs().amax((1, 2)).min() > 1e-3


def test_labels_must_be_given():
    net = tiny(sound_switch="labels")
    frames, audio = clip(net)
    with pytest.raises(ValueError, match="sound_switch='labels' needs use_audio"):
        net(frames, audio)
    with torch.no_grad():
        assert torch.equal(net(frames, audio, torch.tensor([True, True])), tiny()(frames, audio))


def test_labels_of_a_test_come_with_the_places():
    net = tiny(sound_switch="labels")
    frames, audio = clip(net)
    windows = [(1, 2, 3), (2, 3, 4)]
    frames[1, :, :2] = frames[0, :, 1:]
    with torch.no_grad():
        expected = net(frames, audio, torch.tensor([True, False]))
        places = [Place("synth/a", window, label) for window, label in zip(windows, (True, False), strict=True)]
        torch.testing.assert_close(net.predict(Clips.of(frames, places), audio, Memory()), expected)
        with pytest.raises(ValueError, match="needs use_audio"):
            net.predict(Clips.of(frames, [Place("synth/a", window) for window in windows]), audio, Memory())
    assert net.switched_by_labels
    assert not tiny("v", sound_switch="labels").switched_by_labels


def test_use_audio_is_one_bool_an_item():
    net = tiny()
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        net(*clip(net), torch.ones(3, dtype=torch.bool))


def test_a_predicted_switch_decides_for_each_item():
    net = tiny(sound_switch="predicted")
    frames, audio = clip(net, 4)
    logits = net.switch(frames[:, :, 1], audio)
    # Open for two of the four, whatever the other logit says.
    net.switch.head.bias.data[1] -= logits[:, 1].sort().values[1:3].mean()
    opened = net.switch(frames[:, :, 1], audio)[:, 1] > 0
    assert int(opened.sum()) == 2
    with torch.no_grad():
        assert torch.equal(net(frames, audio), net(frames, audio, opened))
        assert not torch.allclose(net(frames, audio), net(frames, audio, ~opened))
    assert not any(p.requires_grad for p in net.switch.parameters())
    assert net.train().switch.training is False


def test_only_a_switch_learns_where_it_is_what_learns():
    net = tiny(sound_switch="predicted", learns="switch").train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    frames, audio = clip(net)
    found = net.outputs(frames, audio)
    found.auxiliary["switch"].backward()
    silent = [n for n, p in net.named_parameters() if n.startswith("switch.") and (p.grad is None or not p.grad.any())]
    assert silent == []
    assert all(p.grad is None for n, p in net.named_parameters() if not n.startswith("switch."))
    moved = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("switch.") for name in moved)
    assert tuple(found.main.shape) == (2, 64, 96)


# Learning, and testing


@pytest.mark.parametrize("modality", ["v", "av"])
def test_gradients_reach_every_parameter_from_the_loss_of_every_frame(modality):
    net = tiny(modality).train()
    fine, coarse = net.every_frame(*clip(net))
    (fine * random(*fine.shape) + coarse * random(*coarse.shape)).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_new_convolutions_start_small_and_trunks_do_not():
    torch.manual_seed(0)
    net = create_model("stanet", **model_entry("stanet").tiny)
    assert net.merge.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert net.sound_mask.values.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert net.trunk_picture.conv1.weight.std() > 0.02


def test_a_test_looks_at_every_frame_once_and_gives_the_same_maps():
    net = tiny()
    frames, audio = clip(net, 5)
    video = frames[0, :, :1].repeat(1, 5, 1, 1) + random(3, 5, 64, 96)
    windows = [(1, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 5)]
    clips = torch.stack([video[:, [i - 1 for i in window]] for window in windows])
    seen = []
    net.trunk_picture.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    with torch.no_grad():
        expected = net(clips, audio)
        seen.clear()
        memory = Memory()
        found = [
            net.predict(Clips.of(clips[a:b], [Place("synth/a", w) for w in windows[a:b]]), audio[a:b], memory)
            for a, b in ((0, 2), (2, 3), (3, 5))
        ]
    torch.testing.assert_close(torch.cat(found), expected)
    assert sum(seen) == 5


# The recipe


def test_the_cross_entropy_is_a_mean_over_the_pixels():
    for preset in ("paper", "smoke"):
        recipe = load_recipe(RECIPES, "stanet", preset)
        height, width = recipe.network.get("size", (356, 356))
        assert recipe.stages[-1].loss["bce"] == pytest.approx(1 / (height * width), rel=1e-3)


@pytest.mark.parametrize("modality", ["v", "av"])
def test_the_optimizer_has_four_rates(modality):
    stage = load_recipe(RECIPES, "stanet", "paper").stages[-1]
    options = {**model_entry("stanet").tiny, "modality": modality}
    module = EveryFrameModule("stanet", options, stage.loss, stage.optimizer, stage.schedule)
    found = {id(p): group for group in module.configure_optimizers().param_groups for p in group["params"]}
    for name, parameter in module.net.named_parameters():
        group = found[id(parameter)]
        factor = (1 if name.startswith("trunk") else 10) * (2 if name.endswith("bias") else 1)
        assert group["lr"] == pytest.approx(1e-3 * factor), name
        assert (group["momentum"], group["nesterov"], group["weight_decay"]) == (0.9, True, 1e-4)
    assert len({group["lr"] for group in found.values()}) == 4


def test_the_switch_is_trained_before_the_maps():
    recipe = load_recipe(RECIPES, "stanet", "switch")
    assert [stage.name for stage in recipe.stages] == ["switch", "maps"]
    assert [stage.name for stage in load_recipe(RECIPES, "stanet", "paper").stages] == ["maps"]
    assert model_entry("stanet").label(dict(recipe.network)) == "stanet-switch"
    net = on_meta(**recipe.network, **recipe.stages[0].options)
    parts = dict(net.named_modules())
    for part, name in recipe.stages[0].start.items():
        ours, theirs = parts[part].state_dict(), published_weights(name).build().to("meta").state_dict()
        assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


# Bad input


def test_options_out_of_range(subtests):
    for options, message in [
        ({"size": (32, 96)}, r"64 pixels or more; got \(32, 96\)"),
        ({"branches": "ats"}, "letters of 'sta' in this order, each once; got 'ats'"),
        ({"branches": ""}, "got ''"),
        ({"branches": "st"}, "without branch 'a' does not hear"),
        ({"sound_switch": "on"}, "one of none, predicted, labels; got 'on'"),
        ({"learns": "nothing"}, "learns 'map' or 'switch'; got 'nothing'"),
        ({"learns": "switch"}, "modality='av' and sound_switch='predicted' only"),
        ({"modality": "a"}, "stanet has no modality 'a'"),
    ]:
        with subtests.test(options=options, message=message), pytest.raises(ValueError, match=message):
            tiny(**options)


def test_a_clip_that_is_not_the_one_of_the_spec():
    net = tiny()
    frames, audio = clip(net)
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 3, 64, 96\)"):
        net(frames[:, :, :2], audio)
    with pytest.raises(ValueError, match="needs the sound"):
        net(frames)
