# What people and .ci/run call. Needs Go; what the tests need besides, a C compiler,
# a Redis server and Spin, "make test" installs where it can. Everything works on all
# modules that go.work names.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GOLANGCI_LINT_VERSION := v2.15.0

# The directories of the modules, and the patterns for all of their packages.
MODULES = $(or $(shell go list -m -f '{{.Dir}}'),$(error go list -m names no module: is go.work in order?))
PACKAGES = $(addsuffix /...,$(MODULES))

# Tools live inside the checkout, one file for each version of the tool and of Go.
TOOLS := $(CURDIR)/.cache/tools
GOLANGCI_LINT = $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)-$(shell go env GOVERSION)

# Arguments for go test, as in: make test TESTFLAGS='-run TestLock -count 50'
TESTFLAGS ?=
TIMEOUT ?= 15m
FUZZTIME ?= 60s
BENCHFLAGS ?=
SCHEDULES ?= 50000
SEED ?= 0
DURATION ?= 10m
STORE ?= sqlite

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: test
test: vet ## Vet and run all tests with the race detector; a skipped test is a failure
	@tools/need.sh cc
	@tools/need.sh redis
	@tools/need.sh spin
	@CGO_ENABLED=1 go run ./internal/house/gotest -race -shuffle=on -timeout $(TIMEOUT) $(TESTFLAGS) $(PACKAGES)

.PHONY: sim
sim: ## Run SCHEDULES (50000) simulated schedules of faults, from SEED on (1)
	@go test ./itest/internal/sim -run 'TestSchedules$$' -v -count=1 -timeout 30m -schedules $(SCHEDULES) -seed $(SEED)

.PHONY: vet
vet: ## go vet, in all modules
	@go vet $(PACKAGES)

.PHONY: lint
lint: fmt-check vet tidy-check build-check golangci ## Everything that can be told without running the code

.PHONY: golangci
golangci: $(GOLANGCI_LINT)
	@ok=true; for dir in $(MODULES); do echo "golangci-lint $$dir"; (cd "$$dir" && $(GOLANGCI_LINT) run ./...) || ok=false; done; $$ok

.PHONY: fmt-check
fmt-check:
	@files=$$(gofmt -l -s .); if [ -n "$$files" ]; then echo "not formatted, run gofmt -s -w:"; echo "$$files"; exit 1; fi

.PHONY: tidy-check
tidy-check:
	@for dir in $(MODULES); do (cd "$$dir" && GOWORK=off go mod tidy -diff) || { echo "run go mod tidy in $$dir"; exit 1; }; done

# Each module by itself, as its users compile it.
.PHONY: build-check
build-check:
	@for dir in $(MODULES); do (cd "$$dir" && GOFLAGS=-mod=readonly GOWORK=off go build -o /dev/null ./... && GOFLAGS=-mod=readonly GOWORK=off go vet ./...); done

# Other systems and word sizes than the one at hand. Of the library only.
.PHONY: cross
cross: ## Compile the library for other systems and for 32 bits
	@for target in linux/386 windows/amd64 darwin/arm64; do \
		echo "go build $$target"; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} go build ./...; \
	done

.PHONY: fix
fix: $(GOLANGCI_LINT) ## Format, tidy, and mend what the linters can mend
	@gofmt -s -w .
	@for dir in $(MODULES); do (cd "$$dir" && GOWORK=off go mod tidy && $(GOLANGCI_LINT) run --fix ./...); done

.PHONY: bench
bench: ## Measure everything, and write docs/benchmarks.md (BENCHFLAGS='-only memory' only prints)
	@tools/need.sh redis
	@go run ./bench $(BENCHFLAGS)

.PHONY: soak
soak: ## Break a store for DURATION (10m), and check what its users saw: STORE=memory, sqlite or redis; SEED
	@go run ./itest/cmd/soak -store $(STORE) -duration $(DURATION) -seed $(SEED) $(SOAKFLAGS)

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (60s)
	@for dir in $$(grep -rl --include '*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do \
		list=$$(go test -list '^Fuzz' "$$dir"); \
		for target in $$(grep '^Fuzz' <<<"$$list"); do \
			echo "$$dir $$target for $(FUZZTIME)"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$dir"; \
		done; \
	done

.PHONY: cover
cover: ## Coverage by function, in coverage.txt, and by line, in coverage.html
	@go test -coverprofile coverage.out -coverpkg "$$(go list ./... | grep -v -e /internal/house -e /examples/ | paste -sd, -)" ./...
	@go tool cover -func coverage.out >coverage.txt
	@go tool cover -html coverage.out -o coverage.html
	@tail -1 coverage.txt

.PHONY: tools
tools: $(GOLANGCI_LINT) ## Build the pinned tools

$(GOLANGCI_LINT):
	@mkdir -p $(TOOLS)
	@echo "building golangci-lint $(GOLANGCI_LINT_VERSION); this takes some minutes, once"
	@GOWORK=off GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv $(TOOLS)/golangci-lint $@

.PHONY: clean
clean: ## Remove what the other targets leave behind, the tools too
	@rm -rf .cache coverage.out coverage.txt coverage.html
