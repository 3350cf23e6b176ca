# Everything runs in .venv, made by `make install` with the versions of constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
EXTRAS := dev,vot,got10k,demo,docs,studio,report

.PHONY: install demo test test-slow lint regress mutation faults matrix audit docs format clean

install:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || { echo \
	    'Python 3.10 to 3.13 is needed, and $(PYTHON) is not that; name another: make install PYTHON=python3.12' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]"

$(BIN)/python:
	@echo 'there is no .venv yet; run `make install` first' >&2; exit 1

demo test test-slow lint regress mutation faults docs format: $(BIN)/python

demo:
	OMP_NUM_THREADS=1 $(BIN)/samn vot demo

test:
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

test-slow:
	$(BIN)/python -m pytest -m slow

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

# Faults on purpose in core and memory: do the tests notice? Or WHAT=faults, WHAT=core/decide.
mutation:
	.ci/mutation $(WHAT)

# All frames of all cached cases; FRAMES=30 for the first 30 of each.
regress:
	OMP_NUM_THREADS=1 $(BIN)/samn regress $(if $(FRAMES),--frames $(FRAMES))

# Breaks things under the real programs, and writes what happened into docs/reliability.md.
faults:
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m '' tests/faults --write-table docs/reliability.md

# The tests on Python 3.10 to 3.13 and on the lowest allowed dependencies; MATRIX="3.12 lowest" for some.
matrix:
	.ci/matrix $(MATRIX)

audit:
	$(PYTHON) -m venv .audit
	.audit/bin/pip install --quiet --disable-pip-version-check pip-audit
	.audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

docs:
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache
