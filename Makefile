# Every target creates .venv if it is missing and updates it if its requirements changed; it never deletes one.
# To create it with another interpreter: make repro PYTHON=python3.13

PYTHON ?= python3
READY := .venv/.ready
SUPPORTED := import sys; (3, 11) <= sys.version_info < (3, 14) or \
	sys.exit("$(PYTHON) is Python %d.%d; atelier needs 3.11, 3.12 or 3.13 (PYTHON=...)" % sys.version_info[:2])
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY ?= true

.DEFAULT_GOAL := help
.PHONY: help doctor repro test browser pipeline lint ablations methods ui lock

help: ## List the targets, each in one sentence.
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

doctor: ## Say what this machine lacks and how to get it.
	@$(PYTHON) scripts/doctor.py

repro: mlflow.db ## Run the stages whose inputs changed and print the result.
	dvc repro
	@echo
	@atelier results

# PASSIVE: several processes share the cores, so threads that wait for one another must not spin.
test: $(READY) lint ## Run lint and all tests, which takes several minutes.
	@test -n "$(AS_ROOT)" || $(MAKE) --no-print-directory browser
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Best effort: without Chromium, pytest skips the tests that need a browser and reports them as skipped.
browser: ## Install Debian's Chromium for the browser tests if there is none.
	@command -v chromium || command -v chromium-browser || \
	{ $(AS_ROOT) apt-get -q update && $(AS_ROOT) apt-get -qy install --no-install-recommends chromium; } || \
	echo "no Chromium found, and apt-get could not install it: the browser tests will be skipped" >&2

pipeline: mlflow.db ## Run another pipeline, such as DIR=studies/losses.
	@test -f "$(DIR)/dvc.yaml" || { echo "make pipeline needs DIR=FOLDER with a dvc.yaml, such as DIR=studies/losses" >&2; exit 2; }
	@! dvc check-ignore --quiet "$(DIR)/dvc.yaml" || echo '!dvc.yaml' > "$(DIR)/.dvcignore"
	dvc repro "$(DIR)/dvc.yaml"

lint: $(READY) ## Check the style and format of all Python files.
	ruff check
	ruff format --check

ablations: mlflow.db ## Run the paper's configurations A to D and tabulate them.
	atelier ablations

methods: mlflow.db ## Run selective, full and LoRA fine-tuning and tabulate them.
	atelier methods

ui: mlflow.db ## Serve the MLflow UI at http://127.0.0.1:5000.
	mlflow ui --backend-store-uri $${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}

# Needs uv. Versions stay as they are unless pyproject.toml excludes them; for newer ones, delete the locks first.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	--custom-compile-command 'make lock'

lock: ## Renew both lock files after a change of pyproject.toml.
	$(COMPILE) --extra dev --output-file requirements.lock pyproject.toml
	$(COMPILE) --constraint requirements.lock --group build --output-file build.lock

# The stamp file is newer than its prerequisites, so a second make skips the set-up.
# --no-deps: the locks name everything, with hashes; what is built from source is built with what build.lock names.
COUNT = $(shell grep -c "==" $(1))
PIP := .venv/bin/pip --disable-pip-version-check install --no-deps
$(READY): pyproject.toml requirements.lock build.lock
	@test -x .venv/bin/pip || $(PYTHON) -c '$(SUPPORTED)'
	@echo "Set-up of .venv: 7 GB on disk, of which 5 GB are torch, NVIDIA's libraries and triton. pip shows each download and its size."
	@test -x .venv/bin/pip || { echo "Step 1 of 4: create .venv with $(PYTHON)."; $(PYTHON) -m venv .venv; }
	@echo "Step 2 of 4: $(call COUNT,build.lock) build tools (build.lock), a few MB."
	@$(PIP) --require-hashes --requirement build.lock
	@echo "Step 3 of 4: at most $(call COUNT,requirements.lock) packages (requirements.lock), several GB."
	@$(PIP) --require-hashes --no-build-isolation --requirement requirements.lock
	@echo "Step 4 of 4: atelier itself, from this folder."
	@$(PIP) --no-build-isolation --editable .
	@touch $@

# Create the store, or upgrade its schema, once: several processes that did so at the same time would collide.
mlflow.db: $(READY)
	@echo "Create or upgrade the MLflow store (mlflow.db)."
	@mlflow db upgrade sqlite:///mlflow.db
	@touch $@
