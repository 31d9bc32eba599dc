"""Every registered network, in its tiny version: what the rest of the house relies on."""

import math
from functools import cache

import pytest
import torch
from tiny_networks import CASES, build, clip, create_tiny, same
from torch import Tensor

from avsal_bench.models import Network, create_model, list_models, model_entry, register_model

#: Mean and deviation of the output of the tiny, untrained network of ``build`` at test time, for ``clip(spec, 2)``.
#: A change here is a change of the network: say why in the commit.
GOLDEN: dict[tuple[str, str | None], tuple[float, float]] = {
    ("stanet", "v"): (0.284323, 0.000471551),
    ("stanet", "av"): (0.270359, 0.000457547),
    ("avc", "v"): (0.536682, 0.00366964),
    ("avc", "av"): (0.468369, 0.00318828),
    ("aclnet", "v"): (0.456819, 0.0314156),
    ("avrsp", "v"): (0.449851, 0.0779847),
    ("avrsp", "av"): (0.58321, 0.102214),
    ("caspnet", "v"): (0.608575, 0.0463714),
    ("caspnet", "av"): (0.60878, 0.0465595),
    ("dave", "v"): (2.94773, 0.985094),
    ("dave", "a"): (2.08393, 0.531333),
    ("dave", "av"): (3.6065, 1.14653),
    ("hd2s", "v"): (0.37063, 0.0161228),
    ("diffsal", "v"): (0.504215, 0.00354877),
    ("diffsal", "av"): (0.501042, 0.00325828),
    ("hypersal", "v"): (0.561183, 0.0167349),
    ("hypersal", "av"): (0.561933, 0.016802),
    ("image_saliency", "v"): (-8.76633, 0.294795),
    ("mspi", "v"): (-8.72532, 0.0643638),
    ("mspi", "av"): (-8.72344, 0.0203927),
    ("stavis", "v"): (-6.00024, 0.00022024),
    ("stavis", "av"): (-5.99193, 0.0036682),
    ("stsanet", "v"): (0.501238, 0.00258215),
    ("tasednet", "v"): (0.468018, 0.0291927),
    ("deepvs", "v"): (0.509502, 0.278114),
    ("gradcampp", "v"): (0.772799, 0.0932494),
    ("tinyhd", "v"): (0.554677, 0.0244945),
    ("tmfinet", "v"): (0.492729, 0.00657352),
    ("unisal", "v"): (-8.73591, 0.159915),
    ("vinet", "v"): (0.536682, 0.00366964),
    ("vinet", "av"): (0.468369, 0.00318828),
    ("vinet_a", "v"): (0.510879, 0.00060998),
    ("vinet_e", "v"): (0.529609, 0.00151147),
    ("vinet_s", "v"): (0.503608, 0.000786138),
    ("centre", None): (0.245125, 0.255883),
    ("mep", None): (2.03451e-05, 3.94488e-06),
    ("chance", None): (0.501004, 0.288873),
    ("gbvs", None): (0.393074, 0.265487),
    ("itti", None): (0.230901, 0.126473),
    ("seo", None): (0.297415, 0.122424),
}


@cache
def seen_at_test_time(name: str, modality: str | None) -> tuple[Network, Tensor, Tensor | None, Tensor]:
    """The network at test time, two items, and what it gives for both; not to be changed."""
    net = build(name, modality).eval()
    frames, audio = clip(net.spec, 2)
    with torch.no_grad():
        return net, frames, audio, net(frames, audio)


def look_at_maps(net: Network, output: Tensor) -> None:
    assert output.ndim == 3
    assert len(output) == 2
    maps = net.to_map(output)
    assert maps.shape == output.shape
    assert maps.isfinite().all()
    assert (maps >= 0).all()
    assert (maps.sum((1, 2)) > 0).all()


def test_the_output_is_one_finite_map_an_item(subtests):
    for name, modality in CASES:
        with subtests.test(network=name, modality=modality):
            net, _, _, output = seen_at_test_time(name, modality)
            assert (net.spec.audio is not None) == (modality in ("av", "a"))
            look_at_maps(net, output)


#: A softmax does not see a constant: what is left of the gradient of these is rounding, and may be nothing.
UNSEEN = {("stavis", "av"): {f"score.{i}.bias" for i in range(3)}}


def test_every_parameter_learns(subtests):
    for name, modality in CASES:
        with subtests.test(network=name, modality=modality):
            net = build(name, modality)
            parameters = {key: p for key, p in net.named_parameters() if p.requires_grad}  # frozen ones must not
            assert bool(parameters) == bool(modality), (
                "a baseline has nothing to learn, and every other network something"
            )
            if not parameters:
                continue
            torch.manual_seed(0)
            # Away from the initial values: a zero there may hide a parameter for one step.
            for parameter in parameters.values():
                parameter.data += 0.02 * torch.randn_like(parameter)
            main, side, auxiliary = net.train().outputs(*clip(net.spec, 2))
            look_at_maps(net, main.detach())
            sum((output * torch.randn_like(output)).sum() for output in (main, *side, *auxiliary.values())).backward()
            silent = {key for key, p in parameters.items() if p.grad is None or not p.grad.any()}
            assert silent <= UNSEEN.get((name, modality), set())
            assert all(p.grad.isfinite().all() for p in parameters.values())


