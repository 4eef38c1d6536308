# Each target makes what it needs: a virtual environment and pinned packages.

BACKEND ?= torch
BACKENDS ?= torch jax tensorflow
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo test lint benchmarks clean

demo: $(VENV)/.demo-$(BACKEND)
	KERAS_BACKEND=$(BACKEND) $(BIN)/keras-randproj demo $(ARGS)

test: lint
	@set -e; for backend in $(BACKENDS); do \
		echo "== tests on $$backend"; \
		KERAS_BACKEND=$$backend $(BIN)/python -m pytest $(ARGS); \
	done

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmarks: $(VENV)/.test
	$(BIN)/python -m benchmarks --backend all $(ARGS)

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

clean:
	rm -rf $(VENV) build dist site
