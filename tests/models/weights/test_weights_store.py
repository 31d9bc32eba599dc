"""The published weights that are known, and the store of imported ones, with its commands."""

import argparse
import re
from dataclasses import replace

import pytest
import torch
from tiny_networks import filled, same, soundnet_state, tiny_soundnet

from avsal_bench.cli.weights import add_parser
from avsal_bench.models import list_models, model_entry
from avsal_bench.models.backbones.motion import MOTION_ENCODERS
from avsal_bench.models.backbones.soundnet import SoundNet, rename_soundnet8
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.models.weights import offered
from avsal_bench.models.weights.offered import Offered, build_for, list_weights, published_weights, weights_owner
from avsal_bench.models.weights.store import (
    check_weights,
    find_weights,
    import_weights,
    imported_source,
    load_weights,
    verify_weights,
)

# The registry


def test_every_entry_belongs_to_something():
    assert {"s3d_kinetics400", "s3d_kinetics400_torchvision", "soundnet8", "soundnet8_stavis"} <= list_weights().keys()
    for name, entry in list_weights().items():
        assert entry.name == name
        assert re.fullmatch(r"unknown|[0-9a-f]{8,64}", entry.sha256), name
        if published_weights(name).build is None:
            assert weights_owner(name) in list_models()
            assert entry.options.get("modality") in (None, *model_entry(weights_owner(name)).modalities), name


def test_weights_of_unknown_name_are_suggested_and_twins_refused(monkeypatch):
    with pytest.raises(ValueError, match="did you mean 'soundnet8'"):
        published_weights("sondnet8")
    assert weights_owner("soundnet8") == "soundnet"
    assert isinstance(build_for("soundnet8"), SoundNet)
    twin = PublishedWeights("soundnet8", "x.pth", "", "", "")
    monkeypatch.setattr(offered, "backbone_files", lambda: {"s3d": (twin,), "soundnet": (twin,)})
    with pytest.raises(ValueError, match="'soundnet8' are registered twice: by s3d and soundnet"):
        list_weights()


def test_every_motion_encoder_of_mspi_has_its_kinetics_weights():
    for encoder in MOTION_ENCODERS:
        entry = published_weights(f"{encoder}_kinetics400")
        assert entry.build is not None
        with torch.device("meta"):
            ours, theirs = MOTION_ENCODERS[encoder].build(1.0, 0.1), entry.build()
        stored = getattr(ours, "rename_stored", lambda key, value: (key, value))  # Video Swin's leaves the last norm
        kept = filter(None, (stored(key, value) for key, value in theirs.state_dict().items()))
        shapes = {key: value.shape for key, value in kept}
        assert {key: value.shape for key, value in ours.state_dict().items()} == shapes, encoder


def test_a_file_that_cannot_be_opened_says_what_to_do_without_it(tmp_path):
    advice = r"slowfast_4x16_kinetics400: SLOWFAST_4x16_R50.pkl is a pickle of Caffe2 .*start.motion_encoder=null"
    path = tmp_path / "SLOWFAST_4x16_R50.pkl"
    path.write_bytes(b"x")
    for use in (
        lambda: check_weights(path, "slowfast_4x16_kinetics400"),
        lambda: imported_source("slowfast_4x16_kinetics400", tmp_path),
        lambda: load_weights(torch.nn.Identity(), "slowfast_4x16_kinetics400", tmp_path),
    ):
        with pytest.raises(ValueError, match=advice):
            use()


# The store


@pytest.fixture
def registry(monkeypatch):
    """Two tiny published weights in the place of all others: a backbone's and a network's."""
    options = {**model_entry("avrsp").tiny, "width": 8, "backbone_width": 0.125, "audio_width": 0.125}
    sound = PublishedWeights("sound", "s.pth", "", "a page", "MIT", build=tiny_soundnet, rename=rename_soundnet8)
    net = PublishedWeights("net", "n.pth.tar", "", "a site", "MIT", options=options)
    entries = {
        "sound": Offered("soundnet", sound, lambda: [sound]),
        "net": Offered("avrsp", net, lambda: [net]),
    }
    monkeypatch.setattr(offered, "_registered", lambda: entries)
    return entries


