#!/usr/bin/env bash
# Installs what is missing, builds the programs and trains the quickstart's model with six worker
# processes on this machine. Further arguments go to `gradloom run`.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
deploy/install_packages.sh build test
cmake --preset release
cmake --build --preset programs
exec build/release/bin/gradloom run deploy/examples/quickstart.yaml --workers 6 "$@"
