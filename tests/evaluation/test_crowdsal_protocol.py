"""The protocol ``crowdsal``: the numbers of the challenges' script, and what it does where that script stops."""

import json
import lzma
import math
import struct
import threading
import time
import zlib
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from golden_data import GOLDEN
from made_records import make, save
from real_files import REAL
from torchvision.io import ImageReadMode, decode_image, encode_png, read_file, write_file

from avsal_bench.bench.jobs.needs import Needs
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files import truth_files
from avsal_bench.data.files.video_files import read_levels
from avsal_bench.data.places import NumberedFiles, PointsFile, VideoFile
from avsal_bench.evaluation import score as scoring
from avsal_bench.evaluation.protocol import Protocol, prepare, protocol, register_protocol
from avsal_bench.evaluation.score import VideoScorer, score_frames
from avsal_bench.evaluation.score_files import score_files
from avsal_bench.evaluation.scores_of import of_videos
from avsal_bench.evaluation.truth import Truth
from avsal_bench.kept import Contents
from avsal_bench.leaderboard.page.readme import write_leaderboard
from avsal_bench.metrics import crowdsal_scores, functional
from avsal_bench.metrics.arithmetic.stretched import listed
from avsal_bench.metrics.resize import bilinear
from avsal_bench.record_metrics import AREAS
from avsal_bench.records import METRICS, MetricForm, mean_scores, read_record, write_record

RULES = protocol("crowdsal")
NAMES = {"cc": "CC", "nss": "NSS", "auc_judd": "AUC-J", "sim": "SIM"}


def golden_cases():
    """Cases with the numbers of the authors' functions; maps as they are read from a PNG."""
    data = np.load(GOLDEN / "crowdsal.npz")
    levels, cases = lzma.decompress(data["maps"].tobytes()), json.loads(str(data["about"]))
    start = 0
    for case in cases:
        for kind in ("pred", "gt"):
            shape, dtype = case[kind], np.dtype(case[f"{kind}_type"])
            stored = (*shape[:2], 1 if case[f"{kind}_equal"] or len(shape) == 2 else shape[2])
            number = math.prod(stored) * dtype.itemsize
            packed = np.frombuffer(levels, np.uint8, number, start)
            start += number
            if dtype == np.uint16:
                packed = packed.reshape(2, -1).T
            steps = np.ascontiguousarray(packed).view(dtype).reshape(stored)
            whole = steps.cumsum(1, dtype=dtype).cumsum(0, dtype=dtype)
            case[kind] = np.ascontiguousarray(np.broadcast_to(whole, shape) if len(shape) == 3 else whole[..., 0])
    return cases


CASES = golden_cases()


def grey(array):
    return array.mean(-1, dtype=np.float64) if array.ndim == 3 else array


def by_protocol(pred, density, points, rules=RULES):
    """The scores of one frame by the way that all maps go."""
    density = grey(density)
    fixations = torch.zeros(1, *density.shape, dtype=torch.bool)
    where = torch.as_tensor(np.asarray(points), dtype=torch.int64).reshape(-1, 2)
    fixations[0, where[:, 0], where[:, 1]] = True
    maps = torch.from_numpy(grey(pred))[None]
    truth = torch.from_numpy(density)[None], fixations, fixations.flip(1) & ~fixations
    return {metric: float(v) for metric, v in score_frames(maps, *truth, rules, points=[where]).items()}


def check(scores, want, resized):
    for theirs, ours in NAMES.items():
        tolerance = 1e-4 if resized and ours == "AUC-J" else 1e-6
        if want[theirs] is not None:
            assert scores[ours] == pytest.approx(want[theirs], abs=tolerance, rel=0), ours


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["kind"])
def test_scores_are_those_of_the_authors_functions(case):
    resized = case["pred"].shape[:2] != case["gt"].shape[:2]
    check(crowdsal_scores(case["pred"], case["gt"], case["points"]), case, resized)
    check(by_protocol(case["pred"], case["gt"], case["points"]), case, resized)


REFERENCE = REAL.parent / "reference" / "crowdsal"
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no reference data here: {REFERENCE} is missing")


