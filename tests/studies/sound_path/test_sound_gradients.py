"""Gradients of parts of a network with the true and with other sounds, and the windows that networks are watched on."""

import pytest
import torch
from tiny_networks import build
from torch import nn

from avsal_bench.audio.waveform import Waveform
from avsal_bench.data.dataset import dataset
from avsal_bench.models import Network
from avsal_bench.spec import ClipSpec
from avsal_bench.studies.sound_path.path_report import learning_table
from avsal_bench.studies.sound_path.sound_gradients import gradient_norms, measure_learning, other_sounds
from avsal_bench.studies.sound_path.watched_windows import OTHERS, SOUNDING, sounding, watched_windows
from avsal_bench.training.module import SaliencyModule


class Two(Network):
    """Ears that may be deaf behind their offset, and eyes that may be frozen."""

    def __init__(self, deaf=False, frozen=()):
        super().__init__()
        self.spec = ClipSpec(4, (8, 12), audio=Waveform(4))
        self.eyes = nn.Sequential(nn.Conv2d(3, 1, 3, padding=1), nn.BatchNorm2d(1), nn.Dropout(0.5))
        self.ears = nn.Linear(4, 12)
        self.unused = nn.Linear(2, 2)
        self.deaf, self.frozen = deaf, frozen
        self.freeze()

    def forward(self, frames, audio=None):
        self.check_input(frames, audio)
        quarters = audio.flatten(1)[:, : audio.shape[-1] // 4 * 4].unflatten(1, (4, -1)).abs().mean(2)
        heard = self.ears(quarters * 0 if self.deaf else quarters)
        return (self.eyes(frames.mean(2))[:, 0] + heard[:, None]).sigmoid()


def batches(spec, count=3, clips=4):
    draw = torch.Generator().manual_seed(1)
    return [
        {
            "frames": torch.randint(0, 256, (clips, 3, spec.frames, *spec.size), generator=draw, dtype=torch.uint8),
            "audio": torch.stack(
                [spec.audio(0.1 * i * torch.randn(9000, generator=draw)) for i in range(1, clips + 1)]
            ),
            "density": torch.rand(clips, *spec.size, generator=draw),
            "fixated": None,
            "dataset": ["made"] * clips,
            "video": [f"video{i // 2}" for i in range(clips)],
            "frame": [4] * clips,
            "window": [(1, 2, 3, 4)] * clips,
        }
        for _ in range(count)
    ]


def learnt(**options):
    torch.manual_seed(0)
    module = SaliencyModule(Two(**options))
    return {one.name: one for one in measure_learning(module, batches(module.net.spec))}


def test_a_gradient_that_is_about_the_sound_changes_with_it_and_one_that_is_not_does_not():
    hears, deaf = learnt(), learnt(deaf=True)
    assert hears["ears"].norm > 0
    assert hears["ears"].cosine < 0.999
    assert hears["ears"].apart > 0.01
    assert deaf["ears"].cosine == pytest.approx(1)
    assert deaf["ears"].apart == 0
    assert deaf["ears"].norm > 0  # its offset learns, and a norm alone would look like hearing
    assert (hears["unused"].norm, hears["unused"].cosine, hears["unused"].apart) == (0, None, None)
    assert 1 / 3 - 1e-6 <= hears["eyes"].steady <= 1
    assert hears["ears"].rate == pytest.approx(hears["ears"].norm / parameters_norm("ears"), rel=1e-5)
    assert len(learning_table(list(hears.values())).splitlines()) == 4


def parameters_norm(part):
    torch.manual_seed(0)
    return float(torch.cat([p.detach().flatten() for p in getattr(Two(), part).parameters()]).norm())


def test_frozen_parts_do_not_learn():
    assert set(learnt(frozen=("eyes",))) == {"ears", "unused"}


def test_weights_norms_modes_gradients_and_random_numbers_stay_as_they_are():
    module = SaliencyModule(Two()).eval()
    before, state = {k: v.clone() for k, v in module.state_dict().items()}, torch.random.get_rng_state()
    measure_learning(module, batches(module.net.spec))
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not module.training
    assert gradient_norms(module.net) == {"eyes": 0, "ears": 0, "unused": 0}
    module.train()
    module.training_loss(batches(module.net.spec)[0]).backward()
    assert gradient_norms(module.net)["ears"] > 0


def test_other_sounds_are_those_of_other_videos():
    batch = batches(Two().spec)[0]
    found = other_sounds(batch)
    assert [int((found[i] == batch["audio"]).flatten(1).all(1).nonzero()[0]) for i in range(4)] == [2, 2, 0, 0]
    with pytest.raises(ValueError, match="two videos or more"):
        other_sounds({**batch, "video": ["one"] * 4})
    with pytest.raises(ValueError, match="two videos or more"):
        other_sounds({**batch, "audio": None})


def test_no_batches_and_nothing_that_learns():
    with pytest.raises(ValueError, match="no batches"):
        measure_learning(SaliencyModule(Two()), [])
    with pytest.raises(ValueError, match="nothing of this network learns"):
        measure_learning(SaliencyModule(Two(frozen=("eyes", "ears", "unused"))), batches(Two().spec))


def test_windows_are_of_sounding_scenes_with_their_sounds(synth_root):
    spec = build("avrsp", "av").spec
    videos = dataset("synth").videos(synth_root, "train", 1)
    heard = sounding(videos)
    assert {video.category for video in heard} <= set(SOUNDING)
    found = watched_windows(heard, spec, 6, among=videos)
    assert 4 <= len(found) <= 6
    assert {window["video"][0] for window in found} == {video.name for video in heard}
    for window in found:
        assert window["others"].shape == (1, len(OTHERS), *window["audio"].shape[1:])
        assert not torch.equal(window["others"][:, 0], window["audio"])
        assert not window["others"][:, OTHERS.index("muted")].any()
        assert window["density"].any()
    with pytest.raises(ValueError, match="windows of them from 1"):
        watched_windows(heard, spec, 0)
    with pytest.raises(ValueError, match="expected videos"):
        watched_windows([], spec, 3)
