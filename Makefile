# Targets that people and CI use. The README names two: `go run ./cmd/tieout demo` and `make test`.

GO      ?= go
FUZZ    ?= 10s
PACKAGES = ./...
CODE     = cmd fetchers internal ledgerlink match normalize resolve schemas
# Where the hot loops are. -short leaves out what takes long to prepare.
BENCHES = ./schemas/recordfile/... ./ledgerlink ./match ./normalize ./internal/money
BENCH   = $(GO) test -run '^$$' -short -bench . -benchtime 100ms

.PHONY: test check vet lint race crash interop fuzz bench bench-baseline bench-compare build cover

test: ## all tests that need nothing but Go
	$(GO) test -timeout 30m $(PACKAGES)

build: ## a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/tieout ./cmd/tieout

vet:
	$(GO) vet $(PACKAGES)
	$(GO) vet -tags crashpoints $(PACKAGES)
	@test -z "$$(gofmt -l $(CODE))" || { gofmt -l $(CODE); exit 1; }

lint: ## builds the pinned linter from source, then runs it
	cd tools/lint && $(GO) build -o ../../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	bin/golangci-lint run $(PACKAGES)

race:
	$(GO) test -race $(PACKAGES)

crash: ## crash and rerun at every point; needs the points compiled in
	$(GO) test -tags crashpoints -timeout 40m -run 'Crash|Killed|ToldToStop|Simulated' ./internal/pipeline ./internal/store ./internal/gateway ./internal/interop ./internal/merchantapi ./cmd/tieout

interop: ## two foreign Parquet readers read what we write
	cd schemas/interop && $(GO) test ./...

fuzz: ## every fuzz target for FUZZ each
	@grep -roE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' $(CODE) | sort | while IFS=: read -r file f; do \
	  pkg=./$${file%/*}; f=$${f#func }; \
	  echo "fuzz $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZ) -fuzzminimizetime 5x $$pkg || exit 1; \
	done

bench: ## each hot loop, short
	$(BENCH) $(BENCHES)

bench-baseline: ## stores what the hot loops take on this machine, in under two minutes
	@mkdir -p docs/bench
	$(BENCH) -count 6 $(BENCHES) > docs/bench/baseline.txt

bench-compare: ## runs the hot loops again and holds them against the stored figures
	@mkdir -p bin
	cd tools/benchstat && $(GO) build -o ../../bin/benchstat golang.org/x/perf/cmd/benchstat
	$(BENCH) -count 6 $(BENCHES) > bin/bench.txt
	bin/benchstat docs/bench/baseline.txt bin/bench.txt

cover:
	$(GO) test -coverprofile=cover.out $(PACKAGES)
	$(GO) tool cover -func=cover.out | tail -1

check: vet lint test race crash interop ## what CI runs, without the daemons
