# Two commands do everything on a fresh machine: `make bench MODEL=avrsp` and `make test`.
PYTHON ?= python3
MODEL ?= avrsp
# Motion encoder of a network that has several, such as MODEL=mspi ENCODER=videoswin_s
ENCODER ?=
# Published table of `make ablation`; by default their list
NAME ?= list
# More options of `avsal bench`, such as ARGS="--folds 1,2,3 --preset paper"
ARGS ?=
# Files of benchmarks/expected that `make regress` compares with; by default the quick ones and that of avrsp
NAMES ?=
# Of `make constraints`: UPGRADE=--upgrade for the newest of everything, UPGRADE="--upgrade-package numpy" for one
UPGRADE ?=
BIN := .venv/bin
READY := .venv/.ready
# Compiled once and kept: else every process, of hundreds in the tests, compiles the package anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup constraints bench ablation evaluate speed test test-slow test-oldest test-newest test-cluster test-browser lint format docs leaderboard models regress clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo '  Options: MODEL=avrsp, ENCODER=s3d (of mspi), ARGS="--folds 1,2,3 --preset paper", AVSAL_DATA=<folder of the real data sets>'

setup: $(READY) ## Make .venv with everything in it, in the versions of constraints.txt, once

# Compiled once here: an import of torch and lightning from source costs every process ten seconds.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@touch $@

# No version moves without UPGRADE. One file holds for every Python and platform; it has no hashes, as labs have mirrors.
constraints: $(READY) ## Work out constraints.txt anew after a change of pyproject.toml; UPGRADE=--upgrade for newer versions
	$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --universal --python-version 3.10 --no-annotate \
		--custom-compile-command 'make constraints' $(UPGRADE) --output-file constraints.txt

bench: $(READY) ## Train and test MODEL (default avrsp), and put it on the leaderboard
	$(BIN)/avsal bench $(MODEL) $(if $(ENCODER),--set network.encoder=$(ENCODER)) $(ARGS)

ablation: $(READY) ## Run the rows of a published table, NAME=caspnet-table2, and print ours beside the paper's
	$(BIN)/avsal bench --ablation $(NAME) $(ARGS)

evaluate: $(READY) ## Score the maps in PRED=<folder>, made by any code: DATASET=AVAD, ARGS="--fold 1 --name mine"
	$(BIN)/avsal evaluate --pred $(PRED) --dataset $(DATASET) $(ARGS)

speed: $(READY) ## Time the metrics, the scoring of maps, the reading of clips, and a film through STAViS beside a plain script
	$(BIN)/python benchmarks/speed/metrics.py --plain --dtype float32
	$(BIN)/python benchmarks/speed/evaluate.py
	$(BIN)/python benchmarks/speed/loader.py
	$(BIN)/python benchmarks/speed/film.py --networks stavis_av

test: $(READY) ## Run the tests in two processes, but for the slow ones
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(READY) ## Run the slow tests in two processes, and alone those that compare seconds
	$(BIN)/python -m pytest -m 'slow and not timed' -n 2 --dist worksteal
	$(BIN)/python -m pytest -m 'slow and timed'

test-oldest: .venv-oldest/.ready ## Run the fast tests on the oldest versions of pyproject.toml; PYTHON=python3.10
	.venv-oldest/bin/python -m pytest -n 2 --dist loadfile

test-newest: .venv-newest/.ready ## Run the fast tests on the newest versions of pyproject.toml; PYTHON=python3.14
	.venv-newest/bin/python -m pytest -n 2 --dist loadfile

.venv-oldest/.ready: WHICH := lowest-direct
.venv-newest/.ready: WHICH := highest
.venv-oldest/.ready .venv-newest/.ready: pyproject.toml
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet uv
	$(@D)/bin/uv pip install --quiet --upgrade --resolution $(WHICH) --python $(@D)/bin/python --editable '.[dev]'
	@touch $@

test-cluster: $(READY) ## Run a grid on a SLURM of its own; needs root and slurm-wlm
	$(BIN)/python -m pytest -m cluster

test-browser: $(READY) ## Look at the leaderboard page in headless Chromium and Firefox, those that are installed
	$(BIN)/python -m pytest -m browser

lint: $(READY) ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## Bring the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## Build the documentation site into site/; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

leaderboard: $(READY) ## Generate leaderboard/README.md, leaderboard.csv and index.html from the records
	$(BIN)/avsal leaderboard

models: $(READY) ## Count and draw all networks: docs/zoo.md, docs/networks/, and networks.csv and cards.json in avsal_bench/resources
	$(BIN)/avsal models --recount --write docs/zoo.md --csv avsal_bench/resources/networks.csv --figures docs/networks
	$(BIN)/avsal models --cards avsal_bench/resources/cards.json > /dev/null

regress: $(READY) ## Rerun small benchmarks and compare every score with benchmarks/expected; NAMES="vinet" for others
	$(BIN)/avsal regress $(NAMES)

clean: ## Remove environment, embedded data, runs and caches; records stay
	rm -rf .venv .venv-oldest .venv-newest site data runs .pytest_cache .mypy_cache .ruff_cache *.egg-info
