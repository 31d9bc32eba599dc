"""Patterns of paths: what may stand in them, and which files they name."""

import pytest

from avsal_bench.data.layouts.patterns import Pattern, Tree, check_pattern
from avsal_bench.data.places import NumberedFiles

FIELDS = ("name", "frame", "part")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("maps/{name}/%05d.png", r"write \{frame:05\} in the place of %05d"),
        ("maps/%s/{frame}.png", r"in the place of %s"),
        ("maps/{nme}/{frame}.png", r"unknown field \{nme\}; expected \{name\}, \{frame:04\}, \{part\}"),
        ("maps/{name!r}/{frame}.png", r"unknown field"),
        ("maps/{name.x}/{frame}.png", r"unknown field"),
        ("maps/{frame}.png", r"the field \{name\} is missing"),
        ("maps/{frame}/{name}.png", "stands once, in the name of the file"),
        ("maps/{name}/{frame}_{frame}.png", "stands once"),
        ("maps/{name/{frame}.png", "brace"),
        ("../maps/{name}/{frame}.png", "may not start with a dot"),
        ("/maps/{name}/{frame}.png", "may not be empty"),
        ("maps\\{name}\\{frame}.png", r"may not hold '\\\\'"),
        ("C:/maps/{name}/{frame}.png", "may not hold ':'"),
        ("maps//{name}/{frame}.png", "may not be empty"),
        ("maps/{name}/../{frame}.png", "may not start with a dot"),
        ("maps/{name}\n/{frame}.png", "may not hold"),
        ("", "missing"),
    ],
)
def test_a_pattern_that_leaves_the_root_or_means_nothing_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        check_pattern(text, FIELDS, ("name",))


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("maps/{name}/{frame:04}.png", "a b", "maps/a b/0007.png"),
        ("maps/{name}_{frame}.png", "a", "maps/a_7.png"),
        ("{part}/{name}/x{frame:02}_y.png", "a", "val/a/x07_y.png"),
        ("{name:03}/{frame:04}.png", "0012", "012/0007.png"),
        ("{name:03}/{frame:04}.png", "film", "film/0007.png"),
    ],
)
def test_a_pattern_names_the_file_of_a_frame(tmp_path, text, name, path):
    check_pattern(text, FIELDS, ("name",))
    files = Tree(tmp_path).numbered(Pattern(text, "maps"), name, "val", 1)
    assert files.path(7) == tmp_path / path


@pytest.mark.parametrize(
    ("pattern", "files", "names"),
    [
        ("maps/{name}/{frame:03}.png", ["maps/a/001.png", "maps/b/001.png", "maps/.c/001.png", "maps/x.png"], "a b"),
        (
            "maps/{name}_{frame:03}.png",
            ["maps/a_001.png", "maps/a_002.png", "maps/b_1_001.png", "maps/c_01.png"],
            "a b_1",
        ),
        ("{name}/gt/{frame:03}.png", ["a/gt/001.png", "b/other/001.png"], "a"),
        ("clip_{name}/{name}_{frame:03}.png", ["clip_a/a_001.png", "b/b_001.png"], "a"),
        ("maps/{name}.png", ["maps/a.png", "maps/b.jpg", "maps/c.png"], "a c"),
        ("maps/{name}.*", ["maps/a.png", "maps/b.JPG", "maps/c.txt"], "a b"),
    ],
)
def test_names_are_found_by_a_pattern(tmp_path, pattern, files, names):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    found = Tree(tmp_path).names(Pattern(pattern, "maps"), "")
    assert list(found.values()) == names.split()


def test_the_ending_of_a_file_may_be_open(tmp_path):
    (tmp_path / "v").mkdir()
    for name in ("a.MP4", "b.mkv", "b.txt", "c.mp4", "c.avi"):
        (tmp_path / "v" / name).touch()
    tree, pattern = Tree(tmp_path), Pattern("v/{name}.*", "frames")
    assert tree.file(pattern, "a", "").name == "a.MP4"
    assert tree.file(pattern, "b", "").name == "b.mkv"
    assert not tree.file(pattern, "none", "").exists()
    with pytest.raises(ValueError, match=r"c.avi and .*c.mp4 are both files of one video; keep one"):
        tree.file(pattern, "c", "")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "000.jpeg").touch()
    assert tree.numbered(Pattern("p/{frame:03}.*", "frames"), "a", "", 0).path(1) == tmp_path / "p" / "000.jpeg"


def test_numbers_may_begin_anywhere(tmp_path):
    for n in (5, 6, 8):
        (tmp_path / f"x_{n:02d}.png").touch()
    files = NumberedFiles(tmp_path, "x_", 2, ".png", 5)
    assert [files.name(n) for n in (1, 2)] == ["x_05.png", "x_06.png"]
    assert [files.frame(name) for name in ("x_05.png", "x_08.png", "x_04.png", "x_5.png", "y.png")] == [
        1,
        4,
        0,
        0,
        0,
    ]
    assert Tree(tmp_path).last(files) == 4
    assert NumberedFiles(tmp_path, "", 1, ".png", 0).frame("0.png") == 1
