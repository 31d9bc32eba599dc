"""Maps of a grid are kept video by video, and are taken for no other's."""

from types import SimpleNamespace

import pytest
import torch

from avsal_bench.studies.showing import small_maps
from avsal_bench.studies.showing.small_maps import SIZE, SmallMaps


class Network:
    """Counts what it predicts; a map says by its level which frame it is of."""

    def __init__(self, runs, weights="0"):
        self.asked, self.stops = [], False
        self.record = SimpleNamespace(dataset="synth")
        self.predictor, self.running = SimpleNamespace(sha256=weights), SimpleNamespace(precision="32-true")
        self.context = SimpleNamespace(space=SimpleNamespace(runs=runs))

    def maps(self, video, frames):
        for number in frames:
            if self.stops:
                raise KeyboardInterrupt
            self.asked.append((video.name, number))
            saliency = torch.zeros(1, *SIZE)
            saliency[0, 0, :2] = torch.tensor([1.0, number / 255])
            yield [number], saliency


@pytest.fixture
def maps_of(tmp_path, monkeypatch):
    monkeypatch.setattr(small_maps, "kept_maps", lambda one, video: {})

    def make(weights="0", data="x"):
        made = SmallMaps(Network(tmp_path, weights))
        made.__dict__["_made_of"] = {name: {"frames": data} for name in ("a", "b")}
        return made

    return make


def video(name):
    return SimpleNamespace(name=name, key=f"synth/{name}", dataset="synth")


def test_a_run_that_was_stopped_goes_on_with_the_next_video(maps_of):
    first = maps_of()
    once = first.of(video("a"), [3, 1])
    assert [round(255 * float(once[n][0, 1])) for n in (3, 1)] == [3, 1]
    first.one.stops = True
    with pytest.raises(KeyboardInterrupt):
        first.of(video("b"), [1])
    again = maps_of()
    for number, saliency in again.of(video("a"), [1, 3]).items():
        assert torch.equal(saliency, once[number]), "the same map, to the bit"
    again.of(video("b"), [1])
    again.of(video("a"), [1, 2])
    assert again.one.asked == [("b", 1), ("a", 2)], "only what was not there"


def test_maps_of_other_weights_or_data_and_damaged_files_are_made_anew(maps_of, tmp_path):
    maps_of().of(video("a"), [1])
    for other in (maps_of(weights="1"), maps_of(data="y")):
        other.of(video("a"), [1])
        assert other.one.asked == [("a", 1)]
    files = sorted((tmp_path / "shown").iterdir())
    assert len(files) == 3
    for damage in (b"", b"PK\x03\x04", files[0].read_bytes()[:900], b"\x80\x04cos\nsystem\n"):
        for file in files:
            file.write_bytes(damage)
        again = maps_of()
        again.of(video("a"), [1])
        assert again.one.asked == [("a", 1)]
