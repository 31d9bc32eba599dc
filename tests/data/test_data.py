"""Layouts, files and the data module; bad files give errors that name them, and nothing is skipped."""

import shutil
from functools import partial

import numpy as np
import pytest
import scipy.io
import soundfile
import torch
from conftest import SIX_SETS, write_list, write_video
from PIL import Image

from avsal_bench.audio.waveform import Waveform
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.items import read_item
from avsal_bench.data.clips.sampler import ClipSampler, share_videos
from avsal_bench.data.dataset import dataset, list_datasets
from avsal_bench.data.files.fixation_files import read_fixations
from avsal_bench.data.files.frames import read_clip, read_frame, read_frames
from avsal_bench.data.files.images import read_density
from avsal_bench.data.files.presence import check_video, check_videos
from avsal_bench.data.files.sound_files import read_audio
from avsal_bench.data.layouts.lists import read_fold_list
from avsal_bench.data.setting_aside import fit_and_val, hold_out
from avsal_bench.data.windows import window
from avsal_bench.spec import ClipSpec

SPEC = ClipSpec(frames=8, size=(32, 64), audio=Waveform(8))
SILENT_SPEC = ClipSpec(frames=8, size=(32, 64))


@pytest.fixture
def etmd(tmp_path):
    """A small ETMD root: two training videos and one test video of 20 frames."""
    for i in range(3):
        write_video(tmp_path, "ETMD_av", f"clip {i}", 20, seed=i)
    write_list(tmp_path, "ETMD_av", "train", "_1", "clip 0 20 25.0\n\nclip 1 20 25.0")
    write_list(tmp_path, "ETMD_av", "test", "_1", "\nclip 2 20 25.000000\n\n")
    return tmp_path


def module(root, spec=SPEC, name="etmd", **options):
    return SaliencyDataModule(DataConfig({name: root}, batch_size=2, **options), spec)


def check(data, part):
    for video in data.listed(part):
        check_video(video, audio=data.spec.audio is not None)


def test_blank_lines_and_a_missing_last_newline_are_fine(etmd):
    assert [v.name for v in module(etmd).listed("train")] == ["clip 0", "clip 1"]
    assert [v.name for v in module(etmd).listed("test")] == ["clip 2"]


@pytest.mark.parametrize("line", ["only_a_name", "name 12", "name twelve 25.0", "name 12 25,0", "name 0 25.0"])
def test_a_bad_line_is_named(tmp_path, line):
    path = write_list(tmp_path, "AVAD", "train", "_1", f"good 10 25.0\n{line}\n")
    with pytest.raises(ValueError, match=rf"AVAD_list_train_1_fps.txt:2: expected 'name n_frames fps', got '{line}'"):
        read_fold_list(path)


def test_an_empty_list_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="names no video"):
        read_fold_list(write_list(tmp_path, "AVAD", "train", "_1", "\n\n"))


def test_root_absent(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"etmd: no data root .*nowhere; set AVSAL_DATA or --data-root"):
        module(tmp_path / "nowhere").listed("train")


@pytest.mark.parametrize("folder", ["video_frames/ETMD_av", "annotations/ETMD_av"])
def test_root_that_lacks_a_folder(etmd, folder):
    shutil.rmtree(etmd / folder)
    with pytest.raises(FileNotFoundError, match=f"etmd: no folder .*{folder}; the layout is described in"):
        module(etmd).listed("train")


def test_lists_that_the_root_lacks_come_from_the_package_if_it_has_them(etmd, synth_root, tmp_path):
    shutil.rmtree(etmd / "fold_lists")
    assert len(module(etmd).listed("train")) == 8
    with pytest.raises(FileNotFoundError, match=r"etmd/CRA_1_color: missing file .*in all, 8 of 8 videos lack frames"):
        check_videos(module(etmd).listed("train"), audio=True)
    root = tmp_path / "linked"
    root.mkdir()
    for folder in ("video_frames", "annotations", "video_audio"):
        (root / folder).symlink_to(synth_root / folder)
    with pytest.raises(FileNotFoundError, match=r"synth: no folder .*fold_lists; the layout is described in"):
        module(root, name="synth").listed("train")