@needs_reference
def test_all_cases_of_the_reference():
    import csv

    data, want = np.load(REFERENCE / "cases.npz"), {}
    with (REFERENCE / "expected.csv").open() as file:
        for row in csv.DictReader(file):
            number = float(row["value"]) if row["status"] == "ok" and row["value"] else None
            want.setdefault(row["case"], {})[row["metric"]] = number
    assert len(want) == 31
    for case, numbers in want.items():
        pred, density, points = (data[f"{case}_{part}"] for part in ("pred", "gt", "fix"))
        inside = numbers["nss"] is not None or not len(points)
        if not inside:
            with pytest.raises(ValueError, match="a point at row 40 and column"):
                crowdsal_scores(pred, density, points)
            continue
        scores = crowdsal_scores(pred, density, points)
        check(scores, numbers, pred.shape[:2] != density.shape[:2])
        assert math.isnan(scores["NSS"]) == (not len(points))


@needs_reference
@pytest.mark.parametrize("name", ["crowdsal", "ntire26"])
def test_films_of_the_reference_score_as_pictures_of_them_do(name):
    root = REFERENCE / "tree"
    maps = root / ("crowdsal/Predictions" if name == "crowdsal" else "ntire26/SampleSubmission")
    videos = {video.name.removesuffix(".mp4"): video for video in dataset(name).videos(root, "test", 1)}
    if name == "ntire26":
        videos |= {v.name.removesuffix(".mp4"): v for v in dataset("ntire26_private").videos(root, "test", 1)}
    expected = json.loads((REFERENCE / "tree_expected.json").read_text())
    for key, want in expected.items():
        if key.partition("/")[0] != name:
            continue
        video = videos[key.partition("/")[2]]
        scorer = VideoScorer(Truth(video), RULES)
        frames = range(1, video.n_frames + 1)
        scorer.add(frames, torch.stack(read_levels(maps / f"{key.partition('/')[2]}.mp4", frames)))
        for theirs, ours in NAMES.items():
            assert scorer.scores[ours] == pytest.approx(want[theirs], abs=1e-6, rel=0)
            assert scorer.result().scores[ours] == pytest.approx(want["mean"][theirs], abs=1e-6, rel=0)


# The same again, written plainly.


def plainly(pred, density, points):
    """The steps of the script, one number after the other; maps of one size."""
    p, g = ((m - m.min()) / (m.max() - m.min() + 1.19209e-7) for m in (pred.astype(float), density.astype(float)))
    a, b = ((m - m.mean()) / (m.std() + 1e-7) for m in (p, g))
    values = [p[tuple(point)] for point in points]
    distinct = 1 if all(row == column for row, column in points) else 2
    curve = [(0.0, 0.0)]
    for i, level in enumerate(sorted(values, reverse=True), 1):
        curve.append(((np.count_nonzero(p >= level) - i) / (p.size - distinct), i / len(values)))
    curve.append((1.0, 1.0))
    area = sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(curve))
    return {
        "CC": (a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum() + 1e-7),
        "NSS": np.mean([(value - p.mean()) / (p.std() + 1e-7) for value in values]),
        "AUC-J": area,
        "SIM": np.minimum(p / (p.sum() + 1e-7), g / (g.sum() + 1e-7)).sum(),
    }


