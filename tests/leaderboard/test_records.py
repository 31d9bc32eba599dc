"""A record survives the way to the disk and back, whole or not at all."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import make

from avsal_bench.files import write_atomically
from avsal_bench.records import (
    CURVE_PARTS,
    METRICS,
    Record,
    VideoScores,
    mean_scores,
    read_record,
    read_records,
    record_path,
    score_curve,
    stray_records,
    write_record,
)


@pytest.fixture
def record() -> Record:
    scores = dict.fromkeys(METRICS, 0.1 + 0.2) | {"sAUC": math.nan}
    videos = [
        VideoScores("clip_1", 25, scores, {"sAUC": 25}, "pulse", unfixated=2, constant=1, skipped=3),
        VideoScores("Überfall", 7, scores, {}, unfixated=1),
    ]
    return Record(
        model="toy",
        modality="av",
        dataset="synth",
        fold=2,
        seed=3,
        protocol="stavis",
        preset="smoke",
        sound="muted",
        averaging="videos",
        scores=mean_scores(videos),
        videos=videos,
        synthetic=True,
        recipe={"lr": 1e-4, "stages": ["a", "b"]},
        weights={"file": "toy.ckpt", "sha256": "00", "parameters": 12},
        provenance={"version": "0.1.0", "commit": "abc", "clean": True},
    )


def place(root: Path, r: Record) -> Path:
    return record_path(root, r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound)


def test_round_trip_keeps_every_digit_and_nan(tmp_path: Path, record: Record) -> None:
    path = place(tmp_path, record)
    write_record(path, record)
    back = read_record(path)
    assert back.scores["CC"] == 0.1 + 0.2
    assert math.isnan(back.scores["sAUC"])
    assert math.isnan(back.videos[0].scores["sAUC"])
    assert "NaN" not in path.read_text()
    write_record(tmp_path / "again.json", back)
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert replace(back, scores={}, videos=[]) == replace(record, scores={}, videos=[])
    assert back.counts() == record.counts() == {"frames": 32, "unfixated": 3, "constant": 1, "skipped": 3}


def test_name_and_place(tmp_path: Path, record: Record) -> None:
    assert record.network == "toy_av"
    assert record.n_frames == 32
    path = place(tmp_path, record)
    assert path.relative_to(tmp_path).as_posix() == "stavis/synth/toy_av-fold2-seed3-muted.json"
    write_record(path, record)
    assert [found for found, _ in read_records(tmp_path)] == [path]


def test_record_in_the_wrong_place_is_refused(tmp_path: Path, record: Record) -> None:
    path = tmp_path / "stavis" / "diem" / "toy_av-fold2-seed3-muted.json"
    write_record(path, record)
    with pytest.raises(ValueError, match=r"stavis/diem/toy_av.*holds the record of .*stavis/synth"):
        list(read_records(tmp_path))


def test_no_folder_holds_no_records(tmp_path: Path) -> None:
    assert list(read_records(tmp_path / "none")) == []


def test_mean_leaves_out_undefined_videos() -> None:
    whole, part = dict.fromkeys(METRICS, 1.0), dict.fromkeys(METRICS, 2.0) | {"KL": math.nan}
    means = mean_scores([VideoScores("a", 1, whole, {}), VideoScores("b", 1, part, {})])
    assert means["CC"] == 1.5
    assert means["KL"] == 1.0
    assert math.isnan(mean_scores([])["CC"])


def test_mean_over_frames_weighs_a_video_by_those_that_define_the_metric() -> None:
    low, high = dict.fromkeys(METRICS, 1.0), dict.fromkeys(METRICS, 4.0)
    videos = [VideoScores("a", 4, low, {"NSS": 2}, skipped=9), VideoScores("b", 2, high, {"KL": 1})]
    means = mean_scores(videos, "frames")
    assert means["CC"] == (4 * 1.0 + 2 * 4.0) / 6
    assert means["NSS"] == (2 * 1.0 + 2 * 4.0) / 4
    assert means["KL"] == (4 * 1.0 + 1 * 4.0) / 5
    assert mean_scores(videos, "videos") == dict.fromkeys(METRICS, 2.5)
    nothing = VideoScores("c", 3, dict.fromkeys(METRICS, math.nan), dict.fromkeys(METRICS, 3))
    assert mean_scores([*videos, nothing], "frames") == means
    assert math.isnan(mean_scores([nothing], "frames")["CC"])


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '"text"', '{"schema": 99}', '{"schema": 3, "scores": {}, "videos": []}'],
)
def test_what_is_no_record_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"broken\.json: not a record"):
        read_record(path)


@pytest.mark.parametrize(("schema", "told"), [(2, "test it anew with this one"), (4, "update avsal_bench")])
def test_record_of_another_schema_says_what_to_do(tmp_path: Path, schema: int, told: str) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"schema": schema, "scores": {}, "videos": []}))
    said = rf"old\.json: not a record \(schema {schema}, this version reads 3: {told}\); move it away and run again"
    with pytest.raises(ValueError, match=said):
        read_record(path)


@pytest.mark.parametrize("averaging", ["clips", "", None, ["videos"]])
def test_unknown_averaging_is_named(tmp_path: Path, record: Record, averaging: object) -> None:
    path = tmp_path / "odd.json"
    write_record(path, record)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"averaging": averaging}))
    with pytest.raises(ValueError, match=r"odd\.json: not a record \(averaging should be 'videos' or 'frames'; got"):
        read_record(path)


def test_record_of_maps_made_elsewhere_survives(tmp_path: Path, record: Record) -> None:
    unknown = {"file": None, "sha256": None, "parameters": None}
    maps = replace(record, modality="", preset="maps", averaging="frames", sound="original", recipe={}, weights=unknown)
    path = place(tmp_path, maps)
    assert path.name == "toy-fold2-seed3.json"
    write_record(path, maps)
    [(_, back)] = read_records(tmp_path)
    assert (back.preset, back.averaging, back.weights, back.network) == ("maps", "frames", unknown, "toy")


@pytest.mark.parametrize("change", ["metric", "shape", "truncated", "bytes", "averaging"])
def test_damaged_record_is_named(tmp_path: Path, record: Record, change: str) -> None:
    path = tmp_path / "broken.json"
    write_record(path, record)
    plain = json.loads(path.read_text())
    if change == "metric":
        del plain["videos"][0]["scores"]["CC"]
    elif change == "shape":
        plain["scores"] = [1, 2]
    elif change == "averaging":
        del plain["averaging"]
    text = json.dumps(plain)
    path.write_bytes(b"\xff" if change == "bytes" else text[: -20 if change == "truncated" else None].encode())
    with pytest.raises(ValueError, match=r"broken\.json: not a record"):
        read_record(path)


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_stop_before_the_rename_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "r.json"
    path.write_text("old")

    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(type(error)):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_infinity_is_no_score(tmp_path: Path, record: Record) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(tmp_path / "r.json", replace(record, scores={"KL": math.inf}))
    assert list(tmp_path.iterdir()) == []


def test_error_names_the_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot write r\.json .*file/sub"):
        write_atomically(tmp_path / "file" / "sub" / "r.json", "text")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_error_names_the_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match=tmp_path.name):
        write_atomically(tmp_path / "r.json", "text")


def test_error_keeps_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied", "some/temporary/name")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(PermissionError, match=rf"cannot write r\.json \(Permission denied\).*{tmp_path.name}"):
        write_atomically(tmp_path / "r.json", "text")


def test_the_curve_of_a_video_has_the_mean_of_each_part_of_its_time() -> None:
    curve = score_curve(range(1, 41), [float(n) for n in range(40)], 40)
    assert curve == [0.5 + 2 * part for part in range(CURVE_PARTS)]


def test_a_part_that_no_frame_defines_is_undefined_also_after_a_file(tmp_path: Path) -> None:
    curve = score_curve([1, 3], [0.25, math.nan], 40)
    assert curve[0] == 0.25
    assert all(math.isnan(value) for value in curve[1:])
    record = make([0.5])
    record = replace(record, videos=[replace(record.videos[0], curve={"CC": curve})])
    write_record(tmp_path / "r.json", record)
    assert read_record(tmp_path / "r.json") == record
    assert '"CC": [0.25, null, ' in " ".join((tmp_path / "r.json").read_text().split())
    assert len((tmp_path / "r.json").read_text().splitlines()) < 60


def test_text_that_looks_like_a_list_of_numbers_stays_as_it_is(tmp_path: Path) -> None:
    record = make([0.5], recipe={"odd": "[\n 1,\n 2\n]", "sizes": [[1, 2], [3, 4]], "names": ["a", "b"]})
    write_record(tmp_path / "r.json", record)
    assert read_record(tmp_path / "r.json") == record


def test_what_other_programs_leave_among_records_is_ignored_and_named(tmp_path: Path, record: Record) -> None:
    path = place(tmp_path, record)
    write_record(path, record)
    left = [path.with_name(f"._{path.name}"), path.with_name(f"{path.stem} (1).json")]
    left += [path.parent / ".ipynb_checkpoints" / path.name, tmp_path / "__MACOSX" / "avad" / path.name]
    for stray in left:
        stray.parent.mkdir(parents=True, exist_ok=True)
        stray.write_text("left")
    assert [found for found, _ in read_records(tmp_path)] == [path]
    assert stray_records(tmp_path) == sorted(p for p in left if p.relative_to(tmp_path).as_posix().count("/") == 2)
