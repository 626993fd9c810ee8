"""The settings explained from their own types: the reference page and the JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from gateway.decisions.rules import DEFAULT_RULES
from gateway.secret import Secret
from gateway.settings.kinds import Kind, expectation, item_of, kind_of, struct_type, table_of, toml_value
from gateway.settings.rules_in_force import RULE_KEYS, built_in
from gateway.settings.schema import Settings

_INTRODUCTION = """\
# Settings

One TOML file, by default `/etc/aggression-gateway/gateway.toml`. This page is the output of
`agw config --reference`; do not edit it. `agw config --example` prints a file to start from, and
`agw config --settings FILE` checks a file and prints what is in force.

A key that is not listed here is an error. Numbers carry their unit in the name of the key: `_s` seconds,
`_db` decibels, `_deg` degrees. File names are relative to the settings file.
"""
def reference() -> str:
    """Every section and key as a Markdown page."""
    sections = [_section_text(section) for section in _sections(struct_type(Settings))]
    return "\n".join([_INTRODUCTION, *sections, _built_in_rules()])


def schema() -> dict[str, Any]:
    """JSON Schema of a parsed settings file, for editors."""
    return msgspec.json.schema(Settings, schema_hook=_secret_schema)


def _secret_schema(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string", "format": "password"}
    raise NotImplementedError(kind)


@dataclass(frozen=True, slots=True)
class _Section:
    """Tables of one shape. headers: as in the file, brackets included; keys: but for inherited ones."""

    headers: tuple[str, ...]
    struct: inspect.StructType
    keys: tuple[inspect.Field, ...]
    repeated: bool


def _sections(struct: inspect.StructType, above: str = "") -> Iterator[_Section]:
    shapes: dict[type, list[tuple[str, Kind]]] = {}
    for field in struct.fields:
        kind = kind_of(field.type)
        table = table_of(kind)
        if table is not None:
            shapes.setdefault(table.cls, []).append((f"{above}{field.name}", kind))
    for members in shapes.values():
        kind = members[0][1]
        table = table_of(kind)
        assert table is not None
        repeated = item_of(kind) is not None
        headers = tuple(f"[[{name}]]" if repeated else f"[{name}]" for name, _ in members)
        keys = tuple(
            field
            for field in table.fields
            if table_of(kind_of(field.type)) is None and field.name not in _shared(struct.cls, table.cls)
        )
        yield _Section(headers, table, keys, repeated)
        yield from _sections(table, f"{members[0][0]}.")


def _shared(outer: type, inner: type) -> set[str]:
    """Keys that a table has from the same base as the table around it, where they are explained already."""
    bases = set(outer.__mro__) & set(inner.__mro__)
    shared = [base for base in bases if issubclass(base, msgspec.Struct) and base is not msgspec.Struct]
    return {name for base in shared for name in base.__struct_fields__}


def _section_text(section: _Section) -> str:
    title = ", ".join(f"`{header}`" for header in section.headers)
    note = "\nMay stand several times.\n" if section.repeated else ""
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for field in section.keys:
        kind = kind_of(field.type)
        value = expectation(field.name, kind).replace('"', "`")
        rows.append(f"| `{field.name}` | {value} | {_default(field, kind.optional)} | {kind.meaning} |")
    table = "\n".join(rows)
    return f"## {title}\n\n{_first_line(section.struct)}\n{note}\n{table}\n"


def _default(field: inspect.Field, optional: bool) -> str:
    if field.required:
        return "**required**"
    return "-" if optional else f"`{toml_value(field.default)}`"


def _first_line(struct: inspect.StructType) -> str:
    return (struct.cls.__doc__ or "").strip().splitlines()[0]


def _built_in_rules() -> str:
    """What each class goes by as long as the settings say nothing else."""
    names = list(DEFAULT_RULES)
    rows = ["| key | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for key in RULE_KEYS:
        values = " | ".join(toml_value(built_in(name, key)) for name in names)
        rows.append(f"| `{key}` | {values} |")
    text = "\n".join(rows)
    return f"""\
## Built-in rules

What holds while the settings say nothing else. `on_score` and `off_score` are those of the model where it
states its own.

{text}
"""
