"""`avsal data get`, from a server of this machine in the place of all servers of the world."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections import namedtuple

import pytest
from conftest import write_dhf1k, write_set
from odd_server import Offer, no_pauses, server_fixture  # noqa: F401

from avsal_bench.cli.app import main
from avsal_bench.data.dataset import SIX, dataset, registered_datasets
from avsal_bench.data.online import lacking_videos
from avsal_bench.getting import archives as archives_of
from avsal_bench.getting import carry_out, download, wanted

HOST = "/cvsp.cs.ntua.gr/research/stavis/data"
KINDS = ("video_frames", "video_audio", "annotations")
Usage = namedtuple("Usage", "total used free")


def packed(folder, name, path):
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        tar.add(folder, name)
    return path.read_bytes()


@pytest.fixture(scope="module", name="archives")
def archives_fixture(tmp_path_factory):
    """The archives of a small AVAD, as STAViS's server has them, and its lists."""
    root = tmp_path_factory.mktemp("published")
    write_set(root, "AVAD", ("_1", "_2", "_3"), n_frames=12)
    made = {kind: packed(root / kind / "AVAD", "AVAD", root / f"{kind}.tar.gz") for kind in KINDS}
    return root / "fold_lists", made


@pytest.fixture(name="here")
def here_fixture(server, archives, tmp_path, monkeypatch):
    """A data root with lists alone, and a server that has the rest."""
    lists, made = archives
    shutil.copytree(lists, tmp_path / "data/fold_lists")
    for kind, content in made.items():
        server.offers[f"{HOST}/{kind}/AVAD.tar.gz"] = Offer(content)
    monkeypatch.setenv("AVSAL_MIRROR", server.url)
    monkeypatch.delenv("AVSAL_DATA", raising=False)
    return tmp_path / "data"


def get(root, *words):
    return main(["data", "get", *words, "--root", str(root)])


def commands(server):
    return [command for command, *_ in server.asked]


