.DEFAULT_GOAL := help
.PHONY: help check test race lint fmt fuzz docs simulate model mutants figures-safety figures-stream figures-election quickstart consul

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

simulate: ## a million fault schedules for the state machine, thousands for real members and real clients, in virtual time
	go test -count=1 -run '^TestSimulation$$' . -v -simulation.seeds=1000000 -timeout 0
	go test -count=1 -run '^TestMembers$$' ./internal/simulation -v -simulation.seeds=10000 -timeout 0
	go test -count=1 -run '^TestSimulation$$' ./sources/consul ./e2e/bubble -v -simulation.seeds=200 -timeout 0

model: ## search the model of the election exhaustively, with spin
	.ci/model

mutants: ## show that the simulation finds deliberate bugs
	.ci/run mutants

figures-safety: simulate model mutants ## all figures of docs/safety.md: the three above, then real servers and faults; about two hours
	go run ./e2e/cmd/figures-safety -soak.png docs/soak.png

figures-election: ## measure handovers, crashes, rolling restarts and what candidates cost beside the stores' own clients; a quarter of an hour
	go run ./e2e/cmd/figures-election

figures-stream: ## measure the stream beside rxgo, samber/ro, channels and bare functions
	go run ./e2e/cmd/figures-stream

quickstart: ## the first example
	.ci/run readme_quickstart

consul: ## build the Consul server that the tests run, 4 minutes the first time, and start it once
	go test -count=1 -run '^TestServerKeepsItsDataOverAKill$$' ./e2e/consulserver
