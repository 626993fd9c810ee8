"""`agw watch`: alerts as a control room receives them from a broker, one line each.

It only looks, and confirms nothing, unless it is told to receive: then each alert is stored before the
gateway gets a receipt, and shown once, also over restarts.

Exit codes: 0 the end that was asked for; 1 the time was over before the alerts asked for came; 2 the command
line is wrong; 3 the broker was never reached; 130 Ctrl-C; 141 the reader of the output went away.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from control_room.broker_address import BrokerAddress, parse_url
from control_room.ledger_error import LedgerError
from control_room.watcher import ReceiveAs, Watcher
from gateway.errors import GatewayError
from gateway.exit_codes import ExitCode

__all__ = ["Watcher", "add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--broker", default="mqtt://localhost:1883", metavar="URL", help="mqtt://host:port or mqtts://"
    )
    parser.add_argument(
        "--backup-broker", metavar="URL", help="the gateways' second broker, if they have one"
    )
    parser.add_argument(
        "--protocol", choices=("5", "3.1.1"), default="5", help="version of MQTT that the brokers speak"
    )
    parser.add_argument(
        "--receive-as", metavar="NAME", help="give receipts as this receiver of the gateways' settings"
    )
    parser.add_argument(
        "--store", type=Path, metavar="FILE", help="what --receive-as remembers of what it received"
    )
    parser.add_argument("--site", help="only this site")
    parser.add_argument("--gateway", help="only this gateway")
    parser.add_argument("--lang", choices=("nl", "en"), default="en", help="language of the lines")
    parser.add_argument("--json", action="store_true", help="payloads as JSON, one a line")
    parser.add_argument(
        "--why", action="store_true", help="score and level around each sound, drawn below it"
    )
    parser.add_argument("--count", type=_positive_int, metavar="N", help="end after N alert lines")
    parser.add_argument(
        "--for", dest="for_s", type=_positive, metavar="SECONDS", help="end after so many seconds"
    )
    parser.add_argument("--username", help="name to log in with")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="its first line is the password")
    parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="certificate of who signed the broker's (with mqtts://)"
    )
    parser.add_argument("--cert", type=Path, metavar="FILE", help="own certificate")
    parser.add_argument("--key", type=Path, metavar="FILE", help="private key of --cert")


def run(args: argparse.Namespace) -> int:
    try:
        watcher = Watcher(
            _address(args, args.broker),
            args.lang,
            sys.stdout,
            as_json=args.json,
            why=args.why,
            notices=sys.stderr,
            site=args.site,
            gateway=args.gateway,
            backup=None if args.backup_broker is None else _address(args, args.backup_broker),
            receive_as=_receive_as(args),
        )
    except ValueError as problem:
        print(f"agw watch: {problem}", file=sys.stderr)
        return ExitCode.USAGE
    try:
        watcher.start()
    except LedgerError as problem:
        raise _as_ours(problem) from problem
    try:
        enough = watcher.wait(lambda seen: args.count is not None and seen.alerts >= args.count, args.for_s)
    finally:
        watcher.stop()
    if isinstance(watcher.failure, LedgerError):
        raise _as_ours(watcher.failure)
    if watcher.failure is not None:
        raise watcher.failure
    if not watcher.was_connected:
        return ExitCode.UNAVAILABLE
    return ExitCode.OK if enough or args.count is None else ExitCode.FOUND


def _receive_as(args: argparse.Namespace) -> ReceiveAs | None:
    """Raises ValueError when only one of the two options is given."""
    if (args.receive_as is None) != (args.store is None):
        raise ValueError("--receive-as and --store belong together: a receipt promises to have it still")
    return None if args.receive_as is None else ReceiveAs(args.receive_as, args.store)


def _as_ours(problem: LedgerError) -> GatewayError:
    what = f"{problem.what} ({problem.detail})" if problem.detail else problem.what
    return GatewayError(what, where=problem.where, hint=problem.hint)


def _address(args: argparse.Namespace, url: str) -> BrokerAddress:
    """Raises ValueError for a bad URL, GatewayError for a password file that cannot be read."""
    address = parse_url(url)
    password = None if args.password_file is None else _first_line(args.password_file)
    return replace(
        address,
        username=args.username or address.username,
        password=password,
        ca=args.ca,
        cert=args.cert,
        key=args.key,
        mqtt5=args.protocol == "5",
    )


def _first_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise GatewayError(f"the password file cannot be read: {problem}", where=str(path)) from problem
    return lines[0] if lines else ""


def _positive(text: str) -> float:
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError("a number of seconds above 0")
    return value


def _positive_int(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("a whole number from 1")
    return value
