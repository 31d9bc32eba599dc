"""Where things lie: files of the package, and folders of a user, in a clone and in an installed package."""

from __future__ import annotations

import os
import runpy
import subprocess
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from conftest import HOME
from made_records import save

import avsal_bench
from avsal_bench import resources
from avsal_bench.bench import provenance
from avsal_bench.bench.workspace import workspace
from avsal_bench.cli import main
from avsal_bench.files import check_writable
from avsal_bench.resources import clone, home, resource


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The package as one that lies in no clone, and an empty working folder."""
    monkeypatch.setattr(resources, "_ROOT", tmp_path / "site-packages")
    monkeypatch.delenv("AVSAL_HOME", raising=False)
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return tmp_path / "empty"


# where things lie


def test_the_paths_that_users_of_a_clone_know_lead_to_the_files_of_the_package() -> None:
    for known, name in {
        "benchmarks/recipes": "recipes",
        "benchmarks/ablations": "ablations",
        "benchmarks/expected": "expected",
        "benchmarks/speed/speed.json": "speed.json",
        "leaderboard/published.csv": "published.csv",
        "leaderboard/published_videos.csv": "published_videos.csv",
        "leaderboard/not_built.csv": "not_built.csv",
        "leaderboard/references.bib": "references.bib",
        "leaderboard/networks.csv": "networks.csv",
    }.items():
        if (HOME / ".git").exists():
            assert (HOME / known).resolve() == resource(name), known
        else:  # a source distribution has copies
            assert (HOME / known).is_dir() or (HOME / known).read_bytes() == resource(name).read_bytes(), known


def test_a_file_that_the_package_lacks_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"resources/recipes/nobody\.yaml is missing from avsal-bench"):
        resource("recipes", "nobody.yaml")


def test_home_is_the_clone_then_the_working_folder_and_a_variable_before_both(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (clone(), home()) == (None, installed)
    (installed.parent / "site-packages" / "pyproject.toml").write_text('[project]\nname = "careless"\n')
    assert clone() is None, "a file that another package left there"
    monkeypatch.setattr(resources, "_ROOT", HOME)
    assert (clone(), home()) == (HOME, HOME)
    monkeypatch.setenv("AVSAL_HOME", "elsewhere")
    assert home() == Path("elsewhere")


@pytest.mark.parametrize("variable", ["AVSAL_HOME", "AVSAL_DATA", "AVSAL_WEIGHTS"])
def test_a_folder_of_the_environment_may_begin_with_a_tilde_or_be_blank(
    installed: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    def place() -> Path | None:
        space = workspace()
        return {"AVSAL_HOME": space.home, "AVSAL_DATA": space.data_root, "AVSAL_WEIGHTS": space.weights}[variable]

    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv(variable, raising=False)
    unset = place()
    monkeypatch.setenv(variable, "  ")
    assert place() == unset
    monkeypatch.setenv(variable, "~/saliency")
    assert place() == Path("/home/me/saliency")
    monkeypatch.setenv(variable, "~nobody_of_this_name/saliency")
    with pytest.raises(ValueError, match=f"{variable}: no home folder for ~nobody_of_this_name/saliency; write"):
        place()


def test_maps_are_looked_for_before_an_embedded_set_is_made(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (installed / "maps").mkdir()
    assert main(["evaluate", "--pred", "maps", "--dataset", "synth"]) == 2
    assert "maps: no png, jpg, npy or film; the folder holds nothing; maps may lie as\n" in capsys.readouterr().err
    assert not (installed / "data").exists()


def test_a_place_in_which_no_set_can_be_made_is_named_with_the_option_for_another(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (installed / "file").write_text("")
    assert main(["synth", "--synth-root", "file"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("avsal synth: cannot make the set synth in the folder file (")
    assert "--synth-root" in said


def test_folders_of_an_installed_package_lie_in_the_working_folder(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AVSAL_DATA", "AVSAL_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    space = workspace()
    places = [space.synth_root, space.runs, space.leaderboard, space.records, space.weights]
    wanted = ["data/synth", "runs", "leaderboard", "leaderboard/records", "weights"]
    assert [path.relative_to(installed).as_posix() for path in places] == wanted
    assert space.recipes == resource("recipes")
    assert list(installed.iterdir()) == []


# every folder is tried before work starts


def test_a_folder_that_is_not_there_yet_is_tried_above_and_not_made(tmp_path: Path) -> None:
    check_writable([tmp_path / "a" / "b"], [tmp_path / "c" / "file.csv"])
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loose").symlink_to(tmp_path / "gone")
    with pytest.raises(OSError, match=r"cannot write to \S+/file \(Not a directory\); see --runs"):
        check_writable([tmp_path / "file"], advice="see --runs")
    with pytest.raises(OSError, match=r"cannot write to \S+/file/runs/x \(\S+/file: Not a directory\); name another"):
        check_writable([tmp_path / "file" / "runs" / "x"])
    with pytest.raises(OSError, match=r"cannot write to \S+/folder \(it is a folder\)"):
        check_writable(files=[tmp_path / "folder"])
    with pytest.raises(OSError, match=r"cannot write to \S+/loose/runs \(\S+/loose: No such file or directory\)"):
        check_writable([tmp_path / "loose" / "runs"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_of_another_user_is_named(tmp_path: Path) -> None:
    (tmp_path / "read").mkdir(mode=0o555)
    with pytest.raises(OSError, match=r"cannot write to \S+/read \(Permission denied\)"):
        check_writable([tmp_path / "read"])


#: Commands whose results lie where a file is in the way, and what is said of it. "X" stands for the file.
BLOCKED = {
    "leaderboard --leaderboard X/board": "see --leaderboard",
    "leaderboard --latex diem --published --out X/table.tex": "name another place",
    "bench centre --leaderboard X/board": "see --runs, --leaderboard",
    "bench centre --runs X/runs": "see --runs, --leaderboard",
    "run centre --fold 1 --leaderboard X/board": "see --runs, --leaderboard",
    "evaluate --pred maps --dataset synth --leaderboard X/board": "see --runs, --leaderboard",
    "protocols --pred maps --dataset synth --csv X/scores.csv": "see --runs, --leaderboard",
    "predict film.mp4 --model centre --out X/maps": "give -o another name",
    "hear record.json --runs X/runs": "see --runs, --leaderboard",
    "pseudo synth --runs X/runs": "see --data-root, --synth-root, --runs",
    "models --csv X/networks.csv": "name another place",
}


@pytest.mark.parametrize("command", BLOCKED)
def test_a_command_tries_its_folders_first(
    command: str,
    synth_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AVSAL_HOME", str(tmp_path))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "synth").symlink_to(synth_root)
    (tmp_path / "maps").mkdir()
    (tmp_path / "X").write_text("")
    assert main(command.split()) == 2
    told = capsys.readouterr().err
    assert "cannot write to X/" in told
    assert BLOCKED[command] in told
    assert len(told.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"data", "maps", "X"}, "nothing was begun"


def test_a_new_leaderboard_is_written_and_says_which_tables_are_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", "--leaderboard", str(tmp_path / "not" / "yet")]) == 0
    assert "note:" not in capsys.readouterr().out
    folder = save(tmp_path / "own", [])
    (folder / "references.bib").write_text("", encoding="utf-8")
    assert main(["leaderboard", "--leaderboard", str(folder)]) == 0
    assert f"note: {folder / 'references.bib'} is used in the place of the one" in capsys.readouterr().out


def test_models_writes_through_no_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "networks.csv").symlink_to(resource("networks.csv"))
    before = resource("networks.csv").read_bytes()
    assert main(["models", "centre", "--csv", str(tmp_path / "networks.csv")]) == 2
    assert "is a link to" in capsys.readouterr().err
    assert (tmp_path / "networks.csv").is_symlink()
    assert resource("networks.csv").read_bytes() == before


def test_expected_scores_of_an_installed_package_are_not_written(
    installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["regress", "chance", "--update", "--reason", "new"]) == 2
    assert "write them in a clone of its repository" in capsys.readouterr().err


# which code it is


def git(folder: Path, *words: str) -> None:
    name = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "-C", str(folder), *name, *words], check=True, capture_output=True)


def test_a_repository_around_the_code_says_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init")
    git(tmp_path, "commit", "--allow-empty", "-m", "mine")
    root = tmp_path / "avsal_bench-0.1.0"
    root.mkdir()
    monkeypatch.setattr(resources, "_ROOT", root)
    (root / "pyproject.toml").write_text('name = "avsal-bench"\n')
    assert provenance.commit_and_clean() == (None, False)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "and this")
    commit, clean = provenance.commit_and_clean()
    assert len(commit or "") == 40
    assert clean
    (root / "pyproject.toml").write_text('name = "avsal-bench"\n# mended\n')
    assert provenance.commit_and_clean() == (commit, False)


def test_a_package_that_was_installed_from_a_repository_knows_its_commit(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        files = ()

        def read_text(self, name: str) -> str | None:
            known = {"direct_url.json": '{"url": "https://x.org/a", "vcs_info": {"vcs": "git", "commit_id": "abc"}}'}
            return known.get(name)

    monkeypatch.setattr(provenance, "distribution", lambda name: Installed())
    assert provenance.commit_and_clean() == ("abc", False), "without a list of its files nobody can say"


@pytest.mark.parametrize(
    ("changed", "clean"), [(None, True), ("new.pyc", True), ("a.pyc", True), ("a.py", False), ("new.py", False)]
)
def test_an_installed_package_is_clean_while_its_sources_are_those_that_were_installed(
    changed: str | None, clean: bool, installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / "site-packages"
    package, record = place / "avsal_bench", ""
    package.mkdir()
    for name in ("a.py", "a.pyc"):
        (package / name).write_text(name)
        record += f"avsal_bench/{name},sha256={provenance._record_digest(package / name)},4\n"
    (place / "avsal_bench-0.1.0.dist-info").mkdir()
    (place / "avsal_bench-0.1.0.dist-info" / "RECORD").write_text(record)
    monkeypatch.setattr(provenance, "PACKAGE", package)
    monkeypatch.setattr(provenance, "distribution", lambda name: Distribution.at(place / "avsal_bench-0.1.0.dist-info"))
    if changed is not None:
        (package / changed).write_text("other")
    assert provenance.commit_and_clean() == (None, clean)


# what a package index shows


def test_links_of_the_readme_lead_somewhere_from_anywhere() -> None:
    as_index_page = runpy.run_path(str(HOME / "setup.py"))["as_index_page"]
    assert as_index_page("[a](docs/a.md#b) ![b](docs/b.png) [c](https://x.org) [d](#e)", "https://y.org/z") == (
        "[a](https://y.org/z/blob/HEAD/docs/a.md#b) ![b](https://y.org/z/raw/HEAD/docs/b.png) "
        "[c](https://x.org) [d](#e)"
    )
    assert as_index_page("[a](docs/a.md) ![b](docs/b.png) [c](https://x.org)", "") == "a  [c](https://x.org)"


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({"GITHUB_REPOSITORY": "lab/avsal"}, "https://github.com/lab/avsal"),
        (
            {"GITHUB_REPOSITORY": "lab/avsal", "GITHUB_SERVER_URL": "https://git.lab.org"},
            "https://git.lab.org/lab/avsal",
        ),
        ({"remote": "git@git.lab.org:a/b.git"}, "https://git.lab.org/a/b"),
        ({"remote": "https://git.lab.org/a/b"}, "https://git.lab.org/a/b"),
        ({"remote": "/srv/a/b.git"}, ""),
        ({}, ""),
    ],
)
def test_the_address_of_the_project_is_that_of_its_checkout(
    variables: dict[str, str], address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_REPOSITORY", "GITHUB_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)
    made = runpy.run_path(str(HOME / "setup.py"))
    made["repository"].__globals__["HERE"] = tmp_path
    if remote := variables.pop("remote", ""):
        git(tmp_path, "init")
        git(tmp_path, "remote", "add", "origin", remote)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert made["repository"]() == address
    (tmp_path / "PKG-INFO").write_text(f"Name: avsal-bench\nProject-URL: Source, {address}\n" if address else "")
    for name in variables:
        monkeypatch.delenv(name)
    assert made["repository"]() == address, "a source distribution keeps it"


def test_the_version_is_said_by_package_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"avsal {avsal_bench.__version__}\n"
