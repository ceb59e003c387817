#!/usr/bin/env bash
# Go tests: packages with the race detector, then the whole product with the built binary.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-trimpath
packages=$(go list ./... | grep -vE '/e2e$')
# shellcheck disable=SC2086
CGO_ENABLED=1 go test -race -timeout 15m $packages
CGO_ENABLED=0 go vet ./e2e
CGO_ENABLED=0 go test -count=1 -timeout 20m -v ./e2e
