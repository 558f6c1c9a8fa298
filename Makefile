# `make demo` and `make test` each set up what they need in .venv, then run.
PYTHON ?= python3.11
BIN = .venv/bin
INSTALL = $(BIN)/python -m pip install -q -c constraints.txt
export JAX_PLATFORMS ?= cpu

.PHONY: demo test goldens metric-goldens notebooks memory aot aot-full tpu-table browser google figures build clean

demo: .venv/.ready
	$(BIN)/python experiments/demo.py --out runs/demo

test: .venv/.ready
	$(BIN)/python -m pytest -q -n 2 tests

# The PyTorch reference gives the stored golden files again. Its own environment,
# because nothing else may need torch.
goldens: .venv/.goldens
	.venv/goldens/bin/python tests/goldens/make.py --check

notebooks: .venv/.notebooks
	$(BIN)/python experiments/run_notebooks.py

# Reads four gigabytes of random weights and holds the peak of memory to its bound.
memory: .venv/.ready
	$(BIN)/python experiments/load_memory.py

# Metrics against the official evaluators, which live in an environment of their own.
metric-goldens: .venv/.metrics
	.venv/metrics/bin/python tests/goldens/make_metrics.py --check

# A small step and sampler for TPU pods, compiled ahead of time; the whole of klein.
aot: .venv/.tpu
	.venv/tpu/bin/python -m pytest -q -m "tpu_aot and not tpu_aot_full" tests/train/tpu_aot_test.py

aot-full: .venv/.tpu
	.venv/tpu/bin/python -m pytest -q -rP -m tpu_aot_full tests/train/tpu_aot_test.py

# docs/tpu_memory.md; goes on where it stopped.
tpu-table: .venv/.tpu
	.venv/tpu/bin/python experiments/tpu_memory.py

# The comparison's page in a real Chromium: apt-get install chromium.
browser: .venv/.ready
	$(BIN)/python -m pytest -q -m browser tests

# Google's own client against a local server.
google: .venv/.google
	$(BIN)/python -m pytest -q -m google tests

# Every plot and table of the docs again: from committed results, and what nano paints.
figures: .venv/.ready
	$(BIN)/python -m experiments.nano.summary
	$(BIN)/python experiments/nano/pictures.py
	$(BIN)/python -m experiments.ablations.summary
	$(BIN)/python experiments/tpu_memory.py --table
	$(BIN)/python -m experiments.rooms_card rooms --out docs/rooms
	$(BIN)/python -m experiments.scoring_table

build: .venv/.ready
	$(BIN)/python experiments/write_build.py

clean:
	rm -rf .venv runs *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.ready: setup.py constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[test,render]'
	touch $@

.venv/.notebooks: .venv/.ready
	$(INSTALL) -e '.[notebooks]'
	touch $@

.venv/.google: .venv/.ready
	$(INSTALL) -e '.[google]'
	touch $@

.venv/.metrics: tests/goldens/requirements_metrics.txt | .venv/bin/python
	$(PYTHON) -m venv .venv/metrics
	.venv/metrics/bin/python -m pip install -q --no-deps -r $<
	touch $@

# Its own environment: libtpu weighs 684 MB, and jax should not meet it elsewhere.
.venv/.tpu: setup.py constraints.txt | .venv/bin/python
	$(PYTHON) -m venv .venv/tpu
	.venv/tpu/bin/python -m pip install -q -c constraints.txt -e '.[test,tpu]'
	touch $@

.venv/.goldens: setup.py tests/goldens/requirements.txt | .venv/bin/python
	$(PYTHON) -m venv .venv/goldens
	.venv/goldens/bin/python -m pip install -q -r tests/goldens/requirements.txt
	touch $@
