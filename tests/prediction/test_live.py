"""Live prediction: the newest picture is the one that gets a map, whatever the network takes, and all are counted."""

import threading
import time

import av
import numpy as np
import pytest
import torch
from encoded import picture, sent_stream
from odd_server import Offer, Server
from PIL import Image
from predicted import predict, read_maps, write_checkpoints, write_film, write_wav
from torch import nn

from avsal_bench.audio.waveform import HeardFrames, Waveform, frame_span
from avsal_bench.data.files.frames import read_frames
from avsal_bench.models import Network
from avsal_bench.prediction import Predictor, Running, open_film, predict_maps
from avsal_bench.prediction.live import check_network, looking, open_outputs, open_source, watch
from avsal_bench.prediction.live.live_windows import first_frame
from avsal_bench.prediction.live.looking import FilmSource, Picture
from avsal_bench.prediction.live.outputs import TABLE, LiveFilm, Written
from avsal_bench.spec import ClipSpec
from avsal_bench.training.module import SaliencyModule

T, SMALL = 4, (8, 12)


class Tiny(Network):
    """Tells each frame of its clip from the others."""

    def __init__(self, **spec):
        super().__init__()
        self.spec = ClipSpec(T, SMALL, **spec)
        self.weights = nn.Parameter(torch.arange(1.0, T + 1))

    def forward(self, frames, audio=None):
        return (frames * self.weights.view(-1, 1, 1)).sum((1, 2)).sigmoid()


class Walking(Network):
    """Goes by frames, and carries the mean of what it saw."""

    def __init__(self):
        super().__init__()
        self.spec = ClipSpec(T, SMALL, walk="frames")

    def forward(self, frames, audio=None):
        return frames.mean((1, 2)).sigmoid()

    def predict(self, clips, audio, memory):
        seen = []
        for frame in clips.frames.mean((1, 2)):
            memory.seen["state"] = 0.5 * memory.seen.get("state", 0) + frame
            seen.append(memory.seen["state"])
        return torch.stack([seen[item] for item in clips.asked]).sigmoid()


class Scripted(FilmSource):
    """Gives the pictures of a film by a script: at each place of it some, and then it waits for a map."""

    def __init__(self, video, script, first=1, error=None, numbers=None):
        super().__init__(video, sleep=lambda seconds: None)
        self.made = threading.Semaphore(0)
        self._script, self._first, self._error, self._numbers = script, first, error, numbers

    def pictures(self):
        given = 0
        for count in self._script:
            for _ in range(count):
                given += 1
                pixels = read_frames(self.video, [given], None)[:, 0]
                number = self._numbers(given) if self._numbers else given
                yield Picture(number, pixels, (given - 1) / 25, self.clock())
            if given >= self._first:
                assert self.made.acquire(timeout=60), "a map is waited for"
        if self._error:
            raise self._error


class Kept(Written):
    """Keeps the maps, and lets the source go on."""

    def __init__(self, source=None, act=None):
        super().__init__([])
        self.maps, self._source, self._act = {}, source, act

    def add(self, picture, saliency, delay):
        self.maps[picture.number] = saliency[0]
        if self._act:
            self._act(picture.number)
        if self._source:
            self._source.made.release()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("films") / "film.mp4", 12)


def tiny(**spec):
    return Predictor("tiny", {}, SaliencyModule(Tiny(**spec)))


def offline(predictor, film, muted=False):
    video = open_film(film)
    found = predict_maps(predictor, video, range(1, video.n_frames + 1), Running(device="cpu"), muted)
    return {number: one for numbers, maps in found for number, one in zip(numbers, maps, strict=True)}


def live(predictor, source, **options):
    kept, told = Kept(source if isinstance(source, Scripted) else None, options.pop("act", None)), []
    try:
        watch(predictor, source, kept, Running(device="cpu"), ended=told.append, **options)
    finally:
        kept.summary = told[0] if told else None
    return kept


@pytest.mark.parametrize(
    ("predictor", "first"),
    [(tiny(), T), (tiny(start="repeat"), 1), (tiny(target=5), 1), (tiny(step=2), 7), (None, 1)],
    ids=["reverse start", "repeated start", "target behind the clip", "every second frame", "by frames"],
)
def test_without_drops_the_maps_are_those_of_the_film(film, predictor, first):
    predictor = predictor or Predictor("walking", {}, SaliencyModule(Walking()))
    kept = live(predictor, Scripted(open_film(film), [1] * 12, first))
    expected = offline(predictor, film)
    assert list(kept.maps) == list(range(first, 13))
    for number, saliency in kept.maps.items():
        torch.testing.assert_close(saliency, expected[number], atol=1e-6, rtol=0)
    summary = kept.summary
    assert (summary.came, summary.predicted, summary.filling) == (12, 13 - first, first - 1)
    assert (summary.dropped, summary.lost, summary.damaged) == (0, 0, 0)


