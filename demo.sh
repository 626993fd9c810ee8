#!/bin/sh
# See it work, from nothing: a broker, simulated sensors that replay recorded sounds, and their alerts, live.
#   ./demo.sh            what is given goes to `agw demo` (try --help)
# Needs python3 and python3-venv; makes .venv in the checkout.
set -eu
cd "$(dirname "$0")"
PYTHON=${PYTHON:-python3}
VENV=.venv

lacking() {
    echo "demo.sh: $1" >&2
    exit 2
}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    lacking "needs Python 3.11 or newer (or say which: PYTHON=/path/to/python3.11 ./demo.sh)"
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
    lacking "needs Python's venv module: apt-get install python3-venv"

# A copied or moved checkout leaves an environment behind whose programs no longer start.
echo "installing the gateway into $VENV (the first time this takes a few minutes)"
"$VENV/bin/python" -c 'import pip' 2>/dev/null || "$PYTHON" -m venv --clear "$VENV"
"$VENV/bin/python" -m pip install --disable-pip-version-check --quiet '.[demo]'
exec "$VENV/bin/agw" demo "$@"
