"""`avsal_bench.hear`: any network that hears, tested with other sounds in a script."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

import avsal_bench
from avsal_bench.audio import frame_span
from avsal_bench.leaderboard.sound_losses import ALL
from avsal_bench.record_story import goes_with


@dataclass(frozen=True)
class Level:
    """How loud a clip is."""

    sample_rate: int = 8000

    def span(self, first, last, fps, n_samples):
        return frame_span(first, last, fps, self.sample_rate, n_samples)

    def __call__(self, excerpt):
        return excerpt.square().mean()[None]


class Hears(nn.Module):
    """Looks at what is bright, and the louder it is, at what is right."""

    def __init__(self, audio=True):
        super().__init__()
        self.spec = avsal_bench.ClipSpec(frames=2, size=(12, 16), audio=Level() if audio else None)
        self.register_buffer("right", torch.linspace(0, 1, 16))

    def forward(self, frames, audio=None):
        seen = frames[:, :, -1].mean(1).sigmoid()
        return seen if audio is None else seen + 100 * audio[:, :, None] * self.right


def test_a_module_of_ones_own_loses_what_its_scores_say(synth_root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AVSAL_HOME", str(tmp_path / "home"))
    heard = avsal_bench.hear(Hears(), "synth", ["muted", "noise"], data_root=synth_root)
    true, muted, noise = heard.records
    assert [r.sound for r in heard.records] == ["original", "muted", "noise"]
    assert {(r.model, r.modality, r.preset) for r in heard.records} == {("Hears", "av", "maps")}
    alone = avsal_bench.evaluate(Hears(), "synth", data_root=synth_root)
    assert true.videos == alone.videos
    assert goes_with(muted.provenance) == true.weights["sha256"]
    losses = {one.sound: one for one in heard.losses if one.part == ALL}
    assert losses.keys() == {"muted", "noise"}
    assert losses["muted"].losses["CC"].mean == pytest.approx(true.scores["CC"] - muted.scores["CC"])
    assert losses["muted"].map_cc.mean == pytest.approx(sum(v.map_cc for v in muted.videos) / len(muted.videos))
    sounding, _ = muted.videos
    assert sounding.map_cc < 0.99
    assert noise.videos[0].map_cc > sounding.map_cc, "noise is as loud as the sound"
    assert "Hears (maps)  synth    muted" in str(heard)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "words", "said"),
    [
        (
            lambda: Hears(audio=False),
            {},
            "model: Hears takes no sound, so it loses nothing with another one; expected a",
        ),
        (lambda: "centre", {}, "model: centre takes no sound"),
        (Hears, {"sounds": ["mute"]}, "unknown sound 'mute'; did you mean 'muted'"),
        (Hears, {"sounds": ["original"]}, r"sounds: name one beside the true sound, such as muted; got \['original'\]"),
        (Hears, {"fold": 0}, "fold: expected a whole number from 1"),
        (Hears, {"dataset": "snth"}, "unknown data set 'snth'; did you mean 'synth'"),
        (Hears, {"protocol": "x"}, "unknown protocol 'x'"),
        (Hears, {"name": "a b"}, "name 'a b'"),
        (Hears, {"trained_on": ""}, "--trained-on is empty"),
    ],
)
def test_what_cannot_be_heard(model, words, said, synth_root):
    given = {"dataset": "synth", "data_root": synth_root, **words}
    with pytest.raises(ValueError, match=said):
        avsal_bench.hear(model(), given.pop("dataset"), **given)
