#!/bin/sh
# The test command: from a clean clone to a verdict. Lint, types, then every test; a skipped test fails it.
#   tests/run.sh            all of it
#   tests/run.sh -k outbox  what is given goes to pytest
# Needs Debian 12 (or a relative) with python3 and python3-venv; makes .venv-test in the checkout.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=.venv-test

lacking() {
    echo "tests/run.sh: $1" >&2
    exit 2
}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    lacking "needs Python 3.11 or newer (or say which: PYTHON=/path/to/python3.11 tests/run.sh)"
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
    lacking "needs Python's venv module: apt-get install python3-venv"

# Delivery is tested against a real broker, Debian's mosquitto; the service unit with systemd's own checker.
PATH="$PATH:/usr/sbin:/usr/local/sbin"
packages=
command -v mosquitto >/dev/null || packages="$packages mosquitto"
command -v systemd-analyze >/dev/null || packages="$packages systemd"
if [ -n "$packages" ]; then
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null ||
        lacking "needs programs that are not here: sudo apt-get install$packages"
    echo "installing$packages"
    apt-get update -qq
    # shellcheck disable=SC2086 - a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi

# A copied or moved checkout leaves an environment behind whose programs no longer start.
"$VENV/bin/python" -c 'import pip' 2>/dev/null || "$PYTHON" -m venv --clear "$VENV"
echo "installing the gateway and its test tools into $VENV"
"$VENV/bin/python" -m pip install --disable-pip-version-check --quiet --editable '.[dev]'

PATH="$PWD/$VENV/bin:$PATH"
ruff check .
mypy
exec python -m pytest -p tests.support.no_skips -ra "$@"
