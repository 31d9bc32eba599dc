# ruff: noqa: F811 - fixtures are imported, and named by tests
"""Plug-ins: found by path, name, environment and entry point, loaded once, and named when they fail."""

import os
import pickle
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from plugin_fixtures import forgotten, write  # noqa: F401

from avsal_bench import data
from avsal_bench.cli.app import _parser, main
from avsal_bench.data import Video, dataset, list_datasets, resolve_name
from avsal_bench.evaluation.protocol import list_protocols, protocol
from avsal_bench.metrics.further import further_metric
from avsal_bench.models import create_model, list_models, model_entry
from avsal_bench.plugins import PLUGINS, importing, load_plugins, typed_for_record, use_plugins

SET = """from avsal_bench.data import DataSet, register_dataset
from avsal_bench.data.layouts import stavis_layout
register_dataset(DataSet({name!r}, {folder!r}, stavis_layout))
"""
NET = """from avsal_bench.models import Network, register_model
from avsal_bench.spec import ClipSpec
@register_model({name!r}, paper="", modalities=("v",))
class Net(Network):
    def __init__(self, modality="v"):
        super().__init__()
        self.spec = ClipSpec(2, (8, 8))
"""


def a_set(name="own_set"):
    return SET.format(name=name, folder=name.upper())


def test_a_file_is_loaded_and_known_by_its_name_version_and_contents(write):
    path = write("plug_a.py", a_set() + "__version__ = '1.2'\n")
    (plugin,) = use_plugins([str(path)])
    assert plugin.plain() == {"name": "plug_a", "version": "1.2", "sha256": sha256(path.read_bytes()).hexdigest()}
    assert plugin.registered == ("data set own_set",)
    assert dataset("own_set").folder == "OWN_SET"
    assert os.environ[PLUGINS] == str(path), "processes that are started inherit it"


