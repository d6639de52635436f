PYTHON ?= python3
PORT ?= 8000
SKIN ?= admin

BIN := .venv/bin
# Under Unfold: what it draws. What scripts and forms do is the same code in both skins: `make test-all`
# runs all of tests/admin, tests/browser and tests/unfold under either, in development mode.
DRAWN := axe back history key_acts keyboard languages likeness newcomer pages policy purge sessions unfold
SKINNED := $(DRAWN:%=tests/browser/test_%.py) tests/unfold tests/admin/test_controls.py tests/admin/test_failures.py
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-all check format docs bench bench-browser dist clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/demo.installed ## Serve the admin over seeded caches (PORT=8000, SKIN=unfold for the other skin)
	@SKIN=$(SKIN) $(BIN)/python -m demo $(PORT)

test: .venv/test.installed ## Run the tests, in both skins, and Django's own cache tests on this Python
	@PYTHON=$(BIN)/python .ci/programs redis-server memcached postgresql mariadb-server chromium
	@.ci/valkey9
	PYTHONDEVMODE=1 PYTHONMALLOC=pymalloc .ci/tests $(BIN)/pytest -m "not slow"
	SKIN=unfold .ci/tests $(BIN)/pytest -m "not slow" $(SKINNED)
	$(BIN)/python -m tests.django_suite.run

test-all: ## Run all tests, the slow ones too, on every supported Python and Django found
	@.ci/matrix

check: .venv/test.installed .venv/check.installed .venv/docs.installed ## Check style, types, layers, templates and docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	find src demo -name '*.html' | xargs -r $(BIN)/djade --check --target-version 5.2
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_build/html

format: .venv/check.installed ## Format the code and the templates
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	find src demo -name '*.html' | xargs -r $(BIN)/djade --target-version 5.2 || true # 1: it formatted

docs: .venv/docs.installed ## Build the documentation into docs/_build/html
	$(BIN)/sphinx-build --fail-on-warning --keep-going docs docs/_build/html

bench: .venv/test.installed .venv/bench.installed ## Measure what the documentation claims
	$(BIN)/python -m benchmarks

bench-browser: .venv/test.installed .venv/bench.installed ## Measure the key browser at ten million keys, in Chromium (2 GB)
	$(BIN)/python -m benchmarks browser

dist: .venv/dist.installed ## Build the source distribution and the wheel into dist/
	$(BIN)/python -m build

clean: ## Remove environments, builds, caches and the demo's state
	rm -rf .venv .venvs build dist docs/_build demo/.state .coverage*
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# An environment is its folder and a stamp for each dependency group of pyproject.toml in it.

.venv/pip.installed:
	@.ci/programs python3-venv
	@echo "Creating .venv with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	@touch $@

.venv/%.installed: pyproject.toml | .venv/pip.installed
	@echo "Installing what $* needs …"
	@$(BIN)/pip install --quiet --editable . --group $*
	@touch $@
