# `make` alone prints the targets. Each makes what it needs: a virtual
# environment and pinned packages.

BACKEND ?= torch
BACKENDS ?= torch jax tensorflow
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Python compiles a module when it is first imported, which few of them are.
PIP := $(BIN)/pip install --quiet --no-compile --disable-pip-version-check \
	-c constraints.txt

# The parts of lint, each of which takes one core.
MAKEFLAGS += --jobs=2
export TF_CPP_MIN_LOG_LEVEL ?= 3
# A framework that is compiled anew takes a process fifteen seconds; what has
# been compiled is kept with the packages, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX ?= $(CURDIR)/$(VENV)/pycache

.PHONY: help demo test test-distributed test-exports test-hardening test-gpu lint order types \
	user-types benchmarks docs docs-serve package tutorials-fast clean

# Stops make before it installs anything for a backend that there is not.
known = $(if $(strip \
	$(filter-out torch jax tensorflow,$(or $($(1)),none)) $(2)),$(error \
	$(1) must be torch, jax or tensorflow. Received: $(1)=$($(1))))
GOALS := $(or $(MAKECMDGOALS),help)
$(if $(filter demo,$(GOALS)),$(call known,BACKEND,$(word 2,$(BACKEND))))
$(if $(filter test test-% tutorials-fast,$(GOALS)),$(call known,BACKENDS))

define HELP
make demo [BACKEND=torch]  Dense and random layers side by side on real digits:
                           a minute, and BACKEND in an environment (2 to 3 GB)
make test                  lint, types and the tests on three backends: about
                           16 to 24 minutes on two cores, environment of 5.2 GB
make lint                  ruff, mypy and the order of imports (same environment)
make docs                  the site, in site/, with its checks (0.3 GB)
make docs-serve            the site on http://127.0.0.1:8000
make package               wheel and sdist in dist/, checked with twine
make test-exports          exports to five formats (3 GB more)
make test-distributed      several virtual devices and processes
make test-hardening        random arguments and damaged files
make test-gpu              on a machine with a GPU, with what is installed there
make benchmarks            timings against keras.layers.Dense
make tutorials-fast        tutorials, and the long runs behind them on a small
                           sample, on three backends: half an hour
make clean                 removes the environment and what was built

BACKEND is torch, jax or tensorflow; the tests take BACKENDS="torch jax" and
ARGS="tests/layers -x".
endef
export HELP

help:
	@echo "$$HELP"

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
	@set -e; for backend in torch jax; do \
		echo "== GPU tests on $$backend"; \
		KERAS_BACKEND=$$backend $(PYTHON) -m pytest -m gpu \
			tests/kernels tests/layers $(ARGS); \
	done

lint: types user-types order

order: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.test
	$(BIN)/mypy

# Beside the other mypy, which writes a cache of its own.
user-types: $(VENV)/.test
	$(BIN)/mypy --strict --cache-dir .mypy_cache/user tests/user_program.py

benchmarks: $(VENV)/.test
	$(BIN)/python -m benchmarks --backend all $(ARGS)

docs: $(VENV)/.docs
	$(BIN)/python tools/results.py --check
	$(BIN)/mkdocs build --strict
	$(BIN)/python tools/reference.py

docs-serve: $(VENV)/.docs
	$(BIN)/mkdocs serve

package: $(VENV)/.test
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*

# What the tutorials of a few minutes show of runs that take longer.
FULL_RUNS := $(addsuffix .py,$(addprefix experiments/,ablations architectures \
	autoencoder character_gpt classification compress_a_trained_model \
	convolutions implicit_image implicit_scene seed_only_files \
	vision_transformer))

tutorials-fast: $(VENV)/.test
	@set -e; for backend in $(BACKENDS); do \
		for script in tutorials/[0-9]*.py $(FULL_RUNS); do \
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

# torch comes first: what follows then finds it installed, and what builds
# this package.
$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) torch hatchling editables
	$(PIP) --no-build-isolation -e ".[torch,jax,tensorflow,test]"
	# The compiler of JAX's kernels alone, without CUDA: they are lowered.
	$(PIP) --no-deps jax-triton jax-cuda13-plugin
	touch $@

$(VENV)/.test-exports: $(VENV)/.test
	$(PIP) -e ".[exports]"
	touch $@

$(VENV)/.docs: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) build dist site
