# Two commands: `make demo` shows the whole story, `make test` checks everything.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: demo test format bench fuzz lock pictures supply-chain clean
demo: $(VENV)/.installed
	$(BIN)/clinrag demo

test: $(VENV)/.tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

bench: $(VENV)/.benched
	$(BIN)/python tests/bench.py

fuzz: $(VENV)/.tested
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris>=3,<4'
	$(BIN)/python tests/fuzz.py

# The pictures in docs/: the architecture from the imports, the others by Chromium, on the synthetic sample.
pictures: $(VENV)/.tested
	$(BIN)/python tests/pictures.py

# `make test` installs from the ranges in pyproject.toml; the lock says what they came to when it was made.
lock: $(VENV)/.lockable
	$(BIN)/python tests/lock.py

# PyPI is asked about each locked version. --strict: a version that it could not be asked about is a failure too.
supply-chain: $(VENV)/.lockable
	$(BIN)/python tests/licences.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.9,<3'
	$(BIN)/pip-audit --strict --disable-pip --no-deps --progress-spinner off -r .ci/constraints.txt || \
	  { echo 'make supply-chain: a version is vulnerable, or PyPI could not be asked about all: see above' >&2; exit 1; }

format: $(VENV)/.tested
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.tested: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@ $(VENV)/.installed

$(VENV)/.benched: $(VENV)/.tested
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	touch $@

$(VENV)/.lockable: $(VENV)/.tested
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,openai,ray,train]'
	touch $@

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .coverage *.egg-info
