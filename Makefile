# `make demo` and `make test` need nothing but Python 3.11 or newer; they set up what they use.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
DATA ?= .cache/demo-data
ROUNDS ?= 3
MINUTES ?= 20
TUNING ?= tuning
BASE ?= docker.io/library/python:3.13-slim
ENGINE ?= podman
BUILD ?=
# Two more than there are processors: a good part of a test's time is waiting.
WORKERS ?= $(shell echo $$(( $$(nproc) + 2 )))
SPREAD := -n $(WORKERS) --dist loadscope --no-loadscope-reorder --durations=25
REPORT := --junitxml=.pytest_cache/reports
AGAIN := --last-failed --last-failed-no-failures none --maxfail=1
SUITE := tests --ignore=tests/jobenv --ignore=tests/clarify --ignore=tests/wrangler --ignore=tests/conformance/backend
KERNELS := NUMBA_CACHE_DIR=$(CURDIR)/.cache/kernels
UNCHANGED := $(BIN)/python tools/unchanged.py
JOBENV := $(KERNELS) OMP_NUM_THREADS=1 PYTHONPATH=src .cache/jobenv/bin/python -m pytest -c tools/jobenv.ini --rootdir . --confcutdir tests/jobenv
CLARIFY := OMP_NUM_THREADS=1 PYTHONPATH=src .cache/clarify/bin/python -m pytest -c tools/clarify.ini --rootdir . --confcutdir tests/clarify
CLARIFY_IMAGE := 205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0
WRANGLER := POLARS_MAX_THREADS=1 OMP_NUM_THREADS=1 PYTHONPATH=src .cache/wrangler/bin/python -m pytest -c tools/wrangler.ini --rootdir . --confcutdir tests/wrangler
WRANGLER_IMAGE := 663277389841.dkr.ecr.us-east-1.amazonaws.com/sagemaker-data-wrangler-container:5.0.1
PYTORCH_IMAGE := 763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.6-cpu-py312
export UV_PROJECT_ENVIRONMENT := $(VENV)
# What is imported is compiled then; to compile all of an environment takes half a minute.
export UV_COMPILE_BYTECODE := 0
# And it is kept: without, each process of the thousands compiles all that it imports again, 2.5 s of an SDK alone.
unexport PYTHONDONTWRITEBYTECODE

SOAK_FAULTS := $(addprefix tests/faults/,hosting/test_serving_survives.py hosting/test_two_servers_serving.py hosting/test_deploy_kills.py jobs/test_launch_kills.py jobs/test_clarify_kills.py test_monitoring_kills.py objects/test_objects_server_kill.py objects/test_objects_kill.py objects/test_objects_parts.py test_store_lock.py test_index_kills.py test_rule_kills.py)

# What failed beside other tests is tried a second time, by itself (once no first try holds the lock), and the summary names it; soak tries once. What draws at random
# draws the same then: a second try is for what the machine's load did.
ifndef SAGEWRIGHT_TEST_SEED
export SAGEWRIGHT_TEST_SEED := $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
endif
LOCK := .pytest_cache/tried
define tried
mkdir -p .pytest_cache
flock -so $(LOCK) env $(1) $(2) $(REPORT)/$(3).xml || { test $$? -eq 1 && echo "A second try, with nothing beside it, of what failed:" && flock -o $(LOCK) env $(1) $(AGAIN) $(REPORT)/$(3)-again.xml; }
endef

.PHONY: screenshots help setup serve demo test suite shared beside clusters environments alone soak unit contract jobenv clarify wrangler packages inside ray dist image lint format bench bench-guard bench-algorithms bench-clarify bench-wrangler bench-tuning arena draws conformance docs floors clients system clean

help: ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(VENV)/.ready ## The environment with the command sagewright

$(VENV)/.ready: pyproject.toml uv.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(UV) || $(BIN)/python -m pip install --quiet uv
	$(UV) sync --quiet --frozen
	touch $@

