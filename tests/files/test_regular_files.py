"""Only files that may be opened and read to their end are opened."""

import os
from pathlib import Path

import pytest

from avsal_bench.files import regular_file


def test_a_file_and_where_asked_a_link_to_one(tmp_path):
    (file := tmp_path / "a.png").write_bytes(b"1234")
    (link := tmp_path / "b.png").symlink_to(file)
    assert regular_file(file) == file
    assert regular_file(file, most_bytes=4) == file
    assert regular_file(link, links=True) == link
    with pytest.raises(ValueError, match=r"b\.png is a symbolic link, not a regular file"):
        regular_file(link)


def test_what_is_no_file_or_too_large_is_named(tmp_path):
    (file := tmp_path / "a.png").write_bytes(b"12345")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"a\.png has 5 bytes, at most 4 are read"):
        regular_file(file, 4)
    for name, kind in (("pipe", "a pipe"), ("folder", "a folder"), ("zero", "a device")):
        with pytest.raises(ValueError, match=rf"{name}\.png is {kind}"):
            regular_file(tmp_path / f"{name}.png", links=True)
    for path in (tmp_path / "absent.png", tmp_path / "dangling.png", file / "below.png"):
        with pytest.raises(FileNotFoundError, match=f"missing file .*{path.name}"):
            regular_file(Path(path), links=True)
