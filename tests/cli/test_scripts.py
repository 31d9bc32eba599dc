"""What the authors' scripts do around their networks: losses, and what happens to a map before it is written.

``golden/parity/scripts.npz`` has what their code gives for inputs made by the rule of ``parity.py``; of large images
every fourth or eighth pixel.
"""

import numpy as np
import pytest
import torch
from conftest import HOME
from parity import FOLDER, normal

from avsal_bench.evaluation.protocol import protocol
from avsal_bench.metrics import functional
from avsal_bench.models import create_model
from avsal_bench.models.layers.resample import upsample
from avsal_bench.training.losses import LOSSES, Prediction, Truth, saliency_loss
from avsal_bench.training.recipe import load_recipe

GOLDEN = dict(np.load(FOLDER / "scripts.npz"))


def loss_case(shape):
    """Logits, density in [0, 1] and fixations, as the authors' losses were given them."""
    logits, target, fixated = (normal(name, shape) for name in ("loss_logits", "loss_target", "loss_fixation"))
    density = (50 * target.abs()).clamp(max=255).round() / 255
    return [t.reshape(2, *shape[-2:]) for t in (logits, density, fixated > 2)]


@pytest.mark.parametrize(("term", "name", "sign"), [("bce", "cross_entropy", 1), ("cc", "cc", -1), ("nss", "nss", -1)])
def test_losses_of_stavis(term, name, sign):
    logits, density, fixated = loss_case((2, 1, 112, 112))
    for prediction in (Prediction(logits.sigmoid(), logits), Prediction(logits.sigmoid())):
        found = LOSSES[term](prediction, Truth(density, fixated)).numpy()
        np.testing.assert_allclose(sign * found, GOLDEN[f"stavis/{name}"], rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("term", "name"), [("kl", "kldiv"), ("cc", "cc"), ("nss", "nss")])
def test_losses_of_vinet(term, name):
    logits, density, fixated = loss_case((2, 224, 384))
    loss, count = saliency_loss(Prediction(logits.sigmoid()), Truth(density, fixated), {term: 1.0})
    assert count == 2
    assert loss.item() == pytest.approx(float(GOLDEN[f"vinet/{name}"]), rel=1e-5, abs=2e-6)


def test_the_similarity_of_vinets_options_is_the_metric():
    logits, density, _ = loss_case((2, 224, 384))
    found = functional.sim(logits.sigmoid(), density).mean()
    assert found.item() == pytest.approx(float(GOLDEN["vinet/similarity"]), rel=1e-5)


def test_the_loss_of_tasednet_normalises_over_the_batch():
    logits, density, _ = loss_case((2, 224, 384))
    for name, n in (("kld_batch_of_2", 2), ("kld_first_only", 1)):
        loss, _ = saliency_loss(Prediction(logits[:n].sigmoid()), Truth(density[:n]), {"kl_batch": 1.0})
        assert loss.item() == pytest.approx(float(GOLDEN[f"tasednet/{name}"]), rel=1e-5)


@pytest.fixture(scope="module")
def mspi_case():
    """Log map, density and fixations, as the loss of MSPI was given them."""
    logits, truth, fixated = (normal(name, (2, 224, 384)) for name in ("logits", "gt", "fix"))
    log_map = logits.flatten(1).log_softmax(1).reshape(logits.shape)
    truth = truth.abs()
    return log_map, Truth(truth / truth.amax((1, 2), keepdim=True), fixated > 2.5)


@pytest.mark.parametrize(("term", "rel", "abs_"), [("kl", 1e-5, 0), ("cc", 0, 1e-6), ("nss", 0, 1e-5)])
def test_losses_of_mspi(term, rel, abs_, mspi_case):
    log_map, truth = mspi_case
    loss, _ = saliency_loss(Prediction(log_map.exp()), truth, {term: 1.0})
    assert loss.item() == pytest.approx(float(GOLDEN[f"mspi/{term}"]), rel=rel, abs=abs_)


def test_the_similarity_that_mspi_logs_is_the_metric(mspi_case):
    log_map, truth = mspi_case
    found = functional.sim(log_map.exp(), truth.density).mean()
    assert found.item() == pytest.approx(float(GOLDEN["mspi/sim"]), rel=1e-5)


def test_the_recipe_of_mspi_has_the_authors_sum_of_losses(mspi_case):
    log_map, truth = mspi_case
    recipe = load_recipe(HOME / "benchmarks" / "recipes", "mspi", "paper")
    assert {stage.name: dict(stage.auxiliary) for stage in recipe.stages} == {
        "image_salicon": {},
        "image_mit1003": {},
        "six": {"audio_visual": 1.0},
    }
    weights = recipe.stages[-1].loss
    for more, name in (({}, "total"), ({"nss": -0.1}, "total_with_fixations")):
        loss, _ = saliency_loss(Prediction(log_map.exp()), truth, {**weights, **more})
        assert loss.item() == pytest.approx(float(GOLDEN[f"mspi/{name}"]), rel=1e-5)


def written(name, saliency, size, files=0):
    """The 8-bit image of a map after what a protocol does before saving, but for the ``files`` at its end."""
    maps = saliency[None]
    for step in protocol(name).saving[: len(protocol(name).saving) - files]:
        maps = step(maps, size)
    assert maps.dtype == torch.uint8
    return maps[0].numpy().astype(int)


@pytest.mark.parametrize(
    ("name", "shape", "size", "files", "every"),
    [
        ("stavis", (112, 112), (112, 112), 0, 1),
        ("vinet", (224, 384), (240, 320), 0, 4),
        ("tasednet", (1, 224, 384), (224, 384), 0, 4),
        ("dave", (1, 1, 32, 40), (480, 640), 1, 8),
        ("mspi", (28, 48), (480, 640), 1, 8),
    ],
)
def test_maps_are_written_as_the_authors_write_them(name, shape, size, files, every):
    if name == "mspi":  # whose network gives log maps
        logits = upsample(0.8 * normal("logits_low", shape)[None, None, None], 8)[0, 0, 0]
        saliency = logits.flatten().softmax(0).reshape(logits.shape)
    else:
        value = normal("post_map", shape).reshape(shape[-2:])
        saliency = value.relu() if name == "dave" else value.sigmoid()
    image = written(name, saliency, size, files)[::every, ::every]
    wrong = np.abs(image - GOLDEN[f"{name}/post"].astype(int))
    # A level that is all but a whole number may be rounded to the other side.
    assert wrong.max() <= 1
    assert (wrong > 0).mean() < 0.002


def test_frames_enter_tasednet_as_in_its_script():
    frames = (60 * normal("frames", (32, 8, 10, 3)).abs()).clamp(max=255).round()
    spec = create_model("tasednet").spec
    mean, std = torch.tensor(spec.mean) * 255, torch.tensor(spec.std) * 255
    clip = ((frames - mean) / std).permute(3, 0, 1, 2)
    assert [1, *clip.shape] == GOLDEN["tasednet/clip/shape"].tolist()
    flat = clip.flatten()
    found = flat[[i * flat.numel() // 64 for i in range(64)]]
    np.testing.assert_allclose(found, GOLDEN["tasednet/clip/sample64"], atol=1e-6)
