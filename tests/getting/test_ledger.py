"""What was fetched, and which terms were accepted, is written down once and compared ever after."""

import json

import pytest

from avsal_bench.getting.ledger import Entry, Ledger

URL, ONE = "https://host/AVAD.tar.gz", "1" * 64
ENTRY = Entry("AVAD.tar.gz", 10, ONE, "2026-01-01T00:00:00+00:00", URL, '"etag"')


def test_the_first_fetch_is_written_down_and_stays(tmp_path):
    Ledger(tmp_path).write_down({URL: ENTRY})
    again = Ledger(tmp_path)
    again.write_down({URL: Entry("AVAD.tar.gz", 10, ONE, "2030-01-01T00:00:00+00:00", "http://mirror/x")})
    assert Ledger(tmp_path).known(URL) == ENTRY
    assert json.loads((tmp_path / "downloads.json").read_text())["files"][URL]["sha256"] == ONE


def test_other_bytes_are_an_error_with_both_digests_and_what_to_do(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.write_down({URL: ENTRY})
    ledger.check(URL, tmp_path / "f", 10, ONE)
    ledger.check("https://host/other", tmp_path / "f", 3, "2" * 64)
    said = f"SHA-256 {'2' * 64} .*11 bytes.*then {ONE} .*delete its entry in .*downloads.json"
    with pytest.raises(ValueError, match=said):
        ledger.check(URL, tmp_path / "f", 11, "2" * 64)


def test_terms_are_accepted_word_for_word(tmp_path):
    ledger = Ledger(tmp_path)
    assert not ledger.accepted("avad", "CC BY 4.0")
    ledger.accept("avad", "CC BY 4.0")
    again = Ledger(tmp_path)
    assert again.accepted("avad", "CC BY 4.0")
    assert not again.accepted("avad", "CC BY-NC 4.0")
    assert not again.accepted("etmd", "CC BY 4.0")
    assert json.loads((tmp_path / "downloads.json").read_text())["accepted"]["avad"]["when"].endswith("+00:00")


GOOD = {"file": "a", "bytes": 1, "sha256": ONE, "fetched": "t", "source": "s", "etag": ""}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"files": {}}',
        '{"files": [], "accepted": {}}',
        '{"files": {}, "accepted": {"avad": "yes"}}',
        '{"files": {}, "accepted": {"avad": {"terms": 3, "when": "t"}}}',
        json.dumps({"files": {URL: {"file": "a"}}, "accepted": {}}),
        json.dumps({"files": {URL: {**GOOD, "more": 1}}, "accepted": {}}),
        json.dumps({"files": {URL: {**GOOD, "bytes": -1}}, "accepted": {}}),
        json.dumps({"files": {URL: {**GOOD, "bytes": True}}, "accepted": {}}),
        json.dumps({"files": {URL: {**GOOD, "sha256": "12"}}, "accepted": {}}),
        '{"files": {}, "files": {}, "accepted": {}}',
        "[" * 100_000,
        "\xff",
    ],
)
def test_a_damaged_book_is_named_and_not_written_over(tmp_path, content):
    path = tmp_path / "downloads.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match=r"downloads\.json: not as `avsal data get`.*mend it, or move it away"):
        Ledger(tmp_path)
    assert path.read_text(encoding="latin-1") == content
