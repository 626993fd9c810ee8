"""Habits of the house that a program can check."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source_tree import ROOMS, Source, imports, sources

LONGEST_FILE = 400
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}

# Modules that decide or calculate: no files, no clocks, no threads, no log. Time comes in as an argument.
PURE = (
    "dsp/",
    "firmware_bridge/framing.py",
    "firmware_bridge/checksum.py",
    "firmware_bridge/messages.py",
    "firmware_bridge/ledger.py",
    "firmware_bridge/session.py",
    "firmware_bridge/link.py",
    "firmware_bridge/device_clock.py",
    "firmware_bridge/offset_evidence.py",
    "firmware_bridge/offset_limits.py",
    "firmware_bridge/rate_fit.py",
    "firmware_bridge/time_asker.py",
    "firmware_bridge/events.py",
    "control_room/changes.py",
    "control_room/contacts.py",
    "control_room/gaps.py",
    "control_room/incidents.py",
    "control_room/incidents_view.py",
    "control_room/lines.py",
    "control_room/notice_lines.py",
    "control_room/notices.py",
    "control_room/numbers.py",
    "control_room/reading.py",
    "control_room/receipts.py",
    "control_room/revisions.py",
    "control_room/states.py",
    "control_room/texts.py",
    "control_room/why_lines.py",
    "gateway/alerts.py",
    "gateway/calibration/check.py",
    "gateway/clock_follower.py",
    "gateway/coverage.py",
    "gateway/coverage_hours.py",
    "gateway/decision",
    "gateway/features.py",
    "gateway/incidents/",
    "gateway/contract/one_sound.py",
    "gateway/level_history.py",
    "gateway/time_labels.py",
    "gateway/vetoes/",
    "gateway/delivery/choice.py",
    "gateway/delivery/disk_watch.py",
    "gateway/delivery/lanes.py",
    "gateway/delivery/receivers.py",
    "gateway/delivery/selftest.py",
    "gateway/delivery/path_faults.py",
    "gateway/delivery/window.py",
    "gateway/delivery/state_board.py",
    "gateway/pipeline.py",
    "gateway/settings/rules_in_force.py",
    "gateway/time_labels.py",
    "gateway/sensors.py",
    "gateway/supervision/progress.py",
    "gateway/settings/schema.py",
    "gateway/settings/check.py",
    "gateway/settings/rules.py",
    "gateway/contract/encoding.py",
    "gateway/contract/topics.py",
    "gateway/contract/types.py",
    "gateway/contract/vocabulary.py",
    "gateway/contract/words.py",
    "gateway/supervision/shown_sensors.py",
    "gateway/telemetry/chunk.py",
    "gateway/telemetry/frame.py",
    "gateway/telemetry/hours.py",
    "gateway/telemetry/meter.py",
    "gateway/telemetry/quantised.py",
    "gateway/telemetry/second.py",
    "gateway/telemetry/segment.py",
)
OUTSIDE_WORLD = {
    "asyncio", "glob", "io", "logging", "multiprocessing", "os", "pty", "queue", "random", "secrets",
    "select", "shutil", "signal", "socket", "sqlite3", "subprocess", "sys", "tempfile", "termios",
    "threading", "time",
}  # fmt: skip


def pure_sources() -> list[Source]:
    return [source for source in sources() if source.path.startswith(PURE)]


def nodes_outside_main(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes but those that only run when the file is a program (a diagram printed from a table)."""
    for statement in tree.body:
        if not (isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)):
            yield from ast.walk(statement)


@pytest.mark.parametrize("source", pure_sources(), ids=lambda source: source.path)
def test_cores_touch_nothing_outside(source: Source) -> None:
    for found in imports(source):
        assert found.top not in OUTSIDE_WORLD, f"{source.path}:{found.line}: imports {found.name}"
    for node in nodes_outside_main(source.tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("open", "print", "input"), f"{source.path}:{node.lineno}: calls {called}"
            assert not called.endswith((".now", ".utcnow", ".today", ".read_text", ".write_text")), (
                f"{source.path}:{node.lineno}: calls {called}"
            )


@pytest.mark.parametrize("source", sources(*ROOMS, "training"), ids=lambda source: source.path)
def test_no_broad_except_but_at_a_threads_top(source: Source) -> None:
    lines = source.text.splitlines()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and is_broad(node):
            at_top = "a thread's top" in lines[node.lineno - 1]
            undoes_and_passes_on = ast.unparse(node.body[-1]) == "raise"
            assert at_top or undoes_and_passes_on, f"{source.path}:{node.lineno}: broad except"


def is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(
        isinstance(part, ast.Name) and part.id in ("Exception", "BaseException")
        for part in ast.walk(handler.type)
    )


@pytest.mark.parametrize("source", sources(*ROOMS, "training"), ids=lambda source: source.path)
def test_files_are_short_and_named_for_what_they_hold(source: Source) -> None:
    assert source.text.count("\n") <= LONGEST_FILE, f"{source.path} is longer than {LONGEST_FILE} lines"
    assert not VAGUE_NAMES & set(source.module.split(".")), source.path


def test_tests_never_sleep() -> None:
    for source in sources("tests"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "sleep"):
                assert source.path == "tests/support/waiting.py", f"{source.path}:{node.lineno}: sleeps"


def test_nothing_evaluates_text() -> None:
    for source in sources(*ROOMS, "training"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("eval", "exec"), f"{source.path}:{node.lineno}"


def test_nobody_prints_secrets() -> None:
    """`reveal()` has one use: handing the password to the broker connection."""
    users = [source.path for source in sources() if re.search(r"\.reveal\(\)", source.text)]
    assert set(users) <= {"gateway/delivery/mqtt.py", "gateway/app.py", "gateway/broker_options.py"}, users