@pytest.mark.parametrize("seed", range(8))
def test_the_formulas_are_those_written_plainly(seed):
    rng = np.random.default_rng(seed)
    size = tuple(rng.integers(5, 40, 2))
    dtype, most = ((np.uint8, 256), (np.uint16, 65536))[seed % 2]
    pred, density = ((rng.random(size) ** rng.uniform(1, 9) * (most - 1)).astype(dtype) for _ in range(2))
    if seed % 3 == 0:  # ties
        pred = (pred // (most // 4)).astype(dtype)
    points = np.stack([rng.integers(0, side, 30 * (1 + seed % 4)) for side in size], 1)
    if seed == 5:
        points[:] = points[:1, :1].clip(max=min(size) - 1)
    want = plainly(pred, density, points)
    for scores in (crowdsal_scores(pred, density, points), by_protocol(pred, density, points)):
        assert {metric: scores[metric] for metric in want} == pytest.approx(want, abs=1e-12)


def test_frames_of_one_batch_know_nothing_of_each_other(monkeypatch):
    cases = [case for case in CASES if case["gt"].shape[:2] == case["pred"].shape[:2] == (40, 70)]
    assert len(cases) > 8
    maps, densities = (
        torch.from_numpy(np.stack([grey(case[kind]) for case in cases]).astype(float)) for kind in ("pred", "gt")
    )
    points = [torch.tensor(case["points"]) for case in cases]
    fixations = torch.zeros(maps.shape, dtype=torch.bool)
    for mask, where in zip(fixations, points, strict=True):
        mask[where[:, 0], where[:, 1]] = True
    truth = densities, fixations, fixations.roll(1, 0) & ~fixations
    whole = score_frames(maps, *truth, RULES, points=points)
    monkeypatch.setattr(scoring, "PIXELS", 1)
    alone = score_frames(maps, *truth, RULES, points=points)
    for metric in whole:
        torch.testing.assert_close(whole[metric], alone[metric], rtol=0, atol=1e-12, equal_nan=True)
    for number, case in enumerate(cases):
        scores = {metric: float(values[number]) for metric, values in whole.items()}
        check(scores, case, resized=False)


# What it adds, and what it says.


def test_the_corrected_area_is_that_of_all_other_protocols():
    assert RULES.all_metrics == (*METRICS, "AUC-J-mit")
    for kind in ("duplicates_on_maximum", "more_fixations_than_pixels", "duplicates"):
        case = next(case for case in CASES if case["kind"] == kind)
        scores = by_protocol(case["pred"], case["gt"], case["points"])
        maps = torch.from_numpy(grey(case["pred"])).double()[None]
        fixations = torch.zeros(maps.shape, dtype=torch.bool)
        fixations[0, [row for row, _ in case["points"]], [column for _, column in case["points"]]] = True
        usual = float(functional.auc_judd(maps, fixations))
        assert scores["AUC-J-mit"] == pytest.approx(usual, abs=1e-12)
        assert scores["AUC-J-mit"] == crowdsal_scores(case["pred"], case["gt"], case["points"])["AUC-J-mit"]
        assert scores["AUC-J-mit"] <= 1
        assert abs(scores["AUC-J"] - usual) > 0.005, kind


def test_the_corrected_area_of_a_peak_that_a_resize_all_but_loses():
    pred = np.zeros((64, 64), np.uint8)
    pred[2, 1] = 200
    size, points = (11, 13), [(0, 0), (0, 0), (1, 4)]
    scores = crowdsal_scores(pred, np.eye(*size), points)
    small = bilinear(torch.from_numpy(pred / (200 + 1.19209e-7))[None], size)
    assert 0 < float(small.max()) < 0.05
    fixations = torch.zeros(1, *size, dtype=torch.bool)
    fixations[0, [0, 1], [0, 4]] = True
    assert scores["AUC-J-mit"] == pytest.approx(float(functional.auc_judd(small, fixations)), abs=1e-12)
    plain = plainly(small[0].numpy(), np.eye(*size), points)  # which stretches it again, and moves no area
    assert scores["AUC-J"] == pytest.approx(plain["AUC-J"], abs=1e-12)


def test_what_that_script_has_not_is_as_in_raw_on_the_same_maps():
    case = CASES[2]
    own = by_protocol(case["pred"], case["gt"], case["points"])
    stretched = prepare(torch.from_numpy(grey(case["pred"]))[None], case["gt"].shape[:2], RULES).numpy()[0]
    density = grey(case["gt"])
    usual = by_protocol(
        stretched, (density - density.min()) / (np.ptp(density) + 1.19209e-7), case["points"], protocol("raw")
    )
    for metric in ("sAUC", "KL"):
        assert own[metric] == pytest.approx(usual[metric], abs=1e-9), metric


def test_a_constant_map_scores_0_and_a_frame_without_points_has_no_score_of_points():
    rng = np.random.default_rng(0)
    varied, flat = rng.integers(0, 255, (2, 12, 16)).astype(np.uint8)[0], np.full((12, 16), 9, np.uint8)
    points = rng.integers(0, 12, (10, 2))
    for pred, density in ((flat, varied), (varied, flat), (flat, flat)):
        scores = by_protocol(pred, density, points)
        assert scores["CC"] == scores["SIM"] == 0
        assert math.isnan(scores["KL"])
    assert by_protocol(flat, varied, points)["NSS"] == 0
    without = by_protocol(varied, varied, [])
    assert without["CC"] == pytest.approx(1, abs=1e-6)
    assert without["SIM"] == pytest.approx(1, abs=1e-6)
    assert all(math.isnan(without[metric]) for metric in ("NSS", "AUC-J", "AUC-J-mit", "sAUC"))


def test_float_maps_have_no_unit_and_16_bits_are_levels():
    rng = np.random.default_rng(0)
    levels, density = rng.integers(0, 65536, (2, 12, 16)).astype(np.uint16)
    points = rng.integers(0, 12, (10, 2))
    want = by_protocol(levels, density, points)
    for other in (levels / 65535, levels * 1e-30, (levels / 65535).astype(np.float32), 5 + levels / 1e5):
        assert by_protocol(other, density, points) == pytest.approx(want, abs=2e-7)
    assert by_protocol(np.full((12, 16), 0.1) * 3 + 1e-18 * levels, density, points)["CC"] == 0, (
        "constant but for rounding"
    )
    for name in ("stavis", "raw", "tasednet"):
        whole, part = (
            prepare(torch.from_numpy(m)[None], (12, 16), protocol(name))
            for m in (levels, np.float32(levels) / np.float32(65535))
        )
        assert torch.equal(whole, part), name


def test_fixation_maps_count_each_pixel_once():
    rng = np.random.default_rng(0)
    pred, density = rng.integers(0, 256, (2, 12, 16)).astype(np.uint8)
    points = np.array([[1, 2], [3, 4], [5, 5], [1, 2], [1, 2]])
    fixations = torch.zeros(1, 12, 16, dtype=torch.bool)
    fixations[0, points[:, 0], points[:, 1]] = True
    maps, truth = torch.from_numpy(pred)[None], (torch.from_numpy(density)[None], fixations, fixations.flip(2))
    found = score_frames(maps, *truth, RULES)
    want = plainly(pred, density, np.unique(points, axis=0))
    assert {metric: float(found[metric]) for metric in want} == pytest.approx(want, abs=1e-12)
    diagonal = fixations & torch.eye(12, 16, dtype=torch.bool)
    found = score_frames(maps, truth[0], diagonal, truth[2], RULES)
    assert float(found["AUC-J"]) == pytest.approx(plainly(pred, density, [(5, 5)])["AUC-J"], abs=1e-12)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (torch.tensor([[0, 16]]), "a point at row 0 and column 16, outside of 12 rows and 16 columns; are rows"),
        (torch.tensor([[0.5, 1.0]]), r"expected whole numbers \(N, 2\), row and column, got torch.float32"),
        (torch.tensor([1, 2]), r"of shape \(2,\)"),
    ],
)
def test_points_that_are_none_are_told(points, said):
    with pytest.raises(ValueError, match=said):
        listed([points], (12, 16))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pred": np.zeros((2, 3, 2))}, r"pred has shape \(2, 3, 2\): expected one map"),
        ({"density": np.array([["a"]])}, "density: expected numbers"),
        ({"pred": np.array([[0.0, np.nan]])}, "pred holds NaN or infinity"),
        ({"points": [[9, 9]]}, "a point at row 9 and column 9"),
    ],
)
def test_arrays_that_are_no_frame_are_told(changes, said):
    given = {"pred": np.eye(3), "density": np.eye(3), "points": [[0, 1]]} | changes
    with pytest.raises(ValueError, match=said):
        crowdsal_scores(**given)


