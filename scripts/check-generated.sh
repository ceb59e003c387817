#!/usr/bin/env bash
# Fails when the types for Go and TypeScript are not those that api/openapi.yaml generates now. It changes nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-trimpath
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
generator=$(sed -n 's|^//go:generate go run \([^ ]*\) .*|\1|p' api/wire/doc.go)
root=$PWD
(cd "$temp" && go run "$generator" -config "$root/api/wire/config.yaml" "$root/api/openapi.yaml")
diff -u api/wire/wire.gen.go "$temp/wire.gen.go" || { echo "api/wire is not generated from api/openapi.yaml: make generate" >&2; exit 1; }
cd web
npm run --silent check:types || { echo "web/src/shared/api is not generated from api/openapi.yaml: make generate" >&2; exit 1; }
