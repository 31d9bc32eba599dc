"""ViNet-S and ViNet-E predict a video as they predict each of its windows."""

import pytest
import torch
from film_windows import all_places, batches, films, tiny

from avsal_bench.models.clips import Memory


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
