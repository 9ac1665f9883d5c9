#!/usr/bin/env bash
# Installs what is missing of the given groups of packages.txt: install_packages.sh GROUP...
# Does nothing, and needs no rights, when all is there.
set -euo pipefail
list="$(dirname "$(readlink -f "$0")")/packages.txt"

packages() { # GROUP...
  for group in "$@"; do awk -v group="$group" '$1 == group { print $2 }' "$list"; done
}
installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

missing=()
for package in $(packages "$@"); do
  installed "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "Missing packages: ${missing[*]}. Install them as root; there is no sudo here." >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "Installing ${#missing[@]} packages: ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}"
