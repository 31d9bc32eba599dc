"""DeepVS against its equations, a plain resize, and the names and shapes in the index of the authors' checkpoint."""

import re
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.data.windows import window
from avsal_bench.models import Clips, Memory, Place, create_model, model_entry
from avsal_bench.models.visual.deepvs import _LSTM, DeepVS
from avsal_bench.models.visual.om_cnn import centre_mask, map_of, resized, scaled
from avsal_bench.models.weights.loading import load_published
from avsal_bench.spec import Batch
from avsal_bench.training.every_frame import EveryFrameModule


def tiny(**options) -> DeepVS:
    torch.manual_seed(0)
    return create_model("deepvs", **{**model_entry("deepvs").tiny, **options}).eval()


def film(net: DeepVS, frames: int, batch: int = 1) -> Tensor:
    return torch.randn(batch, 3, frames, *net.spec.size, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)


# Its layers

#: Layers of the authors' checkpoint, by the names there: kernel, channels that come in and go out.
CONVS = {
    **{"conv1": (3, 3, 16), "conv3": (3, 16, 32), "conv5": (3, 32, 64), "conv7": (3, 64, 128), "conv9": (3, 128, 256)},
    **{"conv11": (3, 256, 512), "conv13": (3, 512, 1024), "conv14": (3, 1024, 1024), "conv15": (3, 1024, 1024)},
    **{"conv_9_2": (1, 256, 128), "conv_11_2": (1, 512, 128), "conv_15_2": (1, 1024, 128)},
    **{"conv_19": (3, 542, 512), "conv_20": (1, 512, 256), "conv_21": (3, 256, 128), "conv_22": (1, 128, 128)},
    **{"FNconv1": (7, 6, 64), "FNconv2": (5, 64, 128), "FNconv3": (5, 128, 256), "FNconv3_1": (3, 256, 256)},
    **{"FNconv4": (3, 256, 512), "FNconv4_1": (3, 512, 512), "FNconv5": (3, 512, 512), "FNconv5_1": (3, 512, 512)},
    **{"FNconv6": (3, 512, 1024), "FNconv6_1": (3, 1024, 1024)},
    **{f"FNDownconv_{n}_1": (3, channels, 128) for n, channels in ((3, 256), (4, 512), (5, 512), (6, 1024))},
    **{"Lastconv_1": (3, 1054, 512), "Lastconv_2": (1, 512, 512), "Lastconv_3": (3, 512, 256)},
    **{"Lastconv_4": (1, 256, 128)},
}
LINEAR = {"fc16": (50176, 256), "fc17": (256, 4096), "fc18": (4096, 1470)}
DECONVS = {f"deconv{end}": shape for end in ("", "_23") for shape in [(4, 4, 16, 128)]}
DECONVS |= {"deconv2": (4, 4, 1, 16), "deconv_24": (4, 4, 1, 16)}
NORMS = ("beta", "gamma", "moving_mean", "moving_variance")


def checkpoint() -> dict[str, Tensor]:
    """Names and shapes of the authors' checkpoint, 173 entries; no numbers."""
    shapes: dict[str, tuple[int, ...]] = {"Variable": (), "beta1_power": (), "beta2_power": ()}
    layers = {name: (kernel, kernel, inputs, outputs) for name, (kernel, inputs, outputs) in CONVS.items()}
    for name, shape in {**layers, **LINEAR, **DECONVS}.items():
        bias = shape[2] if name in DECONVS else shape[-1]
        shapes |= {f"{name}/weights": shape, f"{name}/biases": (bias,)}
        if name in ("conv1", "conv3", "conv5", "conv7", "conv9", "conv11"):
            shapes |= {f"{name}/batch_normalization/{kind}": (bias,) for kind in NORMS}
    for layer in ("lstm_layer1", "lstm_layer2"):
        for gate in "1234":
            shapes |= {f"{layer}h{gate}/weights": (3, 3, 128, 128), f"{layer}i{gate}/weights": (3, 3, 128, 128)}
            shapes[f"{layer}i{gate}/biases"] = (128,)
    learnt = [name for name in shapes if re.match(r"(deconv2?|lstm_layer.i.)/", name)]
    shapes |= {f"{name}/{slot}": shapes[name] for name in learnt for slot in ("Adam", "Adam_1")}
    with torch.device("meta"):
        return {name if "/" not in name else f"inference/{name}": torch.zeros(s) for name, s in shapes.items()}


