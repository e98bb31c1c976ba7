# `make help` lists what there is.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCHMARKS := startup lbp_speed faces_speed predict_speed weight_search

# Versions come from the lock, also those of the build backend (its variable's name is pip's newer).
export PIP_CONSTRAINT := requirements.lock
export PIP_BUILD_CONSTRAINT := requirements.lock
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
BUNDLE ?= default
.PHONY: help demo test lint bench accuracy replicate lock clean

help: ## say what there is (default)
	@echo 'emotiw: make TARGET, where TARGET is'
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 12

demo: $(VENV)/core.stamp ## install what prediction needs and try it on two photos; pictures land in demo/
	$(BIN)/emotiw predict examples/photos --draw demo

test: $(VENV)/dev.stamp ## install everything (torch too: about 5 GB) and run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: $(VENV)/dev.stamp ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/dev.stamp ## measure speed, each against its yardstick, and robustness on 200 faces
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py; done
	@echo "== robustness"; $(BIN)/python benchmarks/robustness.py $(BUNDLE) ferplus --limit 200

accuracy: $(VENV)/dev.stamp ## measure BUNDLE anew on all validation faces into docs/accuracy.md
	$(BIN)/python benchmarks/accuracy.py --bundle $(BUNDLE)

replicate: $(VENV)/dev.stamp ## test the papers' claims on a contest-sized set into docs/replication.md
	$(BIN)/python benchmarks/replication.py

lock: $(BIN)/python ## find the newest versions that fit together and write requirements.lock
	env -u PIP_CONSTRAINT -u PIP_BUILD_CONSTRAINT $(BIN)/python scripts/lock.py

clean: ## remove .venv and what the tools left (never work/ or data/)
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find emotiw_cli tests benchmarks examples scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are as new as what was installed: after a change of the project file or the lock
# the next target installs again. A .venv made by hand is taken as it is and completed.

$(VENV)/core.stamp: pyproject.toml requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[train,dev]'
	@touch $@ $(VENV)/core.stamp

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'emotiw needs Python 3.11 or newer; name one: make PYTHON=python3.12 …'; exit 1; }
	$(PYTHON) -m venv $(VENV)
