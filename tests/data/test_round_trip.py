"""Sets whose files say which frame they are, read back through the data module: nothing is off by one."""

import gc
import resource
import shutil
from pathlib import Path

import pytest
import torch
from conftest import SIX_SETS, write_list
from encoded import (
    DHF1K_FORMS,
    FORMS,
    RATES,
    Excerpt,
    density,
    read_density,
    read_fixations,
    read_picture,
    read_tones,
    tone,
    write_encoded,
)
from PIL import Image
from streamed import frames_of

from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import SIX, dataset, expand
from avsal_bench.data.files.frames import read_frames
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.data.files.presence import check_video, check_videos
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, read_fold_list
from avsal_bench.data.places import NumberedFiles
from avsal_bench.data.windows import window
from avsal_bench.evaluation.truth import Truth
from avsal_bench.spec import ClipSpec
from avsal_bench.workers import Workers

T = 4
FRONT = Excerpt()

# Every set; all forms and all frame rates among them.
CASES = [
    *((name, FORMS[i], list(RATES)[i % 4]) for i, name in enumerate(SIX_SETS)),
    ("etmd", "mp4", 29.97),
    ("avad", "pictures", 29.97),
    ("diem", "mkv", 30),
    *(("dhf1k", form, 30) for form in DHF1K_FORMS),
]


def spec_of(name, target="last"):
    return ClipSpec(T, (32, 48), target=target, audio=None if name == "dhf1k" else FRONT)


def module(root, name, target="last", **options):
    return SaliencyDataModule(DataConfig({name: root}, batch_size=2, flip=0.0, **options), spec_of(name, target))


def check_batch(batch, numbers, videos, target):
    """Every item of a batch is what its name and number say."""
    for i, (name, frame) in enumerate(zip(batch["video"], batch["frame"], strict=True)):
        video, listed = numbers[name], videos[name]
        clip = window(frame, listed.n_frames, T, target)
        assert [read_picture(picture) for picture in frames_of(batch)[i].unbind(1)] == [(video, n) for n in clip.frames]
        if batch["density"] is not None:
            assert read_density(batch["density"][i]) == (video, frame)
        if batch["audio"] is not None:
            heard = read_tones(batch["audio"][i], clip, listed.fps, FRONT.sample_rate)
            assert heard == pytest.approx([tone(video, n) for n in dict.fromkeys(clip.frames)], abs=45)


@pytest.mark.parametrize("target", ["last", "middle"])
@pytest.mark.parametrize(("name", "form", "rate"), CASES)
def test_round_trip(tmp_path, name, form, rate, target):
    numbers = write_encoded(tmp_path, name, form, RATES[rate])
    data = module(tmp_path, name, target, clips_per_video=6, val_stride=2)
    listed = [v for part in ("train", "test") for v in data.listed(part)]
    check_videos(listed, audio=name != "dhf1k")
    videos = {v.name: v for v in listed}
    assert {v.name: v.n_frames for v in listed} == dict(zip(numbers, (7, 12, 3, 6, 11), strict=True))
    drawn, validated, tested = (
        list(loader) for loader in (data.train_dataloader(), data.val_dataloader(), data.predict_dataloader())
    )
    for batch in drawn + validated + tested:
        check_batch(batch, numbers, videos, target)
    assert len(drawn) == 3
    assert sum(len(batch["frame"]) for batch in validated) in (3, 6)
    places = [place for batch in tested for place in zip(batch["video"], batch["frame"], strict=True)]
    assert places == [(v.name, n) for v in data.listed("test") for n in range(1, v.n_frames + 1)]
    for video in listed:
        truth = Truth(video)
        for n in range(1, video.n_frames + 1):
            assert read_fixations(truth.fixations([n])[0]) == (numbers[video.name], n)
            assert read_density(truth.densities([n])[0] / 255) == (numbers[video.name], n)


@pytest.mark.parametrize(
    "form", [pytest.param(form, marks=() if form in ("pictures", "mp4") else pytest.mark.slow) for form in FORMS]
)
def test_workers_change_nothing(tmp_path, form):
    write_encoded(tmp_path, "avad", form, RATES[25])
    # A reader that is open here must not be used there: it would hang.
    read_frames(module(tmp_path, "avad").listed("test")[0], [1], (32, 48))
    for make in ("train_dataloader", "val_dataloader", "predict_dataloader"):
        alone, shared = (
            list(getattr(module(tmp_path, "avad", num_workers=n, clips_per_video=3, val_stride=2), make)())
            for n in (0, 2)
        )
        assert len(alone) == len(shared) > 0
        for one, other in zip(alone, shared, strict=True):
            assert one.keys() == other.keys()
            for key, value in one.items():
                same = torch.equal(value, other[key]) if isinstance(value, torch.Tensor) else value == other[key]
                assert same, key


