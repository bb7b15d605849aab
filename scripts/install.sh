#!/bin/sh
# Install Packtrail and its locked dependencies into .venv:
#
#     sh scripts/install.sh         what the service needs
#     sh scripts/install.sh test    and what its tests need
#
# Versions and hashes stand in lock/; pip refuses a file with another hash. Where .venv is up to
# date, nothing is installed. PYTHON names another interpreter than python3.
set -eu
cd "$(dirname "$0")/.."
what=${1:-run}
case $what in
  run | test) ;;
  *) echo "usage: sh scripts/install.sh [test]" >&2; exit 2 ;;
esac

is_current() {
  [ ".venv/installed-$1" -nt pyproject.toml ] && [ ".venv/installed-$1" -nt "lock/$1.txt" ]
}
if is_current "$what" || { [ "$what" = run ] && is_current test; }; then exit 0; fi

python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "Packtrail needs Python 3.11 or newer, and $python is $("$python" --version 2>&1)." >&2
  echo "Install one, or name it: PYTHON=python3.13 sh scripts/install.sh" >&2
  exit 2
fi
[ -x .venv/bin/python ] || "$python" -m venv .venv
pip=".venv/bin/python -m pip install -q --disable-pip-version-check"
$pip --require-hashes -r "lock/$what.txt"
# The checkout itself has no hash. Its build tools are locked too, so nothing else is fetched.
$pip --no-deps --no-build-isolation -e .
touch ".venv/installed-$what"
