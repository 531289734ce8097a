# Two commands matter: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PREPARED := $(VENV)/.prepared

DEMO := demo
SONGS := $(DEMO)/songs
# The demo's song and reference; give your own: make demo TRACKS=folder REFERENCE=file
TRACKS ?= $(SONGS)/songs/song_00903
REFERENCE ?= $(SONGS)/references/song_00904.flac
# The model that comes with the package, or another: a name or a folder.
MODEL ?= compact

# Three workers keep two cores busy, for many tests wait for a browser or a program; 13 GB at most.
PYTEST := $(BIN)/python -m pytest -n 3 --dist worksteal -q

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast coverage lint format bench clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(PREPARED)  ## make .venv with everything, locked versions, and compile for the demo (once)

$(PREPARED): $(STAMP)
	@echo "Compiling what the demo needs (once, about a minute)"
	@$(BIN)/diffmst prepare --tracks 32
	@touch $@

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (once, about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# Songs are made only where the demo's own are used, not for names of one's own that are misspelt.
ITS_OWN = $(filter file,$(origin TRACKS) $(origin REFERENCE))

demo: $(STAMP)  ## mix a song in the style of a reference (yours: TRACKS=folder REFERENCE=file)
	@test -z "$(ITS_OWN)" || { test -e "$(TRACKS)" && test -e "$(REFERENCE)"; } || $(BIN)/diffmst data synthesize $(SONGS) --songs 2 --seed 903
	@$(BIN)/diffmst mix "$(TRACKS)" "$(REFERENCE)" --model "$(MODEL)" --out $(DEMO)
	@echo 'Listen to $(DEMO)/mix.wav, open $(DEMO)/report.html, edit $(DEMO)/console.json and'
	@echo '  $(BIN)/diffmst render "$(TRACKS)" $(DEMO)/console.json --out $(DEMO)/mix_2.wav'

test: $(STAMP)  ## run the whole test suite
	$(PYTEST)

test-fast: $(STAMP)  ## run the suite without its slow tests
	$(PYTEST) -m "not slow"

coverage: $(STAMP)  ## run the suite and list the lines that no test reaches
	$(PYTEST) --cov --cov-report=term-missing:skip-covered

lint: $(STAMP)  ## check style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)  ## measure dsp against dasp-pytorch and pedalboard (installs both)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	$(BIN)/python benchmarks/dsp_speed.py

clean:  ## remove what the demo made
	rm -rf $(DEMO)
