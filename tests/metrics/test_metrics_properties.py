"""What holds of the metrics for all maps: drawn ones, with their random forms, in parts and at extreme magnitudes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avsal_bench.metrics import functional as F
from avsal_bench.metrics.arithmetic import chunks
from avsal_bench.metrics.arithmetic.scaling import within

#: Per metric: from (saliency, density, fixations, negatives) to scores, and the range.
METRICS = {
    "CC": (lambda p, g, f, n: F.cc(p, g), (-1, 1)),
    "SIM": (lambda p, g, f, n: F.sim(p, g), (0, 1)),
    "KL": (lambda p, g, f, n: F.kld(p, g), (0, math.inf)),
    "NSS": (lambda p, g, f, n: F.nss(p, f), (-math.inf, math.inf)),
    "IG": (lambda p, g, f, n: F.information_gain(p, g, f), (-52.1, 52.1)),
    "IG none": (lambda p, g, f, n: F.information_gain(p, None, f), (-52.1, 0)),
    "AUC": (lambda p, g, f, n: F.auc(p, f), (0, 1)),
    "AUC negatives": (lambda p, g, f, n: F.auc(p, f, n), (0, 1)),
    "AUC-J": (lambda p, g, f, n: F.auc_judd(p, f), (0, 1)),
    "AUC-J plain": (lambda p, g, f, n: F.auc_judd(p, f, jitter=False), (-math.inf, 1)),
    "AUC-B": (lambda p, g, f, n: F.auc_borji(p, f), (0, 1)),
    "sAUC": (lambda p, g, f, n: F.auc_shuffled(p, f, n), (0, 1)),
}
#: The forms with a generator, from (saliency, fixations, negatives, generator).
SAMPLED = {
    "AUC-J": lambda p, f, n, g: F.auc_judd(p, f, generator=g),
    "AUC-B": lambda p, f, n, g: F.auc_borji(p, f, splits=5, generator=g),
    "sAUC": lambda p, f, n, g: F.auc_shuffled(p, f, n, splits=5, generator=g),
}


def holds_for(*strategies):
    """A test of drawn inputs: of a few in the fast set, and of many more in the slow one."""

    def test_of(check):
        @pytest.mark.parametrize("examples", [15, pytest.param(100, marks=pytest.mark.slow)])
        def test(examples):
            drawn = settings(deadline=None, derandomize=True, max_examples=examples, database=None)
            drawn(given(*strategies)(check))()

        test.__doc__ = check.__doc__
        return test

    return test_of


def scores(*inputs: torch.Tensor) -> dict[str, torch.Tensor]:
    return {name: metric(*inputs) for name, (metric, _) in METRICS.items()}


@st.composite
def batches(draw, n_max: int = 5) -> tuple[torch.Tensor, ...]:
    """Saliency, density, fixations and negatives: few levels or many, one row or more, any number of points."""
    shape = draw(st.tuples(st.integers(1, n_max), st.integers(1, 7), st.integers(2, 12)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    levels = draw(st.sampled_from([1, 2, 5, 255, 2**20]))
    maps = torch.randint(0, levels + 1, (2, *shape), generator=generator).double() / levels
    share = torch.tensor(draw(st.tuples(*[st.sampled_from([0.0, 0.1, 0.5, 1.0])] * 2))).view(2, 1, 1, 1)
    fixations, negatives = torch.rand((2, *shape), generator=generator) < share
    return *maps, fixations, negatives


@holds_for(batches(), st.integers(-6, 6), st.integers(-64, 64), st.booleans())
def test_all_but_kl_are_blind_to_scale_and_offset(inputs, exponent, offset, single):
    """An exact change of scale, and an offset that keeps all values exact: then ties stay ties."""
    p, g, fixations, negatives = inputs
    p = (p * 2**10).round() / 2**10
    if single:
        p, g = p.float(), g.float()
    before = scores(p, g, fixations, negatives)
    after = scores((p + offset / 64) * 2.0**exponent, g, fixations, negatives)
    assert len(before) == 12
    tolerance = 1e-5 if single else 1e-9
    for name in before.keys() - {"KL"}:
        torch.testing.assert_close(
            after[name], before[name], rtol=tolerance, atol=tolerance, equal_nan=True, msg=lambda m, n=name: f"{n}: {m}"
        )


@holds_for(batches(), st.floats(0.01, 100), st.floats(-10, 10))
def test_any_positive_affine_map_changes_nothing(inputs, factor, offset):
    """For all factors the ranking can only change between values that are one up to rounding: many levels, no ties."""
    p, g, fixations, negatives = inputs
    generator = torch.Generator().manual_seed(p.numel())
    p = torch.randperm(p.numel(), generator=generator).view(p.shape).double() / (p.numel() + 0.37)
    before, after = (scores(x, g, fixations, negatives) for x in (p, factor * p + offset))
    for name in ("CC", "SIM", "NSS", "IG", "AUC", "AUC negatives", "AUC-J", "AUC-J plain"):
        torch.testing.assert_close(after[name], before[name], rtol=1e-8, atol=1e-8, equal_nan=True)
    # A value that is a threshold up to rounding may fall on either side of it: keep the values away from 0.1, 0.2, ..
    at_thresholds = (10 * (p - p.amin((1, 2), True)) / (p.amax((1, 2), True) - p.amin((1, 2), True))) % 1
    clear = ((at_thresholds > 1e-9) & (at_thresholds < 1 - 1e-9)).flatten(1).sum(1) == p[0].numel() - 2
    for name in ("AUC-B", "sAUC"):
        torch.testing.assert_close(after[name][clear], before[name][clear], rtol=1e-9, atol=1e-9, equal_nan=True)


@holds_for(batches(), st.integers(0, 1000))
def test_one_permutation_of_the_pixels_of_all_inputs_changes_nothing(inputs, seed):
    order = torch.randperm(inputs[0][0].numel(), generator=torch.Generator().manual_seed(seed))
    shuffled = [x.flatten(1)[:, order].view(x.shape) for x in inputs]
    for name, before in scores(*inputs).items():
        after = METRICS[name][0](*shuffled)
        torch.testing.assert_close(after, before, rtol=1e-12, atol=1e-12, equal_nan=True)


@holds_for(batches())
def test_a_batch_is_its_maps_one_by_one(inputs):
    for name, together in scores(*inputs).items():
        alone = torch.cat([METRICS[name][0](*(x[i : i + 1] for x in inputs)) for i in range(len(together))])
        torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12, equal_nan=True)


@holds_for(batches(9), st.sampled_from([1, 200, 700]))
def test_working_in_chunks_changes_nothing(inputs, size):
    """The random forms included: the numbers are drawn map by map."""
    p, _, fixations, negatives = inputs
    results = []
    for chunk in (2**30, size):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(chunks, "_CHUNK", chunk)
            sampled = {
                f"sampled {name}": form(p, fixations, negatives, torch.Generator().manual_seed(7))
                for name, form in SAMPLED.items()
            }
            results.append(scores(*inputs) | sampled)
    whole, parts = results
    for name, values in whole.items():
        torch.testing.assert_close(parts[name], values, rtol=1e-12, atol=1e-12, equal_nan=True)


def test_a_large_batch_is_cut_on_a_cpu(monkeypatch):
    """Each metric, by position and by name, is called on parts no larger than the limit."""
    monkeypatch.setattr(chunks, "_CHUNK", 2 * 8 * 30)
    seen = []
    whole = F._check

    def spy(saliency, *others):
        seen.append(len(saliency))
        whole(saliency, *others)

    monkeypatch.setattr(F, "_check", spy)
    maps = torch.rand(5, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    points = maps > 0.8
    for call in (
        lambda: F.nss(maps, fixations=points),
        lambda: F.cc(saliency=maps, density=maps),
        lambda: F.information_gain(maps, None, points),
        lambda: F.auc_judd(maps, points, False),
    ):
        seen.clear()
        assert call().shape == (5,)
        assert seen == [2, 2, 1]


@holds_for(batches(), st.sampled_from([torch.float32, torch.float64]), st.data())
def test_no_finite_map_has_a_score_outside_the_range(inputs, dtype, data):
    """At any magnitude that the type can hold, subnormal numbers included; NaN is allowed."""
    p, g, fixations, negatives = inputs
    limits = torch.finfo(dtype)
    extremes = st.sampled_from([1.0, 255.0, 1e30, 1e-30, limits.max, limits.tiny, limits.smallest_normal / 64])
    p, g = (x.to(dtype) * data.draw(extremes) for x in (p, g))
    signed = data.draw(st.booleans())
    if signed:
        p[:, 0, 0] = -p[:, 0, 0]
    assert p.isfinite().all()
    for name, values in scores(p, g, fixations, negatives).items():
        low, high = METRICS[name][1]
        if name != "KL" or not signed:
            assert ((values.isnan()) | ((values >= low) & (values <= high))).all(), (name, values)
            assert not values.isinf().any(), name
    for name, form in SAMPLED.items():
        values = form(p, fixations, negatives, torch.Generator().manual_seed(1))
        assert ((values.isnan()) | ((values >= 0) & (values <= 1)) | (name == "AUC-J")).all(), (name, values)


@pytest.mark.parametrize(
    ("dtype", "exponent"),
    [(torch.float32, e) for e in (-140, -100, 100, 127)] + [(torch.float64, e) for e in (-1060, -600, 600, 1023)],
)
def test_extreme_magnitudes_score_as_the_same_map_in_0_to_1(dtype, exponent):
    generator = torch.Generator().manual_seed(2)
    p, g = (torch.randint(0, 9, (2, 3, 6, 7), generator=generator).to(dtype) / 8).unbind()
    fixations, negatives = torch.rand(2, 3, 6, 7, generator=generator) < 0.3
    p[1, 0, 0] = -1
    scaled = torch.tensor([math.ldexp(x, exponent) for x in p.flatten().tolist()], dtype=dtype).view(p.shape)
    assert [math.ldexp(x, -exponent) for x in scaled.flatten().tolist()] == p.flatten().tolist()
    for name, values in scores(p, g, fixations, negatives).items():
        assert values.isfinite().all()
        there = METRICS[name][0](scaled, g, fixations, negatives)
        torch.testing.assert_close(there, values, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_map_against_itself_is_at_the_end_of_the_range(dtype, step):
    """Rounding must not carry it past: many sizes, since the error depends on them."""
    generator = torch.Generator().manual_seed(0)
    for n in range(2, 300, step):
        p = torch.rand(20, 1, n, dtype=dtype, generator=generator)
        for metric, end in ((F.cc, 1.0), (F.sim, 1.0)):
            values = metric(p, p)
            assert (values <= end).all()
            torch.testing.assert_close(values, torch.full_like(values, end))
        assert (F.cc(p, -p) >= -1).all()
        divergence = F.kld(p, p)
        assert (divergence >= 0).all()
        torch.testing.assert_close(divergence, torch.zeros_like(divergence))


def test_only_rounding_is_put_back_into_the_range():
    values = torch.tensor([1 + 1e-12, 1.5, -1 - 1e-12, -1.5, 0.3, math.nan], dtype=torch.float64)
    expected = torch.tensor([1.0, 1.5, -1.0, -1.5, 0.3, math.nan], dtype=torch.float64)
    torch.testing.assert_close(within(values, -1.0, 1.0), expected, rtol=0, atol=0, equal_nan=True)


# The random forms.


@pytest.fixture
def scene() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Three maps with ties, of 8 levels, and of 12, 3 and 7 fixations, and one with fewer negatives than those."""
    generator = torch.Generator().manual_seed(4)
    p = torch.randint(0, 8, (3, 9, 11), generator=generator).double() / 7
    order = torch.rand(2, 3, 99, generator=generator).argsort(-1).view(2, 3, 9, 11)
    fixations = order[0] < torch.tensor([12, 3, 7]).view(3, 1, 1)
    negatives = order[1] < torch.tensor([20, 20, 5]).view(3, 1, 1)
    return p, fixations, negatives


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    ("form", "expectation"),
    [
        (lambda p, f, n, g: F.auc_judd(p, f, generator=g), lambda p, f, n: F.auc_judd(p, f)),
        (lambda p, f, n, g: F.auc_borji(p, f, splits=1, generator=g), lambda p, f, n: F.auc_borji(p, f)),
        (lambda p, f, n, g: F.auc_borji(p, f, splits=4, generator=g), lambda p, f, n: F.auc_borji(p, f)),
        (lambda p, f, n, g: F.auc_shuffled(p, f, n, splits=1, generator=g), F.auc_shuffled),
    ],
    ids=["judd", "borji", "borji of 4", "shuffled"],
)
def test_the_mean_over_draws_is_the_expectation(scene, form, expectation, dtype):
    p, fixations, negatives = scene
    p = p.to(dtype)
    # All 400 in one batch: the numbers are drawn map by map.
    many = (x.repeat(400, 1, 1) for x in (p, fixations, negatives))
    draws = form(*many, torch.Generator().manual_seed(11)).double().view(400, 3)
    expected = expectation(p, fixations, negatives).double()
    error = draws.std(0) / math.sqrt(len(draws))
    assert ((draws.mean(0) - expected).abs() <= 4 * error + 1e-6).all()
    assert (draws.std(0)[:2] > 1e-3).all()  # there is something to draw
    if expectation is F.auc_shuffled:
        # All 5 negatives are drawn each time, whatever the order.
        assert draws[:, 2].sub(expected[2]).abs().max() < 1e-6


