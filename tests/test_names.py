"""Names that become parts of paths: one rule, whatever they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from avsal_bench.data.dataset import dataset, register_dataset
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, read_fold_list
from avsal_bench.models.registry import register_model
from avsal_bench.names import LONGEST_NAME, plain_name, printable, safe_name, shortened
from avsal_bench.training.recipe import Recipe, load_recipe

GOOD = [
    "0601",
    "V32_Dancers",
    "-Gk3_a7",  # as names of films of the web begin
    "Saving dolphines",
    "clip [take 2], (v1.2) & more",
    "d'été à la mer",
    "目と耳",
    "a..b",
    "what?*",
    "console",
    "com",
    "x" * LONGEST_NAME,
]
BAD = {
    "": "empty",
    ".": "dot",
    "..": "dot",
    "../x": "'/'",
    "/etc/passwd": "'/'",
    "a/b": "'/'",
    "a/": "'/'",
    "..\\x": r"'\\\\'",
    "C:": "':'",
    "file:stream": "':'",
    ".hidden": "dot",
    "._0001": "dot",
    "a.": "dot",
    "a ": "blank",
    " a": "blank",
    "a\u00a0": "blank",
    "a\0b": "U+0000",
    "a\nb": "U+000A",
    "a\x1b[31m": "U+001B",
    "a\x7f": "U+007F",
    "a\x85b": "U+0085",
    "a\u2028b": "U+2028",
    "gpj.\u202eexe": "U+202E",
    "a\u2066b": "U+2066",
    "a\udcffb": "U+DCFF",
    "CON": "device",
    "nul.txt": "device",
    "Com1": "device",
    "lpt9.a.b": "device",
    "x" * (LONGEST_NAME + 1): "longer",
    "é" * (LONGEST_NAME // 2 + 1): "longer",
}


@pytest.mark.parametrize("name", GOOD)
def test_names_of_real_files_pass(name: str) -> None:
    assert safe_name("video", name) == name


def test_all_names_of_the_packaged_lists_pass() -> None:
    lists = sorted(PACKAGED_LISTS.glob("*.txt"))
    assert lists
    for path in lists:
        for video in read_fold_list(path):
            safe_name("video", video.name)


@pytest.mark.parametrize("name", BAD)
def test_names_that_lead_elsewhere_are_refused_and_shown_on_one_line(name: str) -> None:
    with pytest.raises(ValueError, match=r"list\.txt:3: video '") as error:
        safe_name("list.txt:3: video", name)
    text = str(error.value)
    assert BAD[name].replace("\\\\", "\\") in text
    assert text.isprintable()
    assert len(text) < 200


@pytest.mark.parametrize("name", [None, 5, 1.5, True, ["a"], {"a": 1}, b"a"])
def test_a_name_is_text(name: object) -> None:
    with pytest.raises(ValueError, match="expected text"):
        safe_name("video", name)


@pytest.mark.parametrize("value", ["x" * 10**6, ["y"] * 1000, {"k" * 500: 1}, "\x1b" * 1000])
def test_what_is_shown_of_a_value_is_short_and_printable(value: object) -> None:
    assert len(shortened(value)) <= 60
    assert shortened(value).isprintable()


@pytest.mark.parametrize("name", ["../../../x/y", "/x", "a/../b", "..", ".hidden", "a\\b", "nul", "a\x1b[2J", "C:x"])
def test_a_list_of_a_data_root_cannot_lead_out_of_its_folders(name: str, tmp_path: Path) -> None:
    lists = tmp_path / "fold_lists"
    lists.mkdir()
    (lists / "AVAD_list_test_1_fps.txt").write_text(f"good 20 25\n{name} 20 25\n", encoding="utf-8")
    for place in ("video_frames", "annotations"):
        (tmp_path / place / "AVAD").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"AVAD_list_test_1_fps\.txt:2: video '.*becomes a part of a path"):
        dataset("avad").videos(tmp_path, "test", 1)


def test_a_recipe_cannot_lead_out_of_its_folders(tmp_path: Path) -> None:
    text = "presets: {'a|b': {}, paper: {}}\ntest: [synth]\nfolds: [1]\nbatch_size: 1\n"
    text += "stages: {'../../x': {data: [synth], epochs: 1}}\n"
    (tmp_path / "stavis.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"stage '\.\./\.\./x': a name may not hold '/'"):
        load_recipe(tmp_path, "stavis", "paper")
    (tmp_path / "stavis.yaml").write_text(text.replace("../../x", "one"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"preset 'a\|b': a name has letters of ASCII"):
        load_recipe(tmp_path, "stavis", "a|b")


def test_nor_can_the_recipe_in_a_record() -> None:
    stage = {"name": "../../x", "data": ["synth"], "epochs": 1}
    plain = {"model": "../stavis", "preset": "../paper", "stages": [stage], "test": ["synth"], "folds": [1]}
    with pytest.raises(ValueError, match="no recipe of this version") as error:
        Recipe.from_plain(plain)
    for told in ("model '../stavis': a name", "preset '../paper': a name", "stage '../../x': a name"):
        assert told in str(error.value)


@pytest.mark.parametrize("name", ["avr\u0455p", "a b", "a/b", "", "a.", "-a", "con", "x" * 101, None])
def test_models_and_sets_have_plain_names(name: str) -> None:
    with pytest.raises(ValueError, match=r"rename it|shorten it"):
        plain_name("model", name)
    with pytest.raises(ValueError, match=r"rename it|shorten it"):
        register_model(name, paper="")(lambda: None)  # type: ignore[arg-type, return-value]
    description = dataset("avad")
    object.__setattr__(other := type(description)(**vars(description)), "name", name)
    with pytest.raises(ValueError, match=r"rename it|shorten it"):
        register_dataset(other)


def test_a_terminal_gets_no_control_characters() -> None:
    text = "caf\xe9\x1b[2J\r\u202e\udcff\x07\tb\nnext"
    assert printable(text) == "caf\xe9\\x1b[2J\\r\\u202e\\udcff\\x07\\tb\nnext"
    printable(text).encode()