def test_a_slow_network_takes_the_newest_and_counts_what_it_drops(film):
    source = Scripted(open_film(film), [5, 3, 1, 3])  # while a map is made, so many come
    kept = live(tiny(), source)
    # Of those that come together, the network may take one before the last; the last of all always gets a map.
    expected = offline(tiny(), film)
    assert list(kept.maps) == sorted(kept.maps)
    assert list(kept.maps)[-1] == 12
    for number, saliency in kept.maps.items():
        torch.testing.assert_close(saliency, expected[number], atol=1e-6, rtol=0)  # windows have all frames
    summary = kept.summary
    assert summary.predicted == len(kept.maps)
    assert summary.predicted + summary.dropped + summary.filling == summary.came == 12


def test_nothing_piles_up_behind_a_slow_network(film):
    held = threading.Event()

    def act(number):
        if not held.is_set():
            held.set()
            time.sleep(0.3)  # all others come meanwhile

    class Fast(FilmSource):
        def pictures(self):
            for number, one in enumerate(super().pictures(), 1):
                yield one
                if number == T:
                    held.wait(60)

    now = [1.0]
    source = Fast(open_film(film), lambda: now[0], lambda seconds: now.append(now.pop() + seconds))
    kept = live(tiny(), source, act=act)
    assert list(kept.maps) in ([4, 12], [4, 11, 12])  # 11: it came when the first map was done
    assert kept.summary.dropped == 12 - 3 - len(kept.maps)


def test_a_film_at_its_own_pace(film):
    begun = time.monotonic()
    kept = live(tiny(), FilmSource(open_film(film)))
    assert time.monotonic() - begun >= 11 / 25
    assert max(kept.maps) == 12
    summary = kept.summary
    assert summary.predicted + summary.dropped + summary.filling + summary.lost == 12
    told = summary.told()
    assert f"{summary.predicted} map" in told
    assert "of 12 frames; the first 3 filled the clip" in told
    assert "ms (median)" in told


def test_frames_that_reading_passes_over_are_stood_in_for_by_the_one_before(film):
    video, now = open_film(film), [0.0]

    def sleep(seconds):
        now[0] += seconds

    source = FilmSource(video, clock=lambda: now[0] + 1, sleep=sleep)
    numbers = []
    for one in source.pictures():
        numbers.append(one.number)
        now[0] += 1.2 * (one.number == 5)  # beyond what is waited for; the film ends in 0.28 s
    assert numbers == [1, 2, 3, 4, 5, 12]
    scripted = Scripted(video, [1] * 8, T, numbers=lambda number: number + 2 * (number > 5))
    kept = live(tiny(), scripted)
    assert list(kept.maps) == [4, 5, 8, 9, 10]
    assert (kept.summary.came, kept.summary.lost, kept.summary.dropped) == (10, 2, 0)
    spec = tiny().module.net.spec
    frames = [picture(1, n) for n in (5, 5, 5, 6)]  # 6 and 7 of the stream are not there
    small = torch.stack([torch.from_numpy(frame).permute(2, 0, 1) for frame in frames])
    stood_in = torch.nn.functional.interpolate(small, spec.size, mode="bilinear", antialias=True)
    module = tiny().module
    by_hand = module.net((stood_in.transpose(0, 1)[None] - module.mean) / module.std)[0]
    assert (kept.maps[8] - by_hand).abs().max() < 0.1, "up to what H.264 changes"


def test_a_stream_that_breaks_off_keeps_its_maps_and_tells_the_summary(film):
    source = Scripted(open_film(film), [1] * 6, T, error=OSError("camera: broke off (nothing came)"))
    kept, told = Kept(source), []
    with pytest.raises(OSError, match="broke off"):
        watch(tiny(), source, kept, Running(device="cpu"), ended=told.append)
    assert list(kept.maps) == [4, 5, 6]
    assert told[0].predicted == 3


def test_a_source_that_ends_before_the_first_clip(film):
    with pytest.raises(ValueError, match=r"film.mp4: ended after 3 frames; the first map comes with frame 4"):
        live(tiny(), Scripted(open_film(film), [3], 99))


