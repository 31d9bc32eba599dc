"""The public metrics: any number type, one map or a batch, masks or points, and what is wrong with other inputs."""

import math
import time
from importlib.util import module_from_spec, spec_from_file_location

import numpy as np
import pytest
import torch

from avsal_bench import metrics as M
from avsal_bench.metrics import functional as F

H, W = 9, 14
RNG = np.random.default_rng(3)
PRED, DENSITY = RNG.integers(0, 256, (2, 3, H, W)) / 255
POINTS = [np.array([[1, 2], [13, 8], [5, 0], [5, 0]]), np.array([[0, 0]]), np.zeros((0, 2))]
OTHERS = [RNG.integers(0, (W, H), (20, 2)) for _ in range(3)]
TAKES_FIXATIONS = ("nss", "auc", "auc_judd", "auc_borji", "shuffled_auc", "information_gain")


def mask_of(points):
    mask = np.zeros((len(points), H, W), bool)
    for number, one in enumerate(points):
        for x, y in one:
            mask[number, int(y), int(x)] = True
    return mask


FIXATIONS, NEGATIVES = mask_of(POINTS), mask_of(OTHERS)


def everything(pred, density, fixations, negatives) -> dict:
    """All public metrics, by name."""
    return {
        "cc": M.cc(pred, density),
        "sim": M.sim(pred, density),
        "kl_divergence": M.kl_divergence(pred, density),
        "nss": M.nss(pred, fixations),
        "auc": M.auc(pred, fixations),
        "auc negatives": M.auc(pred, fixations, negatives),
        "auc_judd": M.auc_judd(pred, fixations),
        "auc_judd plain": M.auc_judd(pred, fixations, jitter=False),
        "auc_borji": M.auc_borji(pred, fixations),
        "shuffled_auc": M.shuffled_auc(pred, fixations, negatives),
        "information_gain": M.information_gain(pred, fixations, density),
        "information_gain none": M.information_gain(pred, fixations, None),
    }


def core(pred, density, fixations, negatives) -> dict:
    """The same by the core, which takes batches of tensors."""
    p, g, f, n = (torch.as_tensor(x) for x in (pred, density, fixations, negatives))
    values = {
        "cc": F.cc(p, g),
        "sim": F.sim(p, g),
        "kl_divergence": F.kld(p, g),
        "nss": F.nss(p, f),
        "auc": F.auc(p, f),
        "auc negatives": F.auc(p, f, n),
        "auc_judd": F.auc_judd(p, f),
        "auc_judd plain": F.auc_judd(p, f, jitter=False),
        "auc_borji": F.auc_borji(p, f),
        "shuffled_auc": F.auc_shuffled(p, f, n),
        "information_gain": F.information_gain(p, g, f),
        "information_gain none": F.information_gain(p, None, f),
    }
    return {name: value.numpy() for name, value in values.items()}


