"""A download goes on where it stopped, is whole or not there, and says what servers do to it."""

import errno
import os
import threading
from collections import namedtuple
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from odd_server import Offer, no_pauses, server_fixture  # noqa: F401

from avsal_bench.getting import connection
from avsal_bench.getting import download as downloads
from avsal_bench.getting.connection import BrokenOff, NotSent, new_session, size_of
from avsal_bench.getting.download import download, have, part_of

CONTENT = os.urandom(300_000)
Usage = namedtuple("Usage", "total used free")


class Here:
    """One file that is fetched into a folder."""

    def __init__(self, server, folder, **offer):
        self.server, self.place = server, folder / "a.tar.gz"
        self.offer = server.offers["/a.tar.gz"] = Offer(CONTENT, **offer)
        self.url, self.told = f"{server.url}/a.tar.gz", []

    def fetch(self, stop=None):
        with new_session() as session:
            return download(session, self.url, self.place, stop or threading.Event(), self.told.append)

    @property
    def content(self):
        return part_of(self.place).read_bytes() if part_of(self.place).exists() else None

    @property
    def ranges(self):
        return [headers.get("Range") for command, _, headers in self.server.asked if command == "GET"]


@pytest.fixture
def here(server, tmp_path):
    return lambda **offer: Here(server, tmp_path, **offer)


@pytest.mark.parametrize(
    "offer",
    [{}, {"etag": ""}, {"ranges": False}, {"headers": {"Content-Length": None}}, {"etag": 'W/"weak"'}],
    ids=["plain", "no mark", "no ranges", "no length", "weak mark"],
)
def test_a_file_comes_whole_and_is_told_as_it_comes(here, offer):
    one = here(**offer)
    version = one.fetch()
    assert one.content == CONTENT
    assert one.told == sorted(one.told)
    assert one.told[-1] == len(CONTENT)
    assert version.bytes == (-1 if "headers" in offer else len(CONTENT))


@pytest.mark.parametrize("mark", [{"etag": '"one"'}, {"etag": "", "modified": "Sat, 29 Oct 2022 19:43:31 GMT"}])
def test_a_download_that_breaks_off_goes_on_where_it_stopped(here, mark):
    one = here(breaks=[100_000, 70_000], **mark)
    one.fetch()
    assert one.content == CONTENT
    assert one.ranges == [None, "bytes=100000-", "bytes=170000-"]


def test_a_later_run_goes_on_too_and_asks_for_the_rest_only(here, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSES", ())
    one = here(breaks=[120_000, 0, 0])
    with pytest.raises(BrokenOff, match=r"120\.0 kB that came stay, and the same command goes on"):
        one.fetch()
    assert have(one.place, one.url) == 120_000
    one.offer.breaks.clear()
    one.server.asked.clear()
    one.fetch()
    assert (one.content, one.ranges) == (CONTENT, ["bytes=120000-"])
    one.server.asked.clear()
    one.fetch()  # it is whole already: nothing is asked
    assert not one.server.asked


def half(one, size=100_000):
    """What a run left that was interrupted."""
    one.offer.breaks = [size, 0, 0, 0]
    with pytest.raises(BrokenOff):
        one.fetch()
    one.offer.breaks = []
    one.server.asked.clear()
    return have(one.place, one.url)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"etag": '"two"'}, "was changed, or the server cannot go on"),
        ({"ranges": False}, "was changed, or the server cannot go on"),
        ({"headers": {"Content-Range": "bytes 5-299999/300000"}}, "another part came"),
        ({"headers": {"Content-Range": None}}, "another part came"),
        ({"headers": {"ETag": '"two"'}}, "another part came"),
        ({"headers": {"Content-Range": f"bytes 100000-299999/{'9' * 5000}"}}, None),
    ],
    ids=["changed", "no ranges any more", "another part", "nowhere", "another file", "a length of 5000 digits"],
)
def test_where_the_rest_is_not_to_be_had_it_begins_anew_and_says_so(here, capsys, change, said):
    one = here()
    assert half(one)
    new = os.urandom(len(CONTENT)) if "etag" in change else CONTENT
    one.offer.content = new
    for name, value in change.items():
        setattr(one.offer, name, value)
    one.fetch()
    assert one.content == new
    if said:
        assert said in capsys.readouterr().err
        assert 0 in one.told


def test_a_part_of_another_day_is_not_put_behind_what_came(here, capsys):
    one = here(etag="", modified="Sat, 29 Oct 2022 19:43:31 GMT")
    assert half(one)
    one.offer.headers = {"Last-Modified": "Sun, 30 Oct 2022 19:43:31 GMT"}  # sent, though If-Range names the other
    one.fetch()
    assert one.ranges == ["bytes=100000-", None]
    assert "another part came" in capsys.readouterr().err


def test_what_came_without_a_mark_is_not_promised_to_be_gone_on_with(here):
    one = here(etag="", breaks=[100_000] * 9)
    with pytest.raises(BrokenOff, match=r"the 100\.0 kB that came stay, and the same command begins anew"):
        one.fetch()


