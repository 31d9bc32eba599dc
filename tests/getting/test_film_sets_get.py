"""`avsal data get` of sets that are whole repositories on Hugging Face, from a server of this machine."""

import hashlib
import io
import json
import zipfile

import pytest
from odd_server import Offer, no_pauses, server_fixture  # noqa: F401

from avsal_bench.cli.app import main
from avsal_bench.data.synth.film_trees import make_film_set

COMMIT = "c" * 40


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The files of a small CrowdSAL, and of a small NTIRE 2026 in archives, by their paths in the repositories."""
    root = tmp_path_factory.mktemp("films")
    crowdsal, ntire = (make_film_set(root, layout, 4, 8) for layout in ("crowdsal", "ntire26"))
    plain = {path.relative_to(crowdsal).as_posix(): path.read_bytes() for path in crowdsal.rglob("*.*")}
    packed = {path.name: path.read_bytes() for path in ntire.glob("*.json")}
    for folder in (path for path in ntire.iterdir() if path.is_dir()):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for path in folder.rglob("*.mp4" if folder.name in "Videos" or "Sal" in folder.name else "*.json"):
                archive.write(path, path.relative_to(ntire))
        packed[f"{folder.name}.zip"] = content.getvalue()
    return {"ANDRYHA/CrowdSAL": plain, "ANDRYHA/VideoSaliencyChallenge": packed}


@pytest.fixture(name="here")
def here_fixture(made, server, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.delenv("AVSAL_MIRROR", raising=False)
    for name, files in made.items():
        siblings = []
        for path, content in files.items():
            lfs = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
            siblings.append({"rfilename": path, "size": len(content), "blobId": "b", "lfs": lfs})
            server.offers[f"/datasets/{name}/resolve/{COMMIT}/{path}"] = Offer(content)
        info = {"id": name, "sha": COMMIT, "siblings": siblings, "cardData": {"license": "cc-by-4.0"}, "tags": []}
        info |= {"private": False, "downloads": 0, "likes": 0, "gated": False, "disabled": False}
        api = Offer(json.dumps(info).encode(), headers={"Content-Type": "application/json"})
        server.offers |= {f"/api/datasets/{name}{end}": api for end in ("", "?blobs=True", "?blobs=true")}
    return tmp_path / "data"


def get(root, *words):
    return main(["data", "get", *words, "--root", str(root)])


def fetched(server):
    return [path for command, path, _ in server.asked if command == "GET" and "/resolve/" in path]


def test_terms_come_first(here, server, capsys):
    assert get(here, "crowdsal") == 3
    assert "terms of crowdsal: cc-by-4.0" in capsys.readouterr().out
    assert not fetched(server)
    assert not here.exists()


def test_a_set_of_folders_is_fetched_into_its_layout_and_checked(here, server, capsys):
    assert get(here, "crowdsal", "--accept", "--workers", "0") == 0
    assert (here / "CrowdSAL/Test/Fixations/3001.json").is_file()
    assert "crowdsal in" in capsys.readouterr().out  # data check looked at it
    server.asked.clear()
    (here / "CrowdSAL/Test/Saliency/3001.mp4").unlink()
    assert get(here, "crowdsal", "--no-check") == 0
    assert fetched(server) == [f"/datasets/ANDRYHA/CrowdSAL/resolve/{COMMIT}/Test/Saliency/3001.mp4"]


def test_archives_are_unpacked_and_two_sets_of_one_repository_are_fetched_once(here, server, capsys):
    assert get(here, "ntire26", "ntire26_private", "--accept", "--workers", "0") == 0
    shown = capsys.readouterr().out
    assert "ntire26 in" in shown
    assert "ntire26_private in" in shown
    assert len(fetched(server)) == len(set(fetched(server)))
    book = json.loads((here / "downloads.json").read_text())
    assert sorted(book["accepted"]) == ["ntire26", "ntire26_private"]


def test_some_parts_may_be_enough(here, server, capsys):
    assert get(here, "ntire26", "--accept", "--only", "maps,fixations") == 0
    assert not any("Videos.zip" in path for path in fetched(server))
    assert any("TrainTestSplit.json" in path for path in fetched(server))
    assert get(here, "ntire26", "--only", "sounds") == 2
    assert "unknown part of ntire26 'sounds'" in capsys.readouterr().err


def test_a_folder_of_another_name_is_completed(here, server):
    (here / "crowdsal").mkdir(parents=True)
    assert get(here, "crowdsal", "--accept", "--no-check") == 0
    assert (here / "crowdsal/Train/Videos/0001.mp4").is_file()
    assert not (here / "CrowdSAL").exists()
