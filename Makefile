# vregion's daily commands. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
ARGS ?=
PACKAGES := postgresql
LOCK := $(BIN)/uv pip compile --quiet --no-header --no-emit-index-url --no-annotate --python-version 3.11

.DEFAULT_GOAL := help
.PHONY: help demo check lint fast test lab clients packets conformance bench lock clean system

help:  ## this list
	@awk -F':.*## ' '/^[a-z0-9]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet -r requirements.lock
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps -e .
	touch $@

.clients/ready: tests/e2e/clients.lock $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .clients
	VIRTUAL_ENV=.clients $(BIN)/uv pip install --quiet -r tests/e2e/clients.lock
	touch $@

demo: $(READY)  ## a tenant over two zones in memory, with a real Keystone (ARGS=--once: end after showing)
	@$(BIN)/vregion demo $(ARGS)

lint: $(READY)  ## ruff, mypy and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fast: $(READY) system  ## every test that needs no lab, on SQLite and PostgreSQL
	$(BIN)/python -m pytest -n 2 -m "not lab" $(ARGS)

check: lint fast  ## what a change must pass; minutes

system:
	@missing=$$(dpkg-query -W -f='$${db:Status-Status} $${Package}\n' $(PACKAGES) 2>/dev/null | grep -c '^installed' || true); \
	if [ "$$missing" -lt $(words $(PACKAGES)) ]; then \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES) >/dev/null; \
	  else echo "missing Debian packages: $(PACKAGES) (install them, or run as root)" >&2; exit 1; fi; fi

lab: $(READY)  ## two real OpenStack regions on this machine (root)
	$(BIN)/python -m lab install
	$(BIN)/python -m lab up 2

test: check  ## check, then on two real regions: the contract suite, the stories, end to end
	tests/lab.sh

clients: lab  ## what Ansible and Rally make of vregion over the lab
	VREGION_LAB_CLOUDS=$${LAB_STATE:-/var/tmp/lab}/clouds.yaml $(BIN)/python -m pytest -m clients -s tests/e2e

packets: $(READY)  ## task graphs, trunks, limits and a dead zone, with packets on a lab with switches (root)
	$(BIN)/python -m lab install --net
	$(BIN)/python -m lab up 2 --net
	VREGION_LAB_CLOUDS=$${LAB_STATE:-/var/tmp/lab}/clouds.yaml $(BIN)/python -m pytest -m lab -s tests/e2e/test_graphs.py tests/e2e/test_trunks.py

conformance: $(READY)  ## Tempest's required list through vregion, and on a bare region as the baseline (hours)
	$(BIN)/python -m tests.conformance $(ARGS)

bench: $(READY)  ## the figures of docs/explanation/figures.md, measured again beside a bare region
	$(BIN)/python -m bench $(ARGS)

lock: $(READY)  ## resolve requirements.lock, and that of the clients in the tests, anew
	$(LOCK) --all-extras pyproject.toml -o requirements.lock
	$(LOCK) tests/e2e/clients.in -o tests/e2e/clients.lock

clean:  ## remove what make made
	rm -rf .venv .clients build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
