"""`avsal weights get`: fetched from a server of this machine, fitted, imported, and written down."""

import json
import sys
import tarfile
import threading
import time
from types import SimpleNamespace

import pytest
import torch
from odd_server import Offer, no_pauses, server_fixture  # noqa: F401
from torch import nn

from avsal_bench.cli.app import main
from avsal_bench.getting import wanted
from avsal_bench.getting.offers import address, mirrored
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.weights import offered
from avsal_bench.models.weights.offered import Offered, list_weights
from avsal_bench.models.weights.store import load_weights

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}


def linear():
    return nn.Linear(3, 2)


def saved(path, state=STATE):
    torch.save(state, path)
    return path.read_bytes()


@pytest.fixture(name="here")
def here_fixture(server, tmp_path, monkeypatch):
    """A store, and a server that offers a file, an archive of two, and a file on a drive; one is by hand."""
    monkeypatch.setenv("AVSAL_WEIGHTS", str(tmp_path / "store"))
    monkeypatch.delenv("AVSAL_MIRROR", raising=False)
    given = {"build": linear, "rename": lambda key, value: (key, value)}
    all_of_one, site = f"{server.url}/all.tar.gz", f"{server.url}/one.pth"
    entries = [
        PublishedWeights("one", "one.pth", "", "a page", "MIT", online=site, **given),
        PublishedWeights("two", "two.pth", "", "a page", "not stated", online=all_of_one, **given),
        PublishedWeights("three", "three.pth", "", "a page", "not stated", online=all_of_one, **given),
        PublishedWeights("drive", "drive.pth", "", "a README", "MIT", online="drive:ID", **given),
        PublishedWeights("hand", "hand.pth", "", "a form", "MIT", steps=("fill in the form",), **given),
        PublishedWeights("pickle", "p.pkl", "", "a page", "MIT", unreadable="is a pickle", **given),
    ]
    known = {one.name: Offered("net" if one.name != "one" else "encoder", one, lambda: entries) for one in entries}
    monkeypatch.setattr(offered, "_registered", lambda: known)
    server.offers["/one.pth"] = Offer(saved(tmp_path / "one.pth"))
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as tar:
        for name in ("two", "three", "more"):
            saved(tmp_path / f"{name}.pth")
            tar.add(tmp_path / f"{name}.pth", f"pretrained_models/deep/{name}.pth")
    server.offers["/all.tar.gz"] = Offer((tmp_path / "all.tar.gz").read_bytes())
    return tmp_path / "store"


def get(*words):
    return main(["weights", "get", *words])


def fetched(server):
    return [path for command, path, _ in server.asked if command == "GET"]


def test_weights_are_fetched_fitted_imported_and_written_down(here, server, capsys):
    assert get("one", "--accept") == 0
    net = linear()
    assert load_weights(net, "one", here)["file"] == "one.pth"
    assert torch.equal(net.weight, STATE["weight"])
    book = json.loads((here / "downloads.json").read_text())
    [(url, entry)] = book["files"].items()
    assert (url, entry["file"], len(entry["sha256"])) == (f"{server.url}/one.pth", "one.pth", 64)
    assert book["accepted"]["one"]["terms"] == "MIT; a page"
    assert not [*(here / "downloads").iterdir()]
    server.asked.clear()
    assert get("one") == 0
    assert "one: is imported already" in capsys.readouterr().out
    assert not server.asked


def test_one_archive_of_several_is_fetched_once(here, server):
    assert get("two", "three", "one", "--accept", "--keep") == 0
    assert sorted(fetched(server)) == ["/all.tar.gz", "/one.pth"]
    assert sorted(path.name for path in here.glob("*.pt")) == ["one.pt", "three.pt", "two.pt"]
    assert (here / "downloads/all.tar.gz").is_file()


def test_several_come_at_a_time(here, server):
    """The first server falls silent in the middle; the other file comes all the same."""
    first = server.offers["/one.pth"]
    first.content, first.pause = first.content + bytes(60_000), threading.Event()
    codes = []
    run = threading.Thread(target=lambda: codes.append(get("one", "two", "three", "--accept", "--parallel", "2")))
    run.start()
    end = time.monotonic() + 20
    while not (here / "downloads/all.tar.gz").exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert (here / "downloads/all.tar.gz").exists()
    assert (here / "downloads/one.pth.part").exists()
    first.pause.set()
    run.join(20)
    assert codes  # the file with zeros behind it may fit or not: both came


def test_a_network_stands_for_all_of_its_weights(here, capsys, monkeypatch):
    monkeypatch.setattr(wanted, "find_spec", lambda name: None)
    assert get("net", "--accept") == 1  # one of them cannot be opened here
    out = capsys.readouterr().out
    assert "pickle: p.pkl is a pickle" in out
    assert "drive needs a person" in out
    assert f"put it into {here / 'downloads'} as drive.pth, and run the same command again" in out
    assert "hand needs a person:\n  1. fill in the form\nterms of hand: MIT; a form\n" in out
    assert sorted(path.name for path in here.glob("*.pt")) == ["three.pt", "two.pt"]


def test_a_file_that_does_not_fit_is_not_imported_nor_written_down(here, server, capsys, tmp_path):
    server.offers["/one.pth"].content = saved(tmp_path / "x.pth", {"weight": torch.ones(5, 5)})
    assert get("one", "--accept") == 1
    assert "does not fit" in capsys.readouterr().err
    assert not (here / "one.pt").exists()
    assert json.loads((here / "downloads.json").read_text())["files"] == {}


