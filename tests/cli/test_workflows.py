"""The workflows can be read, run what exists, and need no more rights than they use."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import HOME

from avsal_bench.cli import main

WORKFLOWS = sorted((HOME / ".github" / "workflows").glob("*.yml"))
#: Actions and the major version that is used everywhere; it stands behind the commit that names it.
ACTIONS = {
    "actions/checkout": "v4",
    "actions/setup-python": "v5",
    "actions/upload-artifact": "v4",
    "actions/upload-pages-artifact": "v3",
    "actions/deploy-pages": "v4",
}
MACHINES = {"ubuntu-24.04", "ubuntu-24.04-arm", "macos-15"}
WITHOUT_TORCH = """
import sys

INSTALLED = (
    *("avsal_bench", "numpy", "jinja2", "markupsafe", "rich", "pygments", "markdown_it", "mdurl"),
    *("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"),
)

class Blocked:
    def find_spec(self, name, path=None, target=None):
        own = name.startswith("_sysconfigdata") or name.split(".")[0] in sys.stdlib_module_names
        if not own and name.split(".")[0] not in INSTALLED:
            raise ModuleNotFoundError(f"{name} is not installed where the page is made")

sys.meta_path.insert(0, Blocked())
from avsal_bench.cli import main
sys.exit(main(["leaderboard", "--leaderboard", sys.argv[1]]))
"""


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def machines(job: dict[str, Any]) -> set[str]:
    """Where a job runs, by its matrix or without one."""
    return set(job["strategy"]["matrix"]["machine"]) if "matrix.machine" in job["runs-on"] else {job["runs-on"]}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_is_well_formed(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["name"] == path.stem
    assert workflow[True], "YAML reads `on` as true"
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert machines(job) <= MACHINES
        assert job["timeout-minutes"] <= 60
        assert set(job.get("needs", "").split()) <= workflow["jobs"].keys()
    for step in steps(workflow):
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            line = re.search(rf"{re.escape(step['uses'])} # (v[0-9]+)\.", path.read_text(encoding="utf-8"))
            assert line is not None
            assert ACTIONS[step["uses"].split("@")[0]] == line[1]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_runs_what_exists(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = "\n".join(step.get("run", "") for step in steps(yaml.safe_load(path.read_text(encoding="utf-8"))))
    makefile = (HOME / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\S+)", commands, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
    for command in re.findall(r"(?:avsal|avsal_bench\.cli) (\w+)", commands):
        with pytest.raises(SystemExit, match="0"):
            main([command, "--help"])
    if ".ci/run" in commands:
        assert (HOME / ".ci" / "run").stat().st_mode & 0o111


def test_the_page_is_made_without_torch(tmp_path: Path) -> None:
    for name in ("published.csv", "not_built.csv", "references.bib"):
        (tmp_path / name).write_bytes((HOME / "leaderboard" / name).read_bytes())
    subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], cwd=HOME, check=True)
    assert (tmp_path / "leaderboard.csv").stat().st_size > 10_000
