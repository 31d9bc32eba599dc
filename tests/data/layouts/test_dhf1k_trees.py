"""Trees of DHF1K as they are handed on: other names of folders, mat files, and what is missing in the middle."""

import numpy as np
import pytest
from conftest import write_dhf1k, write_list
from PIL import Image
from real_files import needs_real, real
from scipy.io import savemat

from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.dataset import dataset
from avsal_bench.data.describing import description_text, look_at_tree
from avsal_bench.data.files.fixation_files import read_fixations
from avsal_bench.data.files.presence import check_truth
from avsal_bench.data.layouts.described import described_sets
from avsal_bench.data.layouts.dhf1k_layouts import annotations_of
from avsal_bench.workers import Workers

DHF1K = dataset("dhf1k")


def video(root, name="0601"):
    return next(v for part in ("test", "train") for v in DHF1K.videos(root, part, 1) if v.name == name)


def rename(folder, place, form):
    """Put the fixation maps of a video into another place, in another form."""
    for path in sorted((folder / "fixations").iterdir()):
        target = folder / place / path.with_suffix(f".{form}").name
        target.parent.mkdir(parents=True, exist_ok=True)
        if form == "mat":
            savemat(target, {"I": np.asarray(Image.open(path))})
            path.unlink()
        else:
            path.rename(target)
    if not any((folder / "fixations").iterdir()):
        (folder / "fixations").rmdir()


PLACES = [("fixation", "png"), ("fixation/maps", "mat"), ("fixations/maps", "mat"), ("fixations", "png")]


@pytest.mark.parametrize(("place", "form"), PLACES)
def test_fixation_maps_are_read_wherever_they_lie(tmp_path, place, form):
    write_dhf1k(tmp_path, n_frames=2)
    before = read_fixations(video(tmp_path).fixations.path(2))
    rename(tmp_path / "DHF1K/val/601", place, form)
    one = video(tmp_path)
    assert one.fixations.path(2) == tmp_path / f"DHF1K/val/601/{place}/0002.{form}"
    assert (read_fixations(one.fixations.path(2)) == before).all()
    check_truth(one)


@pytest.mark.parametrize(("place", "form"), PLACES)
def test_a_described_set_finds_them_too(tmp_path, place, form):
    write_dhf1k(tmp_path, n_frames=2)
    text = "name: lab\nlayout: dhf1k\nfolder: DHF1K\nfps: 30\nsplit: {folders: {train: train, test: val}}\n"
    (tmp_path / "dataset.yaml").write_text(text)
    rename(tmp_path / "DHF1K/val/601", place, form)
    (tmp_path / "DHF1K/val/601/observers.csv").write_text("video,observer,frame,x,y\n601,a,1,1,1\n")
    (one,) = described_sets(tmp_path)["lab"].videos(tmp_path, "test", 1)
    assert one.fixations.path(2) == tmp_path / f"DHF1K/val/601/{place}/0002.{form}"
    assert one.gaze == tmp_path / "DHF1K/val/601/observers.csv"
    assert described_sets(tmp_path)["lab"].videos(tmp_path, "train", 1)[0].fixations.folder.name == "fixations"


def test_a_described_set_that_names_them_finds_those_alone(tmp_path):
    write_dhf1k(tmp_path, n_frames=2)
    text = "name: lab\nlayout: dhf1k\nfolder: DHF1K\nfps: 30\nsplit: {folders: {train: train, test: val}}\n"
    (tmp_path / "dataset.yaml").write_text(
        text + 'files: {fixations: "DHF1K/{part}/{name}/fixations/{frame:04}.png"}\n'
    )
    rename(tmp_path / "DHF1K/val/601", "fixation", "png")
    (one,) = described_sets(tmp_path)["lab"].videos(tmp_path, "test", 1)
    assert one.fixations.folder == tmp_path / "DHF1K/val/601/fixations"


def test_two_folders_of_fixation_maps_are_an_error_and_a_link_is_none(tmp_path):
    write_dhf1k(tmp_path, n_frames=2)
    folder = tmp_path / "DHF1K/val/601"
    (folder / "fixation").symlink_to("fixations")
    assert video(tmp_path).n_frames == 2
    (folder / "fixation").unlink()
    (folder / "fixation").mkdir()
    assert video(tmp_path).fixations.folder == folder / "fixations", "an empty one"
    (folder / "fixation/0001.png").write_bytes((folder / "fixations/0001.png").read_bytes())
    with pytest.raises(
        ValueError, match=r"601/fixation and .*601/fixations are both fixation maps of one video; keep one"
    ):
        video(tmp_path)


