"""decord reads what it shows as a player does, to the last bit, and refuses other files by name."""

import os
import sys
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pytest
import torch
from encoded import PLAIN, encode
from test_pictures_shown import KINDS, orders

from avsal_bench.data.dataset import Video
from avsal_bench.data.files import frames, video_files
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.data.files.prepared import other_versions, read_manifest
from avsal_bench.data.files.presence import check_videos
from avsal_bench.data.files.readers import decord_files
from avsal_bench.data.files.readers.video_reader import check_reader, read_pictures
from avsal_bench.data.files.timeline import index_of
from avsal_bench.data.places import NumberedFiles, VideoFile
from avsal_bench.evaluation.scores_of import readers
from avsal_bench.kept import versions_of
from avsal_bench.workers import Workers

#: Kinds of files that decord may read: the rest must be refused.
READ = {
    *("h264 mp4", "h264 mkv", "h264 in pieces", "one key frame", "grey", "full range", "variable rate", "one picture"),
    *("first picture late", "cover", "second stream is the default", "mkv cut short", "none marked as key frame"),
}
needs_decord = pytest.mark.skipif(
    not (sys.platform == "linux" and os.uname().machine == "x86_64"),
    reason="there is no wheel of decord for this machine",
)


@pytest.fixture(autouse=True)
def by_decord(monkeypatch):
    monkeypatch.setenv("AVSAL_VIDEO_READER", "decord")
    for kept in (decord_files._readers, decord_files._proved):
        kept.clear()


@needs_decord
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "av1"])
def test_the_same_pictures_or_none(kind, tmp_path):
    path = KINDS[kind](tmp_path)
    n = len(index_of(path).shown)
    if kind not in READ:
        with pytest.raises(ValueError, match=r"film\.\w+: decord is not trusted with this file \(.+PyAV reads it"):
            read_pictures(path, [1])
        return
    expected = torch.stack(video_files.read_pictures(path, range(1, n + 1)))
    for name, asked in orders(n):
        for numbers in asked:
            found = torch.stack(read_pictures(path, numbers))
            assert torch.equal(found, expected[np.asarray(numbers) - 1]), f"{name}, frames {numbers}"


def film(path, n):
    return Video("mine", path.stem, n, 25.0, VideoFile(path), *[NumberedFiles(path.parent, "", 5, ".png")] * 2, None)


@needs_decord
def test_frames_come_from_it_in_other_processes_too(tmp_path, monkeypatch):
    video = film(encode(tmp_path / "film.mp4"), 26)
    by_decord = frames.read_frames(video, [9, 2, 9], (24, 32))
    assert decord_files._readers
    assert decord_files._proved
    loader = torch.utils.data.DataLoader(Frames(video), batch_size=None, num_workers=2)
    in_workers = list(loader)
    monkeypatch.delenv("AVSAL_VIDEO_READER")
    assert torch.equal(frames.read_frames(video, [9, 2, 9], (24, 32)), by_decord)
    for n, found in enumerate(in_workers, start=1):
        assert torch.equal(found, frames.read_frames(video, [n], (24, 32)))


class Frames(torch.utils.data.Dataset):
    def __init__(self, video):
        self.video = video

    def __len__(self):
        return 8

    def __getitem__(self, i):
        return frames.read_frames(self.video, [i + 1], (24, 32))


@needs_decord
def test_a_file_is_looked_at_before_work_starts_and_again_when_it_has_changed(tmp_path):
    path = encode(tmp_path / "film.mp4")
    check_reader(path)
    path.unlink()
    encode(path, "mpeg4", PLAIN)
    with pytest.raises(ValueError, match=r"film\.mp4: .*its pictures are in mpeg4, and it is exact for H\.264"):
        check_videos([film(path, 26)], audio=False, truth=False)


@needs_decord
def test_prepared_frames_name_what_read_them(tmp_path, monkeypatch):
    video = replace(film(encode(tmp_path / "film.mp4", n=5), 5), prepared=tmp_path / "prepared")
    prepare_videos([video], (24, 32), None, Workers(1))
    manifest = read_manifest(video.prepared)
    assert manifest.versions["decord"] == version("decord")
    assert not other_versions(video, manifest)
    monkeypatch.delenv("AVSAL_VIDEO_READER")
    assert other_versions(video, manifest) == ["decord"]


@needs_decord
def test_frames_that_there_are_not(tmp_path):
    path = encode(tmp_path / "film.mp4", n=5)
    for n in (0, 6):
        with pytest.raises(ValueError, match=rf"film\.mp4: no frame {n}, the file has 5; fetch it again"):
            read_pictures(path, [1, n])
    with pytest.raises(FileNotFoundError, match=r"missing video .*none\.mp4"):
        read_pictures(tmp_path / "none.mp4", [1])


def test_a_machine_without_it_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "decord", None)
    decord_files._decord.cache_clear()
    try:
        with pytest.raises(ValueError, match=r"decord cannot be imported .*pip install 'avsal-bench\[decord\]'.*unset"):
            read_pictures(encode(tmp_path / "film.mp4"), [1])
    finally:
        decord_files._decord.cache_clear()


def test_fingerprints_name_what_reads(monkeypatch):
    assert readers()[-2:] == ("av", "decord")
    assert "library decord" in versions_of(*readers())
    monkeypatch.delenv("AVSAL_VIDEO_READER")
    assert readers()[-1] == "av"
    monkeypatch.setenv("AVSAL_VIDEO_READER", "decrod")
    with pytest.raises(ValueError, match="AVSAL_VIDEO_READER=decrod: expected pyav or decord"):
        readers()
