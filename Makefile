# make dev: serve the example project.  make test: run all tests.  The rest is for contributors.
PYTHON ?= python3
RUNTIMES ?= 4
ENGINE ?= docker
PROCESSES ?= 4
VENV := .venv
BIN := $(VENV)/bin

.PHONY: dev test check lint replay bench faults conformance docs ci dist image images lock clean

dev: $(VENV)/.installed
	@exec $(BIN)/neurova dev

# make test TESTS=tests/gateway runs one folder; PROCESSES=0 runs in one process, for a debugger.
test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q -n $(PROCESSES) --dist worksteal $(TESTS)

check: $(VENV)/.installed-dev lint
	$(BIN)/python -m pytest -q -n $(PROCESSES) -m "not server and not image"

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Replay real bookings through the platform: make replay RUNTIMES=1
# On PostgreSQL: make replay DATABASE=postgresql://user@host/name; on RabbitMQ: BUS=amqp://user@host/vhost
replay: $(VENV)/.installed$(if $(DATABASE)$(BUS),-dev)
	@$(BIN)/python -m examples.replay --runtimes $(RUNTIMES) $(if $(DATABASE),--database $(DATABASE)) $(if $(BUS),--bus $(BUS))

bench: $(VENV)/.installed-dev
	$(BIN)/python -m bench

faults: $(VENV)/.installed-dev
	NEUROVA_TEST_LONG=1 NEUROVA_TEST_FAULTS=1 $(BIN)/python -m pytest -rP tests/faults tests/journeys tests/examples/replay

# Send 20,000 generated requests and compare each reply with the OpenAPI document.
conformance: $(VENV)/.installed-dev
	$(BIN)/python -m tests.conformance

docs: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -q tests/docs

# Run what CI runs.
ci:
	.ci/run

# Build the wheel and the source distribution into dist/.
dist: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m hatchling build

# Build what `neurova deploy local` needs: the platform without functions, and Kong.
images: dist
	$(ENGINE) build -f infra/docker/Dockerfile --target platform -t neurova-platform .
	$(ENGINE) build -f infra/kong/Dockerfile -t neurova-kong .

# Build the image with docker, podman or buildah: make image ENGINE=podman
image: dist
	$(ENGINE) build -f infra/docker/Dockerfile -t neurova .

# Lock versions with hashes, without naming an index. The runtime and image locks use the versions of
# the dev lock, so that the deployed versions are the tested ones.
lock: $(VENV)/.installed-dev
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header pyproject.toml --group dev -o requirements-dev.lock
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header pyproject.toml --group build \
	  --extra warehouse -c requirements-dev.lock -o requirements.lock
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header pyproject.toml --extra clickhouse --extra postgres \
	  --extra rabbitmq --extra redis --extra vault --extra warehouse -c requirements-dev.lock -o infra/docker/requirements.lock
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header pyproject.toml --extra kong --extra postgres \
	  --extra redis -c requirements-dev.lock -o infra/kong/requirements.lock
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header pyproject.toml --extra lambda --extra postgres \
	  --extra rabbitmq --extra redis --extra vault -c requirements-dev.lock -o infra/lambda/requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "NEUROVA needs Python 3.11 or newer: install it, or run make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv is missing: apt-get install python3-venv, then make again" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made requirements.lock pyproject.toml
	@echo "Installing into $(VENV), once…"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.made requirements-dev.lock pyproject.toml
	@echo "Installing into $(VENV), once…"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(VENV)/.installed $@
