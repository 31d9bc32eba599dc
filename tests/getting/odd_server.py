"""A server on this machine that sends files in every way that servers do: whole, broken off, changed, slow."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from avsal_bench.getting import download


@dataclass
class Offer:
    """How a file is sent.

    Args:
        content: of the file.
        etag: that the server gives; "" for none.
        modified: the date that it gives; "" for none.
        ranges: whether it goes on in the middle.
        breaks: after how many bytes each of the first answers ends.
        statuses: of the first answers, in the place of the file.
        headers: that come with the answer, besides or in the place of its own; None leaves one out.
        head: whether it answers HEAD.
        pause: an event that is waited for after the first 40,000 bytes.
    """

    content: bytes = b""
    etag: str = '"one"'
    modified: str = ""
    ranges: bool = True
    breaks: list = field(default_factory=list)
    statuses: list = field(default_factory=list)
    headers: dict = field(default_factory=dict)
    head: bool = True
    pause: threading.Event | None = None


class Server(ThreadingHTTPServer):
    """Sends offers, and notes what it was asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.offers, self.asked = {}, []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that has gone is no error."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    def log_message(self, *words):
        """Nothing is logged."""

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        offer = self.server.offers.get(self.path)
        if offer is None or not (body or offer.head):
            self.send_error(404 if offer is None else 405)
            return
        if body and offer.statuses:
            status, headers = offer.statuses.pop(0)
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            return
        start, total = 0, len(offer.content)
        mark = self.headers.get("If-Range")
        if offer.ranges and "Range" in self.headers and mark in (None, offer.etag, offer.modified):
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        if start >= total > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{total}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(total - start)}
        headers |= {"ETag": offer.etag} if offer.etag else {}
        headers |= {"Last-Modified": offer.modified} if offer.modified else {}
        headers |= {"Content-Range": f"bytes {start}-{total - 1}/{total}"} if start else {}
        self.send_response(206 if start else 200)
        for name, value in {**headers, **offer.headers}.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if body:
            self.send(offer, start)

    def send(self, offer, start):
        content = offer.content[start:]
        if offer.breaks:
            content = content[: offer.breaks.pop(0)]
            self.close_connection = True
        if offer.pause:
            first = 0 if start else 40_000
            self.wfile.write(content[:first])
            self.wfile.flush()
            offer.pause.wait(20)
            content = content[first:]
        self.wfile.write(content)


@pytest.fixture(name="server")
def server_fixture():
    """A server with nothing to offer yet."""
    made = Server()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Further tries come at once."""
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))
