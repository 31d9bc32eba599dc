"""What was in an archive goes into the layout whatever folders are around it, and replaces nothing."""

import pytest

from avsal_bench.getting.placing import find_top, put_in_place

VIDEOS = ("V1_Speech1", "V2_Speech2", "caf\u00e9")


def tree(folder, *paths, content=b"x"):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("around", "path"),
    [
        ("", "V1_Speech1/img.jpg"),
        ("AVAD", "V1_Speech1/img.jpg"),
        ("video_frames/AVAD", "V1_Speech1/img.jpg"),
        ("some other name", "V1_Speech1/img.jpg"),
        ("home/user/data/AVAD", "V2_Speech2/maps/a.jpg"),
        ("AVAD", "V2_Speech2.wav"),
        ("AVAD", "cafe\u0301/a.jpg"),
    ],
)
def test_videos_are_found_however_deep_they_lie(tmp_path, around, path):
    tree(tmp_path, f"{around}/{path}" if around else path, "notes/readme.txt")
    assert find_top(tmp_path, "AVAD", VIDEOS) == tmp_path / around


def test_a_set_without_names_is_found_by_its_folder_or_is_all_there_is(tmp_path):
    assert find_top(tree(tmp_path / "a", "MIT/allstimuli/i1.jpeg", "MIT/more/x"), "ALLSTIMULI", ()).name == "allstimuli"
    assert find_top(tree(tmp_path / "b", "i1.jpeg", "i2.jpeg"), "ALLSTIMULI", ()) == tmp_path / "b"


@pytest.mark.parametrize("names", [VIDEOS, ()])
def test_the_archive_of_another_set_is_said_to_be_one(tmp_path, names):
    tree(tmp_path, "ETMD_av/movie/img.jpg", "ETMD_av/movie2/img.jpg")
    with pytest.raises(ValueError, match=r"holds no folder with .*, but ETMD_av, ETMD_av/movie, .*another set"):
        find_top(tmp_path, "AVAD", names)


def test_what_is_there_stays_and_the_rest_comes(tmp_path):
    new = tree(tmp_path / "new", "V1/img_1.jpg", "V1/img_2.jpg", "V2/maps/a.jpg", "V3/a.jpg")
    old = tree(tmp_path / "old", "V1/img_1.jpg", "V1/observers.csv", "V3/a.jpg")
    before = (old / "V1/img_1.jpg").stat().st_ino
    assert put_in_place(new, old) == (2, 2)
    assert sorted(path.name for path in (old / "V1").iterdir()) == ["img_1.jpg", "img_2.jpg", "observers.csv"]
    assert (old / "V2/maps/a.jpg").is_file()
    assert (old / "V1/img_1.jpg").stat().st_ino == before
    assert put_in_place(tree(tmp_path / "again", "V1/img_1.jpg"), old) == (0, 1)


@pytest.mark.parametrize("kind", ["content", "folder", "parent", "link"])
def test_files_that_differ_are_named_and_nothing_moves(tmp_path, kind):
    new = tree(tmp_path / "new", "V0/a.jpg", "V1/b.jpg")
    old = tmp_path / "old"
    if kind == "content":
        tree(old, "V1/b.jpg", content=b"mine")
    elif kind == "folder":
        (old / "V1/b.jpg").mkdir(parents=True)
    elif kind == "parent":
        tree(old, "V1", content=b"mine")
    else:
        (old / "V1").mkdir(parents=True)
        (old / "V1/b.jpg").symlink_to("/nowhere")
    with pytest.raises(ValueError, match=r"1 file in .*old differ from those of the archive, .*V1.*Move them away"):
        put_in_place(new, old)
    assert not (old / "V0").exists()


def test_an_interrupted_move_is_taken_up_again(tmp_path, monkeypatch):
    new = tree(tmp_path / "new", *(f"V{n}/{k}.jpg" for n in range(3) for k in range(2)))
    moved, rename = [], type(new).rename

    def interrupted(path, target):
        moved.append(path)
        if len(moved) == 2:
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(new), "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            put_in_place(new, tmp_path / "old")
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["V0"]
    assert len([*(tmp_path / "old/V0").iterdir()]) == 2  # no half of a video
    assert put_in_place(tree(tmp_path / "new", "V0/0.jpg", "V0/1.jpg"), tmp_path / "old") == (4, 2)
