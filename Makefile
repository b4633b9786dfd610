# The two commands of the README are `make demo` and `make test`; both set up what they need.
# WORKERS is how many tests run at once: most of them wait for processes, so it is more than a small machine has cores.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
WORKERS ?= 4
# The files of the tests that run alone: to look through all others for them took longer than they do.
SERIAL = $(shell grep -l 'pytest.mark.serial' $$(find tests -name 'test_*.py'))

# Some machines forbid Python to keep what it has compiled. The tests start many processes that need the same again.
test test-all coverage bench chaos soak: export PYTHONDONTWRITEBYTECODE :=

# How long `make chaos` goes on, on which store (sqlite, postgresql or both), and with which seed.
ROUNDS ?= 50
STORE  ?= both
# How long `make soak` takes, and at which rate in readings/s.
MINUTES ?= 60
RATE    ?= 5000

.PHONY: setup demo test test-all coverage lint digests pictures docs bench chaos soak clean

# The last line compiles the core, where there is a C compiler and the sources are others than before.
setup: $(STAMP)
	@$(BIN)/python hatch_build.py

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "AegisFlow needs Python 3.11 or later; $(PYTHON) is older. Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo 'Setting up $(VENV), once: a few minutes, and about 1 GB, most of it PyTorch for the search in the manuals.'
	$(PYTHON) -m venv $(VENV)
	AEGISFLOW_PURE=1 $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP)
	$(BIN)/aegisflow demo

test: $(STAMP)
	$(PYTEST) -n $(WORKERS) --dist worksteal -m 'not serial'
	$(PYTEST) -m serial $(SERIAL)

# The everyday tests on the pure core, of which alone can be seen which lines are taken; then what goes on for longer, or with
# other examples, and all that concerns the core, compiled as setup left it.
test-all: setup coverage
	$(PYTEST) --long --more -n $(WORKERS) --dist worksteal -m 'not serial' --durations=20
	$(PYTEST) --long -m serial $(SERIAL)

# What the everyday tests have seen of the package. Nearly all branches of the pure core must have been taken.
coverage: $(STAMP)
	AEGISFLOW_PURE=1 $(PYTEST) -n $(WORKERS) --dist worksteal -m 'not serial' --cov --cov-report=term --durations=20
	$(BIN)/coverage report --include='aegisflow/domain/*' --show-missing --fail-under=95

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@echo 'The longest files:'; $(BIN)/python -m tests.support.sources

# What detection says of three recordings: see tests/offline/digests.py.
digests: $(STAMP)
	$(BIN)/python -m tests.offline.digests

# The pictures of docs/console.md, of a scene that is the same each time.
pictures: $(STAMP)
	$(BIN)/python -m tests.support.console_pictures

# The documents as a site, in build/site; dead links fail it.
docs: $(STAMP)
	$(BIN)/mkdocs build --quiet

bench: setup
	$(BIN)/python -m benchmarks

# Kills, freezes, cut lines, full disks, forgeries and floods, and what must hold: see docs/reliability.md.
chaos: $(STAMP)
	$(BIN)/python -m tests.chaos --rounds $(ROUNDS) --store $(STORE) $(if $(SEED),--seed $(SEED))

# Readings at a rate, agents that ask and propose, and the slopes of memory, descriptors, threads and WAL.
soak: $(STAMP)
	$(BIN)/python -m tests.chaos.soak --minutes $(MINUTES) --rate $(RATE)

clean:
	rm -rf $(VENV) var build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