def test_numbers_of_thousands_of_digits_are_none(here):
    one = here(headers={"Content-Length": "9" * 5000})
    with new_session() as session:
        assert size_of(session, one.url) is None
    one.offer.statuses = [(503, {"Retry-After": "9" * 5000})]
    one.offer.headers = {}
    one.fetch()
    assert one.content == CONTENT


@pytest.mark.parametrize("target", ["http://[::1", "http://a:999999/", "http://\xe9\xff..local/", "data:text/plain,hi"])
def test_a_redirection_to_no_address_is_said(here, target):
    one = here(statuses=[(302, {"Location": target})])
    with pytest.raises(NotSent, match=r"a\.tar\.gz: sends on to what is no address"):
        one.fetch()


def test_chunks_of_a_negative_length_are_a_broken_answer(here):
    one = here(headers={"Content-Length": None, "Transfer-Encoding": "chunked"})
    one.offer.content = b"-5\r\n" + CONTENT[:100]
    with pytest.raises(BrokenOff, match="broke off after"):
        one.fetch()


def test_who_sends_without_an_end_does_not_fill_the_disk(here, monkeypatch):
    one = here(headers={"Content-Length": None})
    free = iter([10**9, 10**9, downloads.RESERVE - 1])
    monkeypatch.setattr(downloads, "_ROOM", 100_000)
    monkeypatch.setattr(downloads.shutil, "disk_usage", lambda folder: Usage(0, 0, next(free)))
    with pytest.raises(OSError, match="free some space, and run the same command again"):
        one.fetch()


def test_a_file_that_became_shorter_begins_anew(here, capsys):
    one = here()
    assert half(one)
    one.offer.content = CONTENT[:50_000]
    one.fetch()
    assert one.content == CONTENT[:50_000]
    assert "no more of this file" in capsys.readouterr().err


def test_without_a_mark_of_the_version_nothing_is_put_behind_what_came(here):
    one = here(etag="")
    assert half(one) == 0
    one.offer.content = CONTENT[::-1]
    one.fetch()
    assert (one.content, one.ranges) == (CONTENT[::-1], [None])


@pytest.mark.parametrize("notes", ["", "{}", '{"url": 3}', "[]", '{"url": "http://x", "etag": "\\"one\\""}'])
def test_notes_that_are_damaged_or_of_another_address_are_not_believed(here, notes, capsys):
    one = here()
    half(one)
    one.place.with_name("a.tar.gz.part.json").write_text(notes)
    assert have(one.place, one.url) == 0
    one.fetch()
    assert one.content == CONTENT
    assert "of another address, or nobody knows of which version; it begins anew" in capsys.readouterr().err


def test_a_length_that_is_too_long_ends_with_what_came_and_what_was_said(here):
    one = here(headers={"Content-Length": "400000"}, ranges=False)
    with pytest.raises(BrokenOff, match=r"broke off after 300,000"):
        one.fetch()


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_page_that_asks_for_a_password_is_no_file(here, kind):
    one = here(headers={"Content-Type": kind, "Content-Length": None})
    one.offer.content = b"\n<!DOCTYPE html><html><title>Log in</title></html>"
    with pytest.raises(NotSent, match=r"web page came in the place of the file.*browser"):
        one.fetch()
    assert not one.content


def test_a_file_that_is_packed_on_the_way_is_not_taken_for_the_file(here):
    one = here(headers={"Content-Encoding": "gzip"})
    one.fetch()  # of a .gz some servers say so, and mean the file
    assert one.content == CONTENT
    one.offer.headers = {"Content-Encoding": "br"}
    one.place = one.place.with_name("b.tar.gz")
    with pytest.raises(NotSent, match="packs the file on the way"):
        one.fetch()
    one.server.offers["/a.pth"] = one.offer
    with new_session() as session, pytest.raises(NotSent, match="packs the file on the way"):
        download(session, f"{one.server.url}/a.pth", one.place.with_name("a.pth"), threading.Event())


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "password"), (403, "permission"), (404, "no such file"), (410, "gone"), (418, "status 418")],
)
def test_a_refusal_is_final_and_says_why_and_what_to_do(here, status, said):
    one = here(statuses=[(status, {})] * 5)
    with pytest.raises(NotSent, match=f"{said}.*--from"):
        one.fetch()
    assert len(one.ranges) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(here, status):
    one = here(statuses=[(status, {"Retry-After": "0"}), (status, {})])
    one.fetch()
    assert one.content == CONTENT
    assert len(one.ranges) == 3


def test_who_waits_is_told(here, capsys, monkeypatch):
    monkeypatch.setattr(downloads, "_LONG", 0.0)
    one = here(statuses=[(429, {"Retry-After": "1"})])
    stop = threading.Event()
    monkeypatch.setattr(stop, "wait", lambda seconds: None)
    one.fetch(stop)
    assert "it asks to come again in 1 s; waiting" in capsys.readouterr().err