def assert_same(got, expected, tolerance=0.0):
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(np.asarray(got[name]), value, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_last_digit_is_that_of_the_core_for_arrays_and_tensors_masks_and_points(dtype):
    pred, density = PRED.astype(dtype), DENSITY.astype(dtype)
    expected = core(pred, density, FIXATIONS, NEGATIVES)
    for fixations, negatives in ((FIXATIONS, NEGATIVES), (POINTS, OTHERS)):
        arrays = everything(pred, density, fixations, negatives)
        assert all(value.dtype == dtype and value.shape == (3,) for value in arrays.values())
        assert_same(arrays, expected)
    marks = torch.from_numpy(FIXATIONS), torch.from_numpy(NEGATIVES)
    tensors = everything(torch.from_numpy(pred), torch.from_numpy(density), *marks)
    assert all(isinstance(value, torch.Tensor) and value.shape == (3,) for value in tensors.values())
    assert_same(tensors, expected)


def test_one_map_gives_a_number():
    expected = core(PRED, DENSITY, FIXATIONS, NEGATIVES)
    for i in range(3):
        first = {name: value[i] for name, value in expected.items()}
        arrays = everything(PRED[i], DENSITY[i], POINTS[i], OTHERS[i])
        assert all(type(value) is float for value in arrays.values())
        assert_same(arrays, first, 1e-12)
        tensors = everything(*(torch.from_numpy(x[i]) for x in (PRED, DENSITY, FIXATIONS, NEGATIVES)))
        assert all(value.shape == () for value in tensors.values())
        assert_same(tensors, first, 1e-12)
    assert math.isnan(M.nss(PRED[2], POINTS[2]))


@pytest.mark.parametrize(
    "kind", ["uint8", "uint16", "int16", "int32", "int64", "uint32", "uint64", ">u2", ">f8", "<f4"]
)
def test_a_map_of_any_number_type_scores_as_the_same_map_in_float64(kind):
    """8-bit maps are those divided by 255; a metric does not depend on the unit of the others."""
    levels = (255 * PRED).round().astype(kind)
    expected = core(PRED, PRED[::-1].copy(), FIXATIONS, NEGATIVES)
    tolerance = 1e-5 if kind == "<f4" else 1e-12
    assert_same(everything(levels, levels[::-1], FIXATIONS, NEGATIVES), expected, tolerance)
    if kind[0] not in "<>":
        tensor = torch.from_numpy(levels)
        marks = torch.from_numpy(FIXATIONS), torch.from_numpy(NEGATIVES)
        assert_same(everything(tensor, torch.from_numpy(levels[::-1].copy()), *marks), expected, tolerance)


def test_an_8_bit_map_is_the_map_that_was_divided_by_255():
    """To the last digit, also where a level is a threshold of an area but for rounding."""
    levels = np.clip((255 * PRED).round(), 51, 204).astype(np.uint8)
    assert_same(everything(levels, levels, POINTS, OTHERS), everything(levels / 255, levels / 255, POINTS, OTHERS))
    wide = levels.astype(np.uint16) * 257
    assert_same(everything(wide, wide, POINTS, OTHERS), everything(wide / 65535, wide / 65535, POINTS, OTHERS))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    pred, density = (torch.from_numpy(x).to(dtype) for x in (PRED, DENSITY))
    got = everything(pred, density, POINTS, OTHERS)
    assert all(value.dtype == torch.float32 for value in got.values())
    assert_same(got, core(pred.float(), density.float(), FIXATIONS, NEGATIVES))
    if dtype == torch.float16:
        assert_same(everything(pred.numpy(), density.numpy(), POINTS, OTHERS), got)


def test_maps_of_bool_are_0_and_1():
    pred = PRED > 0.5
    assert_same(everything(pred, DENSITY, POINTS, OTHERS), everything(pred.astype(float), DENSITY, POINTS, OTHERS))


@pytest.mark.parametrize(
    "kind", ["bool", "uint8", "int8", "uint16", "int64", "uint64", "float16", "float32", "float64"]
)
@pytest.mark.parametrize("white", [1, 100])
def test_masks_of_any_number_type(kind, white):
    fixations, negatives = ((white * mask.astype(int)).astype(kind) for mask in (FIXATIONS, NEGATIVES))
    expected = core(PRED, DENSITY, FIXATIONS, NEGATIVES)
    assert_same(everything(PRED, DENSITY, fixations, negatives), expected)
    marks = torch.from_numpy(fixations), torch.from_numpy(negatives)
    assert_same(everything(torch.from_numpy(PRED), torch.from_numpy(DENSITY), *marks), expected)


def test_arrays_that_run_backwards_or_are_only_to_be_read(recwarn):
    pred, mask = PRED.copy(), FIXATIONS.copy()
    pred.flags.writeable = mask.flags.writeable = False
    np.testing.assert_array_equal(M.nss(pred, mask), M.nss(PRED, FIXATIONS))
    np.testing.assert_allclose(M.nss(PRED[:, ::-1], FIXATIONS[:, ::-1]), M.nss(PRED, FIXATIONS))
    assert not recwarn.list


@pytest.mark.parametrize(
    "points",
    [
        [(1, 2), (13, 8), (5, 0)],
        [[1.0, 2.0], [13.99, 8.5], [5.2, 0.99]],
        [(1, 2), (13, 8), (5, 0), (5, 0), (1, 2)],
        torch.tensor([[1, 2], [13, 8], [5, 0]]),
        torch.tensor([[1.5, 2.5], [13.5, 8.5], [5.5, 0.5]], dtype=torch.bfloat16),
        np.array([[1, 2], [13, 8], [5, 0]], dtype=np.uint8),
    ],
    ids=["tuples", "fractions", "twice", "tensor", "bfloat16", "uint8"],
)
def test_points_lie_in_the_pixel_that_they_are_in_and_count_once(points):
    assert M.nss(PRED[0], points) == M.nss(PRED[0], FIXATIONS[0])
    batch = M.nss(PRED[:2], [points, POINTS[1]])
    np.testing.assert_array_equal(batch, M.nss(PRED[:2], FIXATIONS[:2]))


def test_points_of_a_batch_may_be_one_array():
    points = torch.tensor([[[1, 2], [5, 0]], [[0, 0], [13, 8]], [[3, 3], [3, 4]]])
    np.testing.assert_array_equal(M.nss(PRED, points), M.nss(PRED, list(points)))


@pytest.mark.parametrize("nobody", [[], (), np.zeros((0, 2)), np.zeros(0), torch.zeros(0, 2)], ids=repr)
def test_no_points_are_nobody_who_looked(nobody):
    assert math.isnan(M.auc_judd(PRED[0], nobody))
    assert np.isnan(M.auc_judd(PRED[:2], [nobody, POINTS[1]])).tolist() == [True, False]


def test_negatives_and_a_baseline_may_be_one_for_all_maps():
    for one in (NEGATIVES[0], OTHERS[0], torch.from_numpy(NEGATIVES[0]), torch.from_numpy(OTHERS[0])):
        expected = M.shuffled_auc(PRED, FIXATIONS, np.stack([NEGATIVES[0]] * 3))
        np.testing.assert_array_equal(M.shuffled_auc(PRED, POINTS, one), expected)
        np.testing.assert_array_equal(M.auc(PRED, POINTS, one), M.auc(PRED, POINTS, [OTHERS[0]] * 3))
    expected = M.information_gain(PRED, FIXATIONS, np.stack([DENSITY[0]] * 3))
    np.testing.assert_array_equal(M.information_gain(PRED, FIXATIONS, DENSITY[0]), expected)


def test_numbers_of_fixations_are_a_mask():
    pred = RNG.random((20, 30))
    counts = np.zeros((20, 30))
    counts[[3, 4, 5], [6, 7, 8]] = 1, 1, 3
    assert M.nss(pred, counts) == M.nss(pred, counts > 0)


def test_a_mask_as_wide_as_a_point_is_a_mask():
    pred = RNG.random((4, 2))
    mask = np.array([[0, 1], [0, 0], [1, 0], [0, 0]])
    assert M.nss(pred, mask) == M.nss(pred, mask.astype(bool))


def test_an_empty_batch_has_no_scores():
    empty = everything(PRED[:0], DENSITY[:0], [], FIXATIONS[:0])
    assert {value.shape for value in empty.values()} == {(0,)}


@pytest.mark.parametrize("name", TAKES_FIXATIONS)
def test_what_is_no_fixation_map_is_an_error(name):
    def score(pred, fixations):
        extra = {"shuffled_auc": (NEGATIVES,), "information_gain": (DENSITY,)}.get(name, ())
        return getattr(M, name)(pred, fixations, *extra)

    said = r"fixations is no fixation map: it holds \d+ values other than 0, from \S+ to 1\. Give 1 where"
    with pytest.raises(ValueError, match=said) as caught:
        score(PRED, DENSITY)
    assert "swapped" not in str(caught.value)
    with pytest.raises(ValueError, match="pred is one: are the two swapped"):
        score(FIXATIONS, PRED)


@pytest.mark.parametrize("bad", [-1.0, math.nan], ids=["negative", "nan"])
def test_a_mask_of_other_numbers_is_an_error(bad):
    with pytest.raises(ValueError, match="is no fixation map: it holds"):
        M.nss(PRED, np.where(FIXATIONS, bad, 0.0))
    with pytest.raises(ValueError, match="negatives is None: give a mask"):
        M.shuffled_auc(PRED, FIXATIONS, None)
    with pytest.raises(ValueError, match="negatives is no fixation map"):
        M.shuffled_auc(PRED, FIXATIONS, DENSITY)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([(3, 2), (14, 2)], r"point 1 is \(x, y\) = \(14, 2\), outside a map 14 wide and 9 high: count from 0"),
        ([(3, -0.5)], r"point 0 is \(x, y\) = \(3, -0\.5\), outside"),
        ([(math.nan, 1)], r"point 0 is \(x, y\) = \(nan, 1\), outside"),
        ([(8, 13), (2, 12)], r"point 0 is .* outside .*: are they \(y, x\)\? Give \(x, y\)"),
        (
            [(1, 2, 3)],
            r"pred has shape \(9, 14\) and fixations has shape \(1, 3\): give a mask of .* or points \(N, 2\)",
        ),
        ([(1, 2), (3,)], r"give a mask of the shape of pred .array or tensor., or points \(N, 2\)"),
        ("ab", r"give a mask of the shape of pred .array or tensor., or points"),
        (np.zeros((9, 13)), r"pred has shape \(9, 14\) and fixations has shape \(9, 13\)"),
        ([np.array([[1, 2]])], r"fixations has shape \(1, 1, 2\)"),
        (None, "fixations is None: give a mask"),
    ],
)
def test_points_that_do_not_fit_are_named(points, said):
    with pytest.raises(ValueError, match=said):
        M.nss(PRED[0], points)


