# make help lists the targets. CI runs `make test` and nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Tools are pinned here and installed into ./bin, never into go.mod: whoever
# imports the module must not inherit them.
BIN := $(CURDIR)/bin
GOLANGCI_LINT := $(BIN)/golangci-lint-2.15.0
GOFUMPT := $(BIN)/gofumpt-0.9.1
SCHEMATHESIS := $(BIN)/schemathesis
# A count, since a fuzz run that its time ends now and then fails with "context
# deadline exceeded" (golang.org/issue/75804).
FUZZTIME ?= 5000x

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

# First what the parts share, so that no two of them install or build it at once;
# then they run two side by side, the longest first. Those that compile much Go
# stand beside those that wait for browsers, Node or Python.
.PHONY: test
test: ## everything that CI checks; installs what it needs
	@./.ci/test 'install lint' 'race sec-login e2e dashboard sdk-python fuzz api-fuzz sdk-node'

# The module's download comes first: it is what everything else waits for.
.PHONY: install
install: postgres redis chromium clients $(SCHEMATHESIS)/installed sdk/python/.venv/installed ## all that the tests need
install: sdk/node/node_modules/.package-lock.json examples/node/node_modules/.package-lock.json server/dashboard/ui/node_modules/.package-lock.json
install: internal/foreign/node_modules/.package-lock.json
install: stage sdk-build

.PHONY: tools
tools: $(GOLANGCI_LINT) $(GOFUMPT)
	@./.ci/need cc:gcc

$(GOLANGCI_LINT):
	GOBIN=$(BIN)/tmp go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv $(BIN)/tmp/golangci-lint $@

$(GOFUMPT):
	GOBIN=$(BIN)/tmp go install mvdan.cc/gofumpt@v0.9.1
	mv $(BIN)/tmp/gofumpt $@

# What PyPI gives is locked with all that it depends on, by version and hash:
# .ci/locks/X.txt, which make lock resolves from X.in for Python 3.11 and newer.
# Only wheels, since building one would fetch whatever builds it that day.
LOCKS := .ci/locks
PIP_FLAGS := --quiet --disable-pip-version-check
.PHONY: python
python:
	@./.ci/need 'python3>=3.11' 'python3 -m ensurepip --version:python3-venv'

.PHONY: locked
locked: ## nothing is installed but what a lock file or a version holds; nobody is told to install a stranger's name
	go test -count=1 ./internal/locked

.PHONY: lock
lock: $(BIN)/uv/installed ## resolve .ci/locks/*.in again; UPGRADE=--upgrade takes newer releases
	cd $(LOCKS) && for in in *.in; do $(BIN)/uv/bin/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
	  --custom-compile-command "make lock ($$(sha256sum $$in | cut -c -16) is $$in)" --output-file $${in%.in}.txt $$in; done

$(BIN)/uv/installed: $(LOCKS)/uv.txt | python
	python3 -m venv --clear $(BIN)/uv
	$(BIN)/uv/bin/python -m pip install $(PIP_FLAGS) --require-hashes --only-binary :all: -r $<
	@touch $@

.PHONY: lint
lint: tools locked ## format, generated code, golangci-lint (with go vet), a tidy go.mod, locked installs
	@unformatted=$$($(GOFUMPT) -l $$(git ls-files -co --exclude-standard '*.go' | grep -v _templ.go)); \
	  if [ -n "$$unformatted" ]; then echo "not formatted (run make fmt):"; echo "$$unformatted"; exit 1; fi
	@sum() { git ls-files -co --exclude-standard '*_templ.go' | xargs cat | sha256sum; }; \
	  before=$$(sum); go generate ./...; \
	  [ "$$before" = "$$(sum)" ] || { echo "generated code was stale; it has been rewritten"; exit 1; }
	$(GOLANGCI_LINT) run
	go mod tidy -diff

.PHONY: generate
generate: ## write the generated code again: pages from their templates
	go generate ./...

.PHONY: fmt
fmt: $(GOFUMPT) ## format the Go code
	$(GOFUMPT) -w $$(git ls-files -co --exclude-standard '*.go' | grep -v _templ.go)

# whatsmeow has data races of its own: its frame socket is closed without the
# lock that guards its writes (socket/framesocket.go), its QR channel while it
# is written to (qrchan.go). Test files that run real
# whatsmeow clients therefore carry `//go:build !race` and run in `make e2e`;
# every other test, and with it our own code, runs under the race detector.
# make lint has vetted them all.
.PHONY: race
race: tools postgres redis ## all tests but those with real whatsmeow clients, with the race detector
	go test -race -shuffle=on -vet=off -timeout 15m ./...

.PHONY: e2e
e2e: postgres redis clients internal/foreign/node_modules/.package-lock.json ## the tests with real whatsmeow clients, against the loopback WhatsApp
	go test -shuffle=on -vet=off -timeout 20m $$(git grep -lE '^//go:build !race' -- '*_test.go' ':!store' | xargs -n 1 dirname | sort -u | sed 's|^|./|')
	@$(MAKE) --no-print-directory far

