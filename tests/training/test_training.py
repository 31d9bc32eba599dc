"""Losses and the LightningModule."""

import math
from types import SimpleNamespace

import pytest
import torch
from lightning import LightningDataModule, Trainer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from avsal_bench.data.clips.items import collate
from avsal_bench.metrics import functional
from avsal_bench.models import create_model, model_entry
from avsal_bench.training.building import build_module
from avsal_bench.training.losses import Prediction, Truth, bce_loss, cc_loss, kl_loss, nss_loss, saliency_loss, sim_loss
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.optimising import parameter_groups
from avsal_bench.training.stage import Stage

WEIGHTS = {"kl": 1.0, "cc": -0.1, "sim": -0.1}


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 12, 16, generator=generator).unbind()


def test_losses_agree_with_the_metrics_where_both_are_defined(maps):
    saliency, density = maps
    torch.testing.assert_close(cc_loss(saliency, density), functional.cc(saliency, density))
    torch.testing.assert_close(kl_loss(saliency, density), functional.kld(saliency, density))
    # The metric stretches both maps to [0, 1] first; maps that span it already are left alone.
    for m in (saliency, density):
        m[:, 0, 0], m[:, 0, 1] = 0, 1
    torch.testing.assert_close(sim_loss(saliency, density), functional.sim(saliency, density))


def test_the_papers_loss_rewards_cc_and_sim(maps):
    saliency, density = maps
    loss, count = saliency_loss(Prediction(saliency), Truth(density), WEIGHTS)
    terms = kl_loss(saliency, density) - 0.1 * cc_loss(saliency, density) - 0.1 * sim_loss(saliency, density)
    torch.testing.assert_close(loss, terms.mean())
    assert count == 3
    best, _ = saliency_loss(Prediction(density), Truth(density), WEIGHTS)
    assert best == pytest.approx(-0.2, abs=1e-5)


def test_a_frame_without_gaze_has_no_loss(maps):
    saliency, density = maps
    density = density.clone()
    density[1] = 0
    loss, count = saliency_loss(Prediction(saliency), Truth(density), WEIGHTS)
    assert count == 2
    kept = Prediction(saliency[[0, 2]]), Truth(density[[0, 2]])
    torch.testing.assert_close(loss, saliency_loss(*kept, WEIGHTS)[0])


def test_losses_of_a_constant_prediction_are_finite_and_have_a_gradient():
    saliency = torch.full((1, 4, 4), 0.5, requires_grad=True)
    truth = Truth(torch.rand(1, 4, 4), torch.rand(1, 4, 4) > 0.5)
    loss, _ = saliency_loss(Prediction(saliency), truth, {**WEIGHTS, "nss": -1.0, "bce": 0.1})
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(saliency.grad).all()


def module(schedule=None):
    optimizer = {"name": "adamw", "lr": 0.1}
    options = {**model_entry("avrsp").tiny, "modality": "v"}
    return SaliencyModule("avrsp", options, WEIGHTS, optimizer, schedule or {"name": "constant"})


def test_frames_are_normalised_as_the_spec_says():
    lit = module()
    batch = {
        "frames": torch.full((1, 3, 16, 64, 96), 128, dtype=torch.uint8),
        "audio": None,
        "dataset": ["synth"],
        "video": ["a"],
        "window": [tuple(range(1, 17))],
    }
    seen = []
    lit.net.predict = lambda clips, audio, memory: seen.append(clips.frames) or torch.zeros(1, 64, 96)
    lit(batch)
    mean, std = torch.tensor(lit.net.spec.mean), torch.tensor(lit.net.spec.std)
    torch.testing.assert_close(seen[0][0, :, 0, 0, 0], (128 / 255 - mean) / std)


def test_a_loss_that_is_not_finite_stops_with_the_frames_that_caused_it(tmp_path):
    lit = module()
    lit._trainer = SimpleNamespace(
        current_epoch=0,
        max_epochs=1,
        global_rank=0,
        default_root_dir=tmp_path,
        strategy=SimpleNamespace(reduce=lambda tensor, reduce_op: tensor),
    )
    lit.log = lambda *args, **kwargs: None
    lit.net.forward = lambda frames, audio: torch.full((1, 64, 96), float("nan"), requires_grad=True)
    batch = {
        "frames": torch.zeros(1, 3, 16, 64, 96, dtype=torch.uint8),
        "audio": None,
        "density": torch.rand(1, 64, 96),
        "fixated": None,
        "video": ["timbre_07"],
        "frame": [21],
    }
    lit.training_step(batch, 3)
    with pytest.raises(FloatingPointError, match=r"the loss is nan in epoch 0, step 3 \(frames: timbre_07 21\)"):
        lit.on_before_optimizer_step(None)