def files_of(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_a_set_is_fetched_unpacked_written_down_and_checked(here, server, capsys):
    assert get(here, "avad", "--accept", "--no-check") == 0
    assert len([*here.glob("video_frames/AVAD/video*/img_*.jpg")]) == 36
    assert (here / "video_audio/AVAD/video0/video0.wav").is_file()
    assert len([*here.glob("annotations/AVAD/video*/maps/*.jpg")]) == 36
    book = json.loads((here / "downloads.json").read_text())
    assert len(book["files"]) == 3
    assert all(entry["source"].startswith(server.url) and entry["etag"] for entry in book["files"].values())
    assert all(url.startswith("http://cvsp.cs.ntua.gr/") for url in book["files"])
    assert "no licence" in book["accepted"]["avad"]["terms"]
    assert not [*(here / "downloads").glob("*.tar.gz*")]
    out = capsys.readouterr().out
    assert "36 files put into" in out
    assert "3 files, 0 failed" in out

    server.asked.clear()
    assert get(here, "avad") == 0
    assert "avad: is there already" in capsys.readouterr().out
    assert not server.asked


def test_the_set_is_checked_at_the_end(here, capsys):
    assert get(here, "avad", "--accept", "--workers", "0") in (0, 1)  # its lengths are not those of the published lists
    assert "avad" in capsys.readouterr().out.split("0 failed")[1]


def test_nothing_comes_before_the_terms_are_accepted(here, server, capsys):
    assert get(here, "AVAD") == 3
    shown = capsys.readouterr()
    assert "terms of avad: its authors state no licence" in shown.out
    assert "with --accept you say that you did" in shown.err
    assert set(commands(server)) == {"HEAD"}
    assert {path.split("/")[0] for path in files_of(here)} == {"fold_lists"}


def test_a_dry_run_says_all_and_asks_for_sizes_only(here, server, capsys):
    before = files_of(here)
    assert get(here, "avad", "--dry-run") == 0
    out = capsys.readouterr().out
    assert f"{server.url}{HOST}/video_frames/AVAD.tar.gz" in out
    assert str(here / "video_frames/AVAD") in out
    assert "kB to fetch; " in out
    assert "--dry-run asks servers for sizes only (HEAD)" in out
    assert commands(server) == ["HEAD"] * 3
    assert files_of(here) == before


def test_terms_that_were_accepted_need_no_second_word(here, server):
    server.offers[f"{HOST}/video_audio/AVAD.tar.gz"].statuses = [(403, {})]
    assert get(here, "avad", "--accept", "--no-check") == 1
    assert get(here, "avad", "--no-check") == 0


def test_only_what_is_lacking_is_fetched(here, server, capsys):
    assert get(here, "avad", "--only", "frames,maps", "--accept") == 0
    shutil.rmtree(here / "video_frames/AVAD/video1")
    server.asked.clear()
    assert get(here, "avad", "--accept", "--no-check") == 0
    fetched = [path for command, path, _ in server.asked if command == "GET"]
    assert fetched == [f"{HOST}/video_frames/AVAD.tar.gz", f"{HOST}/video_audio/AVAD.tar.gz"] or sorted(fetched) == [
        f"{HOST}/video_audio/AVAD.tar.gz",
        f"{HOST}/video_frames/AVAD.tar.gz",
    ]
    assert "12 files put into" in (out := capsys.readouterr().out)
    assert "24 were there" in out


def test_one_that_fails_does_not_stop_the_others_and_goes_on_later(here, server, capsys):
    frames = server.offers[f"{HOST}/video_frames/AVAD.tar.gz"]
    frames.breaks = [10_000, 0, 0, 0]
    assert get(here, "avad", "--accept", "--no-check", "--parallel", "1") == 1
    shown = capsys.readouterr()
    assert "FAILED avad frames: " in shown.err
    assert "the same command goes on" in shown.err
    assert "3 files, 1 failed" in shown.out
    server.asked.clear()
    assert get(here, "avad", "--accept", "--no-check") == 0
    assert "10.0 kB" in capsys.readouterr().out
    assert [headers.get("Range") for command, _, headers in server.asked if command == "GET"] == ["bytes=10000-"]


def test_files_of_mine_are_never_replaced(here, server, capsys):
    mine = here / "annotations/AVAD/video0/fixMap_00001.mat"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert get(here, "avad", "--accept", "--no-check") == 1
    assert f"1 file in {here / 'annotations/AVAD'} differ" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert files_of(here / "annotations") == ["AVAD/video0/fixMap_00001.mat"]
    assert (here / "downloads/annotations-AVAD.tar.gz").is_file()  # it need not come again
    mine.unlink()
    server.asked.clear()
    assert get(here, "avad", "--no-check") == 0
    assert not server.asked


def test_a_file_that_changed_since_it_was_fetched_first_is_an_error(here, server, capsys, tmp_path):
    assert get(here, "avad", "--only", "sound", "--accept") == 0
    shutil.rmtree(here / "video_audio")
    offer = server.offers[f"{HOST}/video_audio/AVAD.tar.gz"]
    offer.content, offer.etag = packed(here / "fold_lists", "AVAD", tmp_path / "other.tar.gz"), '"two"'
    assert get(here, "avad", "--only", "sound") == 1
    assert "is not what was fetched from http://cvsp.cs.ntua.gr" in (error := capsys.readouterr().err)
    assert "delete its entry in" in error
    assert not (here / "video_audio").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html><title>Please log in</title></html>", "a web page came in the place of the file"),
        (b"not an archive at all", "cut off or damaged"),
    ],
)
def test_what_is_no_archive_is_said_and_leaves_no_trace_in_the_layout(here, server, capsys, content, said):
    server.offers[f"{HOST}/annotations/AVAD.tar.gz"].content = content
    assert get(here, "avad", "--only", "maps", "--accept") == 1
    assert said in capsys.readouterr().err
    assert not (here / "annotations").exists()


def test_a_shorter_length_than_the_file_has_is_found_when_it_is_unpacked(here, server, capsys):
    offer = server.offers[f"{HOST}/annotations/AVAD.tar.gz"]
    offer.headers = {"Content-Length": str(len(offer.content) - 5000)}
    assert get(here, "avad", "--only", "maps", "--accept") == 1
    assert "cut off or damaged" in capsys.readouterr().err
    assert not (here / "annotations").exists()
    offer.headers = {}  # the damaged one was not written down, and is not held against the whole one
    (here / "downloads/annotations-AVAD.tar.gz").unlink()
    assert get(here, "avad", "--only", "maps") == 0


def test_a_full_disk_is_said_before_anything_is_fetched(here, server, capsys, monkeypatch):
    monkeypatch.setattr(wanted.shutil, "disk_usage", lambda folder: Usage(0, 0, wanted.RESERVE + 1000))
    assert get(here, "avad", "--accept") == 2
    assert "51.0 MB" in (error := capsys.readouterr().err) or "50.0 MB" in error
    assert "free some space, name another folder, or get fewer at a time" in error
    assert set(commands(server)) == {"HEAD"}


