"""Addresses of streams: which are opened, what they may lead to, and cameras that are not there."""

from contextlib import suppress

import av
import numpy as np
import pytest
import torch
from encoded import picture, sent_stream
from odd_server import Offer, Server

from avsal_bench.audio.waveform import Waveform
from avsal_bench.data.clips.sounds import hear
from avsal_bench.data.windows import Window
from avsal_bench.getting.live_streams import open_stream, shown_address
from avsal_bench.prediction import open_film
from avsal_bench.prediction.live import open_source
from avsal_bench.prediction.live.live_windows import clip_of
from avsal_bench.prediction.live.pictures import LATE
from avsal_bench.prediction.live.stream_source import _Behind, open_camera
from avsal_bench.spec import ClipSpec

FRAMES, RATE = 12, 44100


@pytest.fixture(scope="module")
def sent():
    return sent_stream([picture(1, n) for n in range(1, FRAMES + 1)])


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.shutdown()
    server.server_close()


def test_pictures_of_a_stream(server, sent):
    server.offers["/live?token=secret"] = Offer(sent, etag="", ranges=False)
    source = open_source(None, f"{server.url}/live?token=secret")
    assert "secret" not in source.name
    assert source.fps == 25
    found = list(source.pictures())
    assert [one.number for one in found] == list(range(1, FRAMES + 1))
    assert [round(one.second * 25) for one in found] == list(range(FRAMES))
    for one in found:
        assert (one.pixels.permute(1, 2, 0).int() - torch.from_numpy(picture(1, one.number)).int()).abs().max() < 60
    assert source.damaged == 0
    clip = Window(9, tuple(range(1, 10)))
    assert source.heard(clip, Waveform(16), True).abs().max() == 0
    with pytest.raises(ValueError, match=r"vinet_av hears, and http.* has no sound that is read; .*--muted"):
        source.listen(ClipSpec(1, (8, 8), audio=Waveform(16)), "vinet_av")


@pytest.mark.parametrize(
    ("codec", "late", "rate"), [("pcm_s16le", 0.0, RATE), ("pcm_s16le", 0.1, 22050), ("aac", 0.0, 16000)]
)
def test_the_sound_of_a_stream_is_that_of_the_same_file(server, tmp_path, codec, late, rate):
    path, frames = tmp_path / "film.mkv", 40
    noise = np.random.default_rng(0).integers(-20000, 20000, 3 * RATE, np.int16)
    path.write_bytes(sent_stream([picture(1, n) for n in range(1, frames + 1)], "matroska", noise, codec, late))
    server.offers["/sound"] = Offer(path.read_bytes(), etag="", ranges=False)
    spec = ClipSpec(5, (8, 8), audio=Waveform(5, rate))
    source = open_source(None, f"{server.url}/sound")
    source.listen(spec, "vinet_av")
    video, found = open_film(path), list(source.pictures())
    assert [one.number for one in found] == list(range(1, frames + 1))
    assert not any(one.lacks for one in found)
    for one in found[4:]:
        expected = hear(video, clip_of(spec, one.number), spec.audio)
        torch.testing.assert_close(one.hear(), expected, atol=2e-3, rtol=0)  # of 256
    assert found[20].hear().abs().max() > 50


def test_sound_that_is_late_is_silence_and_told(server):
    noise = np.random.default_rng(0).integers(-20000, 20000, 3 * RATE, np.int16)
    pictures = [picture(1, n) for n in range(1, 41)]
    server.offers["/late"] = Offer(sent_stream(pictures, "matroska", noise), etag="", ranges=False)
    spec = ClipSpec(5, (8, 8), audio=Waveform(5))
    source = open_source(None, f"{server.url}/late")
    source.listen(spec, "vinet_av")
    add, dropped = source._sound.add, []
    source._sound.add = lambda frame: dropped.append(frame) if 0.4 < frame.time < 0.8 else add(frame)
    clock, now = source.clock, [0.0]
    source.clock = lambda: now.append(now.pop() + 0.1) or clock() + now[0]  # each look takes long
    found = list(source.pictures())
    assert dropped
    assert any(one.lacks for one in found)
    assert not found[0].lacks
    assert [one.number for one in found] == sorted({one.number for one in found})


def test_pictures_that_stop_while_the_sound_goes_on(server):
    noise = np.zeros(3 * RATE, np.int16)
    server.offers["/stops"] = Offer(sent_stream([picture(1, n) for n in range(1, 41)], "matroska", noise), etag="")
    source = open_source(None, f"{server.url}/stops")
    source.listen(ClipSpec(5, (8, 8), audio=Waveform(5)), "vinet_av")
    decoded, now = source._decoded, [0.0]
    source.clock = lambda: now[0]

    def sound_alone():
        for at, frame in enumerate(decoded()):
            now[0] += 1.0 * (at > 20)
            if at < 20 or isinstance(frame, av.AudioFrame):
                yield frame

    source._decoded = sound_alone
    with pytest.raises(OSError, match=r"broke off \(no picture came for 10 s, sound alone\)"):
        list(source.pictures())


