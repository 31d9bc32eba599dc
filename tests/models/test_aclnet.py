"""ACLNet, its trunk and its ConvLSTM, against their equations and the numbers that follow from its layers."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import vgg16 as torchvision_vgg16

from avsal_bench.models import Clips, Memory, Place, create_model, model_entry
from avsal_bench.models.backbones.vgg16 import VGG16, rename_torchvision
from avsal_bench.models.layers.recurrent.conv_lstm import ConvLSTM, State
from avsal_bench.models.visual.aclnet import ACLNet
from avsal_bench.models.weights.loading import load_published


def tiny(**options) -> ACLNet:
    torch.manual_seed(0)
    return create_model("aclnet", **{**model_entry("aclnet").tiny, **options})


def clip(net: ACLNet, batch: int = 2, frames: int | None = None) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return 50 * torch.randn(batch, 3, frames or net.spec.frames, *net.spec.size, generator=draw)


def singles(video: Tensor) -> tuple[Tensor, list[tuple[int, ...]]]:
    """Every frame of a video ``(3, n, H, W)`` as a window ``(3, 1, H, W)``, and its number."""
    return video.transpose(0, 1)[:, :, None], [(number,) for number in range(1, video.shape[1] + 1)]


# The trunk


def test_vgg_up_to_the_fourth_pooling_is_that_of_torchvision():
    torch.manual_seed(0)
    ours = VGG16().eval()
    with torch.device("meta"):  # the classifier has 124 million parameters
        theirs = torchvision_vgg16(weights=None).eval()
    for layer in theirs.features.to_empty(device="cpu"):
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias)
    loaded = load_published(ours, theirs.state_dict(), rename_torchvision)
    assert len(loaded.loaded) == 26
    assert {key.split(".")[0] for key in loaded.without_effect} == {"classifier"}
    frames = torch.randn(1, 3, 32, 48)
    with torch.no_grad():
        torch.testing.assert_close(ours.features[:23](frames), theirs.features[:23](frames))
        x = F.max_pool2d(F.pad(theirs.features[:23](frames), (0, 1, 0, 1), value=-torch.inf), 2, 1)
        torch.testing.assert_close(ours(frames), theirs.features[24:30](x))


def test_the_fourth_pooling_keeps_the_size_and_looks_down_and_right():
    pool = VGG16(width=0.125).features[23]
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    expected = torch.tensor([[5.0, 6, 7, 7], [9, 10, 11, 11], [9, 10, 11, 11]])
    assert torch.equal(pool(x)[0, 0], expected)


# The ConvLSTM


def test_the_lstm_is_its_equations_step_by_step():
    torch.manual_seed(0)
    inputs, filters = 3, 2
    lstm = ConvLSTM(inputs, filters).double()
    for parameter in lstm.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = 2 * torch.randn(2, 4, inputs, 3, 5, dtype=torch.float64)
    w, u = (conv.weight.detach().split(filters) for conv in (lstm.input, lstm.recurrent))
    b = lstm.input.bias.detach().split(filters)

    def conv(maps: Tensor, kernel: Tensor, y: int, x: int) -> Tensor:
        """One place of the convolution, with zeros around the maps."""
        return (F.pad(maps, (1, 1, 1, 1))[:, y : y + 3, x : x + 3] * kernel).sum((1, 2, 3))

    found, last = lstm(x)
    for item in range(2):
        h = c = torch.zeros(filters, 3, 5, dtype=torch.float64)
        for t in range(4):
            after_h, after_c = torch.zeros_like(h), torch.zeros_like(c)
            for row in range(3):
                for column in range(5):
                    at = (row, column)
                    i, f, g, o = (conv(x[item, t], w[gate], *at) + conv(h, u[gate], *at) + b[gate] for gate in range(4))
                    i, f, o = ((0.2 * gate + 0.5).clip(0, 1) for gate in (i, f, o))
                    cell = f * c[:, row, column] + i * torch.tanh(g)
                    after_c[:, row, column], after_h[:, row, column] = cell, o * torch.tanh(cell)
            h, c = after_h, after_c
            torch.testing.assert_close(found[item, t], h)
        torch.testing.assert_close(last.hidden[item], h)
        torch.testing.assert_close(last.cell[item], c)


def test_the_lstm_starts_with_an_open_forget_gate_and_orthogonal_recurrence():
    lstm = ConvLSTM(6, 4)
    assert lstm.input.bias.tolist() == 4 * [0] + 4 * [1] + 8 * [0]
    rows = lstm.recurrent.weight.flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(16), atol=1e-5, rtol=0)


def test_a_state_is_taken_up():
    torch.manual_seed(0)
    lstm = ConvLSTM(3, 4)
    x = torch.randn(2, 5, 3, 4, 6)
    whole, last = lstm(x)
    first, state = lstm(x[:, :2])
    second, end = lstm(x[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(end, last)
    zeros = torch.zeros(2, 4, 4, 6)
    assert torch.equal(lstm(x, State(zeros, zeros))[0], whole)


def test_dropout_hides_the_same_input_from_every_frame_of_a_clip_and_only_in_training():
    torch.manual_seed(0)
    lstm = ConvLSTM(2, 1, dropout=0.4)
    seen = []
    lstm.input.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].reshape(3, 4, 2, 30, 30)))
    x = torch.ones(3, 4, 2, 30, 30)
    lstm.train()(x)
    lstm.eval()(x)
    trained, tested = seen
    assert torch.equal(tested, x)
    assert torch.equal(trained, trained[:, :1].expand_as(x))
    assert not torch.equal(trained[0], trained[1])
    torch.testing.assert_close(trained.unique(), torch.tensor([0, 1 / 0.6]))
    assert (trained == 0).float().mean().item() == pytest.approx(0.4, abs=0.03)


# The network


def test_parameter_counts_are_those_that_are_expected():
    with torch.device("meta"):
        net = ACLNet()
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in net.named_children()}
    lstm = 9 * 512 * 1024 + 9 * 256 * 1024 + 1024
    hourglass = (512 + 1) * 64 + (9 * 64 + 1) * 128 + (128 + 1) * 64 + (9 * 64 + 1) * 128 + 128 + 1
    assert counts == {"vgg": 14714688, "attention": hourglass, "lstm": lstm, "head": 257}
    assert tuple(net.lstm.input.weight.shape) == (1024, 512, 3, 3)


def test_shapes_are_those_that_are_expected():
    with torch.device("meta"):
        net = ACLNet().eval()
        frames = torch.zeros(2, 3, 5, 256, 320)
        shapes = {}
        for name in ("vgg", "attention", "lstm.input"):
            net.get_submodule(name).register_forward_hook(
                lambda _module, _inputs, output, name=name: shapes.update({name: tuple(output.shape)})
            )
        main, (side,), auxiliary = net.outputs(frames)
        maps, state = net.maps(frames)
    assert shapes == {"vgg": (10, 512, 32, 40), "attention": (10, 1, 8, 10), "lstm.input": (10, 1024, 32, 40)}
    assert (main.shape, side.shape, maps.shape) == ((2, 128, 160), (2, 64, 80), (2, 5, 128, 160))
    assert {tuple(part.shape) for part in state} == {(2, 256, 32, 40)}
    assert auxiliary == {}


def test_the_features_are_weighed_by_one_plus_the_attention():
    net = tiny().eval()
    seen = {}
    net.vgg.register_forward_hook(lambda _module, _inputs, output: seen.update(x=output))
    net.attention.register_forward_hook(lambda _module, _inputs, output: seen.update(m=output))
    net.lstm.register_forward_pre_hook(lambda _module, inputs: seen.update(weighed=inputs[0]))
    with torch.no_grad():
        _, (side,), _ = net.outputs(clip(net))
    m = seen["m"].repeat_interleave(4, 2).repeat_interleave(4, 3)
    torch.testing.assert_close(seen["weighed"], (seen["x"] * (1 + m)).unflatten(0, (2, 3)))
    torch.testing.assert_close(side, m.unflatten(0, (2, 3))[:, -1, 0].repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_the_target_is_the_last_map_and_is_in_blocks_of_four():
    net = tiny().eval()
    frames = clip(net)
    with torch.no_grad():
        saliency, (maps, _) = net(frames), net.maps(frames)
    assert torch.equal(saliency, maps[:, -1])
    assert ((maps > 0) & (maps < 1)).all()
    assert torch.equal(saliency, saliency[:, ::4, ::4].repeat_interleave(4, 1).repeat_interleave(4, 2))
    assert not torch.allclose(maps[:, 0], maps[:, 1], atol=1e-4)


def test_every_frame_counts_and_those_before_come_first():
    net = tiny().train()
    frames = clip(net, batch=1).requires_grad_()
    net(frames).sum().backward()
    assert (frames.grad.abs().sum((0, 1, 3, 4)) > 0).all()
    frames.grad = None
    net.maps(frames)[0][:, 0].sum().backward()
    assert frames.grad[:, :, 0].any()
    assert not frames.grad[:, :, 1:].any()


@pytest.mark.parametrize(("attention", "loss", "sides"), [(True, True, 1), (True, False, 0), (False, True, 0)])
def test_attention_and_its_loss_can_be_left_out(attention, loss, sides):
    net = tiny(attention=attention, attention_loss=loss)
    main, side, _ = net.outputs(clip(net))
    assert (main.shape, len(side)) == ((2, 32, 48), sides)
    assert any(key.startswith("attention.") for key in net.state_dict()) == attention
    (main.sum() + sum(map(torch.sum, side))).backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


def test_dropout_is_in_training_only():
    net = tiny()
    frames = clip(net)
    with torch.no_grad():
        assert not torch.equal(net.train()(frames), net(frames))
        assert torch.equal(net.eval()(frames), net(frames))
        without = tiny(lstm_dropout=0.0)
        assert torch.equal(without.train()(frames), net(frames))


def test_the_authors_means_of_red_and_blue_change_places():
    keras = tiny().spec
    assert [255 * x for x in keras.mean] == pytest.approx([103.939, 116.779, 123.68])
    assert [255 * x for x in keras.std] == pytest.approx([1, 1, 1])
    other = tiny(normalisation="torchvision").spec
    assert (other.mean, other.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


# A whole video


@pytest.mark.parametrize("batch", [1, 4, 9])
def test_streaming_is_the_network_run_over_the_whole_video(batch):
    net = tiny().eval()
    video = clip(net, batch=1, frames=9)
    inputs, numbers = singles(video[0])
    memory = Memory()
    found = []
    with torch.no_grad():
        whole, _ = net.maps(video)
        for start in range(0, 9, batch):
            places = [Place("synth/a", own) for own in numbers[start : start + batch]]
            found.append(net.predict(Clips.of(inputs[start : start + batch], places), None, memory))
    torch.testing.assert_close(torch.cat(found), whole[0], atol=1e-5, rtol=0)
    assert not torch.allclose(whole[0, -1], net(video[:, :, -3:])[0], atol=1e-4)


def test_chunks_with_the_state_carried_over_are_the_whole_video():
    net = tiny(frames=5).eval()
    video = clip(net, batch=2, frames=12)
    state, found = None, []
    with torch.no_grad():
        whole, last = net.maps(video)
        for chunk in video.split(5, dim=2):
            maps, state = net.maps(chunk, state)
            found.append(maps)
    torch.testing.assert_close(torch.cat(found, 1), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(state, last, atol=1e-5, rtol=1e-5)


def test_videos_do_not_see_each_other():
    net = tiny().eval()
    one, other = clip(net, batch=2, frames=4)
    (a, numbers), (b, _) = singles(one), singles(other)
    memory = Memory()
    with torch.no_grad():
        together = [
            net.predict(Clips.of(torch.stack(pair), [Place("x/one", own), Place("x/two", own)]), None, memory)
            for *pair, own in zip(a, b, numbers, strict=True)
        ]
        alone = net.predict(Clips.of(b, [Place("x/two", own) for own in numbers]), None, Memory())
        assert memory.seen["aclnet"].keys() == {("x/one", 1), ("x/two", 1)}
        net.predict(Clips.of(a[:1], [Place("x/three", numbers[0])]), None, memory)
    assert memory.seen["aclnet"].keys() == {("x/three", 1)}, "a test has hundreds of videos"
    torch.testing.assert_close(torch.stack(together)[:, 1], alone, atol=1e-5, rtol=0)


def test_a_frame_without_the_one_before_is_an_error():
    net = tiny().eval()
    frames = clip(net, batch=1, frames=1)
    memory = Memory()
    with torch.no_grad():
        with pytest.raises(ValueError, match=r"synth/a, frame 4: expected after frame 3, but saw no frame before it"):
            net.predict(Clips.of(frames, [Place("synth/a", (4,))]), None, memory)
        net.predict(Clips.of(frames, [Place("synth/a", (1,))]), None, memory)
        with pytest.raises(ValueError, match=r"synth/b, frame 2: expected after frame 1, but saw no frame before it"):
            net.predict(Clips.of(frames, [Place("synth/b", (2,))]), None, memory)
        with pytest.raises(ValueError, match=r"synth/a, frame 3: .* frame 2, but saw frame 1 last; give all frames of"):
            net.predict(Clips.of(frames, [Place("synth/a", (3,))]), None, memory)
        with pytest.raises(ValueError, match=r"windows of one frame, as this network goes by frames; got 3 frames"):
            net.predict(Clips.of(clip(net, batch=1), [Place("synth/a", (1, 2, 3))]), None, memory)


def test_a_video_may_start_again():
    net = tiny().eval()
    inputs, numbers = singles(clip(net, batch=1, frames=4)[0])
    places = [Place("synth/a", own) for own in numbers]
    memory = Memory()
    with torch.no_grad():
        first, again = (net.predict(Clips.of(inputs, places), None, memory) for _ in range(2))
    assert torch.equal(first, again)


def test_without_streaming_each_window_is_a_clip_by_itself():
    net = tiny(streaming=False).eval()
    frames = clip(net)
    clips = Clips.of(frames, [Place("synth/a", (7, 8, 9)), Place("synth/b", (1, 2, 3))])
    with torch.no_grad():
        found = net.predict(clips, None, memory := Memory())
        assert torch.equal(found, net(frames))
    assert memory == Memory()


# The authors' file


def keras_state() -> dict[str, Tensor]:
    """A file such as a Keras session would write it, of the tiny network: values, shapes and names."""
    draw = torch.Generator().manual_seed(1)
    net = tiny()
    state = {}

    def add(layer: str, conv: nn.Conv2d, bias: bool = True, kind: str = "kernel") -> None:
        outputs, inputs, height, width = conv.weight.shape
        state[f"{layer}.{kind}"] = 0.1 * torch.randn(height, width, inputs, outputs, generator=draw)
        if bias:
            state[f"{layer}.bias"] = 0.1 * torch.randn(outputs, generator=draw)

    convs = [layer for layer in net.vgg.features if isinstance(layer, nn.Conv2d)]
    names = [f"block{block}_conv{i}" for block, n in enumerate((2, 2, 3, 3, 3), start=1) for i in range(1, n + 1)]
    for name, conv in zip(names, convs, strict=True):
        add(name, conv)
    for i, conv in enumerate((layer for layer in net.attention if isinstance(layer, nn.Conv2d)), start=1):
        add(f"conv2d_{i}", conv)
    add("conv_lst_m2d_1", net.lstm.input)
    add("conv_lst_m2d_1", net.lstm.recurrent, bias=False, kind="recurrent_kernel")
    add("conv2d_6", net.head)
    return state


def test_a_converted_file_loads_whole():
    state, net = keras_state(), tiny()
    loaded = load_published(net, state)
    assert set(loaded.loaded) == state.keys()
    assert loaded.without_effect == ()
    own = net.state_dict()
    torch.testing.assert_close(
        own["lstm.recurrent.weight"][3, 1, 0, 2], state["conv_lst_m2d_1.recurrent_kernel"][0, 2, 1, 3]
    )
    torch.testing.assert_close(own["vgg.features.28.weight"][3, 1, 0, 2], state["block5_conv3.kernel"][0, 2, 1, 3])
    assert torch.equal(own["lstm.input.bias"], state["conv_lst_m2d_1.bias"])


def test_frames_in_rgb_meet_the_authors_first_kernel_as_bgr_without_their_means():
    state, net = keras_state(), tiny()
    load_published(net, state)
    picture = torch.randint(0, 256, (1, 3, 8, 8), generator=torch.Generator().manual_seed(2)).float()
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (net.spec.mean, net.spec.std))
    ours = net.vgg.features[0]((picture / 255 - mean) / std)
    theirs = (picture - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)).flip(1)
    kernel = state["block1_conv1.kernel"].permute(3, 2, 0, 1)
    expected = F.conv2d(theirs, kernel, state["block1_conv1.bias"], padding=1)
    torch.testing.assert_close(ours, expected, atol=1e-3, rtol=1e-4)


def test_an_entry_of_another_network_is_refused():
    with pytest.raises(ValueError, match=r"1 of its 42 entries leads nowhere: conv2d_7\.bias"):
        load_published(tiny(), {**keras_state(), "conv2d_7.bias": torch.zeros(1)})


# Bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 0}, "1 frame or more; got 0"),
        ({"size": (64, 100)}, r"32, 64, 96 ... pixels; got \(64, 100\)"),
        ({"size": (16, 64)}, r"got \(16, 64\)"),
        ({"lstm_dropout": 1.0}, r"lstm_dropout is in \[0, 1\); got 1.0"),
        ({"normalisation": "imagenet"}, "one of keras, torchvision; got 'imagenet'"),
        ({"modality": "av"}, "aclnet has no modality 'av'; it has: v"),
    ],
)
def test_an_option_outside_its_range(options, message):
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_a_clip_that_is_not_the_one_of_the_spec():
    net = tiny()
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 3, 64, 96\); got \(2, 3, 2, 64, 96\)"):
        net(clip(net)[:, :, :2])
    with pytest.raises(ValueError, match=r"expected frames"):
        net.predict(Clips.of(clip(net)[:1, :, :1, :32], [Place("synth/a", (1,))]), None, Memory())
