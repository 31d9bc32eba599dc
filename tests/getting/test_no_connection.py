"""Nothing opens a connection but the two `get` commands, and what is given an address: for records, or of a stream."""

import re
from pathlib import Path

import pytest
from import_graph import modules

import avsal_bench

PACKAGE = Path(avsal_bench.__file__).parent

#: What opens connections, by the first words of its name.
NETWORK = ("requests", "urllib.request", "urllib3", "http", "httpx", "aiohttp", "ftplib", "fsspec", "pooch", "gdown")
NETWORK += ("huggingface_hub", "socketserver", "ssl", "smtplib", "wget", "pycurl", "boto3", "datasets", "torch.hub")
#: Names of functions and options by which libraries of networks fetch weights, and commands that fetch.
FETCHING = r"load_state_dict_from_url|download_url_to_file|hf_hub_download|snapshot_download|pretrained=True\)"
FETCHING += r"|urlretrieve|urlopen|create_connection|[\"'](curl|wget)[\"'],"

#: The modules of the room that connect, and who may name them: what leads there from the two commands.
ROOM = r"avsal_bench\.getting\.(carry_out|connection|download|hugging_face|kept_archive|live_streams|wanted)\b"
WAYS = {
    "avsal_bench.data.online": {"avsal_bench.cli.data.get"},
    "avsal_bench.data.repositories": {"avsal_bench.cli.data.get", "avsal_bench.data.online"},
    "avsal_bench.models.weights.fetching": {"avsal_bench.cli.weights.get"},
    # An address for records: `--records` of commands, and `load_records`; what is merged only speaks of it.
    "avsal_bench.leaderboard.record_places": {
        "avsal_bench.cli.options",
        "avsal_bench.cli.submitting.submit",
        "avsal_bench.api.record_table",
        "avsal_bench.api.network_card",
        "avsal_bench.leaderboard.merged_records",
    },
    # The address of a stream: `avsal predict --stream`, whose package this is.
    "avsal_bench.prediction.live.stream_source": {"avsal_bench.prediction.live.looking"},
    "avsal_bench.prediction.live.looking": {"avsal_bench.prediction.live"},
}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in modules(PACKAGE).items()}
OUTSIDE = {name: text for name, text in TEXTS.items() if not name.startswith("avsal_bench.getting.")}
IMPORT = re.compile(rf"^\s*(?:from|import) ({'|'.join(map(re.escape, NETWORK))})\b", re.MULTILINE)


def test_only_the_room_of_downloads_imports_what_opens_connections():
    assert {name: IMPORT.findall(text) for name, text in OUTSIDE.items() if IMPORT.search(text)} == {}
    assert IMPORT.search(TEXTS["avsal_bench.getting.connection"])  # the rule finds what it looks for


@pytest.mark.parametrize("text", ["hub.load_state_dict_from_url(", "create(pretrained=True)", 'run(["curl", url'])
def test_the_rule_for_fetching_finds_it(text):
    assert re.search(FETCHING, text)


def test_no_library_is_told_to_fetch_weights():
    for name, text in TEXTS.items():
        found = re.findall(FETCHING, text.replace("list_models(pretrained=True)", ""))
        assert not found, f"{name}: {found}"


def test_downloads_are_reached_from_few_places_alone():
    for name, text in OUTSIDE.items():
        if re.search(ROOM, text):
            assert name in WAYS or name == "avsal_bench.cli.options", name  # options: the type of what it makes
        for way, those in WAYS.items():
            if name != way and re.search(rf"\b{re.escape(way)}\b", text):
                assert name in those, f"{name} names {way}"


def test_the_commands_that_list_and_check_open_no_connection(monkeypatch, tmp_path, capsys):
    import socket

    from avsal_bench.cli.app import main

    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert main(["list"]) == 0
    assert main(["weights", "list", "--weights-store", str(tmp_path)]) == 0
    assert main(["data", "check", "avad", "--root", str(tmp_path), "--workers", "0"]) != 0
    capsys.readouterr()
