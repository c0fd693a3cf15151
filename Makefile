# Everything a newcomer needs: `make run` and `make test`. `make help` lists the rest.
PORT ?= 8080
HUB_DATA ?= .hub
MINUTES ?= 60
DAYS ?= 2000
SEED ?= 1
CONVERSATIONS ?= 1000000
INTERACTIONS ?= 3000000
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Tests wait more than they compute. A file's tests stay in one process, in order; those of many small tests come last, so
# that no long file is left alone at the end.
TEST_ARGS ?= --numprocesses 2 --dist loadfile --no-loadscope-reorder
UI_SOURCES := $(shell find hub/ui -type f -not -path '*/node_modules/*' -not -path '*/dist/*')
export HUB_DATA

.DEFAULT_GOAL := help
.PHONY: help install run test everyday check lint types imports ui-check api bench bench-small bench-full soak days release lock clean

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "Python 3.11, 3.12 or 3.13 is needed; name it: make PYTHON=python3.12 run"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml requirements.lock hatch_build.py $(UI_SOURCES) | $(BIN)/python
	$(PIP) install --quiet --require-hashes --requirement requirements.lock
	$(PIP) install --quiet --no-deps --editable .
	touch $@

# What the build itself needs is in the lock, too, so nothing comes without its hash.
$(VENV)/.dev: pyproject.toml requirements-dev.lock hatch_build.py $(UI_SOURCES) | $(BIN)/python
	$(PIP) install --quiet --require-hashes --requirement requirements-dev.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	touch $(VENV)/.run $@

install: $(VENV)/.run ## install into .venv, the browser faces built

run: $(VENV)/.run ## the whole hub with demonstration customers (PORT=8080 HUB_DATA=.hub)
	@exec $(BIN)/hub up --demo --port $(PORT)

test: $(VENV)/.dev ## every test, on real servers (TEST_ARGS="-k intake" for some)
	$(BIN)/python -m pytest $(TEST_ARGS)

everyday: $(VENV)/.dev ## the tests beside a change: no browser, nothing that takes long, minutes instead of half an hour
	$(BIN)/python -m pytest -m "not slow" $(TEST_ARGS) tests/unit tests/integration

check: lint types imports ui-check test ## what must be green before a change lands

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.lock --check

types: $(VENV)/.dev
	$(BIN)/basedpyright
	$(BIN)/basedpyright --project tests

imports: $(VENV)/.dev
	$(BIN)/lint-imports

ui-check: $(VENV)/.dev ## the faces: types, rules (no import cycles), and the tests beside the sources
	$(BIN)/python -c 'import hatch_build, pathlib; hatch_build.check_faces(pathlib.Path.cwd())'

api: $(VENV)/.dev ## write docs/openapi.json, the browser's types, the pages of events and of the data model anew
	$(BIN)/hub openapi docs/openapi.json
	$(BIN)/python -c 'import hatch_build, pathlib; hatch_build.write_api(pathlib.Path.cwd())'
	$(BIN)/python -m tools.event_catalogue
	$(BIN)/python -m tools.data_model

bench: $(VENV)/.dev ## the benchmark table: ratios within one run
	$(BIN)/python -m tests.bench

bench-small: $(VENV)/.dev ## every benchmark at a size that measures nothing: whether each still runs
	BENCH_SIZE=small $(BIN)/python -m tests.bench

bench-full: $(VENV)/.dev ## what desks ask of a hub with ten years in it (CONVERSATIONS=1000000 INTERACTIONS=3000000)
	$(BIN)/python -m tests.bench.full --conversations $(CONVERSATIONS) --interactions $(INTERACTIONS)

soak: $(VENV)/.dev ## all channels under load while everything goes wrong, then the count (MINUTES=60 SEED=1)
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --seed $(SEED)

days: $(VENV)/.dev ## any days of work at the desk, the rules checked after each step (DAYS=2000)
	HUB_DAYS=$(DAYS) $(BIN)/python -m pytest -n 0 --timeout 0 tests/integration/conversations/test_any_day.py

release: $(VENV)/.dev ## make the working tree a release: VERSION=0.3.0; AGAIN=1: the last one anew, before anybody has it
	$(BIN)/python -m tools.release $(VERSION) $(if $(AGAIN),--again)
	$(MAKE) api

lock: $(BIN)/python ## write the newest versions that fit, with their hashes, to requirements.lock and requirements-dev.lock
	$(PIP) install --quiet "uv>=0.9"
	$(BIN)/python -m tools.lock

clean: ## remove what was built, not the data
	rm -rf $(VENV) dist build hub/_ui hub/ui/node_modules .pytest_cache .ruff_cache