@pytest.mark.parametrize(
    ("fixations", "said"),
    [
        (POINTS[:2], r"pred has shape \(3, 9, 14\) and fixations .*: give a mask .* a list with one array of points"),
        (FIXATIONS[0], r"pred has shape \(3, 9, 14\) and fixations has shape \(9, 14\)"),
        (FIXATIONS[:2], r"pred has shape \(3, 9, 14\) and fixations has shape \(2, 9, 14\)"),
        ([*POINTS[:2], [(0, 9)]], r"fixations\[2\]: point 0 is \(x, y\) = \(0, 9\), outside"),
        (7, "fixations is 7: give a mask"),
    ],
)
def test_fixations_that_do_not_fit_a_batch_are_named(fixations, said):
    with pytest.raises(ValueError, match=said):
        M.nss(PRED, fixations)


def test_shapes_that_differ_are_both_named():
    with pytest.raises(
        ValueError, match=r"pred has shape \(3, 9, 14\) and density \(3, 9, 13\): give both at one size"
    ):
        M.cc(PRED, DENSITY[..., 1:])
    with pytest.raises(ValueError, match=r"pred has shape \(3, 9, 14\) and density \(9, 14\)"):
        M.kl_divergence(PRED, DENSITY[0])
    with pytest.raises(ValueError, match=r"pred has shape \(3, 9, 14\) and baseline \(2, 9, 14\)"):
        M.information_gain(PRED, FIXATIONS, DENSITY[:2])
    with pytest.raises(ValueError, match=r"pred has shape \(3, 1, 9, 14\): .*take off the channel, pred\[:, 0\]"):
        M.cc(PRED[:, None], DENSITY[:, None])
    with pytest.raises(ValueError, match=r"pred has shape \(14,\): give one map \(h, w\) or a batch"):
        M.cc(PRED[0, 0], DENSITY[0, 0])
    with pytest.raises(ValueError, match=r"pred has shape \(2, 0, 5\)"):
        M.cc(np.zeros((2, 0, 5)), np.zeros((2, 0, 5)))


