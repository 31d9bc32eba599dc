"""A data set of anyone on Hugging Face, from a server of this machine that answers as its makers' does."""

import hashlib
import io
import json
import zipfile

import pytest
from odd_server import Offer, no_pauses, server_fixture  # noqa: F401

from avsal_bench.cli.app import main

NAME, COMMIT = "someone/Gaze", "c" * 40


def zipped(*names):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return content.getvalue()


@pytest.fixture(name="here")
def here_fixture(server, tmp_path, monkeypatch):
    """A repository of an archive, a table and what belongs to git, and a data root."""
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.delenv("AVSAL_MIRROR", raising=False)
    files = {
        "FixationsTest.zip": zipped("FixationsTest/V1/fixations.json", "FixationsTest/V2/fixations.json"),
        "meta/split.json": b"{}",
        ".gitattributes": b"*.zip lfs",
    }
    offer(server, files)
    return tmp_path / "data"


def offer(server, files, licence="cc-by-4.0", digests=True):
    siblings = []
    for name, content in files.items():
        entry = {"rfilename": name, "size": len(content), "blobId": "b"}
        if digests and name.endswith(".zip"):
            entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        siblings.append(entry)
        server.offers[f"/datasets/{NAME}/resolve/{COMMIT}/{name}"] = Offer(content)
    card = {"license": licence} if licence else {}
    info = {"id": NAME, "sha": COMMIT, "siblings": siblings, "cardData": card, "tags": [], "private": False}
    content = json.dumps({**info, "downloads": 0, "likes": 0, "gated": False, "disabled": False}).encode()
    api = Offer(content, headers={"Content-Type": "application/json"})
    for path in (f"/api/datasets/{NAME}", f"/api/datasets/{NAME}/revision/main"):
        server.offers[path] = server.offers[f"{path}?blobs=True"] = server.offers[f"{path}?blobs=true"] = api


def get(root, *words):
    return main(["data", "get", *words, "--root", str(root)])


def fetched(server):
    return [path for command, path, _ in server.asked if command == "GET" and "/resolve/" in path]


def test_files_and_what_is_in_archives_lie_in_a_folder_of_the_root(here, server, capsys):
    assert get(here, f"hf:{NAME}", "--accept") == 0
    found = sorted(path.relative_to(here / "Gaze").as_posix() for path in (here / "Gaze").rglob("*") if path.is_file())
    assert found == ["FixationsTest/V1/fixations.json", "FixationsTest/V2/fixations.json", "meta/split.json"]
    book = json.loads((here / "downloads.json").read_text())
    assert book["accepted"][f"hf:{NAME}"]["terms"] == f"cc-by-4.0; {server.url}/datasets/{NAME}"
    assert all(f"/resolve/{COMMIT}/" in url for url in book["files"])
    assert "avsal data init" in capsys.readouterr().out
    server.asked.clear()
    assert get(here, f"hf:{NAME}") == 0
    assert "is there already" in capsys.readouterr().out
    assert not fetched(server)


def test_terms_and_sizes_come_first_without_asking_for_each_file(here, server, capsys):
    assert get(here, f"hf:{NAME}") == 3
    shown = capsys.readouterr()
    assert f"terms of hf:{NAME}: cc-by-4.0" in shown.out
    assert {command for command, path, _ in server.asked if "/resolve/" in path} == set()
    assert not here.exists()


def test_a_card_without_licence_says_so(here, server, capsys):
    offer(server, {"a.json": b"{}"}, licence="")
    assert get(here, f"hf:{NAME}", "--dry-run") == 0
    assert "its authors state no licence" in capsys.readouterr().out


def test_the_sha256_of_hugging_face_is_compared(here, server, capsys):
    offer(server, {"a.zip": zipped("x")})
    server.offers[f"/datasets/{NAME}/resolve/{COMMIT}/a.zip"].content = zipped("y")
    assert get(here, f"hf:{NAME}", "--accept") == 1
    assert "its SHA-256 is" in capsys.readouterr().err
    assert not (here / "Gaze/a").exists()


@pytest.mark.parametrize("name", ["../x.json", "/etc/x", "a\\b"])
def test_paths_that_lead_out_are_refused(here, server, capsys, name):
    offer(server, {name: b"x"})
    assert get(here, f"hf:{NAME}", "--accept") == 2
    assert "ask its authors" in capsys.readouterr().err
    assert not here.exists()


@pytest.mark.parametrize("name", ["hf:", "hf:one", "hf:a/b/c", "hf:../b", "hf:a/.b"])
def test_names_of_another_form_are_said(here, server, capsys, name):
    assert get(here, name) == 2
    assert "expected hf:<owner>/<name>" in capsys.readouterr().err
    assert not server.asked


def test_a_repository_that_is_not_there_is_named(here, capsys):
    assert get(here, "hf:nobody/nothing") == 2
    assert "hf:nobody/nothing: Hugging Face does not say what is in it" in capsys.readouterr().err


def test_files_of_mine_are_never_replaced(here, server, capsys):
    (here / "Gaze/meta").mkdir(parents=True)
    (here / "Gaze/meta/split.json").write_text("mine")
    assert get(here, f"hf:{NAME}", "--accept") == 1
    assert (here / "Gaze/meta/split.json").read_text() == "mine"
    assert "is there and differs from what was fetched" in capsys.readouterr().err


def test_a_file_beside_an_archive_is_not_taken_for_what_is_in_it(here, server):
    offer(server, {"maps.zip": b"no archive", "maps/README.txt": b"words"}, digests=False)
    assert get(here, f"hf:{NAME}", "--accept") == 1
    assert (here / "Gaze/maps/README.txt").is_file()
    (here / "downloads/Gaze/maps.zip").unlink()
    offer(server, {"maps.zip": zipped("maps/1.png"), "maps/README.txt": b"words"}, digests=False)
    assert get(here, f"hf:{NAME}") == 0
    assert (here / "Gaze/maps/1.png").is_file()
