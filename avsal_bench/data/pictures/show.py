"""A video to look at: a sheet of its frames, or all of it as an mp4, with density, fixations and sound drawn in."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torchvision.transforms.v2 import functional as F

from avsal_bench.data import painting
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files.frames import frame_size, read_frames
from avsal_bench.data.files.moments import shown_at, shown_seconds, shown_until, varies
from avsal_bench.data.files.resampling import resample
from avsal_bench.data.files.sound_files import read_sound
from avsal_bench.data.files.truth_files import density, fixations
from avsal_bench.data.gaze.samples import Gaze, read_gaze
from avsal_bench.data.painting import Points
from avsal_bench.data.statistics.stats import distinct_videos, read_lists
from avsal_bench.names import pick
from avsal_bench.progress import progress
from avsal_bench.text import many

Samples = NDArray[np.float32]

#: Pixels: width of a sheet, its border, between tiles, and heights of its lines of text and of the waveform.
SHEET, BORDER, GAP, HEAD, CAPTION, WAVE = 1600, 20, 8, 88, 20, 120
#: Frames of a video file are drawn at least and at most this wide: letters need pixels, and the encoder time.
LEAST_WIDTH, MOST_WIDTH = 480, 1280
#: Heights in a video file below the frame: a line of text, and the waveform.
LINE, STRIP = 22, 64
#: Frames that are read at once.
CHUNK = 8
#: Rate of the AAC track when that of the sound is none that AAC knows.
FALLBACK_RATE = 48000
#: Steps a second of the time stamps of pictures that do not come evenly.
CLOCK = 90000

GROUND, PALE, INK, FAINT, CURSOR = "white", "#f4f4f4", "#202020", "#707070", "#e05000"
#: Of the waveform: as long as frames are shown, and after the last one.
BLUE, GREY = "#4878a8", "#c8c8c8"


@dataclass(frozen=True)
class Track:
    """Sound of a video as it is drawn: mono samples in [-1, 1], and their rate."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples) / self.rate

    def describe(self) -> str:
        """Rate, duration and peak in words."""
        peak = float(np.abs(self.samples).max(initial=0.0))
        return f"sound {self.seconds:.2f} s at {self.rate} Hz, " + (f"peak {peak:.3f}" if peak else "digital silence")


def find_video(name: str, root: Path, video: str) -> Video:
    """A video of a set by its name in any list; the longest where lists disagree.

    Raises:
        ValueError: for an unknown set or video; it suggests the nearest name.
        FileNotFoundError: when the lists are missing.
    """
    videos = distinct_videos(read_lists(dataset(name), root))
    return pick(f"video of {name}", video, {v.name: v for v in videos})


def contact_sheet(video: Video, path: Path, columns: int = 6, rows: int = 4) -> None:
    """Write a PNG 1600 pixels wide of frames evenly spread over a video, with density, fixations and waveform.

    A video of fewer frames shows all of them; a still image, large, has no waveform.

    Args:
        video: whose files are read.
        path: of the PNG.
        columns: frames in a row.
        rows: at most so many.

    Raises:
        ValueError: for no columns or rows, or a name that does not end in .png; naming an unreadable file.
        FileNotFoundError: naming a missing file.
        OSError: naming the folder, when it cannot be written.
    """
    if columns < 1 or rows < 1:
        raise ValueError(f"{many(columns, 'column')} and {many(rows, 'row')}: a sheet needs at least one of each")
    numbers = painting.evenly(video.n_frames, columns * rows)
    columns = 1 if video.still else columns
    height, width = frame_size(video)
    tile_width = (SHEET - 2 * BORDER - (columns - 1) * GAP) // columns
    tile = (max(1, round(tile_width * height / width)), tile_width)
    step = tile[0] + CAPTION + GAP
    grid_height = math.ceil(len(numbers) / columns) * step
    track = read_sound_track(video)
    timeline = 0 if video.still else CAPTION + WAVE + CAPTION
    sheet = Image.new("RGB", (SHEET, HEAD + grid_height + timeline + BORDER), GROUND)
    with painting.output_file(path, ".png") as temporary:
        _draw_head(sheet, video, (height, width), track)
        brush = ImageDraw.Draw(sheet)
        for i, image in enumerate(painted_frames(video, numbers, tile)):
            x, y = BORDER + i % columns * (tile[1] + GAP), HEAD + i // columns * step
            sheet.paste(image, (x, y))
            text = "" if video.still else f"{numbers[i]}  {shown_at(video, numbers[i]):.2f} s"
            brush.text((x, y + tile[0] + 2), painting.fits(text, tile[1], 13), INK, painting.font(13))
        if timeline:
            _draw_timeline(sheet, HEAD + grid_height, video, numbers, track)
        sheet.save(temporary, format="PNG")


