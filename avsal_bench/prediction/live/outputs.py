"""What a live prediction leaves: a film with the maps over the pictures, a folder of maps, and a picture to look at."""

from __future__ import annotations

import math
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol

import av
import numpy as np
from av.video.stream import VideoStream
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.data import painting
from avsal_bench.data.pictures.show import CLOCK, FAINT, GROUND, LEAST_WIDTH, LINE, MOST_WIDTH
from avsal_bench.evaluation.score_videos import save_maps
from avsal_bench.evaluation.steps import to_eight_bit
from avsal_bench.files import whole_file
from avsal_bench.prediction.live.pictures import Picture
from avsal_bench.prediction.maps_folder import UNFINISHED, PictureForm
from avsal_bench.prediction.predicting import resize_maps

#: Seconds between two pictures of a preview in a file that is replaced.
PREVIEW_EVERY = 0.1
#: Table of the pictures that got a map, in a folder of maps, and its columns.
TABLE, COLUMNS = "frames.csv", "frame,seconds,delay_ms\n"
#: Quality of JPEGs in a preview.
_QUALITY = 85


class Made(Protocol):
    """Something that is made of each map."""

    def add(self, picture: Picture, saliency: Tensor, delay: float, overlay: Overlay) -> None:
        """Take a map ``(1, h, w)``, of the network's size, on the CPU, and the seconds that it was late."""

    def close(self) -> None:
        """Leave it whole."""


class Overlay:
    """The picture with its map laid over, and a line of text below; made when it is first asked for.

    Args:
        picture: that came.
        saliency: its map ``(1, h, w)``, scaled to its own lowest and highest value.
        delay: seconds that the map was late.
        size: (height, width) of the picture in it.
    """

    def __init__(self, picture: Picture, saliency: Tensor, delay: float, size: tuple[int, int]) -> None:
        self._made: Image.Image | None = None
        self._of = picture, saliency, delay, size

    @property
    def image(self) -> Image.Image:
        """The picture, of even sides."""
        if self._made is None:
            picture, saliency, delay, (height, width) = self._of
            density = to_eight_bit(resize_maps(saliency, (height, width)))[0].float().div(255).numpy()
            frame = F.interpolate(picture.pixels[None], (height, width), mode="bilinear", antialias=True)[0]
            blended = painting.blend(np.asarray(frame.permute(1, 2, 0)), density)
            whole = Image.new("RGB", (width + width % 2, height + height % 2 + LINE), GROUND)
            whole.paste(Image.fromarray(blended))
            text = f"{picture.number}  {picture.second:.2f} s  {1000 * delay:.0f} ms late"
            ImageDraw.Draw(whole).text((4, height + height % 2 + 3), text, FAINT, painting.font(14))
            self._made = whole
        return self._made


