"""Hold a parsed TOML document against the types of the settings and name all that is wrong with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from msgspec import inspect

from gateway.settings.kinds import (
    UNITS,
    Kind,
    expectation,
    item_of,
    kind_of,
    misfit,
    table_of,
    toml_value,
    unit_of,
    walk,
)
from gateway.settings.toml_locator import KeyPath

_AMOUNT = re.compile(r"\s*([-+]?\d+(?:[.,]\d+)?)\s*([^\s\d]*)\s*")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right.

    path: the key, missing or not; what, fix: clauses for a person; other: the key it clashes with.
    """

    path: KeyPath
    what: str
    fix: str
    other: KeyPath | None = None


def check_document(document: Mapping[str, Any], root: inspect.StructType) -> list[Problem]:
    """Every key that is unknown, missing or does not fit, in the order of the document."""
    return list(_Checker(root).table(document, root, ()))


class _Checker:
    def __init__(self, root: inspect.StructType) -> None:
        self._root = root

    def table(self, table: Mapping[str, Any], struct: inspect.StructType, path: KeyPath) -> Iterator[Problem]:
        fields = {field.name: field for field in struct.fields}
        for key, value in table.items():
            if key in fields:
                yield from self._value(value, key, kind_of(fields[key].type), (*path, key))
            else:
                yield self._unknown(key, value, fields, path)
        for key, field in fields.items():
            if field.required and key not in table:
                yield self._missing(key, kind_of(field.type), path)

    def _value(self, value: Any, key: str, kind: Kind, path: KeyPath) -> Iterator[Problem]:
        struct = table_of(kind)
        if struct is None:
            yield from self._plain(value, key, kind, path)
        elif item_of(kind) is None:
            if isinstance(value, dict):
                yield from self.table(value, struct, path)
            else:
                header = ".".join(str(part) for part in path)
                what = "is a table, not a single value"
                yield Problem(path, what, f"Write its keys under a line [{header}]")
        elif _is_tables(value):
            for index, item in enumerate(value):
                yield from self.table(item, struct, (*path, index))
        else:
            yield Problem(path, "can stand several times", f"Write [[{key}]] with double brackets above each")

    def _plain(self, value: Any, key: str, kind: Kind, path: KeyPath) -> Iterator[Problem]:
        item = item_of(kind)
        if item is None:
            why = misfit(value, key, kind)
            if why is not None:
                yield Problem(path, why, _fix(key, value, kind))
        elif not isinstance(value, list):
            yield Problem(path, f"is not {expectation(key, kind)}", f"For example {_example(key, kind)}")
        else:
            for index, element in enumerate(value):
                why = misfit(element, key, kind_of(item))
                if why is not None:
                    what = f"element {index + 1} {why}"
                    yield Problem((*path, index), what, f"For example {_example(key, kind)}")

    def _unknown(
        self, key: str, value: Any, fields: Mapping[str, inspect.Field], path: KeyPath
    ) -> Problem:
        noun = "section" if isinstance(value, dict) or _is_tables(value) else "key"
        what = f"there is no such {noun}"
        near = _same_but_for_unit(key, fields) or next(iter(get_close_matches(key, fields, 1)), None)
        if near is not None:
            return Problem((*path, key), what, f"Did you mean {_spelled(near, key, value, fields, path)}?")
        elsewhere = [".".join(known) for known, _ in walk(self._root) if known[-1] == key][:3]
        if elsewhere:
            return Problem((*path, key), what, f"Did you mean {' or '.join(elsewhere)}?")
        return Problem((*path, key), what, f"Known here: {', '.join(fields)}")

    def _missing(self, key: str, kind: Kind, path: KeyPath) -> Problem:
        struct = table_of(kind)
        if struct is not None:
            wanted = ", ".join(field.name for field in struct.fields if field.required)
            return Problem((*path, key), "this section is missing", f"Add a section [{key}] with {wanted}")
        return Problem((*path, key), "is missing", f"Add {_example(key, kind)}")


def _spelled(
    near: str, key: str, value: Any, fields: Mapping[str, inspect.Field], path: KeyPath
) -> str:
    """The known key as it would stand in the file: with brackets, or with its value in its own unit."""
    kind = kind_of(fields[near].type)
    if table_of(kind) is not None:
        header = ".".join(str(part) for part in (*path, near) if isinstance(part, str))
        return f"[[{header}]]" if item_of(kind) is not None else f"[{header}]"
    amount = _converted(value, key, near)
    return near if amount is None else f"{near} = {toml_value(amount)}"


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _fix(key: str, value: Any, kind: Kind) -> str:
    amount = _converted(value, key, key)
    if amount is not None and isinstance(kind.type, inspect.IntType) and amount.is_integer():
        amount = int(amount)
    if amount is not None and misfit(amount, key, kind) is None:
        return f"Write {key} = {toml_value(amount)}"
    if isinstance(kind.type, inspect.LiteralType) and isinstance(value, str):
        near = get_close_matches(value.lower(), [str(allowed) for allowed in kind.type.values], 1, 0.4)
        if near:
            return f"Write {key} = {toml_value(near[0])}"
    return f"For example {_example(key, kind)}"


def _example(key: str, kind: Kind) -> str:
    if kind.examples:
        return f"{key} = {toml_value(kind.examples[0])}"
    return f"{key} = ... ({expectation(key, kind)})"


def _same_but_for_unit(key: str, fields: Mapping[str, inspect.Field]) -> str | None:
    """`hold_ms` and `hold` mean `hold_s`."""
    for known in fields:
        suffix = unit_of(known)
        if suffix and key in _other_spellings(known.removesuffix(suffix), suffix):
            return known
    return None


def _other_spellings(stem: str, suffix: str) -> set[str]:
    return {stem, *(f"{stem}_{unit}" for unit in UNITS[suffix][1])}


def _converted(value: Any, written_key: str, key: str) -> float | None:
    """The amount that was meant, in the unit of `key`: "3s", "3000 ms", or a key of another unit."""
    suffix = unit_of(key)
    factors = UNITS[suffix][1] if suffix else {}
    if isinstance(value, str):
        match = _AMOUNT.fullmatch(value)
        if match is None:
            return None
        unit = match[2].lower()
        if unit and unit not in factors:
            return None
        return round(float(match[1].replace(",", ".")) * (factors[unit] if unit else 1.0), 6)
    if written_key != key and isinstance(value, int | float) and not isinstance(value, bool):
        return round(value * factors.get(written_key.rpartition("_")[2], 1.0), 6)
    return None
