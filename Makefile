# onegrid. `make help` lists the targets. Everything below sets up what it needs; GOFLAGS and the environment may be anything.

# The DuckDB driver has its Arrow methods only with this tag; nobody should have to know it.
TAGS      := duckdb_arrow
# The tests are built with the crash steps as well (internal/faultpoint); the released binary is not.
TEST_TAGS := $(TAGS),faultpoint

GO        ?= go
BIN       := bin/onegrid
VERSION   := $(shell git describe --always --dirty 2>/dev/null || echo dev)
BENCH     ?=
FUZZTIME  ?= 30s
SOAK      ?= 1h
PKG       ?= ./...
RACE      ?=
# Packages tested at the same time: the database tests want memory more than cores.
P         ?= 2

# Hidden folders and those that begin with an underscore are no part of the tree.
GOFILES   := find . -type d -name '[._]?*' -prune -o -type f -name '*.go'

ifeq ($(filter-out 0 no false,$(RACE)),)
  TEST_FLAGS := -timeout 25m
else
  TEST_FLAGS := -race -timeout 50m
endif

# The driver is C++: a CGO_ENABLED=0 from the environment would only lead to confusing errors.
export CGO_ENABLED := 1

.DEFAULT_GOAL := help
.PHONY: help build demo test test-race lint bench fuzz soak fmt clean tools

help: ## list the targets
	@echo "onegrid: make <target>"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

tools:
	@command -v $(GO) >/dev/null 2>&1 || { echo "onegrid needs Go 1.26 or newer, and there is no '$(GO)' on the PATH. Try: https://go.dev/doc/install, or make GO=/path/to/go  |  未找到 Go,请先安装 Go 1.26 或更新版本" >&2; exit 3; }
	@cc=$$($(GO) env CC); command -v $${cc%% *} >/dev/null 2>&1 || { echo "onegrid needs a C compiler for the DuckDB driver, and there is no '$$cc' on the PATH. Try: apt-get install gcc libc6-dev g++, or xcode-select --install  |  未找到 C 编译器,请安装 gcc" >&2; exit 3; }

build: tools ## build ./bin/onegrid
	$(GO) build -buildvcs=false -trimpath -tags $(TAGS) -ldflags "-X main.version=$(VERSION)" -o $(BIN) ./cmd/onegrid

demo: build ## a synthetic city on loopback, synced and queried
	./$(BIN) demo

test: tools ## the whole suite (RACE=1: with the race detector, PKG=./event/...: a part of it)
	$(GO) test -tags $(TEST_TAGS) -p $(P) $(TEST_FLAGS) $(PKG)

test-race: ## the whole suite with the race detector
	@$(MAKE) --no-print-directory test RACE=1

lint: tools ## gofmt, vet and staticcheck
	@bad=$$($(GOFILES) -exec "$$($(GO) env GOROOT)/bin/gofmt" -l {} +) || exit 1; \
	  if [ -n "$$bad" ]; then echo "not formatted (make fmt):" >&2; echo "$$bad" >&2; exit 1; fi
	$(GO) vet -tags $(TAGS) ./...
	$(GO) vet -tags $(TEST_TAGS) ./...
	$(GO) tool staticcheck -tags $(TEST_TAGS) ./...

bench: tools ## one JSON line per benchmark (BENCH=ingest_file: only that one)
	$(GO) run -buildvcs=false -tags $(TAGS) ./internal/bench -bench "$(BENCH)"

fuzz: tools ## every fuzz target for FUZZTIME (30s)
	@set -e; for f in $$($(GOFILES) -name '*_test.go' -print | sed 's,^[.]/,,'); do \
	  for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$f); do \
	    echo "== $$(dirname $$f) $$t"; \
	    $(GO) test -tags $(TAGS) -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$f); \
	  done; done

soak: tools ## the crash and model tests for SOAK (1h), with the race detector
	ONEGRID_SOAK=$(SOAK) $(GO) test -tags $(TEST_TAGS) -race -p 1 -count 1 -timeout 0 -v -run 'Soak|Crash|Kill|Model' $(PKG)

fmt: tools ## format the Go files
	$(GOFILES) -exec "$$($(GO) env GOROOT)/bin/gofmt" -w {} +

clean: ## remove what was built
	rm -rf bin bench-out
	find . -name '*.test' -not -path './.git/*' -delete