class Written:
    """All that is made of the maps; use it in a ``with`` statement: what is there at its end is whole.

    Args:
        made: each of it.
    """

    def __init__(self, made: Sequence[Made]) -> None:
        self._made = list(made)
        self._size: tuple[int, int] | None = None

    def add(self, picture: Picture, saliency: Tensor, delay: float) -> None:
        """Take the map ``(1, h, w)`` of a picture, and the seconds that it was late."""
        if self._size is None:
            self._size = shown_size(*picture.pixels.shape[1:])
        overlay = Overlay(picture, saliency, delay, self._size)
        for one in self._made:
            one.add(picture, saliency, delay, overlay)

    def close(self) -> None:
        """Leave all whole, also where one of it cannot be."""
        with ExitStack() as stack:
            for one in self._made:
                stack.callback(one.close)
        self._made.clear()

    def __enter__(self) -> Written:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def shown_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) at which a picture is shown, as :func:`~avsal_bench.data.pictures.show.overlay_size` has it."""
    factor = min(math.ceil(LEAST_WIDTH / width), MOST_WIDTH / width)
    return max(1, round(height * factor)), round(width * factor)


def open_outputs(
    out: Path | None, preview: Path | None, *, form: PictureForm = "png", native: bool = False, force: bool = False
) -> Written:
    """What a user asks for.

    Args:
        out: a name that ends in .mp4, for the maps over the pictures, or a folder for the maps; None for neither.
        preview: a ``.jpg``, which is replaced by each new picture, or an ``.mjpeg``, which grows by it, and which may
            be a named pipe that a player reads; None for none.
        form: of maps in a folder, ``png`` or ``npy``.
        native: whether these keep the network's size.
        force: whether maps that are there already are removed.

    Raises:
        ValueError: for a preview of another ending, and a folder that holds maps.
        OSError: for what cannot be written.
    """
    made: list[Made] = []
    if out is not None:
        made.append(LiveFilm(out) if out.suffix.lower() == ".mp4" else LiveFolder(out, form, native, force))
    if preview is not None:
        suffix = preview.suffix.lower()
        if suffix not in (".jpg", ".jpeg", ".mjpeg"):
            raise ValueError(f"--preview {preview}: expected a name that ends in .jpg (replaced) or .mjpeg (a stream)")
        made.append(GrowingPreview(preview) if suffix == ".mjpeg" else ReplacedPreview(preview))
    return Written(made)


class LiveFilm:
    """An mp4 of the pictures that got a map, with the map over them, at the times when they came since the first one.

    It gets its name when it is closed. What a killed process leaves beside it, under a name with a dot before it, can
    be played up to about a second before the end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = ExitStack()
        temporary = self._stack.enter_context(whole_file(path))
        options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        self._container = self._stack.enter_context(av.open(f"file:{temporary}", "w", format="mp4", options=options))
        self._stream: VideoStream | None = None
        self._first, self._last = 0.0, -1

    def add(self, picture: Picture, saliency: Tensor, delay: float, overlay: Overlay) -> None:
        """Write a picture."""
        if self._stream is None:
            stream = self._container.add_stream(
                "libx264", rate=25, options={"crf": "20", "preset": "veryfast", "bf": "0"}
            )
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = *overlay.image.size, "yuv420p"
            stream.codec_context.time_base = Fraction(1, CLOCK)
            stream.codec_context.gop_size = 25
            self._stream, self._first = stream, picture.second
        frame = av.VideoFrame.from_ndarray(np.asarray(overlay.image), format="rgb24")
        self._last = max(self._last + 1, round((picture.second - self._first) * CLOCK))
        frame.pts, frame.time_base = self._last, Fraction(1, CLOCK)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Give the film its name; without a picture there is none."""
        if self._stream is None:
            error = InterruptedError("no picture")
            self._stack.__exit__(InterruptedError, error, None)
            return
        with self._stack:
            self._container.mux(self._stream.encode(None))
            self._container.close()


class LiveFolder:
    """A folder of maps, one file a picture that got one, by its number, and a table of when these came.

    Raises:
        ValueError: for a folder that holds maps, unless they are to be removed.
    """

    def __init__(self, folder: Path, form: PictureForm, native: bool, force: bool) -> None:
        self.folder, self._form, self._native = folder, form, native
        there = [path for suffix in ("png", "npy") for path in folder.glob(f"[0-9]*.{suffix}")]
        if there and not force:
            raise ValueError(
                f"{folder}: holds maps such as {min(there).name}, and a live stream cannot go on where one ended; name "
                "another folder, or remove them with --force"
            )
        for path in there:
            path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        self._table = (folder / TABLE).open("w", encoding="utf-8")
        self._table.write(COLUMNS)

    def add(self, picture: Picture, saliency: Tensor, delay: float, overlay: Overlay) -> None:
        """Write a map."""
        height, width = picture.pixels.shape[1:]
        maps = saliency if self._native else resize_maps(saliency, (height, width))
        save_maps(maps, [picture.number], self.folder / UNFINISHED, self._form)
        name = f"{picture.number:05d}.{self._form}"
        (self.folder / UNFINISHED / name).replace(self.folder / name)
        self._table.write(f"{picture.number},{picture.second:.4f},{1000 * delay:.1f}\n")
        self._table.flush()

    def close(self) -> None:
        """Close the table."""
        self._table.close()
        if (self.folder / UNFINISHED).is_dir():
            (self.folder / UNFINISHED).rmdir()


class ReplacedPreview:
    """A JPEG that is replaced by the newest picture, a few times a second; who reads it never sees half of one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.new")
        self._last = -math.inf
        self._temporary.parent.mkdir(parents=True, exist_ok=True)

    def add(self, picture: Picture, saliency: Tensor, delay: float, overlay: Overlay) -> None:
        """Replace the picture, where the last one is not too young."""
        if picture.came - self._last < PREVIEW_EVERY:
            return
        self._last = picture.came
        # Not to the disk each time, as files are that must outlive a loss of power.
        overlay.image.save(self._temporary, format="JPEG", quality=_QUALITY)
        self._temporary.replace(self._path)

    def close(self) -> None:
        """The last picture stays."""
        self._temporary.unlink(missing_ok=True)


class GrowingPreview:
    """Motion JPEG: one picture behind the other, for a player that reads along, also through a named pipe."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and stat.S_ISFIFO(path.stat().st_mode):
            print(f"{path}: a pipe; waiting for who reads it, such as `ffplay -f mjpeg {path}`", flush=True)
        self._file = path.open("wb")
        self._path = path

    def add(self, picture: Picture, saliency: Tensor, delay: float, overlay: Overlay) -> None:
        """Write a picture.

        Raises:
            ValueError: where who reads a pipe has gone.
        """
        try:
            overlay.image.save(self._file, format="JPEG", quality=_QUALITY)
            self._file.flush()
        except BrokenPipeError as error:
            raise ValueError(f"--preview {self._path}: who read the pipe has gone") from error

    def close(self) -> None:
        """Close the file."""
        with suppress(BrokenPipeError):  # said already
            self._file.close()
