"""`agw config`: check a settings file and show what is in force; the reference, the schema, an example."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gateway.exit_codes import ExitCode
from gateway.resources import config_root
from gateway.settings.effective import effective
from gateway.settings.load import DEFAULT_SETTINGS_PATH, load_settings
from gateway.settings.reference import reference, schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings",
        "--file",
        type=Path,
        default=DEFAULT_SETTINGS_PATH,
        metavar="FILE",
        help="settings file (default: %(default)s)",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--show", action="store_true", help="check, and print what is in force")
    what.add_argument("--reference", action="store_true", help="every key with bounds, default and meaning")
    what.add_argument("--schema", action="store_true", help="the JSON Schema of a settings file")
    what.add_argument("--example", action="store_true", help="a settings file to start from")


def run(args: argparse.Namespace) -> int:
    if args.reference:
        print(reference(), end="")
    elif args.schema:
        print(json.dumps(schema(), indent=2))
    elif args.example:
        print((config_root() / "gateway.example.toml").read_text(encoding="utf-8"), end="")
    else:
        print(effective(load_settings(args.settings)), end="")
    return ExitCode.OK
