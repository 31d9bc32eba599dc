"""A frame of a film goes through the first convolution once, and every window is what it would be by itself."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.data.windows import window
from avsal_bench.models import Clips, Memory, Network, Place, create_model, model_entry
from avsal_bench.models.layers.inference import inference_form
from avsal_bench.models.layers.shared import stem
from avsal_bench.models.layers.shared.stem import stem_of_windows

KEY = "set/a"


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def film(n: int, size: tuple[int, int] = (12, 16), seed: int = 0) -> Tensor:
    return torch.randn(n, 3, *size, generator=torch.Generator().manual_seed(seed)).double()


def clips(frames: Tensor, windows: list[tuple[int, ...]], video: str = KEY) -> Clips:
    index = torch.tensor(windows) - 1
    return Clips(frames, index, [Place(video, numbers) for numbers in windows])


def windows_of(n: int, t: int, target: Any = "last", start: Any = "reverse") -> list[tuple[int, ...]]:
    return [window(frame, n, t, target, start).frames for frame in range(1, n + 1)]


def layers(kernel: int = 7, bias: bool = False) -> tuple[nn.Conv3d, nn.BatchNorm3d]:
    torch.manual_seed(0)
    conv = nn.Conv3d(3, 4, (kernel, 5, 5), (1, 2, 2), (kernel // 2, 2, 2), bias=bias).double()
    norm = nn.BatchNorm3d(4).double().eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    return conv, norm


def check(
    frames: Tensor, windows: list[tuple[int, ...]], size: int, conv: nn.Conv3d, norm: nn.Module, memory: Memory
) -> int:
    """Windows by ``size`` at a time are the plain layer's; how many frames went through the kernels."""
    taken = []

    def after(x: Tensor) -> Tensor:
        return F.relu(norm(x), inplace=True)

    for begin in range(0, len(windows), size):
        part = windows[begin : begin + size]
        some = clips(frames, part)
        single = some.single
        some.single = lambda keys, single=single: taken.extend(keys) or single(keys)  # type: ignore[method-assign]
        found = stem_of_windows(conv, after, some, memory)
        wanted = after(conv(clips(frames, part).frames))
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)
        assert found.movedim(1, -1).is_contiguous()
    return len(taken)


@pytest.mark.parametrize("size", [1, 3, 4])
@pytest.mark.parametrize(("t", "kernel"), [(8, 7), (16, 7), (8, 5), (6, 7), (9, 3)])
@pytest.mark.parametrize(("target", "start"), [("last", "reverse"), ("last", "repeat"), ("middle", "reverse")])
def test_all_windows_of_a_video(size, t, kernel, target, start):
    conv, norm = layers(kernel)
    n = 3 * t
    taken = check(film(n), windows_of(n, t, target, start), size, conv, norm, Memory())
    assert taken == n, "each frame once; reversed and repeated ones go another way"


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 15])
def test_videos_too_short_for_windows_both_ways(n):
    check(film(n), windows_of(n, 8), 3, *layers(), Memory())


def test_clips_shorter_than_the_kernel_take_the_plain_way():
    assert check(film(12), windows_of(12, 5), 2, *layers(), Memory()) == 0


def test_a_convolution_that_took_in_its_norm():
    conv, _ = layers(bias=True)
    assert check(film(20), windows_of(20, 8), 3, conv, nn.Identity(), Memory()) == 20


@pytest.mark.parametrize(
    ("targets", "taken"),
    [
        ((8, 9, 12, 20, 30), 31 - 3),  # a gap of a window and more begins anew
        ((20, 20, 21), 9),
        ((30, 8, 9), 17),  # back to the start
        ((12, 11, 13), 8 + 8 + 2),
    ],
)
def test_windows_that_leave_out_frames_repeat_or_go_back(targets, taken):
    windows = [tuple(range(target - 7, target + 1)) for target in targets]
    assert check(film(30), windows, 1, *layers(), Memory()) == taken
    assert check(film(30), windows, 3, *layers(), Memory()) == taken


