# The versions of the tools, which are installed into .cache (git ignores it). A new version here is a new file there.
GOLANGCI_VERSION    := v2.15.0
GORELEASER_VERSION  := v2.16.0
VEGETA_VERSION      := v12.13.0
ACTIONLINT_VERSION  := v1.7.12
COMPOSE_VERSION     := v2.16.2
KUBE_VERSION        := v0.0.4
GOVULNCHECK_VERSION := v1.9.0
CYCLONEDX_VERSION   := v1.10.0
# Where the live database of vulnerabilities cannot be reached.
VULNDB_VERSION      := v0.0.0-20261105234957-e22db6528018

TOOLS       := $(CURDIR)/.cache/bin
GOLANGCI    := $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)
GORELEASER  := $(TOOLS)/goreleaser-$(GORELEASER_VERSION)
VEGETA      := $(TOOLS)/vegeta-$(VEGETA_VERSION)
ACTIONLINT  := $(TOOLS)/actionlint-$(ACTIONLINT_VERSION)
COMPOSE     := $(TOOLS)/compose-$(COMPOSE_VERSION)
KUBE        := $(TOOLS)/kubectl-validate-$(KUBE_VERSION)
GOVULNCHECK := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)
CYCLONEDX   := $(TOOLS)/cyclonedx-gomod-$(CYCLONEDX_VERSION)
VENV        := $(CURDIR)/.cache/pyvenv
LIBS        := $(CURDIR)/.cache/clients
SERVERS     := $(CURDIR)/.cache/targets
LOGIN       := $(CURDIR)/.cache/login
BROWSER     := $(CURDIR)/.cache/browser
# goreleaser asks git where the project is at home, and dates nothing where it cannot tell.
ORIGIN      := GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=remote.origin.url GIT_CONFIG_VALUE_0=https://github.com/emostream/emostream

# What of the pages is for pages of others, too.
NPM_FILES   := emostream.js emostream.d.ts floating.js emostream-crowd.js overlay-parameters.js demo.js

# What may be said on the command line, as in make soak DURATION=20s, and what is taken otherwise.
HISTORIES   ?= 10000
MILLIONS    ?= 12
CLIENTS     ?= 3000
REPETITIONS ?= 3
BROKER      ?= embedded kafka
# The commit that make test-upgrade runs beside this one: the last one before what strangers can send was bounded.
EARLIER     ?= 68e9d6fe6cbce905c6893d2d07c18a9dcb88fb25
chaos: DURATION ?= 45s
fuzz:  DURATION ?= 30s
hostile: DURATION ?= 20s
soak:  DURATION ?= 5m
bench-ingest bench-overload: DURATION ?= 10s
bench-page: DURATION ?= 2m
bench-page-memory: DURATION ?= 30m
bench-fanout: LISTENERS ?= 8000
bench-fanout-https: LISTENERS ?= 5000
bench-fanout-tickets: LISTENERS ?= 8000

# Flags of a package's tests stand behind the package; internal/proof/e2e/flags_test.go says what each does.
E2E := go test -count=1 -v ./internal/proof/e2e

.DEFAULT_GOAL := help
.PHONY: help
help: # Lists the targets whose line has a text after ##, in the groups that lines with ##@ begin.
	@awk -F ':.*## ' '/^##@ / { printf "%s%s\n", again, substr($$0, 5); again = "\n" } /^[a-z0-9-]+:.*## / { printf "  make %-20s  %s\n", $$1, $$2 }' Makefile

##@ Daily

.PHONY: build test test-unit lint
build: ## builds bin/emostream
	go build -trimpath -o bin/emostream ./cmd/emostream

# Many tests wait for processes and windows, so that three packages at a time keep two processors busy. Browsers keep them
# busy by themselves, and have make test-browser.
test: ## all tests that need nothing but Go and a C compiler, under the race detector
	go test -race -timeout 10m -p $$(($$(getconf _NPROCESSORS_ONLN) * 3 / 2)) $$(go list ./... | grep -v '/proof/browser$$')

