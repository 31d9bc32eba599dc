"""The fast form of videos when things go wrong: damaged files, killed runs, full disks; never half of a video."""

import dataclasses
import errno
from collections import namedtuple

import numpy as np
import pytest
import soundfile
from prepared_videos import (
    ONE,
    SIZE,
    make_video,
    originals,
    reasons,
    touch,
    video_fixture,  # noqa: F401
)

from avsal_bench.data.files import prepare
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.data.files.prepared import MANIFEST, prepared_frames, prepared_sound


def damage(path, kind):
    data = bytearray(path.read_bytes())
    if kind == "cut":
        path.write_bytes(data[:-1])
    elif kind == "gone":
        path.unlink()
    elif kind == "header":
        path.write_bytes(b"x" * 64 + data[64:])
    else:
        data[200] ^= 1
        path.write_bytes(data)


@pytest.mark.parametrize("kind", ["cut", "gone", "header"])
def test_damaged_frames_are_an_error_that_names_the_fix(video, kind):
    prepare_videos([video], SIZE, 22050, ONE)
    damage(video.prepared / "frames_24x40.npy", kind)
    with pytest.raises(ValueError, match=r"frames_24x40\.npy.*`avsal data prepare --force`"):
        prepared_frames(video.prepared, SIZE, 40)
    prepare_videos([video], SIZE, 22050, ONE, force=True)
    np.testing.assert_array_equal(prepared_frames(video.prepared, SIZE, 40), originals(video))


@pytest.mark.parametrize(("kind", "reason"), [("cut", "damaged"), ("gone", "missing")])
def test_a_cut_file_is_prepared_again_unasked(video, kind, reason):
    prepare_videos([video], SIZE, 22050, ONE)
    damage(video.prepared / "frames_24x40.npy", kind)
    damage(video.prepared / "sound_22050.wav", kind)
    with pytest.raises(ValueError, match=r"sound_22050\.wav.*`avsal data prepare --force`"):
        prepared_sound(video.prepared, 22050)
    assert reasons(prepare_videos([video], SIZE, 22050, ONE)) == [f"frames {reason}, sound {reason}"]


def test_verify_finds_one_wrong_bit(video):
    prepare_videos([video], SIZE, 22050, ONE)
    assert reasons(prepare_videos([video], SIZE, 22050, ONE, verify=True)) == [""]
    damage(video.prepared / "frames_24x40.npy", "bit")
    assert reasons(prepare_videos([video], SIZE, 22050, ONE)) == [""]
    assert reasons(prepare_videos([video], SIZE, 22050, ONE, verify=True)) == ["frames damaged"]
    np.testing.assert_array_equal(prepared_frames(video.prepared, SIZE, 40), originals(video))


@pytest.mark.parametrize("text", ["{", "[]", '{"version": 2}', '{"version": 2, "n_frames": "40", "source": {}}'])
def test_a_damaged_manifest_is_an_error_that_names_the_fix(video, text):
    prepare_videos([video], SIZE, None, ONE)
    (video.prepared / MANIFEST).write_text(text)
    with pytest.raises(ValueError, match=r"prepared\.json.*`avsal data prepare --force`"):
        prepared_frames(video.prepared, SIZE, 40)
    assert reasons(prepare_videos([video], SIZE, None, ONE)) == ["frames damaged"]
    assert prepared_frames(video.prepared, SIZE, 40) is not None


def test_another_version_of_the_form_does_not_count(video):
    prepare_videos([video], SIZE, None, ONE)
    path = video.prepared / MANIFEST
    path.write_text(path.read_text().replace('"version": 2', '"version": 1'))
    assert prepared_frames(video.prepared, SIZE, 40) is None
    assert reasons(prepare_videos([video], SIZE, None, ONE)) == ["frames new"]