@cache
def whole() -> DeepVS:
    """The published network without its numbers."""
    with torch.device("meta"):
        return create_model("deepvs").eval()


def test_every_entry_of_the_authors_checkpoint_has_its_place():
    net = whole()
    state = checkpoint()
    assert len(state) == 173
    places = {}
    for key, value in state.items():
        renamed = net.rename_published(key, value)
        if renamed is None:
            assert "Adam" in key or "/" not in key or key in ("inference/deconv2/biases", "inference/deconv_24/biases")
        else:
            assert renamed[0] not in places
            places[renamed[0]] = tuple(renamed[1].shape)
    own = {
        key: tuple(value.shape) for key, value in net.state_dict().items() if not key.endswith("num_batches_tracked")
    }
    assert places == own
    theirs = sum(v.numel() for k, v in state.items() if not k.endswith(("moving_mean", "moving_variance")) and "/" in k)
    slots = sum(v.numel() for k, v in state.items() if "Adam" in k)
    assert sum(p.numel() for p in net.parameters()) == theirs - slots - 2 == 83_726_750


def test_a_converted_checkpoint_loads_and_an_entry_of_another_network_is_refused():
    net = tiny()
    inverse = {}
    for key in checkpoint():
        if renamed := net.rename_published(key, torch.zeros(1, 1, 1, 1)):
            inverse[renamed[0]] = key
    state = {}
    for key, value in net.state_dict().items():
        if key in inverse:
            fresh = torch.rand_like(value) + 0.5
            state[inverse[key]] = (
                fresh.permute(2, 3, 1, 0) if fresh.dim() == 4 else fresh.T if fresh.dim() == 2 else fresh
            )
    loaded = load_published(net, state)
    assert set(loaded.loaded) == state.keys()
    own = net.state_dict()
    theirs = state["inference/FNconv3_1/weights"]
    assert own["cnn.motion.layers.3_1.0.weight"][3, 1, 0, 2] == theirs[0, 2, 1, 3]
    assert own["cnn.objectness.cells.2.weight"][3, 1] == state["inference/fc17/weights"][1, 3]
    assert own["head.0.weight"][3, 1, 0, 2] == state["inference/deconv/weights"][0, 2, 1, 3]
    with pytest.raises(ValueError, match=r"1 of its \d+ entries leads nowhere: inference/conv_12/weights"):
        load_published(tiny(), {**state, "inference/conv_12/weights": torch.zeros(1, 1, 3, 3)})


def test_shapes_are_those_of_the_authors_graph():
    net = whole()
    with torch.device("meta"), torch.inference_mode():
        seen = {}
        for name in ("cnn.objectness", "cnn.objectness.layers.conv15", "cnn.motion", "cnn.motion.layers.6_1", "cnn"):
            net.get_submodule(name).register_forward_hook(
                lambda _module, _inputs, output, name=name: seen.update({name: output})
            )
        maps = net(torch.zeros(2, 3, 21, 448, 448))
        (every,) = net.every_frame(torch.zeros(2, 3, 21, 448, 448))
    assert (maps.shape, every.shape) == ((2, 112, 112), (2, 16, 112, 112))
    assert seen["cnn.objectness"].shape[1:] == (542, 28, 28)
    assert seen["cnn.objectness.layers.conv15"].shape[1:] == (1024, 7, 7)
    assert seen["cnn.motion"].shape[1:] == (512, 28, 28)
    assert seen["cnn.motion.layers.6_1"].shape[1:] == (1024, 7, 7)
    assert [part.shape[1:] for part in seen["cnn"]] == [(128, 28, 28), (112, 112)]


# TensorFlow's ways


def plain_resize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """TensorFlow 1's bilinear resize of one map, place by place."""
    h, w = picture.shape
    found = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            y, x = row * h / height, column * w / width
            top, left = int(y), int(x)
            low, right = min(top + 1, h - 1), min(left + 1, w - 1)
            upper = picture[top, left] + (x - left) * (picture[top, right] - picture[top, left])
            lower = picture[low, left] + (x - left) * (picture[low, right] - picture[low, left])
            found[row, column] = upper + (y - top) * (lower - upper)
    return found


