#!/bin/sh
# The test command: from a clean clone to a verdict. Lint, types, then every test; a skipped test fails it.
#   tests/run.sh            all of it
#   tests/run.sh -k outbox  what is given goes to pytest
# Needs Debian 12 (or a relative) with python3 and python3-venv; makes .venv-test in the checkout, with the model
# runtime ai-edge-litert, and .venv-tflite with tflite-runtime, in which what touches the model is tested as well.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=.venv-test
TFLITE_VENV=.venv-tflite
# Everything whose outcome may depend on the runtime: the same windows, captures and events as in the other.
TFLITE_TESTS="tests/gateway/test_classifier.py tests/gateway/test_model_package.py tests/gateway/test_replay.py
    tests/training/test_runtimes.py tests/training/test_default_model.py
    tests/end_to_end/test_golden_captures.py tests/end_to_end/test_silence.py tests/regression"

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

install() { # python, environment, extras
    # A copied or moved checkout leaves an environment behind whose programs no longer start.
    "$2/bin/python" -c 'import pip' 2>/dev/null || "$1" -m venv --clear "$2"
    echo "installing the gateway and its test tools into $2"
    "$2/bin/python" -m pip install --disable-pip-version-check --quiet --editable ".[$3]"
}

tests_with_tflite_runtime() {
    echo "with tflite-runtime:"
    # shellcheck disable=SC2086 - a list of files
    EXPECTED_RUNTIME=tflite_runtime "$TFLITE_VENV/bin/python" -m pytest -p tests.support.no_skips -ra $TFLITE_TESTS
}

failed=0
if [ $# -eq 0 ]; then
    # tflite-runtime's last release has no wheel for a later Python.
    older=$PYTHON
    "$older" -c 'import sys; sys.exit(sys.version_info >= (3, 12))' || older=python3.11
    command -v "$older" >/dev/null || lacking "needs python3.11 as well, for the environment with tflite-runtime"
    install "$older" "$TFLITE_VENV" tflite-runtime,tests
    tests_with_tflite_runtime || failed=1
fi
install "$PYTHON" "$VENV" dev
PATH="$PWD/$VENV/bin:$PATH"
ruff check .
mypy
python -m pytest -p tests.support.no_skips -ra "$@" || failed=1
[ $failed -eq 0 ] || echo "tests/run.sh: not passed" >&2
exit $failed