# The whole system again, with WhatsApp 100 ms away each way: what depends on the order of what is under
# way. Left out: one person's burst, whose answers wait for one another, and kills, which take minutes.
FAR := TestFirst|TestHowASender|TestMessageFromWhatsAppWeb|TestGroupMessage|TestAnswersAcross|TestOfflineQueue|TestSendTo
.PHONY: far
far: ## the end-to-end tests for which it matters, with WhatsApp 100 ms away
	PINGR_TEST_LATENCY=100ms go test -count=1 -vet=off -timeout 10m -run '$(FAR)' ./internal/e2e

# Baileys, another's client of WhatsApp, against the loopback one. Without its
# modules these tests are skipped, but not under make.
export PINGR_TEST_FOREIGN := require
.PHONY: foreign
foreign: internal/foreign/node_modules/.package-lock.json ## a client that nobody here wrote, against the loopback WhatsApp
	go test -count=1 ./internal/foreign

# whatsapp-rust takes minutes to build, so make test does without it.
.PHONY: foreign-rust
foreign-rust: ## another such client, which Cargo builds in some minutes
	@./.ci/need 'cargo>=1.94:cargo'
	cd internal/foreign/rust && cargo build --locked
	PINGR_TEST_RUST=$(CURDIR)/internal/foreign/rust/target/debug/judge go test -count=1 -run Rust ./internal/foreign

internal/foreign/node_modules/.package-lock.json: internal/foreign/package-lock.json | node
	cd internal/foreign && $(NPM_CI)
	@touch $@

# The published clients, which a test points at pingr serve.
CLIENTS := $(BIN)/clients
export PINGR_TEST_CLIENTS := $(CLIENTS)
.PHONY: clients
clients: $(CLIENTS)/installed
$(CLIENTS)/installed: $(LOCKS)/hey-pingr-0.1.1.txt $(LOCKS)/hey-pingr-0.2.0.txt | python
	rm -rf $(CLIENTS)
	python3 -m venv $(CLIENTS)/venv
	for v in 0.1.1 0.2.0; do $(CLIENTS)/venv/bin/python -m pip install $(PIP_FLAGS) --require-hashes --only-binary :all: \
	  --target $(CLIENTS)/$$v -r $(LOCKS)/hey-pingr-$$v.txt; done
	@touch $@

# Both suites replay testdata/vectors.json, as internal/vectors does in Go. What
# they need is installed into sdk/node/node_modules and sdk/python/.venv.
.PHONY: sdk
sdk: sdk-node sdk-python ## the helpers for Node and Python, their packages and types

.PHONY: sdk-node
sdk-node: sdk/node/node_modules/.package-lock.json ## the helpers for Node
	cd sdk/node && npm run --silent build && npm run --silent check && npm test --silent

.PHONY: sdk-build
sdk-build: sdk/node/node_modules/.package-lock.json
	cd sdk/node && npm run --silent build

# The lock files' versions, held to their hashes; no package may run a script.
NPM_CI := npm ci --loglevel=error --ignore-scripts
.PHONY: node
node:
	@./.ci/need 'node>=20:nodejs' npm

sdk/node/node_modules/.package-lock.json: sdk/node/package-lock.json | node
	cd sdk/node && $(NPM_CI)
	@touch $@

.PHONY: sdk-python
sdk-python: sdk/python/.venv/installed clients ## helpers, client and examples for Python
	@./.ci/need redis-server
	cd sdk/python && .venv/bin/ruff check . ../../examples/python && .venv/bin/ruff format --check . ../../examples/python
	cd sdk/python && .venv/bin/mypy && .venv/bin/mypy ../../examples/python && .venv/bin/python -m pytest

.PHONY: bench-python
bench-python: sdk/python/.venv/installed clients ## verifying in Python beside the published package and standardwebhooks, as ratios
	sdk/python/.venv/bin/python sdk/python/bench/verify.py

sdk/python/.venv/installed: $(LOCKS)/dev.txt | python
	python3 -m venv --clear sdk/python/.venv
	sdk/python/.venv/bin/python -m pip install $(PIP_FLAGS) --require-hashes --only-binary :all: -r $<
	sdk/python/.venv/bin/python -m pip install $(PIP_FLAGS) --no-build-isolation --no-deps -e sdk/python
	@touch $@

examples/node/node_modules/.package-lock.json: examples/node/package-lock.json sdk/node/node_modules/.package-lock.json
	cd examples/node && $(NPM_CI)
	@touch $@

.PHONY: sec-login
sec-login: examples/node/node_modules/.package-lock.json sdk/python/.venv/installed server/dashboard/ui/node_modules/.package-lock.json redis chromium sdk-build stage ## attackers against the login examples of all languages
	go run ./internal/seclab
	go run ./internal/seclab -redis
	PINGR_TEST_DEFENCES=all go test -count=1 -run TestEachDefenceIsNeeded ./internal/seclab
	mkdir -p $(BIN)/examples && go build -o $(BIN)/examples/ ./examples/go/mobile ./examples/go/preentry ./examples/go/desktop
	node --test --test-concurrency=1 examples/pages.test.mjs examples/hidden.test.mjs