@pytest.mark.parametrize(
    ("pred", "error", "said"),
    [
        (PRED.tolist(), TypeError, "pred is a list: give a map as a torch tensor or as a numpy array"),
        (None, TypeError, "pred is a NoneType"),
        (PRED.astype(complex), TypeError, "pred is an array of complex128: give one of real numbers"),
        (PRED.astype(object), TypeError, "pred is an array of object"),
        (torch.from_numpy(PRED) * 1j, TypeError, "pred is a tensor of torch.complex128"),
        (torch.from_numpy(PRED).to_sparse(), TypeError, "torch.sparse_coo: give a dense one"),
        (np.full((3, H, W), 2**60), ValueError, r"pred holds integers beyond 2\*\*53"),
    ],
    ids=["list", "none", "complex", "object", "complex tensor", "sparse", "integers"],
)
def test_what_is_no_map_is_an_error(pred, error, said):
    for metric in (M.cc, M.auc_judd):
        with pytest.raises(error, match=said):
            metric(pred, FIXATIONS)


def test_tensors_on_two_devices_are_an_error():
    with pytest.raises(ValueError, match=r"pred is on cpu and density on meta: give density.to\('cpu'\)"):
        M.cc(torch.from_numpy(PRED), torch.from_numpy(DENSITY).to("meta"))