# Of the others some need tools, and some are about processes and terminals as Unix has them.
test-unit: ## the tests of single packages, which pass on every system
	go test -timeout 10m $$(go list ./... | grep -vE '/(browser|cmd|chaos|e2e|house|kafkatest|process)(/|$$)')

lint: $(GOLANGCI) ## the linters, the format, and the tests of the lint rules
	$(GOLANGCI) run ./...
	$(GOLANGCI) fmt --diff ./...
	go test ./internal/proof/house

##@ Proofs that need only Go

.PHONY: simulate mutants fuzz test-long test-registry soak
# In a history one goroutine runs at a time. So a process for each processor, with a collector that comes rarely, needs half
# of the time that one process for all of them needs.
simulate: ## HISTORIES=10000 histories of failures of the counting, and of the way into the log
	@set -e; processes=$$(getconf _NPROCESSORS_ONLN); each=$$((($(HISTORIES) + processes - 1) / processes)); \
	for package in internal/proof/simulation internal/kafka; do \
		go test -c -o $(TOOLS)/histories ./$$package; \
		echo "$$package: $$processes processes, $$each histories of each kind in each"; \
		seq 1 $$each $(HISTORIES) | GOMAXPROCS=1 GOGC=800 xargs -P $$processes -I FROM \
			$(TOOLS)/histories -test.timeout 60m -test.run 'Histories$$' -histories $$each -from FROM; \
	done

mutants: ## breaks every rule of the promise, one at a time; a history or a test must notice
	go test -count=1 -timeout 60m -run TestMutants ./internal/proof/simulation -mutants

fuzz: ## every fuzz target for DURATION=30s
	@set -e; for pkg in $$(go list ./...); do \
		list=$$(go test -list '^Fuzz' $$pkg); \
		for target in $$(echo "$$list" | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(DURATION) $$pkg; \
		done; \
	done

test-long: ## MILLIONS=12 of reactions, and then a restart
	$(E2E) -timeout 60m -run '^TestLongHistory$$' -millions $(MILLIONS)

test-registry: ## CLIENTS=3000 join six subscriber servers, of which one is killed and one is stopped
	$(E2E) -timeout 5m -run '^TestRegistry$$' -clients $(CLIENTS)

soak: ## listeners come, stall and misbehave for DURATION=5m; nothing of it may stay (Linux)
	$(E2E) -timeout 60m -run '^TestSoak$$' -duration $(DURATION)

##@ Proofs that need more

.PHONY: chaos recovery hostile test-upgrade test-kafka test-kafka-client test-python test-browser test-clients test-targets test-login test-day test-pages
# The servers want tokens and tickets on the brokers of KEYS.
chaos: KEYS ?= embedded
chaos: build ## kills, pauses, restarts processes for DURATION=45s; BROKER='embedded kafka' (Java 17)
	go build -o $(TOOLS)/chaos ./internal/proof/chaos/cmd/chaos
	@set -e; for broker in $(BROKER); do \
		case ' $(KEYS) ' in *" $$broker "*) keys=true ;; *) keys=false ;; esac; \
		$(TOOLS)/chaos -program bin/emostream -broker $$broker -keys=$$keys -duration $(DURATION) $(if $(SEED),-seed $(SEED)); \
	done

recovery: build ## how late windows are when aggregate comes and goes, REPETITIONS=3; BROKER likewise (Java 17)
	go build -o $(TOOLS)/chaos ./internal/proof/chaos/cmd/chaos
	@set -e; for broker in $(BROKER); do \
		$(TOOLS)/chaos -program bin/emostream -broker $$broker -scenario recovery -repetitions $(REPETITIONS); \
	done

# Its own network is one that the command makes for itself; docs/hostile.md says what else it can be told.
hostile: build ## attacks of one stranger for DURATION=20s each, while 400 others tap and listen (Linux, iproute2)
	go build -o $(TOOLS)/hostile ./internal/proof/hostile/cmd/hostile
	$(TOOLS)/hostile -program bin/emostream -duration $(DURATION) $(HOSTILE)