def test_a_server_that_stays_out_of_order_ends_after_some_tries(here):
    one = here(statuses=[(503, {})] * 9)
    with pytest.raises(BrokenOff, match=r"busy or out of order \(status 503\)"):
        one.fetch()
    assert len(one.ranges) == 3


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_who_shall_wait_for_an_hour_is_told_instead(here, form):
    # The date is made here: as a parameter it would be another one in each process that collects the tests.
    after = "3600" if form == "seconds" else format_datetime(datetime.now(timezone.utc) + timedelta(hours=1))
    one = here(statuses=[(429, {"Retry-After": after})])
    with pytest.raises(NotSent, match=r"come again in 3\d\d\d s; run the same command again then"):
        one.fetch()


@pytest.mark.parametrize("after", ["soon", "-5", "", "Wed, 99 Foo"])
def test_a_time_to_wait_that_is_none_is_not_believed(here, after):
    one = here(statuses=[(429, {"Retry-After": after})])
    one.fetch()
    assert one.content == CONTENT


def redirect(one, path, to):
    one.server.offers[path] = Offer(statuses=[(302, {"Location": to})] * 30)


def test_redirections_are_followed_but_not_in_a_circle_nor_out_of_the_web(here):
    one = here()
    redirect(one, "/there", "/a.tar.gz")
    redirect(one, "/loop", "/loop")
    redirect(one, "/file", "file:///etc/passwd")
    with new_session() as session:
        download(session, f"{one.server.url}/there", one.place, threading.Event())
        assert one.content == CONTENT
        for path, said in (("/loop", "sends on and on"), ("/file", "no address of the web")):
            with pytest.raises(NotSent, match=said):
                download(session, one.server.url + path, one.place.with_name("b"), threading.Event())


def test_no_redirection_leads_from_https_to_http():
    answer = namedtuple("Answer", "url is_redirect headers")
    with new_session() as session:
        for target in ("http://host/a", "ftp://host/a"):
            with pytest.raises(NotSent, match="not encrypted"):
                session.get_redirect_target(answer("https://host/b", True, {"location": target}))
        for url, target in (
            ("https://host/b", "/a"),
            ("https://host/b", "https://x/a"),
            ("http://host/b", "http://x/a"),
        ):
            assert session.get_redirect_target(answer(url, True, {"location": target})) == target


def test_a_server_that_falls_silent_is_left_after_a_while(here, monkeypatch):
    monkeypatch.setattr(connection, "PATIENCE", (0.2, 0.2))
    monkeypatch.setattr(downloads, "PAUSES", ())
    one = here(pause=threading.Event())
    with pytest.raises(BrokenOff, match=r"broke off after 32,768 bytes \(timed out\); the 32\.8 kB that came stay"):
        one.fetch()
    one.offer.pause.set()
    assert one.content == CONTENT[: len(one.content)]


def test_a_server_that_is_not_there_is_named(tmp_path):
    with new_session() as session, pytest.raises(BrokenOff, match=r"http://127.0.0.1:9/a: cannot be reached .*refused"):
        download(session, "http://127.0.0.1:9/a", tmp_path / "a", threading.Event())


def test_a_disk_without_room_is_said_before_and_in_the_middle(here, monkeypatch):
    one = here()
    with monkeypatch.context() as patch:
        patch.setattr(downloads.shutil, "disk_usage", lambda place: Usage(0, 0, downloads.RESERVE + 1000))
        with pytest.raises(OSError, match=r"300\.0 kB are to come, and 50\.0 MB are free"):
            one.fetch()
    assert one.content is None

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, block):
            if self.file.tell() > 100_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return self.file.write(block)

    before = downloads.Path.open

    def opened(path, *words, **named):
        file = before(path, *words, **named)
        return Full(file) if path.suffix == ".part" else file

    with monkeypatch.context() as patch:
        patch.setattr(downloads.Path, "open", opened)
        with pytest.raises(OSError, match="No space left") as full:
            one.fetch()
    assert full.value.errno == errno.ENOSPC
    assert have(one.place, one.url) > 100_000
    one.fetch()
    assert one.content == CONTENT
    assert one.ranges[-1].startswith("bytes=1")


def test_the_size_of_a_file_is_asked_by_its_head_and_unknown_where_nobody_says(here):
    one = here()
    with new_session() as session:
        assert size_of(session, one.url) == len(CONTENT)
        assert {command for command, *_ in one.server.asked} == {"HEAD"}
        one.offer.headers = {"Content-Length": None}
        assert size_of(session, one.url) is None
        one.offer.head = False
        assert size_of(session, one.url) is None
        assert size_of(session, "http://127.0.0.1:9/a") is None


def test_a_token_of_hugging_face_goes_there_only(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert connection._token("https://huggingface.co/a/b") == {"Authorization": "Bearer secret"}
    for url in ("http://huggingface.co/a", "https://huggingface.co.evil.org/a", "https://evil.org/huggingface.co"):
        assert connection._token(url) == {}
