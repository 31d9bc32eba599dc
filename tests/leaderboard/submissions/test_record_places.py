"""Records of folders, archives and addresses are one: what is taken out is bounded, kept by its SHA-256, and told."""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from made_records import make, whole

import avsal_bench
from avsal_bench.cli import main
from avsal_bench.files import sha256
from avsal_bench.getting import connection, download, kept_archive
from avsal_bench.leaderboard import record_places
from avsal_bench.leaderboard.merged_records import board_records, merged, named_files, record_files
from avsal_bench.leaderboard.record_places import local_places
from avsal_bench.records import record_path, write_record

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "getting"))
from odd_server import Offer, Server

URL = "https://github.com/o/r/archive/v1.tar.gz"
LINK = tarfile.TarInfo("r-1/records/stavis/avad/link.json")
LINK.type, LINK.linkname = tarfile.SYMTYPE, "toy_v-fold1-seed0.json"


def tar_of(path: Path, *members: tuple[str | tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def records(tmp_path: Path) -> dict[str, bytes]:
    """Contents of the files of three folds, by their paths."""
    found = {}
    for k in (1, 2, 3):
        write_record(tmp_path / "one.json", whole(k))
        name = record_path(Path("records"), "toy_v", "avad", k, 0, "stavis").as_posix()
        found[name] = (tmp_path / "one.json").read_bytes()
    (tmp_path / "one.json").unlink()
    return found


@pytest.fixture
def archive(tmp_path: Path, records: dict[str, bytes]) -> Path:
    """A repository as an archive, with much that is no record."""
    others = {"README.md": b"hello", "package.json": b"{}", "run.py": b"1", "records/stavis/avad/a.jpg": b"x"}
    return tar_of(tmp_path / "a.tar.gz", *((f"r-1/{n}", c) for n, c in (records | others).items()))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server that is the mirror of every address."""
    found = Server()
    monkeypatch.setenv("AVSAL_MIRROR", found.url)
    monkeypatch.setattr(download, "PAUSES", ())
    return found


def test_a_folder_an_archive_and_an_address_are_the_same(
    tmp_path: Path, archive: Path, records: dict[str, bytes], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVSAL_HOME", str(tmp_path))
    for name, content in records.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(content)
    zipped = tmp_path / "a.zip"
    with zipfile.ZipFile(zipped, "w") as made:
        for name, content in records.items():
            made.writestr(f"r/leaderboard/{name}", content)
    server.offers["/github.com/o/r/archive/v1.tar.gz"] = Offer(archive.read_bytes())
    tables = [avsal_bench.load_records(p) for p in (tmp_path / "folder", archive, zipped, URL)]
    assert len(tables[0]) == 18
    for table in tables[1:]:
        assert table.drop(columns="file").equals(tables[0].drop(columns="file"))
    together = avsal_bench.load_records([tmp_path / "folder", archive, zipped])
    assert together.equals(tables[0]), "what is alike counts once"
    kept = {path.name for path in (tmp_path / "runs/records/files").rglob("*") if path.is_file()}
    assert kept - {n for n in kept if len(n) == 37} == {"package.json", *(Path(name).name for name in records)}


def test_the_commands_read_records_elsewhere(tmp_path: Path, archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--leaderboard", str(tmp_path / "board"), "--runs", str(tmp_path / "runs")]
    elsewhere = ["--records", str(archive), *folders]
    assert main(["leaderboard", "--latex", "avad", *elsewhere]) == 0
    assert "toy" in capsys.readouterr().out
    assert main(["submit", "--check", str(archive), *folders]) == 0
    assert main(["leaderboard", "--hearing", *elsewhere]) == 2
    assert "no record of a network with sound" in capsys.readouterr().err
    assert main(["leaderboard", "--records", str(tmp_path / "no.zip"), *folders]) == 2
    assert "no such archive" in capsys.readouterr().err
    assert main(["leaderboard", "--records", str(tmp_path / "nowhere"), *folders]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert main(["analyse", "nothing/*.json", *elsewhere]) == 2
    assert "there are stavis/avad/toy_v-fold1-seed0.json" in capsys.readouterr().err


@pytest.mark.slow
def test_the_page_is_made_of_records_elsewhere(tmp_path: Path, archive: Path) -> None:
    folders = ["--leaderboard", str(tmp_path / "board"), "--runs", str(tmp_path / "runs")]
    assert main(["leaderboard", "--records", str(archive), *folders]) == 0
    assert "| toy " in (tmp_path / "board" / "README.md").read_text()
    assert main(["submit", str(archive), *folders]) == 1, "to publish records their files are named"


def test_records_are_named_as_they_lie_there(tmp_path: Path, archive: Path) -> None:
    places, _ = local_places([archive, archive], tmp_path / "runs")
    assert len(named_files(["avad/*.json", "toy_v-fold2-seed0.json"], places)) == 3
    assert named_files(["x/y.json"], []) == [Path("x/y.json")]


def test_two_records_of_one_test_that_differ_are_both_named(tmp_path: Path) -> None:
    for folder, value in (("a", 0.5), ("b", 0.6), ("c", 0.5)):
        place = record_path(tmp_path / folder / "records", "toy_v", "avad", 1, 0, "stavis")
        write_record(place, make([value]))
    assert len(list(board_records(tmp_path, [tmp_path / "a", tmp_path / "c"]))) == 1
    with pytest.raises(ValueError, match=r"a/records/.* and .*b/records/.* are of the same test and differ"):
        list(board_records(tmp_path, [tmp_path / "a", tmp_path / "b"]))
    with pytest.raises(ValueError, match=r"a/records/.* and .*b/records/.* are of the same test; give one of them"):
        avsal_bench.load_records([tmp_path / "a", tmp_path / "b"])
    (tmp_path / "d.json").write_text("{}")
    with pytest.raises(ValueError, match=r"d\.json: not a record"):
        list(merged([tmp_path / "d.json"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no record below this folder"):
        record_files(tmp_path / "empty")


BAD: dict[str, tuple[tuple[str | tarfile.TarInfo, bytes], str]] = {
    "a path that leads out": (("../x.json", b"{}"), "may not be unpacked"),
    "an absolute path": (("/x.json", b"{}"), "may not be unpacked"),
    "another file that leads out": (("../x.txt", b"{}"), "may not be unpacked"),
    "a link among the records": ((LINK, b""), "is a link"),
    "a record that is too large": (("r-1/records/big.json", b"0" * 60_001), "at most 60.0 kB are read"),
    "too many": (("r-1/records/other.json", b"{}"), "more than 4 files"),
}


@pytest.mark.parametrize("told", BAD)
def test_archives_that_hold_what_they_may_not_leave_nothing(
    told: str, tmp_path: Path, records: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = record_places.Only(record_places.TAKEN.wanted, most_files=4, most_bytes=10**6, most_each=60_000)
    monkeypatch.setattr(record_places, "TAKEN", few)
    member, said = BAD[told]
    extra = [("r-1/records/x.json", b"{}")] if told == "too many" else []
    path = tar_of(tmp_path / "a.tar.gz", *((f"r-1/{n}", c) for n, c in records.items()), *extra, member)
    with pytest.raises(ValueError, match=r"a\.tar\.gz: ") as error:
        local_places([path], tmp_path / "runs")
    assert said in str(error.value)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def test_links_that_are_no_records_are_passed_over(tmp_path: Path, records: dict[str, bytes]) -> None:
    away = tarfile.TarInfo("r-1/docs/link")
    away.type, away.linkname = tarfile.SYMTYPE, "/etc/passwd"
    path = tar_of(tmp_path / "a.tar.gz", *((f"r-1/{n}", c) for n, c in records.items()), (away, b""))
    [folder], _ = local_places([path], tmp_path / "runs")
    assert len(record_files(folder)) == 3


def test_an_archive_without_records_is_named_and_not_where_it_is_kept(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "theirs.zip", "w") as opened:
        opened.writestr("readme.txt", "nothing")
    with pytest.raises(FileNotFoundError, match=r"theirs\.zip: no record in it"):
        local_places([tmp_path / "theirs.zip"], tmp_path / "runs")


def test_links_to_folders_lead_nowhere(tmp_path: Path, records: dict[str, bytes]) -> None:
    """Two links of a folder to itself would be a path a million times; one that leads out could be the whole disk."""
    place = tmp_path / "repository"
    (place / "a" / "b").mkdir(parents=True)
    (place / "README.md").write_text("mine")
    (place / "a" / "b" / "one.json").write_bytes(next(iter(records.values())))
    for name in ("again", "once_more"):
        (place / "a" / name).symlink_to(place)
    assert record_files(place) == [place / "a" / "b" / "one.json"]
    (place / "a" / "out").symlink_to(tmp_path)
    with pytest.raises(ValueError, match=r"a/out: a link to a folder elsewhere, which is not followed; name .* too"):
        record_files(place)


def test_what_was_fetched_is_kept_and_used_without_the_server(
    tmp_path: Path, archive: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = "/github.com/o/r/archive/v1.tar.gz"
    server.offers[place] = Offer(archive.read_bytes())
    digest = sha256(archive)
    [folder], [note] = local_places([URL], tmp_path)
    assert note == f"{URL}: SHA-256 {digest}"
    assert folder.name == digest
    asked = len(server.asked)
    assert local_places([URL], tmp_path) == ([folder], []), "its ETag is the same"
    assert len(server.asked) == asked + 1

    write_record(tmp_path / "new.json", whole(1, 0.7))
    changed = tar_of(tmp_path / "b.tar.gz", ("r-1/records/a.json", (tmp_path / "new.json").read_bytes()))
    server.offers[place] = Offer(changed.read_bytes(), etag='"two"')
    [other], [note] = local_places([URL], tmp_path)
    assert other != folder
    assert "has changed since 2" in note
    assert f"SHA-256 {sha256(changed)}, then {digest}" in note
    assert local_places([f"{URL}#sha256={digest}"], tmp_path)[0] == [folder], "a kept one that is asked for by SHA-256"
    with pytest.raises(ValueError, match=f"its SHA-256 is {sha256(changed)}, and {'0' * 64} was asked for"):
        local_places([f"{URL}#sha256={'0' * 64}"], tmp_path)

    server.shutdown()
    server.server_close()
    monkeypatch.setattr(connection, "PATIENCE", (0.5, 0.5))
    [same], [note] = local_places([URL], tmp_path)
    assert same == other
    assert "cannot be reached" in note
    assert f"is used, SHA-256 {sha256(changed)}" in note
    with pytest.raises(OSError, match="cannot be reached"):
        local_places([URL.replace("v1", "v2")], tmp_path)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://host.org/a.zip", "expected https://"),
        ("file:///etc/a.zip", "expected https://"),
        ("ftp://host.org/a.zip", "expected https://"),
        ("https:///a.zip", "expected https://"),
        ("https://me:secret@host.org/a.zip", "without a name and a password"),
        ("https://host.org/a b.zip", "expected https://"),
        ("https://github.com/o/r", "no archive by its name"),
        ("https://host.org/a.zip#main", "expected #sha256= and 64 hexadecimal digits"),
        ("https://host.org/a.7z", "no archive by its name"),
    ],
)
def test_what_is_no_address_of_an_archive_is_told(url: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^'?(https?|file|ftp):") as error:
        local_places([url], tmp_path)
    assert told in str(error.value)
    assert "secret" not in str(error.value)


def test_no_more_is_fetched_than_an_archive_of_records_may_have(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_archive, "MOST_BYTES", 10_000)
    place = "/github.com/o/r/archive/v1.tar.gz"
    for headers in ({}, {"Content-Length": None}):
        server.offers[place] = Offer(b"\x1f\x8b" + b"0" * 50_000, headers=headers)
        with pytest.raises(OSError, match=r"more than 10\.0 kB"):
            local_places([URL], tmp_path)
    server.offers[place] = Offer(b"\x1f\x8b no archive")
    with pytest.raises(ValueError, match=f"^{URL}: cut off or damaged"):
        local_places([URL], tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
