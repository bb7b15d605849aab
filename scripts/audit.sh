#!/bin/sh
# Ask the advisory databases about every locked dependency of the service:
#
#     sh scripts/audit.sh           ends with 1 where one has a known weakness, and names it
#     sh scripts/audit.sh test      the same for what the tests install
#
# pip-audit runs in a folder of its own and installs nothing of what it asks about. It needs the
# network; run it daily, not only when something changes: the weakness is found after the release.
set -eu
cd "$(dirname "$0")/.."
what=${1:-run}
case $what in
  run | test) ;;
  *) echo "usage: sh scripts/audit.sh [test]" >&2; exit 2 ;;
esac
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
"${PYTHON:-python3}" -m venv "$tool"
"$tool/bin/python" -m pip install -q --disable-pip-version-check pip-audit
"$tool/bin/pip-audit" --require-hashes --disable-pip --progress-spinner off -r "lock/$what.txt"
