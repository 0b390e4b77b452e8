# Everything that one does with this repository. `make` or `make help` lists it.
# Needed beforehand: git, make and Python 3.13, on the PATH or under pyenv. No AWS account, no Docker.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ARCH   ?= arm64
PORT   ?= 8080
HOST   ?= 172.17.0.1
STAGE  ?= default
FOLDER ?= evidence
POLICY ?= docs/policy.example.json
PARAMS ?=
TAGS   ?=

PY  := PYTHONPATH=layers/pinecone_backup:cli:. .venv/bin/python
UV  := .venv-uv/bin/uv
SAM := SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam
CODE := layers/pinecone_backup/pinecone_backup cli/pinecone_backup_cli functions local tests benchmarks

export UV_PYTHON_DOWNLOADS := never

##@ See it work

run: .venv/ready .venv-emulator/ready ## Watch one day of the product in an emulator, from nothing
	@$(PY) -m local.run

up: .venv/ready .venv-emulator/ready ## Keep the local stack running to play with
	@$(PY) -m local.up up

down: .venv/ready ## Stop what `make up` started
	@$(PY) -m local.up down

sam-local: .venv/ready ## Let `sam local` in Docker reach what `make up` started (HOST=172.17.0.1)
	@$(PY) -m local.sam_local --host $(HOST)

simulator: .venv/ready ## Only the simulated Pinecone, on PORT (8080)
	@$(PY) -m local.simulator --port $(PORT)

preview: .venv/ready ## What a policy would keep and delete (POLICY=file, ARGS="--days 90")
	@$(PY) -m local.preview --policy "$(POLICY)" $(ARGS)

##@ Check it

test: .venv/ready .venv-emulator/ready .venv-sam/ready ## All tests, with branch coverage of our layer
	@.venv/bin/python -m local.build
	@.venv/bin/python -m pytest -n 3 -q --cov --cov-report=term $(ARGS)

test-faults: .venv/ready ## Every fault at every call, and two years of faulty ticks (twenty minutes)
	@FAULTS=all .venv/bin/python -m pytest -q -n 2 --dist loadgroup --no-cov tests/integration/test_faults.py tests/integration/test_a_year.py $(ARGS)

lint: .venv/ready ## Style, format and types
	@.venv/bin/ruff check $(CODE)
	@.venv/bin/ruff format --check --quiet $(CODE) && echo "All files are formatted."
	@.venv/bin/mypy $(CODE)

check-template: .venv/ready .venv-sam/ready .venv-template-checks/ready ## sam validate, cfn-lint and checkov
	@$(SAM) validate --lint --region eu-central-1 --template template.yaml
	@.venv-template-checks/bin/cfn-lint && echo "cfn-lint: nothing to say."
	@mkdir -p .build && $(PY) -m tests.support.template > .build/unrolled.json
	@.venv-template-checks/bin/checkov --config-file .checkov.yaml --file .build/unrolled.json

mutate: .venv/ready ## Change the rules line by line with mutmut; the tests must notice
	@$(PY) -m local.mutation $(ARGS)

bench: .venv/ready .venv-sam/ready ## What is fast, and how we know
	@$(PY) -m benchmarks

verify-evidence: .venv/ready ## Was evidence changed? (FOLDER=copy of evidence/, ARGS="--key key.pem --head SEQUENCE:HASH")
	@$(PY) -m pinecone_backup_cli.evidence "$(FOLDER)" $(ARGS)

costs: .venv/ready ## What a stack costs in AWS a month, with 1, 10 and 100 projects
	@$(PY) -m local.costs

##@ Deploy it

build: .venv/ready ## Build layers and functions for ARCH (arm64 or x86_64), without Docker
	@.venv/bin/python -m local.build $(ARCH)

sam-build: .venv/ready .venv-sam/ready ## Build as `sam local` and `sam deploy` take it, for ARCH
	@ARCH=$(ARCH) UV="$(CURDIR)/$(UV)" PYTHON="$(CURDIR)/.venv/bin/python" \
		$(SAM) build --config-env $(STAGE) --parameter-overrides Architecture=$(ARCH) >&2

deploy: sam-build ## Deploy into your AWS account, asking for what accounts differ in (STAGE, ARCH)
	@$(PY) -m local.account guided --stage $(STAGE) --arch $(ARCH) --parameters '$(PARAMS)' --tags '$(TAGS)'

deploy-ci: sam-build ## The same without a question; outputs as JSON (STAGE, ARCH, PARAMS="A=b", TAGS="a=b")
	@$(PY) -m local.account ci --stage $(STAGE) --arch $(ARCH) --parameters '$(PARAMS)' --tags '$(TAGS)'

##@ Keep it

docs: .venv/ready ## Generate what follows from the code: the policy's schema, the OpenAPI document, the client
	@$(PY) -m local.docs

setup: .venv/ready .venv-emulator/ready .venv-sam/ready .venv-template-checks/ready ## Make every environment (the other targets make what they need)

clean: ## Remove what was built, after stopping what `make up` started; the environments stay
	@if [ -d .run ] && [ -x .venv/bin/python ]; then $(PY) -m local.up clean; fi
	@rm -rf .build .run .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov

help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo

.PHONY: run up down sam-local simulator preview test test-faults lint check-template mutate bench costs verify-evidence build sam-build deploy \
	deploy-ci \
	docs setup clean help

# --------------------------------------------------------------------------------------------------
# Environments: one for the product and its tests, one each for tools whose pins conflict with it
# --------------------------------------------------------------------------------------------------

.venv/ready: requirements/dev.txt
.venv-emulator/ready: requirements/emulator.txt
.venv-sam/ready: requirements/sam.txt
.venv-template-checks/ready: requirements/template-checks.txt

.venv/ready .venv-emulator/ready .venv-sam/ready .venv-template-checks/ready: .venv-uv/ready
	@echo "Installing $(@D) from $(filter requirements/%,$^)" >&2
	@$(UV) venv --quiet --allow-existing --python "$(CURDIR)/.venv-uv/bin/python" $(@D)
	@$(UV) pip sync --quiet --require-hashes --python $(@D) $(filter requirements/%,$^)
	@touch $@

# A pyenv shim is on the PATH but does not work unless PYENV_VERSION is set: each one found is tried.
.venv-uv/ready: requirements/bootstrap.txt
	@is_313='import sys; sys.exit(sys.version_info[:2] != (3, 13))'; \
	for python in python3.13 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13.*/bin/python3.13 python3; do \
		if "$$python" -c "$$is_313" 2>/dev/null; then found=$$python; break; fi; \
	done; \
	[ -n "$${found:-}" ] || { echo "Python 3.13 is neither on the PATH nor under pyenv" >&2; exit 1; }; \
	"$$found" -m venv --clear $(@D) >&2
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< >&2
	@touch $@
