# make demo and make test do all the set-up themselves; nothing needs to be activated for them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export RAY_USAGE_STATS_ENABLED := 0
export MLFLOW_DISABLE_TELEMETRY := true

JOBS ?= 2

.PHONY: setup demo grid-sample demo-backbone ablations test lint bench soak ui lock clean

# Compiled here once: a graph is many processes, and under PYTHONDONTWRITEBYTECODE each would compile what it imports.
setup: $(READY)

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable . uv
	touch $@

demo: $(READY)
	dvc repro
	talking summary

# make grid-sample GRID=/path/to/grid: the same graph on a folder of real GRID clips, nearly all of one speaker, with the
# paper's target, which measures best on them (docs/results.md); GRID_SET= takes the demo's default instead.
GRID_SET ?= -S stage_one.target=codes -S stage_one.component_weights=none -S stage_one.lips_share=0 -S pca.source=codes
grid-sample: $(READY)
	@test -d "$(GRID)" || { echo "error: GRID=$(GRID) is not a folder: make grid-sample GRID=/path/to/grid"; exit 1; }
	mkdir -p raw
	ln -sfn "$(abspath $(GRID))" raw/grid_sample
	dvc exp run -S corpus=grid_sample -S backbone=crops $(GRID_SET)
	talking summary

# The pair that the demo is built on, from nothing: over an hour on two cores. Then it is kept in half precision.
demo-backbone: $(READY)
	dvc exp run -S backbone=faces -S demo_corpus.identities=1500 -S demo_corpus.frames_per_identity=6 \
	    -S backbones.faces.steps=7000 backbone
	python -m stages.keep_backbone --backbone models/demo/backbone --out raw/backbones/demo

# Rows and seeds of a plan as queued DVC experiments, JOBS at a time, then one table of them all.
ROWS ?= pipelines/ablations/rows.yaml
ablations: $(READY)
	dvc repro mfcc pca
	python -m pipelines.ablations.queue --jobs $(JOBS) --rows $(ROWS)
	python -m pipelines.ablations.collect --rows $(ROWS)

test: $(READY)
	python -m pytest --durations=25 --durations-min=10

# Any process of a run killed at any time, KILLS times: the outputs must be the same.
KILLS ?= 200
soak: $(READY)
	python -m bench.soak $(KILLS)

# The code that each stage runs, into the deps of every dvc.yaml: after a change of imports.
.PHONY: deps
deps: $(READY)
	python -m stages.deps

lint: $(READY)
	ruff format --check .
	ruff check .
	mypy

ui: $(READY)
	mlflow ui

lock: $(READY)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --extra dev pyproject.toml --output-file requirements.txt

# What the project measures of its own speed on this machine; `python bench/gpu.py` is for one with an accelerator.
bench: $(READY)
	python -m bench

clean:
	rm -rf .state data models videos
