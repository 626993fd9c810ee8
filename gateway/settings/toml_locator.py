"""Where each key of a TOML file stands.

`tomllib` gives values without line numbers, and a settings error without a line sends a technician searching.
This reads the same text a second time, only for places. The text must already have passed `tomllib`: nothing
is judged here.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_left

KeyPath = tuple[str | int, ...]

_BLANK = " \t\r"
_VALUE_END = ",]}#\n"


def locate_keys(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every table, key and array element in `text`, a valid TOML document.

    A path is what indexes the parsed document: `("sensor", 1, "place", "zone")`. Of a table made by several
    headers or dotted keys the first line counts.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[KeyPath, int] = {}
        self._text = text
        self._at = 0
        self._line_ends = [index for index, char in enumerate(text) if char == "\n"]
        self._last_index: dict[KeyPath, int] = {}  # array of tables -> index of its newest element

    def document(self) -> None:
        table: KeyPath = ()
        while self._skip_to_content():
            if self._text.startswith("[[", self._at):
                table = self._array_header()
            elif self._text[self._at] == "[":
                table = self._table_header()
            else:
                self._key_and_value(table)

    def _array_header(self) -> KeyPath:
        line = self._line()
        self._at += 2
        parts = self._dotted_key()
        self._at = self._text.index("]]", self._at) + 2
        array = (*self._resolve(parts[:-1], line), parts[-1])
        index = self._last_index.get(array, -1) + 1
        self._last_index[array] = index
        self.lines.setdefault(array, line)
        self.lines[(*array, index)] = line
        return (*array, index)

    def _table_header(self) -> KeyPath:
        line = self._line()
        self._at += 1
        parts = self._dotted_key()
        self._at = self._text.index("]", self._at) + 1
        return self._resolve(parts, line)

    def _resolve(self, parts: list[str], line: int) -> KeyPath:
        """The path a header's names lead to: a name that is an array of tables means its newest element."""
        path: KeyPath = ()
        for part in parts:
            path = (*path, part)
            self.lines.setdefault(path, line)
            if path in self._last_index:
                path = (*path, self._last_index[path])
        return path

    def _key_and_value(self, table: KeyPath) -> None:
        line = self._line()
        path = table
        for part in self._dotted_key():
            path = (*path, part)
            self.lines.setdefault(path, line)
        self._at = self._text.index("=", self._at) + 1
        self._skip(_BLANK)
        self._value(path)

    def _dotted_key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            parts.append(self._simple_key())
            self._skip(_BLANK)
            if self._at >= len(self._text) or self._text[self._at] != ".":
                return parts
            self._at += 1

    def _simple_key(self) -> str:
        start = self._at
        if self._text[start] in "\"'":
            self._string()
            return str(tomllib.loads("key = " + self._text[start : self._at])["key"])
        while self._text[self._at].isalnum() or self._text[self._at] in "_-":
            self._at += 1
        return self._text[start : self._at]

    def _value(self, path: KeyPath) -> None:
        char = self._text[self._at]
        if char in "\"'":
            self._string()
        elif char == "[":
            self._array(path)
        elif char == "{":
            self._inline_table(path)
        else:
            while self._at < len(self._text) and self._text[self._at] not in _VALUE_END:
                self._at += 1

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while self._skip_to_content() and self._text[self._at] != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self.lines[(*path, index)] = self._line()
            self._value((*path, index))
            index += 1
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while self._skip_to_content() and self._text[self._at] != "}":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._key_and_value(path)
        self._at += 1

    def _string(self) -> None:
        quote = self._text[self._at]
        fence = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(fence)
        while not self._text.startswith(fence, self._at):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        self._at += len(fence)
        # A multi-line string may end in up to two quotes of its own, before the fence.
        while len(fence) == 3 and self._text.startswith(quote, self._at):
            self._at += 1

    def _skip_to_content(self) -> bool:
        """Past blanks, line ends and comments; False at the end of the text."""
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif self._text[self._at] in " \t\r\n":
                self._at += 1
            else:
                return True
        return False

    def _skip(self, chars: str) -> None:
        while self._at < len(self._text) and self._text[self._at] in chars:
            self._at += 1

    def _line(self) -> int:
        return bisect_left(self._line_ends, self._at) + 1
