"""Read a settings file: settings that hold together, or every error at once, each with line and fix."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import GatewayError
from gateway.secret import Secret
from gateway.settings.check import Problem, check_document
from gateway.settings.error import SettingsError
from gateway.settings.kinds import decode_secret, struct_type
from gateway.settings.rules import check_rules
from gateway.settings.schema import BrokerSettings, Settings
from gateway.settings.toml_locator import KeyPath, locate_keys

DEFAULT_SETTINGS_PATH = Path("/etc/aggression-gateway/gateway.toml")

_TOML_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings and where they came from. lines: the line of each key that the file sets."""

    values: Settings
    path: Path
    lines: Mapping[KeyPath, int]

    def resolve(self, name: str) -> Path:
        """A path in the settings, which is relative to the settings file."""
        return self.path.parent / name

    @property
    def data_dir(self) -> Path:
        return self.resolve(self.values.gateway.data_dir)

    def password_of(self, broker: BrokerSettings) -> Secret | None:
        """A broker's password, from the settings or its own file; GatewayError if that cannot be read."""
        if broker.password_file is None:
            return broker.password
        path = self.resolve(broker.password_file)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as problem:
            raise GatewayError(
                f"the broker's password cannot be read ({_reason(problem)})",
                where=str(path),
                hint="Put the password on the first line and give the gateway's user the right to read it",
            ) from problem
        if not lines or not lines[0].strip():
            raise GatewayError("no password on the first line", where=str(path), hint="Write it there")
        return Secret(lines[0].strip())


def load_settings(path: Path) -> LoadedSettings:
    """Read, parse and check the file at `path`. Raises SettingsError with every error found."""
    return parse_settings(_read(path), path)


def parse_settings(text: str, path: Path) -> LoadedSettings:
    """The same from text; `path` says where it came from, for messages and for files that it names."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SettingsError([_toml_error(problem, text, path)]) from problem
    lines = locate_keys(text)
    problems = check_document(document, struct_type(Settings))
    if not problems:
        values = _convert(document, path)
        problems = check_rules(values)
        if not problems:
            return LoadedSettings(values, path, lines)
    problems.sort(key=lambda problem: _line_of(problem.path, lines))
    raise SettingsError(_text(path, problem, lines) for problem in problems)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as problem:
        fix = "Make one from the output of `agw config --example`, or name another with --settings"
        raise SettingsError([f"{path}: there is no such file. {fix}"]) from problem
    except UnicodeDecodeError as problem:
        line = problem.object.count(b"\n", 0, problem.start) + 1
        raise SettingsError([f"{path}:{line}: is not UTF-8 text. Save the file as UTF-8"]) from problem
    except OSError as problem:
        fix = "Give the gateway's user the right to read it"
        raise SettingsError([f"{path}: cannot be read ({_reason(problem)}). {fix}"]) from problem


def _convert(document: Mapping[str, Any], path: Path) -> Settings:
    try:
        return msgspec.convert(document, Settings, dec_hook=decode_secret)
    except msgspec.ValidationError as problem:  # the types know something that the check above does not
        raise SettingsError([f"{path}: {problem}. See `agw config --reference`"]) from problem


def _toml_error(problem: tomllib.TOMLDecodeError, text: str, path: Path) -> str:
    message = str(problem)
    place = _TOML_PLACE.search(message)
    line = text.count("\n") + 1
    if place is not None:
        message = message[: place.start()]
        line = int(place[1]) if place[1] else line
    return f"{path}:{line}: is not TOML: {message}. {_toml_fix(message, line, text)}"


def _toml_fix(message: str, line: int, text: str) -> str:
    written = text.splitlines()[line - 1].strip() if line <= len(text.splitlines()) else ""
    if "overwrite" in message or "twice" in message or "already" in message:
        return "Keep one of the two"
    if message == "Invalid value" and re.search(r"=\s*[-+]?\.\d", written):
        return "Write a digit before the point: 0.5"
    if message == "Invalid value":
        return 'Put text in double quotes: key = "text"'
    if ":" in written and "=" not in written:
        return "Write key = value"
    return "Correct this line"


def _line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int:
    """The line of the key itself, else of the nearest table around it; 1 when a whole section is missing."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


def _text(path: Path, problem: Problem, lines: Mapping[KeyPath, int]) -> str:
    key = ".".join(part for part in problem.path if isinstance(part, str))
    also = "" if problem.other is None else f" (line {_line_of(problem.other, lines)})"
    return f"{path}:{_line_of(problem.path, lines)}: {key}: {problem.what}{also}. {problem.fix}"


def _reason(problem: OSError | UnicodeDecodeError) -> str:
    return problem.strerror or str(problem) if isinstance(problem, OSError) else "not UTF-8"
