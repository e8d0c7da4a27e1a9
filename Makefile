# `make` lists what can be done. The scripts do the work and can be called without make.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build the server and start it: development profile, data in ./data
	GATEHOUSE_PROFILE=development GATEHOUSE_DATA_DIR=./data bin/gatehouse serve $(ARGS)

.PHONY: build
build: ## build bin/gatehouse as it is released: static, stripped, small
	VERSION='$(VERSION)' scripts/build bin/ ./cmd/...

.PHONY: image
image: ## build the container image in bin/image, without a container engine (ARCHITECTURES=amd64 for one)
	VERSION='$(VERSION)' scripts/image

.PHONY: test
test: ## every test with the race detector, on SQLite, PostgreSQL and MariaDB (ARGS='./internal/web -run Name' for some)
	scripts/test $(ARGS)

.PHONY: test-cluster
test-cluster: ## install the chart in a Kubernetes cluster of one node, whose pods really run: root on Debian (ARGS='-test.run Development')
	scripts/test-cluster $(ARGS)

.PHONY: quick
quick: ## the tests without the race detector: while working
	scripts/with-databases --fast go test $(or $(ARGS),./...)

.PHONY: check
check: ## gofmt, go mod tidy, go vet, import rules, lint, known vulnerabilities
	scripts/check

.PHONY: lint
lint: ## golangci-lint alone (ARGS=--fix mends what it can)
	go tool -modfile=tools/go.mod golangci-lint run $(ARGS) ./...

.PHONY: golden
golden: ## write the golden files anew; look at the diff before you commit it
	scripts/with-databases --fast go test $$(grep -rlE --include='*_test.go' 'flag\.Bool\("update"' internal cmd bench | xargs -r -n1 dirname | sort -u | sed 's|^|./|') -update

.PHONY: fuzz
fuzz: ## every fuzz test, one after another (FUZZTIME=30s each)
	scripts/fuzz $(or $(FUZZTIME),30s)

.PHONY: bench
bench: ## throughput and latency of each workload on SQLite and PostgreSQL (ARGS=-h for what can be chosen)
	scripts/with-databases go run ./bench $(ARGS)

.PHONY: clean
clean: ## remove what was built; ./data stays
	rm -rf bin
