"""HD2S and STSANet, which take S3D at four depths, predict a video as they predict each of its windows."""

from collections.abc import Iterator

import pytest
import torch
from film_windows import all_places, batches, films, rows, single, tiny
from torch import nn

from avsal_bench.models.base import Network
from avsal_bench.models.clips import Memory
from avsal_bench.models.layers.inference import inference_form


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def doubtless(net: Network) -> Network:
    """With norms of one and two dimensions that know their input, so that what an error moves is seen."""
    draw = torch.Generator().manual_seed(1)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_var.copy_(0.1 + 0.1 * torch.rand(part.running_var.shape, generator=draw))
    return net


def test_maps_of_hd2s_are_those_of_whole_windows():
    """Reverse windows, forward ones, repeated ends and short videos, in float64."""
    net, memory = doubtless(tiny("hd2s", frames=8)), Memory()
    some = films(16, 3, size=net.spec.size)
    maps = []
    for clips in batches(some, all_places(some, 8), 3):
        maps.append(net(clips.frames))
        torch.testing.assert_close(net.predict(clips, None, memory), maps[-1], rtol=1e-12, atol=1e-12)
    assert (torch.cat(maps)[1:] - torch.cat(maps)[:-1]).abs().amax((1, 2)).median() > 1e-6, "a wrong window is seen"


def test_maps_of_stsanet_are_those_of_whole_windows():
    """Windows at both ends, where end frames repeat, and between them, in float64."""
    net, memory = tiny("stsanet", size=(32, 32)), Memory()
    some = films(36, size=net.spec.size)
    counted = rows(net, ["s3d.base1.3.conv_s", "s3d.base4"])
    places = all_places(some, 32, 15)
    maps = []
    for clips in batches(some, [*places[14:18], *places[-2:]], 2):
        got = net.predict(clips, None, memory)
        maps.append(net(clips.frames))
        torch.testing.assert_close(got, maps[-1], rtol=1e-12, atol=1e-12)
    assert (torch.cat(maps)[1:] - torch.cat(maps)[:-1]).abs().amax((1, 2)).min() > 1e-9, "a wrong window is seen"
    assert 0 < counted["s3d.base1.3.conv_s"][2] < counted["s3d.base1.3.conv_s"][1] == 2 * 16


def test_maps_of_hd2s_in_the_form_for_inference():
    """In float32 with norms folded and channels last."""
    net, memory = tiny("hd2s", frames=8).float(), Memory()
    form, some = inference_form(net), single(films(13, size=net.spec.size))
    for clips in batches(some, all_places(some, 8)[7:11], 2):
        torch.testing.assert_close(form.predict(clips, None, memory), net(clips.frames), rtol=0, atol=2e-6)
