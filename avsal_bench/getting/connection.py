"""One connection to a server: what it is asked, what its refusals mean, and where it may not send us on to."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from avsal_bench.names import printable

if TYPE_CHECKING:
    from requests import Response, Session

# requests is imported inside: `avsal --help` must answer at once.

#: Seconds until a server must answer, and between two blocks of its answer.
PATIENCE = (20.0, 60.0)
#: The longest that a server may ask to wait for, in seconds; longer ones are told.
LONGEST_WAIT = 120.0
#: Times that a server may send on to another address; digits of a number that is believed; letters of its words shown.
_REDIRECTS, _DIGITS, _WORDS = 10, 18, 200

_REFUSALS = {
    401: "it wants a password, or a token",
    403: "it gives this file to nobody without permission, or to nobody any more",
    404: "there is no such file",
    410: "the file is gone",
}
_DIRECTLY = "open the address in a browser, and put the file where `--dry-run` says"


class NotSent(OSError):
    """A server did not send a file, and asking again at once would not help."""


class BrokenOff(OSError):
    """A server did not answer, or stopped in the middle: asking again may help.

    Args:
        text: what happened.
        wait: seconds that the server asks to wait; None where it does not say.
    """

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


def new_session() -> Session:
    """What asks servers; it follows no redirection from https to http, as anybody on the way could change the file."""
    import requests

    class Careful(requests.Session):
        def get_redirect_target(self, resp: Response) -> str | None:
            target: str | None = super().get_redirect_target(resp)
            if target and resp.url.startswith("https:") and not urljoin(resp.url, target).startswith("https:"):
                raise NotSent(
                    f"{resp.url} sends on to {target}, which is not encrypted; it is not followed. {_DIRECTLY}"
                )
            return target

    session = Careful()
    session.max_redirects = _REDIRECTS
    session.headers.update({"User-Agent": "avsal-bench", "Accept-Encoding": "identity"})
    return session


def ask(session: Session, url: str, headers: dict[str, str], method: str = "GET") -> Response:
    """The answer of a server, whose content was not read yet.

    Raises:
        BrokenOff: where it does not answer, or is too busy.
        NotSent: where it refuses, or answers with a web page.
    """
    import requests

    try:
        found = session.request(
            method,
            url,
            headers={**_token(url), **headers},
            stream=True,
            timeout=PATIENCE,
            allow_redirects=True,
        )
    except requests.TooManyRedirects:
        raise NotSent(f"{url}: sends on and on ({_REDIRECTS} times), to no file; {_DIRECTLY}") from None
    except (
        requests.exceptions.InvalidSchema,
        requests.exceptions.InvalidURL,
        requests.exceptions.MissingSchema,
    ) as error:
        raise NotSent(f"{url}: sends on to what is no address of the web ({error}); {_DIRECTLY}") from None
    except requests.Timeout:
        raise BrokenOff(f"{url}: no answer within {PATIENCE[1]:.0f} s") from None
    except requests.RequestException as error:
        raise BrokenOff(f"{url}: cannot be reached ({reason(error)})") from None
    except ValueError as error:  # of the readers of addresses, for what a server sends us on to
        raise NotSent(f"{url}: sends on to what is no address ({reason(error)}); {_DIRECTLY}") from None
    try:
        _check(found, url)
    except OSError:
        found.close()
        raise
    return found


def size_of(session: Session, url: str) -> int | None:
    """The length of a file in bytes, by a HEAD request; None where the server does not say, or does not answer."""
    try:
        with ask(session, url, {}, "HEAD") as found:
            return length(found)
    except OSError:
        return None


def length(found: Response) -> int | None:
    """How many bytes an answer says that it has; None where it does not say, or not a number."""
    return number(found.headers.get("Content-Length", ""))


def number(text: str) -> int | None:
    """A number that a server writes, of at most 18 digits; None for anything else."""
    return int(text) if len(text) <= _DIGITS and text.isascii() and text.isdigit() else None


def check_content(start: bytes, url: str) -> None:
    """Look at the first bytes of a file for a web page, which servers send in its place when they ask for something.

    Raises:
        NotSent: for a web page.
    """
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower().startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        raise _page(url)


def _check(found: Response, url: str) -> None:
    status = found.status_code
    if status in (200, 206, 416):
        kind = found.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml") and not urlsplit(url).path.endswith((".html", ".htm")):
            raise _page(url)
        return
    if status == 429 or status >= 500:
        wait = _asked_to_wait(found.headers.get("Retry-After", ""))
        said = f"; it asks to come again in {wait:.0f} s" if wait else ""
        text = f"{url}: the server is busy or out of order (status {status}){said}"
        if wait is not None and wait > LONGEST_WAIT:
            raise NotSent(f"{text}; run the same command again then")
        raise BrokenOff(text, wait)
    why = _REFUSALS.get(status, found.reason or "it does not say why")
    raise NotSent(f"{url}: the server refuses (status {status}: {why}); {_DIRECTLY}, or name a mirror with --from")


def _page(url: str) -> NotSent:
    return NotSent(f"{url}: a web page came in the place of the file: the server asks for something; {_DIRECTLY}")


def _asked_to_wait(text: str) -> float | None:
    """Seconds in ``Retry-After``, which holds a number or a time; None where it holds neither."""
    if (seconds := number(text)) is not None:
        return float(seconds)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None


def reason(error: Exception) -> str:
    """What lies at the bottom of an error of requests, in a few words."""
    deepest: BaseException = error
    while (below := deepest.__cause__ or deepest.__context__) is not None:
        deepest = below
    said = str(deepest).splitlines()
    return printable(said[0])[:_WORDS] if said and said[0] else type(deepest).__name__


def _token(url: str) -> dict[str, str]:
    """The token of whoever has logged in at Hugging Face, for addresses there only; other hosts never get it."""
    place = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    if (urlsplit(url).scheme, urlsplit(url).netloc) != (place.scheme, place.netloc):
        return {}
    from huggingface_hub import get_token

    token = get_token()
    return {"Authorization": f"Bearer {token}"} if token else {}