@pytest.mark.parametrize("size", [(14, 20), (28, 10), (3, 5), (7, 5), (11, 13)])
def test_maps_are_resized_as_in_tensorflow_1(size):
    x = torch.randn(2, 3, 7, 10, dtype=torch.float64)
    found = resized(x, size)
    assert found.shape == (2, 3, *size)
    for item in range(2):
        for channel in range(3):
            expected = plain_resize(x[item, channel].numpy(), *size)
            np.testing.assert_allclose(found[item, channel].numpy(), expected, rtol=0, atol=1e-12)


def test_a_larger_map_keeps_its_first_corner_and_a_smaller_one_takes_every_nth_pixel():
    x = torch.arange(12.0).view(1, 1, 3, 4)
    assert torch.equal(resized(x, (6, 8))[..., ::2, ::2], x)
    assert not torch.equal(resized(x, (6, 8)), F.interpolate(x, (6, 8), mode="bilinear"))
    assert torch.equal(resized(x, (3, 2)), x[..., ::2])


def test_padding_is_that_of_tensorflow():
    """Half the kernel on all sides, also at stride 2; and ``SAME`` of a transposed convolution, by its definition."""
    net = tiny(size=(128, 128))
    conv = net.cnn.motion.layers["1"][0]
    x = torch.randn(1, 6, 128, 128)
    padded = np.pad(x[0].numpy(), ((0, 0), (3, 3), (3, 3)))
    with torch.no_grad():
        found = conv(x)[0].numpy()
    weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    for row, column in ((0, 0), (0, 63), (63, 0), (63, 63), (20, 31)):
        part = padded[:, 2 * row : 2 * row + 7, 2 * column : 2 * column + 7]
        np.testing.assert_allclose(found[:, row, column], (weight * part).sum((1, 2, 3)) + bias, rtol=1e-4, atol=1e-5)

    enlarge = map_of(3)[0].double()
    y = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    # The gradient of a convolution of 4x4 at stride 2 with SAME, which pads one pixel before and one behind.
    big = torch.zeros(1, 16, 8, 10, dtype=torch.float64, requires_grad=True)
    (F.conv2d(F.pad(big, (1, 1, 1, 1)), enlarge.weight, stride=2) * y).sum().backward()
    torch.testing.assert_close(enlarge(y), big.grad + enlarge.bias[:, None, None])


def test_the_centre_mask_is_one_in_the_middle_and_zero_in_the_first_corner():
    mask = centre_mask(28, 28)
    assert (mask[14, 14].item(), mask[0, 0].item()) == (1, 0)
    assert mask[3, 20].item() == pytest.approx(1 - np.hypot(11, 6) / np.hypot(14, 14))
    wide = centre_mask(4, 8)
    assert (wide[2, 4].item(), wide[0, 0].item()) == (1, 0)
    assert wide[1, 7].item() == pytest.approx(1 - np.hypot(1, 3) / np.hypot(2, 4))


def test_a_norm_has_tensorflows_epsilon_and_lies_before_the_leaky_relu():
    conv, norm, relu = tiny().cnn.objectness.layers["conv1"]
    assert (norm.eps, norm.momentum, relu.negative_slope) == (1e-3, pytest.approx(0.01), 0.1)
    assert conv.bias is not None
    torch.testing.assert_close(conv.bias, torch.full_like(conv.bias, 0.1))
    assert not norm.bias.any()


def test_maps_lie_between_zero_and_one():
    maps = torch.tensor([[[[3.0, 5], [4, 7]]], [[[2.0, 2], [2, 2]]]])
    torch.testing.assert_close(scaled(maps)[:, 0], torch.tensor([[[0, 0.5], [0.25, 1]], [[0, 0], [0, 0]]]))


# The OM-CNN


def test_the_coarse_map_weighs_what_the_motion_sees():
    net = tiny()
    seen = {}
    net.cnn.coarse.register_forward_hook(lambda _m, _i, output: seen.update(raw=output))
    net.cnn.motion.register_forward_pre_hook(lambda _m, inputs: seen.update(frames=inputs[0], mask=inputs[1]))
    frames, later = film(net, 2, batch=2).unbind(2)
    with torch.no_grad():
        _, coarse = net.cnn(frames, later)
    torch.testing.assert_close(seen["frames"], torch.cat([frames, later], 1))
    raw = seen["raw"][:, 0]
    low, high = raw.amin((1, 2), keepdim=True), raw.amax((1, 2), keepdim=True)
    torch.testing.assert_close(coarse, (raw - low) / (high - low + 1e-7))
    torch.testing.assert_close(seen["mask"][:, 0], 0.5 + coarse / 2)
    assert coarse.shape == (2, 16, 32)


