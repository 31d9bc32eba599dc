"""`avsal data get` of still sets: archives with the folders that their servers put around what is wanted."""

import io
import zipfile

import pytest
from odd_server import Offer, no_pauses, server_fixture  # noqa: F401
from stills import write_cat2000, write_osie

from avsal_bench.cli.app import main
from avsal_bench.data.dataset import dataset


def zipped(folder, name):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{name}/{path.relative_to(folder).as_posix()}")
    return held.getvalue()


@pytest.mark.parametrize(
    ("name", "write", "folder", "around"),
    [
        ("osie", write_osie, "OSIE", "predicting-human-gaze-beyond-pixels-4a46789"),
        ("cat2000", write_cat2000, "CAT2000/trainSet", "trainSet"),
    ],
)
def test_a_set_of_stills_is_fetched_and_read(server, tmp_path, monkeypatch, capsys, name, write, folder, around):
    write(tmp_path / "theirs", 3)
    (piece,) = dataset(name).online.pieces
    server.offers["/" + piece.url.partition("://")[2]] = Offer(zipped(tmp_path / "theirs" / folder, around))
    monkeypatch.setenv("AVSAL_MIRROR", server.url)
    root = tmp_path / "mine"
    assert main(["data", "get", name, "--root", str(root), "--accept", "--no-check"]) == 0
    found = [[v.name for v in dataset(name).videos(root, part, 1)] for part in ("train", "test")]
    assert found == [[v.name for v in dataset(name).videos(tmp_path / "theirs", part, 1)] for part in ("train", "test")]
    assert sum(map(len, found)) == {"osie": 3, "cat2000": 6}[name]
    capsys.readouterr()
    assert main(["data", "get", name, "--root", str(root)]) == 0
    assert f"{name}: is there already" in capsys.readouterr().out