def test_the_time_can_be_over(film):
    source, now = Scripted(open_film(film), [1] * 12, T), [0.0]
    source.clock = lambda: now[0]
    kept = live(tiny(), source, act=lambda number: now.append(now.pop() + 40), seconds=100)
    assert list(kept.maps) == [4, 5, 6]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"target": "middle"}, "sees 1 frame after"),
        ({"target": 0}, "sees 3 frames after"),
    ],
)
def test_networks_that_see_what_comes_after_are_refused(spec, told):
    with pytest.raises(ValueError, match=rf"tiny {told} the one .*avsal predict FILE"):
        check_network(tiny(**spec))


def test_a_network_that_plays_films_backwards_is_refused():
    with pytest.raises(ValueError, match=r"tiny predicts from the film played backwards .*avsal predict FILE"):
        check_network(tiny(backwards=True))


class Ahead:
    """Hears its frames, and some after them; of the first pictures those of frames up to ``late``."""

    sample_rate = 8000

    def __init__(self, frames=0, late=0):
        self._frames, self._late = frames, late

    def heard(self, target, n_frames):
        return HeardFrames(max(1, target - 1), max(target, self._late), False)

    def span(self, first, last, fps, n_samples):
        start, stop = frame_span(first, last, fps, self.sample_rate, n_samples)
        return start, min(n_samples, stop + round(self._frames / fps * self.sample_rate))

    def __call__(self, excerpt):
        return 100 * excerpt.abs().mean()[None]


def test_what_has_not_sounded_is_not_heard(film):
    check_network(tiny(audio=Ahead(2)))
    check_network(tiny(audio=Ahead(20)), muted=True)
    with pytest.raises(ValueError, match=r"tiny hears 0\.82 s after the frame .*--muted"):
        check_network(tiny(audio=Ahead(20)))
    assert first_frame(tiny(audio=Ahead(late=7)).module.net.spec, hears=True) == 7
    assert first_frame(tiny(audio=Ahead(late=7)).module.net.spec, hears=False) == T

    now = [10.0]
    source = FilmSource(open_film(film), lambda: now[0], lambda seconds: now.append(now.pop() + seconds))
    source.listen(tiny(audio=Ahead(2)).module.net.spec, "tiny")
    given = [(one.came - 10, now[0] - 10) for one in source.pictures()]
    # It came when it was shown, and is given on when half a frame of its own and two more have sounded.
    assert [came * 25 for came, _ in given] == pytest.approx(range(12))
    assert [(at - came) * 25 for came, at in given] == pytest.approx([2.5] * 12, abs=0.01)


def test_a_network_that_hears_is_given_the_sound_of_the_film(film):
    predictor = Predictor("tiny", {}, SaliencyModule(Hearing(audio=Ahead(2))))
    kept = live(predictor, Scripted(open_film(film), [1] * 12, T))
    expected, muted = offline(predictor, film), offline(predictor, film, muted=True)
    for number, saliency in kept.maps.items():
        torch.testing.assert_close(saliency, expected[number], atol=1e-6, rtol=0)
    assert any(not torch.allclose(kept.maps[number], muted[number]) for number in kept.maps)


@pytest.mark.slow
def test_maps_of_a_stream_with_sound_are_those_of_the_film(tmp_path):
    film = tmp_path / "film.mkv"
    heard = np.random.default_rng(0).integers(-20000, 20000, 3 * 44100, np.int16)
    film.write_bytes(sent_stream([picture(1, n) for n in range(1, 41)], "matroska", heard))
    server = Server()
    server.offers["/live"] = Offer(film.read_bytes(), etag="", ranges=False)
    predictor = Predictor("tiny", {}, SaliencyModule(Hearing(audio=Waveform(T))))
    try:
        kept = live(predictor, open_source(None, f"{server.url}/live", realtime=True))
    finally:
        server.shutdown()
        server.server_close()
    expected, muted = offline(predictor, film), offline(predictor, film, muted=True)
    assert kept.summary.unheard == 0
    for number, saliency in kept.maps.items():
        torch.testing.assert_close(saliency, expected[number], atol=1e-5, rtol=0)
    assert any(not torch.allclose(kept.maps[number], muted[number], atol=1e-3) for number in kept.maps)


class Hearing(Tiny):
    """Tells sounds apart as well."""

    def forward(self, frames, audio=None):
        return ((frames * self.weights.view(-1, 1, 1)).sum((1, 2)) + audio.abs().mean(-1).view(-1, 1, 1)).sigmoid()