@pytest.mark.parametrize(
    "look_up",
    [
        lambda: dataset("own_set").name == "own_set",
        lambda: resolve_name("OWN_set") == "own_set",
        lambda: "own_set" in list_datasets(),
        lambda: "own_net" in list_models(),
        lambda: model_entry("own_net").modalities == ("v",),
        lambda: create_model("own_net").spec.frames == 2,
        lambda: protocol("own_rules").source == "me",
        lambda: "own_rules" in list_protocols(),
        lambda: further_metric("own_metric").digits == 3,
    ],
)
def test_names_of_the_environment_are_found_by_every_look_up(write, monkeypatch, tmp_path, look_up):
    rules = "from avsal_bench.evaluation import Protocol, register_protocol\n"
    rules += "register_protocol(Protocol('own_rules', 'me'))\n"
    metric = "from avsal_bench.metrics import register_metric\nregister_metric('own_metric')(print)\n"
    write("plug_b.py", a_set() + NET.format(name="own_net") + rules + metric)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PLUGINS, "plug_b.py")
    assert look_up()
    assert os.environ[PLUGINS] == str(tmp_path / "plug_b.py"), "absolute, as a job may run in another folder"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("x = 1\nraise KeyError('a key')\n", 2, "KeyError: 'a key'"),
        ("x = 1\n\nx = (\n", 3, "SyntaxError: '(' was never closed"),
        ("import nobody_has_this\n", 1, "ModuleNotFoundError: No module named 'nobody_has_this'"),
        ("def f():\n    raise SystemExit(3)\nf()\n", 2, "SystemExit: 3"),
        (
            "from avsal_bench.models import create_model\ncreate_model('nobody')\n",
            2,
            "ValueError: unknown model 'nobody'",
        ),
        ("raise RuntimeError\n", 1, "RuntimeError"),
        ("class Odd(BaseException): ...\nraise Odd('x')\n", 2, "Odd: x"),
        (a_set() + a_set(), 6, "ValueError: data set 'own_set' is registered twice: in "),
    ],
)
def test_a_failing_import_is_one_line_with_the_file_and_the_line(write, capsys, text, line, reason):
    path = write("plug_c.py", text)
    assert main(["list", "--plugin", str(path)]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith(f"avsal list: plug-in {path}:{line}: {reason}")
    assert "\n" not in said
    assert PLUGINS not in os.environ


def test_what_fails_later_in_a_package_is_named_by_its_own_line(write):
    write("pack_d/__init__.py", "")
    write("pack_d/nets/__init__.py", "from pack_d.nets import low\n")
    low = write("pack_d/nets/low.py", "import json\njson.loads('{')\n")
    with pytest.raises(ValueError, match=f"plug-in {low}:2: JSONDecodeError"):
        use_plugins([str(low)])


def test_what_the_package_registers_meanwhile_is_its_own(write):
    bad, good = write("plug_w.py", a_set() + "1 / 0\n"), write("plug_x.py", a_set())
    code = f"""from avsal_bench.plugins import use_plugins
try:
    use_plugins([{str(bad)!r}])
except ValueError as error:
    print(error)
print(use_plugins([{str(good)!r}])[0].registered)
from avsal_bench.data import list_datasets
print("diem" in list_datasets())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    failed, registered, there = done.stdout.splitlines()
    assert "plug_w.py:4: ZeroDivisionError" in failed
    assert (registered, there) == ("('data set own_set',)", "True")


def test_what_a_failing_plugin_registered_is_gone(write):
    path = write("plug_e.py", a_set("half") + "1 / 0\n")
    with pytest.raises(ValueError, match=r"plug_e.py:4: ZeroDivisionError"):
        use_plugins([str(path)])
    assert "half" not in list_datasets()
    path.write_text(a_set("half") + "# mended\n")
    use_plugins([str(path)])
    assert "half" in list_datasets()


@pytest.mark.parametrize(
    ("word", "error", "said"),
    [
        ("gone.py", FileNotFoundError, "gone.py: no such file; see --plugin and AVSAL_PLUGINS"),
        ("./gone", FileNotFoundError, "gone: no such file"),
        ("nobody_has_this", ValueError, "there is no such module; install it, or name its file"),
        ("nobody_has.this", ValueError, "there is no such module"),
        ("here", ValueError, "there is no such module; a file is named by its path, ./here.py"),
        ("json.py", ValueError, "another module is called 'json' .*; rename the file"),
        ("my-net.py", ValueError, "'my-net' is no name that Python can import; rename it"),
        ("a,b.py", ValueError, "a comma separates plug-ins in AVSAL_PLUGINS; rename the file"),
        ("", ValueError, "plug-in '': name a module or a file; is a variable of your shell empty"),
        ("./noext", ValueError, "noext: a file of Python ends in .py; rename it"),
        ("folder.py", ValueError, "folder.py: a folder without __init__.py, which is no package; name a file in it"),
        ("pack_y", ValueError, "there is no such module; a file is named by its path, ./pack_y"),
    ],
)
def test_what_is_no_plugin_is_told(write, monkeypatch, tmp_path, word, error, said):
    monkeypatch.chdir(tmp_path)
    for name in ("json.py", "my-net.py", "here.py", "noext", "folder.py/net.txt", "pack_y/__init__.py"):
        write(name, "")
    with pytest.raises(error, match=said):
        use_plugins([word])
    assert PLUGINS not in os.environ


def test_a_plugin_that_is_named_twice_is_loaded_once(write, monkeypatch, tmp_path, capsys):
    path = write("plug_f.py", a_set() + "print('loaded')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(PLUGINS, "./plug_f.py")
    assert len(use_plugins(["plug_f.py", str(path), "plug_f"])) == 1
    use_plugins(["plug_f.py"])
    load_plugins()
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "loaded\n"), "stdout is for what was asked for"


def test_a_plugin_that_goes_to_another_folder_moves_nobody(write, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    use_plugins([str(write("plug_z.py", "import os\nos.chdir('/')\n" + a_set()))])
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (SET.format(name="avad", folder="X"), "data set 'avad'"),
        (NET.format(name="vinet"), "model 'vinet'"),
        (
            "from avsal_bench.evaluation import Protocol, register_protocol\nregister_protocol(Protocol('raw', 'x'))\n",
            "protocol 'raw'",
        ),
        ("from avsal_bench.metrics import register_metric\nregister_metric('NSS')(print)\n", "metric 'NSS'"),
    ],
)
def test_a_name_of_the_package_is_taken_and_both_files_are_named(write, text, what):
    path = write("plug_g.py", text)
    with pytest.raises(ValueError, match=f"{what} is registered twice: in .*avsal_bench.*py and in {path}; rename one"):
        use_plugins([str(path)])


def test_two_plugins_with_one_name_are_both_named(write):
    first, second = write("plug_h.py", a_set("same")), write("plug_i.py", a_set("same"))
    with pytest.raises(ValueError, match=f"'same' is registered twice: in {first} and in {second}"):
        use_plugins([str(first), str(second)])


def test_one_that_registers_nothing_is_noted(write, capsys):
    use_plugins([str(write("plug_j.py", "x = 1\n"))])
    assert "plug_j.py registers nothing" in capsys.readouterr().err


def test_of_a_package_every_file_counts(write):
    write("pack_k/__init__.py", "")
    part = write("pack_k/part.py", "x = 1\n")
    file = write("pack_k/net.py", "from .part import x\n" + a_set())
    (plugin,) = use_plugins([str(file)])
    assert (plugin.name, plugin.folders[0]) == ("pack_k.net", file.parent)
    part.write_text("x = 2\n")
    assert importing.Sources(file).sha256() != plugin.sha256
    part.write_text("x = 1\n")
    assert importing.Sources(file).sha256() == plugin.sha256


def installed(write, name, text):
    """A package as pip leaves it, with an entry point."""
    write(f"site/{name}.py", text)
    write(f"site/{name}-2.5.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.5\n")
    write(f"site/{name}-2.5.dist-info/entry_points.txt", f"[avsal_bench.plugins]\n{name} = {name}\n")
    return str(write(f"site/{name}.py", text).parent)


def test_entry_points_are_loaded_and_one_that_fails_is_named_and_left_out(write, monkeypatch, capsys):
    installed(write, "bad_l", a_set("half") + "1 / 0\n")
    sys.path.append(installed(write, "good_l", a_set("whole")))
    monkeypatch.setattr(importing, "_looked_at_packages", False)
    assert {"whole"} == {"half", "whole"} & set(list_datasets())
    said = capsys.readouterr().err
    assert "bad_l.py:4: ZeroDivisionError: division by zero; package bad_l brought it, and it is left out" in said
    assert [plugin.plain()["version"] for plugin in load_plugins()] == ["2.5"]
    assert capsys.readouterr().err == "", "told once"


def test_help_and_commands_without_names_load_no_entry_point(write, monkeypatch, capsys):
    sys.path.append(installed(write, "bad_m", "1 / 0\n"))
    monkeypatch.setattr(importing, "_looked_at_packages", False)
    with pytest.raises(SystemExit):
        main(["--plugin", "gone.py", "--help"])
    assert "bad_m" not in capsys.readouterr().err


def commands(parser, above=()):
    for action in parser._subparsers._group_actions if parser._subparsers else ():
        for name, below in action.choices.items():
            yield (*above, name), below
            yield from commands(below, (*above, name))


def test_every_command_takes_plugins_before_and_behind_its_name(write, capsys):
    assert all("--plugin" in below.format_help() for _, below in commands(_parser()))
    first, second = write("plug_n.py", a_set("first")), write("plug_o.py", a_set("second"))
    assert main(["--plugin", str(first), "list", "--plugin", str(second)]) == 0
    shown = capsys.readouterr().out
    assert "\nfirst " in shown
    assert "\nsecond " in shown
    assert re.search(r"plug_n +data set first", shown)


def test_records_show_names_of_files_and_all_plugins(monkeypatch):
    monkeypatch.setenv(PLUGINS, "/home/me/one.py,two")
    assert typed_for_record(["bench", "x", "--plugin", "/home/me/one.py"]) == [
        *("bench", "x", "--plugin", "one.py", "--plugin", "two")
    ]
    assert typed_for_record(["--plugin=/home/me/one.py", "list"])[:2] == ["--plugin=one.py", "list"]


@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_a_reading_process_knows_the_classes_of_a_file(write, start):
    path = write("plug_p.py", a_set() + "class Ear:\n    def __init__(self, n):\n        self.n = n\n")
    use_plugins([str(path)])
    ear = sys.modules["plug_p"].Ear(7)
    with ProcessPoolExecutor(1, get_context(start)) as pool:
        assert pool.submit(pickle.loads, pickle.dumps(ear)).result().n == 7


def test_a_plugin_that_is_gone_in_the_process_of_a_job_is_one_line(write, monkeypatch, capsys):
    from avsal_bench.bench.launch.one_job import main as job

    monkeypatch.setenv(PLUGINS, str(Path("/nowhere/mine.py")))
    assert job(["my_network", "--preset", "smoke"]) == 2
    assert (
        capsys.readouterr().err == "avsal run: plug-in /nowhere/mine.py: no such file; see --plugin and AVSAL_PLUGINS\n"
    )


def test_all_that_a_video_of_a_set_is_made_of_is_public():
    hints = get_type_hints(Video)
    kinds = {kind for hint in hints.values() for kind in (get_args(hint) or (hint,))}
    own = {kind.__name__ for kind in kinds if kind.__module__ == "avsal_bench.data.places"}
    assert own == {"FaceFiles", "NumberedFiles", "OneFile", "PaintedMaps", "PointsFile", "VideoFile"}
    assert {*own, "NamedFiles"} <= set(data.__all__)
