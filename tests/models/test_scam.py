"""The classifiers that pseudo maps come from, and the rules from activation maps to pseudo maps."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from avsal_bench.data.clips.sampler import ClipRequest
from avsal_bench.data.clips.tagged import TaggedClips, categories
from avsal_bench.data.dataset import dataset
from avsal_bench.models.layers.activation import (
    Activation,
    Box,
    activation,
    crop_box,
    enlarge,
    fuse,
    kept,
    paste,
    smooth,
)
from avsal_bench.models.scam import KINDS, SCAM, ClassMaps, tag_loss
from avsal_bench.studies.pseudo_options import Options
from avsal_bench.training.classifying.tags import TagModule

NETWORK = {"size": (64, 96), "backbone_width": 0.125, "audio_width": 0.125, "blocks": (1, 1, 1, 1)}

# The classifiers


@pytest.mark.parametrize("kind", KINDS)
def test_a_classifier_gives_two_maps_and_learns_with_all_its_parts(kind):
    torch.manual_seed(0)
    net = SCAM(kind, 5, **NETWORK)
    maps = net(torch.randn(2, 3, 3, 64, 96), torch.randn(2, 1, 257, 48) if kind == "sa" else None)
    small = (4, 6) if kind == "s" else (2, 3)
    assert [tuple(one.shape) for one in maps] == [(2, 5, *small)] * 2
    assert not torch.equal(*maps)
    tag_loss(maps, torch.tensor([1, 4])).backward()
    resting = {name for name, p in net.named_parameters() if p.grad is None}
    assert all(name.startswith("trunk_picture.layer4.") for name in resting)
    assert bool(resting) == (kind == "s")
    assert all(p.grad.any() for name, p in net.named_parameters() if name not in resting and not name.endswith("bias"))


@pytest.mark.parametrize(("kind", "seen"), [("s", [1]), ("sa", [1]), ("st", [0, 1, 2])])
def test_which_frames_a_classifier_looks_at(kind, seen):
    torch.manual_seed(0)
    net = SCAM(kind, 3, **NETWORK).eval()
    frames, audio = torch.randn(1, 3, 3, 64, 96), torch.randn(1, 1, 257, 48) if kind == "sa" else None
    before, after = net(frames, audio)
    for frame in range(3):
        other = frames.clone()
        other[:, :, frame] += 1
        changed = net(other, audio)
        assert torch.equal(changed.after, after) == (frame not in seen)
        # Before the attention each classifier has the middle frame alone.
        assert torch.equal(changed.before, before) == (frame != 1)


def test_the_sound_reaches_what_comes_after_the_attention():
    torch.manual_seed(0)
    net = SCAM("sa", 3, **NETWORK).eval()
    with torch.no_grad():  # as it starts, the softmax is so even that float32 does not tell two sounds apart
        net.sound_mask.sound.weight *= 1000
        net.sound_mask.picture.weight *= 1000
    frames = torch.randn(1, 3, 3, 64, 96)
    one, other = (net(frames, torch.randn(1, 1, 257, 48)) for _ in range(2))
    assert torch.equal(one.before, other.before)
    assert not torch.equal(one.after, other.after)
    with pytest.raises(ValueError, match="'sa' hears"):
        net(frames)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("x", 3), "did you mean|known: s, sa, st"), (("s", 1), "two categories"), (("s", 3, (32, 96)), "64 pixels")],
)
def test_what_a_classifier_may_not_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        SCAM(*arguments)


def test_the_loss_is_the_sum_over_both_heads():
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((2, 2, 3, 4, 5))
    tags = [2, 0]
    expected = 0.0
    for head in maps.mean((3, 4)):
        for logits, tag in zip(head, tags, strict=True):
            probability = 1 / (1 + np.exp(-logits))
            truth = np.arange(3) == tag
            expected -= np.mean(np.where(truth, np.log(probability), np.log(1 - probability))) / 2
    found = tag_loss(ClassMaps(*torch.from_numpy(maps)), torch.tensor(tags))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_rates_are_those_of_the_authors():
    module = TagModule("sa", 3, NETWORK)
    optimizer = module.configure_optimizers()
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    named = {name: rates[id(p)] for name, p in module.net.named_parameters()}
    assert named["trunk_picture.conv1.weight"] == pytest.approx(1e-4)
    assert named["trunk_sound.resnet.bn1.bias"] == pytest.approx(2e-4)
    assert named["classify.0.weight"] == named["gru.out.weight"] == pytest.approx(1e-3)
    assert named["classify.0.bias"] == named["sound_mask.sound.bias"] == pytest.approx(2e-3)
    group = optimizer.param_groups[0]
    assert (group["momentum"], group["nesterov"], group["weight_decay"]) == (0.9, True, 5e-4)
    published = Options()
    assert (published.epochs, published.batch_size, published.batch_size_st) == (15, 8, 3)


# From activation maps to pseudo maps, by hand


def test_an_activation_map_is_the_mean_of_both_at_the_category_and_zero_where_the_classifier_is_wrong():
    before = torch.tensor([[[[4.0, -2.0]], [[0.0, 1.0]]]]).repeat(2, 1, 1, 1)
    after = torch.tensor([[[[2.0, -4.0]], [[2.0, -1.0]]]]).repeat(2, 1, 1, 1)
    # Means: category 0 [3, -3] with logit 0, category 1 [1, 0] with logit 0.5.
    found = activation(before, after, torch.tensor([1, 0]), (1, 2))
    assert found.right.tolist() == [True, False]
    assert found.maps.tolist() == [[[1.0, 0.0]], [[0.0, 0.0]]]
    assert found.confidence.tolist() == pytest.approx([1 / (1 + np.exp(-0.5)), 0.5])


def test_negative_activations_are_zero_and_the_maximum_is_one():
    maps = torch.tensor([[[[5.0, -3.0], [1.0, 0.5]], [[-9.0, 0.0], [0.0, 0.0]]]])
    found = activation(maps, maps, torch.tensor([0]), (2, 2))
    assert found.maps[0].tolist() == pytest.approx(np.array([[1.0, 0.0], [0.2, 0.1]]))
    negative = activation(-maps.abs(), -maps.abs(), torch.tensor([0]), (2, 2))  # logits -2.375 and -2.25: wrong
    assert not negative.maps.any()


def test_maps_are_fused_by_confidence_then_from_zero_to_one():
    first = Activation(torch.tensor([[[1.0, 0.5, 0.0]]]), torch.tensor([0.9]), torch.tensor([True]))
    second = Activation(torch.tensor([[[0.0, 1.0, 0.25]]]), torch.tensor([0.3]), torch.tensor([True]))
    fused = np.array([0.9, 0.45 + 0.3, 0.075]) / 1.2
    expected = (fused - fused.min()) / (fused.max() - fused.min())
    assert fuse([first, second])[0, 0].tolist() == pytest.approx(expected)
    nothing = Activation(torch.zeros(1, 1, 3), torch.tensor([0.2]), torch.tensor([False]))
    assert fuse([nothing, nothing])[0].tolist() == [[0.0, 0.0, 0.0]]


def test_the_crop_holds_what_is_above_twice_the_mean():
    fused = torch.zeros(8, 10)
    fused[2, 3] = fused[5, 7] = 1.0
    fused[7, 9] = 0.04  # the mean is 0.0255
    assert crop_box(fused) == Box(2, 6, 3, 8)
    fused[7, 9] = 0.06
    assert crop_box(fused) == Box(2, 8, 3, 10)
    assert crop_box(torch.zeros(8, 10)) is None
    assert crop_box(torch.ones(8, 10)) is None


def test_a_crop_is_enlarged_and_its_map_goes_back_to_its_place():
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(48.0), indexing="ij")
    frames = torch.stack([rows, columns, rows + columns])[:, None].repeat(1, 3, 1, 1)
    box = Box(8, 24, 12, 36)
    crop = enlarge(frames, box)
    assert crop.shape == frames.shape
    middle = F.interpolate(frames[:, 1, 8:24, 12:36][None], (32, 48), mode="bilinear")[0]
    assert torch.equal(crop[:, 1], middle)
    whole = paste(crop[0, 1], box)
    assert not whole[:8].any()
    assert not whole[24:].any()
    assert not whole[:, :12].any()
    assert not whole[:, 36:].any()
    torch.testing.assert_close(whole[10:22, 14:34], rows[10:22, 14:34], atol=1e-4, rtol=0)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_the_running_average_has_the_frames_around_and_leaves_black_ones_black(n):
    rng = np.random.default_rng(n)
    maps = rng.random((n, 2, 3)).astype(np.float32)
    maps[n // 2 + 1 : n // 2 + 2] = 0
    expected = [maps[max(0, i - 2) : i + 3].mean(0) if maps[i].any() else maps[i] for i in range(n)]
    found = list(smooth(torch.from_numpy(one) for one in maps))
    assert len(found) == n
    np.testing.assert_allclose(torch.stack(found).numpy(), expected, rtol=1e-6)


def test_what_is_below_three_times_the_mean_is_zero():
    smoothed = torch.zeros(4, 5)
    smoothed[0, :3] = torch.tensor([0.8, 0.4, 0.16])  # the mean is 0.068
    expected = torch.zeros(4, 5)
    expected[0, :2] = torch.tensor([1.0, 0.5])
    torch.testing.assert_close(kept(smoothed), expected)
    assert not kept(torch.ones(4, 5)).any()
    assert not kept(torch.zeros(4, 5)).any()


def test_clips_bring_the_number_of_the_category(synth_root):
    videos = dataset("synth").videos(synth_root, "train", 1)
    names = categories(videos, synth_root)
    assert names == sorted(names)
    clips = TaggedClips(videos, {name: i for i, name in enumerate(names)}, SCAM("s", 2, **NETWORK).spec)
    for i, video in enumerate(videos):
        request = ClipRequest(i, (0, 0, i))
        item = clips[request]
        assert names[int(item["tag"])] == video.category
        assert torch.equal(item["frames"], clips[request]["frames"])
        assert item["density"] is None