# The real server, the loopback WhatsApp and Debian's chromium.
.PHONY: dashboard
dashboard: stage ## the dashboard in a browser: its story, every page by axe, strangers
	cd server/dashboard/ui && node --test --test-concurrency=1

.PHONY: chromium
chromium:
	@./.ci/need chromium

.PHONY: screenshots
screenshots: stage ## the pictures of docs/screenshots
	cd server/dashboard/ui && node screenshots.mjs ../../../docs/screenshots

.PHONY: stage
stage: build chromium server/dashboard/ui/node_modules/.package-lock.json
	go build -o $(BIN)/whatsapptest ./cmd/whatsapptest

server/dashboard/ui/node_modules/.package-lock.json: server/dashboard/ui/package-lock.json | node
	cd server/dashboard/ui && $(NPM_CI)
	@touch $@

# Requests made from /openapi.json, the same ones each time.
.PHONY: api-fuzz
api-fuzz: $(SCHEMATHESIS)/installed build ## schemathesis against pingr serve
	go run ./internal/apifuzz -schemathesis $(SCHEMATHESIS)/bin/schemathesis -pingr $(BIN)/pingr

$(SCHEMATHESIS)/installed: $(LOCKS)/schemathesis.txt | python
	python3 -m venv --clear $(SCHEMATHESIS)
	$(SCHEMATHESIS)/bin/python -m pip install $(PIP_FLAGS) --require-hashes --only-binary :all: -r $<
	@touch $@

# Tests of store/postgres start a server of their own; without one they are
# skipped, but not under make.
export PINGR_TEST_POSTGRES := require
.PHONY: postgres
postgres:
	@./.ci/need 'ls /usr/lib/postgresql/*/bin/postgres:postgresql'

# The same for the login examples and Redis.
export PINGR_TEST_REDIS := require
.PHONY: redis
redis:
	@./.ci/need redis-server

.PHONY: kills
kills: ## 50 kills under 60 messages a second, with WhatsApp 100 ms away (some minutes)
	PINGR_TEST_KILLS=50 go test -count=1 -timeout 20m -v -run TestKillFarAway ./internal/e2e

.PHONY: bounds
bounds: ## a million phones, bad keys and paths in under 400 MiB (some minutes)
	PINGR_TEST_STRANGERS=1000000 go test -count=1 -timeout 15m -v -run TestNothingThatStrangersChoosePilesUp ./server

# One program a package, not one a target.
.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (5000x; 5m for a hunt), and all of Unicode
	PINGR_TEST_ALL_RUNES=1 go test -count=1 -run TestNormalizeTwiceChangesNothing .
	@mkdir -p $(BIN)/fuzz; for dir in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n 1 dirname | sort -u); do \
	  program=$(BIN)/fuzz/$${dir//\//-}.test; go test -vet=off -c -fuzz . -o $$program ./$$dir; cd $$dir; \
	  for target in $$($$program -test.list '^Fuzz'); do \
	    echo "fuzz $$dir $$target"; \
	    out=$$($$program -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) -test.fuzzcachedir $(BIN)/fuzz/found/$$dir </dev/null 2>&1) || { echo "$$out"; exit 1; }; \
	    echo "$$out" | tail -n 2; \
	  done; cd $(CURDIR); \
	done

.PHONY: bench
bench: ## pingr beside a bare whatsmeow bot, and verifying beside a bare HMAC: ratios of one run
	go run ./internal/bench
	$(MAKE) --no-print-directory bench-verify

.PHONY: bench-verify
bench-verify: sdk/node/node_modules/.package-lock.json bench-python ## verifying in Go, Node and Python beside the published libraries
	cd sdk/node && npm run --silent build && npm run --silent bench
	go test -count=1 -v -run TestRatios ./internal/bench/verify

# The release is made by a module of its own, so that the root module does not
# inherit what only packaging needs. Its go.sum locks that.
RELEASE := go -C internal/release build -o $(BIN)/release .
HELM := $(BIN)/helm-4.3.2
.PHONY: release
release: ## all that TAG (the current commit's) releases, into ./dist; IMAGE=registry/name:tag pushes the image
	$(RELEASE)
	$(BIN)/release $(if $(TAG),-tag $(TAG)) $(if $(IMAGE),-push $(IMAGE))

.PHONY: install-test
install-test: $(HELM) ## a release, installed on copies of this machine: packages, image, proxies, Prometheus (as root, some minutes)
	@./.ci/need ar:binutils rpm caddy nginx prometheus qemu-aarch64-static:qemu-user-static openssl
	$(RELEASE)
	HELM=$(HELM) ./.ci/install-test

$(HELM):
	GOBIN=$(BIN)/tmp go install helm.sh/helm/v4/cmd/helm@v4.3.2
	mv $(BIN)/tmp/helm $@

.PHONY: demo
demo: ## watch a login on this machine
	@echo "Go compiles the demo first, without a word: some minutes the first time, because SQLite is compiled too."
	go run ./cmd/pingr demo

.PHONY: build
build: ## the pingr binary, into ./bin
	go build -o $(BIN)/pingr ./cmd/pingr
