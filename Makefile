# What a newcomer needs is python3 (3.11 or newer) and make; everything else is set up in .venv from the hashed locks.
# SERVE=0 stops the demo before the server; PORT chooses its port; HOST= an address of this machine, or 0.0.0.0 for the
# one it has in its network, lets a phone follow.

PYTHON ?= python3
SERVE ?= 1
PORT ?= 8080
BIN := .venv/bin
# Only one given with the command counts: conda and some shells export HOST as a name that is no address here.
DEMO_HOST = $(if $(filter command line,$(origin HOST)),$(HOST),127.0.0.1)
PYTEST_WORKERS ?= 2
# The long campaigns stand in few files: who has nothing left takes from the other.
PYTEST_SHARE := -n $(PYTEST_WORKERS) --dist worksteal

# Where Python may not keep what it compiled (containers often say so), every test and child would compile all again:
# the tests then take twice their time.
unexport PYTHONDONTWRITEBYTECODE

# Each commit of a register waits for the disk: the tests' own registers stand in memory, where there is room and programs
# may be started from there.
IN_MEMORY := $(shell findmnt -no OPTIONS /dev/shm 2>/dev/null | grep -qv noexec && [ -w /dev/shm ] && \
  df -k --output=avail /dev/shm | awk 'NR == 2 && $$1 > 6000000 { print "/dev/shm" }')
ifneq ($(IN_MEMORY),)
export PYTEST_DEBUG_TEMPROOT ?= $(IN_MEMORY)
endif

# A PYTHON that was asked for is the one .venv gets; the usual python3 is only what a new .venv is made of.
INSTALL := $(PYTHON) tools/install.py $(if $(filter file,$(origin PYTHON)),,--this-python)

# $(call timed,what,in English,command): says it, does it, says how long it took; the exit status is the command's own.
define timed
@echo "$(1) / $(2) …"; start=$$(date +%s); status=0; $(3) || status=$$?; took=$$(($$(date +%s) - start)); \
  echo "用时 $$((took / 60)) 分 $$((took % 60)) 秒 / took $$((took / 60)) min $$((took % 60)) s"; exit $$status
endef

.PHONY: demo test check lint types imports conformance bench soak lock messages clean venv run-venv dev-venv

demo: run-venv
	@echo "运行演示(约一分钟) / running the demo: about a minute …"
	@SERVE=$(SERVE) PORT=$(PORT) HOST=$(DEMO_HOST) $(BIN)/python -m examples.demo

test: dev-venv
	$(call timed,运行测试(双核约四分钟),running the tests: about four minutes on two cores,\
	  $(BIN)/pytest -q $(PYTEST_SHARE) -m "not slow and not long and not conformance")

# Exactly what CI runs. The tests come last but for the coverage gates, and their own closing line is printed again at the end.
check: dev-venv lint types imports
	@mkdir -p artefacts
	@bash -o pipefail -c '$(BIN)/pytest $(PYTEST_SHARE) --cov --cov-report=term --cov-fail-under=95 2>&1 | tee artefacts/tests.log'
	@$(BIN)/coverage report --fail-under=100 --include="certsvc/person/*,certsvc/credential/*,certsvc/rules/*,certsvc/transparency/*"
	@tail -n 1 artefacts/tests.log

lint: dev-venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: dev-venv
	$(BIN)/mypy

imports: dev-venv
	$(BIN)/lint-imports

# The independent verifiers alone; they are part of `check` too.
conformance: dev-venv
	$(BIN)/pytest $(PYTEST_SHARE) -m conformance tests/conformance

bench: dev-venv
	$(BIN)/certsvc bench

soak: dev-venv
	$(BIN)/python -m benchmarks.soak
	CERTSVC_KIT_CERTIFICATES=1000 CERTSVC_DAMAGED=300 $(BIN)/pytest -q $(PYTEST_SHARE) -k "every_certificate_verifies or many_damaged" \
	  tests/browser/test_survival_kit.py tests/services/verification/test_altered.py
	$(BIN)/python -m benchmarks.mutation

# The pages' sentences into the catalogues, the translations they have kept; what is new waits there, empty, for its words.
messages: run-venv
	@mkdir -p artefacts
	$(BIN)/pybabel -q extract -F certsvc/web/translations.cfg --no-location --sort-output --width=120 -o artefacts/messages.pot .
	$(BIN)/pybabel -q update -i artefacts/messages.pot -d certsvc/web/translations --no-fuzzy-matching --ignore-obsolete \
	  --ignore-pot-creation-date --width=120
	$(BIN)/pybabel -q compile -d certsvc/web/translations

# The locks name no index address; uv is used for resolving only and leaves no uv.lock. SM2's library has no wheel for Linux,
# so it has a lock of its own and is built by the setuptools of the other two.
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header
lock: dev-venv
	$(COMPILE) --extra postgresql --extra pkcs11 --extra heic pyproject.toml requirements-build.in -o requirements.lock
	$(COMPILE) --extra postgresql --extra pkcs11 --extra heic --group test --group check --group bench -c requirements.lock \
	  pyproject.toml requirements-build.in -o requirements-dev.lock
	sed -n 's/^gm = \["\(.*\)"\]$$/\1/p' pyproject.toml | $(COMPILE) - -o requirements-gm.lock

# Each says what it does, or nothing where .venv is as it must be (tools/install.py).
venv run-venv dev-venv:
	@$(INSTALL) $(@:%-venv=%)

clean:
	rm -rf .venv artefacts dist