def test_windows_of_several_videos_in_one_batch():
    frames, other = film(10), film(10, seed=1)
    conv, _ = layers()
    windows = [(1, 2, 3, 4, 5, 6, 7, 8), (2, 3, 4, 5, 6, 7, 8, 9)] * 2
    index = torch.tensor(windows) - 1
    index[2:] += 10
    both = Clips(torch.cat([frames, other]), index, [Place(f"set/{i // 2}", w) for i, w in enumerate(windows)])
    found = stem_of_windows(conv, F.relu, both, Memory())
    torch.testing.assert_close(found, F.relu(conv(both.frames)), rtol=0, atol=1e-13)


def test_memory_does_not_grow_with_the_video():
    conv, norm = layers()
    held = {}
    for n in (40, 80):
        memory = Memory()
        check(film(n), windows_of(n, 8), 4, conv, norm, memory)
        kept = [x for part in vars(memory.seen["stem"]).values() if isinstance(part, dict) for x in part.values()]
        held[n] = sum(x.untyped_storage().nbytes() for x in kept) // (4 * 6 * 8 * 8)
    assert held[40] == held[80] <= 5 * 8


def test_weights_that_are_loaded_later_count():
    conv, norm = layers()
    some, windows = film(9), windows_of(9, 8)
    check(some, windows, 9, conv, norm, Memory())
    conv.weight.data.neg_()
    check(some, windows, 9, conv, norm, Memory())


def test_autocast_has_its_type_and_sums_in_float32():
    conv, _ = layers()
    conv, frames = conv.float(), film(9).float()
    memory = Memory()
    wanted = conv(clips(frames, [tuple(range(1, 9))]).frames)
    with torch.autocast("cpu", torch.bfloat16):
        for window in ((1, 1, 2, 3, 4, 5, 6, 7), tuple(range(1, 9))):
            found = stem_of_windows(conv, lambda x: x, clips(frames, [window]), memory)
            assert found.dtype == torch.bfloat16
    assert torch.equal(found, wanted.bfloat16()) or (found - wanted).abs().max() <= 2**-8 * wanted.abs().max()
    assert memory.seen["stem"].sums.dtype == torch.float32


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv3d(3, 4, (4, 3, 3), padding=(2, 1, 1)),
        nn.Conv3d(3, 4, 3, stride=2, padding=1),
        nn.Conv3d(3, 4, 3),
        nn.Conv3d(3, 4, 3, padding=1, dilation=(2, 1, 1)),
        nn.Conv3d(3, 3, 3, padding=1, groups=3),
        nn.Conv3d(3, 4, 3, padding=1, padding_mode="replicate"),
        nn.Conv3d(3, 4, 3, padding="same"),
    ],
)
def test_other_convolutions_are_refused(conv):
    with pytest.raises(ValueError, match=r"expected a convolution of stride 1 in time .* got Conv3d\("):
        stem_of_windows(conv, F.relu, clips(film(8).float(), [tuple(range(1, 9))]), Memory())


# Networks


def network(name: str, modality: str, **options: Any) -> Network:
    """A tiny network far from its initial values, in float64."""
    torch.manual_seed(0)
    net: Network = create_model(name, **{**model_entry(name).tiny, "modality": modality, "size": (32, 32), **options})
    for part in net.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            part.running_mean += 0.1 * torch.randn(part.num_features)
            part.running_var *= 0.5 + torch.rand(part.num_features)
    for parameter in net.parameters():
        parameter += 0.05 * torch.randn_like(parameter)
    return net.double().eval()


def sound(net: Network, windows: list[tuple[int, ...]]) -> Tensor | None:
    """Another one for each window."""
    if net.spec.audio is None:
        return None
    first, last = net.spec.audio.span(1, net.spec.frames, 25.0, 10**6)
    heard = []
    for numbers in windows:
        draw = torch.Generator().manual_seed(sum(numbers))
        heard.append(net.spec.audio(torch.randn(last - first, generator=draw) / 10))
    return torch.stack(heard).double()


