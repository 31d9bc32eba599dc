"""Opening video and sound files by PyAV, so that none of them makes it open another file."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer

from avsal_bench.data.places import is_video_file
from avsal_bench.files import regular_file

#: Kinds of files that are opened, as FFmpeg names them. Some kinds, such as playlists, name other files to open.
KINDS = (
    *("mov", "mp4", "matroska", "webm", "avi", "asf", "flv", "mpeg", "mpegts", "mpegvideo", "h264", "ogg", "nut"),
    *("mp3", "aac", "ac3", "eac3", "flac", "wav", "w64", "aiff", "au", "caf", "amr", "wv", "tta", "dts", "rm", "mxf"),
)
_OPTIONS = {"format_whitelist": ",".join(KINDS), "protocol_whitelist": "file"}


def open_container(path: Path) -> InputContainer:
    """An open video or sound file, by its content and not by its name; close it.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming what is no regular file, is of none of the ``KINDS``, or is damaged.
    """
    if not path.exists():
        raise FileNotFoundError(f"missing {kind_of(path)} {path}")
    if not regular_file(path, links=True).stat().st_size:
        raise ValueError(f"{path}: an empty file; fetch it again")
    try:
        # With the protocol before it: a name may have a colon in it. Titles need not be in UTF-8.
        return av.open(f"file:{path}", options=_OPTIONS, metadata_errors="replace")
    except av.ArgumentError as error:
        raise ValueError(f"{path}: of no kind of {kind_of(path)} file that is read; give the file itself") from error
    except av.FFmpegError as error:
        raise unreadable(path, error) from error


def kind_of(path: Path) -> str:
    """``video`` or ``sound``, by the name of a file."""
    return "video" if is_video_file(path) else "sound"


def unreadable(path: Path, error: Exception) -> ValueError:
    """The error for a video or sound file that cannot be read."""
    advice = "it may be cut short; fetch it again" if is_video_file(path) else "extract it again"
    reason = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
    return ValueError(f"unreadable {kind_of(path)} {path} ({reason}); {advice}")
