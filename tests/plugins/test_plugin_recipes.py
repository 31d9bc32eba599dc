# ruff: noqa: F811 - fixtures are imported, and named by tests
"""Where the recipe of a network is found: beside its plug-in, in ./recipes, in the package."""

import subprocess
import sys

import pytest
from conftest import HOME
from plugin_fixtures import forgotten, write  # noqa: F401
from test_plugin_loading import NET

from avsal_bench.bench.plan import make_plan
from avsal_bench.plugins import use_plugins
from avsal_bench.resources import resource
from avsal_bench.training.recipe_folder import recipe_folder

RECIPE = "{test: [synth], presets: {smoke: {}}}\n"


@pytest.mark.parametrize("place", ["own_net.yaml", "recipes/own_net.yaml"])
def test_beside_a_file_it_is_found_first(write, monkeypatch, tmp_path, place):
    use_plugins([str(write("plug/plug_q.py", NET.format(name="own_net")))])
    monkeypatch.chdir(tmp_path)
    write("recipes/own_net.yaml", RECIPE)
    assert recipe_folder("own_net") == tmp_path / "recipes"
    beside = write(f"plug/{place}", RECIPE)
    assert recipe_folder("own_net") == beside.parent


def test_of_a_package_also_the_folders_around_the_file_count(write):
    write("pack_r/__init__.py", "from pack_r.nets import one\n")
    write("pack_r/nets/__init__.py", "")
    write("pack_r/nets/one.py", NET.format(name="own_net"))
    recipe = write("pack_r/recipes/own_net.yaml", RECIPE)
    use_plugins([str(recipe.parents[1])])
    assert recipe_folder("own_net") == recipe.parent


def test_the_working_folder_comes_before_the_package(write, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert recipe_folder("vinet") == resource("recipes")
    write("recipes/vinet.yaml", RECIPE)
    assert recipe_folder("vinet") == tmp_path / "recipes"


def test_one_that_is_nowhere_says_where_it_was_looked_for(write, monkeypatch, tmp_path, space):
    use_plugins([str(write("plug/plug_s.py", NET.format(name="own_net")))])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as told:
        make_plan(space, ["own_net"], "smoke", "stavis")
    said = str(told.value)
    places = (tmp_path / "plug", tmp_path / "plug/recipes", tmp_path / "recipes", resource("recipes"))
    assert said.startswith(f"no recipe own_net.yaml in {', '.join(map(str, places))}; ")
    assert "recipes for aclnet, " in said
    assert "--plugin" in said


def test_the_plan_of_a_plugin_needs_no_word_of_the_package(write, space):
    use_plugins([str(HOME / "examples" / "my_network" / "my_network.py")])
    jobs = make_plan(space, ["my_network"], "smoke", "stavis")
    assert [job.name for job in jobs if job.modality] == ["my_network_v-fold1-seed0", "my_network_av-fold1-seed0"]


@pytest.mark.slow
def test_the_example_passes_its_own_test_to_a_row_of_the_leaderboard(tmp_path):
    """Through the local launcher: the jobs are processes of their own, which read in others."""
    test = HOME / "examples" / "my_network" / "test_my_network.py"
    command = [sys.executable, "-m", "pytest", "-q", str(test), "-m", "", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, f"--basetemp={tmp_path / 'own'}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_the_examples_take_public_names_only():
    for path in (HOME / "examples").rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("from avsal_bench") and not path.name.startswith("test_"):
                module = line.split()[1]
                names = [name.strip() for name in line.partition("import ")[2].split(",")]
                exported = sys.modules.get(module) or __import__(module, fromlist=["x"])
                public = getattr(exported, "__all__", None)
                assert public is None or set(names) <= set(public), f"{path.name}: {line}"
                assert all(hasattr(exported, name) for name in names)