def test_the_plateau_schedule_survives_a_checkpoint():
    lit = module({"name": "plateau", "factor": 0.5, "patience": 3})
    lit.configure_optimizers()
    assert isinstance(lit.plateau, ReduceLROnPlateau)
    for value in (1.0, 2.0, 3.0):
        lit.plateau.step(value)
    checkpoint = {}
    lit.on_save_checkpoint(checkpoint)
    other = module({"name": "plateau", "factor": 0.5, "patience": 3})
    other.on_load_checkpoint(checkpoint)
    other.configure_optimizers()
    other.on_fit_start()
    assert (other.plateau.best, other.plateau.num_bad_epochs) == (1.0, 2)


@pytest.mark.parametrize(("key", "name"), [("optimizer", "adamx"), ("schedule", "platau")])
def test_an_unknown_optimizer_or_schedule_is_an_error(key, name):
    lit = module()
    setattr(lit, key, {"name": name})
    with pytest.raises(ValueError, match=f"unknown {key} '{name}'; did you mean"):
        lit.configure_optimizers()


def test_a_part_may_learn_at_a_rate_of_its_own():
    net = module().net
    groups = parameter_groups(net, 0.1, {"aspp": 0.5, "decoder.head": 10, "soundnet": 3})
    assert [group["lr"] for group in groups] == [0.05, 1.0, 0.1], "a visual network has no soundnet"
    assert {id(p) for group in groups for p in group["params"]} == {id(p) for p in net.parameters()}
    assert sum(p.numel() for p in groups[1]["params"]) == sum(p.numel() for p in net.decoder.head.parameters())
    with pytest.raises(ValueError, match="unknown part in lr_scale 'decodr'; did you mean 'decoder'"):
        parameter_groups(net, 0.1, {"decodr": 10})


def test_a_checkpoint_holds_plain_values_only():
    lit = module()
    again = SaliencyModule(**lit.hparams)
    again.load_state_dict(lit.state_dict(), strict=True)
    assert create_model("avrsp", **lit.hparams["options"]).state_dict().keys() == lit.net.state_dict().keys()


class FewWindows(LightningDataModule):
    """Seven windows of two videos, shared by processes; nobody looks at one, and one comes twice."""

    PLACES = (("a", 1), ("a", 2), ("a", 3), ("a", 4), ("a", 5), ("b", 1), ("b", 2), ("a", 1))

    def val_videos(self):
        return [SimpleNamespace(key="synth/a"), SimpleNamespace(key="synth/b")]

    def item(self, video, frame):
        generator = torch.Generator().manual_seed(10 * frame + ord(video))
        return {
            "frames": torch.randint(0, 256, (3, 16, 64, 96), generator=generator, dtype=torch.uint8),
            "audio": None,
            "density": torch.rand(64, 96, generator=generator) * (frame != 3),
            "fixated": None,
            "dataset": "synth",
            "video": video,
            "frame": frame,
            "window": tuple(range(frame, frame + 16)),
        }

    def val_dataloader(self):
        places = self.PLACES[self.trainer.global_rank :: self.trainer.world_size]
        items = [self.item(*place) for place in places]
        return torch.utils.data.DataLoader(items, batch_size=3, collate_fn=collate)


def validate(lit, **options):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = Trainer(use_distributed_sampler=False, **quiet, **options)
    return trainer.validate(lit, FewWindows(), verbose=False)[0]["val/cc"]


def test_the_validation_cc_is_a_mean_over_frames_and_then_over_videos():
    lit = module().eval()
    found = validate(lit)
    expected = {"a": [], "b": []}
    for video, frame in FewWindows.PLACES[:-1]:
        batch = collate([FewWindows().item(video, frame)])
        with torch.no_grad():
            expected[video].append(functional.cc(lit.eval()(batch), batch["density"]).item())
    a, b = ([score for score in scores if not math.isnan(score)] for scores in expected.values())
    assert (len(a), len(b)) == (4, 2)
    assert found == pytest.approx((sum(a) / 4 + sum(b) / 2) / 2, abs=1e-6)
    assert validate(lit) == found, "nothing is left of the validation before"


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_two_processes_give_the_validation_cc_of_one():
    lit = module()
    assert validate(lit, devices=2, strategy="ddp_spawn") == pytest.approx(validate(lit), abs=1e-6)


def test_a_part_is_named_with_wildcards_and_the_first_that_fits_counts():
    net = module().net
    groups = parameter_groups(net, 1.0, {"s3d.base1*bias": 2, "s3d": 3})
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    named = dict(net.named_parameters())
    assert {rates[id(p)] for name, p in named.items() if name.startswith("s3d.base1") and name.endswith("bias")} == {2}
    assert {rates[id(p)] for name, p in named.items() if name.startswith("s3d.base2")} == {3}
    assert {rates[id(p)] for name, p in named.items() if not name.startswith("s3d")} == {1}
    assert [group["name"] for group in groups] == ["s3d.base1*bias", "s3d", ""]