@pytest.fixture
def fetched(tmp_path, registry):
    """A folder with both files, one level down, and other things."""
    folder = tmp_path / "fetched"
    (folder / "deep").mkdir(parents=True)
    torch.save(soundnet_state(), folder / "deep" / "s.pth")
    torch.save({"state_dict": filled(build_for("net")).state_dict()}, folder / "n.pth.tar")
    (folder / "more.tar.gz").write_bytes(b"x")
    (folder / "my.pth").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    return folder


def outcomes(reports):
    return {report.name: report.outcome for report in reports}


def test_import_once_and_load(tmp_path, fetched):
    store = tmp_path / "store"
    found = find_weights(fetched)
    assert (found.archives, found.others) == ([fetched / "more.tar.gz"], [fetched / "my.pth"])
    assert outcomes(import_weights(found, store)) == {"sound": "imported", "net": "imported"}
    first = {path.name: path.stat().st_mtime_ns for path in store.iterdir()}
    assert first.keys() == {"sound.pt", "net.pt"}
    assert outcomes(import_weights(found, store)) == {"sound": "already imported", "net": "already imported"}
    assert {path.name: path.stat().st_mtime_ns for path in store.iterdir()} == first

    net, sound = build_for("net"), tiny_soundnet()
    assert load_weights(net, "net", store)["file"] == "n.pth.tar"
    source = load_weights(sound, "sound", store)
    assert source == {"name": "sound", "file": "s.pth", "sha256": check_weights(fetched / "deep/s.pth", "sound").sha256}
    assert same(net, filled(build_for("net")))
    assert same(sound, filled(tiny_soundnet()))


def test_another_or_damaged_import_is_replaced(tmp_path, fetched):
    store = tmp_path / "store"
    import_weights(find_weights(fetched), store)
    torch.save({**soundnet_state(), "conv1.bias": torch.zeros(8)}, fetched / "deep" / "s.pth")
    (store / "net.pt").write_bytes(b"broken")
    assert outcomes(import_weights(find_weights(fetched), store)) == {"sound": "replaced", "net": "replaced"}
    sound = tiny_soundnet()
    load_weights(sound, "sound", store)
    assert not sound.conv1.bias.any()


def test_a_file_that_fails_does_not_stop_the_others(tmp_path, fetched):
    torch.save({"conv1.bias": torch.ones(8)}, fetched / "n.pth.tar")
    reports = import_weights(find_weights(fetched), tmp_path / "store")
    assert outcomes(reports) == {"net": "failed", "sound": "imported"}
    assert "does not fit avrsp" in reports[1].detail
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["sound.pt"]


def test_two_files_for_the_same_weights_are_refused(tmp_path, fetched):
    torch.save(soundnet_state(), fetched / "s.pth")
    reports = import_weights(find_weights(fetched), tmp_path / "store")
    assert [r.outcome for r in reports if r.name == "sound"] == ["failed", "failed"]
    assert f"also at {fetched / 'deep' / 's.pth'}" in reports[-1].detail


def test_a_wrong_checksum_is_refused_with_both(tmp_path, fetched, registry):
    entry = registry["sound"].entry
    digest = check_weights(fetched / "deep/s.pth", "sound").sha256
    registry["sound"] = Offered("soundnet", entry, lambda: [replace(entry, sha256=digest[:12])])
    assert outcomes(verify_weights(find_weights(fetched)))["sound"] == "fits"
    registry["sound"] = Offered("soundnet", entry, lambda: [replace(entry, sha256="0123abcd")])
    reports = import_weights(find_weights(fetched), tmp_path / "store")
    assert outcomes(reports) == {"net": "imported", "sound": "failed"}
    assert f"SHA-256 is {digest}, and that of sound begins with 0123abcd" in reports[0].detail


