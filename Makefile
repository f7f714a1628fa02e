# make demo    specialize the shipped supernet for a Pixel phone, offline, on the CPU
# make test    formatting, linting, types, and the CPU test suite
# make soak    the long forms of the tests: every attack many times over (hours)
# make docs    the site of the documentation, into site/; open site/index.html
# make clean   remove .venv, caches and build output; runs/ is kept
# make help    this text

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test soak docs clean

help:
	@sed -n 's/^# //p' Makefile

demo: $(VENV)/installed
	$(BIN)/python tools/specialize.py --device pixel

test: export OMP_NUM_THREADS := 1
test: export OMP_WAIT_POLICY := PASSIVE
test: $(VENV)/installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal

soak: export OMP_WAIT_POLICY := PASSIVE
soak: $(VENV)/installed-test
	$(BIN)/python -m pytest -m soak --timeout 0

docs: export NO_MKDOCS_2_WARNING := 1
docs: $(VENV)/installed-docs
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) build dist site .pytest_cache .ruff_cache .hypothesis
	find ofa tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is not Python 3.11 or newer; name one that is: make PYTHON=python3.12 ..." >&2; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian or Ubuntu:" \
	       "sudo apt-get install python3-venv" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-test: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[test]'
	@touch $(VENV)/installed $@

$(VENV)/installed-docs: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[docs]'
	@touch $(VENV)/installed $@
