"""A video as a stream: each frame is read once, windows are the same, and nothing grows with the length of it."""

import gc
import threading
import time
import tracemalloc
from dataclasses import replace

import av
import numpy as np
import pytest
import soundfile
import torch
from conftest import write_video
from encoded import RATES, write_encoded
from streamed import frames_of

from avsal_bench.audio.waveform import Waveform
from avsal_bench.data import windows as rules
from avsal_bench.data.clips.ahead import read_ahead
from avsal_bench.data.clips.items import collate, read_item
from avsal_bench.data.clips.stream import Brought, Stream
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files import frames as reading
from avsal_bench.data.files import sound_files, tracks
from avsal_bench.data.files.open_readers import OpenReaders
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.data.files.video_files import _Reader
from avsal_bench.data.places import NumberedFiles
from avsal_bench.spec import ClipSpec
from avsal_bench.workers import Workers

SIZE = (4, 6)
SPEC = ClipSpec(4, SIZE)


def video(n, name="v"):
    nothing = NumberedFiles(None, "", 5, "")
    return Video(dataset="x", name=name, n_frames=n, fps=25.0, frames=nothing, densities=nothing, fixations=nothing)


@pytest.fixture
def read(monkeypatch):
    """Frames that bear their number and the length of their video; which were read, in order."""
    read = []

    def one(video, number):
        read.append((video.name, number))
        return torch.full((3, *SIZE), number % 251, dtype=torch.uint8)

    monkeypatch.setattr(reading, "_read", one)
    return read


def whole(video, frames, spec):
    """Windows one by one."""
    return collate([read_item(video, frame, spec) for frame in frames])


KINDS = [
    {},
    {"start": "repeat"},
    {"target": "middle"},
    {"frames": 5, "target": "middle"},
    {"frames": 1},
]