def test_an_import_killed_in_the_middle_leaves_what_was_there(tmp_path, fetched, monkeypatch):
    store = tmp_path / "store"

    def killed(content, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        import_weights(find_weights(fetched), store)
    assert list(store.iterdir()) == []


def test_weights_that_were_not_imported_say_where_to_get_them(tmp_path, registry):
    words = r"sound: not in .*Fetch s.pth from its authors \(a page; licence: MIT\), then `avsal weights import FOLDER`"
    with pytest.raises(FileNotFoundError, match=words):
        load_weights(tiny_soundnet(), "sound", tmp_path)


def test_a_stored_file_that_does_not_fit_or_is_foreign_is_refused(tmp_path, fetched):
    import_weights(find_weights(fetched), tmp_path)
    with pytest.raises(ValueError, match=r"sound.pt: .*does not fit SoundNet(?s:.*)import again"):
        load_weights(SoundNet(0.25), "sound", tmp_path)
    (fetched / "deep" / "s.pth").replace(tmp_path / "sound.pt")
    with pytest.raises(ValueError, match="not written by `avsal weights import`"):
        load_weights(tiny_soundnet(), "sound", tmp_path)


# The command line


def avsal_weights(*words):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["weights", *map(str, words)])
    return args.function(args)


def test_list_verify_and_import(tmp_path, fetched, capsys, monkeypatch):
    monkeypatch.setenv("AVSAL_WEIGHTS", str(tmp_path / "store"))
    assert avsal_weights("verify", fetched) == 0
    assert not (tmp_path / "store").exists()
    shown = capsys.readouterr()
    assert f"fits  sound  {fetched / 'deep' / 's.pth'}" in shown.out
    assert "49 entries, 2 more without effect" in shown.out
    assert f"not looked into: {fetched / 'more.tar.gz'}" in shown.err
    assert f"of no known name: {fetched / 'my.pth'}" in shown.err

    assert avsal_weights("import", fetched / "n.pth.tar") == 0
    assert avsal_weights("list") == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert lines["net"] == ["net", "avrsp", "n.pth.tar", "no", "yes", "no", "MIT"]
    assert lines["sound"] == ["sound", "soundnet", "s.pth", "no", "no", "no", "MIT"]


def test_a_renamed_file_needs_its_name(tmp_path, fetched, capsys):
    renamed = (fetched / "deep" / "s.pth").rename(fetched / "renamed.pth")
    store = ("--weights-store", tmp_path / "store")
    with pytest.raises(ValueError, match=r"unknown file 'renamed.pth'.*known: n.pth.tar, s.pth; .*--as NAME"):
        avsal_weights("import", renamed, *store)
    assert avsal_weights("import", renamed, "--as", "sound", *store) == 0
    assert (tmp_path / "store" / "sound.pt").is_file()
    with pytest.raises(ValueError, match=r"is a folder, and sound is one file \(s.pth\)"):
        avsal_weights("import", fetched, "--as", "sound", *store)
    assert avsal_weights("import", renamed, "--as", "net", *store) == 1
    assert "FAILED net" in capsys.readouterr().err


def test_a_place_without_weights(tmp_path, registry, capsys):
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        avsal_weights("verify", tmp_path / "none")
    for command in ("verify", "import"):
        with pytest.raises(ValueError, match="no file of weights lies below it; `avsal weights list` says where"):
            avsal_weights(command, tmp_path)
    (tmp_path / "more.zip").write_bytes(b"x")
    assert avsal_weights("verify", tmp_path) == 1
    assert "0 files of weights" in capsys.readouterr().out


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        avsal_weights("import", "--help")
    assert "Only `get` downloads anything" in capsys.readouterr().out
