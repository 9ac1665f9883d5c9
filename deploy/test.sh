#!/usr/bin/env bash
# Installs what is missing, builds the release preset and passes the whole test suite.
# Further arguments go to ctest, e.g.: deploy/test.sh -R optimiser
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
deploy/install_packages.sh build test
cmake --preset release
cmake --build --preset release
ctest --preset release "$@"
