"""Frame scores beside a record: whole, of this record and no other, and read without running anything."""

import dataclasses
import json
import math

import numpy as np
import pytest
from made_records import STORY, make

from avsal_bench.files import sha256
from avsal_bench.leaderboard.by_frame.packed_scores import (
    VideoFrames,
    pack,
    packed_path,
    scores_of_test,
    unpack,
)
from avsal_bench.records import METRICS, VideoScores, mean_scores, read_record, video_to_json, write_record

NAN = math.nan


def frames_of(n=4, shift=0.0, first=1):
    """Scores of n frames; the second one lacks CC."""
    rows = {m: np.linspace(0.1, 0.5, n) + shift for m in METRICS}
    rows["CC"] = np.where(np.arange(n) == 1, NAN, rows["CC"])
    return VideoFrames(np.arange(first, first + n), rows)


def recorded(found, **changes):
    videos = [
        VideoScores(name, len(one.numbers), {m: float(np.nanmean(row)) for m, row in one.scores.items()}, {"CC": 1})
        for name, one in found.items()
    ]
    return dataclasses.replace(make([], **changes), videos=videos, scores=mean_scores(videos), provenance=dict(STORY))


@pytest.fixture
def packed(tmp_path):
    """A record with frame scores beside it: its path, and what was packed."""
    found = {"a": frames_of(), "b": frames_of(3, 0.2)}
    path = tmp_path / "toy_v-fold1-seed0.json"
    record = recorded(found)
    write_record(path, dataclasses.replace(record, provenance=record.provenance | pack(path, found)))
    return path, found


def test_what_is_packed_is_read_again(packed):
    path, found = packed
    assert sorted(p.name for p in path.parent.iterdir()) == ["toy_v-fold1-seed0.frames.npy", "toy_v-fold1-seed0.json"]
    again = unpack(path, read_record(path))
    assert list(again) == ["a", "b"]
    for name, one in found.items():
        assert again[name].numbers.tolist() == one.numbers.tolist()
        for metric in METRICS:
            assert np.allclose(again[name].scores[metric], one.scores[metric], atol=1e-7, equal_nan=True)
    told = read_record(path).provenance["frame_scores"]
    assert told["columns"] == ["frame", *METRICS]
    assert (told["rows"], told["schema"], told["sha256"]) == (7, 1, sha256(packed_path(path)))
    assert packed_path(path).stat().st_size <= 128 + 7 * 28, "28 bytes a frame, with six metrics"


def test_a_record_without_frame_scores_says_how_to_get_them(tmp_path):
    path = tmp_path / "toy_v-fold1-seed0.json"
    write_record(path, recorded({"a": frames_of()}))
    with pytest.raises(FileNotFoundError, match=r"no scores of single frames; test it anew .* --force"):
        unpack(path, read_record(path))


def test_the_file_of_another_record_is_refused_and_so_is_none(packed, tmp_path):
    path, _ = packed
    other = tmp_path / "other.json"
    pack(other, {"a": frames_of(4, 0.1), "b": frames_of(3, 0.1)})
    packed_path(other).replace(packed_path(path))
    with pytest.raises(ValueError, match=r"frames\.npy: not the frame scores of the record beside it \(SHA-256 "):
        unpack(path, read_record(path))
    packed_path(path).unlink()
    with pytest.raises(
        FileNotFoundError, match=r"no .*frames\.npy, which has the frame scores of the record beside it"
    ):
        unpack(path, read_record(path))


def _forged(path, table, **changes):
    """The record as a stranger may write it: with the SHA-256 of whatever lies beside it."""
    file = packed_path(path)
    if isinstance(table, bytes):
        file.write_bytes(table)
    else:
        with file.open("wb") as opened:
            np.save(opened, table, allow_pickle=True)
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain["provenance"]["frame_scores"] |= {"sha256": sha256(file)} | changes
    path.write_text(json.dumps(plain), encoding="utf-8")
    return read_record(path)


def _table(found, kind="<f4"):
    return np.concatenate([np.stack([one.numbers, *one.scores.values()], 1) for one in found.values()]).astype(kind)


def _pair(metric, value):
    """What is added to one frame of the first video and taken from another."""
    found = np.zeros((7, 7), dtype="f4")
    found[[0, 2], 1 + [*METRICS].index(metric)] = value, -value
    return found