def overlay_video(video: Video, path: Path) -> None:
    """Write an mp4 of all frames with density and fixations drawn in; see :func:`write_overlay`.

    Raises:
        ValueError: for a name that does not end in .mp4, and for a still image; naming an unreadable file.
        FileNotFoundError: naming a missing file.
        OSError: naming the folder, when it cannot be written.
    """
    if video.still:
        raise ValueError(f"{video.key} is a still image, of which there is no mp4; give a name that ends in .png")
    size = overlay_size(video)
    write_overlay(video, path, painted_frames(video, range(1, video.n_frames + 1), size), size)


def overlay_size(video: Video) -> tuple[int, int]:
    """(height, width) of the frames of a video in an mp4.

    Small ones are enlarged by a whole factor to at least ``LEAST_WIDTH``, large ones shrunk to ``MOST_WIDTH``.
    """
    height, width = frame_size(video)
    factor = min(math.ceil(LEAST_WIDTH / width), MOST_WIDTH / width)
    return max(1, round(height * factor)), round(width * factor)


def write_overlay(video: Video, path: Path, pictures: Iterable[Image.Image], size: tuple[int, int]) -> None:
    """Write an mp4 (H.264, AAC) of a picture for each frame of a video, and its sound where there is one.

    Below the picture stand the frame's number and time and, with sound, the waveform and a cursor that moves over it.
    A picture of odd size gets a black column or row. The sound ends with the last frame.

    Args:
        video: whose sound is read.
        path: of the mp4.
        pictures: of frames 1 to ``n_frames``, in order; taken one by one.
        size: (height, width) of each.

    Raises:
        ValueError: for a name that does not end in .mp4; naming an unreadable file.
        FileNotFoundError: naming a missing file.
        OSError: naming the folder, when it cannot be written.
    """
    track = read_sound_track(video)
    ground = _strip(video, size[1], track)
    rate = Fraction(video.fps).limit_denominator(1001)  # lists write 30000/1001 as 29.970030
    step = Fraction(1, CLOCK) if varies(video) else 1 / rate
    numbers = range(1, video.n_frames + 1)
    bar = progress(f"{video.key}: mp4", video.n_frames)
    with painting.output_file(path, ".mp4") as temporary, bar as shown, av.open(str(temporary), "w") as container:
        picture = _add_picture(container, rate, size[0] + ground.height, size[1])
        picture.codec_context.time_base = step
        sound = None if track is None else SoundWriter(container, track)
        for number, image in zip(numbers, pictures, strict=True):
            whole = Image.new("RGB", (picture.width, picture.height))
            whole.paste(image)
            whole.paste(_with_cursor(ground, video, number, track is not None), (0, size[0]))
            frame = av.VideoFrame.from_ndarray(np.asarray(whole), format="rgb24")
            frame.pts, frame.time_base = round(shown_at(video, number) / step), step
            container.mux(picture.encode(frame))
            if sound:
                sound.write(shown_until(video, number))
            shown.advance()
        container.mux(picture.encode())
        if sound:
            sound.close()


def painted_frames(video: Video, numbers: Sequence[int], size: tuple[int, int]) -> Iterator[Image.Image]:
    """Pictures of some frames, resized to ``(height, width)``, with density, fixations and observers drawn in.

    Raises:
        FileNotFoundError, ValueError: naming a missing or unreadable file.
    """
    native = frame_size(video)
    called = video.called or video.name
    gaze = Gaze.of([]) if video.gaze is None else read_gaze(video.gaze, video.n_frames, native, called)
    radius = max(2.0, size[1] / 200)
    for start in range(0, len(numbers), CHUNK):
        chunk = list(numbers[start : start + CHUNK])
        # Resized here: the cache of the reader is meant for small frames.
        stored = read_frames(video, chunk, None).transpose(0, 1)
        if stored.shape[-2:] != native:
            raise ValueError(f"{video.key}: frame {chunk[0]} has size {tuple(stored.shape[-2:])}, frame 1 {native}")
        frames = F.resize(stored, list(size), antialias=True).permute(0, 2, 3, 1)
        for number, frame in zip(chunk, frames.numpy(), strict=True):
            picture = painting.blend(frame, density(video, number, size).numpy()) if video.has_truth else frame.copy()
            # Rings first: where viewers are many, their fixations stay on top.
            painting.draw_rings(picture, _moved(gaze.points(number), native, size), radius + 3)
            if video.has_truth:
                fixated = fixations(video, number).numpy()
                centres = np.argwhere(fixated)[:, ::-1].astype(np.float64) + 0.5
                painting.draw_dots(picture, _moved(centres, fixated.shape, size), radius)
            yield Image.fromarray(picture)


