# Each target makes what it needs: a virtual environment and pinned packages.

BACKEND ?= torch
BACKENDS ?= torch jax tensorflow
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Python compiles a module when it is first imported, which few of them are.
PIP := $(BIN)/pip install --quiet --no-compile --disable-pip-version-check \
	-c constraints.txt

export TF_CPP_MIN_LOG_LEVEL ?= 3
# A framework that is compiled anew takes a process fifteen seconds; what has
# been compiled is kept with the packages, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/$(VENV)/pycache

.PHONY: demo test test-distributed test-exports test-hardening test-gpu lint benchmarks \
	docs docs-serve tutorials-fast clean

# Stops make before it installs anything for a backend that there is not.
known = $(if $(strip \
	$(filter-out torch jax tensorflow,$(or $($(1)),none)) $(2)),$(error \
	$(1) must be torch, jax or tensorflow. Received: $(1)=$($(1))))
GOALS := $(or $(MAKECMDGOALS),demo)
$(if $(filter demo,$(GOALS)),$(call known,BACKEND,$(word 2,$(BACKEND))))
$(if $(filter test test-% tutorials-fast,$(GOALS)),$(call known,BACKENDS))

demo: $(VENV)/.demo-$(BACKEND)
	KERAS_BACKEND=$(BACKEND) $(BIN)/keras-randproj demo $(ARGS)

test: lint
	@set -e; for backend in $(BACKENDS); do \
		echo "== tests on $$backend"; \
		KERAS_BACKEND=$$backend OMP_NUM_THREADS=1 \
			$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS); \
	done

# Eight virtual devices on JAX, two on TensorFlow, two processes on torch.
test-distributed: $(VENV)/.test
	@set -e; for backend in $(BACKENDS); do \
		echo "== distributed tests on $$backend"; \
		KERAS_BACKEND=$$backend OMP_NUM_THREADS=1 \
			$(BIN)/python -m pytest tests/distributed $(ARGS); \
	done

test-exports: $(VENV)/.test-exports
	@set -e; for backend in $(BACKENDS); do \
		echo "== exports from $$backend"; \
		KERAS_BACKEND=$$backend OMP_NUM_THREADS=1 \
			$(BIN)/python -m pytest tests/exports $(ARGS); \
	done

# Random arguments of every layer, and damaged files.
test-hardening: $(VENV)/.test
	@set -e; for backend in $(BACKENDS); do \
		echo "== hardening tests on $$backend"; \
		KERAS_BACKEND=$$backend OMP_NUM_THREADS=1 \
			$(BIN)/python -m pytest -n auto tests/hardening $(ARGS); \
	done

# On a machine with a GPU, with what is installed there: nothing is fetched.
test-gpu:
	@set -e; for backend in torch; do \
		echo "== GPU tests on $$backend"; \
		KERAS_BACKEND=$$backend $(PYTHON) -m pytest -m gpu $(ARGS); \
	done

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict tests/user_program.py
	$(BIN)/lint-imports --no-cache

benchmarks: $(VENV)/.test
	$(BIN)/python -m benchmarks --backend all $(ARGS)

docs: $(VENV)/.docs
	$(BIN)/python tools/results.py --check
	$(BIN)/mkdocs build --strict
	$(BIN)/python tools/reference.py

docs-serve: $(VENV)/.docs
	$(BIN)/mkdocs serve

tutorials-fast: $(VENV)/.test
	@set -e; for backend in $(BACKENDS); do \
		for script in tutorials/[0-9]*.py; do \
			echo "== $$script on $$backend"; \
			KERAS_BACKEND=$$backend RANDPROJ_TUTORIAL_FAST=1 \
				$(BIN)/python $$script; \
		done; \
	done

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo-%: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[$*,demo]"
	touch $@

# torch comes first: what follows then finds it installed.
$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) torch
	$(PIP) -e ".[torch,jax,tensorflow,test]"
	touch $@

$(VENV)/.test-exports: $(VENV)/.test
	$(PIP) -e ".[exports]"
	touch $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) build dist site
