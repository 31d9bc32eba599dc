"""Fold lists and tables of categories: each video once, in one part, and in the form that any program saves."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from conftest import write_dhf1k, write_list
from PIL import Image

from avsal_bench.data.dataset import dataset
from avsal_bench.data.layouts.categories import read_categories
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, check_apart, read_fold_list, story_of_lists

E = "\u00e9"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a 10 25\n\nb 10 25\na 10 25\n", "lines 1 and 4 both name 'a', which would count twice"),
        ("a 10 25\na 12 25\n", "lines 1 and 2 both name 'a'"),
        (f"{E} 10 25\n{unicodedata.normalize('NFD', E)} 10 25\n", "lines 1 and 2 both name"),
        ("a 1000000000 25\n", "test_1_fps.txt:1: 1,000,000,000 frames, a video has at most 1,000,000"),
        ("a 10 nan\n", "expected 'name n_frames fps'"),
        ("a 10 inf\n", "expected 'name n_frames fps'"),
        ("a 1e3 25\n", "expected 'name n_frames fps'"),
        ("a -10 25\n", "expected 'name n_frames fps'"),
        ("../../x/y 10 25\n", "test_1_fps.txt:1: video '../../x/y': a name may not hold '/'"),
        ("# overlaps\n", "the list names no video"),
    ],
)
def test_bad_lists_name_their_lines(tmp_path, text, message):
    path = write_list(tmp_path, "AVAD", "test", "_1", text)
    with pytest.raises(ValueError, match="AVAD_list_test_1") as error:
        read_fold_list(path)
    assert message in str(error.value)


def test_no_packaged_list_repeats_a_video_or_tests_what_it_trains_on():
    lists = sorted(PACKAGED_LISTS.glob("*_list_train*.txt"))
    assert lists
    for train in lists:
        assert read_fold_list(train)
        check_apart(train, train.with_name(train.name.replace("_train", "_test")))


def test_training_and_test_lists_that_overlap_are_an_error_unless_the_test_list_says_so(real_root):
    sets = real_root / "fold_lists"
    train, test = (sets / f"AVAD_list_{part}_1_fps.txt" for part in ("train", "test"))
    shared = read_fold_list(train)[0].name
    test.write_text(test.read_text() + f"\n{shared} 12 25\n")
    description = dataset("avad")
    with pytest.raises(ValueError, match=rf"train_1_fps\.txt:1 and .*test_1_fps\.txt:3 both name '{shared}'"):
        description.videos(real_root, "train", 1)
    assert len(description.videos(real_root, "test", 1)) == 2
    test.write_text(f"# Overlaps\n{test.read_text()}")
    assert shared in {v.name for part in ("train", "test") for v in description.videos(real_root, part, 1)}
    assert len(description.videos(real_root, "train", 2)) == 2


def test_a_record_tells_of_an_overlap_whatever_the_lists_are_called(real_root):
    for name, list_name in {"avad": "AVAD_list_test_2", "diem": "DIEM_list_test", "dhf1k": "DHF1K_list_test_1"}.items():
        assert story_of_lists(real_root, dataset(name), 2).keys() <= {"own_list"}
        (real_root / f"fold_lists/{list_name}_fps.txt").write_text("# overlaps\n601 12 30\n")
        assert story_of_lists(real_root, dataset(name), 2)["overlaps"] is True


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [
        ("dhf1k", "DHF1K/train/0601", "DHF1K/val/601"),
        ("salicon", "SALICON/images/train/COCO_1.jpg", "SALICON/images/val/COCO_1.jpg"),
    ],
)
def test_what_lies_in_the_folders_of_both_parts_is_an_error(tmp_path, name, train, test):
    for place in (train, test):
        for kind in ("images", "maps", "fixations"):
            folder = tmp_path / (f"{place}/{kind}" if name == "dhf1k" else Path(place.replace("images", kind)).parent)
            folder.mkdir(parents=True)
            (folder / ("0001.png" if name == "dhf1k" else "COCO_1.jpg")).touch()
    with pytest.raises(ValueError, match=rf"{train} and .*{test} have one name: it would be tested on what"):
        dataset(name).videos(tmp_path, "train", 1)
    assert len(dataset(name).videos(tmp_path, "test", 1)) == 1


TABLES = {
    "as before": "video,category\nclip 1,speech\nclip 2,music\n",
    "a byte-order mark": "\ufeffvideo,category\r\nclip 1,speech\r\nclip 2,music\r\n",
    "semicolons": "\ufeffvideo;category\nclip 1;speech\nclip 2;music",
    "tabs and blank lines": "video\tcategory\n\nclip 1\tspeech\nclip 2\tmusic\n\n",
    "other columns": "id;Category ; Video\n1;speech;clip 1\n2; music;clip 2\n",
    "quotes": '"video","category"\n"clip 1","speech"\n"clip 2","music"\n',
    "the same twice": "video,category\nclip 1,speech\nclip 1,speech\nclip 2,music\n",
    "trailing commas": "video,category,\nclip 1,speech,\nclip 2,music,\n,,\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_categories_are_read_as_any_program_saves_them(tmp_path, name):
    (tmp_path / "categories.csv").write_bytes(TABLES[name].encode())
    assert read_categories(tmp_path / "categories.csv") == {"clip 1": "speech", "clip 2": "music"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,kind\na,b\n", r"categories\.csv:1: expected the columns video and category, got name, kind"),
        (b"video,video,category\na,b,c\n", r"categories\.csv:1: expected the columns"),
        (b"video,category\na,b\nc\n", r"categories\.csv:3: 1 column, the first line has 2"),
        (b"video,category\na,b\nc,d,e\n", r"categories\.csv:3: 3 columns"),
        (b"video,category\na,b\na,c\n", r"categories\.csv:3: 'a' has the category 'c', and 'b' in line 2"),
        (b'video,category\n"a,b\n', r"categories\.csv:\d+: no table"),
        ("video,category\n\u00e9,b\n".encode("latin-1"), "not in UTF-8"),
        ("video,category\na,b\n".encode("utf-16"), "not in UTF-8"),
    ],
)
def test_bad_tables_name_file_and_line(tmp_path, content, message):
    (tmp_path / "categories.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        read_categories(tmp_path / "categories.csv")
    assert len(str(error.value).splitlines()) == 1


def test_strays_in_a_tree_of_extracted_frames_are_no_videos_and_no_frames(tmp_path):
    write_dhf1k(tmp_path, n_frames=2)
    description = dataset("dhf1k")
    before = description.videos(tmp_path, "train", 1)
    folder = tmp_path / "DHF1K" / "train"
    for name in (".ipynb_checkpoints", "__MACOSX", "001 (1)"):
        (folder / name / "maps").mkdir(parents=True)
    for name in ("._0001.png", "0001 (1).png", "0002 copy.png"):
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "001" / "maps" / name)
        (folder / "001" / "images" / name).touch()
    assert description.videos(tmp_path, "train", 1) == before
    (folder / "0001" / "maps").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"train/0001 and .*train/001 are both folders of one video"):
        description.videos(tmp_path, "train", 1)


def test_dhf1ks_two_spellings_of_a_name_are_one_video(tmp_path):
    (tmp_path / "DHF1K" / "video").mkdir(parents=True)
    (tmp_path / "DHF1K" / "annotation").mkdir()
    write_list(tmp_path, "DHF1K", "test", "_1", "601 10 30\n0601 10 30\n")
    with pytest.raises(ValueError, match="lines 1 and 2 both name '0601'"):
        dataset("dhf1k").videos(tmp_path, "test", 1)
    write_list(tmp_path, "DHF1K", "test", "_1", "601 10 30\n")
    for name in ("601.AVI", "0601.avi", "._601.AVI"):
        (tmp_path / "DHF1K" / "video" / name).touch()
    with pytest.raises(ValueError, match=r"0601\.avi and .*/601\.AVI are both files of one video"):
        dataset("dhf1k").videos(tmp_path, "test", 1)
