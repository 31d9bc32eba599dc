"""The fast form of videos: exact, made once, and made again when its originals change."""

import dataclasses
import json
import os
import re
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from prepared_videos import (
    ONE,
    SIZE,
    make_video,
    originals,
    reasons,
    touch,
    video_fixture,  # noqa: F401
)

from avsal_bench.audio.waveform import Waveform
from avsal_bench.data.dataset import Video
from avsal_bench.data.files import prepared
from avsal_bench.data.files.frames import read_clip, read_frames
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.data.files.prepared import MANIFEST, check_prepared, prepared_frames, prepared_sound
from avsal_bench.data.files.sound_files import read_audio
from avsal_bench.data.places import NumberedFiles, VideoFile
from avsal_bench.data.windows import window
from avsal_bench.workers import Workers

DESCRIPTORS = Path("/proc/self/fd")


def state(folder):
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir()}


def test_frames_are_those_of_read_frame_bit_for_bit(video):
    (found,) = prepare_videos([video], SIZE, 22050, ONE)
    assert (found.video, found.n_frames, found.size) == ("avad/clip", 40, SIZE)
    assert found.reason == "frames new, sound new"
    frames = prepared_frames(video.prepared, SIZE, 40)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, originals(video))
    with pytest.raises(ValueError, match="read-only"):
        frames[0, 0, 0, 0] = 1
    np.testing.assert_array_equal(prepared_frames(video.prepared, SIZE, 7), originals(video)[:7])
    np.testing.assert_array_equal(np.load(video.prepared / "frames_24x40.npy"), frames)


def test_there_is_nothing_to_read_of_another_size_length_or_folder(video, tmp_path):
    assert prepared_frames(video.prepared, SIZE, 40) is None
    assert prepared_sound(video.prepared, 22050) is None
    prepare_videos([video], SIZE, None, ONE)
    assert prepared_frames(video.prepared, (24, 41), 40) is None
    assert prepared_frames(video.prepared, SIZE, 41) is None
    assert prepared_frames(tmp_path / "nowhere", SIZE, 40) is None
    assert prepared_sound(video.prepared, 22050) is None


@pytest.mark.parametrize("rate", [22050, 44100, 48000, 16000])
def test_a_network_sees_and_hears_exactly_the_same(tmp_path, rate):
    video = make_video(tmp_path, rate=rate)
    prepare_videos([video], SIZE, 22050, ONE)
    assert soundfile.info(prepared_sound(video.prepared, 22050)).subtype == "FLOAT"
    assert prepared_sound(video.prepared, 22050).name == f"sound_{rate}.wav"
    plain = dataclasses.replace(video, prepared=None)
    for frame in (1, 3, 16, 29, 40):
        for clip in (window(frame, 40, 8), window(frame, 40, 8, "middle")):
            seen = [read_clip(v, clip, SIZE) for v in (video, plain)]
            heard = [read_audio(v, clip, Waveform(8)) for v in (video, plain)]
            assert torch.equal(*seen)
            assert seen[0].stride() == seen[1].stride()
            assert torch.equal(*heard)
            assert heard[0].abs().max() > 1


def test_the_prepared_form_is_what_is_read(video):
    prepare_videos([video], SIZE, 22050, ONE)
    video.frames.path(5).unlink()
    video.audio.unlink()
    assert read_clip(video, window(9, 40, 8), SIZE).shape == (3, 8, *SIZE)
    assert read_audio(video, window(9, 40, 8), Waveform(8)).abs().max() > 1


