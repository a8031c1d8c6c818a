# Every target makes its own .venv if there is none; an existing one is brought up to date, never deleted.
# Another interpreter for a new .venv: make repro PYTHON=python3.13

PYTHON ?= python3
READY := .venv/.ready
SUPPORTED := import sys; (3, 11) <= sys.version_info < (3, 14) or \
	sys.exit("$(PYTHON) is Python %d.%d; atelier needs 3.11, 3.12 or 3.13 (PYTHON=...)" % sys.version_info[:2])
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY ?= true

.DEFAULT_GOAL := help
.PHONY: help repro test browser lint ablations methods ui

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

repro: mlflow.db ## run the study: all six stages, or what has changed of them
	dvc repro

test: $(READY) lint ## lint and the whole test suite (as root, in a container say, with Chromium: see browser)
	@test -n "$(AS_ROOT)" || $(MAKE) --no-print-directory browser
	OMP_NUM_THREADS=1 pytest --numprocesses logical --maxprocesses 4 --dist loadfile

# Best effort: without a Chromium the tests of pages in a browser are skipped, and say so.
browser: ## Debian's Chromium for the tests of pages, if there is none
	@command -v chromium || command -v chromium-browser || \
	{ $(AS_ROOT) apt-get -q update && $(AS_ROOT) apt-get -qy install --no-install-recommends chromium; } || \
	echo "no Chromium here, and apt-get could not install one: tests of pages in a browser will be skipped" >&2

lint: $(READY) ## style and format of every Python file
	ruff check
	ruff format --check

ablations: mlflow.db ## queue, run and tabulate the paper's configurations A to D
	bash scripts/ablations.sh

methods: mlflow.db ## run and tabulate selective, full and LoRA fine-tuning
	bash scripts/methods.sh

ui: mlflow.db ## MLflow's pages at http://127.0.0.1:5000
	mlflow ui --backend-store-uri $${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}

# The stamp is newer than what it was made from: a second make does no set-up.
$(READY): pyproject.toml constraints.txt
	@test -x .venv/bin/pip || $(PYTHON) -c '$(SUPPORTED)'
	test -x .venv/bin/pip || $(PYTHON) -m venv .venv
	.venv/bin/pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# The store is made (or taken to mlflow's present schema) here, once: several cold writers at a time would collide.
mlflow.db: $(READY)
	mlflow db upgrade sqlite:///mlflow.db
	touch $@