test-upgrade: ## the program of commit EARLIER beside this one, in every mixture of stages; BROKER likewise (Java 17)
	go build -o $(TOOLS)/kafkatest ./internal/proof/kafkatest/cmd/kafkatest
	@set -e; for broker in $(BROKER); do \
		if [ $$broker = kafka ]; then with='$(TOOLS)/kafkatest -brokers 1 --'; else with=; fi; \
		$$with $(E2E) -timeout 10m -run '^TestUpgrade' -earlier $(EARLIER); \
	done

test-kafka: ## the end-to-end tests on three Apache Kafka brokers (Java 17; Maven the first time)
	go build -o $(TOOLS)/kafkatest ./internal/proof/kafkatest/cmd/kafkatest
	$(TOOLS)/kafkatest -brokers 3 -- go test -count=1 -p 1 -timeout 20m ./internal/proof/kafkatest ./internal/proof/e2e

test-kafka-client: ## the tests of internal/kafka on three Apache Kafka brokers (the same)
	go build -o $(TOOLS)/kafkatest ./internal/proof/kafkatest/cmd/kafkatest
	$(TOOLS)/kafkatest -brokers 3 -- go test -count=1 -timeout 20m ./internal/kafka

test-python: $(VENV)/requirements.txt ## clients of the Python system, and tables read by DuckDB (Python 3)
	$(E2E) -timeout 5m -run 'Python|Recording' -python $(VENV)/bin/python

test-browser: $(BROWSER)/package-lock.json ## the pages and the module in Chromium and Firefox, also by the rules of axe-core (Node 20)
	go test -count=1 -timeout 10m ./internal/proof/browser

