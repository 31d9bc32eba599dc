"""Versions: ranges for people, exact ones for CI, and a container that takes the exact ones."""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib.metadata import metadata, version

import pytest
from conftest import HOME
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TEXT = (HOME / "constraints.txt").read_text(encoding="utf-8")
LINES = [line for line in TEXT.splitlines() if line and not line.startswith("#")]
PINS = [Requirement(line) for line in LINES]
#: What the package asks for, with every extra, but for its own extras.
NEEDS = [r for r in map(Requirement, metadata("avsal-bench").get_all("Requires-Dist")) if r.name != "avsal-bench"]
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
MACHINES = {"Linux x86-64": ("linux", "x86_64"), "Linux Arm": ("linux", "aarch64"), "macOS": ("darwin", "arm64")}
#: Exactly these, so that CI's numbers stay.
EXACT = {"torch": "2.11.0", "torchvision": "0.26.0", "torchaudio": "2.11.0"}


def test_constraints_name_no_host_and_no_path():
    assert "make constraints" in TEXT
    assert not re.search(r"https?:|--hash|@|file:|^-", TEXT, re.MULTILINE)
    assert all(re.fullmatch(r"==[^*,]+", str(pin.specifier)) for pin in PINS)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", MACHINES)
def test_each_need_has_one_version_within_its_range(python, machine):
    system, processor = MACHINES[machine]
    here = default_environment() | {"sys_platform": system, "platform_machine": processor}
    here |= {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_python_implementation": "CPython",
    }
    pins = {}
    for pin in PINS:
        if pin.marker is None or pin.marker.evaluate(here):
            name = canonicalize_name(pin.name)
            assert name not in pins, "two versions of one package"
            pins[name] = str(pin.specifier).removeprefix("==")
    assert EXACT.items() <= pins.items()
    for need in NEEDS:
        extra = re.search(r"extra == ['\"](\w+)['\"]", str(need.marker))
        if need.marker is None or need.marker.evaluate(here | {"extra": extra[1] if extra else ""}):
            assert need.specifier.contains(pins[canonicalize_name(need.name)]), need
    assert ("decord" in pins) == (machine == "Linux x86-64")


def test_needs_are_ranges():
    for need in NEEDS:
        if need.name not in ("pytorchvideo", "decord"):  # whose last versions they are
            assert not any(part.operator in ("==", "===", "~=") for part in need.specifier), need
    assert version("avsal-bench")
    assert metadata("avsal-bench")["Requires-Python"] == ">=3.10"


def instructions():
    """Words and arguments of the Dockerfile, each in one line."""
    text = re.sub(r"^#.*\n", "", (HOME / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [line.split(" ", 1) for line in text.replace("\\\n", "").splitlines() if line]


def test_the_container_is_made_of_what_there_is_by_a_user_without_rights():
    known = {"ARG", "FROM", "ENV", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "ENTRYPOINT", "CMD"}
    found = instructions()
    assert {word for word, _ in found} <= known
    assert [value for word, value in found if word == "USER"] == ["avsal"]
    assert {value.split("=")[0] for word, value in found if word == "ARG"} >= {"DEVICE", "TORCH_INDEX"}
    assert any("AVSAL_HOME=/work" in value for word, value in found if word == "ENV")
    ignored = (HOME / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for word, value in found:
        if word == "COPY" and not value.startswith("--from"):
            for name in shlex.split(value)[:-1]:
                assert (HOME / name).exists(), name
                assert f"!{name}" in ignored, name
        if word == "RUN":
            subprocess.run(["sh", "-n", "-c", value], check=True)
            assert "--constraint constraints.txt" in value or "pip install" not in value
    copied = {name for word, value in found if word == "COPY" for name in shlex.split(value)[:-1]}
    assert copied >= {"pyproject.toml", "setup.py", "README.md", "avsal_bench"}, "what a build of the package reads"
    assert "://" not in (HOME / "Dockerfile").read_text(encoding="utf-8"), "no host of packages"


@pytest.mark.parametrize(
    ("device", "index", "words"),
    [("gpu", "", "expected cuda or cpu"), ("cpu", "", "set TORCH_INDEX"), ("cpu", "there", ""), ("cuda", "", "")],
)
def test_the_container_says_which_build_argument_is_missing(device, index, words, tmp_path):
    (run,) = [value for word, value in instructions() if word == "RUN" and "$DEVICE" in value]
    (tmp_path / "constraints.txt").write_text("torch==2.11.0\nnvidia-nccl-cu13==2.28.9\n")
    stubs = "pip() { echo pip $*; }; "
    done = subprocess.run(
        ["sh", "-c", stubs + run],
        env={"DEVICE": device, "TORCH_INDEX": index, "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert words in done.stderr
    assert done.returncode == (2 if words else 0)
    assert ("pip install" in done.stdout) == (not words)
