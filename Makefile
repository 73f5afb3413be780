# Everything sets up what it needs by itself. The virtual environment is made once and again when the lock file changes;
# the test bed is built from Go modules into a cache outside the checkout (see tests/controlplane/README.md).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
LOCK   := requirements/dev.txt
DIST   ?= dist
# Test files run side by side, each lane with a test bed of its own (2 GB of memory).
LANES  ?= 2

PACKAGE_VENV := .venv-package
PACKAGE_LOCK := requirements/package.txt

.PHONY: help test faults demo picture bench lint unit package krew-manifest lock clean
.DEFAULT_GOAL := help

help: ## Show this list.
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: $(LOCK) pyproject.toml
	@echo "setting up the virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed, set PYTHON")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

test: lint ## Check the code, then run all tests: unit, store, cluster, mesh.
	$(BIN)/python -m tests.browser
	$(BIN)/python -m tests.controlplane build
	$(BIN)/python -m pytest --numprocesses $(LANES) --dist loadscope --no-loadscope-reorder

lint: $(VENV)/.ready ## Check style, types (also as on Windows, where archives are made, too) and layers.
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 --package kubectl_istio_upgrade --package release
	$(BIN)/lint-imports

unit: $(VENV)/.ready ## Run the tests that need no cluster and no browser.
	$(BIN)/python -m pytest -m "not cluster and not mesh and not browser and not package"

faults: $(VENV)/.ready ## Kill and spoil operations at every point; print a table.
	@$(BIN)/python -m tests.faults

demo: $(VENV)/.ready ## Upgrade a real Istio on a throwaway API server, and take it back.
	@$(BIN)/python -m tests.demo

picture: $(VENV)/.ready ## Draw the README's picture anew, from a real run.
	@$(BIN)/python -m tests.demo.picture docs/rollback.svg

bench: $(VENV)/.ready ## Measure against kubectl on a mesh of 10,000 objects; also into dist/bench.json.
	@mkdir -p "$(DIST)"
	@$(BIN)/python -m tests.bench --json "$(DIST)/bench.json"

$(PACKAGE_VENV)/.ready: $(PACKAGE_LOCK)
	@echo "setting up the virtual environment in $(PACKAGE_VENV)" >&2
	@test -x $(PACKAGE_VENV)/bin/python || $(PYTHON) -m venv $(PACKAGE_VENV)
	@$(PACKAGE_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $(PACKAGE_LOCK)
	@touch $@

package: $(PACKAGE_VENV)/.ready ## Build this platform's archive into dist/, and try it.
	@$(PACKAGE_VENV)/bin/python -m release.build --dist "$(DIST)"
	@$(PACKAGE_VENV)/bin/python -m release.smoke --dist "$(DIST)"

krew-manifest: $(PACKAGE_VENV)/.ready ## Fill krew's manifest in from the archives in dist/.
	@$(PACKAGE_VENV)/bin/python -m release.manifest --dist "$(DIST)"

lock: ## Pin the dependencies of the tests and of the package anew.
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe \
	  --extra dev --output-file $(LOCK) pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url --no-emit-find-links --allow-unsafe \
	  --constraint $(LOCK) --extra package --output-file $(PACKAGE_LOCK) pyproject.toml

clean: ## Remove what the targets above made in this folder.
	rm -rf $(VENV) $(PACKAGE_VENV) dist build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