@pytest.mark.parametrize(
    ("name", "modality", "form", "n"),
    [
        ("stavis", "v", False, 21),
        ("stavis", "v", True, 5),
        ("stavis", "av", True, 21),
        ("dave", "v", True, 21),
        ("dave", "v", False, 11),
        ("dave", "av", True, 11),
        ("dave", "a", True, 3),
    ],
)
def test_a_network_predicts_every_window_of_a_video_as_by_itself(name, modality, form, n):
    net = network(name, modality)
    predictor = inference_form(net) if form else net
    t, size = net.spec.frames, 3
    frames, windows, memory = film(n, net.spec.size), windows_of(n, t, net.spec.target, net.spec.start), Memory()
    maps = []
    for begin in range(0, n, size):
        part = windows[begin : begin + size]
        some, heard = clips(frames, part), sound(net, part)
        found = predictor.predict(some, heard, memory)
        wanted = net(some.frames, heard)
        assert (found - wanted).abs().max() <= 1e-10 * wanted.abs().max()
        maps.append(wanted)
    assert torch.cat(maps).diff(dim=0).abs().amax((1, 2)).min() > 1e-8, "a wrong one would be seen"


@pytest.mark.parametrize(("name", "modality"), [("stavis", "av"), ("dave", "av")])
def test_several_sounds_are_seen_once(name, modality):
    net = network(name, modality)
    seen = []
    encoder = net.encoder if name == "stavis" else net.video_branch
    encoder.layer1.register_forward_hook(lambda *_: seen.append(1))
    windows = windows_of(20, 8, net.spec.target, net.spec.start)[12:14]
    some, memory = clips(film(20, net.spec.size), windows), Memory()
    heard = sound(net, windows)
    first = net.predict(some, heard, memory)
    second = net.predict(some, heard.flip(0), memory.other_sound())
    assert len(seen) == 1
    torch.testing.assert_close(first, net(some.frames, heard), rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(second, net(some.frames, heard.flip(0)), rtol=1e-10, atol=1e-10)
    assert (first - second).abs().max() > 1e-8


@pytest.mark.parametrize("use", [(True, False, True), (False, False, False), (True, True, True)])
def test_items_of_stavis_that_do_not_hear(use):
    net = network("stavis", "av", visual_head=True)
    windows = windows_of(20, 8, "middle")[5:8]
    some, heard, rows = clips(film(20, net.spec.size), windows), sound(net, windows), torch.tensor(use)
    found = net.predict(some, heard, Memory(), use_audio=rows)
    torch.testing.assert_close(found, net(some.frames, heard, use_audio=rows), rtol=1e-10, atol=1e-10)


def test_frames_enter_the_stem_of_a_network_once():
    net = network("dave", "v")
    pictures = []
    original = stem._taps
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stem, "_taps", lambda conv, frames: pictures.append(len(frames)) or original(conv, frames))
        memory, windows = Memory(), windows_of(30, 8, start="repeat")
        for begin in range(0, 30, 4):
            net.predict(clips(film(30, net.spec.size), windows[begin : begin + 4]), None, memory)
    assert sum(pictures) == 30


@pytest.mark.parametrize("name", ["stavis", "dave"])
def test_what_is_not_the_clip_of_the_network_is_refused(name):
    net = network(name, "av")
    windows = [tuple(range(1, net.spec.frames + 1))]
    with pytest.raises(ValueError, match="needs the sound"):
        net.predict(clips(film(9, net.spec.size), windows), None, Memory())
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 8, 32, 32\); got \(1, 3, 8, 64, 32\)"):
        net.predict(clips(film(9, (64, 32)), windows), sound(net, windows), Memory())