.cache/clients/%/.ready: clients/%.txt $(VENV)/.ready
	$(UV) venv --quiet --clear --python $(BIN)/python .cache/clients/$*
	$(UV) pip install --quiet --python .cache/clients/$*/bin/python -r clients/$*.txt
	if test -f clients/$*.json; then cp clients/$*.json .cache/clients/$*/package.json && cd .cache/clients/$* && PATH=$$PWD/bin:$$PATH npm install --silent --no-audit --no-fund --no-package-lock; fi
	touch $@

.cache/jobenv/.ready: tools/jobenv.txt src/sagewright/runtimes/recipes.py $(VENV)/.ready
	$(BIN)/python tools/environment.py $(PYTORCH_IMAGE) tools/jobenv.txt .cache/jobenv
	touch $@

.cache/clarify/.ready: tools/clarify.txt src/sagewright/runtimes/recipes.py $(VENV)/.ready
	$(BIN)/python tools/environment.py $(CLARIFY_IMAGE) tools/clarify.txt .cache/clarify
	touch $@

.cache/wrangler/.ready: tools/wrangler.txt src/sagewright/runtimes/recipes.py $(VENV)/.ready
	$(BIN)/python tools/environment.py $(WRANGLER_IMAGE) tools/wrangler.txt .cache/wrangler
	touch $@

.cache/ray/.ready: uv.lock $(VENV)/.ready
	UV_PROJECT_ENVIRONMENT=.cache/ray $(UV) sync --quiet --frozen --extra ray --python $(BIN)/python
	touch $@

clients: $(patsubst %,.cache/clients/%/.ready,sdk-v2 sdk-v3 aws-cli s3 seaweedfs airflow tracking javascript policies) ## Environments of real clients

system: $(VENV)/.ready
	$(BIN)/python tools/system.py

serve: setup ## The server in the foreground, on port 4700
	$(BIN)/sagewright up

demo: .cache/clients/sdk-v2/.ready ## The main job: unmodified SDK code trains on real data here
	$(BIN)/python tools/demo.py --data $(DATA)

# Tests of what runs inside jobs take the time that `shared` waits. The three suites in environments of their own run when something
# that they reach has changed, or with SAGEWRIGHT_TEST_ALL=1.
# Those of the clusters mostly wait for daemons, so they run beside all others.
test: setup ## Every test
	$(MAKE) --jobs=2 environments
	$(MAKE) --jobs=3 shared beside clusters
	$(MAKE) alone

environments: clients system .cache/jobenv/.ready .cache/clarify/.ready .cache/wrangler/.ready .cache/ray/.ready ## All that tests run in

clusters: setup .cache/ray/.ready system
	$(UNCHANGED) ray nice -n 5 $(MAKE) ray

beside: setup .cache/jobenv/.ready .cache/clarify/.ready .cache/wrangler/.ready
	$(UNCHANGED) clarify nice -n 10 $(MAKE) clarify WORKERS=1
	$(UNCHANGED) wrangler nice -n 10 $(MAKE) wrangler WORKERS=1
	$(UNCHANGED) jobenv nice -n 10 $(MAKE) jobenv WORKERS=2
	$(UNCHANGED) packages nice -n 10 $(MAKE) packages

suite: ## Tests of the server and its clients
	$(MAKE) shared
	$(MAKE) alone

shared: setup clients system ## Those of them that run side by side in WORKERS processes
	$(call tried,$(BIN)/python -m pytest -m "not alone" $(SUITE),$(SPREAD),shared)

alone: setup clients system ## Those beside which nothing else may run
	$(BIN)/python -m pytest -m alone $(shell grep -rlE "mark\.alone" --include="test_*.py" tests) $(REPORT)/alone.xml

floors: setup ## The oldest and the newest release of each dependency, tried with a server and a job
	$(BIN)/python tools/floors.py

