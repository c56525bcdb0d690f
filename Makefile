# make report   set everything up, run the studies that ship, print the page to open
# make test     set everything up, pass the tests
# make lab      JupyterLab on the notebooks
# make check    style, types, import contract, notebooks clean
# make truth    methods held against worlds whose truth is known, in full: tests/truth/RESULTS.md
# make bench    speed beside peers, each in an environment of its own
# make lock     write the lock file anew from pyproject.toml
# make test-pandas3   the tests on pandas 3
# make test-airflow   the Airflow example, in an environment of its own

PYTHON ?= python3
STUDY ?= demo complete-journey cdnow
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
AIRFLOW := .venv-airflow

.PHONY: report test lab check truth bench lock test-pandas3 test-airflow clean

report: $(READY)
	@worst=0; for study in $(STUDY); do $(BIN)/journeykit run $$study || worst=$$?; done; \
	echo; echo "Open $(CURDIR)/reports/index.html"; exit $$worst

test: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal

lab: $(READY)
	$(BIN)/jupyter lab --notebook-dir=notebooks

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify notebooks/*.ipynb data/*/*.ipynb

# Airflow needs an environment of its own: its dependencies fit no other.
test-airflow: $(READY)
	$(PYTHON) -m venv $(AIRFLOW)
	$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check 'apache-airflow>=3.1,<4' 'apache-airflow-providers-papermill>=3.11'
	$(BIN)/python -m pytest -n 0 tests/report/test_airflow.py

truth: $(READY)
	$(BIN)/python -m tests.truth.run

bench: $(READY)
	$(BIN)/python tests/benchmarks/run.py
	$(BIN)/python tests/benchmarks/worlds.py
	$(BIN)/python tests/benchmarks/large.py

# The lock pins everything with hashes, the build backend too; the project itself then needs
# neither isolation nor the index.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "journeykit needs Python 3.11 or newer; set PYTHON=... to one")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

# lifelines 0.30.3 requires pandas < 3; 0.30.0 does not cap it. Left out is what no frame comes near,
# and what asks how a method does rather than what it returns.
test-pandas3: $(READY)
	$(PYTHON) -m venv .venv-pandas3
	grep -vE '^(pandas|lifelines)==' requirements.lock | grep -vE '^ +--hash' | sed 's/ *\\$$//' > .venv-pandas3/constraints.txt
	.venv-pandas3/bin/python -m pip install --quiet --disable-pip-version-check -c .venv-pandas3/constraints.txt 'pandas>=3' 'lifelines==0.30.0' $$($(BIN)/python -c "import tomllib; p = tomllib.load(open('pyproject.toml', 'rb'))['project']; print(*[r for r in p['dependencies'] + p['optional-dependencies']['dev'] + p['optional-dependencies']['postgres'] if not r.startswith(('pandas', 'lifelines'))])")
	.venv-pandas3/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	.venv-pandas3/bin/python -m pytest -n auto --dist worksteal --ignore=tests/truth --ignore=tests/browser --ignore=tests/report/execution --ignore=tests/report/trials --ignore=tests/simulate/parts --ignore=tests/journeys --ignore=tests/counts --ignore=tests/test_cli.py --ignore=tests/test_wheel.py

lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --extra dev --extra postgres pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) .venv-pandas3 .venv-lock $(AIRFLOW) build dist
