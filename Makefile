# ebb: everything a contributor runs. "make" alone lists the targets.
#
# Settings a caller may override:
#   VERSION    what "ebb version" says          (from git)
#   DATA       data directory of "make run"     (build/data)
#   FUZZTIME   time for each fuzz target        (1m)
#   FUZZ       only targets that match it       (all)
#   SOAK       invocations of "make soak"       (200000)
#   STEPS      random steps of "make soak"      (20000)
#   TESTTIME   cap on the whole of "make test"  (60m)
#   RERUN      0: "make test" forgives no flaky test (1)

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
DATA     ?= build/data
FUZZTIME ?= 1m
FUZZ     ?=
SOAK     ?= 200000
STEPS    ?= 20000
TESTTIME ?= 60m

PKG     := github.com/ebb-faas/ebb
LDFLAGS := -s -w -X $(PKG)/internal/server.version=$(VERSION)
INIT    := internal/sandbox/linux/initbin/ebb-init
VENV    := $(CURDIR)/build/venv
TOOLS   := $(CURDIR)/build/tools

# macOS has no timeout(1); coreutils there call it gtimeout.
CAP := $(shell command -v timeout || command -v gtimeout)
CAP := $(if $(CAP),$(CAP) -k 30s $(TESTTIME))

# What the tests that run the real thing look for. Each falls back to what is
# on PATH, so that a plain "go test ./..." works too.
export EBB_BIN    := $(CURDIR)/bin/ebb
export EBB_PYTHON := $(VENV)/bin/python
export EBB_AWS    := $(VENV)/bin/aws

# "make test-deps" installs every program that tests run, so none may skip for want
# of one.
export EBB_REQUIRE_TOOLS ?= 1

# Everything is watched for races but SQLite, which is C made into Go: that would take
# twelve times as long.
RACE := -race -gcflags=modernc.org/...=-race=false

# With -race every program waits a second at its end, in case a goroutine runs on
# into a race. None does here: the tests look for leaked goroutines.
export GORACE ?= atexit_sleep_ms=10

# As root on Linux the boxes must really be isolated: a test that would quietly
# fall back to plain processes has to fail instead.
ifeq ($(shell uname -s)-$(shell id -u),Linux-0)
export EBB_REQUIRE_SANDBOX ?= 1
endif

##@ Everyday

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: deps build ## Start a platform in a temporary directory, run every example on real input, stop
	go run ./examples/demo -ebb $(EBB_BIN)

.PHONY: run
run: build ## Serve in the foreground with its data in $(DATA), until Ctrl-C
	$(EBB_BIN) serve --data $(DATA)

.PHONY: build
build: init-bin java ## Build bin/ebb and what it embeds
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ebb ./cmd/ebb

# PID 1 of a box. It is embedded into ebb, so it is built first; and it is
# static and stripped because every start of a box pays for its size.
.PHONY: init-bin
init-bin: ## Build only ebb-init, the PID 1 of a box
	@mkdir -p $(dir $(INIT))
	CGO_ENABLED=0 GOOS=linux go build -trimpath -ldflags '-s -w' -o $(INIT) ./cmd/ebb-init

# Skipped, with a message, where there is no JDK or Maven.
.PHONY: java
java: ## Build only the Java bootstrap, if its sources have changed
	@scripts/java.sh

.PHONY: deps
deps: ## Install what the host lacks for build and demo (apt)
	@scripts/deps.sh

.PHONY: test-deps
test-deps: ## Install what the host lacks for tests (apt; Python, Kafka, web frameworks in build/)
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory -j2 venv jars

.PHONY: venv
venv:
	@scripts/venv.sh $(VENV)

# One after the other: Maven's cache takes one writer.
.PHONY: jars
jars: java
	@scripts/kafka.sh $(CURDIR)/build/kafka
	@scripts/frameworks.sh $(CURDIR)/build/frameworks

.PHONY: clean
clean: ## Remove everything that was built here
	rm -rf bin build $(INIT) runtimes/java/target runtimes/java/dist/ebb-runtime.jar runtimes/java/dist/.built

##@ Checks

# Go runs packages in the order given, so the long ones come first: one that begins
# last is what all wait for.
LONG := ./test/e2e ./test/fault ./cmd/ebb ./internal/store ./test/runtime ./internal/sandbox/linux ./internal/trigger/kafka ./internal/deliver ./internal/workflow ./runtimes

# While something is fetched, Go compiles.
.PHONY: test
test: ## Everything from a fresh clone: dependencies, build, vet, all tests with -race
	@scripts/deps.sh test
	@$(MAKE) --no-print-directory -j4 venv jars build vet
	@scripts/test.sh build/test.log $(CAP) go test $(RACE) -vet=off -timeout 30m $(LONG) ./...

# What it compiles with RACE is what the tests need; the others have files for without.
.PHONY: vet
vet: init-bin java
	go vet $(RACE) ./...
	go vet ./internal/socket ./internal/runtimeapi

.PHONY: race
race: test-deps build ## All tests again and again with -race and random order (COUNT=3), to catch flakes
	go test $(RACE) -shuffle=on -count=$${COUNT:-3} -timeout 60m ./...

.PHONY: lint
lint: tools ## golangci-lint and staticcheck, as pinned in tools/go.mod
	nice $(TOOLS)/golangci-lint run ./...
	nice $(TOOLS)/staticcheck ./...

.PHONY: generate
generate: test-deps ## Regenerate the committed Go that comes from the public service models
	PATH="$(VENV)/bin:$$PATH" go generate ./...

# What cannot be run here can be compiled and vetted. The overlay lets that ebb
# embed its own architecture's ebb-init.
.PHONY: cross
cross: ## Vet everything for linux/arm64, and build ebb for it into build/arm64
	@mkdir -p build/arm64
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go vet ./...
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o build/arm64/ebb-init ./cmd/ebb-init
	@echo '{"Replace": {"$(CURDIR)/$(INIT)": "$(CURDIR)/build/arm64/ebb-init"}}' > build/arm64/overlay.json
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go build -overlay build/arm64/overlay.json -trimpath -ldflags '$(LDFLAGS)' -o build/arm64/ebb ./cmd/ebb

.PHONY: verify
verify: generate cross ## Fail if generated code, formatting or module files are not as committed
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt these files:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go mod verify
	git diff --exit-code
	@test -z "$$(git status --porcelain --untracked-files=normal)" || { git status --short; echo "generation left files that are not committed"; exit 1; }

.PHONY: e2e
e2e: test-deps build ## Only the tests that drive the real binary with real clients
	go test $(RACE) -count=1 -timeout 15m ./test/e2e/...

.PHONY: fault
fault: test-deps build ## Kill, partition and fill things up while it works
	go test $(RACE) -count=1 -timeout 30m ./test/fault/...

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME each
	@scripts/fuzz.sh $(FUZZTIME) '$(FUZZ)'

.PHONY: soak
soak: test-deps build ## SOAK invocations, STEPS random steps; no error and no leak of any kind allowed
	EBB_SOAK=$(SOAK) EBB_STEPS=$(STEPS) go test -count=1 -timeout 120m -run Soak -v ./test/...

.PHONY: bench
bench: test-deps build ## Measure against the bare front and plain echo servers; prints a table, writes JSON
	go run ./test/bench -ebb $(EBB_BIN) -o build/bench.json

##@ Tools

# The tools are rebuilt when a pin moves.
.PHONY: tools
tools: $(TOOLS)/.stamp ## Build the pinned linters and benchstat into build/tools
$(TOOLS)/.stamp: tools/go.mod tools/go.sum
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) go -C tools install tool
	@touch $@
