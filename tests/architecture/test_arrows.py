"""Which room may know which, and that no library leaks out of the one file that drives it."""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.source_tree import ROOMS, ROOT, Source, imports, sources

OURS = (*ROOMS, "training", "tests")

# Room -> what of ours it may import. The command line is the composition root and may import any room.
MAY_IMPORT = {
    "firmware_bridge": ("firmware_bridge",),
    "dsp": ("dsp",),
    "gateway.contract": ("gateway.contract",),
    "gateway": ("gateway", "firmware_bridge", "dsp"),
    "gateway.cli": ROOMS,
    "gateway.__main__": ("gateway",),
    "gateway.tools": ROOMS,
    "control_room": ("control_room", "gateway.contract"),
    "training": ("training", "gateway", "firmware_bridge", "dsp"),
}

# Library -> the files that may name it; None: whichever file of the product.
DRIVEN_BY: dict[str, tuple[str, ...] | None] = {
    "serial": ("firmware_bridge/ports.py",),
    "fastcrc": ("firmware_bridge/checksum.py",),
    "cobs": ("firmware_bridge/framing.py",),
    "paho": ("gateway/delivery/mqtt.py", "control_room/mqtt.py"),
    "ai_edge_litert": ("gateway/classifier.py",),
    "tflite_runtime": ("gateway/classifier.py",),
    "sqlite3": ("gateway/delivery/outbox.py",
        "gateway/delivery/outbox_file.py",
        "gateway/delivery/record_store.py", "control_room/ledger.py", "control_room/ledger_file.py"),
    "soundfile": ("gateway/audio_files.py",),
    "iotcore": ("gateway/embedded_broker.py",),
    "msgspec": ("gateway/",),
    "scipy": ("dsp/",),
    "numpy": None,
}

LOADS_BY_NAME = ("gateway/cli.py", "gateway/classifier.py", "gateway/audio_files.py")


def inside(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def room_of(module: str) -> str:
    return max((room for room in MAY_IMPORT if inside(module, room)), key=len)


@pytest.mark.parametrize("source", sources(*ROOMS, "training"), ids=lambda source: source.path)
def test_arrows(source: Source) -> None:
    allowed = MAY_IMPORT[room_of(source.module)]
    for found in imports(source):
        if found.top not in OURS:
            continue
        where = f"{source.path}:{found.line}: imports {found.name}"
        assert any(inside(found.name, room) for room in allowed), where
        if inside(found.name, "gateway.tools"):
            assert inside(source.module, "gateway.tools"), f"{where}, but nothing imports tools"


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.path)
def test_each_library_is_named_in_one_file_of_a_room(source: Source) -> None:
    for found in imports(source):
        if found.top in OURS or found.top in sys.stdlib_module_names - {"sqlite3"}:
            continue
        assert found.top in DRIVEN_BY, f"{source.path}:{found.line}: {found.top} is not ours to use"
        _assert_driver(source, found.top, found.line)


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.path)
def test_libraries_loaded_by_name_keep_the_rule(source: Source) -> None:
    """As the model runtimes are, of which only one can be installed."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            assert source.path in LOADS_BY_NAME, f"{source.path}:{node.lineno}: loads a module by name"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            top, _, rest = node.value.partition(".")
            if top in DRIVEN_BY and source.path in LOADS_BY_NAME and rest.isidentifier() | (rest == ""):
                _assert_driver(source, top, node.lineno)


def _assert_driver(source: Source, library: str, line: int) -> None:
    drivers = DRIVEN_BY[library]
    if drivers is not None:
        assert source.path.startswith(drivers), f"{source.path}:{line}: names {library}; only {drivers} may"


def test_no_import_cycles() -> None:
    graph = {
        source.module: {
            found.name for found in imports(source) if found.top in ROOMS and found.name != source.module
        }
        for source in sources()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as problem:
        pytest.fail(" imports ".join(problem.args[1]))


def test_heavy_packages_are_for_training_alone() -> None:
    for source in sources():
        tops = {found.top for found in imports(source)}
        assert not tops & {"torch", "litert_torch", "tensorflow", "phonometry"}, source.path


def test_every_room_has_its_page() -> None:
    for room in (*ROOMS, "training", "config", "deploy", "tests"):
        assert (ROOT / room / "README.md").is_file(), room
