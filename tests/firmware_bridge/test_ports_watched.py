"""Patterns of ports: found under any name, served once, given back when gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_bridge.events import SensorLost, SensorReady
from firmware_bridge.link import SensorLink
from firmware_bridge.port_states import PortState
from firmware_bridge.port_watcher import PortWatcher, is_pattern
from firmware_bridge.port_worker import PortWorker
from tests.firmware_bridge.wire import Pen, features, hello
from tests.support.port_log import PortLog
from tests.support.ptys import pty_device


@contextmanager
def watching(log: PortLog, *ports: str) -> Iterator[None]:
    watcher = PortWatcher(ports, lambda url: PortWorker(url, SensorLink(), log.take), log.take)
    watcher.start()
    try:
        yield
    finally:
        assert watcher.stop(timeout_s=20)


@pytest.fixture
def log() -> PortLog:
    return PortLog()


def test_a_sensor_plugged_in_under_another_name_is_the_same_sensor(tmp_path: Path, log: PortLog) -> None:
    pattern = f"{tmp_path}/usb-*"
    with watching(log, pattern):
        log.wait_state(PortState.ABSENT, url=pattern)
        for boot, name in enumerate(("usb-0", "usb-1"), 1):
            url = str(tmp_path / name)
            with pty_device(tmp_path / name) as device:
                log.wait_state(PortState.OPEN, url=url)
                device.send(Pen(epoch=boot).write(hello("S-7"), features(0)))
                assert log.wait_kind(SensorReady, boot).serial == "S-7"
            log.wait_kind(SensorLost, boot)
            log.wait_state(PortState.STOPPED, url=url)
    # Said once each time nothing matches, and once each time something does again.
    expected = [PortState.ABSENT, PortState.OPENING] * 3
    assert log.states(pattern) == expected[: len(log.states(pattern))]


def test_a_device_with_two_names_is_served_once(tmp_path: Path, log: PortLog) -> None:
    with pty_device(tmp_path / "ttyUSB0") as device:
        (tmp_path / "by-id").mkdir()
        (tmp_path / "by-id" / "usb-a").symlink_to(device.node)
        with watching(log, f"{tmp_path}/ttyUSB*", f"{tmp_path}/by-id/*", f"{tmp_path}/by-id/usb-*"):
            log.wait_state(PortState.OPEN)
    assert log.states() == [PortState.OPENING, PortState.OPEN, PortState.STOPPED]


def test_an_outright_name_goes_before_a_pattern_and_is_served_though_absent(
    tmp_path: Path, log: PortLog
) -> None:
    absent = str(tmp_path / "socket-less")
    with pty_device(tmp_path / "tty0"), watching(log, f"{tmp_path}/tty*", str(tmp_path / "tty0"), absent):
        log.wait_state(PortState.OPEN, url=str(tmp_path / "tty0"))
        log.wait_state(PortState.ABSENT, url=absent)
    assert log.states(str(tmp_path / "tty0")) == [PortState.OPENING, PortState.OPEN, PortState.STOPPED]


def test_a_name_that_appears_beside_the_one_served_changes_nothing(tmp_path: Path, log: PortLog) -> None:
    pattern = f"{tmp_path}/*"
    with pty_device(tmp_path / "b") as device, watching(log, pattern):
        log.wait_state(PortState.OPEN)
        (tmp_path / "a").symlink_to(device.node)
        with pty_device(tmp_path / "c"):
            # When c is seen, a was seen too.
            log.wait_state(PortState.OPEN, url=str(tmp_path / "c"))
            assert log.states(str(tmp_path / "a")) == []
            assert log.states(str(tmp_path / "b")) == [PortState.OPENING, PortState.OPEN]


@pytest.mark.parametrize(
    ("port", "pattern"),
    [
        ("/dev/ttyUSB*", True),
        ("/dev/serial/by-id/usb-?", True),
        ("/dev/tty[0-9]", True),
        ("/dev/ttyUSB0", False),
        ("socket://[::1]:4000", False),
        ("loop://", False),
    ],
)
def test_what_is_a_pattern(port: str, pattern: bool) -> None:
    assert is_pattern(port) is pattern