@pytest.mark.parametrize("form", SAMPLED.values(), ids=SAMPLED)
def test_a_seed_gives_one_value(scene, form):
    first, again, other = (form(*scene, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(first, form(scene[0], scene[1].int(), scene[2].float(), torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("form", SAMPLED.values(), ids=SAMPLED)
def test_random_forms_are_undefined_where_the_expectations_are(scene, form):
    p, fixations, negatives = (x.clone() for x in scene)
    fixations[0], p[1, 0, 0] = False, math.nan
    values = form(p, fixations, negatives, torch.Generator().manual_seed(3))
    assert values.isnan().tolist() == [True, True, False]


def test_a_drawn_jitter_gives_a_constant_map_a_score_and_a_drawn_negative_does_not(scene):
    p, fixations, negatives = scene
    flat = torch.full_like(p, 0.3)
    many = (x.repeat(300, 1, 1) for x in (flat, fixations))
    draws = F.auc_judd(*many, generator=torch.Generator().manual_seed(3)).view(300, 3)
    mean, error = draws.mean(0), draws.std(0) / math.sqrt(300)
    assert ((mean - F.auc_judd(flat, fixations)).abs() < 4 * error).all()
    assert F.auc_borji(flat, fixations, generator=torch.Generator()).isnan().all()
    assert F.auc_shuffled(flat, fixations, negatives, generator=torch.Generator()).isnan().all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_gpu_gives_what_a_cpu_gives(scene, dtype):
    p, fixations, negatives = scene
    inputs = (p.to(dtype), p.to(dtype).flip(1), fixations, negatives)
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    for name, values in scores(*inputs).items():
        there = METRICS[name][0](*(x.cuda() for x in inputs))
        torch.testing.assert_close(there.cpu(), values, rtol=tolerance, atol=tolerance, equal_nan=True)
    for form in SAMPLED.values():
        here, there = (
            form(inputs[0].to(device), fixations.to(device), negatives.to(device), torch.Generator().manual_seed(3))
            for device in ("cpu", "cuda")
        )
        torch.testing.assert_close(there.cpu(), here, rtol=tolerance, atol=tolerance)
