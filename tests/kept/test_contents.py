"""What files hold is known by their contents, and looked up quickly while nobody writes to them."""

import hashlib
import os
import threading
import time

import pytest

from avsal_bench.kept import Contents, Files, contents, one_look


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "maps"
    made.mkdir()
    for n in range(3):
        (made / f"{n}.jpg").write_bytes(bytes([n]) * 100)
    return made


@pytest.fixture(autouse=True)
def rested(monkeypatch):
    """Files of tests are young, and would be read each time."""
    monkeypatch.setattr(contents, "REST", 0)


@pytest.fixture
def read(monkeypatch):
    """Names of the files that were read."""
    names, real = [], contents.sha256
    monkeypatch.setattr(contents, "sha256", lambda path: (names.append(path.name), real(path))[1])
    return names


def files(folder, n=3):
    return Files(folder, tuple(f"{i}.jpg" for i in range(n)))


def test_files_are_read_once_also_by_the_next_process(folder, tmp_path, read):
    first = Contents(tmp_path / "memory").sha256(files(folder))
    assert sorted(read) == ["0.jpg", "1.jpg", "2.jpg"]
    assert Contents(tmp_path / "memory").sha256(files(folder)) == first
    assert len(read) == 3
    assert Contents(None).sha256(files(folder)) == first
    assert len(read) == 6


def rewrite(path):
    path.write_bytes(path.read_bytes())


def replace(path):
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.mark.parametrize(
    "touch", [lambda path: os.utime(path, (1, 1)), rewrite, replace, lambda path: path.chmod(0o600)]
)
def test_what_was_only_touched_is_the_same(folder, tmp_path, read, touch):
    known = Contents(tmp_path / "memory")
    before = known.sha256(files(folder))
    touch(folder / "1.jpg")
    assert known.sha256(files(folder)) == before
    count = len(read)
    assert known.sha256(files(folder)) == before
    assert len(read) == count, "and is known by its new times"


def test_a_copy_elsewhere_is_the_same_and_names_do_not_count(folder, tmp_path):
    copied = tmp_path / "copied"
    copied.mkdir()
    for n in range(3):
        (copied / f"img_{n}.jpg").write_bytes((folder / f"{n}.jpg").read_bytes())
    known = Contents(tmp_path / "memory")
    assert known.sha256(files(folder)) == known.sha256(Files(copied, tuple(f"img_{n}.jpg" for n in range(3))))


def flip(path):
    """Another content of equal size, and of the time that it had."""
    was, content = path.stat(), bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def swap(path):
    other = path.with_name("2.jpg")
    (one, two) = path.read_bytes(), other.read_bytes()
    path.write_bytes(two)
    other.write_bytes(one)


@pytest.mark.parametrize("change", [flip, swap, lambda path: path.write_bytes(path.read_bytes() + b"0")])
def test_another_content_is_another(folder, tmp_path, change):
    known = Contents(tmp_path / "memory")
    before = known.sha256(files(folder))
    time.sleep(0.02)  # the clock of a file system ticks every few milliseconds
    change(folder / "1.jpg")
    assert known.sha256(files(folder)) != before
    assert known.sha256(files(folder, 2)) != known.sha256(files(folder))


def test_of_a_single_file_it_is_the_sha_256_that_everybody_knows(folder):
    expected = hashlib.sha256((folder / "2.jpg").read_bytes()).hexdigest()
    assert Contents(None).sha256(Files.one(folder / "2.jpg")) == expected


def test_young_files_are_not_noted(folder, tmp_path, read, monkeypatch):
    monkeypatch.setattr(contents, "REST", 10**12)
    known = Contents(tmp_path / "memory")
    known.sha256(files(folder))
    known.sha256(files(folder))
    assert len(read) == 6, "they may change within a tick of the clock"


def test_within_one_look_nothing_is_looked_at_twice(folder, read, monkeypatch):
    with one_look():
        first = Contents(None).sha256(files(folder))
        monkeypatch.setattr(contents, "look_at", None)
        with one_look():
            assert Contents(None).sha256(files(folder)) == first
        assert Contents(None).sha256(files(folder)) == first
    assert len(read) == 3


@pytest.mark.parametrize("damage", ["", "{", '{"quick": 3}', "[]"])
def test_a_damaged_note_is_none(folder, tmp_path, damage):
    known = Contents(tmp_path / "memory")
    first = known.sha256(files(folder))
    (note,) = (tmp_path / "memory").glob("*.sha256")
    note.write_text(damage)
    assert known.sha256(files(folder)) == first


def test_missing_and_strange_files_are_named(folder):
    with pytest.raises(FileNotFoundError, match=r"missing file .*/3\.jpg"):
        Contents(None).sha256(files(folder, 4))
    os.mkfifo(folder / "pipe")
    with pytest.raises(ValueError, match=r"pipe: no regular file"):
        Contents(None).sha256(Files(folder, ("pipe",)))


def test_files_that_change_while_they_are_read_are_an_error(folder, monkeypatch):
    real = contents.sha256

    def meddle(path):
        (folder / "0.jpg").write_bytes(b"longer" * 100)
        return real(path)

    monkeypatch.setattr(contents, "sha256", meddle)
    with pytest.raises(ValueError, match="change while they are read; run again"):
        Contents(None).sha256(files(folder))


def test_of_two_that_ask_at_once_one_reads(folder, tmp_path, monkeypatch, capfd):
    names, real, found = [], contents.sha256, []

    def slow(path):
        names.append(path.name)
        time.sleep(0.1)
        return real(path)

    monkeypatch.setattr(contents, "sha256", slow)
    both = [
        threading.Thread(target=lambda: found.append(Contents(tmp_path / "memory").sha256(files(folder))))
        for _ in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(set(found)) == 1
    assert len(names) == 3
    assert "another process reads the files of the data; waiting for it" in capfd.readouterr().err


def test_many_files_have_a_bar(folder, capfd, monkeypatch):
    Contents(None).sha256(files(folder))
    assert not capfd.readouterr().err
    monkeypatch.setattr(contents, "LONG", 3)
    Contents(None).sha256(files(folder))
    assert "read the files of the data once 3/3" in capfd.readouterr().err
