"""Nothing in the package opens a connection but what `avsal data get` and `avsal weights get` call."""

import ast
import re
from pathlib import Path

import pytest
from import_graph import import_graph, modules

import avsal_bench

PACKAGE = Path(avsal_bench.__file__).parent
FILES = modules(PACKAGE)
GRAPH = import_graph(PACKAGE)

#: What opens connections, by the first words of its name.
NETWORK = ("requests", "urllib.request", "urllib3", "http", "httpx", "aiohttp", "ftplib", "fsspec", "pooch", "gdown")
NETWORK += ("huggingface_hub", "socketserver", "ssl", "smtplib", "wget", "pycurl", "boto3", "datasets", "torch.hub")
#: Names of functions and options by which libraries of networks fetch weights, and commands that fetch.
FETCHING = r"load_state_dict_from_url|download_url_to_file|hf_hub_download|snapshot_download|pretrained=True\)"
FETCHING += r"|urlretrieve|urlopen|create_connection|[\"'](curl|wget)[\"'],"

#: The modules of the room that download, and the two that lead there from commands.
DOWNLOADING = {f"avsal_bench.getting.{name}" for name in ("carry_out", "connection", "download", "wanted")}
WAYS = {
    "avsal_bench.data.online": {"avsal_bench.cli.data.get"},
    "avsal_bench.models.weights.fetching": {"avsal_bench.cli.weights.get"},
}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_network(name):
    return any(name == one or name.startswith(f"{one}.") for one in NETWORK)


def test_only_the_room_of_downloads_imports_what_opens_connections():
    found = {name for name, path in FILES.items() if any(map(is_network, imported(path)))}
    assert {name for name in found if not name.startswith("avsal_bench.getting.")} == set()
    assert "avsal_bench.getting.connection" in found  # the rule finds what it looks for


@pytest.mark.parametrize("text", ["hub.load_state_dict_from_url(", "create(pretrained=True)", 'run(["curl", url'])
def test_the_rule_for_fetching_finds_it(text):
    assert re.search(FETCHING, text)


def test_no_library_is_told_to_fetch_weights():
    for name, path in FILES.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [line for line in lines if re.search(FETCHING, line.replace("list_models(pretrained=True)", ""))]
        assert not found, f"{name}: {found}"


def test_downloads_are_reached_from_the_two_commands_alone():
    for name, others in GRAPH.items():
        if others & DOWNLOADING and not name.startswith("avsal_bench.getting."):
            assert name in WAYS or name == "avsal_bench.cli.options", name  # options: the type of what it makes
        for way in others & WAYS.keys():
            assert name in WAYS[way], f"{name} imports {way}"


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
