"""Training by turns on clips and on stills: what is frozen in an epoch of stills stays as it is, to the last bit."""

from types import SimpleNamespace

import pytest
import torch

from avsal_bench.models import create_model, model_entry
from avsal_bench.training.alternating import AlternatingModule

LOSS = {"kl": 1.0}


def module(modality, model="dave"):
    torch.manual_seed(0)
    optimizer = {"name": "adam", "lr": 0.01, "weight_decay": 0.1}
    options = {**model_entry(model).tiny, "modality": modality}
    lit = AlternatingModule(model, options, LOSS, optimizer, {"name": "constant"})
    lit.log = lambda *args, **kwargs: None
    return lit.train()


def batch_for(lit, seed=0):
    spec = lit.net.spec
    draw = torch.Generator().manual_seed(seed)
    sounds = [] if spec.audio is None else [spec.audio(torch.randn(16000, generator=draw)) for _ in range(2)]
    return {
        "frames": torch.randint(256, (2, 3, spec.frames, *spec.size), generator=draw, dtype=torch.uint8),
        "audio": torch.stack(sounds) if sounds else None,
        "density": torch.rand(2, *spec.size, generator=draw),
        "fixated": None,
        "dataset": ["synth"] * 2,
        "video": ["a", "b"],
        "frame": [9, 9],
    }


def train_epoch(lit, optimizer, epoch):
    """One step as Lightning does it; returns the names of what changed, parameters and buffers."""
    strategy = SimpleNamespace(reduce=lambda tensor, reduce_op: tensor)
    lit._trainer = SimpleNamespace(current_epoch=epoch, max_epochs=4, strategy=strategy)
    before = {key: value.clone() for key, value in lit.net.state_dict().items()}
    optimizer.zero_grad()
    lit.training_step(batch_for(lit, epoch), 0).backward()
    lit.on_before_optimizer_step(optimizer)
    optimizer.step()
    return {key for key, value in lit.net.state_dict().items() if not torch.equal(value, before[key])}


def test_an_epoch_of_stills_changes_nothing_that_hears():
    lit = module("av")
    optimizer = lit.configure_optimizers()
    heard = {key for key in lit.net.state_dict() if key.startswith(lit.net.audio_only)}
    # With momentum and weight decay from the first epoch, a gradient of zero would still move it.
    assert heard <= train_epoch(lit, optimizer, 0)
    for _ in range(2):
        changed = train_epoch(lit, optimizer, 1)
        assert changed.isdisjoint(heard)
        assert {"upscale1", "video_branch", "saliency"} <= {key.split(".")[0] for key in changed}
    assert heard <= train_epoch(lit, optimizer, 2)


def test_every_parameter_has_a_gradient_after_the_backward_of_stills():
    """Several processes wait for one of each parameter."""
    lit = module("av")
    lit._trainer = SimpleNamespace(current_epoch=1, max_epochs=4)
    lit.training_step(batch_for(lit), 0).backward()
    assert all(p.grad is not None for p in lit.net.parameters())


def test_a_still_is_the_target_frame_repeated():
    lit = module("v")
    seen = []
    lit.net.forward_stills = lambda frames: seen.append(frames) or frames.mean((1, 2)).abs()
    lit._trainer = SimpleNamespace(current_epoch=1, max_epochs=4)
    batch = batch_for(lit)
    lit.training_loss(batch)
    want = lit.normalised(batch)[:, :, -1]
    assert all(torch.equal(seen[0][:, :, t], want) for t in range(lit.net.spec.frames))


def test_a_network_that_only_hears_trains_on_clips_in_every_epoch():
    lit = module("a")
    optimizer = lit.configure_optimizers()
    assert train_epoch(lit, optimizer, 0) == train_epoch(lit, optimizer, 1) == set(lit.net.state_dict())


def test_a_network_without_a_way_around_its_sound_says_so():
    net = create_model("avrsp", **model_entry("avrsp").tiny)
    with pytest.raises(TypeError, match="AVRSP has no way around the sound"):
        net.forward_stills(torch.zeros(1))
