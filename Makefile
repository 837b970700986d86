# Two commands do everything: `make demo` and `make test`. The others are parts of them, or long runs.

PORT ?= 8000
PYTHON ?= python3
BIN := .venv/bin
# Tests wait for servers and processes some of the time: more of them at once than there are cores. The parts of
# `make test` run side by side, so that one waits while another works.
AT_ONCE ?= 4
# Files that take long begin first, so that nobody waits for one of them at the end.
LONG := tests/sources/test_golden.py tests/sources/imports/test_kill.py tests/admin/test_pages.py tests/fuzz \
  tests/webhooks/test_admin_browser.py tests/admin/test_browser.py \
  tests/webhooks/test_verifying.py tests/webhooks/test_listening.py tests/webhooks/test_faults.py \
  tests/webhooks/test_guide.py tests/contract/test_08_records_streamed.py tests/bench tests/sources/test_migrations.py \
  tests/patients/test_erasure.py tests/admin/test_secrets.py tests/patients/test_tokens.py \
  tests/sources/reading/test_real_directories.py tests/sources/imports/test_oracle.py
# These start the product itself, each with a database of its own.
PRODUCT := tests/browser tests/test_demo.py tests/chaos

# Everything here starts many processes, each of which would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo demo-reset test lint types migrations-check test-most test-browser test-demo test-chaos chromium format bench-page bench-search bench-golden bench-import bench-api bench-scale bench-pull bench-webhooks openapi fuzz chaos

demo: export SANDBOX = true
demo: export BASE_URL = http://localhost:$(PORT)
demo: export ALLOWED_HOSTS = localhost,127.0.0.1
demo: .venv/.runtime
	@$(BIN)/python manage.py demo

demo-reset:
	@$(PYTHON) medblocks_connect/reset.py

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.dev
	$(BIN)/mypy .

migrations-check: .venv/.dev
	SANDBOX=true VAR_DIR=var/test $(BIN)/python manage.py makemigrations --check --dry-run

test: .venv/.dev chromium lint migrations-check
	@echo "Takes about ten minutes on two cores. Each part says what came of it when it ends."
	@$(MAKE) --jobs=3 --output-sync=target test-most test-browser test-demo test-chaos types

test-most:
	$(BIN)/python -m pytest -n $(AT_ONCE) --dist loadfile --no-loadscope-reorder \
	  $(LONG) tests $(PRODUCT:%=--ignore=%)

test-browser: ONLY = tests/browser
test-demo: ONLY = tests/test_demo.py
test-chaos: ONLY = tests/chaos
test-browser test-demo test-chaos:
	TEST_VAR_DIR=var/$@ $(BIN)/python -m pytest $(ONLY)

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: .venv/.dev
	@SANDBOX=true VAR_DIR=var/test $(BIN)/python manage.py write_openapi

# A single test of these goes on for longer than one of the suite may.
FOR_HOURS := -o faulthandler_timeout=10800

# FUZZ_SEED=2 makes up other requests. The cases for parsers are others with each run.
fuzz: export FUZZ_EXAMPLES ?= 1000
fuzz: .venv/.dev
	@$(BIN)/python -m pytest $(FOR_HOURS) tests/fuzz -q --show-capture=no
	@$(BIN)/python -m pytest $(FOR_HOURS) -m hypothesis --hypothesis-profile=fuzz -q --show-capture=no \
	  $(PRODUCT:%=--ignore=%) tests

# CHAOS_SEED=2 kills at other moments. Takes about eleven minutes.
chaos: export CHAOS_KILLS ?= 30
chaos: export CHAOS_RENEWALS ?= 2
chaos: export CHAOS_LEASE ?= 8
chaos: export CHAOS_EVENTS ?= 2000
chaos: export CHAOS_EVENT_KILLS ?= 24
chaos: export IMPORT_KILLS ?= 30
chaos: .venv/.dev
	@$(BIN)/python -m pytest $(FOR_HOURS) -q --show-capture=no tests/chaos/test_kills.py tests/chaos/test_renewals.py \
	  tests/chaos/test_webhooks.py tests/sources/imports/test_kill.py

bench-page: .venv/.dev chromium
	$(BIN)/python -m bench.page_weight

# FACILITIES=1000000 shows how it grows.
bench-search: FACILITIES ?= 150000
bench-search: .venv/.dev
	@$(BIN)/python -m bench.search --facilities $(FACILITIES)

bench-golden: .venv/.dev
	@$(BIN)/python -m bench.golden

bench-import: .venv/.dev
	@$(BIN)/python -m bench.directory_import

bench-pull: RESOURCES ?= 100000
bench-pull: PAGE_MS ?= 30
bench-pull: .venv/.dev
	@$(BIN)/python -m bench.pull --resources $(RESOURCES) --page-ms $(PAGE_MS)

bench-webhooks: EVENTS ?= 5000
bench-webhooks: .venv/.dev
	@$(BIN)/python -m bench.webhooks --events $(EVENTS)

bench-api: .venv/.dev
	@$(BIN)/python -m bench.api

bench-scale: .venv/.dev
	@$(BIN)/python -m bench.scale

chromium: .venv/.dev
	@$(BIN)/python tests/browser/chromium.py

.venv/.runtime: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.dev: requirements.txt requirements-dev.txt .venv/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
