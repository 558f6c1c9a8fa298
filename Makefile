# `make demo` and `make test` each set up what they need in .venv, then run.
PYTHON ?= python3.11
BIN = .venv/bin
export JAX_PLATFORMS ?= cpu
export PYTHONWARNINGS ?= ignore::DeprecationWarning

.PHONY: demo test goldens notebooks clean

.venv/.ready: setup.py constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q -c constraints.txt -e '.[test,render]'
	touch $@

demo: .venv/.ready
	$(BIN)/python experiments/demo.py --out runs/demo

test: .venv/.ready
	$(BIN)/python -m pytest -q -n 2 tests

clean:
	rm -rf .venv runs build *.egg-info
