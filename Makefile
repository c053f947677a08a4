# Tools are installed into .cache, which git ignores; a new version here is a new file there.
GOLANGCI_VERSION   := v2.15.0
GORELEASER_VERSION := v2.16.0
VEGETA_VERSION     := v12.13.0
ACTIONLINT_VERSION := v1.7.12
COMPOSE_VERSION    := v2.16.2
KUBE_VERSION       := v0.0.4
FUZZTIME           ?= 30s
HISTORIES          ?= 10000
MILLIONS           ?= 12
CLIENTS            ?= 3000
DURATION           ?= 45s
BROKER             ?= embedded kafka
REPETITIONS        ?= 3
HOURS              ?= 1
STEP               ?= 10s
SOAK               ?= 5m

TOOLS      := $(CURDIR)/.cache/bin
GOLANGCI   := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
GORELEASER := $(TOOLS)/goreleaser-$(GORELEASER_VERSION)
VEGETA     := $(TOOLS)/vegeta-$(VEGETA_VERSION)
ACTIONLINT := $(TOOLS)/actionlint-$(ACTIONLINT_VERSION)
COMPOSE    := $(TOOLS)/compose-$(COMPOSE_VERSION)
KUBE       := $(TOOLS)/kubectl-validate-$(KUBE_VERSION)
# goreleaser asks git where the project is at home, and dates nothing where it cannot tell.
ORIGIN     := GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=remote.origin.url GIT_CONFIG_VALUE_0=https://github.com/emostream/emostream
VENV       := $(CURDIR)/.cache/pyvenv

.PHONY: help build test lint simulate mutants test-long test-kafka test-kafka-client chaos recovery test-python fuzz bench bench-ingest bench-loadgen cross release-check bench-overload picture test-registry soak bench-fanout test-day test-unit test-pages deploy-check release-files snapshot reproducible test-packages release
help: ## What can be made (this)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

build: ## bin/emostream
	go build -trimpath -o bin/emostream ./cmd/emostream

test: ## All tests that need nothing but Go and a C compiler, under the race detector
	go test -race -timeout 10m ./...

# Of the others some need tools, and some are about processes and terminals as Unix has them.
test-unit: ## Tests of the packages alone, which pass on every system
	go test -timeout 10m $$(go list ./... | grep -vE '/(cmd|chaos|e2e|fanbench|house|kafkatest|process)(/|$$)')

lint: $(GOLANGCI) ## The linters, the format, and the tests of the lint rules
	$(GOLANGCI) run ./...
	$(GOLANGCI) fmt --diff ./...
	go test ./internal/proof/house

simulate: ## HISTORIES (default 10000) histories of failures of the counting, and of the way into the log
	go test -count=1 -timeout 60m -run 'Histories$$' ./internal/proof/simulation ./internal/kafka -histories $(HISTORIES)

mutants: ## Break every rule of the promise, one at a time: a history or a test must notice
	go test -count=1 -timeout 60m -run TestMutants ./internal/proof/simulation -mutants

test-long: ## A history of MILLIONS (default 12) of reactions, and a restart after it
	EMOSTREAM_TEST_LONG=$(MILLIONS) go test -count=1 -timeout 60m -run LongHistory -v ./internal/proof/e2e

test-registry: ## CLIENTS (default 3000) join through two copies of serve; then a subscriber server is killed, and one is stopped
	EMOSTREAM_TEST_REGISTRY=$(CLIENTS) go test -count=1 -timeout 5m -run 'Registry$$' -v ./internal/proof/e2e

test-kafka: ## Tests on three Apache Kafka brokers (needs Java 17; Maven the first time)
	go build -o $(TOOLS)/kafkatest ./internal/proof/kafkatest/cmd/kafkatest
	$(TOOLS)/kafkatest -brokers 3 -- go test -count=1 -p 1 -timeout 20m ./internal/proof/kafkatest ./internal/proof/e2e

test-kafka-client: ## The tests of internal/kafka on three Apache Kafka brokers, too
	go build -o $(TOOLS)/kafkatest ./internal/proof/kafkatest/cmd/kafkatest
	$(TOOLS)/kafkatest -brokers 3 -- go test -count=1 -timeout 20m ./internal/kafka