def test_frames_and_sound_of_a_video_file(tmp_path):
    path, n = tmp_path / "clip.mp4", 37
    rng = np.random.default_rng(0)
    with av.open(path, "w") as out:
        pictures, sound = out.add_stream("mpeg4", rate=25), out.add_stream("aac", rate=44100, layout="stereo")
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        for i in range(n):
            image = np.full((48, 64, 3), 6 * i, np.uint8)
            out.mux(pictures.encode(av.VideoFrame.from_ndarray(image)))
        samples = rng.uniform(-0.3, 0.3, (2, 44100 * n // 25)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate = 44100
        for part in (frame, None):
            out.mux(sound.encode(part))
        out.mux(pictures.encode())
    truth = NumberedFiles(tmp_path, "map", 5, ".jpg")
    video = Video("avad", "clip", n, 25.0, VideoFile(path), truth, truth, path, prepared=tmp_path / "prepared")
    plain = dataclasses.replace(video, prepared=None)
    (found,) = prepare_videos([video], SIZE, 22050, ONE)
    assert found.reason == "frames new, sound new"
    everything = read_frames(plain, range(1, n + 1), SIZE).permute(1, 2, 3, 0).numpy()
    np.testing.assert_array_equal(prepared_frames(video.prepared, SIZE, n), everything)
    clip = window(20, n, 8)
    heard = [read_audio(v, clip, Waveform(8)) for v in (video, plain)]
    assert torch.equal(*heard)
    assert heard[0].abs().max() > 1
    assert reasons(prepare_videos([video], SIZE, 22050, ONE)) == [""]


def test_a_second_run_writes_nothing_and_says_so(video, capsys):
    prepare_videos([video], SIZE, 22050, ONE)
    before = state(video.prepared)
    need = re.search(r"1 video to prepare: ([\d,]+) bytes to write", capsys.readouterr().err)
    (again,) = prepare_videos([video], SIZE, 22050, ONE)
    assert again.reason == ""
    assert state(video.prepared) == before
    assert "nothing to do: 1 video prepared in 24x40" in capsys.readouterr().err
    sizes = [len(data) for name, (_, data) in before.items() if not name.endswith(("json", "lock"))]
    assert again.bytes == sum(sizes) == int(need[1].replace(",", ""))


def test_several_sizes_lie_side_by_side_and_share_the_sound(video):
    prepare_videos([video], SIZE, 22050, ONE)
    (second,) = prepare_videos([video], (16, 16), 22050, ONE)
    assert second.reason == "frames new"
    for size in (SIZE, (16, 16)):
        np.testing.assert_array_equal(prepared_frames(video.prepared, size, 40), originals(video, size))
    manifest = json.loads((video.prepared / MANIFEST).read_text())
    assert set(manifest["frames"]) == {"24x40", "16x16"}
    assert manifest["source"]["files"] == 40
    assert manifest["source"]["bytes"] == sum(video.frames.path(n).stat().st_size for n in range(1, 41))
    assert set(manifest["versions"]) == {"avsal-bench", "torch", "torchvision", "av", "code"}


def test_sound_may_come_later_and_a_set_without_sound_has_none(video):
    assert reasons(prepare_videos([video], SIZE, None, ONE)) == ["frames new"]
    assert reasons(prepare_videos([video], SIZE, 22050, ONE)) == ["sound new"]
    assert reasons(prepare_videos([video], SIZE, None, ONE)) == [""]
    assert prepared_sound(video.prepared, 16000) is not None
    silent = dataclasses.replace(video, audio=None, prepared=video.prepared.parent / "silent")
    assert reasons(prepare_videos([silent], SIZE, 22050, ONE)) == ["frames new"]


def test_changed_frames_are_prepared_again_and_other_sizes_of_them_go(video):
    for size in (SIZE, (16, 16)):
        prepare_videos([video], size, 22050, ONE)
    video.frames.path(3).write_bytes(video.frames.path(4).read_bytes())
    with pytest.raises(ValueError, match=r"avad/clip: its frames have changed .*`avsal data prepare`"):
        check_prepared(video)
    assert reasons(prepare_videos([video], SIZE, 22050, ONE)) == ["frames changed"]
    check_prepared(video)
    np.testing.assert_array_equal(prepared_frames(video.prepared, SIZE, 40), originals(video))
    assert prepared_frames(video.prepared, (16, 16), 40) is None
    names = {p.name for p in video.prepared.iterdir()}
    assert names == {"frames_24x40.npy", "sound_22050.wav", MANIFEST, ".lock"}


def test_what_was_only_touched_or_copied_is_the_same(video):
    prepare_videos([video], SIZE, 22050, ONE)
    before = state(video.prepared)
    touch(video.frames.path(40))
    video.audio.write_bytes(video.audio.read_bytes())
    check_prepared(video)
    assert reasons(prepare_videos([video], SIZE, 22050, ONE)) == [""]
    after = state(video.prepared)
    assert {name for name in after if after[name] != before[name]} - {".lock"} == {MANIFEST}, "the new times are noted"
    check_prepared(video)
    assert reasons(prepare_videos([video], SIZE, 22050, ONE)) == [""]
    assert state(video.prepared) == after


def test_a_change_of_equal_size_and_time_is_seen(video):
    prepare_videos([video], SIZE, 22050, ONE)
    path = video.frames.path(7)
    was, content = path.stat(), bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    with pytest.raises(ValueError, match="its frames have changed"):
        check_prepared(video)
    assert reasons(prepare_videos([video], SIZE, 22050, ONE)) == ["frames changed"]


def test_a_changed_sound_is_a_change(video):
    prepare_videos([video], SIZE, 22050, ONE)
    soundfile.write(video.audio, np.zeros((44100, 1)), 44100)
    with pytest.raises(ValueError, match="its sound has changed"):
        check_prepared(video)
    assert reasons(prepare_videos([video], SIZE, 22050, ONE)) == ["sound changed"]
    assert [p.name for p in video.prepared.glob("*.wav")] == ["sound_44100.wav"]


def test_other_decoders_may_see_other_pixels(video, monkeypatch):
    prepare_videos([video], SIZE, None, ONE)
    monkeypatch.setattr(prepared, "version", lambda name: "9.9+cu999")
    with pytest.raises(ValueError, match="prepared with other torch, torchvision; run `avsal data prepare` again"):
        check_prepared(video)
    assert reasons(prepare_videos([video], SIZE, None, ONE)) == ["frames of other torch, torchvision"]
    monkeypatch.setattr(prepared, "version", lambda name: "9.9+cpu")
    assert reasons(prepare_videos([video], SIZE, None, ONE)) == [""]


def test_other_code_may_see_other_pixels_and_samples(video, monkeypatch):
    prepare_videos([video], SIZE, 22050, ONE)
    monkeypatch.setattr(prepared, "code_of", lambda files: "other")
    with pytest.raises(ValueError, match="prepared with other code"):
        check_prepared(video)
    assert reasons(prepare_videos([video], SIZE, 22050, ONE)) == ["frames of other code, sound new"]
    check_prepared(video)


def test_force_writes_all_again(video):
    prepare_videos([video], SIZE, 22050, ONE)
    before = state(video.prepared)
    assert reasons(prepare_videos([video], SIZE, 22050, ONE, force=True)) == ["frames forced, sound forced"]
    after = state(video.prepared)
    assert {name: data for name, (_, data) in after.items()} == {name: data for name, (_, data) in before.items()}
    assert after["frames_24x40.npy"][0] != before["frames_24x40.npy"][0]


def test_a_video_of_several_lists_is_prepared_once_with_most_frames(video):
    shorter = dataclasses.replace(video, n_frames=30)
    found = prepare_videos([shorter, video, shorter], SIZE, None, ONE)
    assert [p.n_frames for p in found] == [40]
    assert reasons(prepare_videos([shorter], SIZE, None, ONE)) == [""]
    assert reasons(prepare_videos([shorter], (16, 16), None, ONE)) == ["frames new"]
    assert len(prepared_frames(video.prepared, (16, 16), 40)) == 40
    # The list has changed, and the originals of the rest are gone.
    video.frames.path(40).unlink()
    assert [(p.n_frames, p.reason) for p in prepare_videos([shorter], SIZE, None, ONE)] == [(30, "frames new")]


@pytest.mark.slow
def test_two_processes_give_the_same_files(tmp_path, quick_processes):
    videos = [make_video(tmp_path, f"v{i}", 34 + i, seed=i) for i in range(3)]
    with Workers(2) as workers:
        found = prepare_videos(videos, SIZE, 22050, workers)
    assert [p.video for p in found] == ["avad/v0", "avad/v1", "avad/v2"]
    for video in videos:
        np.testing.assert_array_equal(prepared_frames(video.prepared, SIZE, video.n_frames), originals(video))
    assert reasons(prepare_videos(videos, SIZE, 22050, ONE, verify=True)) == ["", "", ""]


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="counts descriptors by /proc")
def test_maps_of_many_videos_take_few_descriptors(tmp_path, monkeypatch):
    video = make_video(tmp_path, n_frames=4)
    videos = [dataclasses.replace(video, prepared=tmp_path / "many" / str(i)) for i in range(20)]
    prepare_videos(videos, SIZE, None, ONE)
    opened, open_map = [], prepared.npy.open_memmap
    monkeypatch.setattr(
        prepared.npy, "open_memmap", lambda path, mode: opened.append(path) or open_map(path, mode=mode)
    )
    before = len(list(DESCRIPTORS.iterdir()))
    for _ in range(3):
        for v in videos:
            for _ in range(5):
                assert prepared_frames(v.prepared, SIZE, 4).shape == (4, *SIZE, 3)
    assert len(list(DESCRIPTORS.iterdir())) - before <= prepared.OPEN_MAPS
    assert len(opened) == 3 * 20  # and not for each call


def test_manifests_are_parsed_once_and_again_when_they_change(video, monkeypatch):
    prepare_videos([video], SIZE, None, ONE)
    prepared._parse.cache_clear()
    for _ in range(5):
        prepared_frames(video.prepared, SIZE, 40)
    assert prepared._parse.cache_info().misses == 1
    old = prepared_frames(video.prepared, SIZE, 40).copy()
    video.frames.path(1).write_bytes(video.frames.path(2).read_bytes())
    prepare_videos([video], SIZE, None, ONE)
    new = prepared_frames(video.prepared, SIZE, 40)
    assert not np.array_equal(new, old)
    np.testing.assert_array_equal(new, originals(video))
