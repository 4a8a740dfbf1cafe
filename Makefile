# What a newcomer needs is python3 (3.11 or newer) and make; everything else is set up in .venv from the hashed locks.
# SERVE=0 stops the demo before the server; PORT chooses its port.

PYTHON ?= python3
SERVE ?= 1
PORT ?= 8080
BIN := .venv/bin
PYTEST_WORKERS ?= 2
# The long campaigns stand in few files: who has nothing left takes from the other.
PYTEST_SHARE := -n $(PYTEST_WORKERS) --dist worksteal

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check lint types imports conformance bench soak lock messages clean

demo: .venv/run.stamp
	@SERVE=$(SERVE) PORT=$(PORT) $(BIN)/python -m examples.demo

test: .venv/dev.stamp
	$(BIN)/pytest -q $(PYTEST_SHARE) -m "not slow and not conformance"

# Exactly what CI runs. The tests come last but for the coverage gates, and their own closing line is printed again at the end.
check: .venv/dev.stamp lint types imports
	@mkdir -p artefacts
	@bash -o pipefail -c '$(BIN)/pytest $(PYTEST_SHARE) --cov --cov-report=term --cov-fail-under=95 2>&1 | tee artefacts/tests.log'
	@$(BIN)/coverage report --fail-under=100 --include="certsvc/person/*,certsvc/credential/*,certsvc/rules/*,certsvc/transparency/*"
	@tail -n 1 artefacts/tests.log

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev.stamp
	$(BIN)/mypy

imports: .venv/dev.stamp
	$(BIN)/lint-imports

# The independent verifiers alone; they are part of `check` too.
conformance: .venv/dev.stamp
	$(BIN)/pytest $(PYTEST_SHARE) -m conformance tests/conformance

bench: .venv/dev.stamp
	$(BIN)/certsvc bench

soak: .venv/dev.stamp
	$(BIN)/python -m benchmarks.soak
	$(BIN)/python -m benchmarks.mutation

# The pages' sentences into the catalogues, the translations they have kept; what is new waits there, empty, for its words.
messages: .venv/run.stamp
	@mkdir -p artefacts
	$(BIN)/pybabel -q extract -F certsvc/web/translations.cfg --no-location --sort-output --width=120 -o artefacts/messages.pot .
	$(BIN)/pybabel -q update -i artefacts/messages.pot -d certsvc/web/translations --no-fuzzy-matching --ignore-obsolete \
	  --ignore-pot-creation-date --width=120
	$(BIN)/pybabel -q compile -d certsvc/web/translations

# The locks name no index address; uv is used for resolving only and leaves no uv.lock.
lock: .venv/dev.stamp
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header --extra postgresql --extra pkcs11 --extra gm --group demo pyproject.toml requirements-build.in -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --no-header --extra postgresql --extra pkcs11 --extra gm --group test --group check --group bench -c requirements.lock \
	  pyproject.toml requirements-build.in -o requirements-dev.lock

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "需要 Python 3.11 或更新版本 / Python 3.11 or newer is needed" >&2; exit 1; }
	@# Debian has venv in a package of its own: without it half a folder would be left, and found "ready" next time.
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "缺少 venv 模块:apt install python3-venv / the venv module is missing" >&2; exit 1; }

.venv/run.stamp: requirements.lock pyproject.toml | .venv/pyvenv.cfg
	@echo "安装依赖(仅首次) / installing what it needs (first time only) …"
	@$(BIN)/pip install -q --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/run.stamp
	@$(BIN)/pip install -q --require-hashes -r requirements-dev.lock
	@touch $@

clean:
	rm -rf .venv artefacts dist