@pytest.mark.parametrize(
    ("change", "told", "error"),
    [
        (lambda t: t.astype("<f8"), {}, "float64 of shape"),
        (lambda t: t[:-1], {}, r"shape \(6, 7\), expected float32 of \(7, 7\)"),
        (lambda t: t[:-1], {"rows": 6}, r"expected float32 of \(7, 7\)"),
        (lambda t: t + np.eye(1, 7, 2, dtype="f4"), {}, "video a: mean NSS"),
        (lambda t: t[::-1], {}, "video a: frames that do not rise from 1"),
        (lambda t: np.where(np.arange(7) == 0, np.nan, t).astype("f4"), {}, "numbers of frames that are no numbers"),
        (lambda t: t + np.eye(1, 7, 0, dtype="f4") / 2, {}, "numbers of frames that are no numbers"),
        (lambda t: t + np.eye(1, 7, 0, dtype="f4") * 1e30, {}, "numbers of frames that are no numbers"),
        # Two frames that make up for each other, so that no mean tells of it; an infinity hides any difference.
        (lambda t: t + _pair("SIM", 1e30), {}, "video a: SIM of a frame outside of 0 to 1"),
        (lambda t: t + _pair("NSS", 2e4), {}, "video a: NSS of a frame outside of -10000 to 10000"),
        (lambda t: t + _pair("KL", np.inf), {}, "video a: KL of a frame outside"),
        (lambda t: t + _pair("NSS", np.nan), {}, "video a: 0 of 4 frames without NSS in the record, 2 here"),
        (
            lambda t: t,
            {"columns": ["frame", *(m for m in METRICS if m != "KL"), "KLD"]},
            "video a: no KL of each frame",
        ),
        (lambda t: t, {"schema": 2}, "form 2, this version reads 1"),
        (lambda t: t, {"rows": 1_000_001}, "scores of 1,000,001 frames, at most 1,000,000 are read"),
        (lambda t: np.array([[{}]], dtype=object), {}, "pickled"),
        (lambda t: b"PK\x03\x04 no array", {}, "no array of NumPy"),
        (lambda t: t[0], {}, "expected 2 axes"),
    ],
)
def test_what_contradicts_the_record_is_refused_by_name(packed, change, told, error):
    path, found = packed
    record = _forged(path, change(_table(found)), **told)
    with pytest.raises(ValueError, match=error) as refused:
        unpack(path, record)
    assert "frame" in str(refused.value)


@pytest.mark.parametrize("told", [{"rows": -1}, {"sha256": "../x"}, {"columns": ["frame"]}, {"place": "/etc"}])
def test_a_record_that_tells_of_them_in_another_form_is_none(packed, told):
    path, found = packed
    with pytest.raises(ValueError, match="not a record"):
        _forged(path, _table(found), **told)


def test_a_test_that_left_no_frames_or_those_of_other_scores_gives_none(tmp_path):
    found = {"a": frames_of()}
    [video] = recorded(found).videos
    plain = {
        "video": video_to_json(video),
        "numbers": found["a"].numbers.tolist(),
        "frames": {m: [None if math.isnan(v) else v for v in row] for m, row in found["a"].scores.items()},
    }
    file = tmp_path / "a.json"
    assert scores_of_test([video], tmp_path) is None
    file.write_text(json.dumps(plain), encoding="utf-8")
    kept = scores_of_test([video], tmp_path)
    assert np.array_equal(kept["a"].scores["CC"], found["a"].scores["CC"], equal_nan=True)
    other = dataclasses.replace(video, scores=video.scores | {"NSS": 0.9})
    assert scores_of_test([other], tmp_path) is None, "those of another test"
    for damaged in ("{", "[]", json.dumps(plain | {"numbers": [1, 2]}), json.dumps(plain | {"frames": {"CC": "abcd"}})):
        file.write_text(damaged, encoding="utf-8")
        assert scores_of_test([video], tmp_path) is None


def test_without_frames_nothing_is_written_and_what_was_there_goes(tmp_path):
    path = tmp_path / "toy.json"
    packed_path(path).write_bytes(b"of an older test")
    assert pack(path, {}) == {}
    assert not packed_path(path).exists()