soak: setup clients system .cache/jobenv/.ready .cache/ray/.ready ## What takes longer than `make test`: trainings, kills, fuzz and floods of log lines at full size
	$(BIN)/python -m pytest $(SPREAD) --soak -m soak --timeout=900 $(SUITE)
	.cache/ray/bin/python -m pytest --soak -m soak --timeout=900 tests/conformance/backend
	$(JOBENV) --soak -m soak --timeout=900 tests/jobenv
	SAGEWRIGHT_TEST_EXAMPLES=20 $(BIN)/python -m pytest --timeout=3600 $(shell grep -rl "tests.examples import" --include="test_*.py" tests)
	SAGEWRIGHT_TEST_KILLS=60 SAGEWRIGHT_TEST_LINES=600000 $(BIN)/python -m pytest -s --timeout=3600 $(SOAK_FAULTS)
	SAGEWRIGHT_TEST_CREATES=200 $(BIN)/python -m pytest -s --timeout=3600 tests/faults/jobs/test_kills.py -k concurrent_creates
	SAGEWRIGHT_TEST_KILLS=40 SAGEWRIGHT_TEST_RATE=1000 SAGEWRIGHT_TEST_SETTLE_S=8 $(BIN)/python -m pytest -s --timeout=3600 tests/faults/test_load_balancer.py
	$(BIN)/python -m pytest --balanced --timeout=900 -k boto tests/contract/aws tests/contract/jobs tests/contract/hosting tests/contract/objects tests/contract/pipelines tests/contract/tuning
	SAGEWRIGHT_TEST_JOBS=200 $(BIN)/python -m pytest -s --timeout=3600 tests/faults/test_two_servers.py
	SAGEWRIGHT_TEST_SPARK_ROWS=5000000 $(BIN)/python -m pytest -s --timeout=3600 tests/contract/jobs/test_spark_clients.py -k two_hosts
	SAGEWRIGHT_TEST_LOG_MB=10000 $(BIN)/python -m pytest -s --timeout=7200 tests/faults/jobs/test_unfriendly_jobs.py -k gigabytes
	SAGEWRIGHT_TEST_POLICIES=100000 $(BIN)/python -m pytest --timeout=900 tests/conformance/policies
	SAGEWRIGHT_TEST_FUZZ_REQUESTS=1000000 $(BIN)/python -m pytest -s --timeout=86400 tests/security/port/test_port_fuzz.py

unit: setup system ## Tests without a server
	$(BIN)/python -m pytest $(SPREAD) tests/unit

jobenv: .cache/jobenv/.ready ## Tests of what runs inside jobs, in a job's environment
	$(call tried,$(JOBENV) tests/jobenv,-n $(WORKERS) --dist loadfile,jobenv)

clarify: .cache/clarify/.ready ## Tests of Clarify's analyses, in the environment of its jobs
	$(call tried,$(CLARIFY) tests/clarify,-n $(WORKERS) --dist loadfile,clarify)

wrangler: .cache/wrangler/.ready ## Tests of Data Wrangler's operators, in the environment of its jobs
	$(call tried,$(WRANGLER) tests/wrangler,-n $(WORKERS) --dist loadfile,wrangler)

inside: ## Both of those inside jobs: jobenv and packages
	$(MAKE) jobenv
	$(MAKE) packages

packages: setup ## Tests and types of the distributions in packages/, in the environment of a PyTorch job
	place=packages/sagewright-distributed && python=$$($(BIN)/python tools/environment.py $(PYTORCH_IMAGE) $$place/tests/requirements.txt .cache/packages) && \
	$(BIN)/mypy --cache-dir .mypy_cache/packages --python-executable $$python -p smdistributed -p torch_sagemaker && \
	$$python -m pytest -c $$place/tests/pytest.ini --rootdir $$place $$place/tests && \
	OMP_NUM_THREADS=1 PYTHONPATH=src $$python -m pytest -c tools/jobenv.ini --rootdir . --confcutdir tests/jobenv tests/jobenv/serving/test_frameworks.py