def test_damage_in_the_middle_is_counted_and_passed_over(server, sent):
    damaged = bytearray(sent)
    noise = np.random.default_rng(0).integers(0, 256, 4 * 188, np.uint8).tobytes()
    damaged[len(sent) // 2 : len(sent) // 2 + len(noise)] = noise
    server.offers["/damaged"] = Offer(bytes(damaged), etag="", ranges=False)
    found = list(open_source(None, f"{server.url}/damaged").pictures())
    assert 4 <= len(found) <= FRAMES
    assert found[0].number == 1


def test_a_stream_that_ends_early_or_is_none(server, sent):
    server.offers["/cut"] = Offer(sent, breaks=[len(sent) // 2] * 99, ranges=False)
    numbers = []
    with suppress(OSError):
        numbers.extend(one.number for one in open_source(None, f"{server.url}/cut").pictures())
    assert 0 < len(numbers) < FRAMES
    server.offers["/text"] = Offer(b"<html>a page</html>" * 99)
    with pytest.raises(ValueError, match=r"/text: sends no stream of a kind that is read"):
        open_source(None, f"{server.url}/text")
    with pytest.raises(OSError, match=r"/none: cannot be opened \(.*Not Found\)"):
        open_source(None, f"{server.url}/none")


def test_a_server_that_says_nothing(server, sent):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/live"
        with pytest.raises(OSError, match=r"/live: no stream within 0\.2 s"):
            open_stream(url, (0.2, 0.2))
    with pytest.raises(OSError, match=r"cannot be opened \(Connection refused\)"):
        open_stream(url, (2.0, 2.0))


@pytest.mark.parametrize("ending", ["", ".m3u8"])
def test_a_playlist_opens_no_file_of_this_machine(server, sent, tmp_path, ending):
    secret = tmp_path / "secret.ts"
    secret.write_bytes(sent)
    for number, named in enumerate((f"file://{secret}", str(secret), f"concat:{secret}", f"subfile,,:{secret}")):
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{named}\n#EXT-X-ENDLIST\n"
        server.offers[f"/{number}{ending}"] = Offer(text.encode(), headers={"Content-Type": "application/x-mpegURL"})
        with pytest.raises((ValueError, OSError)):
            list(open_source(None, f"{server.url}/{number}{ending}").pictures())


def test_a_playlist_of_the_same_server_is_read_where_the_address_says_so(server, sent):
    text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.48,\npart.ts\n#EXT-X-ENDLIST\n"
    kind = {"Content-Type": "application/x-mpegURL"}
    server.offers |= {"/list.m3u8": Offer(text.encode(), headers=kind), "/list": Offer(text.encode(), headers=kind)}
    server.offers["/part.ts"] = Offer(sent)
    assert len(list(open_source(None, f"{server.url}/list.m3u8").pictures())) == FRAMES
    with pytest.raises(ValueError, match=r"where the address ends in \.m3u8"):
        open_source(None, f"{server.url}/list")


@pytest.mark.parametrize(
    "address",
    [
        *("concat:a.mp4|b.mp4", "file:///etc/passwd", "file:a.mp4", "subfile,,start,0,end,9,,:a.mp4", "data:text,x"),
        *("pipe:0", "cache:http://a/b", "crypto:a.mp4", "ftp://a/b", "unix:/run/x", "rtsp:host/x", "async:a", "tee:a"),
    ],
)
def test_other_schemes_are_refused(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").write_bytes(b"0")
    with pytest.raises(ValueError, match=r"streams are read from rtsp://, .*without a scheme"):
        open_source(None, address, realtime=True)


@pytest.mark.parametrize("address", ["http:///x", "rtsp://", "http://[1/x"])
def test_an_address_without_a_host(address):
    with pytest.raises(ValueError, match=r"names no host|no address"):
        open_source(None, address)


def test_what_is_secret_in_an_address_is_not_shown():
    assert shown_address("rtsp://me:p@ss@camera/live") == "rtsp://***@camera/live"
    with pytest.raises(OSError, match=r"^rtsp://\*\*\*@127\.0\.0\.1:9/live: cannot be opened") as error:
        open_stream("rtsp://me:secret@127.0.0.1:9/live", (2.0, 2.0))
    assert "secret" not in str(error.value)


def test_a_camera_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing camera .*video3; there is none on this machine.*--stream"):
        open_camera(3, tmp_path)
    (tmp_path / "video1").write_bytes(b"no camera")
    with pytest.raises(FileNotFoundError, match=r"there are 1\."):
        open_camera(3, tmp_path)
    with pytest.raises(OSError, match=r"camera 1: cannot be opened \(.*\); does another program use it\?"):
        open_camera(1, tmp_path)


def test_a_file_is_no_stream_unless_it_is_played(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"film.mp4: a file; .*--realtime"):
        open_source(None, str(path))
    with pytest.raises(FileNotFoundError, match=r"missing video .*none.mp4"):
        open_source(None, str(tmp_path / "none.mp4"), realtime=True)


def test_being_behind_is_told_from_time_stamps():
    behind = _Behind()
    assert [behind.by(now, now) for now in (0.0, 1.0, 2.0)] == pytest.approx([0, 0, 0], abs=0.01)
    assert behind.by(5.0, 3.0) > LATE
    assert behind.by(5.1, 5.05) < 0.1
    assert behind.by(6.0, 1000.0) == 0, "a new start of the stream"
    assert behind.by(7.0, 0.0) == 0
    slow = _Behind()  # a clock that goes wrong by a tenth of a thousandth is not behind after a day
    assert max(slow.by(now, now * 0.9999) for now in range(0, 86_400, 60)) < 0.1