def test_an_archive_without_the_file_says_so(here, server, capsys, tmp_path):
    with tarfile.open(tmp_path / "other.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "two.pth", "two.pth")
    server.offers["/all.tar.gz"].content = (tmp_path / "other.tar.gz").read_bytes()
    assert get("two", "three", "--accept") == 1
    assert "holds no file of three" in capsys.readouterr().err


def test_a_declared_checksum_is_compared_before_the_file_is_opened(here, monkeypatch, capsys):
    entry = offered._registered()["one"].entry
    object.__setattr__(entry, "sha256", "0" * 8)
    assert get("one", "--accept") == 1
    assert "that of one begins with 00000000" in capsys.readouterr().err
    assert not (here / "one.pt").exists()


def test_nothing_comes_before_the_terms_are_accepted(here, server, capsys):
    assert get("one", "two", "three") == 3
    shown = capsys.readouterr()
    assert "terms of one: MIT; a page" in shown.out
    assert "terms of two, three: its authors state no licence" in shown.out
    assert get("one", "--dry-run") == 0
    assert not fetched(server)
    assert not here.exists()


def test_what_a_person_fetched_is_imported_by_the_same_command(here, tmp_path, capsys):
    assert get("hand") == 3
    (here / "downloads").mkdir(parents=True)
    saved(here / "downloads/hand.pth")
    assert get("hand", "--accept") == 0
    assert (here / "hand.pt").is_file()
    assert (here / "downloads/hand.pth").is_file()


def test_files_of_a_drive_come_by_gdown(here, monkeypatch, capsys):
    asked = []

    def download(url=None, output=None, quiet=False, id=None, resume=False):
        asked.append((id, quiet, resume))
        torch.save(STATE, output)
        return output

    monkeypatch.setitem(sys.modules, "gdown", SimpleNamespace(download=download, __spec__=None))
    monkeypatch.setattr(wanted, "find_spec", lambda name: name)
    assert get("drive", "--accept") == 0
    assert asked == [("ID", True, True)]
    assert (here / "drive.pt").is_file()


@pytest.mark.parametrize("fault", ["raises", "gives nothing"])
def test_a_drive_that_gives_nothing_says_what_to_do(here, monkeypatch, capsys, fault):
    def download(**words):
        if fault == "raises":
            raise RuntimeError("Too many users have viewed or downloaded this file recently.\nmore")

    monkeypatch.setitem(sys.modules, "gdown", SimpleNamespace(download=download, __spec__=None))
    monkeypatch.setattr(wanted, "find_spec", lambda name: name)
    assert get("drive", "--accept") == 1
    assert f"put it at {here / 'downloads/drive.pth'}" in capsys.readouterr().err


def test_gdown_itself_fetches_and_goes_on(here, server, tmp_path):
    gdown = pytest.importorskip("gdown", reason="the extra drive is not installed")
    place = tmp_path / "got.pth"
    gdown.download(url=f"{server.url}/one.pth", output=str(place), quiet=True, resume=True)
    assert place.read_bytes() == server.offers["/one.pth"].content


def test_unknown_names_are_said_with_the_nearest(here, capsys):
    assert get("onee") == 2
    assert "unknown weights 'onee'; did you mean 'one'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("torchvision:S3D_Weights.KINETICS400_V1", "https://download.pytorch.org/models/s3d-d76dad2f.pth"),
        ("timm:convnext_tiny.fb_in1k", "https://dl.fbaipublicfiles.com/convnext/convnext_tiny_1k_224_ema.pth"),
        ("hf:owner/name/folder/a.pth", "https://huggingface.co/owner/name/resolve/main/folder/a.pth"),
        ("hf:datasets/owner/name/a.zip", "https://huggingface.co/datasets/owner/name/resolve/main/a.zip"),
        ("https://host/a", "https://host/a"),
        ("drive:ID", "drive:ID"),
    ],
)
def test_offers_stand_for_addresses(url, expected):
    assert address(url) == expected


@pytest.mark.parametrize(
    "url",
    ["torchvision:No_Weights.X", "timm:no_such_network", "hf:name", "ftp://host/a", "file:///etc/passwd", "host/a"],
)
def test_offers_that_stand_for_nothing_are_errors(url):
    with pytest.raises(ValueError, match=r"does not know where that is|expected an address"):
        address(url)


def test_a_mirror_keeps_files_below_the_names_of_their_hosts():
    assert mirrored("https://host.org/a/b.pth?x=1", "http://lab/m/") == "http://lab/m/host.org/a/b.pth?x=1"
    assert mirrored("drive:ID", "http://lab/m") == "http://lab/m/drive.google.com/ID"
    assert mirrored("https://host.org/a", "") == "https://host.org/a"


def test_addresses_of_known_weights_end_in_their_files(monkeypatch):
    """The address, or the archive, of each file that the package knows is written as an address is."""
    found = {name: entry for name, entry in list_weights().items() if entry.online}
    assert {"mspi_mvitv2_s2", "stavis_av_fold1", "s3d_kinetics400_torchvision", "tasednet_dhf1k"} <= found.keys()
    for name, entry in found.items():
        place = address(entry.online)
        kinds = (entry.file, "pretrained_models.tar.gz", "I.pth.tar")  # VGGSound's models have letters for names
        assert place.startswith("drive:") or place.endswith(kinds), name