@pytest.mark.parametrize("form", ["pictures", "mp4"])
@pytest.mark.parametrize("target", ["last", "middle"])
def test_round_trip_of_the_prepared_form(tmp_path, form, target):
    numbers = write_encoded(tmp_path, "avad", form, RATES[29.97])
    data = module(tmp_path, "avad", target)
    listed = [v for part in ("train", "test") for v in data.listed(part)]
    plain = [list(loader) for loader in (data.train_dataloader(), data.predict_dataloader())]
    prepare_videos(listed[1:], (32, 48), FRONT.sample_rate, Workers(1))
    assert data.prepared_count() == (4, 5)
    check_videos(listed, audio=True)
    prepare_videos(listed, (32, 48), FRONT.sample_rate, Workers(1))
    assert data.prepared_count() == (5, 5)
    fast = [list(loader) for loader in (data.train_dataloader(), data.predict_dataloader())]
    for before, after in zip(plain[0] + plain[1], fast[0] + fast[1], strict=True):
        assert torch.equal(frames_of(before), frames_of(after))
        assert torch.equal(before["audio"], after["audio"])
        check_batch(after, numbers, {v.name: v for v in listed}, target)
    path = listed[2].frames.path if form == "mp4" else listed[2].frames.path(2)
    path.touch()
    check_videos(listed, audio=True)  # its contents are the same
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match=r"avad/vidéo 601: its frames have changed since it was prepared"):
        check_videos(listed, audio=True)


def test_the_six_sets_at_once_each_in_another_form(tmp_path):
    roots, numbers = {}, {}
    for name, form in zip(expand(["six"]), FORMS, strict=True):
        roots[name] = tmp_path / form
        numbers[name] = write_encoded(roots[name], name, form, RATES[25])
    data = SaliencyDataModule(DataConfig(roots, 3, batch_size=4, flip=0.0), spec_of("six"))
    assert tuple(roots) == SIX
    assert data.prepared_count() == (0, 30)
    videos = {v.key: v for part in ("train", "test") for v in data.listed(part)}
    seen = set()
    for batch in [*data.train_dataloader(), *data.predict_dataloader()]:
        for i, (name, video, frame) in enumerate(zip(batch["dataset"], batch["video"], batch["frame"], strict=True)):
            clip = window(frame, videos[f"{name}/{video}"].n_frames, T)
            wanted = [(numbers[name][video], n) for n in clip.frames]
            assert [read_picture(frame) for frame in frames_of(batch)[i].unbind(1)] == wanted
            seen.add(name)
    assert seen == set(SIX)


def test_a_group_of_sets_has_a_name():
    assert expand(["six"]) == list(SIX)
    assert expand(["AVAD", "six", "synth", "avad"]) == [
        "avad",
        "diem",
        "coutrot1",
        "coutrot2",
        "etmd",
        "summe",
        "synth",
    ]
    with pytest.raises(ValueError, match="unknown data set 'sixty'"):
        expand(["sixty"])


def test_dhf1k_sets_the_same_videos_aside_in_both_forms(tmp_path):
    aside = []
    for form in DHF1K_FORMS:
        write_encoded(tmp_path / form, "dhf1k", form, RATES[30], train=(4,) * 5, test=(4,))
        aside.append([v.key for v in module(tmp_path / form, "dhf1k").val_videos()])
    assert aside[0] == aside[1] == aside[2]


def test_lists_come_with_the_package_and_the_root_may_hold_its_own(tmp_path):
    (tmp_path / "video_files" / "AVAD").mkdir(parents=True)
    (tmp_path / "annotations" / "AVAD").mkdir(parents=True)
    (tmp_path / "DHF1K" / "video").mkdir(parents=True)
    (tmp_path / "DHF1K" / "annotation").mkdir()
    assert [len(dataset("avad").videos(tmp_path, part, 1)) for part in ("train", "test")] == [30, 15]
    assert [len(dataset("dhf1k").videos(tmp_path, part, 1)) for part in ("train", "test")] == [600, 100]
    write_list(tmp_path, "AVAD", "test", "_1", "mine 3 25\n")
    assert [v.name for v in dataset("avad").videos(tmp_path, "test", 1)] == ["mine"]
    assert len(dataset("avad").videos(tmp_path, "test", 2)) == 15
    with pytest.raises(ValueError, match="fold: expected 1, 2 or 3, got 4; avad has no other"):
        dataset("avad").videos(tmp_path, "test", 4)


def test_every_packaged_list_is_read():
    paths = sorted(PACKAGED_LISTS.glob("*.txt"))
    assert len(paths) == 34 + 22 + 3, "of the six sets and DHF1K, of MVVA, of DAVE's own set"
    for path in paths:
        assert read_fold_list(path)


