"""Which file of any code belongs to which frame of which video."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from avsal_bench.data.dataset import Video
from avsal_bench.data.places import NumberedFiles
from avsal_bench.evaluation.pairing import beside, find_maps, other_folders
from avsal_bench.strays import strays


def a_video(name, n_frames=20):
    files = NumberedFiles(Path("nowhere"), "", 5, ".png")
    return Video("synth", name, n_frames, 25.0, files, files, files)


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def found(root, video, others=(), first=1):
    maps = find_maps(root, video, first, others)
    return {frame: path.name for frame, path in maps.files.items()}, [path.name for path in maps.extra]


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("1", {f"{n}.png": n for n in (1, 2, 11, 12, 15)}),
        ("1", {f"1_{n}.png": n for n in (1, 2, 11)}),
        ("1", {f"{n}_sal.png": n for n in (1, 2, 11)}),
        ("0601", {"0001.png": 1, "0600.png": 600, "0601.png": 601, "0602.png": 602}),
        ("0601", {"0601_0001.png": 1, "0601_0601.png": 601}),
        ("0601", {"0600_sal.png": 600, "0601_sal.png": 601}),
        ("601", {"0601.png": 601, "6010.png": None}),
        ("v1", {f"v{n}.png": n for n in (1, 2, 10, 11)}),
        ("v1", {f"v1_{n:05d}.png": n for n in (1, 2, 11)}),
        ("v1", {"00001.png": 1, "v1.png": None}),
        ("clip2", {"clip2_00003.png": 3, "clip2frame4.png": 4, "pred_5.png": 5}),
        ("clip", {"clip00003.png": 3, "clip.png": None}),
        ("2 dogs", {"2 dogs 00002.png": 2, "3.png": 3}),
        ("100%", {"100%_7.png": 7, "8.png": 8}),
    ],
)
def test_numbers_in_the_folder_of_a_video_are_whole(tmp_path, name, files):
    touch(tmp_path / name, *files)
    frames, extra = found(tmp_path, a_video(name, 700))
    assert frames == {number: file for file, number in files.items() if number}
    assert extra == [file for file, number in files.items() if not number]


def test_a_still_has_the_name_of_its_image(tmp_path):
    still = a_video("COCO_val2014_000000000042", 1)
    touch(tmp_path / "own" / still.name, f"{still.name}.png")
    touch(tmp_path / "flat", f"{still.name}.png", "COCO_val2014_000000000420.png")
    for place in ("own", "flat"):
        assert found(tmp_path / place, still)[0] == {1: f"{still.name}.png"}


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (("clip",), {"clip_00001.png": ("clip", 1), "clip_2_00001.png": None, "clip_2_00002.png": None}),
        (("clip", "clip_2"), {"clip_00001.png": ("clip", 1), "clip_2_00001.png": ("clip_2", 1)}),
        (("clip", "clip_2"), {"clip_2.png": ("clip", 2), "clip_2_2.png": ("clip_2", 2)}),
        (("a", "a_1", "a_1_1"), {"a_1.png": ("a", 1), "a_1_1.png": ("a_1", 1), "a_1_1_1.png": ("a_1_1", 1)}),
        (("clip", "clip b"), {"clip b_3.png": ("clip b", 3), "clip c_3.png": None, "clip_two_3.png": None}),
        (
            ("clip",),
            {"clip_pred_sal_000004.png": ("clip", 4), "clip-frame5.jpg": ("clip", 5), "clip.6.npy": ("clip", 6)},
        ),
        (("clip",), {"clip_00007_sal.PNG": ("clip", 7), "clip7.png": None, "clipx_8.png": None, "clip.png": None}),
        (("1", "11"), {"1_5.png": ("1", 5), "11_5.png": ("11", 5), "111_5.png": None}),
        (("été",), {unicodedata.normalize("NFD", "été_3.png"): ("été", 3)}),
    ],
)
def test_in_one_folder_whole_names_match_the_longest_first_and_each_file_once(tmp_path, names, files):
    touch(tmp_path, *files)
    videos = [a_video(name) for name in names]
    used = {}
    for video in videos:
        frames, extra = found(tmp_path, video, videos)
        assert not extra
        used |= {file: (video.name, frame) for frame, file in frames.items()}
    assert used == {file: place for file, place in files.items() if place}
    assert {path.name for path in beside(tmp_path, videos)[0]} == {file for file, place in files.items() if not place}


def test_files_beside_the_folders_of_their_videos_are_named_but_for_pictures_of_their_names(tmp_path):
    videos = [a_video("clip"), a_video("clip_2"), a_video("flat")]
    touch(tmp_path / "clip", "0001.png")
    touch(tmp_path / "clip_2", "0001.png")
    touch(tmp_path, "clip.png", "clip_2.png", "clip_3.png", "clip_2_3.png", "flat_1.png", "other_1.png")
    maps = [find_maps(tmp_path, video, others=videos) for video in videos]
    assert [video.in_one_folder for video in maps] == [False, False, True]
    unused = {path.name for path in beside(tmp_path, videos, videos[:2])[0]}
    assert unused == {"clip_3.png", "clip_2_3.png", "other_1.png"}


def test_names_match_in_either_composition_of_their_accents(tmp_path):
    composed, parted = (unicodedata.normalize(form, "vidéo") for form in ("NFC", "NFD"))
    touch(tmp_path / "a" / parted, "0001.png")
    touch(tmp_path / "b" / composed, f"{parted}_0001.png")
    assert found(tmp_path / "a", a_video(composed))[0] == {1: "0001.png"}
    assert found(tmp_path / "b", a_video(parted))[0] == {1: f"{parted}_0001.png"}
    assert other_folders(tmp_path / "a", [a_video(composed)]) == []


def test_two_folders_of_one_video_are_an_error_but_not_one_by_two_names(tmp_path):
    touch(tmp_path / "one" / "clip", "0001.png")
    (tmp_path / "one" / "maps").symlink_to(tmp_path / "one")
    assert found(tmp_path / "one", a_video("clip"))[0] == {1: "0001.png"}
    touch(tmp_path / "two" / "clip", "0001.png")
    touch(tmp_path / "two" / "maps" / "clip", "0001.png")
    with pytest.raises(ValueError, match=r"synth/clip: .*two/clip and .*maps/clip may both hold its maps"):
        find_maps(tmp_path / "two", a_video("clip"))


def test_files_of_other_programs_are_ignored_and_named(tmp_path):
    left = [
        "._0001.png",
        ".DS_Store",
        "0001 (1).png",
        "0002 copy.png",
        "0003 - Copy (2).png",
        "0004 (1).png",
        "Thumbs.db",
    ]
    touch(tmp_path / "clip", "0001.png", "0002.png", "0003.png", *left)
    (tmp_path / "clip" / ".ipynb_checkpoints").mkdir()
    touch(tmp_path / "__MACOSX" / "clip", "._0001.png")
    maps = find_maps(tmp_path, a_video("clip"))
    assert sorted(maps.files) == [1, 2, 3]
    assert not maps.extra
    assert {path.name for path in maps.strays} == {*left, ".ipynb_checkpoints"}


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (["shot (1).png", "shot (2).png", "shot (3).png"], []),
        (["shot (1).png", "shot (2).png", "shot.png"], ["shot (1).png", "shot (2).png"]),
        (["clip 12 (1).png", "clip 12 (2).png", "notes.txt"], []),
        (["0001.png", "0002 Kopie.png", "0002.png~"], ["0002 Kopie.png", "0002.png~"]),
        (["copy", "my copy", "clip (2)", "desktop.ini", "Icon\r"], ["Icon\r", "desktop.ini"]),
        (["clip", "clip (2)", "clip copy", "$RECYCLE.BIN"], ["$RECYCLE.BIN", "clip (2)", "clip copy"]),
        (["avrsp-fold1-seed0.json", "avrsp-fold1-seed0 (1).json"], ["avrsp-fold1-seed0 (1).json"]),
    ],
)
def test_what_other_programs_leave(names, left):
    assert sorted(strays(names)) == left


def test_numbers_may_begin_elsewhere(tmp_path):
    touch(tmp_path / "3", "3.png", "4.png", "5.png")
    assert found(tmp_path, a_video("3", 3), first=3)[0] == {1: "3.png", 2: "4.png", 3: "5.png"}
    assert found(tmp_path, replace(a_video("3", 3), n_frames=9))[0] == {3: "3.png", 4: "4.png", 5: "5.png"}
