"""Training on noisy copies of the map: what is shown, what it is compared with, and that it repeats."""

import pytest
import torch
from tiny_networks import clip

from avsal_bench.bench.workspace import workspace
from avsal_bench.models import model_entry
from avsal_bench.training.building import build_module
from avsal_bench.training.denoising import DenoisingModule
from avsal_bench.training.losses import sse_loss
from avsal_bench.training.recipe import load_recipe
from avsal_bench.training.stage import Stage

ADAM, CONSTANT = {"name": "adam", "lr": 1e-3}, {"name": "constant"}


def module(model="diffsal", loss=None, **options):
    torch.manual_seed(0)
    given = {**model_entry(model).tiny, "modality": "v", **options}
    return DenoisingModule(model, given, loss or {"sse": 1.0}, ADAM, CONSTANT)


def batch_for(lit):
    _, height, width = (None, *lit.net.spec.size)
    draw = torch.Generator().manual_seed(0)
    density = torch.rand(2, height, width, generator=draw)
    density[1] = 0  # an item without a ground truth
    return {
        "frames": torch.randint(256, (2, 3, 16, height, width), generator=draw, dtype=torch.uint8),
        "audio": clip(lit.net.spec, 2)[1],
        "density": density,
        "fixated": None,
        "dataset": ["synth"] * 2,
        "video": ["a", "b"],
        "frame": [9, 9],
    }


def test_the_network_is_shown_a_noisy_map_of_a_drawn_step_and_its_answer_compared(monkeypatch):
    lit = module()
    lit.net.dequantisation = 0.5
    batch, shown = batch_for(lit), []
    answer = torch.rand(2, *lit.net.spec.size)
    monkeypatch.setattr(lit.net, "denoise", lambda *given: shown.append(given) or answer)
    losses = []
    for _ in range(3):
        torch.manual_seed(7)
        losses.append(lit.training_loss(batch))
    assert losses[0] == losses[1] == losses[2], "drawn from the random numbers of the epoch"
    torch.manual_seed(8)
    lit.training_loss(batch)
    (_, _, noisy, step), (_, _, _, other) = shown[0], shown[-1]
    assert 0 <= step <= 999
    assert other != step
    torch.manual_seed(7)
    x0 = batch["density"] + 0.5 * torch.randn(batch["density"].shape)
    step_again = int(torch.randint(1000, ()))
    noise = torch.randn(x0.shape)
    a = lit.net.schedule.alphas_hat[step]
    assert step_again == step
    torch.testing.assert_close(noisy[:, 0], a.sqrt() * x0 + (1 - a).sqrt() * noise)
    # The second item has no ground truth, and the noise on it is none.
    torch.testing.assert_close(losses[0], (answer[0] - x0[0]).square().sum())


def test_a_batch_without_ground_truth_has_no_loss(monkeypatch):
    lit = module()
    batch = batch_for(lit)
    batch["density"] = torch.zeros_like(batch["density"])
    monkeypatch.setattr(lit.net, "denoise", lambda *given: torch.rand(2, *lit.net.spec.size))
    assert lit.training_loss(batch) == 0


def test_every_parameter_learns_from_it():
    lit = module(modality="av").train()
    torch.manual_seed(0)
    lit.training_loss(batch_for(lit)).backward()
    # A bias that moves all keys alike moves nothing: what is left of its gradient is rounding, and may be zero.
    alike = ("norm_k.bias", ".k.norm.bias", ".k.linear.bias")
    silent = [n for n, p in lit.net.named_parameters() if p.grad is None or not p.grad.any()]
    assert [name for name in silent if not name.endswith(alike)] == []


def test_validation_looks_at_sampled_maps():
    lit = module().eval()
    batch = batch_for(lit)
    with torch.inference_mode():
        output = lit.net(lit.normalised(batch))
        loss, count = lit.output_loss(output, batch)
    assert count == 1
    torch.testing.assert_close(loss, sse_loss(output, batch["density"])[0])


@pytest.mark.parametrize(
    ("model", "loss", "message"),
    [
        ("vinet", {"sse": 1.0}, "training: denoising is for networks that are shown a noisy map; vinet is none"),
        ("diffsal", {"kl": 1.0}, r"say `loss: \{sse: 1\.0\}` and no other term, got kl"),
        ("diffsal", {"sse": 1.0, "cc": -1.0}, "and no other term, got sse, cc"),
    ],
)
def test_what_cannot_be_trained_so(model, loss, message):
    with pytest.raises(ValueError, match=message):
        module(model, loss)


def test_recipes_name_it():
    stage = Stage("one", ("synth",), 1, loss={"sse": 2.0}, training="denoising")
    options = {**model_entry("diffsal").tiny, "modality": "v"}
    assert type(build_module(stage, "diffsal", options, 0)) is DenoisingModule
    for preset in ("paper", "smoke"):
        recipe = load_recipe(workspace().recipes, "diffsal", preset)
        assert {(stage.training, *stage.loss) for stage in recipe.stages} == {("denoising", "sse")}
        assert {stage.clip_gradient for stage in recipe.stages} == {1.0}
    paper = load_recipe(workspace().recipes, "diffsal", "paper")
    assert [(s.name, s.epochs, s.batch_size) for s in paper.stages] == [("visual", 3, 16), ("six", 4, 16)]
