export GOTOOLCHAIN := go1.27.3
export GOFLAGS := -trimpath
export PATH := $(shell go env GOPATH 2>/dev/null)/bin:$(PATH)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILD   := CGO_ENABLED=0 go build -ldflags "-s -w -X main.version=$(VERSION)"
LINT    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZ    ?= 30s
ADDR    ?= 127.0.0.1:8090
DIR     ?= pb_data

.PHONY: help run build web test check-generated test-go test-web test-browser lint bench fuzz chaos generate tools clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build everything and start Longshore with a local agent
	bin/longshore serve --http $(ADDR) --dir $(DIR)

build: web ## build bin/longshore: one static file with the web app inside
	$(BUILD) -o bin/longshore .

web: pb_public/dist/index.html ## build the web app into pb_public/dist

pb_public/dist/index.html: web/node_modules/.package-lock.json $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null) api/openapi.yaml
	cd web && npm run build

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

test: check-generated test-web test-go ## run everything: Go with the race detector, web unit tests, browser tests

check-generated: web/node_modules/.package-lock.json ## types for Go and TypeScript are those of api/openapi.yaml
	scripts/check-generated.sh

test-go: tools build ## Go tests with the race detector, on real parts
	scripts/test-go.sh

test-web: web/node_modules/.package-lock.json ## web unit tests, types and lint
	cd web && npm run lint && npm run check:types && npm test

test-browser: tools build ## the main job in a real Chromium alone
	CGO_ENABLED=0 go test -count=1 -run Browser -v ./e2e

tools: ## install what the tests need, from Debian where that may be done
	scripts/tools.sh

lint: ## style gates for Go and web
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	go run $(LINT) run
	cd web && npm run lint

bench: build ## benchmarks: figures as ratios within one run (docs/benchmarks.md)
	scripts/bench.sh

fuzz: ## fuzz the readers of outside input, each for FUZZ (30s)
	scripts/fuzz.sh $(FUZZ)

chaos: build ## longer storms
	scripts/chaos.sh

generate: ## protobuf and API types
	go generate ./...
	cd web && npm run types

clean: ## remove what was built
	rm -rf bin web/node_modules pb_public/dist/assets pb_public/dist/index.html
