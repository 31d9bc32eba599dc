"""The metric that gathers frame scores: means, errors, and the same bits for any number of processes."""

import json
import math
import pickle

import pytest
import torch

from avsal_bench.metrics.per_video import PerVideo

METRICS = ["CC", "NSS"]
VIDEOS = ["avad/V1", "avad/V2", "etmd/V1"]
NAN = math.nan


def frames_of(seed=0, n=41):
    """(key, frame, CC, NSS) of frames whose sums depend on their order in float64, some undefined."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(n, 2, generator=generator, dtype=torch.float64) * 10 ** torch.randint(
        -6, 6, (n, 2), generator=generator
    )
    values[::7, 0] = NAN
    return [(VIDEOS[i * i % 3], i + 1, *row) for i, row in enumerate(values.tolist())]


def add(metric, frames, batch=5):
    for start in range(0, len(frames), batch):
        keys, numbers, *scores = zip(*frames[start : start + batch], strict=True)
        columns = {name: torch.tensor(s, dtype=torch.float64) for name, s in zip(METRICS, scores, strict=True)}
        metric.update(columns, keys, numbers)
    return metric


def bits(result):
    """All of a result as text: a float64's repr says every bit, and NaN is like NaN."""
    return json.dumps(result, sort_keys=True)


def test_frames_then_videos_then_sets():
    metric = add(
        PerVideo(METRICS, VIDEOS),
        [
            ("avad/V2", 1, 0.5, NAN),
            ("avad/V1", 1, 0.25, 1.0),
            ("avad/V1", 2, NAN, 3.0),
            ("avad/V1", 3, 0.75, 5.0),
            ("etmd/V1", 1, -1.0, NAN),
        ],
        batch=2,
    )
    result = metric.compute()
    v1 = {"frames": 3, "scores": {"CC": 0.5, "NSS": 3.0}, "undefined": {"CC": 1, "NSS": 0}}
    assert list(result["videos"]) == VIDEOS
    assert result["videos"]["avad/V1"] == v1
    assert bits(result["sets"]) == bits({"avad": {"CC": 0.5, "NSS": 3.0}, "etmd": {"CC": -1.0, "NSS": NAN}})
    assert result["overall"] == {"CC": 0.0, "NSS": 3.0}
    assert result["videos"]["etmd/V1"]["undefined"] == {"CC": 0, "NSS": 1}


def test_videos_without_a_frame_are_not_in_the_result():
    metric = PerVideo(METRICS, VIDEOS)
    add(metric, [("etmd/V1", 9, 0.5, 0.5)])
    assert list(metric.compute()["videos"]) == ["etmd/V1"]
    metric.reset()
    metric.update({name: torch.zeros(0) for name in METRICS}, [], [])
    result = metric.compute()
    assert (result["videos"], result["sets"]) == ({}, {})
    assert all(math.isnan(value) for value in result["overall"].values())


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_frames_and_of_keys_changes_no_bit(seed):
    frames = frames_of()
    expected = add(PerVideo(METRICS, VIDEOS), frames).compute()
    order = torch.randperm(len(frames), generator=torch.Generator().manual_seed(seed)).tolist()
    shuffled = [frames[i] for i in order]
    again = add(PerVideo(METRICS, VIDEOS[::-1]), shuffled + shuffled[:3], batch=seed + 1).compute()
    assert bits(again) == bits(expected)
    assert bits(add(PerVideo(METRICS, VIDEOS), frames[:-1]).compute()) != bits(expected)


def test_a_frame_that_came_twice_with_another_score_is_named():
    metric = add(PerVideo(METRICS, VIDEOS), [("avad/V1", 12, 0.5, 1.0), ("etmd/V1", 1, 0.0, 0.0)])
    add(metric, [("avad/V1", 12, 0.5, 1.25)])
    with pytest.raises(ValueError, match=r"avad/V1, frame 12: came 2 times, and its NSS is both 1.0 and 1.25"):
        metric.compute()
    metric.reset()
    add(metric, [("avad/V1", 3, NAN, 1.0), ("avad/V1", 3, 0.5, 1.0)])
    with pytest.raises(ValueError, match=r"frame 3: came 2 times, and its CC is both 0.5 and nan"):
        metric.compute()


