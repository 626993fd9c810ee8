"""Scenarios as TOML files that people read and write (config/scenarios/*.toml). No I/O but the file itself.

    seed = 1
    duration_s = 60.0
    about.en = "..."                       # and about.nl

    [[sensor]]                             # count = 8 makes eight with following serial numbers
    serial = "SIM-0001"
    bed = "ambience"                       # a name or label, or a list: the first that exists

    [[sound]]
    at_s = 12.0
    play = "shout"
    heard_by = { "SIM-0001" = 0.0, "SIM-0002" = -9.0 }     # dB

    [[action]]
    at_s = 20.0
    do = "unplug"                          # the other keys are the fields of `scenario.Unplug`
    sensor = "SIM-0001"

An unknown key or a value of the wrong kind is a `ScenarioError` that says where.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from firmware_bridge.simulator.faulty_line import FaultRates
from firmware_bridge.simulator.scenario import (
    MAX_SENSORS,
    Action,
    Bed,
    Calibrator,
    Faults,
    Plug,
    Reboot,
    Scenario,
    ScenarioError,
    SensorScript,
    Skew,
    SoundPlayed,
    Stall,
    Unplug,
    WrongBaud,
    repeated,
)

_ACTIONS: dict[str, type[Action]] = {
    "bed": Bed,
    "calibrator": Calibrator,
    "unplug": Unplug,
    "plug": Plug,
    "reboot": Reboot,
    "faults": Faults,
    "wrong_baud": WrongBaud,
    "stall": Stall,
    "skew": Skew,
}
_MAX_SKEW_PPM = 1000.0
_LONGEST_S = 7 * 86400.0
# What a sensor may say of itself, and what is safe as the name of a port.
_SERIAL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,23}")
# Bounds of numbers that an action may give; all others only must not be negative.
_BOUNDS = {
    **{field.name: (0.0, 1.0) for field in fields(FaultRates)},
    "ppm": (-_MAX_SKEW_PPM, _MAX_SKEW_PPM),
    "level_db": (0.0, 160.0),
    "frequency_hz": (50.0, 10_000.0),
    "stability_db": (0.0, 60.0),
    "distortion_percent": (0.0, 100.0),
}
_LANGUAGES = ("en", "nl")


def load_scenario(path: Path) -> Scenario:
    """Read one scenario; its name is the file's. ScenarioError if it is not one, OSError if unreadable."""
    try:
        return parse_scenario(path.stem, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ScenarioError(f"not UTF-8 text: {error}", where=str(path)) from error
    except ScenarioError as error:
        where = f"{path}, {error.where}" if error.where else str(path)
        raise ScenarioError(error.what, where=where, hint=error.hint) from error


def parse_scenario(name: str, text: str) -> Scenario:
    """A scenario from its TOML text."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"not TOML: {error}") from error
    _known_keys(table, ("seed", "duration_s", "about", "sensor", "sound", "action"), "the file")
    duration_s = _number(table.get("duration_s"), "duration_s", "the file", low=0.0, high=_LONGEST_S)
    about = table.get("about", {})
    if not isinstance(about, dict):
        raise ScenarioError("about is a table with en and nl", where="the file")
    _known_keys(about, _LANGUAGES, "about")
    return Scenario(
        name=name,
        seed=_whole(table.get("seed", 1), "seed", "the file"),
        duration_s=duration_s,
        sensors=_sensors(_tables(table, "sensor")),
        sounds=tuple(_sound(t, where, duration_s) for t, where in _tables(table, "sound")),
        actions=tuple(_action(t, where, duration_s) for t, where in _tables(table, "action")),
        about=tuple((lang, _text(about[lang], lang, "about")) for lang in _LANGUAGES if lang in about),
    )


def _sensors(tables: Iterable[tuple[dict[str, Any], str]]) -> tuple[SensorScript, ...]:
    sensors: list[SensorScript] = []
    for table, where in tables:
        _known_keys(table, ("serial", "says_serial", "bed", "skew_ppm", "mic_error_db", "count"), where)
        script = SensorScript(
            serial=_serial(table.get("serial"), "serial", where),
            bed=_words(table.get("bed", []), "bed", where),
            skew_ppm=_number(
                table.get("skew_ppm", 0), "skew_ppm", where, low=-_MAX_SKEW_PPM, high=_MAX_SKEW_PPM
            ),
            mic_error_db=_number(table.get("mic_error_db", 0), "mic_error_db", where, low=-20, high=20),
            says_serial=_serial(table["says_serial"], "says_serial", where) if "says_serial" in table else "",
        )
        count = _whole(table.get("count", 1), "count", where, low=1, high=MAX_SENSORS)
        sensors += repeated((script,), count)
    return tuple(sensors)


def _sound(table: dict[str, Any], where: str, duration_s: float) -> SoundPlayed:
    _known_keys(table, ("at_s", "play", "heard_by", "every_s"), where)
    play = _words(table.get("play", []), "play", where)
    heard_by = table.get("heard_by")
    if not play or not isinstance(heard_by, dict) or not heard_by:
        raise ScenarioError(
            "a sound needs play and heard_by",
            where=where,
            hint='For example heard_by = { "SIM-0001" = 0.0 }.',
        )
    return SoundPlayed(
        at_s=_number(table.get("at_s"), "at_s", where, low=0.0, high=duration_s),
        play=play,
        heard_by=tuple(
            (serial, _number(gain, serial, where, low=-80, high=80)) for serial, gain in heard_by.items()
        ),
        every_s=_number(table["every_s"], "every_s", where, low=1.0) if "every_s" in table else 0.0,
    )


def _action(table: dict[str, Any], where: str, duration_s: float) -> Action:
    word = _text(table.get("do"), "do", where)
    kind = _ACTIONS.get(word)
    if kind is None:
        raise ScenarioError(
            f"nothing is known about do = {word!r}", where=where, hint=_suggestion(word, _ACTIONS)
        )
    known = {field.name: field for field in fields(kind)}
    _known_keys(table, ("do", *known), where)
    values = {}
    for name, field in known.items():
        if name in table:
            values[name] = _value(field, table[name], where)
        elif field.default is MISSING:
            raise ScenarioError(f"{word} needs {name}", where=where)
    if values["at_s"] > duration_s:
        raise ScenarioError(f"at_s is after the end ({duration_s} s)", where=where)
    return kind(**values)


def _value(field: Field[Any], value: Any, where: str) -> Any:
    if field.type == "bool":
        if not isinstance(value, bool):
            raise ScenarioError(f"{field.name} is true or false", where=where)
        return value
    if field.type == "str":
        return _serial(value, "port", where) if field.name == "port" else _text(value, field.name, where)
    low, high = _BOUNDS.get(field.name, (0.0, math.inf))
    return _number(value, field.name, where, low=low, high=high)


def _tables(table: dict[str, Any], key: str) -> list[tuple[dict[str, Any], str]]:
    """The tables of a [[key]] list, each with how to call it in an error."""
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ScenarioError(f"{key} is written [[{key}]]", where="the file")
    return [(entry, f"{key} {number}") for number, entry in enumerate(found, 1)]


def _known_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    known = list(known)
    for key in table:
        if key not in known:
            raise ScenarioError(f"unknown key {key}", where=where, hint=_suggestion(key, known))


def _suggestion(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {close[0]}?" if close else f"Known are {', '.join(known)}."


def _number(value: Any, name: str, where: str, *, low: float = -math.inf, high: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScenarioError(f"{name} is a number", where=where)
    if not low <= value <= high:
        raise ScenarioError(f"{name} is {value}, it must be in {low:g}..{high:g}", where=where)
    return float(value)


def _whole(value: Any, name: str, where: str, *, low: int = 0, high: int = 2**63) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ScenarioError(f"{name} is a whole number in {low}..{high}", where=where)
    return value


def _text(value: Any, name: str, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ScenarioError(f"{name} is text", where=where)
    return value


def _serial(value: Any, name: str, where: str) -> str:
    text = _text(value, name, where)
    if not _SERIAL.fullmatch(text):
        raise ScenarioError(f"{name} is {text!r}, it may have 1 to 24 of A-Z a-z 0-9 . _ -", where=where)
    return text


def _words(value: Any, name: str, where: str) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list):
        raise ScenarioError(f"{name} is a name or a list of names", where=where)
    return tuple(_text(word, name, where) for word in words)
