"""The form of a record: whatever a stranger's file holds is refused in words, or can be shown."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import HOME
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from made_boards import board_records, rich_record
from made_records import CHANGES, changed, made_elsewhere, make, places, put, synth_records, whole

from avsal_bench.cli import main
from avsal_bench.plain_values import read_plain
from avsal_bench.record_form import (
    SCHEMA,
    Counts,
    Curves,
    RecordForm,
    Scores,
    SomeScores,
    VideoForm,
    json_schema,
)
from avsal_bench.records import METRICS, Record, VideoScores, read_record, record_from_json, write_record

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "schema" / f"record-{SCHEMA}.json"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The plain values of a record with something in every field."""
    record = rich_record("avrsp", "av", "avad", 1, 0, 0.6, 3, sound="muted", recipe={"stages": {"one": {"lr": 0.1}}})
    full = replace(
        record.videos[0], category="talk", unfixated=2, undefined={"NSS": 2}, map_cc=0.9, consistent_frames=5
    )
    record = replace(record, videos=[replace(full, consistent=full.scores), *record.videos[1:]])
    path = tmp_path_factory.mktemp("form") / "a.json"
    write_record(path, record)
    return dict(json.loads(path.read_text()))


def accepted(plain: Any) -> Record | None:
    """The record of plain values, or None; anything else than words of an error is a fault."""
    try:
        return record_from_json(read_plain(json.dumps(plain).encode()))
    except ValueError as error:
        told = str(error)
    assert told.isprintable()
    assert len(told) < 4000
    return None


TYPES = {"video": str, "category": str, "frames": int, "unfixated": int, "constant": int, "skipped": int}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_of_each_field_is_refused_in_words_or_of_the_right_types(name: str, plain: dict[str, Any]) -> None:
    for place in places(plain):
        record = accepted(changed(plain, place, CHANGES[name]))
        if record is not None:
            for field, kind in {"model": str, "preset": str, "fold": int, "seed": int, "synthetic": bool}.items():
                assert type(getattr(record, field)) is kind, place
            for video in record.videos:
                assert all(type(getattr(video, field)) is kind for field, kind in TYPES.items()), place
                assert all(type(v) in (int, float) for v in video.scores.values()), place


def test_most_changes_are_refused(plain: dict[str, Any]) -> None:
    """What is left are values that are as good, and plain values in the recipe and the story."""
    told = [(place, name) for place in places(plain) for name in list(CHANGES)[::8]]
    good = [(p, n) for p, n in told if accepted(changed(plain, p, CHANGES[n]))]
    closed = [(p, n) for p, n in good if p[0] not in ("recipe", "provenance", "weights")]
    assert len(told) > 200
    assert len(closed) < 0.15 * len(told), closed


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("avr\u0455p", "(U+0455) is none of them"),
        ("avrsp\n", "U+000A"),
        ("a|b", "U+007C"),
        ("a b", "U+0020"),
        ("a/b", "U+002F"),
        ("..", "U+002E"),
        ("a.", "the form is"),
        ("-a", "the form is"),
        ("", "the form is"),
        ("\uff41", "U+FF41"),
        ("a" * 101, "at most 100 characters"),
        (5, "should be a valid string; got 5"),
        (None, "should be a valid string; got None"),
    ],
)
@pytest.mark.parametrize("field", ["model", "protocol", "dataset"])
def test_names_are_of_an_alphabet_that_looks_like_itself(
    field: str, name: object, told: str, plain: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=field) as error:
        record_from_json(plain | {field: name})
    assert told in str(error.value) or name == ".."


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\\b", "..", ".x", "a\x00", "con", "", "a.", "x" * 300])
def test_names_of_videos_lead_nowhere(name: str, plain: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="video"):
        record_from_json(changed(plain, ("videos", 0, "video"), put(name)))


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("unfixated", 10**6, "1000000 frames without fixations, of 200 frames"),
        ("constant", 201, "201 frames with a constant map, of 200 frames"),
        ("consistent_frames", 201, "201 frames whose sound belongs"),
        ("consistent_frames", 0, "scores of frames whose sound belongs to the picture, of which it has none"),
        ("undefined", {"KL": 201}, "201 frames without KL, of 200 frames"),
        ("undefined", {"KL": -1}, "undefined.KL should be greater than or equal to 0; got -1"),
        ("undefined", {"KLD": 1}, "unknown key 'KLD'; did you mean 'KL'?"),
        ("map_cc", 1.5, "map_cc should be less than or equal to 1.000001; got 1.5"),
        ("curve", {"CC": [0.5] * 19}, "videos.0.curve.CC"),
        ("curve", {"CC": [1.5] * 20}, "videos.0.curve.CC.0 should be less than"),
        ("category", ["talk"], "category should be a valid string"),
        ("frames", 2.0, "frames should be a valid integer; got 2.0"),
        ("frames", True, "frames should be a valid integer; got True"),
    ],
)
def test_counts_and_scores_agree(field: str, value: object, told: str, plain: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="video") as error:
        record_from_json(changed(plain, ("videos", 0, field), put(value)))
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"fold": 1', '"fold": 1, "fold": 2', "the key 'fold' stands twice"),
        ('"frames": 200', '"frames": 200, "frames": 200', "the key 'frames' stands twice"),
        ('"threads": 8', '"threads": NaN', "NaN is no number in JSON"),
        ('"threads": 8', '"threads": -Infinity', "-Infinity is no number in JSON"),
        ('"lr": 0.1', '"lr": 1e999', "recipe.stages.one.lr is inf"),
        ('"lr": 0.1', f'"lr": {"9" * 5000}', "digits"),
        ('"lr": 0.1', f'"lr": {"[" * 100_000}', "deep"),
        ('"lr": 0.1', f'"lr": {"[" * 30}1{"]" * 30}', "more than 20 deep in each other"),
        ('"device": "NVIDIA H100"', '"device": "\\ud800"', "device"),
        ('"device": "NVIDIA H100"', '"device": "a\\u0007"', "without control characters"),
        ("{", "\ufeff{", "BOM"),
    ],
)
def test_what_json_lets_pass_and_a_record_does_not(
    old: str, new: str, told: str, plain: dict[str, Any], tmp_path: Path
) -> None:
    text = json.dumps(plain)
    assert old in text
    (tmp_path / "a.json").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.json: not a record") as error:
        read_record(tmp_path / "a.json")
    assert told in str(error.value)