def test_other_formulas_need_a_name_that_says_so():
    with pytest.raises(ValueError, match="names that begin with crowdsal- only; call it crowdsal-mine"):
        register_protocol(replace(RULES, name="mine"))
    assert repr(RULES) == repr(replace(RULES, formulas="mit", metrics=())), "a part of every fingerprint"


def test_bilinear_is_along_columns_and_then_along_rows():
    rng = np.random.default_rng(0)
    for size, other in (((2, 2), (5, 7)), ((9, 4), (4, 9)), ((6, 8), (3, 4)), ((1, 1), (3, 2)), ((5, 5), (5, 5))):
        maps = torch.from_numpy(rng.random((2, *size)))
        usual = torch.nn.functional.interpolate(maps[:, None], other, mode="bilinear", align_corners=False)[:, 0]
        torch.testing.assert_close(bilinear(maps, other), usual, rtol=0, atol=1e-15)


# A video of films and points.

FRAMES, SIZE = 6, (24, 32)


def film(path, pictures):
    with av.open(str(path), "w") as box:
        stream = box.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "gray"
        for picture in pictures:
            box.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        box.mux(stream.encode(None))
    return VideoFile(path)


def read_points(path, video):
    return [np.array(points, np.int64).reshape(-1, 2) for points in json.loads(path.read_text())]


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A video whose maps are a film and whose points are in one file, the maps, and the points."""
    folder = tmp_path_factory.mktemp("films")
    rng = np.random.default_rng(1)
    maps = rng.integers(0, 256, (FRAMES, *SIZE)).astype(np.uint8)
    points = [np.stack([rng.integers(0, side, 9) for side in SIZE], 1).repeat(2, 0).tolist() for _ in range(FRAMES)]
    points[3] = []
    (folder / "points.json").write_text(json.dumps(points))
    frames = NumberedFiles(folder, "", 3, ".png")
    return Video(
        "set",
        "v",
        FRAMES,
        30.0,
        frames,
        film(folder / "maps.mkv", maps),
        PointsFile(folder / "points.json", read_points),
    ), points


def scored(truth, maps, chunks=(FRAMES,)):
    scorer, first = VideoScorer(truth, RULES), 0
    for number in chunks:
        scorer.add(range(first + 1, first + number + 1), maps[first : first + number])
        first += number
    return scorer


def test_points_of_a_video_count_as_often_as_they_are_listed(films):
    video, points = films
    maps = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (FRAMES, *SIZE)).astype(np.uint8))
    scorer = scored(Truth(video, [video]), maps)
    for frame in (1, 2, 6):
        density = truth_files.density_levels(video, frame).numpy()
        want = plainly(maps[frame - 1].numpy(), density, points[frame - 1])
        found = {metric: scorer.scores[metric][frame - 1] for metric in want}
        assert found == pytest.approx(want, abs=1e-12)
    result = scorer.result()
    assert (result.unfixated, result.constant) == (1, 0)
    assert result.undefined == {"CC": 0, "NSS": 1, "AUC-J": 1, "sAUC": 1, "SIM": 0, "KL": 0, "AUC-J-mit": 1}
    assert result.scores["CC"] == pytest.approx(np.mean(scorer.scores["CC"]))


@pytest.mark.parametrize("deep", [False, True])
def test_pictures_whose_channels_differ_a_little_are_their_mean(films, tmp_path, deep):
    video, points = films
    rng = np.random.default_rng(4)
    files = {}
    for frame in (1, 2):
        levels = (rng.integers(0, 250, (*SIZE, 1)) + rng.integers(0, 4, (*SIZE, 3))) * (257 if deep else 1)
        files[frame] = tmp_path / f"{frame:03}.png"
        written = torch.from_numpy(levels.astype(np.uint16 if deep else np.uint8)).permute(2, 0, 1)
        write_file(str(files[frame]), encode_png(written) if not deep else png_of_16_bits(levels))
    scorers = [VideoScorer(Truth(video, [video]), protocol(name)) for name in ("raw", "crowdsal")]
    score_files(files, scorers)
    for number, path in enumerate(files.values()):
        read = decode_image(read_file(str(path)), ImageReadMode.UNCHANGED).permute(1, 2, 0).numpy()
        density = truth_files.density_levels(video, number + 1).numpy()
        want = crowdsal_scores(read, density, points[number])
        assert {metric: scorers[1].scores[metric][number] for metric in want} == pytest.approx(want, abs=1e-9)
        first = crowdsal_scores(read[..., 0], density, points[number])
        assert abs(first["CC"] - want["CC"]) > 1e-6
        assert scorers[0].scores["CC"][number] == pytest.approx(first["CC"], abs=1e-6), "the first channel, as before"
    alone = VideoScorer(Truth(video, [video]), RULES)
    score_files(files, [alone])
    assert alone.scores == scorers[1].scores


def png_of_16_bits(levels):
    """The bytes of an RGB picture ``(h, w, 3)`` of 16 bits as PNG."""
    height, width, _ = levels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    header = struct.pack(">2I5B", width, height, 16, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return torch.frombuffer(bytearray(b"\x89PNG\r\n\x1a\n" + chunks), dtype=torch.uint8)


def test_a_film_of_maps_is_read_ahead_by_one_thread_in_order(films, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    video, _ = films
    read, lock = [], threading.Lock()
    levels = truth_files.density_levels

    def noted(video, frame):
        with lock:
            read.append((threading.current_thread().name, frame))
        return levels(video, frame)

    monkeypatch.setattr(truth_files, "density_levels", noted)
    maps = torch.from_numpy(np.random.default_rng(2).random((FRAMES, *SIZE)))
    with ThreadPoolExecutor(4) as threads:
        truth = Truth(video, [video], threads)
        truth.read_ahead(range(1, 4), "video")
        truth.read_ahead(range(4, 7), "video")
        ahead = scored(truth, maps, (3, 3))
    assert [frame for _, frame in read] == [1, 2, 3, 4, 5, 6]
    assert len({name for name, _ in read}) == 1
    assert read[0][0].startswith("film of maps")
    straight = scored(Truth(video, [video]), maps)
    for metric, values in straight.scores.items():
        assert ahead.scores[metric] == pytest.approx(values, nan_ok=True)
    (reader,) = [thread for thread in threading.enumerate() if thread.name.startswith("film of maps")]
    del truth, ahead
    reader.join(10)
    assert not reader.is_alive(), "it ends with what it read for"


def test_large_frames_are_read_a_few_at_a_time(films, monkeypatch):
    video, _ = films
    at_once = []
    densities = Truth.densities
    monkeypatch.setattr(Truth, "densities", lambda self, frames: at_once.append(len(frames)) or densities(self, frames))
    monkeypatch.setattr(scoring, "READ_PIXELS", 2 * SIZE[0] * SIZE[1])
    maps = torch.rand(FRAMES, 6, 8)
    scored(Truth(video, [video]), maps)
    assert at_once == [2, 2, 2]
    monkeypatch.setattr(scoring, "READ_PIXELS", 1)
    scored(Truth(video, [video]), maps)
    assert at_once[3:] == [1] * FRAMES


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([[0, 32]], r"points.json: frame 2 has a point at row 0 and column 32, outside of 24 rows and 32 columns"),
        ([[-1, 0]], r"points.json: frame 2 has a point at row -1 and column 0"),
        (
            [[0, 1]] * 1533,
            r"set/v, frame 2: 1,533 points on 768 pixels; expected at most twice as many points as pixels",
        ),
    ],
)
def test_points_of_another_picture_are_told(films, tmp_path, points, said):
    video, listed_points = films
    path = tmp_path / "points.json"
    path.write_text(json.dumps([listed_points[0], points, *listed_points[2:]]))
    truth = Truth(replace(video, fixations=PointsFile(path, read_points)))
    with pytest.raises(ValueError, match=said):
        scored(truth, torch.rand(FRAMES, 6, 8))


def test_a_plan_says_which_sets_keep_their_ground_truth_back(films):
    video = films[0]
    needs = Needs(SimpleNamespace(contents=None, weights=None))
    private = [replace(video, dataset="private", name=f"v{i}", densities=None, fixations=None) for i in range(30)]
    needs.read([*private, video], "maps", "fixations")
    said = "private: its authors keep the ground truth of 30 of 30 videos back, .* `avsal predict --dataset private -o"
    with pytest.raises(ValueError, match=said) as error:
        needs.check()
    assert len(str(error.value).splitlines()) == 1


def test_what_scores_are_made_of_tells_the_formulas(films):
    video, contents = films[0], Contents(None)
    made = {name: of_videos(contents, [video], protocol(name), (), {}).whole for name in ("crowdsal", "raw")}
    assert made["crowdsal"]["formulas"] == "crowdsal"
    assert "formulas" not in made["raw"]
    other = of_videos(contents, [video], replace(RULES, formulas="mit"), (), {}).whole
    assert {part for part in made["crowdsal"] if made["crowdsal"][part] != other.get(part)} == {"formulas"}


def test_a_plain_protocol_has_no_other_formulas():
    assert Protocol("x", "").formulas == "mit"


# Its records.


def record_with(area, name="crowdsal", metrics=True):
    """A record whose second video has this AUC-J in everything that it tells."""
    record = make([0.2, 0.3], protocol=name)
    form = {"AUC-J-mit": MetricForm(low=0.0, high=1.0)} if metrics else {}
    videos = [replace(v, scores=v.scores | dict.fromkeys(form, 0.8)) for v in record.videos]
    values = {"scores": videos[1].scores | {"AUC-J": area}, "consistent": {"AUC-J": area}, "consistent_frames": 1}
    videos[1] = replace(videos[1], **values, curve={"AUC-J": [area] * 20})
    return replace(record, videos=videos, scores=mean_scores(videos), metrics=form)


@pytest.mark.parametrize("area", [1.51, 2.0, -0.25, 0.5, math.nan])
def test_a_record_may_have_an_area_that_the_script_gives(tmp_path, area):
    for name in ("crowdsal", "crowdsal-mine"):
        record = record_with(area, name)
        write_record(tmp_path / "a.json", record)
        again = read_record(tmp_path / "a.json").videos[1]
        assert again.scores["AUC-J"] == pytest.approx(area, nan_ok=True)
        assert again.curve["AUC-J"][3] == pytest.approx(area, nan_ok=True)


@pytest.mark.parametrize(
    ("area", "name", "said"),
    [
        (2.1, "crowdsal", "AUC-J should be less than or equal to 2"),
        (-0.3, "crowdsal", "AUC-J should be greater than or equal to -0.25"),
        (1.01, "stavis", "videos.1.scores.AUC-J should be from 0 to 1 under stavis; got 1.01"),
        (1.01, "raw", "videos.1.curve.AUC-J should be from 0 to 1 under raw"),
        (-0.01, "crowdsalt", "videos.1.consistent.AUC-J should be from 0 to 1 under crowdsalt; got -0.01"),
    ],
)
def test_an_area_that_nothing_gives_is_refused(tmp_path, area, name, said):
    with pytest.raises(ValueError, match=said):
        write_record(tmp_path / "a.json", record_with(area, name))


def test_the_least_and_the_largest_area_are_possible():
    flat, peak = np.zeros((1, 3)), np.eye(1, 4)
    assert crowdsal_scores(flat, flat, [(0, 1), (0, 2)])["AUC-J"] == pytest.approx(AREAS[0])
    assert crowdsal_scores(peak, peak, [(0, 0)] * 4)["AUC-J"] > 1
    many = np.eye(1, 1002)  # and as many points as may be: 1 + N / 2 (n - 2), less what the first ones take
    area = crowdsal_scores(many, many, [(0, 0), *[(0, 0)] * 1998, (0, 0)])["AUC-J"]
    assert AREAS[1] - 2e-3 < area < AREAS[1]


def test_numbers_of_two_protocols_share_no_table(tmp_path):
    save(
        tmp_path,
        [
            *(replace(record_with(1.25), fold=fold) for fold in (1, 2, 3)),
            *(make([0.2, 0.3], fold=fold) for fold in (1, 2, 3)),
        ],
    )
    write_leaderboard(tmp_path)
    tables = {}
    for part in (tmp_path / "README.md").read_text().split("\n#"):
        rows = [line for line in part.splitlines() if line.startswith("|") and "toy" in line]
        tables[part.splitlines()[0]] = rows
    (own,) = [rows for title, rows in tables.items() if "protocol crowdsal" in title]
    assert len(own) == 1
    assert "0.725" in own[0]
    assert "0.800" in own[0]
    others = [row for title, rows in tables.items() if rows is not own for row in rows]
    assert others
    assert not any("0.725" in row or "0.800" in row for row in others)
    assert "AUC-J-mit" in (tmp_path / "index.html").read_text()


def test_the_page_shows_a_row_between_the_bounds_of_people(tmp_path):
    models = ("toy", "mep", "human_infinite")
    records = [replace(record_with(0.6), model=model, fold=fold) for model in models for fold in (1, 2, 3)]
    save(tmp_path, records)
    write_leaderboard(tmp_path)
    assert "human_infinite" in (tmp_path / "index.html").read_text()


@pytest.mark.slow
def test_a_frame_of_full_hd_takes_a_part_of_the_plain_time():
    """Processor time of one thread, each in turn: a frame of full HD with 250 points, at the same size."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:1080, :1920]
    blobs = [
        np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 2 / s**2) for y, x, s in ((500, 900, 120), (600, 1100, 58))
    ]
    pred, density = (255 * blobs[0]).astype(np.uint8), (65283 * blobs[1]).astype(np.uint16)
    points = np.stack([rng.normal(540, 150, 250).clip(0, 1079), rng.normal(960, 200, 250).clip(0, 1919)], 1).astype(int)
    ours, plain = [], []
    for _ in range(2):
        began = time.process_time()
        scores = by_protocol(pred, density, points)
        between = time.process_time()
        want = plainly(pred, density, points)
        ours.append(between - began)
        plain.append(time.process_time() - between)
        assert {metric: scores[metric] for metric in want} == pytest.approx(want, abs=1e-9)
    assert min(ours) < min(plain) / 2.5, (ours, plain)
