"""What windows share is found once, and is what every window by itself would find: layers, and S3D."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from film_windows import all_places, batches, clips_of, filled, films, rows, single
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models.backbones.s3d import S3D
from avsal_bench.models.clips import Memory, Place
from avsal_bench.models.layers.inference import inference_form
from avsal_bench.models.layers.shared.time_steps import Steps


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


# Layer by layer

CONVOLUTIONS = {
    "k3": nn.Conv3d(3, 4, (3, 1, 1), padding=(1, 0, 0)),
    "k7 s2": nn.Conv3d(3, 4, (7, 1, 1), (2, 1, 1), (3, 0, 0), bias=False),
    "k3x3x3": nn.Conv3d(3, 4, 3, padding=1),
    "k3x3x3 s2": nn.Conv3d(3, 4, 3, 2, 1),
    "k5 s1x2x2": nn.Conv3d(3, 4, (5, 3, 3), (1, 2, 2), (2, 1, 1)),
    "k4 s4": nn.Conv3d(3, 4, (4, 3, 3), (4, 1, 1), (0, 1, 1)),
    "k1 s2": nn.Conv3d(3, 4, 1, 2),
    "dilated": nn.Conv3d(3, 4, 3, padding=2, dilation=2),
    "by channel": nn.Conv3d(3, 6, 3, padding=1, groups=3),
    "space": nn.Conv3d(3, 4, (1, 3, 3), padding=(0, 1, 1)),
    "valid": nn.Conv3d(3, 4, 3),
    "more padding than kernel": nn.Conv3d(3, 4, (2, 1, 1), padding=(2, 0, 0)),
}
POOLS = {
    "3": nn.MaxPool3d(3, 1, 1),
    "3 s2": nn.MaxPool3d(3, 2, 1),
    "space": nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
    "time": nn.MaxPool3d((4, 1, 1)),
    "2": nn.MaxPool3d(2),
}
WINDOWS = {
    "all of a video": all_places(films(19), 8),
    "middle": all_places(films(11), 8, "middle"),
    "repeated in front": all_places(films(11), 8, start="repeat"),
    "short videos": all_places(films(1, 5, 9, 2), 8),
    "every third": all_places(films(30), 8)[::3],
    "a gap": [p for p in all_places(films(30), 8) if p.frames[-1] in (3, 9, 10, 25, 26)],
    "again": all_places(films(12), 8)[8:] * 2,
    "to and fro": [p for p in all_places(films(14, 14), 8) if p.frames[-1] > 9] * 2,
}


def check(shared: Any, plain: Any, places: list[Place], size: int) -> list[int]:
    """Look whether a layer finds the same both ways; how many frames of each batch were new."""
    some = films(30, 14, 9, 2) if max(map(max, (p.frames for p in places))) > 14 else films(14, 14, 12, 12)
    memory, new = Memory(), []
    for clips in batches(some, places, size):
        x = Steps.of(clips, memory.seen, "x")
        new.append(len(x.axis.new))
        torch.testing.assert_close(shared(x).windows(), plain(clips.frames), rtol=1e-12, atol=1e-12)
    return new


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution(name, size):
    conv = CONVOLUTIONS[name].double()
    check(lambda x: x.conv(conv), conv, all_places(films(19), 8), size)


@pytest.mark.parametrize("name", POOLS)
def test_a_pool(name):
    """Of negative features too, where zeros as padding would be seen."""
    pool = POOLS[name]
    check(lambda x: x.each(lambda v: v - 9).max(pool), lambda v: pool(v - 9), all_places(films(19), 8), 2)


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("name", WINDOWS)
def test_windows_of_all_kinds(name, size):
    first, second = CONVOLUTIONS["k7 s2"].double(), nn.Conv3d(4, 4, (3, 1, 1), padding=(1, 0, 0)).double()
    check(lambda x: x.conv(first).each(torch.tanh).conv(second), lambda v: second(first(v).tanh()), WINDOWS[name], size)


@pytest.mark.parametrize(("stride", "size"), [(1, 1), (1, 3), (2, 1), (2, 3)])
def test_a_residual_and_its_shortcut(stride, size):
    torch.manual_seed(0)
    first, second = nn.Conv3d(3, 3, 3, stride, 1).double(), nn.Conv3d(3, 3, 3, 1, 1).double()
    shortcut = nn.Conv3d(3, 3, 1, stride).double()

    def shared(x: Steps) -> Steps:
        for _ in range(2 if stride == 1 else 1):
            x = Steps.add([x.conv(first).each(F.relu).conv(second), x.conv(shortcut)]).each(F.relu)
        return x

    def plain(v: Tensor) -> Tensor:
        for _ in range(2 if stride == 1 else 1):
            v = F.relu(second(F.relu(first(v))) + shortcut(v))
        return v

    check(shared, plain, all_places(films(19), 8), size)


def test_each_frame_goes_through_a_layer_of_single_frames_once():
    """Also in reverse windows, and where a frame is repeated."""
    assert check(lambda x: x, lambda v: v, all_places(films(8), 8), 1)[:3] == [8, 0, 0]
    # Reverse windows, the first forward one, and those that follow it.
    new = check(lambda x: x, lambda v: v, all_places(films(30), 8), 1)
    assert new == [8, *[1] * 6, 6, *[1] * 22]
    assert sum(check(lambda x: x, lambda v: v, all_places(films(30), 8), 30)) == 30


def test_steps_that_do_not_fit_together():
    x = Steps.of(clips_of(films(9), all_places(films(9), 8)[-1:]), {}, "x")
    with pytest.raises(ValueError, match=r"expected features of 4 time steps, each 2 frames .*; got 8, 1 and \[0\]"):
        Steps.cat([x, x.conv(CONVOLUTIONS["k7 s2"].double())])
    wide = nn.Conv3d(3, 4, (2, 1, 1), padding=(2, 0, 0), dilation=(4, 1, 1)).double()
    with pytest.raises(ValueError, match=r"made of no frame but \[-1, 0, 1\], from its place; got 8, 1 and \[-2, 2\]"):
        Steps.add([x.conv(CONVOLUTIONS["k3"].double()), x.conv(wide)])


def test_a_batch_after_one_that_failed():
    conv, places, memory = CONVOLUTIONS["k3"].double(), all_places(films(30), 8)[8:], Memory()

    def encode(item: int, layer: Any) -> Tensor:
        return Steps.of(clips_of(films(30), places[item : item + 1]), memory.seen, "x").each(layer).conv(conv).windows()

    encode(0, torch.tanh)
    with pytest.raises(ZeroDivisionError):
        encode(1, lambda v: 1 / 0)
    with pytest.raises(RuntimeError, match="the batch before ended by an error; clear the memory"):
        encode(2, torch.tanh)
    memory.clear()
    encode(2, torch.tanh)


# The encoder


@pytest.mark.parametrize(
    ("t", "size", "part"),
    [
        (8, 1, slice(None)),
        (8, 4, slice(None)),
        (16, 3, slice(10, None)),
        (32, 2, slice(28, 36)),
        pytest.param(32, 1, slice(None), marks=pytest.mark.slow),
        pytest.param(16, 1, slice(None), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_s3d_over_windows_of_two_videos(t, size, part):
    net, memory, some = filled(S3D(0.125)), Memory(), films(2 * t + 3, 3)
    for clips in batches(some, all_places(some, t)[part], size):
        for got, want in zip(net.encode_windows(clips, memory), net(clips.frames), strict=True):
            torch.testing.assert_close(got, want, rtol=1e-11, atol=1e-11)


def test_what_a_window_costs_that_follows_another():
    net, memory, some = filled(S3D(0.125)), Memory(), films(38)
    layers = ["base1.0.conv_s", "base1.3.conv_s", "base2.0.branch0.0", "base2.1.branch0.0", "base3.0.branch0.0"]
    counted = rows(net, layers)
    for clips in batches(some, [p for p in all_places(some, 32) if p.forwards], 1):
        net.encode_windows(clips, memory)
    # Frames; steps of the first convolution in time, of the second, of Mixed_3b; the third stage, of whole windows.
    want = [32, *[1] * 6], *([16, 16, *[n] * 5] for n in (4, 6, 8)), [8] * 7
    assert counted == dict(zip(layers, want, strict=True))


def test_reverse_windows_share_too():
    net, memory, some = filled(S3D(0.125)), Memory(), films(38)
    counted = rows(net, ["base1.0.conv_s", "base1.3.conv_s"])
    for clips in batches(some, all_places(some, 32)[:5], 1):
        net.encode_windows(clips, memory)
    assert counted == {"base1.0.conv_s": [32, 1, 1, 1, 1], "base1.3.conv_s": [16, 16, 4, 4, 4]}


def kept(memory: Memory) -> int:
    """Numbers in all tables of a memory."""
    (store,) = memory.seen.values()
    return sum(table.rows.numel() for axis in store.kept.values() for table in axis.tables if table.rows is not None)


def test_memory_does_not_grow_with_a_video_nor_from_video_to_video():
    net, memory, some = filled(S3D(0.125)), Memory(), films(40, 24)
    sizes = []
    for clips in batches(some, all_places(some, 8), 2):
        net.encode_windows(clips, memory)
        sizes.append(kept(memory))
    assert len(set(sizes[6:])) == 1
    (store,) = memory.seen.values()
    assert {video for video, _ in store.kept[()].numbers} == {"set/1"}


def test_channels_stay_last():
    """Any layer that loses them makes all that follow slow."""
    net, some, memory = inference_form(filled(S3D(0.125)).float()), single(films(18)), Memory()
    for clips in batches(some, all_places(some, 16)[15:], 2):
        first, second = net.shared(clips, memory)
        steps = first.value, second.value, second.max(net.maxp3).value
        for found in (*steps, first.windows(), second.windows(), *net.deep(second)):
            assert found.is_contiguous(memory_format=torch.channels_last_3d)


def test_under_autocast():
    net, some, memory = filled(S3D(0.125)).float(), single(films(12)), Memory()
    with torch.autocast("cpu", torch.bfloat16):
        for clips in batches(some, all_places(some, 8)[7:], 2):
            for got, want in zip(net.encode_windows(clips, memory), net(clips.frames), strict=True):
                assert got.dtype == want.dtype
                assert F.cosine_similarity(got.float().flatten(), want.float().flatten(), 0) > 0.999


def test_windows_that_s3d_does_not_take():
    some = films(20, size=(32, 48))
    with pytest.raises(ValueError, match="S3D takes T divisible by 8 and H, W divisible by 32; got T=8, H=32, W=48"):
        S3D(0.125).encode_windows(clips_of(some, all_places(some, 8)[:1]), Memory())