def test_a_list_in_another_encoding_is_named(tmp_path):
    path = write_list(tmp_path, "AVAD", "train", "_1", "")
    path.write_bytes("vidéo 12 25\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"AVAD_list_train_1_fps.txt: the list is not in UTF-8 .*byte 3"):
        read_fold_list(path)
    path.write_bytes("\ufeffvidéo 12 25\r\n".encode())
    assert read_fold_list(path) == [("vidéo", 12, 25.0)]


@pytest.mark.parametrize(
    "file",
    [
        "video_frames/ETMD_av/clip 1/img_00011.jpg",
        "annotations/ETMD_av/clip 1/maps/eyeMap_00011.jpg",
        "annotations/ETMD_av/clip 1/fixMap_00011.mat",
    ],
)
def test_a_file_missing_in_the_middle_is_found_before_training(etmd, file):
    (etmd / file).unlink()
    with pytest.raises(FileNotFoundError, match=f"etmd/clip 1: missing file .*{file}; the list asks for 20 frames"):
        check(module(etmd), "train")


def test_a_missing_sound_is_an_error_only_for_a_network_that_hears(etmd):
    (etmd / "video_audio/ETMD_av/clip 1/clip 1.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"etmd/clip 1: missing sound .*clip 1.wav; an 'av' network needs it"):
        check(module(etmd), "train")
    check(module(etmd, SILENT_SPEC), "train")


def test_a_sound_shorter_than_the_video_is_an_error(etmd):
    path = etmd / "video_audio/ETMD_av/clip 1/clip 1.wav"
    soundfile.write(path, np.zeros(22050 // 4), 22050)
    with pytest.raises(ValueError, match=r"clip 1.wav: 0.25 s of sound for 0.80 s of video \(20 frames at 25 a second"):
        check(module(etmd), "train")
    soundfile.write(path, np.zeros(int(22050 * 0.7)), 22050)
    check(module(etmd), "train")


def test_a_sound_that_is_no_sound_is_an_error(etmd):
    (etmd / "video_audio/ETMD_av/clip 1/clip 1.wav").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match=r"unreadable sound .*clip 1.wav"):
        check(module(etmd), "train")


def test_a_truncated_jpg_is_an_error(etmd):
    path = etmd / "video_frames/ETMD_av/clip 2/img_00005.jpg"
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(ValueError, match=r"unreadable image .*img_00005.jpg"):
        read_frame(path, (32, 64))
    with pytest.raises(ValueError, match=r"unreadable image .*img_00005.jpg"):
        list(module(etmd).predict_dataloader())


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_a_file_that_is_no_image_is_an_error(tmp_path, content):
    (tmp_path / "img.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"unreadable image .*img.jpg"):
        read_density(tmp_path / "img.jpg")


def test_a_density_of_16_bits_has_the_range_of_one_of_8(tmp_path):
    grey = np.arange(0, 256, 5, dtype=np.uint8).reshape(4, 13)
    Image.fromarray(grey).save(tmp_path / "8.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "16.png")
    fine = read_density(tmp_path / "16.png")
    assert (float(fine.min()), float(fine.max())) == (0.0, 1.0)
    torch.testing.assert_close(fine, read_density(tmp_path / "8.png"))


def test_a_fixation_map_that_is_none_is_an_error(tmp_path):
    (tmp_path / "bad.mat").write_bytes(b"no matlab file")
    with pytest.raises(ValueError, match=r"unreadable fixation map .*bad.mat"):
        read_fixations(tmp_path / "bad.mat")
    scipy.io.savemat(tmp_path / "other.mat", {"fixMap": np.zeros((2, 2))})
    with pytest.raises(ValueError, match=r"other.mat: no variable 'eyeMap' or 'I' or 'fixLocs' in it; fetch it again"):
        read_fixations(tmp_path / "other.mat")
    scipy.io.savemat(tmp_path / "text.mat", {"eyeMap": "text"})
    with pytest.raises(ValueError, match=r"text.mat: variable 'eyeMap' is no map of numbers"):
        read_fixations(tmp_path / "text.mat")
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (tmp_path / "new.mat").write_bytes(header + bytes(512))
    with pytest.raises(ValueError, match=r"new.mat: a .mat file of version 7.3, which is not read; save it with -v7"):
        read_fixations(tmp_path / "new.mat")
    with pytest.raises(FileNotFoundError, match=r"missing file .*absent.mat"):
        read_fixations(tmp_path / "absent.mat")


@pytest.mark.parametrize("variable", ["eyeMap", "I"])
@pytest.mark.parametrize("kind", [np.uint8, np.float64, bool])
def test_fixation_maps_of_both_kinds_of_mat(tmp_path, variable, kind):
    wanted = np.arange(12).reshape(3, 4) % 5 == 0
    scipy.io.savemat(tmp_path / "fix.mat", {variable: wanted.astype(kind), "other": 1})
    assert read_fixations(tmp_path / "fix.mat").equal(torch.from_numpy(wanted))


def test_every_set_is_described():
    assert {*SIX_SETS, "dhf1k", "synth", "synth_silent"} <= set(list_datasets())
    with pytest.raises(ValueError, match="unknown data set 'dime'; did you mean 'diem'"):
        dataset("dime")


def test_all_sets_are_read_under_their_real_names(real_root):
    roots = dict.fromkeys(SIX_SETS, real_root)
    for fold in (1, 2, 3):
        data = SaliencyDataModule(DataConfig(roots, fold), SPEC)
        for part in ("train", "test"):
            check(data, part)
        assert len(data.listed("train")) == 12
        assert len(data.fit_videos()) == len(data.val_videos()) == 6
    visual = SaliencyDataModule(DataConfig({"dhf1k": real_root}), SILENT_SPEC)
    check(visual, "train")
    batch = next(iter(visual.train_dataloader()))
    assert batch["frames"].shape == (2, 3, 8, 32, 64)
    assert batch["audio"] is None


def test_training_batch(etmd):
    data = module(etmd, clips_per_video=4)
    batch = next(iter(data.train_dataloader()))
    assert batch["frames"].shape == (2, 3, 8, 32, 64)
    assert batch["frames"].dtype == torch.uint8
    assert batch["audio"].shape == (2, 1, 17640)
    assert batch["density"].shape == (2, 32, 64)
    assert 0 <= batch["density"].min() < batch["density"].max() <= 1
    assert batch["dataset"] == ["etmd", "etmd"]


def test_draws_depend_on_seed_and_epoch_only(etmd):
    def frames(epoch, seed=0, workers=0):
        loader = module(etmd, clips_per_video=4, seed=seed, num_workers=workers).train_dataloader()
        loader.sampler.set_epoch(epoch)
        return [frame for batch in loader for frame in batch["frame"]]

    assert frames(3) == frames(3) == frames(3, workers=2)
    assert frames(3) != frames(4)
    assert frames(3) != frames(3, seed=1)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_resumed_run_draws_its_first_epoch_before_it_is_told_which_it_is(etmd, workers):
    """Reading processes start with the iterator, which Lightning makes before it sets the epoch."""

    def loader(first_epoch):
        data = module(etmd, clips_per_video=4, num_workers=workers)
        data.first_epoch = first_epoch
        return data.train_dataloader()

    undisturbed, resumed = loader(0), loader(3)
    undisturbed.sampler.set_epoch(3)
    wanted = [frame for batch in undisturbed for frame in batch["frame"]]
    resumed.sampler.set_epoch(0)
    batches = iter(resumed)
    resumed.sampler.set_epoch(3)
    assert [frame for batch in batches for frame in batch["frame"]] == wanted


def test_a_flip_turns_frames_and_map_alike(etmd):
    plain = next(iter(module(etmd, flip=0.0).train_dataloader()))
    flipped = next(iter(module(etmd, flip=1.0).train_dataloader()))
    assert torch.equal(plain["frames"].flip(-1), flipped["frames"])
    assert torch.equal(plain["density"].flip(-1), flipped["density"])
    assert torch.equal(plain["audio"], flipped["audio"])


def test_a_clip_without_gaze_is_drawn_again(etmd):
    maps = etmd / "annotations/ETMD_av/clip 0/maps"
    for path in sorted(maps.iterdir())[:-1]:
        Image.new("L", (64, 48)).save(path)
    for name in ("clip 0", "clip 1"):
        data = module(etmd)
        data.fit_videos = lambda name=name, data=data: [v for v in data.listed("train") if v.name == name]
        for batch in data.train_dataloader():
            assert batch["density"].flatten(1).any(1).all()
    shutil.rmtree(maps)
    maps.mkdir()
    for n in range(1, 21):
        Image.new("L", (64, 48)).save(maps / f"eyeMap_{n:05d}.jpg")
    data.fit_videos = lambda: data.listed("train")[:1]
    with pytest.raises(ValueError, match=r"etmd/clip 0: every saliency map is empty"):
        list(data.train_dataloader())


def test_test_windows_come_in_video_order_each_once(etmd):
    batches = list(module(etmd, test_batch_size=8).predict_dataloader())
    assert [len(b["frame"]) for b in batches] == [8, 8, 4]
    assert [f for b in batches for f in b["frame"]] == list(range(1, 21))
    assert batches[0]["density"] is None


def test_a_reverse_window_reverses_frames_and_sound(etmd):
    video = module(etmd).listed("test")[0]
    backwards, forwards = window(3, 20, 8), window(10, 20, 8)
    assert (backwards.first, backwards.last) == (forwards.first, forwards.last) == (3, 10)
    assert torch.equal(read_clip(video, backwards, (32, 64)), read_clip(video, forwards, (32, 64)).flip(1))
    sound = read_audio(video, forwards, SPEC.audio)
    # The window is symmetric, so that reversing the excerpt reverses the tensor; the excerpt is of odd length.
    torch.testing.assert_close(read_audio(video, backwards, SPEC.audio)[0, 1:], sound[0].flip(0)[:-1])


def test_stereo_is_mixed_down_and_another_rate_resampled(etmd):
    video = module(etmd).listed("test")[0]
    t = np.arange(44100 * 2) / 44100
    tone = 0.5 * np.sin(2 * np.pi * 440 * t)
    soundfile.write(video.audio, np.stack([tone, tone], 1), 44100)
    high = read_audio(video, window(12, 20, 8), SPEC.audio)
    t = np.arange(22050 * 2) / 22050
    soundfile.write(video.audio, 0.5 * np.sin(2 * np.pi * 440 * t), 22050)
    low = read_audio(video, window(12, 20, 8), SPEC.audio)
    assert high.shape == low.shape
    assert (high - low).abs().max() < 0.02 * low.abs().max()


def test_muted_is_silence(etmd):
    batch = next(iter(module(etmd, sound="muted").predict_dataloader()))
    assert not batch["audio"].any()
    assert next(iter(module(etmd).predict_dataloader()))["audio"].any()


def test_the_validation_part_of_a_set_validates_where_it_is_asked_for(real_root):
    """DHF1K's 100 videos, which play the test else; of a set without such a part videos are set aside all the same."""
    asked = []

    def listed(name, part):
        asked.append(part)
        return dataset(name).videos(real_root, part, 1)

    def keys(name, validation):
        asked.clear()
        return [
            [v.key for v in videos] for videos in fit_and_val(dataset(name), partial(listed, name), 0.1, validation)
        ]

    every = [v.key for v in dataset("dhf1k").videos(real_root, "train", 1)]
    fit, val = keys("dhf1k", "set_aside")
    assert (sorted(fit + val), asked) == (sorted(every), ["train"])
    assert keys("dhf1k", "official") == [every, [v.key for v in dataset("dhf1k").videos(real_root, "test", 1)]]
    assert keys("avad", "official") == keys("avad", "set_aside")
    assert asked == ["train"]
    assert [dataset("dhf1k").decided_by(how) for how in ("set_aside", "official")] == [("train",), ("train", "test")]
    assert dataset("dave_ave").decided_by("official") == ("train", "val")


def test_hold_out_goes_by_names_only(real_root):
    data = SaliencyDataModule(DataConfig({"avad": real_root}), SPEC)
    videos = data.listed("train")
    fit, val = hold_out(videos, 0.1)
    assert sorted(v.key for v in fit + val) == sorted(v.key for v in videos)
    assert hold_out(videos[::-1], 0.1)[1] == val
    with pytest.raises(ValueError, match="avad: 1 training video; one to fit on and one to validate on are needed"):
        hold_out(videos[:1], 0.1)


def test_training_and_test_videos_do_not_meet(synth_root):
    for fold in (1, 2, 3):
        data = SaliencyDataModule(DataConfig({"synth": synth_root}, fold), SPEC)
        test = {v.key for v in data.listed("test")}
        assert not test & {v.key for v in data.fit_videos() + data.val_videos()}


def test_clips_are_shared_among_processes_none_twice():
    shares = [list(ClipSampler([3] * 5, seed=0, rank=r, world_size=2)) for r in range(2)]
    assert [len(s) for s in shares] == [7, 7]
    assert len({r.seed for share in shares for r in share}) == 14


def share_of(root, rank, processes, videos=2):
    """What one of several processes tests: the first few training videos."""
    data = module(root, test_batch_size=8)
    data._rank = lambda: (rank, processes)
    data.test_videos = lambda: data.listed("train")[:videos]
    return data


def test_whole_videos_are_shared_among_processes(etmd):
    assert sorted(i for share in share_videos([3, 1, 4, 1, 5], 3) for i in share) == [0, 1, 2, 3, 4]
    batches = [batch for rank in range(2) for batch in share_of(etmd, rank, 2).predict_dataloader()]
    places = [place for b in batches for place in zip(b["video"], b["frame"], strict=True)]
    videos = module(etmd).listed("train")
    assert sorted(places) == sorted((video.name, frame) for video in videos for frame in range(1, 21))
    assert all(len(set(b["video"])) == 1 for b in batches)


def test_a_process_without_a_video_tests_a_batch_that_another_tests_too(etmd):
    first, second = (share_of(etmd, rank, 2, videos=1).test_dataloader() for rank in range(2))
    assert (len(first), len(second)) == (3, 1)
    (lent,) = second
    assert lent["frame"] == next(iter(first))["frame"] == list(range(1, 9))
    assert list(share_of(etmd, 1, 2, videos=1).predict_dataloader()) == []
    assert list(share_of(etmd, 1, 2, videos=0).test_dataloader()) == []


def test_frames_without_antialiasing_come_from_four_pixels_and_are_kept_apart(real_root):
    video = dataset("avad").videos(real_root, "test", 1)[0]
    whole = read_frames(video, [1], None).float()
    for antialias in (True, False, True):
        small = read_frames(video, [1], (12, 16), antialias)
        want = torch.nn.functional.interpolate(whole[:, 0][None], (12, 16), mode="bilinear", antialias=antialias)[0]
        assert (small[:, 0].float() - want).abs().max() <= 1
    assert not torch.equal(read_frames(video, [1], (12, 16)), read_frames(video, [1], (12, 16), False))


def test_the_window_of_a_network_is_resized_as_its_spec_says(real_root):
    video = dataset("avad").videos(real_root, "test", 1)[0]
    for antialias in (True, False):
        spec = ClipSpec(4, (12, 16), antialias=antialias)
        assert torch.equal(read_item(video, 9, spec)["frames"], read_frames(video, [6, 7, 8, 9], (12, 16), antialias))