def test_scores_of_one_frame_may_lie_apart_as_far_as_it_is_said():
    frames = [("avad/V1", 1, 0.5, math.inf), ("avad/V1", 1, 0.375, math.inf), ("avad/V1", 2, 0.5, 1.0)]
    for order in (frames, frames[::-1]):
        result = add(PerVideo(METRICS, VIDEOS, tolerance=0.125), order).compute()
        assert result["videos"]["avad/V1"]["scores"]["CC"] == (0.375 + 0.5) / 2
        with pytest.raises(ValueError, match="frame 1"):
            add(PerVideo(METRICS, VIDEOS, tolerance=0.1), order).compute()
    frames.append(("avad/V1", 2, NAN, 1.0))
    assert add(PerVideo(METRICS, VIDEOS, tolerance=math.inf), frames).compute()["videos"]["avad/V1"]["frames"] == 2


@pytest.mark.parametrize(
    ("scores", "videos", "frames", "message"),
    [
        ({"CC": 1}, ["avad/V3"], [1], r"unknown video 'avad/V3'; .*known: avad/V1, avad/V2, etmd/V1"),
        ({"CCC": 1}, ["avad/V1"], [1], r"unknown metric 'CCC'; .*known: CC"),
        ({}, ["avad/V1"], [1], "no scores of CC; given: none"),
        ({"CC": 2}, ["avad/V1"], [1], r"expected scores \(1,\), one a video, got {'CC': \(2,\)} and 1 frame"),
        ({"CC": 1}, ["avad/V1"], [1, 2], "got .* and 2 frames"),
    ],
)
def test_what_does_not_fit_is_an_error_and_leaves_nothing(scores, videos, frames, message):
    metric = PerVideo(["CC"], VIDEOS)
    with pytest.raises(ValueError, match=message):
        metric.update({name: torch.zeros(n) for name, n in scores.items()}, videos, frames)
    assert metric.rows.shape == (0, 3)


def test_a_key_names_the_set_and_the_video():
    with pytest.raises(ValueError, match="expected video keys <set>/<name>, got 'V1'"):
        PerVideo(["CC"], ["avad/V1", "V1"])


def test_float32_scores_are_kept_as_they_are():
    metric = PerVideo(["CC"], VIDEOS)
    score = torch.tensor([0.1], requires_grad=True)
    metric.update({"CC": score}, ["avad/V1"], torch.tensor([70_001]))
    assert metric.compute()["overall"]["CC"] == score.item() != 0.1
    assert metric.rows.tolist() == [[0, 70_001, score.item()]]


def test_a_module_that_is_cast_to_bfloat16_does_not_round():
    holder = torch.nn.ModuleDict({"metric": PerVideo(["CC"], VIDEOS)}).to(torch.bfloat16)
    holder["metric"].update({"CC": torch.tensor([0.3])}, ["avad/V1"], [4_097])
    assert holder["metric"].rows[0, 1] == 4_097


def test_reset_clone_pickle_merge_and_forward():
    frames = frames_of()
    metric = add(PerVideo(METRICS, VIDEOS), frames)
    expected = bits(metric.compute())
    assert bits(metric.clone().compute()) == expected
    assert bits(pickle.loads(pickle.dumps(metric)).compute()) == expected
    assert not metric.state_dict()
    metric.reset()
    assert metric.rows.shape == (0, 4)
    other = add(PerVideo(METRICS, VIDEOS), frames[20:])
    add(metric, frames[:20])
    metric.merge_state(other)
    assert bits(metric.compute()) == expected
    one = metric({"CC": torch.tensor([0.5]), "NSS": torch.tensor([2.0])}, ["etmd/V1"], [99])
    assert one["overall"] == {"CC": 0.5, "NSS": 2.0}
    assert len(metric.rows) == len(frames) + 1


#: Which frames each of two processes has: unlike numbers and one frame twice, none for one of them, none for both.
SHARES = {
    "uneven": (range(0, 41, 3), [i for i in range(41) if i % 3] + [0, 40]),
    "one empty": (range(0), range(41)),
    "both empty": (range(0), range(0)),
}


def of_one_process(rank, folder):
    """What one of two processes does: its share of the frames, and the means of all of them, twice each."""
    frames, results = frames_of(), {}
    for name, shares in SHARES.items():
        metric = add(PerVideo(METRICS, VIDEOS), [frames[i] for i in shares[rank]])
        results[name] = metric.compute()
        assert len(metric.rows) == len(shares[rank]), "a process keeps its own share only"
    (folder / f"{rank}.json").write_text(json.dumps(results))


@pytest.mark.timeout(120)
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_two_processes_give_the_bits_of_one(two_processes, tmp_path):
    two_processes(of_one_process, tmp_path)
    frames = frames_of()
    for rank in range(2):
        results = json.loads((tmp_path / f"{rank}.json").read_text())
        for name, shares in SHARES.items():
            one = add(PerVideo(METRICS, VIDEOS), frames if any(map(len, shares)) else []).compute()
            assert bits(results[name]) == bits(one), (name, rank)