def test_outputs(film, tmp_path):
    video = open_film(film)
    for out, preview in ((tmp_path / "look.mp4", tmp_path / "look.jpg"), (tmp_path / "maps", tmp_path / "look.mjpeg")):
        source = Scripted(video, [1] * 12, T)

        with open_outputs(out, preview, form="npy", native=True) as written:
            add = written.add
            written.add = lambda *words, add=add, made=source.made: (add(*words), made.release())
            watch(tiny(), source, written, Running(device="cpu"))
    with av.open(str(tmp_path / "look.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [round(frame.time * 25) + 1 for frame in frames] == list(range(1, 10))
    assert frames[0].width % 2 == frames[0].height % 2 == 0
    assert Image.open(tmp_path / "look.jpg").size == (frames[0].width, frames[0].height)
    assert (tmp_path / "look.mjpeg").read_bytes().count(b"\xff\xd8\xff") == 9
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == [
        *(f"{n:05d}.npy" for n in range(4, 13)),
        TABLE,
    ]
    expected = offline(tiny(), film)
    np.testing.assert_allclose(np.load(tmp_path / "maps" / "00007.npy"), expected[7].numpy(), atol=1e-6)
    rows = (tmp_path / "maps" / TABLE).read_text().splitlines()
    assert rows[0] == "frame,seconds,delay_ms"
    assert rows[1].startswith("4,0.1200,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["look.jpg", "look.mjpeg", "look.mp4", "maps"]
    with pytest.raises(ValueError, match=r"maps: holds maps such as 00004.npy.*--force"):
        open_outputs(tmp_path / "maps", None)
    open_outputs(tmp_path / "maps", None, force=True).close()
    assert [path.name for path in (tmp_path / "maps").iterdir()] == [TABLE]
    with pytest.raises(ValueError, match=r"--preview .*look.png: expected .*\.jpg .* or \.mjpeg"):
        open_outputs(None, tmp_path / "look.png")


def test_ctrl_c_ends_it_cleanly(film, tmp_path, monkeypatch, capsys):
    add, seen = LiveFilm.add, []

    def interrupted(self, picture, *rest):
        add(self, picture, *rest)
        seen.append(picture.number)
        if len(seen) == 2 or picture.number == 12:
            raise KeyboardInterrupt

    monkeypatch.setattr(LiveFilm, "add", interrupted)
    words = ["--stream", film, "--realtime", "--model", "centre", "--device", "cpu"]
    assert predict(*words, "-o", tmp_path / "look.mp4") == 0
    with av.open(str(tmp_path / "look.mp4")) as container:
        assert len(list(container.decode(video=0))) == len(seen)
    printed = capsys.readouterr().out
    assert "maps of" in printed or "map of" in printed
    assert "Ctrl-C ends it" in printed


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["film.mp4", "--stream", "rtsp://host/x"], "one of the four"),
        (["--camera", "0", "--realtime"], "a camera is live"),
        (["--stream", "rtsp://host/x", "--audio", "a.wav"], "silence with --muted"),
        (["--stream", "rtsp://host/x", "--form", "mp4", "-o", "maps"], "png or npy"),
        (["--stream", "rtsp://host/x", "--batch-size", "4"], "one frame at a time"),
        (["--stream", "rtsp://host/x", "-o", "maps.webm"], "ends in .mp4, or a folder"),
        (["--stream", "film.mp4", "--realtime", "-o", "film.mp4"], "is what is read"),
        (["--camera", "0", "-o", "look", "--view"], "--view makes films of a file"),
        (["--camera", "0", "-o", "look.mp4", "--preview", "look.mp4"], "another one"),
        (["film.mp4", "-o", "maps", "--seconds", "3"], "--seconds is for --camera and --stream"),
        (["film.mp4"], "give the result a name with -o"),
    ],
)
def test_what_nobody_can_mean(words, told):
    with pytest.raises(ValueError, match=told):
        predict(*words, "--model", "centre")


@pytest.mark.slow
@pytest.mark.parametrize("modality", ["v", "av"])
def test_a_network_that_shares_and_one_that_hears(tmp_path, modality, monkeypatch):
    monkeypatch.setattr(looking, "LATE", float("inf"))  # on a busy machine none is passed over
    weights = write_checkpoints(tmp_path)[modality][1]
    film, wav = write_film(tmp_path / "film.mp4", 20), write_wav(tmp_path / "film.wav", 20)
    options = ["--weights", weights, "--native", "--form", "npy", "--audio", wav, "--device", "cpu"]
    predict(film, *options, "-o", tmp_path / "maps")
    expected = read_maps(tmp_path / "maps")
    predict("--stream", film, "--realtime", *options, "-o", tmp_path / "live")
    found = sorted((tmp_path / "live").glob("*.npy"))
    assert found[-1].stem == "00020"
    for path in found:
        saliency = torch.from_numpy(np.load(path))
        torch.testing.assert_close(saliency, expected[int(path.stem) - 1], atol=1e-5, rtol=0)
