from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.settings.toml_locator import KeyPath, locate_keys

DOCUMENT = '''\
# first line
[gateway]
site = "plein" # [not.a.table]
"quoted key" = 1
tags = [
  "a", # "b"
  "]",
]

[[sensor]]
id = "one"
[sensor.place]
zone = "noord"
[[sensor]]
place.zone = "zuid"
place.cameras = ["c1", "c2"]

[decision.shout]
hold_s = 3.0
[decision."glass break"]
text = """
[decision.fake]
hold_s = 1 \\""" still inside"""""
after = {a = 1, 'b c' = [ {d = 2} ]}
literal = 'C:\\'
'''


def paths_of(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths_of(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths_of(item, (*path, index))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("gateway",), 2),
        (("gateway", "site"), 3),
        (("gateway", "quoted key"), 4),
        (("gateway", "tags"), 5),
        (("gateway", "tags", 0), 6),
        (("gateway", "tags", 1), 7),
        (("sensor",), 10),
        (("sensor", 0), 10),
        (("sensor", 0, "id"), 11),
        (("sensor", 0, "place"), 12),
        (("sensor", 0, "place", "zone"), 13),
        (("sensor", 1), 14),
        (("sensor", 1, "place"), 15),
        (("sensor", 1, "place", "zone"), 15),
        (("sensor", 1, "place", "cameras", 1), 16),
        (("decision",), 18),
        (("decision", "shout", "hold_s"), 19),
        (("decision", "glass break"), 20),
        (("decision", "glass break", "text"), 21),
        (("decision", "glass break", "after", "b c", 0, "d"), 24),
        (("decision", "glass break", "literal"), 25),
    ],
)
def test_line_of_each_kind_of_key(path: KeyPath, line: int) -> None:
    assert locate_keys(DOCUMENT)[path] == line


def test_every_parsed_path_is_located_and_no_other() -> None:
    assert set(paths_of(tomllib.loads(DOCUMENT))) == set(locate_keys(DOCUMENT))


@pytest.mark.parametrize("text", ["", "\n\n", "# comment", "a=1", "a = 1\r\nb = 2\r\n", '"" = ""', "a.b.c=1"])
def test_small_documents(text: str) -> None:
    assert set(paths_of(tomllib.loads(text))) == set(locate_keys(text))


def test_carriage_returns_do_not_count_twice() -> None:
    assert locate_keys("a = 1\r\nb = 2\r\n") == {("a",): 1, ("b",): 2}


@pytest.mark.parametrize("seed", range(60))
def test_generated_documents(seed: int) -> None:
    """Every path that tomllib finds has the line on which the generator wrote it."""
    text, expected = _DocumentWriter(random.Random(seed)).write()
    assert set(paths_of(tomllib.loads(text))) == set(expected), text
    assert locate_keys(text) == expected, text


class _DocumentWriter:
    """Writes a random valid document and notes the line of each path as it goes."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.text = ""
        self.expected: dict[KeyPath, int] = {}
        self.names = iter(range(10_000))

    def write(self) -> tuple[str, dict[KeyPath, int]]:
        self.keys(())
        for _ in range(self.rng.randint(0, 4)):
            if self.rng.random() < 0.5:
                self.table()
            else:
                self.array_of_tables()
        return self.text, self.expected

    def line(self) -> int:
        return self.text.count("\n") + 1

    def note(self, path: KeyPath) -> None:
        self.expected.setdefault(path, self.line())

    def name(self) -> tuple[str, str]:
        plain = f"k{next(self.names)}"
        spelled = [plain, f'"{plain}"', f"'{plain}'", f'"{plain}.\\u0041 #"']
        kind = self.rng.randrange(4)
        return (plain if kind < 3 else f"{plain}.A #"), spelled[kind]

    def filler(self) -> None:
        self.text += self.rng.choice(["", "\n", "# note = [1\n", "\n  \n", "#\n\t"])

    def table(self) -> None:
        self.filler()
        name, spelled = self.name()
        self.note((name,))
        self.text += f"[{spelled}]\n"
        self.keys((name,))

    def array_of_tables(self) -> None:
        name, spelled = self.name()
        for index in range(self.rng.randint(1, 3)):
            self.filler()
            self.note((name,))
            self.note((name, index))
            self.text += f"[[ {spelled} ]] # element\n"
            self.keys((name, index))
            if self.rng.random() < 0.5:
                inner, inner_spelled = self.name()
                self.note((name, index, inner))
                self.text += f"[{spelled} . {inner_spelled}]\n"
                self.keys((name, index, inner))

    def keys(self, table: KeyPath) -> None:
        for _ in range(self.rng.randint(0, 4)):
            self.filler()
            self.assignment(table)
            self.text += self.rng.choice(["\n", " # x = ']\n", "\n\n"])

    def assignment(self, table: KeyPath) -> None:
        path, spelled = table, []
        for _ in range(self.rng.choice([1, 1, 2, 3])):
            name, written = self.name()
            path = (*path, name)
            spelled.append(written)
            self.note(path)
        self.text += self.rng.choice([".", " . "]).join(spelled) + self.rng.choice(["=", " = "])
        self.value(path, depth=0)

    def value(self, path: KeyPath, depth: int) -> None:
        kind = self.rng.randrange(8 if depth < 3 else 6)
        scalars = ["-1.5e3", "true", "1979-05-27 07:32:00", '"a \\" # ] }"', "'\\'", '"""x\n# y\n""\\"]"""""']
        if kind < 6:
            self.text += scalars[kind]
        elif kind == 6:
            self.text += "["
            for index in range(self.rng.randint(0, 3)):
                self.text += self.rng.choice(["", "\n", " # no, ]\n"])
                self.note((*path, index))
                self.value((*path, index), depth + 1)
                self.text += ","
            self.text += "]"
        else:
            self.text += "{"
            for index in range(self.rng.randint(0, 3)):
                self.text += ", " if index else " "
                self.assignment(path)
            self.text += "}"
