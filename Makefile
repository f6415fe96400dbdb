# Everything a person does here, and everything CI does.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: demo test check bench docs soak clean

demo: $(VENV)/.run
	$(BIN)/syncops demo

# The whole suite on SQLite, then everything that touches a database again on PostgreSQL.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(WORKERS)
	SYNCOPS_TEST_DATABASE=postgresql $(BIN)/python -m pytest -n $(WORKERS) \
		tests/engine tests/operations tests/importing tests/properties tests/unit

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m cli.reference --check

docs: $(VENV)/.run
	$(BIN)/python -m cli.reference

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

soak: $(VENV)/.dev
	$(BIN)/python -m pytest -m soak

clean:
	rm -rf $(VENV) .syncops build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/python requirements.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

$(VENV)/.bench: $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check --editable ".[bench]"
	touch $@
