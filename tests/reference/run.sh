#!/bin/sh
# Checks the reference against the test vectors and against a binary:
#
#     tests/reference/run.sh REENACT
#
# What it installs lies in a temporary folder.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || { echo "usage: $0 REENACT" >&2; exit 64; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

quietly() {
    "$@" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
}

quietly python3 -m venv "$folder/venv"
quietly "$folder/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
export PYTHONDONTWRITEBYTECODE=1
quietly "$folder/venv/bin/python" "$here/check_vectors.py"
quietly "$folder/venv/bin/python" "$here/check_recording.py" "$1" --changes 60
echo "reference: vectors and recordings agree"