def test_the_mask_is_on_five_layers_of_the_motion_and_on_no_other():
    net = tiny()
    seen = {}
    for name, layer in net.cnn.motion.layers.items():
        layer.register_forward_hook(lambda _m, inputs, output, name=name: seen.update({name: (inputs[0], output)}))
    mask = torch.rand(1, 1, 16, 32) / 2 + 0.5
    with torch.no_grad():
        net.cnn.motion(torch.randn(1, 6, 64, 128), mask)
    names = list(seen)
    for before, after in pairwise(names):
        output, taken = seen[before][1], seen[after][0]
        weighed = output * resized(mask, tuple(output.shape[2:]))
        masked = before in ("1", "2", "3", "3_1", "4")
        torch.testing.assert_close(taken, weighed if masked else output)


def test_features_of_five_depths_meet_under_the_centre_mask():
    net = tiny(width=0.125)
    part = net.cnn.objectness
    seen = {}
    for name in ("layers.conv7", "squeezed.9", "squeezed.11", "squeezed.15", "cells"):
        part.get_submodule(name).register_forward_hook(lambda _m, _i, output, name=name: seen.update({name: output}))
    with torch.no_grad():
        features = part(film(net, 1)[:, :, 0])
    cells = seen["cells"].view(1, 1, 2, 30).permute(0, 3, 1, 2)
    kept = [*(seen[name] for name in seen if name != "cells"), cells]
    order = [kept[0], seen["squeezed.9"], seen["squeezed.11"], seen["squeezed.15"], cells]
    expected = torch.cat([resized(x, (4, 8)) for x in order], 1) * centre_mask(4, 8)
    torch.testing.assert_close(features, expected)
    assert not features[:, :, 0, 0].any()


# The LSTM


def written_out(lstm: _LSTM, x: Tensor, scale_x: float, scale_h: float, scale_b: float) -> list[Tensor]:
    """Hidden states after each frame of ``(T, C, h, w)``, from padded sums, gate by gate."""
    channels, height, width = x.shape[1:]
    h = c = torch.zeros(channels, height, width, dtype=x.dtype)

    def conv(maps: Tensor, weight: Tensor) -> Tensor:
        padded = F.pad(maps, (1, 1, 1, 1))
        windows = padded.unfold(1, 3, 1).unfold(2, 3, 1)
        return torch.einsum("oikl,iyxkl->oyx", weight, windows)

    found = []
    for frame in x:
        i, j, f, o = (
            scale_x * conv(frame, lstm.input[g].weight)
            + scale_b * lstm.input[g].bias[:, None, None]
            + scale_h * conv(h, lstm.recurrent[g].weight)
            for g in "1234"
        )
        c = c * torch.sigmoid(f + 1.0) + torch.sigmoid(i) * torch.tanh(j)
        h = torch.tanh(c) * torch.sigmoid(o)
        found.append(h)
    return found


@pytest.mark.parametrize(("gates", "scales"), [("mean", (1, 1, 4)), ("demo", (4, 4, 4))])
def test_the_lstm_is_its_equations_step_by_step(gates, scales):
    torch.manual_seed(0)
    lstm = _LSTM(3, dropout=0.75, gates=gates).double().eval()
    for parameter in lstm.parameters():
        nn.init.normal_(parameter, std=0.3)
    x = torch.randn(2, 4, 3, 5, 6, dtype=torch.float64)
    with torch.no_grad():
        found, last = lstm(x)
        for item in range(2):
            expected = torch.stack(written_out(lstm, x[item], *scales))
            torch.testing.assert_close(found[item], expected)
            torch.testing.assert_close(last.hidden[item], expected[-1])
        first, state = lstm(x[:, :3])
        again, _ = lstm(x[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, again], 1), found)


