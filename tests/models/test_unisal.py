"""UNISAL against its authors' code, its walk through a video against a plain loop, and its domains."""

import math

import pytest
import torch
from parity import Golden, drawn, features, normal
from torch import Tensor, nn
from torch.nn import functional as F

from avsal_bench.models import Clips, Memory, Place, create_model, model_entry
from avsal_bench.models.backbones.mobilenetv2 import MobileNetV2, rename_tonylins
from avsal_bench.models.layers.domain_norm import DomainNorm
from avsal_bench.models.layers.priors import Gaussians
from avsal_bench.models.layers.recurrent.separable_gru import SeparableGRU
from avsal_bench.models.visual.unisal import DOMAINS, UNISAL, size_for
from avsal_bench.models.weights.loading import load_published
from avsal_bench.training.every_frame import MeanOfFramesModule
from avsal_bench.training.losses import Prediction, Truth, kl_log_loss, kl_loss, saliency_loss
from avsal_bench.training.module import SaliencyModule

WATCHED = ("skip_2x", "skip_4x", "post_cnn", "post_rnn", "upsampling_2", "post_upsampling_2")


def tiny(**options) -> UNISAL:
    torch.manual_seed(0)
    return create_model("unisal", **{**model_entry("unisal").tiny, **options})


def clip(net: UNISAL, batch: int = 2, frames: int | None = None) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(batch, 3, frames or net.spec.frames, *net.spec.size, generator=draw)


# The authors' network


@pytest.fixture(scope="module")
def golden() -> Golden:
    return Golden("unisal_v")


@pytest.fixture(scope="module")
def authors(golden):
    """Makes a network with the weights of the rule."""
    state = golden.state()
    assert "rnn.cell_list.0.drop_mask_1" in state

    def make(**options) -> UNISAL:
        net = create_model("unisal", **options).eval()
        loaded = load_published(net, dict(state))
        assert loaded.without_effect == ("rnn.cell_list.0.drop_mask_1",)
        return net

    return make


def frames_of(name: str, shape: tuple[int, ...]) -> Tensor:
    """Made frames ``(B, 3, T, H, W)``; the authors have time first."""
    return normal(name, shape).transpose(1, 2)


def errors_of(golden: Golden, kind: str, found: dict[str, Tensor]) -> dict[str, float]:
    """Of outputs and features; theirs of ``upsampling_2`` are twice as large."""
    errors = {}
    for name, value in found.items():
        seen = F.interpolate(value, scale_factor=2, mode="bilinear") if name == "upsampling_2" else value
        errors[name] = golden.error(f"{kind}/{name}", seen)
    return errors


def test_videos_are_those_of_the_authors_code(golden, authors):
    net = authors(size=(96, 160))
    assert sum(p.numel() for p in net.parameters()) == golden.parameters == 3_714_872
    assert len(net.state_dict()) == 834
    watched = {name: net.get_submodule(name) for name in WATCHED} | {"smoothing": net.smoothing["DHF1K"]}
    with torch.no_grad(), features(**watched) as found:
        found_pred, state = net.log_maps(frames_of("video", (1, 8, 3, 96, 160)))
    assert golden.error("pred", found_pred) < 1e-5
    assert golden.error("hidden", state) < 1e-5
    errors = errors_of(golden, "feature", found)
    assert {name: error for name, error in errors.items() if not error < 1e-5} == {}
    assert len(errors) == 7


def test_images_are_those_of_the_authors_code(authors):
    images = Golden("unisal_images", "unisal_v")
    net = authors(size=(96, 128), domain="SALICON")
    watched = {name: net.get_submodule(name) for name in WATCHED if name != "post_rnn"}
    with torch.no_grad(), features(**watched, smoothing=net.smoothing["SALICON"]) as found:
        pred = net(frames_of("image", (1, 1, 3, 96, 128)))
    assert images.error("pred", pred) < 1e-5
    errors = errors_of(images, "feature", found)
    assert {name: error for name, error in errors.items() if not error < 1e-5} == {}


def test_the_walk_through_a_video_is_the_authors_test_script(golden, authors):
    """Every fifth frame is a sequence, from a state of zeros."""
    net = authors(size=(64, 96))
    maps = walked(net, frames_of("frames", (1, 13, 3, 64, 96)), 6)
    assert golden.error("interleaved", maps) < 1e-5
    assert golden.error("interleaved_frame_13", maps[12]) < 1e-5


