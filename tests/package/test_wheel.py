"""The wheel and the source distribution: built, installed beside the libraries of this environment, and used."""

from __future__ import annotations

import hashlib
import os
import shutil
import site
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import HOME

from avsal_bench import __version__
from avsal_bench.bench import provenance
from avsal_bench.records import read_record

pytestmark = pytest.mark.slow

#: What lies at the top of a checkout and is not of it.
LEFT_OUT = {".git", "data", "runs", "weights", "build", "dist", "avsal_bench.egg-info"}


@dataclass(frozen=True)
class Built:
    """A copy of the checkout, and what was built from it."""

    tree: Path
    wheel: Path
    sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    tree = folder / "tree"

    def left_out(place: str, names: list[str]) -> set[str]:
        found = {name for name in names if name == "__pycache__"}
        if Path(place) == HOME:
            hidden = {name for name in names if name.startswith(".") and name not in (".github", ".ci")}
            return found | hidden | (LEFT_OUT & set(names))
        return found | {name for name in names if Path(place, name) == HOME / "leaderboard/records/stavis/synth"}

    shutil.copytree(HOME, tree, symlinks=True, ignore=left_out)
    for package in ("avsal_bench/resources", "avsal_bench/resources/recipes", "avsal_bench/leaderboard"):
        compiled = tree / package / "__pycache__" / "used.cpython-311.pyc"  # as in any checkout that was used
        compiled.parent.mkdir()
        compiled.touch()
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([str(uv), "build", "--quiet", "--out-dir", str(folder), str(tree)], check=True)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(tree, wheel, sdist)