def test_a_killed_run_goes_on_with_the_next_video(tmp_path, monkeypatch):
    videos = [make_video(tmp_path, name, n, seed=n) for name, n in (("long", 40), ("short", 36))]
    read, calls = prepare.read_originals, []

    def die(video, numbers, size):
        calls.append(video.name)
        if calls == ["long", "long", "short", "short"]:
            raise KeyboardInterrupt
        return read(video, numbers, size)

    monkeypatch.setattr(prepare, "read_originals", die)
    with pytest.raises(KeyboardInterrupt):
        prepare_videos(videos, SIZE, 22050, ONE)
    assert prepared_frames(videos[0].prepared, SIZE, 40) is not None
    assert prepared_frames(videos[1].prepared, SIZE, 36) is None
    assert [p.name for p in videos[1].prepared.iterdir()] == [".lock"]
    # As after a kill that leaves no time to clean up.
    (videos[1].prepared / ".frames_24x40.npy.part").write_bytes(b"half")
    monkeypatch.setattr(prepare, "read_originals", read)
    assert reasons(prepare_videos(videos, SIZE, 22050, ONE)) == ["", "frames new, sound new"]
    np.testing.assert_array_equal(prepared_frames(videos[1].prepared, SIZE, 36), originals(videos[1]))
    assert not list(tmp_path.glob("prepared/*/*/.*.part"))


def test_killed_between_move_and_manifest_no_file_counts(video, monkeypatch):
    prepare_videos([video], SIZE, None, ONE)
    video.frames.path(1).write_bytes(video.frames.path(2).read_bytes())
    write, written = prepare.write_manifest, []

    def die(folder, manifest):
        written.append(manifest)
        if len(written) == 2:
            raise KeyboardInterrupt
        write(folder, manifest)

    monkeypatch.setattr(prepare, "write_manifest", die)
    with pytest.raises(KeyboardInterrupt):
        prepare_videos([video], SIZE, None, ONE)
    assert (video.prepared / "frames_24x40.npy").exists()
    assert prepared_frames(video.prepared, SIZE, 40) is None
    monkeypatch.setattr(prepare, "write_manifest", write)
    assert reasons(prepare_videos([video], SIZE, None, ONE)) == ["frames new"]


def test_originals_that_change_meanwhile_are_an_error(video, monkeypatch):
    read = prepare.read_originals

    def meddle(*inputs):
        touch(video.frames.path(1))
        return read(*inputs)

    monkeypatch.setattr(prepare, "read_originals", meddle)
    with pytest.raises(ValueError, match="avad/clip: its files changed while it was being prepared"):
        prepare_videos([video], SIZE, None, ONE)
    assert prepared_frames(video.prepared, SIZE, 40) is None


def test_a_full_disk_is_found_before_anything_is_written(video, monkeypatch):
    usage = namedtuple("usage", "total used free")
    need = 128 + 40 * 24 * 40 * 3 + 58 + 4 * soundfile.info(video.audio).frames
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda path: usage(0, 0, need - 1))
    with pytest.raises(OSError, match=f"{need:,} bytes are needed to prepare 1 video, {need - 1:,} are free") as full:
        prepare_videos([video], SIZE, 22050, ONE)
    assert full.value.errno == errno.ENOSPC
    assert not video.prepared.exists()
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda path: usage(0, 0, need))
    prepare_videos([video], SIZE, 22050, ONE)


def test_a_disk_that_fills_up_meanwhile_leaves_nothing_behind(video, monkeypatch):
    def fill(job):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(prepare, "_write_sound", fill)
    with pytest.raises(OSError, match=r"no room to prepare avad/clip .*run again to go on"):
        prepare_videos([video], SIZE, 22050, ONE)
    assert [p.name for p in video.prepared.iterdir()] == [".lock"]


def test_missing_and_unreadable_originals_are_errors(video):
    with pytest.raises(ValueError, match="avad/clip: its layout names no folder"):
        prepare_videos([dataclasses.replace(video, prepared=None)], SIZE, None, ONE)
    with pytest.raises(ValueError, match="size 0x40"):
        prepare_videos([video], (0, 40), None, ONE)
    with pytest.raises(ValueError, match="avad/clip and avad/other would both be prepared in"):
        prepare_videos([video, dataclasses.replace(video, name="other")], SIZE, None, ONE)
    video.frames.path(35).write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"unreadable image .*img_00035\.jpg"):
        prepare_videos([video], SIZE, None, ONE)
    video.audio.write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"unreadable sound .*clip\.wav"):
        prepare_videos([video], SIZE, 22050, ONE)
    video.audio.unlink()
    with pytest.raises(FileNotFoundError, match=r"clip\.wav"):
        prepare_videos([video], SIZE, 22050, ONE)
    video.frames.path(35).unlink()
    with pytest.raises(FileNotFoundError, match=r"img_00035\.jpg"):
        prepare_videos([video], SIZE, None, ONE)
    assert not (video.prepared / MANIFEST).exists()