def _moved(points: Points, of: tuple[int, ...], to: tuple[int, int]) -> Points:
    """Points x, y of one (height, width) in another: from the corner of the picture to indices of pixels."""
    return np.asarray(points * np.array([to[1] / of[1], to[0] / of[0]]) - 0.5, dtype=np.float64)


def read_sound_track(video: Video) -> Track | None:
    """The whole sound of a video; None for a set without.

    Raises:
        FileNotFoundError, ValueError: naming a missing or unreadable file.
    """
    if video.audio is None:
        return None
    samples, rate = read_sound(video)
    return Track(samples.numpy(), rate)


def _draw_head(sheet: Image.Image, video: Video, size: tuple[int, int], track: Track | None) -> None:
    """Title, facts, and what the colours mean."""
    brush = ImageDraw.Draw(sheet)
    room = SHEET - 2 * BORDER
    brush.text((BORDER, 10), painting.fits(video.key, room, 24), INK, painting.font(24))
    moving = [f"{video.fps:g} fps", f"{many(video.n_frames, 'frame')}", f"{shown_seconds(video):.2f} s"]
    heard = "declared silent" if video.silent else "no sound" if track is None else track.describe()
    facts = [
        *(["still image"] if video.still else moving),
        f"{size[1]} x {size[0]} pixels",
        *([] if video.still else [heard]),
        *([f"category {video.category}"] if video.category else []),
        *([] if video.has_truth else ["no ground truth"]),
    ]
    brush.text((BORDER, 42), painting.fits(" · ".join(facts), room, 15), INK, painting.font(15))
    keys = (["density", "fixation"] if video.has_truth else []) + (["observer"] if video.gaze is not None else [])
    for x, text in zip((BORDER, BORDER + 125, BORDER + 250), keys, strict=False):
        key = np.full((20, 44, 3), 110, np.uint8)
        spot = np.array([[21.5, 9.5]])
        if text == "density":
            key = painting.blend(key, np.linspace(0, 1, 44, dtype=np.float32)[None].repeat(20, 0))
        elif text == "fixation":
            painting.draw_dots(key, spot, 4)
        else:
            painting.draw_rings(key, spot, 7)
        sheet.paste(Image.fromarray(key), (x, 64))
        brush.text((x + 50, 66), text, FAINT, painting.font(14))