def test_masks_hide_three_quarters_in_training_the_same_in_all_frames_and_the_gates_have_their_mean():
    torch.manual_seed(0)
    lstm = _LSTM(4, dropout=0.75, gates="mean").train()
    for parameter in lstm.parameters():
        nn.init.normal_(parameter)
    seen = []
    for g in "1234":
        lstm.input[g].register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0]))
    x = torch.ones(64, 3, 4, 6, 6)
    with torch.no_grad():
        lstm(x)
    masks = torch.stack(seen).view(4, 64, 3, 4, 6, 6)
    assert torch.equal(masks, masks[:, :, :1].expand_as(masks))
    assert masks.mean().item() == pytest.approx(0.25, abs=0.01)
    assert not any(torch.equal(masks[0], masks[g]) for g in (1, 2, 3))
    x = torch.randn(1, 1, 4, 6, 6).expand(4000, 1, 4, 6, 6)
    conv = lstm.input["1"]
    with torch.no_grad():
        drawn = lstm._seen(conv, (x * lstm._masks(x)[0])[:, 0]).mean(0)
        lstm.eval()
        torch.testing.assert_close(drawn, lstm._seen(conv, x[:1, 0])[0], atol=0.6, rtol=0)


# A whole video


def by_segments(net: DeepVS, video: Tensor) -> Tensor:
    """The maps ``(n, h, w)`` of ``(1, 3, n, H, W)`` as the authors go: segments of ``steps``, each with its gap."""
    n = video.shape[2]
    maps = []
    for first in range(0, n, net.steps):
        numbers = [min(i, n - 1) for i in range(first, first + net.steps + net.gap)]
        (own,) = net.every_frame(video[:, :, numbers])
        maps.append(own[0])
    return torch.cat(maps)[:n]


def clips_of(net: DeepVS, video: Tensor, targets: list[int], name: str = "synth/a") -> Clips:
    n = video.shape[2]
    windows = [window(frame, n, *net.spec.form).frames for frame in targets]
    frames = torch.stack([video[0][:, [number - 1 for number in own]] for own in windows])
    return Clips.of(frames, [Place(name, own) for own in windows])


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_a_video_is_predicted_in_segments_as_by_the_authors(batch):
    net, memory = tiny(), Memory()
    video = film(net, 8)
    with torch.inference_mode():
        expected = by_segments(net, video)
        found = [
            net.predict(clips_of(net, video, list(range(first, min(first + batch, 9)))), None, memory)
            for first in range(1, 9, batch)
        ]
    torch.testing.assert_close(torch.cat(found), expected, atol=1e-5, rtol=0)
    assert (expected[1:] - expected[:-1]).abs().amax((1, 2)).min() > 1e-3, "a wrong frame would be seen"


def test_frames_may_be_left_out_and_videos_take_turns():
    net, memory = tiny(), Memory()
    one, other = film(net, 8), film(net, 16)[:, :, 8:]
    with torch.inference_mode():
        expected = {"synth/a": by_segments(net, one), "synth/b": by_segments(net, other)}
        for targets in ([2], [3, 8], [7, 8], [8], [1]):
            both = [clips_of(net, one, targets, "synth/a"), clips_of(net, other, targets, "synth/b")]
            clips = Clips.of(torch.cat([part.frames for part in both]), [p for part in both for p in part.places])
            found = net.predict(clips, None, memory)
            want = torch.cat([maps[[t - 1 for t in targets]] for maps in expected.values()])
            torch.testing.assert_close(found, want, atol=1e-5, rtol=0)
        assert memory.seen["deepvs"].keys() == expected.keys()
        net.predict(clips_of(net, one, [5], "synth/c"), None, memory)
    assert memory.seen["deepvs"].keys() == {"synth/c"}, "a test has hundreds of videos"


def test_the_convolutions_see_each_frame_once():
    net, memory, seen = tiny(), Memory(), []
    video = film(net, 8)
    net.cnn.register_forward_pre_hook(lambda _m, inputs: seen.append(len(inputs[0])))
    with torch.inference_mode():
        for first in (1, 4, 7):
            net.predict(clips_of(net, video, list(range(first, min(first + 3, 9)))), None, memory)
    assert seen == [3, 3, 2]


def test_without_segments_each_window_is_a_clip_by_itself():
    net, whole = tiny(segments=False), tiny()
    video = film(net, 8)
    clips = clips_of(net, video, [3, 5])
    with torch.inference_mode():
        found = net.predict(clips, None, memory := Memory())
        assert torch.equal(found, net(clips.frames))
        in_segments = whole.predict(clips, None, Memory())
    assert memory == Memory()
    torch.testing.assert_close(found[0], in_segments[0], atol=1e-5, rtol=0)  # frame 3 ends a segment of 3
    assert (found[1] - in_segments[1]).abs().max() > 1e-3


