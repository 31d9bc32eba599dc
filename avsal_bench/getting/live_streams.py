"""The address of a live stream that a user names, opened: by few protocols, none of which reads a file.

FFmpeg opens what an address says. Some of its protocols read files of this machine, or put several things together
(``file:``, ``concat:``, ``subfile:``, ``data:``), and playlists name further addresses, which might be files. So the
protocols are those of ``SCHEMES`` alone, also for what a stream names in turn, and a playlist is read only where the
address itself says that it is one (``.m3u8``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from avsal_bench.names import printable

if TYPE_CHECKING:
    from av.container import InputContainer

# PyAV is imported inside: what only names an address needs none.

#: How an address may begin.
SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp")
#: What FFmpeg may speak underneath.
_PROTOCOLS = (*SCHEMES, "rtp", "tls", "httpproxy", "crypto")
#: Kinds of streams that are read, as FFmpeg names them: none names other addresses.
_KINDS = (
    *("rtsp", "flv", "live_flv", "mpegts", "mpeg", "mpjpeg", "mjpeg", "jpeg_pipe", "h264", "hevc", "av1", "nut"),
    *("mov", "matroska", "webm", "ogg", "avi", "asf"),
)
#: Kinds that are read beside them where the address is a playlist.
_OF_PLAYLISTS = ("hls", "applehttp", "aac", "webvtt")
#: Seconds that a server may take to open a stream, and to send the next piece of it.
PATIENCE = (10.0, 10.0)
#: An address as far as its host, with a name and a password in it or not.
_LOGIN = re.compile(r"^([a-zA-Z][\w+.-]*://)[^/?#]*@")


def is_address(text: str) -> bool:
    """Whether a user named an address and no file: with a scheme before it.

    >>> is_address("rtsp://host/live"), is_address("concat:a|b"), is_address("films/a.mp4"), is_address("C:/a.mp4")
    (True, True, False, False)
    """
    return re.match(r"[a-zA-Z][\w+.-]+(,[^:]*)?:", text) is not None


def shown_address(url: str) -> str:
    """An address as it is printed and written: without a name and a password, and what follows a question mark.

    >>> shown_address("rtsp://me:secret@camera.local:554/live?token=1")
    'rtsp://***@camera.local:554/live?...'
    """
    plain, asks, _ = url.partition("?")
    return printable(_LOGIN.sub(r"\1***@", plain) + ("?..." if asks else ""))


def open_stream(url: str, patience: tuple[float, float] = PATIENCE) -> InputContainer:
    """The open stream at an address; close it. What is read of it later may raise, where it breaks off.

    Args:
        url: ``<scheme>://<host>...``, of ``SCHEMES``.
        patience: seconds to wait for the stream, and for the next piece of it.

    Raises:
        ValueError: for another scheme, an address without a host, and a stream of a kind that is not read.
        OSError: naming the address, where nothing answers, it is refused, or it takes too long.
    """
    import av

    shown = shown_address(url)
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise ValueError(f"{shown}: no address ({error}); expected such as rtsp://<host>/<path>") from error
    if parts.scheme not in SCHEMES or not url.lower().startswith(f"{parts.scheme}://"):
        raise ValueError(
            f"{shown}: streams are read from {', '.join(f'{one}://' for one in SCHEMES)}; name a video file without a "
            "scheme before it"
        )
    if not host and parts.scheme != "udp":
        raise ValueError(f"{shown}: names no host; expected such as {parts.scheme}://<host>/<path>")
    playlist = parts.scheme in ("http", "https") and parts.path.lower().endswith((".m3u8", ".m3u"))
    kinds = (*_KINDS, *_OF_PLAYLISTS) if playlist else _KINDS
    options = {
        "protocol_whitelist": ",".join(_PROTOCOLS),
        "format_whitelist": ",".join(kinds),
        "rtsp_flags": "prefer_tcp",  # over UDP, pictures with holes come, and firewalls stand in the way
    }
    try:
        return av.open(url, options=options, timeout=patience, metadata_errors="replace")
    except av.ExitError as error:
        raise OSError(f"{shown}: no stream within {patience[0]:g} s; is it on, and can it be reached?") from error
    except (av.ArgumentError, av.InvalidDataError) as error:
        told = " A playlist is read where the address ends in .m3u8." if not playlist else ""
        raise ValueError(
            f"{shown}: sends no stream of a kind that is read, or one that names files ({error.strerror}).{told}"
        ) from error
    except av.FFmpegError as error:
        raise OSError(f"{shown}: cannot be opened ({error.strerror}); look at the address with `ffplay`") from error


def broken_off(error: Exception) -> str:
    """Why a stream ended in the middle, in words."""
    import av

    if isinstance(error, av.ExitError):
        return f"nothing came for {PATIENCE[1]:g} s"
    return getattr(error, "strerror", None) or type(error).__name__
