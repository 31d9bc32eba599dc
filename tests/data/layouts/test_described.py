"""Sets of a ``dataset.yaml``: what they say, what is wrong with it and in which line, and the videos that they give."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from own_trees import LAB, TEXT, describe, film, save, wav, write_frames, write_lab
from own_trees import density as drawn

from avsal_bench.data.dataset import dataset, list_datasets, present_root, resolve_name, use_root
from avsal_bench.data.layouts.described import described_sets
from avsal_bench.data.layouts.description_file import json_schema, read_descriptions
from avsal_bench.data.layouts.listed import listed_frames
from avsal_bench.data.layouts.lists import story_of_lists
from avsal_bench.data.places import OneFile, VideoFile


@pytest.fixture(autouse=True)
def _no_root(monkeypatch):
    monkeypatch.delenv("AVSAL_DATA", raising=False)
    use_root(None)
    yield
    use_root(None)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return write_lab(tmp_path_factory.mktemp("lab"))


def changed(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


def videos(root: Path, part: str = "test", fold: int = 1, name: str = "lab"):
    return described_sets(root)[name].videos(root, part, fold)


def names(root: Path, part: str = "test", fold: int = 1, name: str = "lab"):
    return [video.name for video in videos(root, part, fold, name)]


def test_a_described_set_has_its_videos(lab):
    one = described_sets(lab)["lab"]
    assert (one.folds, one.sound, one.stills, one.title) == (False, False, False, "Six clips of a lab")
    assert (one.facts.viewers, one.facts.device, one.citation) == ("12", "eye", "Somebody 2025")
    train, test = names(lab, "train"), names(lab)
    assert sorted(train + test) == ["a", "b 2", "d", "e", "f", "été"]
    assert len(test) == 2
    video = next(v for v in [*videos(lab), *videos(lab, "train")] if v.name == "b 2")
    assert (video.n_frames, video.fps, video.audio, video.key) == (5, 25.0, None, "lab/b 2")
    assert video.frames.path(1) == lab / "pictures/b 2/f000.png"
    assert all(video.parts[part].path(n).is_file() for part in video.parts for n in range(1, 6))


def test_a_set_is_known_by_its_root(lab, monkeypatch):
    assert "lab" not in list_datasets()
    assert "lab" in list_datasets(lab)
    assert dataset("lab", lab).described == lab / "dataset.yaml"
    with pytest.raises(ValueError, match=r"unknown data set 'lab'; .*--data-root or AVSAL_DATA"):
        dataset("lab")
    monkeypatch.setenv("AVSAL_DATA", str(lab))
    assert resolve_name("LAB") == "lab"
    assert present_root() == lab
    use_root(lab / "nowhere")
    with pytest.raises(ValueError, match=r"has no dataset.yaml"):
        dataset("lab")


def test_a_draw_knows_names_only(lab, tmp_path):
    order = ["f", "e", "d", "été", "b 2", "a"]
    write_lab(tmp_path, names=dict.fromkeys(order, 2))
    assert names(tmp_path) == names(lab)
    describe(tmp_path, changed("seed: 1", "seed: 2"))
    assert sorted(names(tmp_path) + names(tmp_path, "train")) == sorted(order)
    drawn_by = {}
    for seed in range(6):
        describe(tmp_path, changed("seed: 1", f"seed: {seed}"))
        drawn_by[seed] = tuple(names(tmp_path))
    assert len(set(drawn_by.values())) > 2


def test_three_folds_test_each_video_once(tmp_path):
    write_lab(tmp_path, changed("fraction: 0.34", "folds: 3"))
    assert described_sets(tmp_path)["lab"].folds
    tested = [name for fold in (1, 2, 3) for name in names(tmp_path, "test", fold)]
    assert sorted(tested) == ["a", "b 2", "d", "e", "f", "été"]
    for fold in (1, 2, 3):
        assert not set(names(tmp_path, "test", fold)) & set(names(tmp_path, "train", fold))


def test_a_split_by_names(tmp_path):
    write_lab(tmp_path, changed("fraction: 0.34\n  seed: 1", "test: [e, b 2]"))
    assert names(tmp_path) == ["b 2", "e"]
    assert names(tmp_path, "train") == ["a", "d", "f", "été"]


def test_a_split_by_lists_of_names_or_of_names_frames_and_rates(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text("a\nb 2\n", encoding="utf-8")
    (lists / "test.txt").write_text("e\n", encoding="utf-8")
    write_lab(tmp_path, changed("fraction: 0.34\n  seed: 1", "lists: lists/{part}.txt"))
    assert names(tmp_path, "train") == ["a", "b 2"]
    assert [(v.name, v.n_frames, v.fps) for v in videos(tmp_path)] == [("e", 6, 25.0)]
    (lists / "train.txt").write_text("a 3 24\nb 2 2 24\n", encoding="utf-8")
    (lists / "test.txt").write_text("e 5 12.5\n", encoding="utf-8")
    describe(tmp_path, changed("fraction: 0.34\n  seed: 1", "lists: lists/{part}.txt").replace("fps: 25\n", ""))
    assert [(v.name, v.n_frames, v.fps) for v in videos(tmp_path)] == [("e", 5, 12.5)]
    (lists / "test.txt").write_text("e 5 12.5\na 3 24\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"train.txt:1 and .*test.txt:2 both name 'a'"):
        videos(tmp_path, "train")
    (lists / "test.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"test.txt: no such list, which .*dataset.yaml:10 asks for"):
        videos(tmp_path)


def test_a_list_that_overlaps_on_purpose_is_told_in_records(tmp_path):
    (tmp_path / "train.txt").write_text("a\n")
    (tmp_path / "test.txt").write_text("# overlaps\na\n")
    write_lab(tmp_path, changed("fraction: 0.34\n  seed: 1", 'lists: "{part}.txt"'))
    assert names(tmp_path, "train") == names(tmp_path) == ["a"]
    told = story_of_lists(tmp_path, described_sets(tmp_path)["lab"], 1)
    assert told["overlaps"] is True
    assert told["own_set"]["licence"] == "CC BY 4.0"
    assert told["own_set"]["viewers"] == 12


def test_folders_of_parts(tmp_path):
    parts = {part: pattern.replace("{name}", "{{part}}/{name}") for part, pattern in LAB.items()}
    for folder, listed in {"learn": {"a": 3, "b": 2}, "exam": {"c": 4}}.items():
        write_frames(tmp_path, {k: p.replace("{{part}}", folder) for k, p in parts.items()}, listed)
    text = changed("fraction: 0.34\n  seed: 1", "folders:\n    train: learn\n    test: exam")
    describe(tmp_path, text.replace("{name}", "{part}/{name}"))
    assert names(tmp_path, "train") == ["a", "b"]
    assert names(tmp_path) == ["c"]
    write_frames(tmp_path, {k: p.replace("{{part}}", "exam") for k, p in parts.items()}, {"a": 3})
    with pytest.raises(ValueError, match=r"dataset.yaml:11: 'a' lies in the folders of both train and test"):
        names(tmp_path)


def test_the_defaults_of_the_layout_of_stavis(real_root):
    text = "name: mine\nlayout: stavis\nfolder: AVAD\nsound: true\nfps: 25\nsplit: {folds: 3}\n"
    describe(real_root, text)
    own, built_in = videos(real_root, name="mine"), dataset("avad").videos(real_root, "test", 1)
    assert [(v.name, v.n_frames, v.fps) for v in own] == [(own[0].name, 12, 25.0)]
    same = next(
        v for fold in (1, 2, 3) for v in dataset("avad").videos(real_root, "test", fold) if v.name == own[0].name
    )
    assert replace(own[0], dataset="avad", prepared=None, labels=None) == replace(same, prepared=None, labels=None)
    assert built_in


def test_the_defaults_of_the_layout_of_dhf1k(real_root):
    describe(
        real_root, "name: mine\nlayout: dhf1k\nfolder: DHF1K\nfps: 30\nsplit: {folders: {train: train, test: val}}\n"
    )
    assert names(real_root, "train", name="mine") == ["001", "002", "003"]
    assert videos(real_root, name="mine")[0].frames.suffix == ".jpg"


def test_video_files_and_their_tracks(tmp_path):
    patterns = {part: pattern for part, pattern in LAB.items() if part != "frames"}
    write_frames(tmp_path, patterns, {"a": 4, "b": 4})
    for name, suffix in {"a": "avi", "b": "mkv"}.items():
        film(tmp_path / f"films/{name}.{suffix}", 4, 25, tone=True)
    describe(
        tmp_path, changed("pictures/{name}/f{frame:03}.png", "films/{name}.*").replace("fps:", "sound: true\nfps:")
    )
    (video,) = videos(tmp_path)
    assert isinstance(video.frames, VideoFile)
    assert video.audio == video.frames.path
    assert video.audio.is_file()
    wav(tmp_path / "sounds/a.wav", 0.2)
    text = changed("pictures/{name}/f{frame:03}.png", "films/{name}.*\n  sound: sounds/{name}.wav")
    describe(tmp_path, text)
    assert {v.audio.name for v in [*videos(tmp_path), *videos(tmp_path, "train")]} == {"a.wav", "b.wav"}


def test_stills(tmp_path):
    for name in "abcde":
        for part in ("images", "maps", "fixations"):
            save(tmp_path / f"pics/{part}/{name}.png", drawn(3))
    describe(tmp_path, "name: pics\nlayout: stills\nsplit: {fraction: 0.2}\n")
    (one,) = videos(tmp_path, name="pics")
    assert isinstance(one.frames, OneFile)
    assert one.n_frames == 1
    assert one.still
    assert len(videos(tmp_path, "train", name="pics")) == 4
    describe(tmp_path, "name: pics\nlayout: stills\nfps: 3\nsplit: {fraction: 0.2}\n")
    with pytest.raises(
        ValueError, match=r"dataset.yaml:3: fps is of videos, and this is a set of stills; leave it out"
    ):
        described_sets(tmp_path)


def test_rates_of_single_videos(tmp_path):
    write_lab(tmp_path, changed("fps: 25", "fps:\n  a: 24\n  b 2: 30\n  été: 25\n  d: 25\n  e: 25\n  f: 25"))
    assert {v.name: v.fps for part in ("train", "test") for v in videos(tmp_path, part)}["b 2"] == 30.0
    describe(tmp_path, changed("fps: 25", "fps:\n  a: 24\n  c: 30"))
    with pytest.raises(ValueError, match=r"dataset.yaml:11: unknown video 'c'"):
        videos(tmp_path)
    describe(tmp_path, changed("fps: 25", "fps:\n  a: 24"))
    with pytest.raises(ValueError, match=r"dataset.yaml:9: fps has no rate of the video '.*'; add it"):
        [*videos(tmp_path), *videos(tmp_path, "train")]


def test_several_sets_in_one_root(tmp_path):
    blocks = [TEXT, TEXT.replace("name: lab", "name: other").replace("fraction: 0.34", "folds: 3")]
    loaded = [yaml.safe_load(block) for block in blocks]
    write_lab(tmp_path, yaml.safe_dump({"sets": loaded}))
    assert sorted(described_sets(tmp_path)) == ["lab", "other"]
    loaded[1]["name"] = "LAB"
    describe(tmp_path, yaml.safe_dump({"sets": loaded}, sort_keys=False))
    with pytest.raises(ValueError, match=r"dataset.yaml:17: two sets have the name or folder 'lab'; rename one"):
        described_sets(tmp_path)


def test_a_built_in_set_in_other_folders_says_that_it_replaces_it(tmp_path):
    write_lab(tmp_path, changed("name: lab", "name: avad\nreplaces: true"))
    use_root(tmp_path)
    assert dataset("avad").described
    assert dataset("avad").folder == "AVAD"
    assert listed_frames("avad", 1)["V32_Dancers"] == 202, "what a whole test is stays that of the package"
    use_root(None)
    assert not dataset("avad").described


def test_a_file_that_changes_is_read_again(tmp_path):
    write_lab(tmp_path)
    assert names(tmp_path)
    describe(tmp_path, changed("Six clips of a lab", "Another title for them"))
    assert described_sets(tmp_path)["lab"].title == "Another title for them"
    (tmp_path / "dataset.yaml").unlink()
    assert described_sets(tmp_path) == {}


def test_categories_gaze_prepared_and_labels_lie_where_they_do(tmp_path):
    write_lab(
        tmp_path,
        changed("split:", "sound: true\nsplit:").replace(
            "  maps:", "  gaze: gaze/{name}.csv\n  sound: s/{name}.wav\n  maps:"
        ),
    )
    table = tmp_path / "annotations/lab/categories.csv"
    table.parent.mkdir(parents=True)
    table.write_text("video,category\na,people\n")
    (tmp_path / "gaze").mkdir()
    (tmp_path / "gaze/a.csv").write_text("video,observer,frame,x,y\n")
    found = {v.name: v for part in ("train", "test") for v in videos(tmp_path, part)}
    assert (found["a"].category, found["a"].gaze, found["d"].gaze) == ("people", tmp_path / "gaze/a.csv", None)
    assert found["a"].prepared == tmp_path / "prepared/lab/a"
    assert found["a"].labels.name == "a.txt"


BAD = {
    "layot: stavis": ("layout: stavis", "layot: stavis", "dataset.yaml:3: unknown key 'layot'; did you mean 'layout'"),
    "layout missing": ("layout: stavis\n", "", "dataset.yaml:1: layout is missing"),
    "layout": ("layout: stavis", "layout: stavi", "dataset.yaml:3: unknown layout 'stavi'; did you mean 'stavis'"),
    "files key": ("  maps:", "  mps:", "dataset.yaml:6: unknown key 'mps'; did you mean 'maps'"),
    "split key": ("fraction:", "fractoin:", "dataset.yaml:11: unknown key 'fractoin'; did you mean 'fraction'"),
    "two splits": ("fraction: 0.34", "fraction: 0.3\n  folds: 3", "dataset.yaml:10: split should have one of the keys"),
    "no split": ("fraction: 0.34\n  ", "", "dataset.yaml:10: split should have one of the keys folders, lists, test"),
    "five folds": ("fraction: 0.34", "folds: 5", "dataset.yaml:11: unknown folds 5; known: 3"),
    "fraction": ("0.34", "1.5", "dataset.yaml:11: fraction should be less than or equal to 1; got 1.5"),
    "all tested": ("0.34", "1", "dataset.yaml:11: fraction should be between 0 and 1; got 1"),
    "fps text": ("fps: 25", "fps: fast", "dataset.yaml:9: fps should be a number such as 0.5"),
    "fps 0": ("fps: 25", "fps: 0", "dataset.yaml:9: fps should be greater than 0; got 0"),
    "fps nan": ("fps: 25", "fps: .nan", "dataset.yaml:9: fps should be"),
    "fps missing": ("fps: 25\n", "", "dataset.yaml:1: fps is missing"),
    "viewers 0": ("viewers: 12", "viewers: 0", "dataset.yaml:13: viewers should be greater than or equal to 1; got 0"),
    "viewers many": ("viewers: 12", "viewers: twelve", "dataset.yaml:13: viewers should be a whole number"),
    "device": ("viewers: 12", "device: eyes", "dataset.yaml:13: unknown device 'eyes'; did you mean 'eye'"),
    "first": ("first: 0", "first: -1", "dataset.yaml:8: first should be greater than or equal to 0; got -1"),
    "first of": ("first: 0", "first: {mops: 1}", "dataset.yaml:8: unknown key of first 'mops'; did you mean 'maps'"),
    "licence": ("CC BY 4.0", "[a, b]", "dataset.yaml:14: licence should be text"),
    "long": ("CC BY 4.0", "x" * 501, "dataset.yaml:14: expected printable text of at most 500 letters"),
    "date": ("name: lab", "name: 2024-01-01", "dataset.yaml:1: name should be text"),
    "name path": ("name: lab", "name: a/b", "dataset.yaml:1: data set 'a/b': a name has letters of ASCII"),
    "name taken": ("name: lab", "name: Diem", "dataset.yaml:1: 'Diem' is the built-in set diem; choose another name"),
    "name folder": ("name: lab", "name: ETMD_av", "dataset.yaml:1: 'ETMD_av' is the built-in set etmd"),
    "six": ("name: lab", "name: SIX", "dataset.yaml:1: 'six' stands for diem"),
    "replaces": ("name: lab", "name: lab\nreplaces: true", "dataset.yaml:1: it replaces no set: unknown built-in set"),
    "folder": ("name: lab", "name: lab\nfolder: ../x", "dataset.yaml:2: folder '../x'"),
    "out": ("heat/{name}", "../heat/{name}", "dataset.yaml:6: files.maps: '../heat/.*may not start with a dot"),
    "root": ("heat/{name}", "/heat/{name}", "dataset.yaml:6: files.maps: .*may not be empty"),
    "printf": (
        "{frame:03}.png\n  fix",
        "%03d.png\n  fix",
        "dataset.yaml:6: files.maps: .*write {frame:03} in the place",
    ),
    "ending": ("heat/{name}/{frame:03}.png", "heat/{name}/{frame:03}.gif", "dataset.yaml:6: files.maps ends in '.gif'"),
    "one picture": ("f{frame:03}.png", "f.png", "dataset.yaml:5: files.frames is of pictures and has no {frame}"),
    "part": ("heat/", "heat/{part}/", "dataset.yaml:6: {part} is for a set with split: folders"),
    "no part": ("fraction: 0.34", "folders: {train: a, test: b}", "dataset.yaml:5: {part} is missing in files.frames"),
    "one folder": ("fraction: 0.34", "folders: {train: a, test: a}", "dataset.yaml:11: split.folders should name the"),
    "folders": ("fraction: 0.34", "folders: {train: a}", "dataset.yaml:11: split.folders should name the folder of"),
    "lists": ("fraction: 0.34", "lists: a.txt", r"dataset.yaml:11: split.lists: 'a.txt': the field {part} is missing"),
    "seed of nothing": (
        "fraction: 0.34",
        "lists: '{part}.txt'",
        "dataset.yaml:12: seed is of fraction and folds, and a split by lists draws nothing",
    ),
    "twice tested": ("fraction: 0.34", "test: [a, b, a]", "dataset.yaml:11: test names 'a' twice; leave one"),
    "long name": ("name: lab", "name: " + "a" * 101, "dataset.yaml:1: .*a name has at most 100 letters; shorten it"),
    "nobody": ("fraction: 0.34", "test: []", "dataset.yaml:11: test names no video"),
    "sound": ("viewers: 12", "sound: true", "dataset.yaml:13: files.sound is missing: pictures have no track"),
    "top": ("files:\n", "maps: x\nfiles:\n", "dataset.yaml:4: maps stands below 'files'"),
    "twice": ("viewers: 12", "name: again", "dataset.yaml, line 13: not YAML: the key 'name' stands twice"),
    "number": ("viewers: 12", "12: 13", "dataset.yaml:1: the key 12 is no text; put it in quotes"),
    "files list": ("files:\n", "files: [1]\nx:\n", "dataset.yaml:4: files should be a mapping, got"),
    "tag": ("viewers: 12", "viewers: !!python/object/apply:os.system [ls]", "dataset.yaml, line 13: not YAML"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path, case):
    old, new, said = BAD[case]
    describe(tmp_path, TEXT.replace(old, new, 1))
    with pytest.raises(ValueError, match=said.replace("{", r"\{").replace("}", r"\}").replace("[", r"\[")):
        described_sets(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a mapping with the keys name, layout"),
        ("- a\n", "expected a mapping with the keys"),
        ("sets: []\n", "dataset.yaml:1: expected 'sets' alone"),
        ("title: x\nsets:\n  - name: a\n", "dataset.yaml:2: expected 'sets' alone"),
        ("sets:\n  - 3\n", "dataset.yaml:2: a set should be a mapping, got 3"),
        ("sets:\n  - name: a\n    layout: stavis\n    split: {fold: 3}\n", "dataset.yaml:4: unknown key 'fold'"),
        (
            "a: &a [x, x]\n"
            + "\n".join(
                f"b{n}: &b{n} [*{'a' if not n else f'b{n - 1}'}, *{'a' if not n else f'b{n - 1}'}]" for n in range(30)
            ),
            "over 100000 values",
        ),
        ("a: {" * 100, "not YAML|levels"),
        ("x" * (2**20 + 1), "expected at most 1048576"),
        ("\x00\x01", "not YAML"),
    ],
)
def test_a_file_that_is_no_description_says_so(tmp_path, text, said):
    describe(tmp_path, text)
    with pytest.raises(ValueError, match=said):
        read_descriptions(tmp_path / "dataset.yaml")


def test_a_file_in_another_encoding_says_so(tmp_path):
    path = describe(tmp_path, TEXT)
    path.write_bytes(changed("Six clips", "Caf\xe9").encode("latin-1"))
    with pytest.raises(ValueError, match=r"dataset.yaml: the text is not UTF-8; save it as UTF-8"):
        read_descriptions(path)
    path.write_bytes(TEXT.encode("utf-16"))
    assert list(read_descriptions(path)) == ["lab"]


def test_patterns_that_match_nothing_say_what_is_there(tmp_path):
    write_lab(tmp_path, changed("heat/{name}/{frame:03}.png", "heat/{name}/{frame:05}.png"))
    assert {v.name: v.n_frames for v in videos(tmp_path)}["e" if "e" in names(tmp_path) else names(tmp_path)[0]] > 0
    describe(tmp_path, TEXT.replace("heat/", "maps/").replace("pictures/", "frames/"))
    with pytest.raises(
        FileNotFoundError, match=r"dataset.yaml:4: no video in .*files.maps, 'maps/.* match nothing; .* holds "
    ):
        videos(tmp_path)
    (tmp_path / "heat/zz").mkdir()
    describe(tmp_path, TEXT.replace("0.34", "0.99"))
    with pytest.raises(
        FileNotFoundError, match=r"lab/zz: no maps.*dataset.yaml:6: files.maps is heat/.*, and .*zz is not"
    ):
        [*videos(tmp_path), *videos(tmp_path, "train")]


def test_too_few_videos_for_a_split(tmp_path):
    write_lab(tmp_path, changed("fraction: 0.34", "folds: 3"), {"a": 2, "b": 2})
    with pytest.raises(ValueError, match=r"dataset.yaml:10: 2 videos are too few for this split"):
        videos(tmp_path)


def test_the_schema_for_editors_knows_the_keys():
    schema = json_schema()
    assert {"name", "layout", "split"} == set(schema["required"])
    assert schema["properties"]["layout"]["enum"] == ["stavis", "dhf1k", "stills"]
    assert schema["additionalProperties"] is False
    assert len(schema["properties"]["fps"]["anyOf"]) == 2


def test_a_validation_list_of_its_own_beside_the_two(tmp_path):
    (tmp_path / "lists").mkdir()
    for part, listed in {"train": "a\nb 2\n", "valid": "d\n", "test": "e\n"}.items():
        (tmp_path / f"lists/{part}.txt").write_text(listed, encoding="utf-8")
    lists = "lists: lists/{part}.txt\n  validation: valid"
    write_lab(tmp_path, changed("fraction: 0.34\n  seed: 1", lists))
    one = described_sets(tmp_path)["lab"]
    assert (one.validation, one.parts) == (True, ("train", "val", "test"))
    assert [names(tmp_path, part) for part in one.parts] == [["a", "b 2"], ["d"], ["e"]]
    assert story_of_lists(tmp_path, one, 1)["own_set"]["split"]["validation"] == "valid"
    for listed, told in {
        "d\ne\n": r"valid.txt:2 and .*test.txt:1 both name 'e': what is tested would have chosen the checkpoint",
        "a\n": r"train.txt:1 and .*valid.txt:1 both name 'a': the checkpoint would be chosen on what it was trained",
    }.items():
        (tmp_path / "lists/valid.txt").write_text(listed, encoding="utf-8")
        with pytest.raises(ValueError, match=told):
            videos(tmp_path, "val")
    (tmp_path / "lists/valid.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"valid.txt: no such list, which .*dataset.yaml:12 asks for"):
        videos(tmp_path, "val")
    assert names(tmp_path) == ["e"]


def test_a_third_folder_chooses_the_checkpoint(tmp_path):
    parts = {part: pattern.replace("{name}", "{{part}}/{name}") for part, pattern in LAB.items()}
    for folder, listed in {"learn": {"a": 3}, "mock": {"b": 2}, "exam": {"c": 4}}.items():
        write_frames(tmp_path, {k: p.replace("{{part}}", folder) for k, p in parts.items()}, listed)
    split = "folders:\n    train: learn\n    test: exam\n  validation: mock"
    text = changed("fraction: 0.34\n  seed: 1", split).replace("{name}", "{part}/{name}")
    describe(tmp_path, text)
    assert [names(tmp_path, part) for part in ("train", "val", "test")] == [["a"], ["b"], ["c"]]
    write_frames(tmp_path, {k: p.replace("{{part}}", "mock") for k, p in parts.items()}, {"a": 3})
    with pytest.raises(ValueError, match="'a' lies in the folders of both train and val: the checkpoint would be"):
        names(tmp_path)


@pytest.mark.parametrize(
    ("split", "told"),
    [
        (
            "fraction: 0.34\n  validation: val",
            "validation goes with folders or lists; with fraction, training videos are",
        ),
        ("test: [a]\n  validation: val", "with test, training videos are set aside"),
        (
            "lists: '{part}.txt'\n  validation: test",
            "validation is 'test', which is the part that is trained or tested",
        ),
        ("lists: '{part}.txt'\n  validation: ../val", "validation '../val'"),
        ("lists: '{part}.txt'\n  validation: [a]", "validation"),
    ],
)
def test_a_validation_that_does_not_fit_is_an_error_with_its_line(tmp_path, split, told):
    describe(tmp_path, changed("fraction: 0.34\n  seed: 1", split))
    with pytest.raises(ValueError, match=r"dataset.yaml:12: ") as error:
        described_sets(tmp_path)
    assert told in str(error.value)


def test_a_set_without_one_is_the_very_set_that_it_was(lab):
    told = described_sets(lab)["lab"].told(lab, 1)["own_set"]
    assert "validation" not in told["split"]
    assert told["description"] == "308059ec8f8b6edc07ee36dc546a75fb1cbeda2f84ee125f5a8592c2e79ab8d6"
