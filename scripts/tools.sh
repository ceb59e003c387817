#!/usr/bin/env bash
# Installs what the tests need and is missing. On Debian as root it installs packages;
# elsewhere it says what to install.
set -euo pipefail

declare -A package=(
  [transmission-daemon]=transmission-daemon
  [transmission-remote]=transmission-cli
  [aria2c]=aria2
  [qbittorrent-nox]=qbittorrent-nox
  [opentracker]=opentracker
  [chromium]=chromium
  [sqlite3]=sqlite3
)

missing=()
for program in "${!package[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package[$program]}")
done
# Modules of Debian's own Python, whatever else is called python3.
/usr/bin/python3 -c 'import aiosmtpd' 2>/dev/null || missing+=(python3-aiosmtpd)
[ "${#missing[@]}" -eq 0 ] && exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  # Debian starts some of them at once; the tests start their own.
  for service in transmission-daemon opentracker; do
    service "$service" stop >/dev/null 2>&1 || true
  done
  exit 0
fi
echo "The tests need these Debian packages: ${missing[*]}" >&2
exit 1
