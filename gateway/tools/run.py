"""`agw run`: the gateway in the field, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway.app import App, follow_log_to_stderr
from gateway.exit_codes import ExitCode
from gateway.settings.load import DEFAULT_SETTINGS_PATH, load_settings
from gateway.tools.until_stopped import until_stopped

_LOOK_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings", type=Path, default=DEFAULT_SETTINGS_PATH, help=f"default: {DEFAULT_SETTINGS_PATH}"
    )


def run(args: argparse.Namespace) -> int:
    loaded = load_settings(args.settings)
    follow_log_to_stderr(loaded.values.log.level)
    app = App(loaded)
    with until_stopped() as stopping:
        try:
            app.start()
            while not (stopping.is_set() or app.ended.is_set()):
                stopping.wait(_LOOK_S)
        finally:
            app.stop()
    if app.failure is not None:
        print(f"agw run: ended by {app.failure!r}", file=sys.stderr)
        return ExitCode.FAILED
    return ExitCode.OK
