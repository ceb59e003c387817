#!/usr/bin/env bash
# Benchmarks on real parts; docs/benchmarks.md says what is set side by side.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-trimpath
CGO_ENABLED=0 go test -run '^$' -bench . -benchtime 1x -timeout 60m -v ./e2e
CGO_ENABLED=0 go test -run '^$' -bench . -timeout 20m ./collections ./dispatch ./storage
# A round of BenchmarkProgress takes ten seconds of live updates; changes are averaged over some hundred.
CGO_ENABLED=0 go test -run '^$' -bench Progress -benchtime 1x -timeout 20m ./progress
CGO_ENABLED=0 go test -run '^$' -bench StatusChange -benchtime 300x -timeout 20m ./progress
# An admin's pages at 100,000 jobs.
CGO_ENABLED=0 go test -run '^$' -bench Admin -timeout 20m ./api
# Percentiles want some thousand requests; a torrent of 100,000 files is submitted twice.
CGO_ENABLED=0 go test -run '^$' -bench 'List(Jobs|Files)|Submit/' -benchtime 2000x -timeout 20m ./api
CGO_ENABLED=0 go test -run '^$' -bench SubmitOfManyFiles -benchtime 2x -timeout 20m ./api
