"""Classical models and chance: against plain loops over pixels from the same formulas, and at the edges."""

import math
import time

import numpy as np
import pytest
import torch
from plain_classical import (
    plain_blurred,
    plain_enlarged,
    plain_faded,
    plain_gabor,
    plain_gbvs,
    plain_itti,
    plain_promoted,
    plain_resize,
    plain_seo,
    plain_unit,
)
from torch.nn import functional as F

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.metrics.resize import imresize
from avsal_bench.models import Clips, Memory, Place, create_model
from avsal_bench.models.baselines import gbvs, itti, seo
from avsal_bench.models.baselines.classical import Gabors, blurred, fade, to_frame, unit
from avsal_bench.records import read_record

CLASSICAL = ("itti", "gbvs", "seo")

every_model = pytest.mark.parametrize("name", CLASSICAL)


def picture(size, seed=0, count=3):
    """Smooth random maps ``(count, *size)`` float64 in [0, 1]."""
    draw = torch.Generator().manual_seed(seed)
    small = torch.rand(count, 1, max(4, size[0] // 4), max(4, size[1] // 4), generator=draw, dtype=torch.float64)
    return F.interpolate(small, size, mode="bilinear")[:, 0].numpy()


def clip(net, seed=0):
    """A clip ``(1, 3, T, h, w)`` of a smooth picture that changes from frame to frame."""
    t = net.spec.frames
    frames = picture(net.spec.size, seed, 3 * t).reshape(3, t, *net.spec.size)
    return torch.from_numpy(frames).float()[None]


def test_itti_is_what_its_equations_say():
    net = create_model("itti", size=(70, 98))
    rgb = clip(net)[:, :, 0]
    expected = plain_itti(rgb[0].double().numpy())
    assert expected.shape == (5, 7)
    np.testing.assert_allclose(net.coarse(rgb)[0, 0], expected, rtol=1e-3, atol=1e-3 * expected.max())


def test_few_strong_peaks_are_promoted_over_many_alike():
    one, many = np.zeros((2, 9, 12))
    one[4, 4] = 3
    many[1::3, 1::3] = 3
    many[4, 4] = 3.3
    maps = itti.promoted(torch.tensor(np.stack([one, many, one * 0 + 7])).float()[None])[0]
    np.testing.assert_allclose(maps[0], plain_promoted(one), rtol=1e-5)
    np.testing.assert_allclose(maps[1], plain_promoted(many), rtol=1e-4)
    assert maps[0].max() == pytest.approx(1000)  # 10 (10 - 0)^2
    assert maps[1].max() == pytest.approx(10 * (10 - 3 / 0.33) ** 2, rel=1e-4)
    assert not maps[2].any()


@pytest.mark.parametrize("factor", [2, 8])
def test_scales_are_compared_where_they_lie(factor):
    coarse = picture((4, 5), seed=1)[0]
    size = (4 * factor - 1, 5 * factor)
    fine = itti.enlarged(torch.from_numpy(coarse)[None, None], factor, size, "bilinear")[0, 0]
    np.testing.assert_allclose(fine, plain_enlarged(coarse, factor, size), atol=1e-12)
    cubic = itti.enlarged(torch.from_numpy(coarse)[None, None], factor, size, "bicubic")[0, 0]
    np.testing.assert_allclose(cubic[::factor, ::factor], coarse, atol=1e-12)


def test_gbvs_is_what_its_equations_say():
    net = create_model("gbvs", size=(32, 150))
    rgb = clip(net)[:, :, 0]
    assert net.grid == (7, 32)
    expected = plain_gbvs(rgb[0].double().numpy(), net.grid)
    np.testing.assert_allclose(net.coarse(rgb)[0, 0], expected, atol=1e-4)


def test_the_degree_is_where_a_walk_settles():
    a = picture((6, 9), seed=3)[0]
    near = gbvs.nearness(a.shape).double()
    settled = gbvs.stationary(torch.from_numpy(a).view(1, 1, -1), near)[0, 0].numpy()
    steps = np.abs(a.reshape(-1, 1) - a.reshape(1, -1)) * near.numpy()
    steps /= steps.sum(0)
    values, vectors = np.linalg.eig(steps)
    first = vectors[:, np.argmax(values.real)].real
    np.testing.assert_allclose(settled, first / first.sum(), rtol=1e-5)
    walker = np.full(a.size, 1 / a.size)
    for _ in range(500):
        walker = steps @ walker
    np.testing.assert_allclose(settled, walker, rtol=1e-5)
    assert not gbvs.stationary(torch.full((1, 1, 54), 0.3, dtype=torch.float64), near).any()


def test_grey_has_no_colour():
    grey = torch.linspace(0, 1, 40).expand(1, 3, 32, 40)
    maps = create_model("gbvs", size=(32, 40)).features(grey)[0]
    for level in range(3):
        brightness, red_green, blue_yellow = maps[8 * level : 8 * level + 3]
        assert brightness.max() > 0.5
        assert red_green.abs().max() < 1e-6
        assert blue_yellow.abs().max() < 1e-6


def test_seo_is_what_its_equations_say(monkeypatch):
    monkeypatch.setattr(seo, "GRID", (14, 18))
    net = create_model("seo", size=(14, 18))
    frames = clip(net)
    grey = np.tensordot([0.299, 0.587, 0.114], frames[0].double().numpy(), 1)
    np.testing.assert_allclose(net(frames)[0], plain_unit(plain_seo(grey)), atol=1e-3)


def test_the_structure_tensor_has_the_singular_values_of_the_gradients():
    slopes = torch.randn(1, 3, 3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights = seo.window_weights()
    assert weights[:, 1, 1].tolist() == [1, 1, 1]
    assert weights[0, 1, 0].item() == pytest.approx(0.1453 / 0.3183 * math.exp(-0.5))
    c = seo.steering(seo.tensor_of(slopes, weights), weights.sum())[0, :, 0, 2, 2]
    g = (slopes[0, :, :, 1:4, 1:4] * weights).reshape(3, 27).T.numpy()
    _, s, v = np.linalg.svd(g, full_matrices=False)
    product = np.sqrt(s.prod() / s)
    expected = ((s.prod() + 1e-7) / weights.sum().item()) ** 0.42 * (v.T * (s + 1) / (product + 1)) @ v
    np.testing.assert_allclose(c, [expected[i, j] for i, j in seo.ENTRIES], rtol=1e-6)


def test_a_still_scene_has_no_strength_by_rounding():
    # Without motion the smallest singular value is 0; its square, from sums of products, must be as good as that.
    net = create_model("seo", size=(64, 64))
    frames = clip(net)[:, :, :1].expand(-1, -1, 9, -1, -1)
    slopes = seo.gradients(seo.contrast(frames.mean(1)))
    tensor = seo.tensor_of(slopes, net.weights)
    values = torch.linalg.eigvalsh(
        torch.stack([tensor[:, [0, 3, 4]], tensor[:, [3, 1, 5]], tensor[:, [4, 5, 2]]], 1).permute(0, 3, 4, 5, 1, 2)
    )
    assert values.clamp_min(0).prod(-1).sqrt().max() < 1e-8
    assert net(frames).std() > 0.01
    assert torch.equal(net(frames), net(frames.flip(2)))


def test_parts_against_plain_versions():
    maps = torch.from_numpy(picture((9, 14), seed=2))
    np.testing.assert_allclose(fade(maps, 4)[0], plain_faded(maps[0].numpy(), 4), atol=1e-12)
    np.testing.assert_allclose(fade(maps, 13)[0], plain_faded(maps[0].numpy(), 13), atol=1e-12)
    np.testing.assert_allclose(blurred(maps[None], 1.3)[0, 1], plain_blurred(maps[1].numpy(), 1.3), atol=1e-6)
    assert torch.equal(blurred(maps[None], 0)[0], maps)
    energy = Gabors()(maps[:1].float())[0]
    for k in range(4):
        np.testing.assert_allclose(energy[k], plain_gabor(maps[0].numpy(), k * math.pi / 4), atol=1e-5)
    for size in ((27, 31), (4, 5)):
        resized = to_frame(maps[:, None], size)[:, 0]
        np.testing.assert_allclose(resized[0], plain_resize(maps[0].numpy(), size), atol=1e-6)
    assert (to_frame(maps[:, None], (36, 56))[:, 0] - imresize(maps, (36, 56)))[:, 8:-8, 8:-8].abs().max() < 1e-6


@every_model
def test_a_frame_without_any_difference_gives_zeros_alone_and_beside_others(name):
    net = create_model(name, size=(64, 96))
    busy = clip(net)
    constant = [torch.full_like(busy, value) for value in (0, 1, 0.37)]
    constant += [torch.tensor(rgb).view(1, 3, 1, 1, 1).expand_as(busy) for rgb in ((0.9, 0.1, 0.2), (0.02, 0.3, 0.8))]
    maps = net(torch.cat([*constant, busy]))
    assert not maps[:-1].any()
    torch.testing.assert_close(maps[-1:], net(busy), atol=1e-5, rtol=0)
    assert (maps[-1].min(), maps[-1].max()) == (0, 1)
    assert maps[-1].std() > 0.05


@every_model
def test_noise_of_rounding_is_no_colour(name):
    net = create_model(name, size=(64, 96))
    grey = clip(net)[:, :1].expand(-1, 3, -1, -1, -1)
    wobble = 1e-7 * torch.randn(grey.shape, generator=torch.Generator().manual_seed(1))
    assert (net(grey) - net(grey + wobble)).abs().max() < 0.02


@every_model
def test_black_frames_within_a_clip_do_no_harm(name):
    net = create_model(name, size=(64, 96))
    frames = clip(net)
    frames[:, :, : net.spec.frames // 2] = 0
    assert net(frames).isfinite().all()
    assert net(frames).std() > 0.01


@every_model
def test_what_stands_out_is_found_where_it_is(name):
    net = create_model(name, size=(240, 320))
    frames = torch.full((1, 3, net.spec.frames, 240, 320), 0.4)
    for t in range(net.spec.frames):
        x = 220 + 6 * (t - net.spec.frames // 2)
        frames[0, :, t, 70:90, x - 10 : x + 10] = torch.tensor([0.9, 0.3, 0.2]).view(3, 1, 1)
    saliency = net(frames)[0]
    weights = saliency**2
    y, x = (
        (weights * place).sum() / weights.sum()
        for place in torch.meshgrid(torch.arange(240.0), torch.arange(320.0), indexing="ij")
    )
    assert math.hypot(y - 79.5, x - 219.5) < 10


def test_itti_finds_the_bar_that_is_turned():
    frames = torch.zeros(1, 3, 1, 240, 320)
    for y in range(20, 230, 40):
        for x in range(20, 310, 40):
            high, wide = (4, 20) if (y, x) == (140, 220) else (20, 4)
            frames[..., y - high // 2 : y + high // 2, x - wide // 2 : x + wide // 2] = 1
    # The outermost bars stand out as well: they have fewer neighbours.
    bars = create_model("itti")(frames)[0][60:200:40, 60:300:40]
    assert bars.argmax() == 2 * 6 + 4
    assert bars[2, 4] > 1.3 * bars.flatten().sort().values[-2]


@pytest.mark.parametrize(("name", "smallest"), [("itti", 33), ("gbvs", 32)])
def test_a_pyramid_stops_at_small_frames(name, smallest):
    net = create_model(name, size=(smallest, smallest + 20))
    saliency = net(clip(net))
    assert saliency.shape == (1, smallest, smallest + 20)
    assert saliency.isfinite().all()
    with pytest.raises(ValueError, match=f"{smallest}x{smallest} pixels or more; got \\({smallest - 1}, 90\\)"):
        create_model(name, size=(smallest - 1, 90))


def test_frames_of_another_size_are_refused():
    for name in CLASSICAL:
        with pytest.raises(ValueError, match="expected frames"):
            create_model(name)(torch.zeros(1, 3, 1, 64, 64))


def test_maps_in_both_sparse_and_smooth_forms():
    sharp, smooth = create_model("itti"), create_model("itti", blur=0.03)
    frames = clip(sharp)
    assert unit(blurred(sharp(frames)[:, None], 9.6)).sub(smooth(frames)[:, None]).abs().max() < 1e-5
    assert smooth(frames).diff(dim=2).abs().max() < sharp(frames).diff(dim=2).abs().max()


def test_chance_repeats_itself_and_is_another_in_every_frame():
    net = create_model("chance")
    frames = torch.zeros(4, 3, 1, 32, 32)
    places = [Place("avad/a", (1,)), Place("avad/a", (2,)), Place("avad/b", (1,)), Place("diem/a", (1,))]
    maps = net.predict(Clips.of(frames, places), None, Memory())
    assert maps.shape == (4, 240, 320)
    assert torch.equal(net.predict(Clips.of(frames[:1], places[2:3]), None, Memory())[0], maps[2])
    together = np.corrcoef(maps.flatten(1).numpy())
    assert np.abs(together - np.eye(4)).max() < 0.02
    assert maps.mean() == pytest.approx(0.5, abs=0.01)
    assert maps.var() == pytest.approx(1 / 12, abs=0.01)
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(net(frames)[0], net(frames)[3])
    assert torch.equal(torch.rand(1), before)  # the draws of others are left alone


def test_chance_scores_what_chance_does(space):
    (path,) = run_job(Job("chance", "", 1, 0, "smoke", "stavis"), space, Machine(devices=1))
    record = read_record(path)
    assert (record.network, record.modality) == ("chance", "")
    assert record.scores["AUC-J"] == pytest.approx(0.5, abs=0.05)
    assert record.scores["sAUC"] == pytest.approx(0.5, abs=0.05)
    assert record.scores["NSS"] == pytest.approx(0, abs=0.15)
    assert record.scores["CC"] == pytest.approx(0, abs=0.05)
    assert record.scores["SIM"] > 0.1


@pytest.mark.parametrize("name", ["itti", "gbvs"])
def test_five_frames_a_second_on_one_core(name):
    net = create_model(name, size=(240, 320))
    frames = clip(net)
    with torch.inference_mode():
        net(frames)
        began = time.process_time()  # of one thread, as in all tests
        for _ in range(5):
            net(frames)
    assert (time.process_time() - began) / 5 < 1 / 5
