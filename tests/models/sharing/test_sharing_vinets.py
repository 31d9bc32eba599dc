"""ViNet-S and ViNet-E predict a video as they predict each of its windows."""

import pytest
import torch
from film_windows import all_places, batches, films, single, tiny

from avsal_bench.models.clips import Memory
from avsal_bench.models.layers.inference import inference_form
from avsal_bench.models.layers.shared.step_table import Table


@pytest.mark.parametrize(("name", "lengths", "size"), [("vinet_s", (16, 5, 1, 8), 3), ("vinet_e", (2,), 2)])
def test_maps_are_those_of_whole_windows(name, lengths, size):
    """Repeated ends and short videos, in float64; frames are those that the network is given, at both sizes or one."""
    options = {"frames": 8} if name == "vinet_s" else {"size": (32, 64), "size_s": (32, 32)}
    net, memory = tiny(name, **options), Memory()
    some = films(*lengths, size=net.spec.size)
    seen = []
    with torch.inference_mode():
        for clips in batches(some, all_places(some, *net.spec.form[:3]), size):
            want = net(clips.frames)
            torch.testing.assert_close(net.predict(clips, None, memory), want, rtol=1e-12, atol=1e-12)
            seen.append(want)
    maps = torch.cat(seen)
    assert (maps[1:] - maps[:-1]).abs().amax((1, 2)).median() > 1e-6, "a wrong window would be seen"


@pytest.mark.parametrize("size", [2, 4, 8])
def test_the_form_that_predicts_gives_the_same_maps_in_batches_of_any_size(size):
    """Few new steps of a head of repeated frames are laid out in memory in another way than many."""
    net = tiny("vinet_s", frames=16).float()
    some = single(films(24, 18, size=net.spec.size))
    form, memory = inference_form(net), Memory()
    with torch.inference_mode():
        for clips in batches(some, all_places(some, 16, start="repeat"), size):
            torch.testing.assert_close(form.predict(clips, None, memory), net(clips.frames), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("first", [torch.contiguous_format, torch.channels_last_3d])
def test_features_stay_what_they_are_when_others_come_in_another_layout(first):
    other = torch.channels_last_3d if first is torch.contiguous_format else torch.contiguous_format
    values, table = torch.randn(5, 3, 1, 2, 4), Table()
    table.put([1, 2, 3], values[:3].contiguous(memory_format=first))
    table.put([4, 5], values[3:].contiguous(memory_format=other))
    assert torch.equal(table.get([[number] for number in range(1, 6)]), values)
