"""The product's source as the architecture tests see it: files, their imports, who reaches whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("firmware_bridge", "dsp", "gateway", "control_room")


@dataclass(frozen=True)
class Import:
    """One imported module. name: dotted, a module of ours where it is one; line: where it stands."""

    name: str
    line: int

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Source:
    """One Python file. path: from the repository's root; module: its dotted name."""

    path: str
    module: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return self.module.partition(".")[0]


@cache
def sources(*rooms: str) -> tuple[Source, ...]:
    """Every file of the rooms given, or of all rooms of the product."""
    return tuple(_read(path) for room in rooms or ROOMS for path in sorted((ROOT / room).rglob("*.py")))


@cache
def imports(source: Source) -> tuple[Import, ...]:
    """All imports of a file, those inside functions included."""
    return tuple(_imports(source))


@cache
def by_module() -> dict[str, Source]:
    return {source.module: source for source in sources()}


def reached_from(*modules: str) -> set[str]:
    """The modules of ours that importing these leads to, and the foreign libraries' top names."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        if module in by_module():
            waiting += [imported.name for imported in imports(by_module()[module])]
    return found


def _read(path: Path) -> Source:
    relative = path.relative_to(ROOT)
    parts = relative.with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Source(relative.as_posix(), module, text, ast.parse(text, filename=str(relative)))


def _imports(source: Source) -> Iterator[Import]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source.path}:{node.lineno}: relative import"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield Import(inner if _is_ours(inner) else node.module, node.lineno)


def _is_ours(module: str) -> bool:
    path = ROOT / Path(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