def test_a_key_that_stands_twice_is_found_among_many() -> None:
    many = ",".join(f'"key{k}":1' for k in range(200_000))
    with pytest.raises(ValueError, match="'key199999' stands twice"):
        read_plain(f'{{{many},"key199999":2}}'.encode())


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\x00" * 100, b"<html>", b"[" * 10**6, b'{"schema": 3', b"3"])
def test_what_is_no_json_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.json: not a record"):
        read_record(tmp_path / "a.json")


def test_an_error_tells_some_problems_and_how_many_more(plain: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"and \d+ more problems"):
        record_from_json(plain | {"videos": [{}] * 100})


@pytest.mark.parametrize("key", ["a\x1b[2J", "a\nb", "x" * 10**5, "\u202e", "\ud800"])
@pytest.mark.parametrize("part", ["recipe", "provenance", "weights"])
def test_an_error_shows_a_hostile_key_on_one_short_line(part: str, key: str, plain: dict[str, Any]) -> None:
    for value in ({key: 10**400}, {"fits": [{"curve": [{key: "a"}]}], "made_of": {key: 1}, key: [{key: "\x00"}]}):
        assert accepted(plain | {part: value}) is None


def test_all_records_that_the_suite_makes_are_of_the_form(tmp_path: Path) -> None:
    records = [*board_records(seeds=(0,), sets=("avad",)), *synth_records(), made_elsewhere(make([0.5, 0.6]))]
    records += [replace(make([0.5]), weights={"name": "dave", "file": "a", "sha256": "0" * 64, "parameters": None})]
    for record in records:
        write_record(tmp_path / "a.json", record)
        assert read_record(tmp_path / "a.json") == record


def test_the_story_is_written_so_that_it_can_be_read(tmp_path: Path) -> None:
    story = {
        "command": "avsal\n--set 'a\x1b'",
        "maps": {"folder": "caf\udce9"},
        "fits": ({"best_val_loss": float("nan")},),
    }
    write_record(tmp_path / "a.json", make([0.5], provenance=story))
    read = read_record(tmp_path / "a.json").provenance
    assert read == {"command": "avsal --set 'a?'", "maps": {"folder": "caf?"}, "fits": [{"best_val_loss": None}]}


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.json: not written, as it would not be a record \(seed should be"):
        write_record(tmp_path / "a.json", make([0.5], seed=-1))
    assert list(tmp_path.iterdir()) == []


def test_the_form_has_the_fields_of_records() -> None:
    assert RecordForm.__annotations__.keys() == {f.name for f in fields(Record)}
    assert VideoForm.__annotations__.keys() == {f.name for f in fields(VideoScores)}
    for form in (Scores, SomeScores, Counts, Curves):
        assert list(form.__annotations__) == list(METRICS)


def test_the_published_schema_is_that_of_the_form(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "--schema"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text) == json_schema()
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    assert published == json.loads(text), f"make it anew: avsal submit --schema > {PUBLISHED}"
    assert published["$id"] == f"urn:avsal-bench:schema:record-{SCHEMA}"


def test_forms_of_before_stay_published() -> None:
    """A record says which form it has, and its form is found under that number; those before 3 never were published."""
    folder = PUBLISHED.parent
    assert {path.name for path in folder.iterdir()} == {f"record-{number}.json" for number in range(3, SCHEMA + 1)}
    for path in folder.iterdir():
        form = json.loads(path.read_text(encoding="utf-8"))
        assert path.stem == form["$id"].rpartition(":")[2]
        assert path.stem == f"record-{form['properties']['schema']['const']}", "another form has another number"


def test_records_are_valid_by_the_published_schema(plain: dict[str, Any], tmp_path: Path) -> None:
    """By another reader than ours: it takes every record here, and refuses what ours refuses."""
    form = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(form)
    valid = Draft202012Validator(form).is_valid
    write_record(tmp_path / "whole.json", whole())
    write_record(tmp_path / "synth.json", synth_records()[0])
    files = [*tmp_path.iterdir(), *(HOME / "leaderboard" / "records").glob("*/*/*.json")]
    assert valid(plain)
    assert [path for path in files if not valid(json.loads(path.read_text(encoding="utf-8")))] == []
    wrong = [plain | {"fold": 0}, plain | {"schema": 4}, plain | {"model": "a b"}, plain | {"more": 1}]
    wrong += [{key: value for key, value in plain.items() if key != "videos"}]
    assert not any(map(valid, wrong))


WORDS = st.text(alphabet=st.characters(exclude_categories=()), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(WORDS, inside, max_size=4),
    max_leaves=8,
)


def _any_value(plain: dict[str, Any], data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(list(places(plain))))
    record = accepted(changed(plain, place, put(data.draw(VALUES))))
    if record is not None:
        assert record_from_json(json.loads(json.dumps(plain))).videos


@given(data=st.data())
@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_value_in_any_field_is_refused_in_words_or_fits(plain: dict[str, Any], data: st.DataObject) -> None:
    _any_value(plain, data)


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
def test_very_many_values_in_any_field(plain: dict[str, Any], data: st.DataObject) -> None:
    _any_value(plain, data)
