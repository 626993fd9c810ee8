"""`agw`: one command per task, each in its own file under `gateway/tools`, loaded only when asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from gateway.errors import GatewayError
from gateway.exit_codes import MEANING, ExitCode
from gateway.settings.error import SettingsError
from gateway.version import release


class Tool(Protocol):
    """What a module under `gateway/tools` offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int: ...


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand. module: under gateway.tools; summary: its line in `agw --help`."""

    name: str
    summary: str

    @property
    def module(self) -> str:
        return f"gateway.tools.{self.name}"

    def load(self) -> Tool:
        return cast(Tool, importlib.import_module(self.module))


COMMANDS = (
    Command("run", "run the gateway in the field"),
    Command("demo", "see it work: a broker, simulated sensors and their alerts, all on this machine"),
    Command("simulate", "simulated sensors on pseudo-terminals or in memory"),
    Command("replay", "captures and sound files through the exact pipeline, faster than real time"),
    Command("record", "write down what a port receives"),
    Command("monitor", "live levels, scores and link health of one sensor"),
    Command("watch", "alerts as the control room receives them from a broker"),
    Command("coverage", "for how long each sensor was listened to, hour by hour"),
    Command("telemetry", "scores and levels of one sensor, second by second, of the last seven days"),
    Command("calibrate", "calibrate a sensor with a sound calibrator"),
    Command("check", "settings, ports, model, broker, disk and clock: what is wrong, and the next step"),
    Command("config", "the settings in force, their reference, their schema, an example"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; argv: without the program's name. Returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # No option of the top level takes a value, so the first plain word is the command.
    name = next((word for word in arguments if not word.startswith("-")), None)
    command = next((known for known in COMMANDS if known.name == name), None)
    tool = None if command is None else command.load()
    parser = _parser(command, tool)
    args = parser.parse_args(arguments)
    if tool is None or command is None:
        parser.print_help()
        return ExitCode.USAGE
    return _run(command, tool, args)


def _parser(chosen: Command | None, tool: Tool | None) -> argparse.ArgumentParser:
    codes = "\n".join(f"  {code.value:<4} {meaning}" for code, meaning in MEANING.items())
    parser = argparse.ArgumentParser(
        prog="agw",
        description="Edge gateway for acoustic aggression sensors.",
        epilog=f"exit codes:\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"agw {release()}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.name, help=command.summary, description=command.summary)
        if command is chosen and tool is not None:
            tool.add_arguments(subparser)
    return parser


def _run(command: Command, tool: Tool, args: argparse.Namespace) -> int:
    try:
        code = tool.run(args)
        sys.stdout.flush()
        return code
    except SettingsError as problem:
        print(problem, file=sys.stderr)
        return ExitCode.USAGE
    except GatewayError as problem:
        print(f"agw {command.name}: {problem}", file=sys.stderr)
        return ExitCode.UNAVAILABLE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # `agw watch | head`: Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.READER_GONE


if __name__ == "__main__":
    raise SystemExit(main())
