#!/bin/sh
# Refresh lock/run.txt and lock/test.txt from pyproject.toml:
#
#     sh scripts/lock.sh              keep the locked versions, add and drop what pyproject.toml says
#     sh scripts/lock.sh --upgrade    take the newest versions that pyproject.toml allows
#
# One file serves every platform and every Python from 3.11 on: a line with a marker is installed
# only where its marker is true.
set -eu
cd "$(dirname "$0")/.."
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
python3 -m venv "$tool"
"$tool/bin/python" -m pip install -q --disable-pip-version-check uv
mkdir -p lock
compile="$tool/bin/uv pip compile pyproject.toml --group build --universal --generate-hashes
  --python-version 3.11 --no-annotate --quiet"
$compile --custom-compile-command "sh scripts/lock.sh" --extra test "$@" -o lock/test.txt
# What both files name has one version, the one that was tested.
$compile --custom-compile-command "sh scripts/lock.sh" --extra pictures --constraint lock/test.txt "$@" -o lock/run.txt
