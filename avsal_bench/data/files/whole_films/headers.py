"""What the headers of films tell, asked once: a set of thousands of films is listed by what is noted of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from avsal_bench.data.files.containers import open_container
from avsal_bench.data.files.packets import picture_stream
from avsal_bench.data.files.video_files import count_frames, frame_rate
from avsal_bench.data.film_facts import FilmFacts
from avsal_bench.kept.noted import noted

#: Raised whenever what is noted has another form.
KIND = "film-1"


def film_facts(paths: Sequence[Path]) -> list[FilmFacts]:
    """What the header of each film tells; of one that nobody wrote to, it is known from the last time.

    A film whose container does not tell its number of pictures, as mkv, is looked through.

    Raises:
        FileNotFoundError, ValueError: naming a file that is missing, is no video, or has no pictures.
    """
    return [FilmFacts(*values) for values in noted(paths, KIND, facts_of, "look into films")]


def facts_of(path: Path) -> FilmFacts:
    """What the header of a film tells; see :func:`film_facts`."""
    with open_container(path) as container:
        stream = picture_stream(container, path, strict=False)
        coder = stream.codec_context
        bits = max((part.bits for part in coder.format.components), default=0) if coder.format else 0
        frames, fps = int(stream.frames), float(stream.average_rate or 0)
        height, width, sound = coder.height, coder.width, bool(container.streams.audio)
    return FilmFacts(frames or count_frames(path), fps or frame_rate(path), height, width, bits, sound)
