"""The settings in force as TOML: what the file sets, what is default, and secrets as "***"."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import msgspec

from gateway.decisions.rules import DEFAULT_RULES
from gateway.settings.kinds import toml_value
from gateway.settings.load import LoadedSettings
from gateway.settings.rules_in_force import RULE_KEYS, SetKey, apply_settings, class_settings, set_keys
from gateway.settings.toml_locator import KeyPath

_DEFAULT = "  # default"


def effective(loaded: LoadedSettings) -> str:
    """Every key that has a value, with the rule of each class spelled out; reads as settings again."""
    lines = [f"# {loaded.path}"]
    _write_table(lines, (), loaded.values, loaded.lines)
    for name in DEFAULT_RULES:
        lines += _class_lines(name, loaded)
    return "\n".join(lines) + "\n"


def _write_table(lines: list[str], path: KeyPath, table: msgspec.Struct, given: Container[KeyPath]) -> None:
    inner: list[tuple[KeyPath, Any]] = []
    for key in table.__struct_fields__:
        value = getattr(table, key)
        if isinstance(value, msgspec.Struct) or _is_array_of_tables(value):
            inner.append(((*path, key), value))
        elif value is not None:
            lines.append(f"{key} = {toml_value(value)}" + ("" if (*path, key) in given else _DEFAULT))
    for inner_path, value in inner:
        header = ".".join(part for part in inner_path if isinstance(part, str))
        if path == ("decision",) and inner_path[-1] in DEFAULT_RULES:
            continue  # spelled out with its built-in values by the caller
        if isinstance(value, msgspec.Struct):
            lines += ["", f"[{header}]"]
            _write_table(lines, inner_path, value, given)
        else:
            for index, element in enumerate(value):
                lines += ["", f"[[{header}]]"]
                _write_table(lines, (*inner_path, index), element, given)


def _class_lines(name: str, loaded: LoadedSettings) -> list[str]:
    """One class's rule in force, and where each value of it comes from."""
    decision = loaded.values.decision
    keys = set_keys(decision, name)
    lines = ["", f"[decision.{name}]"]
    origin = "" if ("decision", name, "enabled") in loaded.lines else _DEFAULT
    lines.append(f"enabled = {toml_value(class_settings(decision, name).enabled)}{origin}")
    rule = apply_settings(DEFAULT_RULES[name], keys)
    for key in RULE_KEYS:
        value = toml_value(getattr(rule, key))
        if key in ("on_score", "off_score") and "on_score" not in keys:
            lines.append(f"# {key}: the model's own, else {value}")
        else:
            lines.append(f"{key} = {value}{_origin(keys.get(key))}")
    return lines


def _origin(key: SetKey | None) -> str:
    if key is None:
        return _DEFAULT
    return "  # from [decision]" if len(key.path) == 2 else ""


def _is_array_of_tables(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], msgspec.Struct)
