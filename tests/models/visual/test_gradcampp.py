"""Grad-CAM++ against its formula with derivatives by autograd, and torchvision's network."""

import pytest
import torch
import torchvision
from torch.nn import functional as F

from avsal_bench.models import Clips, Memory, Place, create_model, model_entry
from avsal_bench.models.visual.gradcampp import GradCAMPP, activation_map
from avsal_bench.models.weights.loading import load_published


def tiny(**options) -> GradCAMPP:
    torch.manual_seed(0)
    return create_model("gradcampp", **{**model_entry("gradcampp").tiny, **options}).eval()


def by_formula(features, weight, bias):
    """The map of one item ``(C, h, w)`` in [0, inf) from the derivatives of Y = exp(S), each by autograd."""
    a = features.clone().requires_grad_()
    scores = weight @ a.mean((1, 2)) + bias
    y = scores[scores.argmax()].exp()
    (first,) = torch.autograd.grad(y, a, create_graph=True)
    second, third = torch.zeros_like(a), torch.zeros_like(a)
    for place in range(a.numel()):
        (row,) = torch.autograd.grad(first.flatten()[place], a, create_graph=True)
        second.view(-1)[place] = row.flatten()[place].detach()
        (further,) = torch.autograd.grad(row.flatten()[place], a, retain_graph=True)
        third.view(-1)[place] = further.flatten()[place]
    total = features.sum((1, 2), keepdim=True)
    alpha = second / (2 * second + total * third)
    weights = (alpha * first.detach().relu()).sum((1, 2))
    return (weights[:, None, None] * features).sum(0).relu()


def test_maps_are_those_of_the_formula():
    torch.manual_seed(0)
    features = torch.rand(2, 5, 2, 3, dtype=torch.float64)
    weight, bias = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    classes = (features.mean((2, 3)) @ weight.T + bias).argmax(1)
    found = activation_map(features, weight[classes] / 6)
    for item in range(2):
        expected = by_formula(features[item], weight, bias)
        torch.testing.assert_close(found[item] / found[item].max(), expected / expected.max(), rtol=1e-10, atol=1e-12)
    assert (weight[classes] < 0).any(), "a feature that speaks against the class has no part in its map"


def test_the_map_is_that_of_the_class_that_scores_highest_at_the_size_of_the_frame():
    net = tiny()
    frames = torch.randn(3, 3, 1, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        net.classifier.fc.weight.mul_(20)
        features = net.classifier.forward_features(frames[:, :, 0])
        found = net(frames)
    assert found.shape == (3, 64, 96)
    assert found.amax((1, 2)).tolist() == pytest.approx([1, 1, 1])
    for item in range(3):
        scores = net.classifier.fc(features[item].mean((1, 2)))
        slopes = net.classifier.fc.weight[scores.argmax()] / 6
        small = activation_map(features[item : item + 1], slopes[None])
        large = F.interpolate(small[None], (64, 96), mode="bilinear")[0, 0]
        torch.testing.assert_close(found[item], large / large.max())


def test_it_predicts_in_inference_mode():
    net = tiny()
    frames = torch.randn(2, 3, 1, 64, 96)
    clips = Clips.of(frames, [Place("synth/a", (1,)), Place("synth/a", (2,))])
    with torch.inference_mode():
        found = net.predict(clips, None, Memory())
    torch.testing.assert_close(found, net(frames).detach())


def test_its_weights_are_those_of_torchvisions_resnet():
    net = tiny(size=(64, 64), width=1.0)
    theirs = torchvision.models.resnet.ResNet(torchvision.models.resnet.Bottleneck, [1, 1, 1, 1]).eval()
    assert load_published(net, theirs.state_dict()).without_effect == ()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        features = net.classifier.forward_features(x)
        torch.testing.assert_close(net.classifier.fc(features.mean((2, 3))), theirs(x))
    with torch.device("meta"):
        net, theirs = create_model("gradcampp"), torchvision.models.resnet50(weights=None)
    shapes = {f"classifier.{key}": value.shape for key, value in theirs.state_dict().items()}
    assert {key: value.shape for key, value in net.state_dict().items()} == shapes
    offered = torchvision.models.ResNet50_Weights.IMAGENET1K_V1
    assert offered.url.endswith(model_entry("gradcampp").weights[0].file)
    assert sum(p.numel() for p in net.parameters()) == offered.meta["num_params"]


def test_frames_that_are_too_small():
    with pytest.raises(ValueError, match=r"32 pixels or more; got \(16, 64\)"):
        tiny(size=(16, 64))
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 1, 64, 96\); got \(1, 3, 2, 64, 96\)"):
        tiny()(torch.zeros(1, 3, 2, 64, 96))