@pytest.mark.parametrize("gone", ["maps/0002.png", "maps/0004.png", "fixations/0003.png", "fixations/0004.png"])
def test_a_file_that_is_missing_in_the_middle_or_at_the_end_is_named(tmp_path, gone):
    write_dhf1k(tmp_path, n_frames=4)
    (tmp_path / "DHF1K/val/601" / gone).unlink()
    one = video(tmp_path)
    assert one.n_frames == 4
    with pytest.raises(FileNotFoundError, match=rf"missing file .*601/{gone}; .* 4 frames, and 1 is missing"):
        check_truth(one)
    with Workers(1) as workers:
        found = [f for f in check_sets({"dhf1k": tmp_path}, workers).findings if f.video == "0601"]
    kind = "maps missing" if gone.startswith("maps") else "fixations missing"
    assert (kind, f"frame {int(gone[-8:-4])}") in [(f.kind, f.where) for f in found]


def test_a_number_that_no_frame_has_is_told(tmp_path):
    write_dhf1k(tmp_path, n_frames=2)
    (tmp_path / "DHF1K/val/601/maps/99999999.png").touch()
    with pytest.raises(ValueError, match=r"maps/99999999\.png: no video has so many frames"):
        video(tmp_path)


def published(root):
    write_list(root, "DHF1K", "train", "_1", "0001 2 30\n")
    write_list(root, "DHF1K", "test", "_1", "0601 2 30\n")
    for name in ("0001", "0601"):
        for part in ("maps", "fixation"):
            (root / f"DHF1K/annotation/{name}/{part}").mkdir(parents=True)
            for n in (1, 2):
                Image.new("L", (64, 48), 255).save(root / f"DHF1K/annotation/{name}/{part}/{n:04d}.png")


def test_annotations_alone_are_the_form_as_published(tmp_path):
    published(tmp_path)
    one = video(tmp_path)
    assert (one.n_frames, one.gaze) == (2, None)
    check_truth(one)
    (tmp_path / "DHF1K/annotation/0601/observers.csv").touch()
    assert video(tmp_path).gaze == tmp_path / "DHF1K/annotation/0601/observers.csv"
    (tmp_path / "DHF1K/annotation/0601/fixation/maps").mkdir()
    assert video(tmp_path).fixations.suffix == ".png", "an empty folder holds no mat files"
    write_dhf1k(tmp_path, n_frames=3)
    assert video(tmp_path).n_frames == 3, "extracted frames go before annotations without videos"
    (tmp_path / "DHF1K/video").mkdir()
    assert video(tmp_path).n_frames == 2


def test_where_the_annotations_of_a_video_belong(tmp_path):
    assert annotations_of(tmp_path, DHF1K, "0002") == tmp_path / "DHF1K/annotation/0002"
    write_dhf1k(tmp_path, n_frames=1)
    assert annotations_of(tmp_path, DHF1K, "0002") == tmp_path / "DHF1K/train/002"
    assert annotations_of(tmp_path, DHF1K, "0601") == tmp_path / "DHF1K/val/601"
    assert annotations_of(tmp_path, DHF1K, "0009") is None
    (tmp_path / "DHF1K/video").mkdir()
    assert annotations_of(tmp_path, DHF1K, "0009") == tmp_path / "DHF1K/annotation/0009"


@needs_real("dhf1k_0601")
def test_the_published_form_of_0601_is_described_by_a_look(tmp_path):
    for part, name in (("train", "0001"), ("train", "0002"), ("val", "0601")):
        place = tmp_path / "lab" / part / name
        for kind, suffix in (("images", "jpg"), ("maps", "png"), ("fixation", "png"), ("fixation/maps", "mat")):
            (place / kind).mkdir(parents=True)
            for n in (1, 2, 3):
                (place / kind / f"{n:04d}.{suffix}").write_bytes(
                    real("dhf1k_0601", kind, f"{n:04d}.{suffix}").read_bytes()
                )
    found = look_at_tree(tmp_path)
    (tmp_path / "dataset.yaml").write_text(description_text(found))
    (one,) = described_sets(tmp_path)["lab"].videos(tmp_path, "test", 1)
    assert one.fixations.path(1) == tmp_path / "lab/val/0601/fixation/0001.png"
    assert one.n_frames == 3
