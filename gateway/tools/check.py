"""`agw check`: what is wrong with this installation, and the next step; one line each."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.checkup import Finding, check_up
from gateway.clock import HostClock
from gateway.exit_codes import ExitCode
from gateway.phrases import Language
from gateway.settings.error import SettingsError
from gateway.settings.load import DEFAULT_SETTINGS_PATH, load_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings",
        type=Path,
        default=DEFAULT_SETTINGS_PATH,
        metavar="FILE",
        help="settings file (default: %(default)s)",
    )
    parser.add_argument("--lang", choices=("nl", "en"), help="default: that of the settings")


def run(args: argparse.Namespace) -> int:
    try:
        loaded = load_settings(args.settings)
    except SettingsError as problem:
        language: Language = args.lang or "en"  # the settings cannot say theirs
        for line in problem.lines:
            print(Finding("fail", "settings", "as_said", {"text": line}).line(language))
        return ExitCode.FOUND
    language = args.lang or loaded.values.gateway.language
    failed = False
    for finding in check_up(loaded, language, HostClock()):
        failed = failed or finding.state == "fail"
        print(finding.line(language), flush=True)  # a check may take seconds
    return ExitCode.FOUND if failed else ExitCode.OK
