.DEFAULT_GOAL := help
.PHONY: help check test race lint fmt fuzz docs figures-safety figures-stream quickstart consul

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: ## everything that CI checks
	.ci/run

test: ## all tests, with real servers
	.ci/run readme_test

race: ## the library's tests under the race detector
	.ci/run race

lint: ## the linters, in every module
	.ci/run lint

fmt: ## format all Go files
	$$(GOWORK=off go -C tools/lint tool -n golangci-lint) fmt

fuzz: ## each fuzz target for some seconds
	.ci/run fuzz

docs: ## write the table of operators in README.md anew
	go run ./internal/operatortable

figures-safety: ## measure what README says of safety, on real servers and faults
	go run ./e2e/cmd/figures-safety

figures-stream: ## measure the stream beside rxgo, samber/ro, channels and bare functions
	go run ./e2e/cmd/figures-stream

quickstart: ## the first example
	.ci/run readme_quickstart

consul: ## build the Consul server that the tests run, 4 minutes the first time, and start it once
	go test -count=1 -run '^TestServerKeepsItsDataOverAKill$$' ./e2e/consulserver