@pytest.mark.slow
def test_each_domain_both_ways_and_at_another_size_is_that_of_the_authors_code(golden, authors):
    video, image = frames_of("video", (1, 8, 3, 96, 160)), frames_of("image", (1, 1, 3, 96, 128))
    errors = {}
    with torch.no_grad():
        for domain in ("Hollywood", "UCFSports", "SALICON"):
            net = authors(size=(96, 160), domain=domain, static=False)
            errors[f"domain/{domain}_recurrent"] = net.log_maps(video[:, :, :3])[0]
        for domain in ("DHF1K", "Hollywood", "UCFSports"):
            errors[f"domain/{domain}_static"] = authors(size=(96, 128), domain=domain, static=True)(image)
        errors["domain/DHF1K_one_frame_recurrent"] = authors(size=(96, 128)).log_maps(image)[0]
        errors["target_size_90x147"] = authors(size=(96, 160), maps=(90, 147)).log_maps(video[:, :, :2])[0]
    found = {name: golden.error(name, value) for name, value in errors.items()}
    assert {name: error for name, error in found.items() if not error < 1e-5} == {}


@pytest.mark.slow
def test_the_size_of_dhf1k_is_that_of_the_authors_code(golden, authors):
    net = authors(maps=(360, 640))
    with torch.no_grad():
        found = net.log_maps(frames_of("video", (1, 2, 3, 224, 384)))[0]
    assert golden.error("full_224x384_to_360x640", found) < 1e-5


# A whole video


def walked(net: UNISAL, video: Tensor, batch: int, asked=lambda number: True) -> Tensor:
    """The maps that are asked for, as a test run has them."""
    memory, found, n = Memory(), [], video.shape[2]
    singles = video[0].transpose(0, 1)[:, :, None]
    for start in range(0, n, batch):
        numbers = range(start + 1, min(n, start + batch) + 1)
        places = [Place("synth/a", (number,), asked=asked(number)) for number in numbers]
        with torch.no_grad():
            found.append(net.predict(Clips.of(singles[start : start + batch], places), None, memory))
        assert len(memory.seen["unisal"]) <= net.spec.step
    return torch.cat(found)


def filled(net: UNISAL) -> UNISAL:
    """With the weights of the parity rule: the initial ones say next to nothing of the frames."""
    state = net.state_dict()
    net.load_state_dict(
        {key: drawn(key, tuple(value.shape), 1) if value.ndim else value for key, value in state.items()}
    )
    return net.eval()


@pytest.mark.parametrize("step", [1, 3])
def test_the_walk_is_a_plain_loop(step):
    net = filled(tiny(step=step, size=(32, 64)))
    video = clip(net, batch=1, frames=10)
    want = torch.empty(10, *net.maps)
    with torch.no_grad():
        for first in range(step):
            want[first::step] = net.log_maps(video[:, :, first::step])[0][0]
    for batch in (1, 4, 10):
        torch.testing.assert_close(walked(net, video, batch), want, atol=1e-3, rtol=0)
    some = walked(net, video, 2, lambda number: number in (5, 10))
    torch.testing.assert_close(some, want[[4, 9]], atol=1e-3, rtol=0)
    with torch.no_grad():
        alone = net.log_maps(video[:, :, -1:])[0][0, 0]
    assert not torch.allclose(want[-1], alone, atol=1e-2), "the state counts"


def test_several_sounds_are_seen_once():
    net = tiny().eval()
    clips = Clips.of(clip(net, batch=2, frames=1), [Place("synth/a", (number,)) for number in (1, 2)])
    memory = Memory()
    with torch.no_grad():
        first, again = (net.predict(clips, None, one) for one in (memory, memory.other_sound()))
    assert again is first


def test_a_frame_without_the_one_a_step_before_is_an_error():
    net = tiny().eval()
    frame = clip(net, batch=1, frames=1)
    with (
        torch.no_grad(),
        pytest.raises(ValueError, match=r"synth/a, frame 4: expected after frame 2, but saw no frame"),
    ):
        net.predict(Clips.of(frame, [Place("synth/a", (4,))]), None, Memory())


def test_images_are_windows_of_one_frame():
    net = tiny(domain="SALICON", frames=1, step=1).eval()
    assert (net.spec.walk, net.spec.frames, net.static) == ("windows", 1, True)
    frames = clip(net)
    memory = Memory()
    with torch.no_grad():
        found = net.predict(Clips.of(frames, [Place("salicon/a", (1,)), Place("salicon/b", (1,))]), None, memory)
        torch.testing.assert_close(found, net(frames))
    assert memory == Memory()


# Domains, sizes, training


def test_each_domain_has_its_size_its_step_and_its_filter():
    with torch.device("meta"):
        specs = {domain: create_model("unisal", domain=domain, width=0.1).spec for domain in DOMAINS}
    assert {name: (spec.size, spec.step, spec.frames) for name, spec in specs.items()} == {
        "DHF1K": ((224, 384), 5, 12),
        "Hollywood": ((224, 416), 4, 12),
        "UCFSports": ((256, 384), 4, 12),
        "SALICON": ((288, 384), 1, 1),
    }
    assert {spec.filter for spec in specs.values()} == {"lanczos"}