def test_a_disk_that_fills_up_is_said_and_what_came_stays(here, capsys, monkeypatch):
    def full(*words):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(download, "_receive", full)
        assert get(here, "avad", "--only", "maps", "--accept") == 1
    assert "the disk is full: free some space and run the same command again, which goes on" in capsys.readouterr().err
    assert get(here, "avad", "--only", "maps") == 0


def test_an_interrupted_unpacking_leaves_nothing_half_and_is_taken_up_again(here, server, monkeypatch):
    written, write = [], archives_of._write

    def interrupted(*words):
        written.append(words)
        if len(written) == 50:
            raise KeyboardInterrupt
        write(*words)

    with monkeypatch.context() as patch:
        patch.setattr(archives_of, "_write", interrupted)
        assert get(here, "avad", "--accept", "--no-check") == 130
    assert not [*here.glob("downloads/unpacking-*")]
    for part in ("video_frames", "annotations"):
        assert len([*here.glob(f"{part}/AVAD/*")]) in (0, 3)
    server.asked.clear()
    assert get(here, "avad", "--no-check") == 0
    assert "GET" not in commands(server)
    assert len([*here.glob("video_frames/AVAD/video*/img_*.jpg")]) == 36


def test_what_a_killed_process_was_unpacking_is_removed(here):
    left = here / "downloads/unpacking-killed/content/AVAD"
    left.mkdir(parents=True)
    (here / "downloads/.a.tar.gz.part.json.x1y2").write_text("{")
    (here / ".downloads.json.x1y2").write_text("{")
    assert get(here, "avad", "--only", "sound", "--accept") == 0
    assert not [*(here / "downloads").iterdir()]
    assert not (here / ".downloads.json.x1y2").exists()


def test_a_run_that_was_killed_while_it_moved_files_is_finished(here, server, archives):
    get(here, "avad", "--only", "sound,frames", "--accept")
    part = here / "downloads/annotations-AVAD.tar.gz"
    part.write_bytes(archives[1]["annotations"])
    part.with_name(f"{part.name}.part.json").write_text(f'{{"url": "{server.url}", "etag": "\\"one\\""}}')
    for video in ("video0", "video1", "video2"):
        (here / f"annotations/AVAD/{video}/maps").mkdir(parents=True)
        (here / f"annotations/AVAD/{video}/maps/.keep").write_text("")
    assert get(here, "avad", "--no-check") == 0
    assert len([*here.glob("annotations/AVAD/video*/maps/*.jpg")]) == 36
    assert not [*(here / "downloads").iterdir()]
    assert {entry["etag"] for entry in json.loads((here / "downloads.json").read_text())["files"].values()} == {'"one"'}


def test_each_file_is_written_down_before_the_next_is_unpacked(here, monkeypatch):
    def killed(archive, *words):
        if opened:
            raise SystemExit(len(json.loads((here / "downloads.json").read_text())["files"]))
        opened.append(archive)
        return unpack(archive, *words)

    opened, unpack = [], archives_of.unpack
    monkeypatch.setattr(wanted, "unpack", killed)
    with pytest.raises(SystemExit) as ended:
        get(here, "avad", "--accept", "--no-check")
    assert ended.value.code == 1


def test_an_empty_file_is_not_taken_for_the_file(here, server, capsys):
    offer = server.offers[f"{HOST}/video_audio/AVAD.tar.gz"]
    whole, offer.content = offer.content, b""
    assert get(here, "avad", "--only", "sound", "--accept") == 1
    assert "an empty file came; run the same command again later" in capsys.readouterr().err
    offer.content = whole
    assert get(here, "avad", "--only", "sound") == 0


def test_what_another_run_wrote_down_meanwhile_is_not_lost(here, capsys, monkeypatch):
    def others(*words):
        (here / "downloads.json").write_text('{"files": {}, "accepted": {}}')
        return "room"

    with monkeypatch.context() as patch:
        patch.setattr(carry_out, "check_room", others)
        assert get(here, "avad", "--only", "sound", "--accept") == 2
    assert "another avsal has got things into it just now; run the same command again" in capsys.readouterr().err
    assert get(here, "avad", "--only", "sound", "--accept") == 0