chaos: build ## Kill, pause and restart real processes for DURATION (default 45s), on BROKER=embedded or kafka (default both)
	go build -o $(TOOLS)/chaos ./internal/proof/chaos/cmd/chaos
	@set -e; for broker in $(BROKER); do \
		$(TOOLS)/chaos -program bin/emostream -broker $$broker -duration $(DURATION) $(if $(SEED),-seed $(SEED)); \
	done

recovery: build ## How late windows are when copies of aggregate come and go (REPETITIONS of each, default 3; BROKER as above)
	go build -o $(TOOLS)/chaos ./internal/proof/chaos/cmd/chaos
	@set -e; for broker in $(BROKER); do \
		$(TOOLS)/chaos -program bin/emostream -broker $$broker -scenario recovery -repetitions $(REPETITIONS); \
	done

soak: ## What listeners do to a subscriber server for SOAK (default 5m): nothing of it may stay
	EMOSTREAM_TEST_SOAK=$(SOAK) go test -count=1 -timeout 60m -run '^TestSoak$$' -v ./internal/proof/e2e

test-python: $(VENV)/requirements.txt ## Tests with clients of the Python system, and of tables with DuckDB (needs Python 3)
	EMOSTREAM_TEST_PYTHON=$(VENV)/bin/python go test -count=1 -timeout 5m -run 'Python|Recording' ./internal/proof/e2e

test-pages: build ## Every command of README.md and docs/getting-started.md, as it stands there (needs tmux, curl; ports 5000 to 5006, 9092)
	PATH="$(CURDIR)/bin:$$PATH" EMOSTREAM_TEST_PAGES=$(CURDIR) go test -count=1 -timeout 10m -run '^TestPages$$' -v ./internal/proof/e2e

test-day: $(VENV)/requirements.txt ## A day of ten million reactions exported, read back, and HOURS (default 1) of it replayed at 100 times (needs Python 3)
	EMOSTREAM_TEST_PYTHON=$(VENV)/bin/python EMOSTREAM_TEST_DAY=10 EMOSTREAM_TEST_HOURS=$(HOURS) go test -count=1 -timeout 60m -run '^TestDay$$' -v ./internal/proof/e2e

picture: build ## docs/tui.svg anew, an animated picture of tui (needs tmux, Python 3)
	python3 docs/picture.py bin/emostream docs/tui.svg

