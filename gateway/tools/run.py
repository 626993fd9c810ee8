"""`agw run`: the gateway in the field, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import faulthandler
import sys
from pathlib import Path

from gateway.app import App, follow_log_to_stderr
from gateway.exit_codes import ExitCode
from gateway.settings.load import DEFAULT_SETTINGS_PATH, load_settings
from gateway.supervision.overseer import Overseer
from gateway.supervision.systemd import ServiceManager
from gateway.tools.until_stopped import until_stopped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings", type=Path, default=DEFAULT_SETTINGS_PATH, help=f"default: {DEFAULT_SETTINGS_PATH}"
    )


def run(args: argparse.Namespace) -> int:
    loaded = load_settings(args.settings)
    follow_log_to_stderr(loaded.values.log.level)
    faulthandler.enable()  # a watchdog's SIGABRT and a crash in a library leave the stacks of all threads
    app = App(loaded)
    overseer = Overseer(app.beats, ServiceManager.of_environment())
    with until_stopped() as stopping:
        try:
            app.start()
            overseer.watch(stopping, app.ended)
        finally:
            app.stop()
    if app.failure is not None:
        print(f"agw run: ended by {app.failure!r}", file=sys.stderr)
        return ExitCode.FAILED
    return ExitCode.OK
