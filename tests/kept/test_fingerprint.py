"""The one comparison that decides whether something kept may be used."""

import pytest

from avsal_bench.kept import claim, differing, read_made_of, require_same

NOW = {"ground truth": "a", "list": "b", "code": "c", "library torch": "2.9", "visual: code": "d"}


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (NOW, []),
        (NOW | {"more": "x"}, []),
        (NOW | {"list": "x"}, ["list"]),
        ({k: v for k, v in NOW.items() if k != "list"}, ["list"]),
        (NOW | {"ground truth": "x", "code": "x"}, ["ground truth", "code"]),
        ({}, ["what it was made of"]),
        (None, ["what it was made of"]),
        ("abc", ["what it was made of"]),
        ([], ["what it was made of"]),
    ],
)
def test_every_part_of_now_must_be_the_same(kept, expected):
    assert differing(kept, NOW) == expected


@pytest.mark.parametrize("part", ["code", "library torch", "visual: code"])
def test_other_code_may_be_asked_for_and_nothing_else(part):
    kept = NOW | {part: "x"}
    with pytest.raises(ValueError, match=rf"record.*{part}.*with --force.*or use it as it is, with --reuse-other-code"):
        require_same("record", kept, NOW, "make it anew with --force")
    require_same("record", kept, NOW, "make it anew with --force", other_code=True)
    with pytest.raises(ValueError, match=r"other things than are here now: list; make it anew with --force$"):
        require_same("record", kept | {"list": "x"}, NOW, "make it anew with --force", other_code=True)


def test_what_says_nothing_is_refused_also_where_other_code_is_asked_for():
    with pytest.raises(ValueError, match=r"record does not say what it was made of; make it anew$"):
        require_same("record", None, NOW, "make it anew", other_code=True)


def test_a_library_is_named_with_its_releases():
    with pytest.raises(ValueError, match=r"library torch \(2\.8, now 2\.9\)"):
        require_same("record", NOW | {"library torch": "2.8"}, NOW, "go on")


def test_a_folder_is_claimed_once(tmp_path):
    claim(tmp_path / "stage", False, NOW, "train anew")
    assert read_made_of(tmp_path / "stage") == NOW
    claim(tmp_path / "stage", True, NOW, "train anew")
    with pytest.raises(ValueError, match=r"stage was made of other things than are here now: list; train anew"):
        claim(tmp_path / "stage", True, NOW | {"list": "x"}, "train anew")
    (tmp_path / "stage" / "made_of.json").write_text("{")
    with pytest.raises(ValueError, match="does not say what it was made of"):
        claim(tmp_path / "stage", True, NOW, "train anew")
    claim(tmp_path / "stage", False, NOW, "train anew")
    assert read_made_of(tmp_path / "stage") == NOW
