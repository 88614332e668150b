# yaoan: set up, run, test, check.  PYTHON names the interpreter that makes .venv.

PYTHON ?= python3
SCENARIO ?= drills/late-report.yaml
VENV := .venv
PY := $(VENV)/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PACKAGES := domain workflows activities store api embedded commands bench
SOURCES := $(wildcard $(PACKAGES) tests worker.py cli.py settings.py)

.PHONY: help setup run test check drill bench format clauses lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.project node_modules/.assets ## prepare .venv and the assets

run: setup ## run the whole stack here (ARGS="--data DIR --api-port N …")
	@exec $(VENV)/bin/yaoan up $(ARGS)

test: setup ## run every test on a real PostgreSQL and a real Temporal server (ARGS="-k name …")
	$(PY) -m pytest $(ARGS)

check: setup ## formatting, lint, strict types, direction of imports
	$(VENV)/bin/ruff format --check $(SOURCES)
	$(VENV)/bin/ruff check $(SOURCES)
	$(VENV)/bin/mypy $(SOURCES)
	$(VENV)/bin/lint-imports --no-cache

drill: setup ## play a drill by its script, on servers of its own (SCENARIO=drills/….yaml ARGS="--papers DIR")
	@exec $(VENV)/bin/yaoan drill run $(SCENARIO) $(ARGS)

bench: setup ## figures, each beside a baseline of the same run
	@$(PY) -m bench

format: setup ## format and repair what can be repaired
	$(VENV)/bin/ruff check --fix $(SOURCES)
	$(VENV)/bin/ruff format $(SOURCES)

clauses: setup ## the matrix of the plan's clauses and the tests that show them
	$(PY) -m tests.clauses

lock: setup ## resolve requirements.lock and package-lock.json anew
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
		--group dev --output-file requirements.lock --upgrade pyproject.toml
	npm update --package-lock-only --ignore-scripts

clean: ## remove .venv and the assets; the data folder stays
	rm -rf $(VENV) node_modules build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# --- what setup is made of; each stamp is newer than what it was made from ---

$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
		echo "$(PYTHON) was not found: install Python 3.11 or newer, or name it with PYTHON=…" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) -V 2>&1) is too old: yaoan needs Python 3.11 or newer; name it with PYTHON=…" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment: install its venv package (Debian: python3-venv)" >&2; exit 2; }
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# The lock names every package with its hashes, so nothing is left for pip to resolve.
$(VENV)/.locked: requirements.lock $(VENV)/.python
	@echo 'installing the locked packages into $(VENV) …'
	@$(PY) -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	@touch $@

$(VENV)/.project: pyproject.toml $(VENV)/.locked
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

node_modules/.assets: package.json package-lock.json .npmrc
	@command -v node >/dev/null 2>&1 || { \
		echo "node was not found: install Node.js 20 or newer with npm" >&2; exit 2; }
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { \
		echo "Node.js $$(node -v) is too old: yaoan needs version 20 or newer" >&2; exit 2; }
	@command -v npm >/dev/null 2>&1 || { \
		echo "npm was not found: install the npm that belongs to Node.js" >&2; exit 2; }
	@npm ci --silent --no-audit --no-fund --ignore-scripts
	@touch $@