def test_files_that_a_person_fetched_are_used_and_stay(here, archives, capsys, monkeypatch):
    monkeypatch.setenv("AVSAL_MIRROR", "http://127.0.0.1:9")
    for kind, content in archives[1].items():
        (here / "downloads").mkdir(exist_ok=True)
        (here / f"downloads/{kind}-AVAD.tar.gz").write_bytes(content)
    assert get(here, "avad", "--accept", "--no-check") == 0
    assert len([*here.glob("downloads/*.tar.gz")]) == 3
    entries = json.loads((here / "downloads.json").read_text())["files"].values()
    assert {entry["source"] for entry in entries} == {"put there by hand"}


def test_two_at_a_time_wait_for_nobody(here):
    with wanted.alone(here), pytest.raises(OSError, match="another avsal is getting things"), wanted.alone(here):
        pass


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["avadd"], "did you mean 'avad'"),
        (["synth"], "is made here, and needs no download"),
        (["avad", "--only", "frame"], "unknown part of avad 'frame'; did you mean 'frames'"),
        (["avad", "--from", "lab"], "expected the address of a mirror"),
        (["avad", "--from", "file:///etc"], "expected the address of a mirror"),
    ],
)
def test_wrong_words_are_said_before_anything_is_asked(here, server, capsys, words, said):
    assert get(here, *words) == 2
    assert said in capsys.readouterr().err
    assert not server.asked


def test_a_folder_must_be_named(monkeypatch, capsys):
    monkeypatch.delenv("AVSAL_DATA", raising=False)
    assert main(["data", "get", "avad"]) == 2
    assert "name the folder that the sets go into with --root" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["dhf1k", "salicon"])
def test_sets_that_need_a_person_print_the_steps_and_say_so_by_the_exit_code(tmp_path, capsys, name):
    assert get(tmp_path / "new", name) == 3
    out = capsys.readouterr().out
    assert f"{name} needs a person:\n  1. " in out
    assert str(tmp_path / "new") in out
    assert "{" not in out


def test_a_set_that_a_person_put_there_is_there(tmp_path, capsys):
    write_dhf1k(tmp_path / "data", n_frames=2)
    assert get(tmp_path / "data", "dhf1k") == 0
    assert "dhf1k: is there already" in capsys.readouterr().out


def test_every_set_says_where_it_is_offered_and_nothing_that_is_not_read():
    for name, one in registered_datasets().items():
        if one.facts is None:
            continue
        assert one.online is not None, name
        assert one.online.pieces or one.online.steps or one.online.repository, name
        for piece in one.online.pieces:
            assert piece.into.startswith(("video_frames/", "video_audio/", "annotations/", "fold_lists", one.folder))
            assert piece.url.startswith(("http://", "https://")) or one.online.steps


def test_the_addresses_of_the_six_sets_are_those_of_stavis():
    urls = [piece.url for name in SIX for piece in dataset(name).online.pieces]
    assert len(set(urls)) == 3 * 6 + 1
    assert "http://cvsp.cs.ntua.gr/research/stavis/data/annotations/ETMD_av.tar.gz" in urls
    assert "http://cvsp.cs.ntua.gr/research/stavis/data/fold_lists.tar.gz" in urls


def test_videos_in_files_count_as_frames_and_as_sound(tmp_path):
    frames, sound, maps, _ = dataset("avad").online.pieces
    (tmp_path / "video_files/AVAD").mkdir(parents=True)
    (tmp_path / "video_files/AVAD/V1.mp4").write_bytes(b"x")
    (tmp_path / "video_frames/AVAD/V2").mkdir(parents=True)
    assert lacking_videos(frames, ["V1", "V2"], tmp_path) == ["V2"]  # an empty folder is no video
    assert lacking_videos(sound, ["V1"], tmp_path) == []
    assert lacking_videos(maps, ["V1"], tmp_path) == ["V1"]


SCRIPT = "import sys; from avsal_bench.cli.app import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.slow
def test_ctrl_c_keeps_what_came_and_the_next_run_goes_on(here, server, listening):
    offer = server.offers[f"{HOST}/video_frames/AVAD.tar.gz"]
    offer.content, offer.pause = os.urandom(80_000), threading.Event()
    command = [sys.executable, "-c", SCRIPT, "data", "get", "avad", "--only", "frames", "--accept", "--root", here]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    part = here / "downloads/video_frames-AVAD.tar.gz.part"
    end = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size >= 32_768) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130  # the server is silent still: nobody waits for it
    assert "run the same command again to go on" in process.stderr.read()
    assert part.stat().st_size == 32_768
    offer.pause.set()
    server.asked.clear()
    assert get(here, "avad", "--only", "frames") == 1  # it came whole, and is no archive
    assert [headers["Range"] for command, _, headers in server.asked if command == "GET"] == ["bytes=32768-"]