def rates_of(schedule, counts):
    """Learning rates of the parts ``decoder`` and of the rest after so many counts of the schedule."""
    lit = module(schedule)
    lit.optimizer = {"name": "sgd", "lr": 1.0, "lr_scale": {"decoder": 100}}
    configured = lit.configure_optimizers()
    optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]
    optimizer.step()
    seen = {}
    for count in range(max(counts) + 1):
        seen[count] = [group["lr"] for group in optimizer.param_groups]
        scheduler["scheduler"].step()
    return scheduler["interval"], [seen[count] for count in counts]


def test_the_rate_falls_after_each_milestone_of_all_parts_or_of_some():
    fall = {"name": "multistep", "milestones": [2, 5], "factor": 0.1}
    interval, rates = rates_of({**fall, "interval": "epoch"}, [1, 2, 4, 5])
    assert interval == "epoch"
    assert rates == [pytest.approx(r) for r in ([100, 1], [10, 0.1], [10, 0.1], [1, 0.01])]
    interval, rates = rates_of({**fall, "parts": ["decoder"]}, [1, 2, 5])
    assert interval == "step"
    assert rates == [pytest.approx(r) for r in ([100, 1], [10, 1], [1, 1])]
    with pytest.raises(ValueError, match="unknown part of the schedule 'decode'; did you mean 'decoder'"):
        rates_of({**fall, "parts": ["decode"]}, [1])


@pytest.fixture
def with_sides():
    """STAViS, whose visual network has side maps, and a batch for it."""
    options = {**model_entry("stavis").tiny, "modality": "v"}
    lit = SaliencyModule("stavis", options, {"cc": -1.0}, {"name": "adam", "lr": 1.0}, {"name": "constant"}, side=0.5)
    spec = lit.net.spec
    generator = torch.Generator().manual_seed(0)
    batch = {
        "frames": torch.randint(256, (2, 3, spec.frames, *spec.size), generator=generator, dtype=torch.uint8),
        "audio": None,
        "density": torch.rand(2, *spec.size, generator=generator),
        "fixated": None,
    }
    return lit.eval(), batch


def test_side_maps_are_trained_less_with_every_epoch(with_sides):
    lit, batch = with_sides
    main, sides, _ = lit.net.outputs(lit.normalised(batch))
    terms = [lit.output_loss(output, batch)[0].item() for output in (main, *sides)]
    assert len(terms) == 5
    for epoch, weight in ((0, 3 / 4), (2, 1 / 4), (3, 0.0)):
        lit._trainer = SimpleNamespace(current_epoch=epoch, max_epochs=4)
        assert lit.training_loss(batch).item() == pytest.approx(terms[0] + weight * sum(terms[1:]) * 0.5, rel=1e-5)


@pytest.mark.parametrize(("last", "weights"), [(0.5, [0.5, 0.5, 0.5]), (0.1, [0.4, 0.2, 0.1])])
def test_the_weight_of_side_maps_may_stay_or_end_above_0(with_sides, last, weights):
    lit, batch = with_sides
    lit.side_last = last
    main, sides, _ = lit.net.outputs(lit.normalised(batch))
    terms = [lit.output_loss(output, batch)[0].item() for output in (main, *sides)]
    for epoch, weight in zip((0, 2, 3), weights, strict=True):
        lit._trainer = SimpleNamespace(current_epoch=epoch, max_epochs=4)
        assert lit.training_loss(batch).item() == pytest.approx(terms[0] + weight * sum(terms[1:]), rel=1e-5)


def test_a_stage_says_what_the_weight_of_side_maps_falls_to():
    stage = Stage("one", ("synth",), 1, side=1.0, side_last=0.25)
    lit = build_module(stage, "stavis", {**model_entry("stavis").tiny, "modality": "v"}, 0)
    assert (lit.side, lit.side_last) == (1.0, 0.25)


def test_the_loss_on_logits_survives_what_a_sigmoid_rounds_away():
    logits = torch.full((1, 2, 2), 40.0, requires_grad=True)
    wrong = Truth(torch.full((1, 2, 2), 0.25))
    bce_loss(Prediction(logits.sigmoid(), logits), wrong.density).sum().backward()
    torch.testing.assert_close(logits.grad, torch.full((1, 2, 2), 0.75))


def test_nothing_fixated_is_no_nss():
    assert nss_loss(torch.rand(1, 3, 3), torch.zeros(1, 3, 3)).item() == 0
