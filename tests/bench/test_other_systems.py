"""What is another thing on macOS: no /proc, memory in bytes, a GPU without float64. Imitated; not yet run there."""

import resource
import shutil
import subprocess
import sys

import pytest

from avsal_bench.bench import machine, provenance
from avsal_bench.bench.sharing import processes
from avsal_bench.bench.sharing.processes import alive, output_of, this_process


@pytest.mark.skipif(not shutil.which("ps"), reason="needs ps")
def test_processes_are_told_apart_without_proc(tmp_path, monkeypatch):
    def output(*command):
        return "3F2504E0" if command == ("sysctl", "-n", "kern.bootsessionuuid") else output_of(*command)

    monkeypatch.setattr(processes, "PROC", tmp_path / "none")
    monkeypatch.setattr(processes, "output_of", output)
    me = this_process()
    assert me.space == "3F2504E0"
    assert len(me.born.split()) == 5, "day and time of its start"
    assert alive(me) is True
    with subprocess.Popen(["sleep", "60"]) as child:
        other = processes.Process(me.host, child.pid, me.space, processes._born(child.pid))
        assert alive(other) is True
        child.kill()
    assert alive(other) is False
    monkeypatch.setattr(processes, "output_of", lambda *command: "")
    assert alive(me) is None, "nobody can say"


def test_a_command_that_there_is_not_or_that_fails_says_nothing():
    assert output_of("no-such-command-anywhere") == ""
    assert output_of("false") == ""
    assert output_of("echo", " 7 ") == "7"


def test_memory_is_in_bytes_on_macos(monkeypatch):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    monkeypatch.setattr(sys, "platform", "darwin")
    assert provenance.peak_memory_mb() == pytest.approx(peak / 10**6, abs=2)


def test_a_processor_has_a_name_on_every_system(monkeypatch):
    monkeypatch.setattr(provenance.Path, "read_text", lambda *_: "processor\t: 0\nBogoMIPS\t: 50.00\n")  # Linux on Arm
    monkeypatch.setattr(provenance, "output_of", lambda *command: "Apple M4" if command[-1].endswith("string") else "")
    assert provenance._processor() == "Apple M4"
    monkeypatch.setattr(provenance, "output_of", lambda *command: "")
    assert provenance._processor()


def test_an_apple_gpu_is_not_taken(monkeypatch):
    asked = {}
    monkeypatch.setattr(machine, "Trainer", lambda **options: asked.update(options))
    machine.Machine()._trainer()
    assert asked["accelerator"] == ("cuda" if machine.torch.cuda.is_available() else "cpu")
    monkeypatch.setattr(machine.torch.cuda, "is_available", lambda: True)
    machine.Machine()._trainer()
    assert asked["accelerator"] == "cuda"