def _draw_timeline(sheet: Image.Image, top: int, video: Video, numbers: Sequence[int], track: Track | None) -> None:
    """The waveform with the shown frames marked above and seconds below; what the frames do not reach is grey."""
    brush, small = ImageDraw.Draw(sheet), painting.font(12)
    shown = shown_seconds(video)
    seconds = max(shown, track.seconds if track else 0.0)
    width, wave_top = SHEET - 2 * BORDER, top + CAPTION
    if track is None:
        brush.rectangle((BORDER, wave_top, BORDER + width - 1, wave_top + WAVE - 1), PALE)
    else:
        sheet.paste(draw_waveform(track, seconds, shown, (WAVE, width)), (BORDER, wave_top))
    clear = -math.inf
    for number in numbers:
        x = BORDER + _column(shown_at(video, number), seconds, width)
        brush.line((x, wave_top - 3, x, wave_top + WAVE + 2), CURSOR)
        half = small.getlength(str(number)) / 2
        if x - half > clear:  # a label that would touch the last one is left out; its line is not
            centre = min(max(x, BORDER + half), SHEET - BORDER - half)
            brush.text((centre, wave_top - 4), str(number), CURSOR, small, anchor="ms")
            clear = centre + half + 4
    if track is None:
        brush.rectangle((SHEET // 2 - 50, wave_top + WAVE // 2 - 14, SHEET // 2 + 50, wave_top + WAVE // 2 + 14), PALE)
        brush.text((SHEET // 2, wave_top + WAVE // 2), "no sound", FAINT, painting.font(16), anchor="mm")
    for second in _ticks(seconds):
        x = BORDER + _column(second, seconds, width)
        brush.line((x, wave_top + WAVE, x, wave_top + WAVE + 4), FAINT)
        brush.text((min(x, SHEET - BORDER - 12), wave_top + WAVE + 6), f"{second:g} s", FAINT, small, anchor="mt")


def draw_waveform(track: Track, seconds: float, played: float, size: tuple[int, int]) -> Image.Image:
    """A waveform over ``seconds``, ``(height, width)``: blue up to ``played``, then grey; its peak fills the height."""
    height, width = size
    image = Image.new("RGB", (width, height), PALE)
    brush = ImageDraw.Draw(image)
    columns = round(width * min(track.seconds / seconds, 1))
    bounds = painting.envelope(track.samples[: round(seconds * track.rate)], max(columns, 1))
    peak = max(float(np.abs(track.samples).max(initial=0.0)), 1e-9)
    middle, reach = (height - 1) / 2, (height - 1) / 2 - 2
    stop = _column(played, seconds, width)
    for x, (low, high) in enumerate(bounds / peak):
        colour = BLUE if x <= stop else GREY
        brush.line((x, middle - reach * float(high), x, middle - reach * float(low)), colour)
    return image


def _column(second: float, seconds: float, width: int) -> int:
    """Column of a time on an axis of ``width`` pixels."""
    return min(int(second / seconds * width), width - 1)


def _ticks(seconds: float) -> list[float]:
    """Round times from 0, 5 to 14 of them.

    >>> _ticks(4.7)
    [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5]
    """
    unit = 10 ** math.floor(math.log10(seconds))
    step = next(unit * f for f in (0.1, 0.2, 0.5, 1) if seconds / (unit * f) < 14)
    return [round(i * step, 9) for i in range(int(seconds / step) + 1)]


def _strip(video: Video, width: int, track: Track | None) -> Image.Image:
    """What stands below every frame, without what changes."""
    image = Image.new("RGB", (width, LINE + (STRIP if track else 0)), GROUND)
    if track:
        shown = shown_seconds(video)
        image.paste(draw_waveform(track, shown, shown, (STRIP, width)), (0, LINE))
    return image


def _with_cursor(strip: Image.Image, video: Video, number: int, sound: bool) -> Image.Image:
    """The strip at one frame: its number and time, and the cursor where it begins."""
    image = strip.copy()
    brush = ImageDraw.Draw(image)
    clock = f"{number}/{video.n_frames}  {shown_at(video, number):.2f} s"
    room = image.width - 12 - int(painting.font(14).getlength(clock))
    brush.text((image.width - 4, 3), clock, INK, painting.font(14), anchor="ra")
    title = video.key if sound else f"{video.key}, no sound"
    brush.text((4, 3), painting.fits(title, room, 14), FAINT, painting.font(14))
    if sound:
        x = _column(shown_at(video, number), shown_seconds(video), image.width)
        brush.rectangle((x, LINE, x + 1, image.height - 1), CURSOR)
    return image


def _add_picture(container: OutputContainer, rate: Fraction, height: int, width: int) -> VideoStream:
    stream = container.add_stream("h264", rate=rate, options={"crf": "20", "preset": "veryfast"})
    assert isinstance(stream, VideoStream)
    # H.264 halves colour in both directions: even sizes only.
    stream.height, stream.width, stream.pix_fmt = height + height % 2, width + width % 2, "yuv420p"
    return stream


class SoundWriter:
    """Writes the sound beside the frames, a frame's worth at a time: players want both near each other.

    Args:
        container: that is being written.
        track: the sound.
        codec: ``aac`` for an mp4, ``libopus`` for a WebM.
        bit_rate: bits a second; None for what the encoder takes.
    """

    def __init__(
        self, container: OutputContainer, track: Track, codec: str = "aac", bit_rate: int | None = None
    ) -> None:
        known = av.Codec(codec, "w").audio_rates or [FALLBACK_RATE]
        self.rate = track.rate if track.rate in known else FALLBACK_RATE
        samples = torch.from_numpy(track.samples)
        self._samples = resample(samples, track.rate, self.rate).numpy()
        self._done = 0
        self._container = container
        stream = container.add_stream(codec, rate=self.rate, layout="mono")
        assert isinstance(stream, AudioStream)
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        self._stream = stream

    def write(self, second: float) -> None:
        """Write what is heard up to a second."""
        stop = min(round(second * self.rate), len(self._samples))
        if stop > self._done:
            piece = av.AudioFrame.from_ndarray(self._samples[None, self._done : stop], format="fltp", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = self.rate, self._done, Fraction(1, self.rate)
            self._container.mux(self._stream.encode(piece))
            self._done = stop

    def close(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode())