def test_a_set_that_is_there_in_part(tmp_path):
    write_encoded(tmp_path, "avad", "mp4", RATES[25])
    videos = module(tmp_path, "avad").listed("test")
    (tmp_path / "video_files/AVAD/vidéo 602.mp4").unlink()
    (tmp_path / "video_files/AVAD/vidéo 603.mp4").unlink()
    shutil.rmtree(tmp_path / "annotations/AVAD/vidéo 601")
    videos = module(tmp_path, "avad").listed("test")
    message = (
        r"avad/vidéo 602: missing video .*video_files/AVAD/vidéo 602.mp4; in all, 2 of 3 videos lack frames, "
        "1 of 3 videos lack saliency maps, 1 of 3 videos lack fixation maps, 2 of 3 videos lack sound"
    )
    with pytest.raises(FileNotFoundError, match=message):
        check_videos(videos, audio=True)
    with pytest.raises(FileNotFoundError, match=r"missing video .*vidéo 602.mp4$"):
        check_video(videos[1], audio=False)
    shutil.rmtree(tmp_path / "video_files")
    with pytest.raises(FileNotFoundError, match=r"avad: no folder .*video_frames/AVAD; the layout is described in"):
        module(tmp_path, "avad").listed("test")


def test_pictures_that_are_there_in_part_are_no_video_file(tmp_path):
    write_encoded(tmp_path, "avad", "pictures", RATES[25])
    shutil.rmtree(tmp_path / "video_frames/AVAD/vidéo 602")
    message = (
        r"missing file .*vidéo 602/img_00001.jpg; the list asks for 6 frames, and 6 are missing .*1 of 3 videos lack"
    )
    with pytest.raises(FileNotFoundError, match=message):
        check_videos(module(tmp_path, "avad").listed("test"), audio=True)


def test_two_files_of_one_video_are_an_error(tmp_path):
    write_encoded(tmp_path, "avad", "mp4", RATES[25])
    shutil.copy(tmp_path / "video_files/AVAD/vidéo 602.mp4", tmp_path / "video_files/AVAD/vidéo 602.MKV")
    with pytest.raises(ValueError, match=r"vidéo 602.MKV and .*vidéo 602.mp4 are both files of one video; keep one"):
        module(tmp_path, "avad").listed("test")


def test_a_symlinked_root_and_endings_in_capitals(tmp_path):
    numbers = write_encoded(tmp_path / "there", "summe", "mov", RATES[24])
    for path in (tmp_path / "there/video_files/SumMe").iterdir():
        path.rename(path.with_suffix(".MOV"))
    (tmp_path / "link").symlink_to(tmp_path / "there")
    data = module(tmp_path / "link", "summe")
    check_videos(data.listed("test"), audio=True)
    for batch in data.predict_dataloader():
        check_batch(batch, numbers, {v.name: v for v in data.listed("test")}, "last")


def test_maps_of_another_size_than_the_frames_train_all_the_same(tmp_path):
    numbers = write_encoded(tmp_path, "avad", "mp4", RATES[25])
    data = module(tmp_path, "avad")
    for video in data.listed("train"):
        for n in range(1, video.n_frames + 1):
            Image.fromarray(density(numbers[video.name], n, (128, 192))).save(video.densities.path(n))
    for batch in data.train_dataloader():
        assert batch["density"].shape[1:] == (32, 48)


def test_gaze_and_the_prepared_form_have_their_places(tmp_path):
    write_encoded(tmp_path, "avad", "pictures", RATES[25])
    (tmp_path / "annotations/AVAD/vidéo 602/observers.csv").write_text("")
    videos = module(tmp_path, "avad").listed("test")
    assert [v.gaze is not None for v in videos] == [False, True, False]
    assert [v.prepared for v in videos] == [tmp_path / "prepared" / "AVAD" / v.name for v in videos]
    assert all(isinstance(v.frames, NumberedFiles) for v in videos)


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


@pytest.mark.parametrize(
    ("form", "workers"),
    [
        pytest.param("pictures", 0, marks=pytest.mark.slow),
        pytest.param("mp4", 0, marks=pytest.mark.slow),
        pytest.param("mp4 and wav", 2, marks=pytest.mark.slow),
    ],
)
def test_epochs_leak_neither_files_nor_memory(tmp_path, form, workers):
    write_encoded(tmp_path, "avad", form, RATES[25], train=(12,) * 6, test=(30, 30, 30))
    spec = ClipSpec(T, (160, 240), audio=FRONT)
    data = SaliencyDataModule(
        DataConfig({"avad": tmp_path}, batch_size=4, num_workers=workers, clips_per_video=4), spec
    )
    files, memory = [], []
    for epoch in range(4):
        loader = data.train_dataloader()
        loader.sampler.set_epoch(epoch)
        for source in (loader, data.val_dataloader(), data.predict_dataloader()):
            for batch in source:
                assert frames_of(batch).shape[1:] == (3, T, 160, 240)
        del batch, source, loader
        gc.collect()
        files.append(open_files())
        memory.append(resident())
    # The first epoch opens what stays open, and fills the caches. Queues of workers close a moment after them.
    assert files[3] <= files[0] + 4 * workers, files
    # The three later epochs read 150 MB of frames. The slack is for decoders and what the allocator keeps.
    assert memory[3] - memory[0] < 24, memory
