"""What a settings key accepts, in words: the one description that errors and reference share."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from gateway.secret import Secret


def decode_secret(kind: type, value: Any) -> Any:
    """msgspec's dec_hook: text becomes a Secret."""
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError(kind)


# A key says its unit at its end; the factors turn what people write instead into it.
UNITS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "_s": ("seconds", {"ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}),
    "_db": ("dB", {"db": 1.0, "dba": 1.0, "db(a)": 1.0}),
    "_h": ("hours", {"min": 1 / 60, "h": 1.0, "d": 24.0}),
    "_mb": ("megabytes", {"mb": 1.0, "gb": 1000.0}),
    "_hz": ("Hz", {"hz": 1.0, "khz": 1000.0}),
    "_deg": ("degrees", {"deg": 1.0, "°": 1.0}),
}


def unit_of(key: str) -> str:
    """The suffix of `key` that names its unit, or ""."""
    return next((suffix for suffix in UNITS if key.endswith(suffix)), "")


@dataclass(frozen=True, slots=True)
class Kind:
    """One key's type, unwrapped. optional: it may be left out without a default value taking its place."""

    type: inspect.Type
    optional: bool
    meaning: str
    examples: tuple[Any, ...]


def kind_of(declared: inspect.Type) -> Kind:
    """Take the `| None` and the annotations off a declared type."""
    meaning, examples, optional = "", (), False
    current = declared
    while True:
        if isinstance(current, inspect.Metadata):
            extra = current.extra_json_schema or {}
            meaning = meaning or str(extra.get("description", ""))
            examples = examples or tuple(extra.get("examples", ()))
            current = current.type
        elif isinstance(current, inspect.UnionType):
            optional = True
            (current,) = (member for member in current.types if not isinstance(member, inspect.NoneType))
        else:
            return Kind(current, optional, meaning, examples)


def item_of(kind: Kind) -> inspect.Type | None:
    """The type of a list's elements; None when `kind` is no list."""
    return kind.type.item_type if isinstance(kind.type, inspect.VarTupleType) else None


def table_of(kind: Kind) -> inspect.StructType | None:
    """The structure of a table or of an array of tables; None when the key holds a plain value."""
    found: inspect.Type = kind.type
    item = item_of(kind)
    if item is not None:
        found = kind_of(item).type
    return found if isinstance(found, inspect.StructType) else None


def struct_type(cls: type[msgspec.Struct]) -> inspect.StructType:
    found = inspect.type_info(cls)
    assert isinstance(found, inspect.StructType)
    return found


def expectation(key: str, kind: Kind) -> str:
    """What `key` accepts: "a number of seconds from 0 to 60"."""
    found = kind.type
    if isinstance(found, inspect.FloatType | inspect.IntType):
        noun = "a whole number" if isinstance(found, inspect.IntType) else "a number"
        unit = unit_of(key)
        noun += f" of {UNITS[unit][0]}" if unit else ""
        return noun + _bounds(found.ge, found.le)
    if isinstance(found, inspect.BoolType):
        return "true or false"
    if isinstance(found, inspect.LiteralType):
        return "one of " + ", ".join(toml_value(value) for value in found.values)
    if isinstance(found, inspect.StrType):
        if found.pattern is None:
            return "text" if not found.min_length else "non-empty text"
        return f"text of at most {found.max_length} of the characters A-Z a-z 0-9 _ -"
    if isinstance(found, inspect.VarTupleType):
        if table_of(kind) is not None:
            return f"an array of tables, each under [[{key}]]"
        return f"a list, each {expectation(key, kind_of(found.item_type))}"
    if isinstance(found, inspect.StructType):
        return "a table"
    return "text (secret)"


def _bounds(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f" from {_short(low)} to {_short(high)}"


def _short(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def misfit(value: Any, key: str, kind: Kind) -> str | None:
    """Why a plain value does not fit: "is true, not a number of seconds"; None when it fits."""
    if fits(value, kind.type):
        return None
    if isinstance(kind.type, inspect.CustomType):
        return f"is not {expectation(key, kind)}"  # never show what may be a password
    return f"is {_noun(value)}, not {expectation(key, kind)}"


def fits(value: Any, found: inspect.Type) -> bool:
    if isinstance(found, inspect.IntType):
        return isinstance(value, int) and not isinstance(value, bool) and _inside(value, found)
    if isinstance(found, inspect.FloatType):
        return isinstance(value, float | int) and not isinstance(value, bool) and _inside(value, found)
    if isinstance(found, inspect.BoolType):
        return isinstance(value, bool)
    if isinstance(found, inspect.LiteralType):
        return isinstance(value, str) and value in found.values
    if isinstance(found, inspect.StrType):
        return isinstance(value, str) and _text_fits(value, found)
    return isinstance(value, str)  # a Secret


def _inside(value: float, found: inspect.IntType | inspect.FloatType) -> bool:
    low = -math.inf if found.ge is None else found.ge
    high = math.inf if found.le is None else found.le
    return math.isfinite(value) and low <= value <= high


def _text_fits(value: str, found: inspect.StrType) -> bool:
    if found.max_length is not None and len(value) > found.max_length:
        return False
    if found.min_length is not None and len(value) < found.min_length:
        return False
    return found.pattern is None or re.fullmatch(found.pattern, value) is not None


def _noun(value: Any) -> str:
    if isinstance(value, str):
        return f"the text {toml_value(value)}"
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    return toml_value(value)


def toml_value(value: Any) -> str:
    """One plain value or list of them as TOML text; a secret as "***"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, str | Secret):
        # JSON's escapes are TOML's, which wants one more.
        return msgspec.json.encode(str(value)).decode().replace("\x7f", "\\u007f")
    return str(value)


def walk(
    struct: inspect.StructType, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], inspect.Field]]:
    """Every key of the settings, tables after their own plain keys, arrays of tables as one level."""
    later: list[tuple[tuple[str, ...], inspect.StructType]] = []
    for field in struct.fields:
        table = table_of(kind_of(field.type))
        if table is None:
            yield (*path, field.name), field
        else:
            later.append(((*path, field.name), table))
    for inner, table in later:
        yield from walk(table, inner)