fuzz: ## Every fuzz target for FUZZTIME (default 30s)
	@set -e; for pkg in $$(go list ./...); do \
		list=$$(go test -list '^Fuzz' $$pkg); \
		for target in $$(echo "$$list" | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

bench-loadgen: $(VEGETA) ## The load generator beside wrk and vegeta (needs wrk, from the distribution)
	go build -o $(TOOLS)/emostream ./cmd/emostream
	EMOSTREAM_PEERS=$(TOOLS) go test -count=1 -timeout 10m -v -run '^TestPeers$$' ./loadgen

bench-ingest: ## Taking reactions in beside a bare HTTP server, STEP (default 10s) each (needs wrk, and Java 17)
	go build -o $(TOOLS)/kafkatest ./internal/proof/kafkatest/cmd/kafkatest
	$(TOOLS)/kafkatest -brokers 1 -- env EMOSTREAM_BENCH_INGEST=$(STEP) go test -count=1 -timeout 20m -v -run '^TestIngestBench$$' ./internal/proof/e2e

bench-overload: ## A main server at one to five times what it takes, STEP (default 10s) each (Linux)
	EMOSTREAM_TEST_OVERLOAD=$(STEP) go test -count=1 -timeout 20m -v -run '^TestOverload$$' ./internal/proof/e2e

bench-fanout: build ## Thousands of listeners beside nchan (nginx and libnginx-mod-nchan, from the distribution); FANBENCH: flags
	go build -o $(TOOLS)/fanbench ./internal/fanbench/cmd/fanbench
	$(TOOLS)/fanbench -program bin/emostream $(FANBENCH)

bench: ## Every Go benchmark
	go test -run xxx -bench . -benchmem ./...

# With the flags of a release, which then finds all of it compiled.
cross: ## Whether everything builds for every system that is released
	@set -e; for os in linux darwin windows; do for arch in amd64 arm64; do \
		echo "$$os/$$arch"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -o /dev/null ./...; \
	done; done

deploy-check: $(ACTIONLINT) $(COMPOSE) $(KUBE) ## Whether the workflows, deploy/compose.yaml and deploy/kubernetes are valid
	$(ACTIONLINT)
	$(COMPOSE) deploy/compose.yaml >/dev/null
	$(KUBE) deploy/kubernetes

release-check: $(GORELEASER) ## Whether the release configuration is valid
	$(GORELEASER) check

# What a release has beside the program. The release's own hook calls it.
release-files: RELEASE := CGO_ENABLED=0 go run -trimpath -ldflags '-X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)' ./cmd/emostream
release-files:
	rm -rf .cache/release
	mkdir -p .cache/release/completions
	$(RELEASE) man --quiet .cache/release/man
	gzip -9n .cache/release/man/*
	$(RELEASE) completion bash >.cache/release/completions/emostream.bash
	$(RELEASE) completion zsh >.cache/release/completions/_emostream
	$(RELEASE) completion fish >.cache/release/completions/emostream.fish
	$(RELEASE) completion powershell >.cache/release/completions/emostream.ps1
	$(RELEASE) config init --quiet --config .cache/release/emostream.yaml >/dev/null

snapshot: $(GORELEASER) ## Everything of a release that needs neither keys nor Docker, into dist
	$(ORIGIN) HOMEBREW_TAP_TOKEN= $(GORELEASER) release --snapshot --clean --skip=publish,sign,sbom,docker

reproducible: snapshot ## Whether what was committed, built again in another folder, is the same byte for byte
	rm -rf .cache/again
	git clone --quiet . .cache/again
	$(MAKE) -C .cache/again snapshot TOOLS=$(TOOLS)
	@diff dist/checksums.txt .cache/again/dist/checksums.txt || { echo "not the same: is all committed? $$(git status --short | head -n 1)" >&2; exit 1; }
	@wc -l <dist/checksums.txt | xargs printf '%s files are the same\n'
	rm -rf .cache/again

test-packages: ## The packages that make snapshot left in dist, installed into a folder and run, and the pages' commands with them (needs root; dpkg, systemd, rpm, strace, setpriv, tmux, curl; ports 5000 to 5006, 9092)
	.ci/packages

# By the workflow of a tag, which has the keys.
release: $(GORELEASER)
	$(GORELEASER) release --clean

$(GOLANGCI): VERSION := $(GOLANGCI_VERSION)
$(GOLANGCI): PACKAGE := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(GORELEASER): VERSION := $(GORELEASER_VERSION)
$(GORELEASER): PACKAGE := github.com/goreleaser/goreleaser/v2
$(VEGETA): VERSION := $(VEGETA_VERSION)
$(VEGETA): PACKAGE := github.com/tsenart/vegeta/v12
$(ACTIONLINT): VERSION := $(ACTIONLINT_VERSION)
$(ACTIONLINT): PACKAGE := github.com/rhysd/actionlint/cmd/actionlint
$(COMPOSE): VERSION := $(COMPOSE_VERSION)
$(COMPOSE): PACKAGE := github.com/compose-spec/compose-go/v2/cmd
$(KUBE): VERSION := $(KUBE_VERSION)
$(KUBE): PACKAGE := sigs.k8s.io/kubectl-validate
$(GOLANGCI) $(GORELEASER) $(VEGETA) $(ACTIONLINT) $(COMPOSE) $(KUBE):
	GOBIN=$@.new go install $(PACKAGE)@$(VERSION)
	mv $@.new/* $@ && rmdir $@.new
	ln -sf $(@F) $(@:-$(VERSION)=)

$(VENV)/requirements.txt: internal/proof/e2e/testdata/python/requirements.txt
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	cp $< $@