@pytest.mark.parametrize("domain", ["DHF1K", "UCFSports", "SALICON"])
def test_only_what_is_of_the_domain_learns(domain):
    net = tiny(domain=domain).train()
    sum((maps.exp() * torch.randn_like(maps)).sum() for maps in net.every_frame(clip(net))).backward()
    touched = {name for name, p in net.named_parameters() if p.grad is not None and p.grad.any()}
    assert touched == {name for name, p in net.named_parameters() if p.requires_grad}
    others = {name for name in DOMAINS if name != domain}
    assert not any(f".{other}." in name or f"bn_{other}." in name for name in touched for other in others)
    assert any(name.startswith("rnn.") for name in touched) == (domain != "SALICON")


def test_norms_of_the_encoder_are_fixed_or_trained():
    for norms, mode in (("fixed", False), ("trained", True)):
        net = tiny(encoder_norms=norms).train()
        assert {part.training for part in net.cnn.modules() if isinstance(part, nn.BatchNorm2d)} == {mode}
        assert net.post_cnn.training
    momenta = {tiny(domain=domain).rnn.norm_r_x.bn_DHF1K.momentum for domain in ("DHF1K", "SALICON")}
    assert momenta == {0.01, 0.1}


def test_a_norm_uses_its_domain_alone():
    norm = DomainNorm(2, ("a", "b"), "b", 0.1)
    norm(torch.randn(4, 2, 3, 3) + 5)
    assert norm.bn_a.num_batches_tracked == 0
    assert norm.bn_b.running_mean.min() > 0.3


def test_priors_start_where_the_authors_say():
    maps = Gaussians()((5, 9)).detach()
    assert maps.shape == (16, 5, 9)
    peaks = [divmod(int(one.argmax()), 9) for one in maps]
    assert peaks == [
        *((y, x) for y in (1, 2, 3) for x in (2, 4, 6)),
        (2, 2),
        (2, 4),
        (2, 6),
        (1, 4),
        (2, 4),
        (3, 4),
        (2, 4),
    ]
    across, down, centre = maps[9], maps[12], maps[15]
    assert across[0, 2] == pytest.approx(6 * math.exp(-0.125), rel=1e-5)
    assert across[2, 4] == pytest.approx(6 * math.exp(-((0.25 / math.exp(-1.5)) ** 2) / 2), rel=1e-5)
    assert down[1, 0] == pytest.approx(6 * math.exp(-0.125), rel=1e-5)
    assert centre[0, 0] == pytest.approx(6 * math.exp(-0.25), rel=1e-5)


def test_smoothing_starts_as_a_blur():
    (weight,) = tiny().smoothing["DHF1K"].parameters()
    assert weight.sum().item() == pytest.approx(1, abs=1e-5)
    profile = weight[0, 0, 20].detach()
    assert (profile[25] / profile[20]).item() == pytest.approx(math.exp(-((5 / 40 / math.exp(-2)) ** 2) / 2), rel=1e-4)


@pytest.mark.parametrize("size", [(24, 40), (33, 21)])
def test_smoothing_by_transforms_is_the_convolution(size):
    layer = tiny().smoothing["DHF1K"].double()
    maps = torch.randn(2, 1, *size, dtype=torch.float64, requires_grad=True)
    found, want = layer(maps), F.conv2d(F.pad(maps, [20] * 4, mode="replicate"), layer.weight)
    torch.testing.assert_close(found, want)
    wanted = (maps, layer.weight)
    for ours, theirs in zip(*(torch.autograd.grad(one.pow(2).sum(), wanted) for one in (found, want)), strict=True):
        torch.testing.assert_close(ours, theirs)
    low = layer.bfloat16()(maps.detach().bfloat16())
    torch.testing.assert_close(low.double(), want, atol=0.05, rtol=0.05)


def test_dropout_hides_channels_of_the_state_in_training_only():
    torch.manual_seed(0)
    unit = SeparableGRU(8, nn.BatchNorm2d, dropout=0.9)
    frames = torch.randn(2, 3, 8, 4, 4)
    unit.train()(frames)
    assert torch.equal(unit.eval()(frames)[0], unit(frames)[0])
    other = SeparableGRU(8, nn.BatchNorm2d, dropout=0.0)
    other.load_state_dict(unit.state_dict())
    assert torch.equal(unit(frames)[0], other.eval()(frames)[0])
    assert not torch.equal(unit.train()(frames)[0], unit(frames)[0])


