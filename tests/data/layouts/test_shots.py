"""Hollywood-2 and UCF Sports: shots, gaps in numbers, endings, UNISAL's splits, and what is wrong in copies."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from shot_trees import CLIPS, SHOTS, SIZE, blob, write_hollywood2, write_ucf

from avsal_bench.cli import main
from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.audit.blobs import are_blobs, pixels_and_groups
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import dataset, resolve_name
from avsal_bench.data.files import truth_files
from avsal_bench.data.files.frames import read_frames
from avsal_bench.data.files.presence import check_videos
from avsal_bench.data.layouts.listed import told_by_number
from avsal_bench.data.layouts.lists import story_of_lists
from avsal_bench.data.layouts.numbered_pictures import alike, numbered_in
from avsal_bench.data.places import NamedFiles, NumberedFiles
from avsal_bench.data.sets.without_sound import hollywood2, ucf
from avsal_bench.data.statistics.stats import set_stats
from avsal_bench.spec import ClipSpec
from avsal_bench.workers import Workers


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("shots")
    write_hollywood2(root)
    write_ucf(root)
    return root


@pytest.fixture
def root(written, tmp_path):
    shutil.copytree(written, tmp_path / "data")
    return tmp_path / "data"


def videos(name, root, part="train"):
    return dataset(name).videos(root, part, 1)


def found(name, root):
    with Workers(0) as workers:
        return {(f.kind, f.video): f for f in check_sets({name: root}, workers).findings}


def test_a_shot_is_a_video_and_its_frames_have_the_numbers_of_the_video(written):
    listed = {v.name: v for v in videos("hollywood2", written)}
    assert list(listed) == [f"actioncliptrain{video:05d}_{shot}" for video, shot in SHOTS["train"]]  # 10 after 2
    assert [v.n_frames for v in listed.values()] == list(SHOTS["train"].values())
    assert [listed[f"actioncliptrain00002_{shot}"].frames.first for shot in (1, 2, 10)] == [3, 11, 17]
    second = listed["actioncliptrain00002_2"]
    for files in second.parts.values():
        assert files.path(1).name == "actioncliptrain00002_00011.png"
    frame, density, fixated = blob(6 + 11, 8 + 22 % 20)
    assert (read_frames(second, [1], None)[:, 0].permute(1, 2, 0).numpy() == frame).all()
    assert (truth_files.density_levels(second, 1).numpy() == density).all()
    assert (truth_files.fixations(second, 1).numpy() == (fixated > 0)).all()
    assert listed["actioncliptrain00001_3"].n_frames == 1
    for part in ("train", "test"):
        check_videos(videos("hollywood2", written, part), audio=False)
    assert videos("hollywood2", written)[0].audio is None


def test_whole_videos_are_joined_in_the_order_of_numbers_not_of_names(written):
    first, second, *_ = videos("hollywood2_videos", written)
    assert (first.name, first.n_frames, second.name, second.n_frames) == (
        "actioncliptrain00001",
        5,
        "actioncliptrain00002",
        12,
    )
    shots = [second.frames.path(n).parent.parent.name.rpartition("_")[2] for n in range(1, 13)]
    assert shots == ["1"] * 5 + ["2"] * 3 + ["10"] * 4
    numbers = [int(second.densities.path(n).stem[-5:]) for n in range(1, 13)]
    assert numbers == [*range(3, 8), *range(11, 14), *range(17, 21)]  # three frames are missing at each cut
    check_videos(videos("hollywood2_videos", written), audio=False)
    apart = {v.name: v for v in videos("hollywood2", written)}["actioncliptrain00002_10"]
    assert (truth_files.density_levels(second, 9) == truth_files.density_levels(apart, 1)).all()
    assert not [kind for kind, _ in found("hollywood2_videos", written) if kind not in ("blobs", "remark")]


def test_unisal_has_747_training_videos_and_validates_on_75_of_them(written):
    assert len(hollywood2.VALIDATION) == 75
    shuffled = np.arange(1, hollywood2.REGISTER + 1)
    np.random.RandomState(42).shuffle(shuffled)
    assert set(shuffled[-75:].tolist()) == hollywood2.VALIDATION
    names = {part: [v.name for v in videos("hollywood2_unisal", written, part)] for part in ("train", "val", "test")}
    assert names["train"] == ["actioncliptrain00001_2", "actioncliptrain00001_3"]
    assert {name[15:20] for name in names["val"]} == {"00002", "00014"}
    assert "actioncliptrain00748_1" not in names["train"] + names["val"]
    assert names["test"] == [v.name for v in videos("hollywood2", written, "test")]


def test_ten_videos_of_ucf_validate_as_unisals_shuffle_has_it(written):
    assert len(ucf.VALIDATION) == 10
    names = {part: [v.name for v in videos("ucf_unisal", written, part)] for part in ("train", "val", "test")}
    assert names["val"] == ["Diving-Side-007"]
    assert sorted(names["train"] + names["val"]) == [v.name for v in videos("ucf", written)] == list(CLIPS["train"])
    module = SaliencyDataModule(DataConfig({"ucf_unisal": written}), ClipSpec(frames=4, size=(32, 32)))
    assert [v.name for v in module.val_videos()] == ["Diving-Side-007"]
    assert [v.name for v in module.fit_videos()] == names["train"]


def test_frames_are_found_by_their_stem_whatever_the_ending(written):
    tested = videos("ucf", written, "test")[0]
    assert (tested.name, tested.n_frames, tested.category) == ("Diving-Side-001", 12, "Diving-Side")
    assert isinstance(tested.frames, NamedFiles)
    assert [tested.frames.name(n) for n in (10, 11, 12)] == [
        "Diving-Side_001_010.png",
        "Diving-Side_001_011.jpg",
        "Diving-Side_001_012.png",
    ]
    assert tested.fixations.name(11) == "Diving-Side_001_011.png"
    assert read_frames(tested, [10, 11, 12], (24, 36)).shape == (3, 3, 24, 36)
    check_videos([tested], audio=False)
    assert {kind for kind, _ in found("ucf", written)} == {"blobs"}


def test_the_folders_may_have_the_names_that_loaders_give_them(written, tmp_path):
    for name, old, new in (("hollywood2", "Hollywood2_actions", "Hollywood2"), ("ucf", "ucf-002", "ucf-003")):
        shutil.copytree(written / old, tmp_path / new)
        assert len(videos(name, tmp_path)) == len(videos(name, written))
        assert resolve_name(new) == resolve_name(old) == name
    shutil.copytree(written / "ucf-002", tmp_path / "ucf-002")
    with pytest.raises(ValueError, match=r"ucf-002 and .*ucf-003 are both folders of ucf; keep one"):
        videos("ucf", tmp_path)


def test_fixations_may_be_mat_files_alone(tmp_path):
    write_hollywood2(tmp_path, {"train": {(1, 1): 2}}, mats=True, pngs=False)
    (video,) = videos("hollywood2", tmp_path)
    assert video.fixations.path(1).as_posix().endswith("fixation/maps/actioncliptrain00001_00003.mat")
    assert truth_files.fixations(video, 1).sum() == blob(9, 14)[2].sum()


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("hollywood2", lambda f: shutil.rmtree(f), "no folder .*Hollywood2_actions .or Hollywood2"),
        ("hollywood2", lambda f: shutil.rmtree(f / "training"), "no folder .*training"),
        ("hollywood2", lambda f: shutil.copytree(f / f"training/{TWO}_2", f / f"training/{TWO}_02"), "both shot"),
        (
            "hollywood2",
            lambda f: shutil.copy(
                f / f"training/{TWO}_2/images/{TWO}_00011.png", f / f"training/{TWO}_2/images/{TWO}_11.png"
            ),
            "are both frame 11; keep one",
        ),
        ("hollywood2", lambda f: shutil.copytree(f / f"training/{TWO}_2", f / f"testing/{TWO}_2"), "one name"),
        ("ucf", lambda f: shutil.copytree(f / "testing/Diving-Side-001", f / "training/Diving-Side-001"), "one name"),
        ("ucf", lambda f: (f / "training/Walk-Front-009").mkdir(), "no frames and no maps in .*Walk-Front-009"),
        (
            "ucf",
            lambda f: shutil.copy(f / f"training/{CLIP}_002.png", f / f"training/{CLIP}_002.jpg"),
            "002.jpg and .*002.png are both frame 2",
        ),
        (
            "ucf",
            lambda f: shutil.copy(f / f"training/{CLIP}_002.png", f / f"training/{CLIP}_9000002.png"),
            "no video has so many frames",
        ),
    ],
)
def test_what_is_wrong_with_a_copy_is_named(root, name, damage, words):
    damage(root / dataset(name).folder)
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        videos(name, root)


def test_damage_of_a_folder_that_lists_are_made_of_is_a_finding(root):
    folder = root / "Hollywood2_actions/training"
    shutil.copytree(folder / f"{TWO}_2", folder / f"{TWO}_02")
    told = found("hollywood2", root)
    assert "are both shot 2 of one video" in told["list", ""].text
    assert "are both shot 2 of one video" in told["not checked", ""].text


TWO = "actioncliptrain00002"
CLIP = "Diving-Side-005/images/Diving-Side_005"


def test_a_frame_that_lacks_is_missed_and_shifts_nothing(root):
    folder = root / "ucf-002/testing/Diving-Side-001"
    (folder / "images/Diving-Side_001_005.png").unlink()
    (folder / "maps/Diving-Side_001_001.png").unlink()
    (video, _) = videos("ucf", root, "test")
    assert video.densities.path(2).name == "Diving-Side_001_002.png"
    with pytest.raises(FileNotFoundError, match=r"missing file .*Diving-Side_001_005.png"):
        check_videos([video], audio=False)
    kinds = found("ucf", root)
    assert kinds["frames missing", "Diving-Side-001"].where == "frame 5"
    assert kinds["maps missing", "Diving-Side-001"].where == "frame 1"
    folder = root / "Hollywood2_actions/training"
    (folder / f"{TWO}_2/maps/{TWO}_00012.png").unlink()
    shutil.rmtree(folder / f"{TWO}_10/fixation")
    joined = {v.name: v for v in videos("hollywood2_videos", root)}[TWO]
    with pytest.raises(FileNotFoundError, match=r"missing file .*_2/maps/actioncliptrain00002_00012.png"):
        check_videos([joined], audio=False)
    kinds = found("hollywood2_videos", root)
    assert kinds["maps missing", TWO].where == "frame 7"
    assert kinds["fixations missing", TWO].where == "frames 9-12"


def test_shots_without_a_frame_are_left_out_and_named(written):
    assert "1 folder of shots without a picture" in found("hollywood2", written)["remark", ""].text
    assert "actioncliptrain00001_1" in found("hollywood2_unisal", written)["remark", ""].text


def test_a_part_without_videos_is_an_error_that_names_it(tmp_path):
    write_hollywood2(tmp_path, {"train": {(3, 1): 2}})
    with pytest.raises(FileNotFoundError, match=r"no shot with frames of the part val in .*training"):
        videos("hollywood2_unisal", tmp_path, "val")
    with pytest.raises(FileNotFoundError, match="no data root"):
        videos("ucf", tmp_path / "nowhere")


def test_a_folder_is_listed_once_and_again_when_it_has_changed(root, monkeypatch):
    folder = root / "ucf-002/training/Diving-Side-005/images"
    files, count = numbered_in(folder, "Diving-Side_005_")
    assert (type(files), count) == (NumberedFiles, 6)
    listings = []
    scandir = __import__("os").scandir
    monkeypatch.setattr("os.scandir", lambda place: listings.append(place) or scandir(place))
    assert numbered_in(folder, "Diving-Side_005_") == (files, 6)
    assert not listings
    Image.new("RGB", SIZE[::-1]).save(folder / "Diving-Side_005_007.png")
    assert numbered_in(folder, "Diving-Side_005_")[1] == 7
    assert listings == [folder]
    assert numbered_in(root / "nowhere") == (None, 0)


def test_pictures_of_other_names_do_not_count_and_a_choice_is_an_error(tmp_path):
    for name in ("a_3.png", "a_5.png", "cover.png", "b_1.png", "Thumbs.db", "._a_4.png", "a_4.txt"):
        (tmp_path / name).write_bytes(b"x")
    files, count = numbered_in(tmp_path, "a_")
    assert (files.first, count, files.name(3)) == (3, 3, "a_5.png")
    with pytest.raises(ValueError, match=r"holds a_3.png and b_1.png, and no picture named c_<number>"):
        numbered_in(tmp_path, "c_")
    named = NamedFiles(tmp_path, "a_", 1, ".png", 4, names=("a_4.png", "a_5.jpg"))
    like = NumberedFiles(tmp_path, "a_", 1, ".png", 3)
    assert [alike(named, tmp_path, like).name(n) for n in (1, 2, 3)] == ["a_3.png", "a_4.png", "a_5.jpg"]
    later = NumberedFiles(tmp_path, "a_", 1, ".png", 5)
    assert alike(named, tmp_path, later).name(1) == "a_5.jpg"


def test_short_shots_train_and_are_tested(written):
    config = DataConfig({"hollywood2": written}, batch_size=2, val_fraction=0.2)
    module = SaliencyDataModule(config, ClipSpec(frames=8, size=(32, 32)))
    batch = next(iter(module.train_dataloader()))
    assert batch["frames"].shape == (2, 3, 8, 32, 32)
    tested = [frame for batch in module.predict_dataloader() for frame in batch["frame"]]
    assert len(tested) == 12  # every frame of every shot has a map
    numbers = set_stats("hollywood2", written, Workers(0))
    assert (numbers.videos, numbers.frames) == (10, 39)


def test_a_part_of_the_set_is_told_in_records(written):
    told = story_of_lists(written, dataset("hollywood2_videos"), 1)
    assert told == {"folds": [1], "own_list": {"videos": 2, "usual": 884}}
    whole = replace(dataset("ucf"), told=told_by_number("ucf", len(CLIPS["test"])))
    assert story_of_lists(written, whole, 1) == {"folds": [1]}


def test_blobs_are_told_from_points():
    points = np.zeros((60, 80), dtype=bool)
    points[np.arange(0, 60, 5), np.arange(0, 60, 5)] = True
    assert pixels_and_groups([points]) == (12, 12)
    assert not are_blobs(*pixels_and_groups([points] * 5))
    assert are_blobs(*pixels_and_groups([blob(9, 14)[2] > 0] * 5))


def test_the_commands_take_the_sets(written, tmp_path, capsys):
    main(["data", "get", "hollywood2_unisal", "--root", str(tmp_path), "--dry-run"])
    assert "Hollywood2_actions" in capsys.readouterr().out
    picture = tmp_path / "shown.png"
    assert main(["data", "show", "ucf", "Diving-Side-001", "--root", str(written), "--out", str(picture)]) == 0
    assert picture.stat().st_size
