# Two commands for users: `make demo` and `make test`. Everything else is a step of these.
# DICOM=/some/folder  data for the demo        PORT=8000  where it serves      DEMO_ARGS=--no-serve  end after the job
# PYTHON=...          the interpreter to use   TORCH_INDEX=URL  an extra package index, for PyTorch's CPU-only build

PYTHON ?= $(shell for name in python3.11 python3.12 python3; do \
	$$name -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null && echo $$name && break; done)
DICOM ?= sample_dicom
PORT ?= 8000
DEMO_ARGS ?=
BIN := .venv/bin
# One more than there are processors: while a test waits for a browser, a server or a clock, another runs.
TEST_WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
INDEX := $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: demo test test-heavy lint setup setup-test page tools sample clean

demo: setup page
	@$(BIN)/python -m pipelines.demo --dicom "$(DICOM)" --port $(PORT) $(DEMO_ARGS)

# A worker for each processor: libraries that take all of them for themselves would only wait in turns.
test: setup-test page tools lint
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -m "not heavy" -n $(TEST_WORKERS) --dist loadfile $(TEST_ARGS)

test-heavy: setup-test page tools
	$(BIN)/python -m pytest -m heavy $(TEST_ARGS)

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m viewer.build --check

setup: .venv/.product
setup-test: .venv/.test

.venv/.python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or 3.12 is needed; name one with PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/.product: .venv/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet $(INDEX) -c constraints.txt -e '.[page,text]'
	@touch $@

.venv/.test: .venv/.product
	$(BIN)/python -m pip install --quiet $(INDEX) -c constraints.txt -e '.[test]'
	@touch $@

page: setup
	@$(BIN)/python -m viewer.build

tools:
	@sh tests/tools.sh

sample: setup
	$(BIN)/python -m imaging.testing.sample sample_dicom

clean:
	rm -rf .venv viewer/static viewer/web/node_modules .mypy_cache .ruff_cache .pytest_cache
