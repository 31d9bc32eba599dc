"""The protocols against the field's scripts, frame by frame, and what they do at the edges."""

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
import torch
from golden_data import GOLDEN, VIDEOS, golden_mean, golden_scores, golden_video, write_golden
from PIL import Image
from scipy.io import savemat

from avsal_bench.data.dataset import dataset
from avsal_bench.evaluation import score
from avsal_bench.evaluation.protocol import PROTOCOLS, Protocol, prepare, protocol, require_finite, single_choices
from avsal_bench.evaluation.score import Results, VideoScorer, score_frames
from avsal_bench.evaluation.steps import Blur, EightBit, Halve, Jpeg, MinMax, Resize, ResizeLog, to_eight_bit
from avsal_bench.evaluation.truth import Truth
from avsal_bench.metrics.functional import IN_TABLES, kld
from avsal_bench.records import METRICS

STAVIS = protocol("stavis")
#: The golden scores without post-processing: 8-bit maps straight to the metrics.
STRAIGHT = Protocol("straight", "")
#: Ties after a resize are ties up to rounding, and AUC-J of such frames depends on what counts as one.
TOLERANCE = {"CC": 1e-9, "NSS": 1e-9, "AUC-J": 3e-5, "sAUC": 1e-9, "SIM": 1e-9, "KL": 1e-9}


def same(a, b, tolerance=0.0):
    """Whether scores agree, NaN with NaN."""
    return all(torch.allclose(a[m], b[m], rtol=0, atol=tolerance, equal_nan=True) for m in METRICS)


@pytest.mark.parametrize("rule", [STAVIS, STRAIGHT], ids=lambda rule: rule.name)
@pytest.mark.parametrize("name", VIDEOS)
def test_every_frame_scores_as_in_the_authors_scripts(name, rule):
    frames, video = golden_video(name)
    expected = golden_scores(name, rule is STAVIS)
    scores = score_frames(*video, rule)
    assert list(scores) == list(METRICS)
    assert len(frames) == (29 if name == "v3" else 30)
    for metric, values in scores.items():
        for frame, value in zip(frames, values.tolist(), strict=True):
            want = expected[frame][metric]
            assert value == pytest.approx(want, abs=TOLERANCE[metric], nan_ok=True), (name, frame, metric)


def test_chunks_do_not_change_a_score(monkeypatch):
    _, video = golden_video("v1")
    whole = score_frames(*video, STAVIS)
    monkeypatch.setattr(score, "PIXELS", 1)
    assert same(score_frames(*video, STAVIS), whole, 1e-12)


def test_float32_is_near_float64():
    _, video = golden_video("v1")
    exact = score_frames(*video, STAVIS)
    for metric, values in score_frames(*video, STAVIS, dtype=torch.float32).items():
        torch.testing.assert_close(values.double(), exact[metric], rtol=1e-3, atol=0, equal_nan=True)


def test_post_processing_is_that_of_the_authors_scripts():
    data = np.load(GOLDEN / "resize.npz")
    for meta in json.loads(str(data["meta"])):
        if meta["op"] == "postprocess_sigma2":
            maps = torch.from_numpy(data[f"{meta['name']}_in"])[None]
            expected = torch.from_numpy(data[f"{meta['name']}_out"])
            got = prepare(maps, maps.shape[1:], STAVIS)[0]
            torch.testing.assert_close(got, expected, rtol=0, atol=1e-12, equal_nan=True)


# The steps.


def test_eight_bits_as_stavis_saves_its_maps():
    maps = torch.tensor([[[0.2, 0.4, 0.6]], [[0.7, 0.7, 0.7]]])
    assert to_eight_bit(maps).tolist() == [[[0, 127, 255]], [[0, 0, 0]]]
    assert to_eight_bit(maps.half()).dtype == torch.uint8
    saved = to_eight_bit(maps)
    assert to_eight_bit(saved) is saved
    # So small a range that 255 divided by it overflows: constant.
    assert to_eight_bit(maps * 1e-38 * 1e-3).sum() == 0


def test_eight_bits_are_rounded_as_each_script_does():
    maps = torch.tensor([[[0.0, 100.2, 100.6, 255.0]]]) / 255
    rounded = {rounding: EightBit(rounding)(maps, (1, 4)).tolist()[0][0] for rounding in ("down", "nearest", "half_up")}
    assert rounded == {"down": [0, 100, 100, 255], "nearest": [0, 100, 101, 255], "half_up": [0, 101, 101, 255]}


def test_bilinear_resize_takes_four_pixels_as_opencv_does():
    maps = torch.tensor([[[0.0, 1.0], [2.0, 3.0]]], dtype=torch.float64)
    # Centres of the four columns lie at -1/4, 1/4, 3/4 and 5/4 of the two.
    assert Resize("bilinear")(maps, (1, 4))[0].tolist() == [[1.0, 1.25, 1.75, 2.0]]
    assert Resize("bilinear", (2, 2))(maps, (9, 9)).tolist() == maps.tolist()


def test_maps_of_half_the_size_are_rounded_down_and_never_empty():
    maps = torch.rand(2, 8, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for size, half in (((9, 15), (4, 7)), ((16, 24), (8, 12)), ((1, 3), (1, 1))):
        assert torch.equal(Halve()(maps, size), Resize("bilinear", half)(maps, size))
    # Two to one, the four pixels are two by two that touch.
    assert torch.allclose(Halve()(maps, (8, 12)), maps.unflatten(1, (4, 2)).unflatten(3, (6, 2)).mean((2, 4)))


def test_maps_of_unisal_are_resized_before_the_softmax():
    logits = 5 * torch.randn(2, 8, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    enlarged = torch.nn.functional.interpolate(logits[:, None], (18, 30), mode="bilinear", align_corners=False)[:, 0]
    density, theirs = (x.flatten(1).softmax(1).unflatten(1, x.shape[1:]) for x in (logits, enlarged))
    found = ResizeLog()(density, (18, 30))
    torch.testing.assert_close(found / found.sum((1, 2), keepdim=True), theirs, rtol=1e-5, atol=0)
    assert torch.equal(ResizeLog()(density, (8, 12)), density)
    assert ResizeLog()(torch.zeros(1, 2, 2), (4, 4)).isfinite().all()
    stored = protocol("unisal").saving[1](theirs, (18, 30))  # over the maximum, cut down: the least is not taken off
    assert torch.equal(stored, (theirs / theirs.amax((1, 2), keepdim=True) * 255).to(torch.uint8))


def test_lanczos_is_pillows_on_eight_bits():
    maps = torch.randint(0, 256, (2, 9, 14), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    resized = Resize("lanczos", (20, 30))(maps, (1, 1))
    expected = Image.fromarray(maps[1].numpy()).resize((30, 20), Image.Resampling.LANCZOS)
    assert resized.shape == (2, 20, 30)
    assert np.array_equal(resized[1].numpy(), np.asarray(expected))


def test_jpeg_loses_a_little():
    _, (maps, *_) = golden_video("v1")
    worse, better = (Jpeg(quality)(maps[:3], (1, 1)) for quality in (30, 95))
    errors = [(stored.float() - maps[:3].float()).abs().mean() for stored in (worse, better)]
    assert worse.shape == maps[:3].shape
    assert 0 < errors[1] < errors[0] < 5


def test_a_blurred_logarithm_is_a_geometric_mean():
    maps = torch.ones(1, 9, 9, dtype=torch.float64)
    maps[0, 4, 4] = math.e
    blurred = Blur(2.0, 11, "reflect", log=True)(maps, (9, 9))
    impulse = maps.log()
    assert torch.allclose(blurred.log(), Blur(2.0, 11, "reflect")(impulse, (9, 9)))
    maps[0, 0, 0] = 0.0
    assert Blur(2.0, 11, "reflect", log=True)(maps, (9, 9)).isfinite().all()


def test_min_max_of_a_constant_and_of_an_empty_map():
    maps = torch.tensor([[[0.2, 0.6]], [[0.3, 0.3]], [[0.0, 0.0]]], dtype=torch.float64)
    scaled = MinMax()(maps, (1, 2))
    assert scaled[:2].tolist() == [[[0.0, 1.0]], [[0.5, 0.5]]]
    assert scaled[2].isnan().all()


# The protocols.


def test_the_metrics_of_the_tables_are_those_of_a_record():
    assert list(IN_TABLES) == list(METRICS)


def test_protocols_are_named_by_themselves():
    assert all(name == entry.name for name, entry in PROTOCOLS.items())
    assert " ".join(sorted(PROTOCOLS)) == (
        "crowdsal dave dhf1k hypersal mspi raw stavis stavis-chance tasednet unisal vinet vinet-v2"
    )
    with pytest.raises(ValueError, match=r"unknown protocol 'stavi'; did you mean 'stavis'\? known: crowdsal"):
        protocol("stavi")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_scores_float_maps_of_any_size(name):
    _, (maps, densities, fixations, negatives) = golden_video("v1")
    part = slice(0, 3)
    floats = (maps[part].float() / 255) ** 0.7 * 0.3 + 0.1
    scores = score_frames(floats, densities[part], fixations[part], negatives[part], PROTOCOLS[name])
    for metric, values in scores.items():
        assert values.isfinite().all(), metric
    # They are one family: the same maps are far from chance under each.
    assert (scores["CC"] > 0.4).all()


def test_what_a_protocol_does_before_saving_is_left_out_for_maps_that_are_saved():
    _, (maps, *truth) = golden_video("v1")
    floats = (maps.float() / 255) ** 0.7 * 0.3 + 0.1
    direct, saved = score_frames(floats, *truth, STAVIS), score_frames(to_eight_bit(floats), *truth, STAVIS)
    assert same(direct, saved)
    vinet = PROTOCOLS["vinet"]
    assert same(score_frames(maps, *truth, vinet), score_frames(maps, *truth, STRAIGHT))
    assert not same(score_frames(floats, *truth, vinet), score_frames(to_eight_bit(floats), *truth, vinet), 1e-3)


def test_single_choices_differ_from_their_base_in_one_field():
    for base in PROTOCOLS.values():
        for choice, other in single_choices(base).items():
            fields = [f.name for f in dataclasses.fields(base) if getattr(base, f.name) != getattr(other, f.name)]
            assert len(fields) == 2, (base.name, choice, fields)
            assert other.name == choice


@pytest.mark.parametrize("base", PROTOCOLS.values(), ids=lambda rule: rule.name)
def test_single_choices_score_float_maps(base):
    _, (maps, densities, fixations, negatives) = golden_video("v1")
    part = slice(0, 2)
    floats = maps[part].float() / 700 + 0.01
    truth = densities[part], fixations[part], negatives[part]
    scores = {name: score_frames(floats, *truth, rule) for name, rule in single_choices(base).items()}
    assert len(scores) >= 3
    for name, found in scores.items():
        assert all(values.isfinite().all() for values in found.values()), name
    blurred = [step for step in (*base.saving, *base.scoring) if isinstance(step, Blur)]
    assert ("no blur" in scores) == bool(blurred)
    if blurred:
        assert not any(
            isinstance(step, Blur)
            for step in (*single_choices(base)["no blur"].saving, *single_choices(base)["no blur"].scoring)
        )


def test_empty_maps_score_as_the_protocol_says():
    _, (maps, densities, fixations, negatives) = golden_video("v1")
    nothing = torch.zeros_like(densities)
    undefined = dataclasses.replace(STRAIGHT, empty="nan")
    mit, nan = (score_frames(maps, nothing, fixations, negatives, rule) for rule in (STRAIGHT, undefined))
    for metric in ("SIM", "KL"):
        assert (mit[metric] == 0).all()
        assert nan[metric].isnan().all()
    assert torch.equal(mit["NSS"].nan_to_num(-9), nan["NSS"].nan_to_num(-9))
    maps = torch.zeros_like(maps)
    mit, nan = (score_frames(maps, densities, fixations, negatives, rule) for rule in (STRAIGHT, undefined))
    seen = densities.bool().flatten(1).any(1)
    assert (mit["SIM"] == 0).all()
    assert (mit["KL"][seen] > 20).all()
    assert nan["SIM"].isnan().all()
    assert nan["KL"].isnan().all()


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("rule", [PROTOCOLS["stavis-chance"], dataclasses.replace(STRAIGHT, blank="chance")])
def test_blackened_maps_count_as_chance_where_the_protocol_says_so(rule, value):
    _, (maps, densities, fixations, negatives) = golden_video("v1")
    left_out = dataclasses.replace(rule, blank="left out")
    floats = maps.double() / 255
    floats[::2] = value
    chance = score_frames(floats, densities, fixations, negatives, rule)
    other = score_frames(floats, densities, fixations, negatives, left_out)
    empty = score_frames(torch.rand_like(floats), densities, fixations, negatives, left_out)
    for metric, guess in {"CC": 0.0, "NSS": 0.0, "AUC-J": 0.5, "sAUC": 0.5}.items():
        defined = ~empty[metric].isnan()
        assert (chance[metric][::2][defined[::2]] == guess).all(), metric
        assert torch.equal(chance[metric].isnan(), ~defined), metric
    equal = torch.ones_like(densities, dtype=torch.float64)
    seen = densities.bool().flatten(1).any(1)
    assert torch.allclose(chance["KL"][::2][seen[::2]], kld(equal, densities.double())[::2][seen[::2]])
    g = densities.double() - densities.double().amin((1, 2), keepdim=True)
    sims = torch.minimum(equal / equal[0].numel(), g / g.sum((1, 2), keepdim=True)).sum((1, 2))
    assert torch.allclose(chance["SIM"][::2][seen[::2]], sims[::2][seen[::2]])
    assert (chance["SIM"][::2][~seen[::2]] == 0).all()
    for metric in METRICS:
        assert torch.equal(chance[metric][1::2].nan_to_num(-9), other[metric][1::2].nan_to_num(-9))


def test_a_diverged_network_is_an_error_that_names_the_frame():
    _, (maps, *truth) = golden_video("v1")
    maps = maps.float()
    maps[3, 5, 5] = math.nan
    names = [f"synth/drums, frame {n}" for n in range(1, 31)]
    with pytest.raises(ValueError, match=r"synth/drums, frame 4: the predicted map holds NaN or infinity"):
        score_frames(maps, *truth, STAVIS, where=names)
    with pytest.raises(ValueError, match=r"^map 3: "):
        require_finite(maps)


def test_errors_say_what_was_expected():
    _, (maps, densities, fixations, negatives) = golden_video("v1")
    with pytest.raises(ValueError, match=r"drums: expected maps .* got \(29, 112, 112\), \(30, 240, 320\)"):
        score_frames(maps[1:], densities, fixations, negatives, STAVIS, where=["drums"])
    with pytest.raises(ValueError, match=r"fixations and negatives of bool, got torch\.uint8"):
        score_frames(maps, densities, fixations.byte(), negatives, STAVIS)


# A video on the disk.


@pytest.fixture(scope="module")
def golden_root(tmp_path_factory):
    return write_golden(tmp_path_factory.mktemp("golden"))


def scorer_of(root, name, rule, fold=1):
    videos = dataset("avad").videos(root, "test", fold)
    video = next(v for v in videos if v.name == name)
    scorer = VideoScorer(Truth(video, videos), rule)
    frames, (maps, *_) = golden_video(name)
    scorer.add([int(n) for n in frames], maps)
    return scorer


@pytest.mark.parametrize("rule", [STAVIS, STRAIGHT], ids=lambda rule: rule.name)
def test_the_mean_of_a_video_is_that_of_the_authors_scripts(golden_root, rule):
    for name, fold in (("v1", 1), ("v2", 1), ("v3", 2)):
        video = scorer_of(golden_root, name, rule, fold).result()
        assert video.scores == pytest.approx(golden_mean(name, rule is STAVIS), abs=1e-6, rel=0)


def test_special_frames_are_counted(golden_root):
    video = scorer_of(golden_root, "v3", STAVIS, fold=2).result()
    # Frame 1 has no prediction; nobody looked in frames 4 and 5; 9 is zero and 13 constant; 17 has no ground truth.
    assert (video.frames, video.skipped, video.unfixated, video.constant) == (29, 1, 2, 2)
    assert video.undefined == {"CC": 5, "NSS": 4, "AUC-J": 3, "sAUC": 4, "SIM": 2, "KL": 1}


def test_results_are_written_and_read(golden_root, tmp_path):
    scorer = scorer_of(golden_root, "v1", STAVIS)
    results = Results(tmp_path, {"v1": {"ground truth": "abc"}, "v2": {"ground truth": "def"}})
    results.write(scorer, maps="abc")
    ((video, kept),) = results.read().values()
    assert video == scorer.result()
    assert kept["maps"] == "abc"
    assert not Results(tmp_path, {"v1": {"ground truth": "other"}}).read()
    for damage in ("", '{"video": {"video": "v1"', "[]", "{}", '{"video": 3}', '{"video": {"video": "v1"}}'):
        (tmp_path / "v2.json").write_text(damage)
        assert list(results.read()) == ["v1"]
    shutil.copy(tmp_path / "v1.json", tmp_path / "v2.json")
    assert list(results.read()) == ["v1"], "that of another video"
    assert kept["numbers"] == list(range(1, 31))
    assert [len(values) for values in kept["frames"].values()] == [30] * len(METRICS)


def test_a_frames_own_fixations_are_no_negatives_of_the_video(golden_root):
    video = dataset("avad").videos(golden_root, "test", 1)[0]
    truth = Truth(video)
    negatives, fixations = truth.negatives([1, 2], STAVIS.negatives), truth.fixations([1, 2])
    assert not (negatives & fixations).any()
    everything = truth.fixations(range(1, 31)).any(0)
    assert torch.equal(negatives[0] | fixations[0], everything)


def test_negatives_of_the_set_are_drawn_by_the_name_of_the_video(golden_root):
    rule = PROTOCOLS["dhf1k"]
    videos = dataset("avad").videos(golden_root, "test", 1)
    first, again = (Truth(videos[0], videos).negatives([1, 2, 3], rule.negatives) for _ in range(2))
    other = Truth(videos[1], videos).negatives([1], rule.negatives)
    assert torch.equal(first, again)
    assert torch.equal(first[0], first[2])
    assert not torch.equal(first[0], other[0])
    assert 10 < first[0].sum() < 400
    with pytest.raises(ValueError, match="v1: negatives of the whole data set need its test list"):
        Truth(videos[0]).negatives([1], rule.negatives)


def test_negatives_of_the_set_are_moved_to_the_size_of_the_video(golden_root):
    rule = PROTOCOLS["dhf1k"]
    v1, v2 = dataset("avad").videos(golden_root, "test", 1)
    (v3,) = dataset("avad").videos(golden_root, "test", 2)
    assert Truth(v3).size != Truth(v1).size
    negatives = Truth(v3, [v1, v2]).negatives([1], rule.negatives)
    assert negatives.shape[1:] == Truth(v3).size
    assert negatives.any()


def test_misfitting_ground_truth_names_the_file(tmp_path):
    root = write_golden(tmp_path)
    folder = root / "annotations" / "AVAD" / "v1"
    (video, _) = dataset("avad").videos(root, "test", 1)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "maps" / "eyeMap_00003.jpg")
    with pytest.raises(
        ValueError, match=r"eyeMap_00003\.jpg: the map has size \(9, 9\), the fixation maps \(240, 320\)"
    ):
        Truth(video).densities([3])
    savemat(folder / "fixMap_00002.mat", {"eyeMap": np.zeros((9, 9), np.uint8)})
    with pytest.raises(ValueError, match=r"fixMap_00002\.mat: size \(9, 9\), the first frame's is \(240, 320\)"):
        Truth(video).fixations([2])