def test_the_core_says_what_to_do_with_half_precision():
    half = torch.from_numpy(PRED).half()
    with pytest.raises(
        ValueError, match=r"float32 or float64 saliency maps, got torch\.float16; convert .*\.float\(\)"
    ):
        F.cc(half, half)


def test_classes_are_imported_when_they_are_asked_for():
    """torchmetrics takes as long to import as torch."""
    spec = spec_from_file_location("fresh", M.__file__)
    fresh = module_from_spec(spec)
    spec.loader.exec_module(fresh)
    assert not {"CC", "PerVideo"} & vars(fresh).keys()
    assert set(M.__all__) <= {*dir(M)}
    assert M.CC.__module__ == "avsal_bench.metrics.classes"
    with pytest.raises(AttributeError, match=r"module 'avsal_bench\.metrics' has no attribute 'cccc'"):
        _ = M.cccc


@pytest.mark.slow
@pytest.mark.timed
def test_the_public_functions_take_at_most_a_tenth_longer():
    """Of 32 maps of 240x320, with masks of any kind."""
    rng = np.random.default_rng(0)
    pred, density = (torch.from_numpy(x) for x in rng.random((2, 32, 240, 320)))
    fixations, negatives = (torch.from_numpy(rng.random((32, 240, 320)) < share) for share in (6e-4, 1.3e-2))

    for kind in (torch.bool, torch.uint8):
        given = (pred, density, fixations.to(kind), negatives.to(kind))
        seconds: dict = {everything: [], core: []}
        for _ in range(8):  # in turns, as other work slows down either
            for function, times in seconds.items():
                start = time.process_time()
                function(*given)
                times.append(time.process_time() - start)
        assert min(seconds[everything]) <= 1.1 * min(seconds[core]), kind


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_what_a_cpu_gives():
    expected = everything(PRED, DENSITY, POINTS, OTHERS)
    pred, density = (torch.from_numpy(x).cuda() for x in (PRED, DENSITY))
    marks = [torch.from_numpy(x).cuda() for x in (FIXATIONS, NEGATIVES)]
    for fixations, negatives in ((POINTS, OTHERS), (FIXATIONS, NEGATIVES), marks):
        there = everything(pred, density, fixations, negatives)
        assert all(value.is_cuda for value in there.values())
        assert_same({name: value.cpu() for name, value in there.items()}, expected, 1e-12)
    with pytest.raises(ValueError, match=r"pred is on cuda:0 and fixations on cpu"):
        M.nss(pred, torch.from_numpy(FIXATIONS))