def test_the_encoder_is_that_of_torchvision_and_starts_from_tonylins_weights():
    torch.manual_seed(0)
    net = MobileNetV2(0.35).eval()
    assert net.channels == (24, 56, 1280)
    frames = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        found = net(frames)
        for place in (7, 14):
            net[place].conv[1][0].stride = (2, 2)
        x = frames
        for block in net:
            x = block(x)
    torch.testing.assert_close(found[2], x)
    assert [tuple(part.shape[-2:]) for part in found] == [(8, 12), (4, 6), (2, 3)]
    theirs = {f"features.{_theirs(key)}": value for key, value in net.state_dict().items()}
    again = MobileNetV2(0.35)
    loaded = load_published(again, {**theirs, "classifier.1.bias": torch.zeros(3)}, rename_tonylins)
    assert loaded.without_effect == ("classifier.1.bias",)
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in again.state_dict().items())


def _theirs(key: str) -> str:
    block, dot, rest = key.partition(".conv.")
    if not dot:
        return key
    places = {"0.0": "0", "0.1": "1"} | ({"1": "3", "2": "4"} if block == "1" else {})
    places |= {} if block == "1" else {"1.0": "3", "1.1": "4", "2": "6", "3": "7"}
    layer, _, kind = rest.rpartition(".")
    return f"{block}.conv.{places[layer]}.{kind}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domain": "dhf1k"}, "domain is one of DHF1K, Hollywood, UCFSports, SALICON; got 'dhf1k'"),
        ({"size": (480, 640)}, None),
        ({"size": (540, 960)}, r"got \(540, 960\); for pictures of that size its authors take \(256, 416\)"),
        ({"size": (0, 32)}, r"32, 64, 96 ... pixels, got \(0, 32\)"),
        ({"maps": (0, 5)}, r"maps: expected \(height, width\)"),
        ({"encoder_norms": "free"}, "encoder_norms is fixed or trained; got 'free'"),
    ],
)
def test_an_option_outside_its_range(options, message):
    if message is None:
        assert tiny(**options).spec.size == options["size"]
        return
    with pytest.raises(ValueError, match=message):
        tiny(**options)


def test_the_authors_sizes_for_other_pictures():
    for given, want in [((360, 640), (256, 416)), ((768, 1024), (288, 384)), ((1024, 768), (384, 288))]:
        assert size_for(*given) == want
    for side in (1, 10**6):  # as flat, and as tall, as there is
        height, width = size_for(side, 1000)
        assert 100 <= height * width / 1024 <= 120


# The loss


def test_the_divergence_of_logarithms_is_that_of_maps_and_knows_small_ones():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, generator=draw, dtype=torch.float64)
    density = torch.rand(3, 4, 5, generator=draw, dtype=torch.float64)
    density[0, 0] = 0
    logs = logits.flatten(1).log_softmax(1).unflatten(1, (4, 5))
    torch.testing.assert_close(kl_log_loss(logs, density), kl_loss(logs.exp(), density), rtol=1e-6, atol=1e-9)
    far = torch.tensor([[[0.0, -200.0]]])
    truth = Truth(torch.tensor([[[0.0, 1.0]]]))
    loss, _ = saliency_loss(Prediction(far.exp(), None, far), truth, {"kl": 1.0})
    assert float(loss) == pytest.approx(200)


def test_all_frames_are_learned_alike_with_their_own_fixations():
    net = tiny()
    module = MeanOfFramesModule(net, loss={"kl": 1.0, "nss": -0.1, "cc": -0.1})
    draw = torch.Generator().manual_seed(0)
    shape = (2, 3, *net.spec.size)
    batch = {
        "frames": torch.randint(0, 256, (2, 3, 3, *net.spec.size), generator=draw, dtype=torch.uint8),
        "audio": None,
        "densities": torch.rand(shape, generator=draw),
        "all_fixated": torch.rand(shape, generator=draw) < 0.02,
        "density": None,
        "fixated": None,
    }
    batch["densities"][1, 2] = 0
    net.eval()
    found = module.training_loss(batch)
    (maps,) = net.every_frame(module.normalised(batch))
    want = []
    for item in range(2):
        for frame in range(3):
            one = {"density": batch["densities"][item, frame][None], "fixated": batch["all_fixated"][item, frame][None]}
            loss, count = SaliencyModule.output_loss(module, maps[item, frame][None], one)
            want += [loss] * int(count)
    assert len(want) == 5
    torch.testing.assert_close(found, torch.stack(want).mean())


def test_maps_are_distributions():
    net = tiny(maps=(50, 70)).eval()
    with torch.no_grad():
        saliency = net.to_map(net(clip(net)))
    assert saliency.shape == (2, 50, 70)
    torch.testing.assert_close(saliency.sum((1, 2)), torch.ones(2))