@dataclass(frozen=True)
class Installed:
    """An environment that has the wheel, and an empty folder that commands run in."""

    binaries: Path
    packages: Path
    folder: Path

    def avsal(self, *words: str | Path, code: int = 0) -> str:
        """Output of a command."""
        variables = {k: v for k, v in os.environ.items() if not k.startswith(("AVSAL_", "PYTHON"))}
        done = subprocess.run(
            [str(self.binaries / "avsal"), *map(str, words)],
            cwd=self.folder,
            env=variables | {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def contents(self) -> dict[str, str]:
        """SHA-256 of every file of the installed package."""
        files = (path for path in self.packages.rglob("avsal*/**/*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "v", with_pip=False, symlinks=True)
    (packages,) = (folder / "v").glob("lib/python*/site-packages")
    # Libraries come from this environment; its own avsal_bench does not, as a nested .pth file is not read.
    (packages / "libraries.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")
    binaries = folder / "v" / "bin"
    uv = Path(sys.executable).with_name("uv")
    command = [
        uv,
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--compile-bytecode",
        "--python",
        binaries / "python",
        built.wheel,
    ]
    subprocess.run([str(word) for word in command], check=True)
    (folder / "empty").mkdir()
    own = [packages, *(path for path in packages.rglob("*") if path.is_dir())]
    for path in own:
        path.chmod(0o555)
    yield Installed(binaries, packages, folder / "empty")
    for path in own:
        path.chmod(0o755)


def test_the_wheel_has_every_file_of_the_package_and_no_other(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as wheel:
        names = {name for name in wheel.namelist() if not name.split("/")[0].endswith(".dist-info")}
        metadata = wheel.read(f"avsal_bench-{__version__}.dist-info/METADATA").decode()
    package = built.tree / "avsal_bench"
    files = {path.relative_to(built.tree).as_posix() for path in package.rglob("*") if path.is_file()}
    assert names == {name for name in files if not name.endswith(".pyc")}
    assert f"Version: {__version__}\n" in metadata
    assert "License-File: LICENSE\n" in metadata
    readme = metadata.partition("\n\n")[2]
    assert readme.startswith("# avsal_bench")
    assert "](docs/" not in readme, "a link that leads nowhere from an index page"


def test_the_source_distribution_has_all_that_its_tests_need_and_makes_the_same_wheel(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames() if not archive.getmember(name).isdir()}
        top = archive.getnames()[0].partition("/")[0]
        recipe = archive.extractfile(f"{top}/benchmarks/recipes/avrsp.yaml")
        assert recipe is not None
        assert recipe.read() == (HOME / "benchmarks/recipes/avrsp.yaml").read_bytes()
    wanted = {
        path.relative_to(built.tree).as_posix()
        for part in ("avsal_bench", "tests", "docs", "examples", "leaderboard", ".github", ".ci")
        for path in (built.tree / part).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert wanted - names == set()
    assert {"Makefile", "pyproject.toml", "setup.py", "CHANGELOG.md", "constraints.txt"} <= names


def test_nine_commands_in_an_empty_folder(
    built: Built, installed: Installed, synth_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, folder = installed.contents(), installed.folder
    assert installed.avsal("--version") == f"avsal {__version__}\n"
    assert "avrsp" in installed.avsal("list")
    assert "stavis" in installed.avsal("weights", "list")
    assert "stavis" in installed.avsal("models", "stavis")
    assert "0 records, nothing against them" in installed.avsal("submit", "--check")
    assert list(folder.iterdir()) == [], "what only looks leaves nothing behind"

    shutil.copytree(synth_root, folder / "data" / "synth")
    assert "avrsp_av-fold1-seed0" in installed.avsal("bench", "avrsp", "--dry-run")
    assert installed.avsal("data", "check", "synth", "--workers", "0")
    installed.avsal("bench", "centre", "--keep-maps", "--workers", "0", "--leaderboard", "new/board")
    (maps,) = folder.glob("runs/stages/centre*/test/*/maps")
    installed.avsal("evaluate", "--pred", maps, "--dataset", "synth", "--name", "mine", "--workers", "0")
    scored = [folder / "new/board/records/stavis/synth/centre-fold1-seed0.json"]
    scored += [folder / "leaderboard/records/stavis/synth/mine-fold1-seed0.json"]
    ran, mine = map(read_record, scored)
    assert ran.scores == mine.scores

    film = next((folder / "data" / "synth").rglob("*.mp4"))
    installed.avsal("predict", film, "--model", "centre", "--muted", "-o", "maps")
    assert len(list((folder / "maps").glob("*.png"))) > 10
    installed.avsal("leaderboard")
    assert {path.name for path in folder.iterdir()} == {"data", "runs", "leaderboard", "new", "maps"}
    assert installed.contents() == before, "nothing is written beside the package"

    # What the records say of the code is true, and the same as in a clone.
    story = ran.provenance
    assert (story["version"], story["commit"], story["clean"]) == (__version__, None, True)
    monkeypatch.setattr(provenance, "PACKAGE", built.tree / "avsal_bench")
    assert story["code"] == provenance.code_hash.__wrapped__()


def test_what_was_kept_in_a_clone_counts_in_a_wheel(built: Built, installed: Installed) -> None:
    asked = (
        "import avsal_bench\n"
        "from avsal_bench.evaluation.score import VideoScorer\n"
        "from avsal_bench.kept import code_of\n"
        "print(avsal_bench.__file__, code_of(VideoScorer))"
    )

    def told(python: Path, clone: str) -> list[str]:
        variables = os.environ | {"PYTHONPATH": clone}
        command = [str(python), "-c", asked]
        done = subprocess.run(command, cwd=installed.folder, env=variables, capture_output=True, text=True, check=True)
        return done.stdout.split()

    of_clone = told(Path(sys.executable), str(built.tree))
    of_wheel = told(installed.binaries / "python", "")
    assert Path(of_clone[0]).is_relative_to(built.tree)
    assert Path(of_wheel[0]).is_relative_to(installed.packages)
    assert of_clone[1] == of_wheel[1]


def test_a_changed_file_of_an_installed_package_is_said(installed: Installed) -> None:
    asked = "from avsal_bench.bench.provenance import commit_and_clean; print(*commit_and_clean())"

    def told() -> str:
        command = [str(installed.binaries / "python"), "-c", asked]
        return subprocess.run(command, cwd=installed.folder, capture_output=True, text=True, check=True).stdout.strip()

    assert told() == "None True"
    file = installed.packages / "avsal_bench" / "audio" / "waveform.py"
    before = file.read_bytes()
    try:
        file.write_bytes(before + b"# mended\n")
        assert told() == "None False"
    finally:
        file.write_bytes(before)