@pytest.mark.parametrize("size", [1, 3, 8, 100])
@pytest.mark.parametrize("n", [1, 2, 4, 6, 7, 8, 30])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_batches_are_those_of_whole_windows_and_each_frame_is_read_once(read, kind, n, size):
    spec, one = replace(SPEC, **kind), video(n)
    stream = Stream([one], [(0, range(1, n + 1))], spec, size)
    batches = list(stream)
    assert read == [("v", number) for number in range(1, n + 1)]
    assert len(batches) == len(stream) == -(-n // size)
    assert [frame for batch in batches for frame in batch["frame"]] == list(range(1, n + 1))
    for batch in batches:
        want = whole(one, batch["frame"], spec)
        assert torch.equal(frames_of(batch), want["frames"])
        assert {key: batch[key] for key in ("video", "window", "audio", "density")} == {
            key: want[key] for key in ("video", "window", "audio", "density")
        }
        assert len(batch["pool"]) <= 2 * spec.frames - 2 + size
        assert batch["pool"].dtype == torch.uint8


@pytest.mark.parametrize("wanted", [[3, 4, 20], [30], [1, 30], [9, 10, 11, 12, 25, 26]], ids=str)
def test_frames_that_no_window_has_are_not_read(read, wanted):
    """As when a run goes on, and some maps are there."""
    one = video(30)
    batches = list(Stream([one], [(0, wanted)], SPEC, 2))
    needed = {number for batch in batches for frames in batch["window"] for number in frames}
    assert sorted(number for _, number in read) == sorted(needed)
    for batch in batches:
        assert torch.equal(frames_of(batch), whole(one, batch["frame"], SPEC)["frames"])


def test_videos_follow_each_other_and_share_nothing(read):
    videos = [video(5, "a"), video(9, "b"), video(1, "c")]
    batches = list(Stream(videos, [(i, range(1, v.n_frames + 1)) for i, v in enumerate(videos)], SPEC, 4))
    assert [batch["video"] for batch in batches] == [["a"] * 4, ["a"], *[["b"] * 4] * 2, ["b"], ["c"]]
    assert len(read) == len(set(read)) == 15
    assert len(batches[-1]["pool"]) == 1


def test_batches_to_validate_on_go_over_videos(read):
    """The loss over a batch (``kl_batch``) is that of the same windows, whoever reads them."""
    videos = [video(5, "a"), video(9, "b"), video(1, "c"), video(30, "d")]
    wanted = [(0, [2, 4]), (1, [1, 5, 9]), (2, [1]), (3, range(1, 31))]
    stream = Stream(videos, wanted, SPEC, 4, spanning=True)
    batches = list(stream)
    assert len(stream) == len(batches) == 9
    assert len(read) == len(set(read))
    assert [number for name, number in read if name == "d"] == list(range(1, 31))
    places = [(videos[i], frame) for i, frames in wanted for frame in frames]
    for number, batch in enumerate(batches):
        of_batch = places[4 * number : 4 * number + 4]
        want = collate([read_item(one, frame, SPEC) for one, frame in of_batch])
        assert (batch["video"], batch["frame"]) == (want["video"], want["frame"])
        assert torch.equal(frames_of(batch), want["frames"])


def test_a_stream_may_be_gone_through_again(read):
    stream = Stream([video(9)], [(0, range(1, 10))], SPEC, 4)
    next(iter(stream))
    first, second = list(stream), list(stream)
    assert all(torch.equal(a["pool"], b["pool"]) for a, b in zip(first, second, strict=True))


# From files


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("stream")
    write_video(root, "ETMD_av", "a", 20, size=(24, 32))
    write_video(root, "ETMD_av", "b", 9, size=(24, 32), seed=1)
    (root / "fold_lists").mkdir()
    for part in ("train", "test"):
        (root / f"fold_lists/ETMD_av_list_{part}_1_fps.txt").write_text("a 20 25\nb 9 25\n")
    return root


def videos_of(root):
    return dataset("etmd", root).videos(root, "test", 1)


HEARS = ClipSpec(6, (12, 16), audio=Waveform(6))


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("prepared", [False, True])
def test_what_is_seen_and_heard_is_what_whole_windows_have(pictures, workers, prepared):
    videos = videos_of(pictures)
    if prepared:
        prepare_videos(videos, HEARS.size, Waveform(6).sample_rate, Workers(1))
    else:
        videos = [replace(one, prepared=None) for one in videos]
    brought = Brought(others=("muted", "noise"), density=True, fixations=True)
    wanted = [(i, range(1, one.n_frames + 1)) for i, one in enumerate(videos)]
    count = 0
    for batch in Stream(videos, wanted, HEARS, 8, brought, workers=workers):
        one = videos[[v.name for v in videos].index(batch["video"][0])]
        items = [read_item(one, frame, HEARS, others=("muted", "noise")) for frame in batch["frame"]]
        want = collate(items)
        assert torch.equal(frames_of(batch), want["frames"])
        assert torch.equal(batch["audio"], want["audio"])
        assert torch.equal(batch["others"], want["others"])
        assert batch["density"].shape == batch["fixated"].shape == (len(items), *HEARS.size)
        count += len(items)
    assert count == 29


def test_a_video_file_is_decoded_from_start_to_end_once(tmp_path, monkeypatch):
    write_encoded(tmp_path, "avad", "mp4", RATES[25], train=(7,), test=(30, 12))
    looked = []
    look_for = _Reader._look_for
    jumps, jump = [], _Reader._jump
    monkeypatch.setattr(_Reader, "_jump", lambda self, start: jumps.append(start) or jump(self, start))
    monkeypatch.setattr(_Reader, "_look_for", lambda self, place: looked.append(place) or look_for(self, place))
    videos = dataset("avad", tmp_path).videos(tmp_path, "test", 1)
    stream = Stream(videos, [(0, range(1, 31)), (1, range(1, 13))], replace(SPEC, size=(32, 48)), 4, workers=0)
    assert sum(len(batch["frame"]) for batch in stream) == 42
    assert looked == [*range(30), *range(12)]
    assert jumps == [0, 0], "to the first picture of each"
    # Several processes would each decode all of it.
    assert Stream(videos, [(0, range(1, 31))], SPEC, 4, workers=8).workers == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_names_the_file_once_what_was_read_before_it_is_used(pictures, tmp_path, workers):
    write_video(tmp_path, "ETMD_av", "a", 20, size=(24, 32))
    (tmp_path / "fold_lists").mkdir()
    (tmp_path / "fold_lists/ETMD_av_list_test_1_fps.txt").write_text("a 20 25\n")
    (one,) = videos_of(tmp_path)
    one.frames.path(15).unlink()
    seen = []
    stream = Stream([one], [(0, range(1, 21))], HEARS, 4, workers=workers)
    with pytest.raises(FileNotFoundError, match=r"img_00015\.jpg"):
        seen.extend(batch["frame"] for batch in stream)
    assert [frame for frames in seen for frame in frames] == list(range(1, 13))


# However long a video is


@pytest.mark.slow
def test_neither_what_is_asked_nor_what_is_held_grows_with_the_video(monkeypatch):
    spec = replace(SPEC, frames=8)
    counts = {"read": 0, "windows": 0}
    window = rules.window

    def counted(*args):
        counts["windows"] += 1
        return window(*args)

    def one(video, number):
        counts["read"] += 1
        return torch.zeros((3, *SIZE), dtype=torch.uint8)

    monkeypatch.setattr(rules, "window", counted)
    monkeypatch.setattr(reading, "_read", one)
    used, looked = [], []
    for n in (60, 60, 480):
        counts.update(read=0, windows=0)
        stream = Stream([video(n)], [(0, range(1, n + 1))], spec, 4)
        tracemalloc.start()
        for number, batch in enumerate(stream, 1):
            assert len(batch["pool"]) <= 2 * 8 - 2 + 4
            if number == len(stream):
                gc.collect()
                used.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert counts["read"] == n
        looked.append(counts["windows"] / n)
    assert looked[2] == pytest.approx(looked[1], rel=0.05)
    assert used[2] < used[1] + 60_000, "bytes; a window for each frame would take 200 000"


# Reading ahead


def test_reading_is_ahead_by_so_many_items_and_no_more():
    made = []

    def items():
        for i in range(10):
            made.append(i)
            yield i

    ahead = read_ahead(items(), 2)
    assert next(ahead) == 0
    for _ in range(100):
        if len(made) == 4:
            break
        time.sleep(0.01)
    time.sleep(0.15)
    assert len(made) == 4, "two that wait, and one that waits for room"
    assert list(ahead) == list(range(1, 10))


def test_an_error_comes_in_the_place_of_its_item():
    def items():
        yield 1
        raise KeyError("two")

    ahead = read_ahead(items(), 4)
    assert next(ahead) == 1
    with pytest.raises(KeyError, match="two"):
        next(ahead)


@pytest.mark.parametrize("how", ["given up", "interrupted"])
def test_the_thread_ends_with_the_iterator(how):
    before = threading.active_count()
    ahead = read_ahead(iter(range(1000)), 2)
    next(ahead)
    assert threading.active_count() == before + 1
    if how == "given up":
        del ahead
    else:
        with pytest.raises(KeyboardInterrupt):
            ahead.throw(KeyboardInterrupt)
    assert threading.active_count() == before


def test_each_thread_has_its_own_reader_and_that_of_an_ended_one_is_closed():
    readers = OpenReaders(2)
    mine = readers.get("file", object)
    theirs = []
    thread = threading.Thread(target=lambda: theirs.append(readers.get("file", object)))
    thread.start()
    thread.join()
    assert theirs[0] is not mine
    assert readers.get("file", object) is mine
    readers.get("other", object)
    assert len(readers) == 2


# Sound


def test_a_sound_is_read_a_block_at_a_time(pictures, monkeypatch):
    opened = []
    open_wav = sound_files.open_wav
    monkeypatch.setattr(sound_files, "_blocks", {})
    monkeypatch.setattr(sound_files, "open_wav", lambda path: opened.append(path) or open_wav(path))
    videos = [replace(one, prepared=None) for one in videos_of(pictures)]
    wanted = [(i, range(1, one.n_frames + 1)) for i, one in enumerate(videos)]
    heard = torch.cat([batch["audio"] for batch in Stream(videos, wanted, HEARS, 4)])
    assert len(opened) <= 2 * len(videos), "to learn how long it is, and to read it"
    monkeypatch.setattr(sound_files, "BLOCK", 0)
    alone = []
    for one in videos:
        for frame in range(1, one.n_frames + 1):
            sound_files._blocks.clear()
            alone.append(read_item(one, frame, HEARS)["audio"])
    assert torch.equal(heard, torch.stack(alone))


def test_what_nobody_hears_of_a_sound_is_no_error(tmp_path):
    """It ends in what is no number, after the video has ended."""
    write_video(tmp_path, "ETMD_av", "a", 20, size=(24, 32))
    (tmp_path / "fold_lists").mkdir()
    (tmp_path / "fold_lists/ETMD_av_list_test_1_fps.txt").write_text("a 20 25\n")
    (one,) = videos_of(tmp_path)
    samples = np.full(22050 * 3, 0.1, np.float32)
    samples[22050 * 2 :] = np.nan
    soundfile.write(one.audio, samples, 22050, subtype="FLOAT")
    for batch in Stream([one], [(0, range(1, 21))], HEARS, 4):
        assert batch["audio"].isfinite().all()
    samples[22050 // 2] = np.nan
    soundfile.write(one.audio, samples, 22050, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"a\.wav: the sound is nan at 0\.500 s"):
        list(Stream([one], [(0, range(1, 21))], HEARS, 4))


def test_a_long_track_is_decoded_once_into_a_file(tmp_path, monkeypatch):
    write_encoded(tmp_path, "avad", "mp4", RATES[25], train=(7,), test=(30,))
    (one,) = dataset("avad", tmp_path).videos(tmp_path, "test", 1)
    spec = replace(SPEC, size=(32, 48), audio=Waveform(4))
    tracks._cached_track.cache_clear()
    heard = torch.cat([batch["audio"] for batch in Stream([one], [(0, range(1, 31))], spec, 4)])
    decode, decoded = tracks._decode, []
    monkeypatch.setattr(tracks, "_decode", lambda path: decoded.append(decode(path)) or decoded[-1])
    monkeypatch.setattr(tracks, "IN_MEMORY", 1000)
    monkeypatch.setattr(sound_files, "_blocks", {})
    tracks._cached_track.cache_clear()
    again = torch.cat([batch["audio"] for batch in Stream([one], [(0, range(1, 31))], spec, 4)])
    assert torch.equal(heard, again)
    (track,) = decoded
    assert track.kept._rolled, "on the disk"
    whole, rate = tracks.read_track(one.audio)
    assert (len(whole), rate) == (track.samples, track.rate)
    assert torch.equal(track.read(100, 300), whole[100:300])
    assert torch.equal(track.read(track.samples - 5, track.samples + 5), whole[-5:])
    assert len(track.read(track.samples + 1, track.samples + 9)) == 0


def test_no_room_for_a_long_track_is_an_error_with_its_fix(tmp_path, monkeypatch):
    write_encoded(tmp_path, "avad", "mp4", RATES[25], train=(7,), test=(30,))
    (one,) = dataset("avad", tmp_path).videos(tmp_path, "test", 1)

    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tracks, "SpooledTemporaryFile", {bytes: lambda most: Full()})
    with pytest.raises(OSError, match=r"601\.mp4: no room in .* for its decoded sound \(No space left .*TMPDIR"):
        tracks.read_track(one.audio)


def test_how_many_windows_at_a_time_follows_their_size_and_the_device():
    large, small = ClipSpec(32, (224, 384)), ClipSpec(16, (64, 96))
    assert [one.windows_at_a_time(device) for one in (large, small) for device in ("cpu", "cuda")] == [1, 8, 16, 16]
    assert ClipSpec(64, (1080, 1920)).windows_at_a_time("cpu") == 1


def test_pictures_of_a_video_file_are_not_held_until_python_looks_for_them(tmp_path):
    """A picture of PyAV that holds itself takes 3 MB of a video of 1080p, and there were hundreds."""
    write_encoded(tmp_path, "avad", "mp4", RATES[25], train=(7,), test=(30,))
    (one,) = dataset("avad", tmp_path).videos(tmp_path, "test", 1)
    gc.collect()
    gc.disable()
    try:
        before = sum(type(found) is av.VideoFrame for found in gc.get_objects())
        for _ in Stream([one], [(0, range(1, 31))], replace(SPEC, size=(32, 48)), 4):
            pass
        held = sum(type(found) is av.VideoFrame for found in gc.get_objects()) - before
    finally:
        gc.enable()
    assert held <= 8, "the first, and those in the decoder's hands, as decoded and in RGB"
