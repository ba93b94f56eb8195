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
# One Ray for all stages of a run.
HOLD := python -m talking.cluster.hold

# DVC commits experiments to git, and fails where git does not know in whose name.
ifeq ($(shell git config user.email),)
export GIT_AUTHOR_NAME ?= talking
export GIT_AUTHOR_EMAIL ?= talking@localhost
export GIT_COMMITTER_NAME ?= $(GIT_AUTHOR_NAME)
export GIT_COMMITTER_EMAIL ?= $(GIT_AUTHOR_EMAIL)
endif

.PHONY: setup demo link grid-sample demo-backbone hearing ablations test test-slow lint bench soak ui lock clean

# Compiled here once: a graph is many processes, and under PYTHONDONTWRITEBYTECODE each would compile what it imports.
setup: $(READY)

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable . uv
	touch $@

# Presets are named sets of params (`talking preset`): `demo` brings back what the others change.
demo: $(READY)
	talking preset demo --write
	$(HOLD) dvc repro
	talking summary

# make link CORPUS=grid RAW=/path/to/grid: recordings that lie elsewhere. Git is told of the link (and commits it only
# when you do), for the folders of `dvc exp run --temp` and `--queue` have what git knows and nothing else.
link:
	@test -n "$(CORPUS)" && test -d "$(RAW)" || \
	    { echo "error: RAW=$(RAW) is not a folder, or CORPUS is missing: make link CORPUS=grid RAW=/path/to/grid"; exit 1; }
	@test -L "raw/$(CORPUS)" || test ! -e "raw/$(CORPUS)" || \
	    { echo "error: raw/$(CORPUS) is no link but a folder of its own: move it away, or use it as it is"; exit 1; }
	mkdir -p raw
	ln -sfn "$$(cd "$(RAW)" && pwd)" "raw/$(CORPUS)"
	git add --force "raw/$(CORPUS)"

# make grid-sample GRID=/path/to/grid: the same graph on a folder of real GRID clips, nearly all of one speaker, with what was
# chosen for so few of them (docs/results.md). SET="-S stage_one.members=1 ..." changes it.
PRESET ?= grid_sample
grid-sample: $(READY)
	@$(MAKE) --no-print-directory link CORPUS=grid_sample RAW="$(GRID)"
	talking preset demo $(PRESET) --write $(SET)
	$(HOLD) dvc repro
	talking summary

# The pair that the demo is built on, from nothing: over an hour on two cores. Then it is kept in half precision.
demo-backbone: $(READY)
	talking preset demo demo_backbone --write
	dvc repro backbone
	python -m stages.keep_backbone --backbone models/demo/backbone --out raw/backbones/demo
	talking preset demo --write

# The audio encoder that stage one may begin with, from nothing: some ten minutes on two cores.
hearing: $(READY)
	dvc repro pipelines/hearing/dvc.yaml
	mkdir -p raw/hearing
	cp -rT models/hearing/espeak raw/hearing/espeak

# Rows and seeds of a plan as queued DVC experiments, JOBS at a time, then one table of them all.
ROWS ?= pipelines/ablations/rows.yaml
ablations: $(READY)
	dvc repro mfcc pca
	python -m pipelines.ablations.queue --jobs $(JOBS) --rows $(ROWS)
	python -m pipelines.ablations.collect --rows $(ROWS)

# Whether the code is right, in minutes: everything but the tests that are marked `slow`. JOBS files are tested at a time,
# each process with a thread, for those of one wait for the other's; and Ray's workers, who yield to everybody by
# default, do not wait for the other files' tests.
THRIFT := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE RAY_worker_niceness=0
PYTEST := $(THRIFT) python -m pytest -n $(JOBS) --durations=25 --durations-min=5
test: $(READY)
	$(PYTEST) -m "not slow" --dist loadfile --no-loadscope-reorder

# What takes long to show: the graph of 1024 pixels, the ablations, `ray up`, kills at random times, the memory of long
# corpora, whole graphs run again. Files that share a graph run in one process (tests/conftest.py).
test-slow: $(READY)
	$(PYTEST) -m slow --dist loadfile --no-loadscope-reorder

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
