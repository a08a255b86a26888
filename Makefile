# Every command of the project; `make help` lists them. Each sets up what it needs.

PORT = 8000
DATA = .clarion
AMQP =
DATABASE =
ARGS =
WORKERS = auto

BIN := .venv/bin
NODE := PATH="$(CURDIR)/$(BIN):$$PATH" node_modules/.bin
RUN = -n $(WORKERS) --dist worksteal --durations=15
UP = --port $(PORT) --data "$(DATA)" $(if $(AMQP),--amqp "$(AMQP)") $(if $(DATABASE),--database "$(DATABASE)")

.DEFAULT_GOAL := help
.PHONY: help up down test check soak bench chaos docs arrows schemas packages peers licenses coverage format lock clean
.NOTPARALLEL:
unexport PYTHONDONTWRITEBYTECODE # every process would compile what it imports

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## run everything in the foreground: make up [PORT=8000] [DATA=.clarion] [AMQP=amqp://...] [DATABASE=postgresql://...]
	@scripts/setup runtime
	@exec $(BIN)/clarion dev $(UP)

down: ## stop what `make up` started: make down [DATA=.clarion]
	@if [ -x $(BIN)/python ]; then $(BIN)/python scripts/down.py "$(DATA)"; fi

check: ## formatting, lint, types of Python and JavaScript, translations, unit tests; no services needed
	@scripts/setup dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(NODE)/biome check --error-on-warnings .
	$(NODE)/pyright
	$(NODE)/tsc --project web/tsconfig.json
	$(NODE)/tsc --project web/build/tsconfig.json
	PATH="$(CURDIR)/$(BIN):$$PATH" node web/build/locales.js
	PATH="$(CURDIR)/$(BIN):$$PATH" node --test --test-reporter=dot 'tests/web/*.test.js'
	$(BIN)/python -m pytest -q $(RUN) tests/unit $(ARGS)

test: ## all tests, on real services that are found or started: make test [WORKERS=auto] [ARGS=...], which go to pytest
	@scripts/setup dev
	@$(BIN)/python scripts/services.py
	CI=true $(BIN)/python -m pytest -q $(RUN) $(ARGS)

soak: ## the long forms of tests that could go on for ever (hours)
	@scripts/setup dev
	@$(BIN)/python scripts/services.py
	CI=true $(BIN)/python -m pytest -q --soak -m soak --durations=10 $(ARGS)
	$(BIN)/python -m tests.support.attack 180

bench: ## what it costs, beside naive peers; ARGS choose what
	@scripts/setup dev
	$(BIN)/python -m bench $(ARGS)

chaos: ## kill, pause and cut everything off under load: make chaos [ARGS='--minutes 30 --seed 7 --cluster']
	@scripts/setup dev
	$(BIN)/python -m chaos $(ARGS)

docs: ## the documentation as a site into site/, by Zensical; any warning fails it
	@scripts/setup dev
	@$(BIN)/python scripts/docs.py

arrows: ## modules, levels, import arrows and circles of each service: make arrows [ARGS="--at REVISION"]
	@scripts/setup dev
	@$(BIN)/python scripts/arrows.py $(ARGS)

schemas: ## write clarion/contracts/schemas, asyncapi.json, openapi.json and docs/reference/cli.md again
	@scripts/setup dev
	$(BIN)/python -m clarion.contracts.generate
	$(BIN)/python -m clarion.asyncapi
	$(BIN)/python -m services.cli.api_document
	$(BIN)/python scripts/cli_reference.py

packages: ## @clarion/client, inbox, react and vue into dist/ as npm packs them; the bundle into web/bundle
	@scripts/setup dev
	PATH="$(CURDIR)/$(BIN):$$PATH" node web/build/main.js

peers: ## lines and bytes of a bell in a page, beside Novu, Knock, Courier, MagicBell, SuprSend (needs a registry)
	@scripts/setup dev
	PATH="$(CURDIR)/$(BIN):$$PATH" node bench/browser/measure.js

licenses: ## the licence of everything that is shipped; fails where one is unknown or copyleft
	@scripts/setup dev
	@$(BIN)/python scripts/licenses.py

coverage: ## how much of clarion and services unit tests run, by line and branch; ARGS choose other tests
	@scripts/setup dev
	@rm -rf .cache/coverage && mkdir -p .cache/coverage
	$(BIN)/coverage run -m pytest -q -n0 $(if $(ARGS),$(ARGS),tests/unit)
	@$(BIN)/coverage combine -q && $(BIN)/coverage html -q && $(BIN)/coverage report
	@echo "Line by line: .cache/coverage/html/index.html"

format: ## write Python and JavaScript as `make check` wants them
	@scripts/setup dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(NODE)/biome format --write .

lock: ## choose versions anew within pyproject.toml and package.json: uv.lock, its exports, package-lock.json
	@scripts/setup dev
	scripts/lock

clean: ## remove environment and caches; the data too where DATA= is given
	rm -rf .venv .cache node_modules .pytest_cache .ruff_cache .hypothesis .schemathesis dist site web/*/dist
	find clarion services testbed tests migrations bench chaos scripts -name __pycache__ -type d -prune -exec rm -rf {} +
ifeq ($(origin DATA),command line)
	rm -rf "$(DATA)"
endif
