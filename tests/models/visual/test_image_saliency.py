"""The image-saliency network, and MSPI's recipe, whose image encoder comes from it."""

import pytest
import torch

from avsal_bench.bench.job import Job
from avsal_bench.bench.plan import make_plan
from avsal_bench.bench.stages import network_label, trainings
from avsal_bench.bench.starting import check_parts
from avsal_bench.models import create_model, model_entry
from avsal_bench.training.recipe import load_recipe

TINY = model_entry("image_saliency").tiny


def test_a_frame_gives_a_log_map_of_sum_one():
    torch.manual_seed(0)
    net = create_model("image_saliency", **TINY).eval()
    assert (net.spec.frames, net.spec.size, net.spec.audio) == (1, (64, 96), None)
    frames = torch.randn(2, 3, 1, 64, 96)
    output = net(frames)
    assert output.shape == (2, 64, 96)
    assert net.to_map(output).sum((1, 2)).tolist() == pytest.approx([1, 1], abs=1e-5)
    assert torch.equal(output, net.model(frames[:, :, 0]))
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 1, 64, 96\)"):
        net(torch.randn(2, 3, 2, 64, 96))


def test_the_encoder_takes_the_frames_that_mspi_does():
    with torch.device("meta"):
        own = create_model("image_saliency")
        for encoder in ("s3d", "mvitv2_s"):
            film = create_model("mspi", modality="v", encoder=encoder)
            assert (own.spec.size, own.spec.mean, own.spec.std) == (film.spec.size, film.spec.mean, film.spec.std)


@pytest.mark.parametrize("preset", ["paper", "smoke"])
@pytest.mark.parametrize("modality", ["v", "av"])
def test_the_image_encoder_of_mspi_is_a_part_of_it(space, preset, modality):
    job = Job("mspi", modality, 1, 0, preset, "stavis", ("stages.image_salicon.data=[synth_stills]",
                                                          "stages.image_mit1003.data=[synth_stills]",
                                                          "stages.six.data=[synth]"))  # fmt: skip
    stages = trainings(job, job.recipe(space), space)
    assert [t.network for t in stages] == ["image_saliency_v", "image_saliency_v", f"mspi_{modality}"]
    assert stages[2].parts == {"image_encoder": (stages[1], "model.encoder")}
    check_parts(stages)


def test_every_encoder_and_modality_shares_the_stages_on_images_and_has_records_of_its_own(space):
    found = {}
    for encoder in ("s3d", "videoswin_s", "mvitv2_s"):
        jobs = make_plan(space, ["mspi"], "smoke", "stavis", folds=[1], overrides=[f"network.encoder={encoder}"])
        for job in jobs[2:]:  # behind the baselines
            recipe = job.recipe(space)
            found[network_label(job, recipe), job.modality] = [t.folder.name for t in trainings(job, recipe, space)]
    assert set(found) == {(label, m) for label in ("mspi-s3d", "mspi-videoswin_s", "mspi") for m in ("v", "av")}
    assert len({tuple(folders[:2]) for folders in found.values()}) == 1
    assert len({folders[2] for folders in found.values()}) == 6


def test_the_motion_encoder_starts_from_the_weights_of_its_own_name(space):
    for encoder in ("mvitv2_s", "x3d_l"):
        six = load_recipe(space.recipes, "mspi", "paper", [f"network.encoder={encoder}"]).stages[-1]
        assert six.start["motion_encoder"] == f"{encoder}_kinetics400"
    assert load_recipe(space.recipes, "mspi", "smoke").stages[-1].start.keys() == {"image_encoder"}


def test_the_authors_file_may_stand_in_for_the_stages_on_images(space):
    change = ["stages.image_salicon=null", "stages.image_mit1003=null"]
    with pytest.raises(ValueError, match="unknown earlier stage in `start` of 'six' 'image_mit1003'; known: none"):
        load_recipe(space.recipes, "mspi", "paper", change)
    recipe = load_recipe(
        space.recipes, "mspi", "paper", [*change, "stages.six.start.image_encoder=mspi_image_convnext_t"]
    )
    assert [stage.name for stage in recipe.stages] == ["six"]