test-clients: $(LIBS)/python/requirements.txt $(LIBS)/node/package-lock.json $(LIBS)/java/pom.xml ## thirty client libraries and five proxies (Python 3, Node, a JDK, Maven, Chromium, nginx, Caddy, HAProxy)
	cd internal/proof/clients/testdata/go && go build -o $(LIBS)/go/ ./...
	javac -d $(LIBS)/java/classes -cp '$(LIBS)/java/libs/*' internal/proof/clients/testdata/java/*.java
	go test -count=1 -timeout 10m -v ./internal/proof/clients -tools $(LIBS) $(CROWD)

test-targets: $(SERVERS)/python/requirements.txt $(SERVERS)/node/package-lock.json ## bench against eight servers of others (Python 3, Node, nginx with nchan, Caddy, HAProxy)
	cd internal/proof/targets/testdata/go && go build -o $(SERVERS)/go/ ./mercure github.com/centrifugal/centrifugo/v6
	go test -count=1 -timeout 20m -parallel 10 -v ./internal/proof/targets -tools $(SERVERS) $(TARGETS)

test-login: $(LOGIN)/package-lock.json ## an OpenID Connect provider issues the tokens, and changes its keys (Node 20)
	$(E2E) -timeout 5m -run '^TestLogin$$' -login $(LOGIN)

test-day: $(VENV)/requirements.txt ## ten million reactions of a day exported, read, and an hour of them replayed (Python 3)
	$(E2E) -timeout 60m -run '^TestDay$$' -millions 10 -hours 1 -python $(VENV)/bin/python

test-pages: build ## types every command of README.md and of the pages for newcomers (tmux, curl; fixed ports)
	PATH="$(CURDIR)/bin:$$PATH" $(E2E) -timeout 10m -run '^TestPages$$' -pages $(CURDIR)

##@ Benchmarks

.PHONY: bench bench-page bench-page-memory bench-ingest bench-overload bench-fanout bench-fanout-https bench-fanout-tickets bench-loadgen
bench: ## every Go benchmark
	go test -run xxx -bench . -benchmem ./...

bench-ingest: ## taking reactions in, beside a bare HTTP server, for DURATION=10s each (wrk, Java 17)
	go build -o $(TOOLS)/kafkatest ./internal/proof/kafkatest/cmd/kafkatest
	$(TOOLS)/kafkatest -brokers 1 -- $(E2E) -timeout 20m -run '^TestIngestBench$$' -duration $(DURATION)

bench-overload: ## a main server asked for one to five times what it takes, for DURATION=10s each (Linux)
	$(E2E) -timeout 20m -run '^TestOverload$$' -duration $(DURATION)

bench-fanout: ## LISTENERS=8000 of a subscriber server, beside nchan, measured by bench (Linux, nginx with nchan)
	$(E2E) -timeout 30m -run '^TestFanout$$' -listeners $(LISTENERS)

bench-fanout-https: ## LISTENERS=5000 of a subscriber server over HTTPS, beside HTTP, measured by bench (Linux)
	$(E2E) -timeout 30m -run '^TestFanoutHTTPS$$' -listeners $(LISTENERS)

bench-fanout-tickets: ## LISTENERS=8000 of a subscriber server with tickets, beside one without, measured by bench (Linux)
	$(E2E) -timeout 30m -run '^TestFanoutTickets$$' -listeners $(LISTENERS)

bench-page: ## what the page and the overlay cost: first paint, and frames at 1,000 taps a second for DURATION=2m each (Chromium)
	go test -count=1 -timeout 60m -v -run '^TestPageCost$$' ./internal/proof/browser -duration $(DURATION)

bench-page-memory: ## whether the page and the overlay hold more and more memory in DURATION=30m (Chromium)
	go test -count=1 -timeout 24h -v -run '^TestMemory$$' ./internal/proof/browser -memory -duration $(DURATION)

bench-loadgen: $(VEGETA) ## the load generator, beside wrk and vegeta (wrk)
	go build -o $(TOOLS)/emostream ./cmd/emostream
	go test -count=1 -timeout 10m -v -run '^TestPeers$$' ./loadgen -peers $(TOOLS)

##@ Releases

.PHONY: cross vulncheck deploy-check snapshot reproducible test-sboms test-packages picture page-pictures release release-files npm-package
# With the flags of a release, which then finds all of it compiled.
cross: ## builds everything for every system that is released
	@set -e; for os in linux darwin windows; do for arch in amd64 arm64; do \
		echo "$$os/$$arch"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -o /dev/null ./...; \
	done; done

vulncheck: $(GOVULNCHECK) ## whether code that the program calls has known vulnerabilities (curl, jq)
	.ci/vulnerabilities $(VULNDB_VERSION)

deploy-check: $(ACTIONLINT) $(COMPOSE) $(KUBE) $(GORELEASER) ## whether the workflows, deploy/ and the release's settings are valid
	$(ACTIONLINT)
	$(COMPOSE) deploy/compose.yaml >/dev/null
	$(COMPOSE) deploy/compose.yaml deploy/compose.access.yaml >/dev/null
	$(KUBE) deploy/kubernetes
	$(GORELEASER) check

snapshot: $(GORELEASER) $(CYCLONEDX) ## everything of a release that needs neither keys nor Docker, into dist
	$(ORIGIN) HOMEBREW_TAP_TOKEN= PATH="$(TOOLS):$$PATH" $(GORELEASER) release --snapshot --clean --skip=publish,sign,docker

reproducible: snapshot ## a snapshot again, from a clone, which must be the same byte for byte
	rm -rf .cache/again
	git clone --quiet . .cache/again
	$(MAKE) -C .cache/again snapshot TOOLS=$(TOOLS)
	@diff dist/checksums.txt .cache/again/dist/checksums.txt || { echo "not the same: is all committed? $$(git status --short | head -n 1)" >&2; exit 1; }
	@wc -l <dist/checksums.txt | xargs printf '%s files are the same\n'
	rm -rf .cache/again

test-sboms: ## whether the SBOMs of make snapshot tell of what the programs hold, and licences are allowed (jq)
	.ci/sboms

test-packages: ## installs and runs what make snapshot built (root, dpkg, systemd, rpm, strace, tmux, iproute2)
	.ci/packages

picture: build ## docs/tui.svg anew, after a change of how tui looks (tmux, Python 3)
	python3 docs/picture.py bin/emostream docs/tui.svg

page-pictures: ## docs/*.webp anew, after a change of how the pages look (Chromium, an emoji font)
	go test -count=1 -timeout 10m -v -run '^TestPictures$$' ./internal/proof/browser -pictures $(CURDIR)/docs

# By the workflow of a tag, which has the keys.
release: $(GORELEASER) $(CYCLONEDX)
	PATH="$(TOOLS):$$PATH" $(GORELEASER) release --clean
	.ci/sboms

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
	.ci/licenses >.cache/release/THIRD-PARTY-LICENSES
	$(RELEASE) config init --quiet --config .cache/release/emostream.yaml >/dev/null
	$(MAKE) npm-package VERSION=$(VERSION) NPM=.cache/release

# A folder for the package, and for what stands in it.
NPM ?= .cache/npm
npm-package: VERSION ?= 0.0.0
npm-package: ## the module for pages as a package of npm, in .cache/npm (npm)
	rm -rf $(NPM)/package $(NPM)/emostream-*.tgz
	mkdir -p $(NPM)/package
	cp LICENSE server/web/npm/README.md server/web/npm/*.d.ts $(addprefix server/web/static/,$(NPM_FILES)) $(NPM)/package
	sed 's/"version": "0.0.0"/"version": "$(VERSION)"/' server/web/npm/package.json >$(NPM)/package/package.json
	cd $(NPM)/package && npm pack --silent --pack-destination ..

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
$(GOVULNCHECK): VERSION := $(GOVULNCHECK_VERSION)
$(GOVULNCHECK): PACKAGE := golang.org/x/vuln/cmd/govulncheck
$(CYCLONEDX): VERSION := $(CYCLONEDX_VERSION)
$(CYCLONEDX): PACKAGE := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
$(GOLANGCI) $(GORELEASER) $(VEGETA) $(ACTIONLINT) $(COMPOSE) $(KUBE) $(GOVULNCHECK) $(CYCLONEDX):
	GOBIN=$@.new go install $(PACKAGE)@$(VERSION)
	mv $@.new/* $@ && rmdir $@.new
	ln -sf $(@F) $(@:-$(VERSION)=)

$(VENV)/requirements.txt: internal/proof/e2e/testdata/python/requirements.txt
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	cp $< $@

$(LIBS)/python/requirements.txt: internal/proof/clients/testdata/python/requirements.txt internal/proof/clients/testdata/python/sseclient.txt
	python3 -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(@D)/sseclient --requirement $(word 2,$^)
	cp $< $@

$(SERVERS)/python/requirements.txt: internal/proof/targets/testdata/python/requirements.txt
	python3 -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	cp $< $@

$(SERVERS)/node/package-lock.json: internal/proof/targets/testdata/node/package-lock.json internal/proof/targets/testdata/node/express.mjs
	mkdir -p $(@D)
	cp $(<D)/package.json $(<D)/express.mjs $(@D)
	cp $< $@
	cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(LOGIN)/package-lock.json: internal/proof/e2e/testdata/login/package-lock.json
	mkdir -p $(@D)
	cp $(<D)/package.json $(@D)
	cp $< $(@D)
	cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(BROWSER)/package-lock.json: internal/proof/browser/testdata/node/package-lock.json
	mkdir -p $(@D)
	cp $(<D)/package.json $(@D)
	cp $< $(@D)
	cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(LIBS)/node/package-lock.json: internal/proof/clients/testdata/node/package-lock.json
	mkdir -p $(@D)
	cp $(<D)/package.json $(@D)
	cp $< $(@D)
	cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(LIBS)/java/pom.xml: internal/proof/clients/testdata/java/pom.xml
	rm -rf $(@D)
	mkdir -p $(@D)
	mvn --batch-mode --quiet --no-transfer-progress --file $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(@D)/libs
	cp $< $@
