#!/usr/bin/env bash
# Storms: what is killed is killed again and again. ROUNDS (10) says how often.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-trimpath
CGO_ENABLED=0 go test -count="${ROUNDS:-10}" -timeout 60m -run 'Killed|Away' -v ./e2e