def test_the_target_and_its_motion_are_where_the_spec_says():
    net = tiny()
    assert (net.spec.frames, net.spec.target_index) == (5, 2)
    frames = film(net, 5)
    with torch.inference_mode():
        (every,) = net.every_frame(frames)
        assert torch.equal(net(frames), every[:, -1])
        other = frames.clone()
        other[:, :, 4] = 0
        (changed,) = net.every_frame(other)
    assert torch.equal(changed[:, :2], every[:, :2])
    assert not torch.equal(changed[:, 2], every[:, 2])
    published = create_model("deepvs", width=0.0625, size=(64, 64)).spec
    assert (published.frames, published.target, published.antialias) == (21, 15, False)


# Training


def test_the_om_cnn_is_trained_alone_and_then_stays():
    alone = tiny(recurrent=False)
    assert (alone.spec.frames, alone.spec.step, alone.spec.target_index) == (2, 2, 0)
    main, (side,), _ = alone.train().outputs(film(alone, 2, batch=2))
    assert main.shape == side.shape == (2, 16, 32)
    (main.sum() + (side * torch.randn_like(side)).sum() + (main * torch.randn_like(main)).sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in alone.parameters())

    both = tiny()
    for parameter in both.parameters():
        parameter.data += 1
    head = both.head[0].weight.clone()
    both.load_visual(alone.state_dict())
    assert all(torch.equal(value, both.cnn.state_dict()[key]) for key, value in alone.cnn.state_dict().items())
    assert torch.equal(both.head[0].weight, head)
    assert {name.split(".")[0] for name, p in both.named_parameters() if p.requires_grad} == {"lstm", "head"}
    assert not both.train().cnn.training
    with pytest.raises(ValueError, match=r"recurrent=False; missing: cnn.coarse.*; unexpected: lstm\.0"):
        both.load_visual({"lstm.0.input.1.bias": torch.zeros(1)})
    with pytest.raises(TypeError, match="build it with recurrent=True"):
        alone.every_frame(film(alone, 2))


def test_a_clip_is_learnt_from_the_frames_that_have_a_later_one():
    """16 maps of a clip of 21 frames: here 3 of 5, whose maps are the first ones."""
    options = {**model_entry("deepvs").tiny, "modality": "v", "dropout": 0.0}
    torch.manual_seed(0)
    module = EveryFrameModule("deepvs", options, {"kl": 1.0}, {"name": "adam", "lr": 1e-3}, {"name": "constant"})
    frames = torch.randint(0, 256, (2, 3, 5, 64, 128), dtype=torch.uint8)
    densities = torch.rand(2, 5, 16, 32)
    batch: Batch = {
        "frames": frames,
        "audio": None,
        "densities": densities,
        "density": densities[:, 2],
        "fixated": None,
    }
    loss = module.training_loss(batch)
    (maps,) = module.net.every_frame(frames.float() / 127.5 - 1)
    p, g = (x / x.sum((2, 3), keepdim=True) for x in (maps, densities[:, :3]))
    expected = (g * torch.log(g / (p + 2.2204e-16))).sum((2, 3)).mean(0).sum()
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-4)


# Bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "1 step or more and a gap of 1 frame or more; got 0 and 2"),
        ({"gap": 0}, "got 3 and 0"),
        ({"size": (64, 96)}, r"64, 128, 192 ... pixels; got \(64, 96\)"),
        ({"dropout": 1.0}, r"dropout is in \[0, 1\); got 1.0"),
        ({"gates": "max"}, "gates is mean or demo; got 'max'"),
        ({"modality": "av"}, "deepvs has no modality 'av'; it has: v"),
    ],
)
def test_an_option_outside_its_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_a_clip_that_is_not_the_one_of_the_spec():
    net = tiny()
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 5, 64, 128\); got \(1, 3, 4, 64, 128\)"):
        net(film(net, 4))
    with pytest.raises(ValueError, match="expected frames"):
        net.predict(Clips.of(film(net, 5)[..., :64], [Place("synth/a", (1, 1, 1, 2, 3))]), None, Memory())
