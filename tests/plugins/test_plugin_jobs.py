# ruff: noqa: F811 - fixtures are imported, and named by tests
"""Plug-ins in the processes of jobs, and in the fingerprints of what they make."""

import os
import pickle
import sys
from types import SimpleNamespace

import pytest
from plugin_fixtures import forgotten, write  # noqa: F401
from test_plugin_loading import NET, a_set

from avsal_bench.bench.job import Job
from avsal_bench.bench.launch import slurm
from avsal_bench.bench.launch.one_job import main as job_main
from avsal_bench.bench.provenance import provenance
from avsal_bench.kept import code_of, sources
from avsal_bench.plugins import PLUGINS, load_plugins, use_plugins

JOB = Job("own_net", "v", 1, 0, "smoke", "stavis")


def test_tasks_of_an_array_load_it_also_when_they_are_queued_again(write, monkeypatch, space, tmp_path):
    submitit = pytest.importorskip("submitit")
    tasks = []

    class Executor:
        def __init__(self, **options):
            pass

        def update_parameters(self, **options):
            pass

        def submit_array(self, given):
            tasks.extend(given)
            return [SimpleNamespace(job_id=f"1_{number}") for number, _ in enumerate(given)]

    monkeypatch.setattr(submitit, "SlurmExecutor", Executor)
    monkeypatch.setattr(slurm.shutil, "which", lambda name: f"/usr/bin/{name}")
    path = write("plug_t.py", a_set())
    monkeypatch.chdir(tmp_path)
    use_plugins(["plug_t.py"])
    slurm.submit([JOB], [], space, slurm.Cluster())
    monkeypatch.delenv(PLUGINS)
    monkeypatch.chdir("/")
    seen = []
    monkeypatch.setattr(slurm, "main", lambda words: seen.append(os.environ[PLUGINS]) or 0)
    (task,) = pickle.loads(pickle.dumps(tasks))
    with monkeypatch.context() as inside:
        for name in task.environment:
            inside.setenv(name, "")
        task()
        task.checkpoint().function()
    assert seen == [str(path)] * 2


def test_a_plugin_that_fails_in_the_process_of_a_job_ends_it(write, monkeypatch, capsys):
    monkeypatch.setenv(PLUGINS, str(write("plug_u.py", "1 / 0\n")))
    assert job_main(["own_net"]) == 2
    assert "plug_u.py:1: ZeroDivisionError" in capsys.readouterr().err


def test_a_record_names_all_that_were_loaded_and_none_where_there_is_none(write):
    assert "plugins" not in provenance()
    use_plugins([str(write("plug_v.py", a_set()))])
    assert provenance()["plugins"] == [plugin.plain() for plugin in load_plugins()]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        (("", ""), True),
        (("class Net", "# a comment\nclass Net"), True),
        (("ClipSpec(2", "ClipSpec(3"), False),
        (("from", "import wave\nfrom"), False),
    ],
)
def test_other_code_of_a_network_is_other_code(write, change, same):
    text = NET.format(name="own_net")

    def code():
        for cached in (sources._digest, sources._tree, sources._imports, sources.closure):
            cached.cache_clear()  # another process
        return code_of(sys.modules["plug_y"].Net)

    use_plugins([str(write("plug_y.py", text))])
    first = code()
    write("plug_y.py", text.replace(*change, 1))
    assert (code() == first) is same


def test_what_a_network_imports_from_beside_it_counts_too(write):
    text = NET.format(name="own_net")
    write("blocks_z.py", "width = 4\n")
    use_plugins([str(write("plug_z.py", "from blocks_z import width\n" + text))])
    first = code_of(sys.modules["plug_z"].Net)
    write("blocks_z.py", "width = 5\n")
    for cached in (sources._digest, sources._tree, sources._imports, sources.closure):
        cached.cache_clear()
    assert code_of(sys.modules["plug_z"].Net) != first