def test_at_test_time_an_item_is_that_of_any_batch_and_any_copy_of_the_network(subtests):
    """Alone, in a batch, and from a network that loads the state dict of the first; one seed draws the same weights."""
    for name, modality in CASES:
        with subtests.test(network=name, modality=modality), torch.no_grad():
            net, frames, audio, together = seen_at_test_time(name, modality)
            last = frames[1:], None if audio is None else audio[1:]
            alone = net(*last)
            torch.testing.assert_close(alone, together[1:], atol=1e-4, rtol=0)
            drawn = []
            for _ in range(2):
                torch.manual_seed(0)
                drawn.append(create_tiny(name, modality))
            assert same(*drawn), "of one seed"
            other = drawn[0].eval()
            other.load_state_dict(net.state_dict(), strict=True)
            assert torch.equal(other(*last), alone), "from the state dict"


def test_golden_statistics(subtests):
    for name, modality in CASES:
        with subtests.test(network=name, modality=modality):
            *_, output = seen_at_test_time(name, modality)
            found = (output.mean().item(), output.std().item())
            if (name, modality) not in GOLDEN:
                pytest.skip(f"no golden value: add ({name!r}, {modality!r}): ({found[0]:.6g}, {found[1]:.6g})")
            assert found == pytest.approx(GOLDEN[name, modality], rel=1e-3)


def test_the_audio_visual_network_starts_from_the_visual_one(subtests):
    for name in [name for name in list_models() if {"v", "av"} <= set(model_entry(name).modalities)]:
        with subtests.test(network=name):
            visual, both = build(name, "v"), build(name, "av")
            for parameter in visual.parameters():
                parameter.data += 1
            before = {key: value.clone() for key, value in both.state_dict().items()}
            state = visual.state_dict()
            both.load_visual(state)
            own = [key for key in state if key not in before]
            assert all(key.startswith(both.visual_only) for key in own)
            for key, value in both.state_dict().items():
                expected = before[key] if key.startswith(both.audio_only) else state[key]
                assert torch.equal(value, expected), key


def test_an_unknown_model_suggests_the_nearest():
    with pytest.raises(
        ValueError, match=r"unknown model 'centr'; did you mean 'centre'.* of your own comes with --plugin"
    ):
        create_model("centr")


def test_a_modality_that_the_network_lacks():
    with pytest.raises(ValueError, match="centre has no modality 'av'; it has: none"):
        create_model("centre", modality="av")


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="'mep' is registered twice"):
        register_model("mep", paper="")(Network)


def test_centre_is_a_gaussian_of_a_fifth_of_each_side():
    saliency = create_model("centre")(torch.zeros(1, 3, 1, 32, 32))[0]
    y, x = 40, 200
    expected = math.exp(-((x + 0.5 - 128) ** 2 / (2 * 51.2**2)) - (y + 0.5 - 96) ** 2 / (2 * 38.4**2))
    assert saliency[y, x].item() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(saliency, saliency.flip(0, 1))


def test_mep_counts_every_frame_once_and_skips_empty_ones():
    mep = create_model("mep")
    with pytest.raises(RuntimeError, match="observe"):
        mep(torch.zeros(1, 3, 1, 192, 256))
    left, right = torch.zeros(2, 192, 256)
    left[:, :128] = 1
    right[:, 128:] = 0.1
    mep.observe(torch.stack([left, torch.zeros(192, 256)]))
    mep.observe(right[None])
    saliency = mep(torch.zeros(2, 3, 1, 192, 256))
    assert saliency.shape == (2, 192, 256)
    assert (int(mep.observed), int(mep.skipped)) == (2, 1)
    torch.testing.assert_close(saliency, torch.full_like(saliency, 1 / (192 * 256)))


def test_mep_takes_maps_of_any_size():
    mep = create_model("mep")
    small = torch.zeros(1, 96, 128)
    small[0, :48] = 1
    mep.observe(small)
    mep.observe(torch.ones(1, 480, 640))
    saliency = mep(torch.zeros(1, 3, 1, 192, 256))[0]
    assert saliency.sum().item() == pytest.approx(1)
    assert saliency[:90].sum().item() == pytest.approx(0.5 * 90 / 96 + 0.5 * 90 / 192, rel=1e-3)


def test_a_network_that_learns_by_gradients_observes_nothing():
    with pytest.raises(TypeError, match="Centre learns by gradients"):
        create_model("centre").observe(torch.zeros(1, 4, 4))