ray: .cache/ray/.ready system ## Tests of the backends, here and on clusters of two nodes, of Ray and of Slurm
	$(call tried,.cache/ray/bin/python -m pytest -o cache_dir=.pytest_cache/ray tests/conformance/backend,-n 2 --dist loadfile,ray)

dist: setup ## The sdist and the wheel, installed and tried on each Python here by pip, uv and pipx; ALL=1 for each by each
	$(BIN)/python tools/release --page $(if $(ALL),--all)

image: setup ## An OCI image of the server, on BASE, by ENGINE; BUILD has more options of its build
	rm -rf dist/image
	$(UV) build --quiet --wheel --out-dir dist/image
	$(ENGINE) build $(BUILD) --build-arg BASE=$(BASE) --tag localhost/sagewright --file deploy/Containerfile dist/image

docs: setup ## The docs as a site, which a server shows at /docs and the wheel carries
	$(BIN)/python tools/docs.py

screenshots: setup system ## The pictures of Studio in docs, in Chromium
	$(BIN)/python tools/screenshots.py

lint: setup ## Style, types, layers, sizes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/sizes.py
	$(BIN)/python tools/prose.py
	$(BIN)/python tools/membernames.py
	$(BIN)/python tools/reference.py --check

format: setup ## Format the code and generate the reference pages
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python tools/reference.py

conformance: setup clients .cache/clients/seaweedfs/.ready .cache/clients/moto/.ready ## The checks of S3 and of the other services, here and on SeaweedFS and moto; writes the tables
	$(BIN)/python tools/conformance.py

bench: setup clients .cache/clients/bench/.ready ## Ratios against named peers
	$(BIN)/python bench/run.py

bench-guard: setup ## What this checkout costs beside the last release, or RELEASE: ten minutes; fails where a row lost more than 15 %
	$(BIN)/python bench/guard.py $(if $(RELEASE),--release $(RELEASE))

bench-algorithms: .cache/clients/bench-algorithms/.ready ## The built-in algorithms beside open libraries, all or NAMES="pca knn"; writes the page
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(KERNELS) PYTHONPATH=src .cache/clients/bench-algorithms/bin/python bench/algorithms $(NAMES)

bench-wrangler: .cache/wrangler/.ready ## A flow over 5 million rows beside pandas
	.cache/wrangler/bin/python bench/wrangler

bench-clarify: .cache/clients/bench-clarify/.ready ## SHAP values beside shap and shapiq; writes the page
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 PYTHONPATH=src .cache/clients/bench-clarify/bin/python bench/clarify

bench-tuning: .cache/clients/$(TUNING)/.ready ## The searchers of tuning jobs beside other tuners, for MINUTES=20; LCBENCH=FOLDER for learning curves; writes the page
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2000000000 PYTHONPATH=src .cache/clients/$(TUNING)/bin/python bench/tuning --minutes $(MINUTES) $(NAMES)

arena: .cache/clients/bench-algorithms/.ready ## The built-in algorithms beside open libraries on data that chose nothing, all or NAMES="pca knn", ROUNDS=3; writes the page
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(KERNELS) PYTHONPATH=src .cache/clients/bench-algorithms/bin/python bench/algorithms/arena.py --rounds $(ROUNDS) $(NAMES)

draws: .cache/clients/bench-algorithms/.ready ## The built-in algorithms beside open libraries on drawn hard data, DRAWS=200 SEED=7; writes the page
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(KERNELS) PYTHONPATH=src .cache/clients/bench-algorithms/bin/python bench/algorithms/draws.py $(if $(DRAWS),--draws $(DRAWS)) $(if $(SEED),--seed $(SEED))

clean: ## Remove all that was made
	rm -rf $(VENV) .cache
