"""What is told over NOTIFY_SOCKET, and that nobody who listens or does not can disturb the gateway."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gateway.supervision.systemd import READY, STOPPING, WATCHDOG, ServiceManager, status
from tests.support.service_manager import ListeningManager


def addresses(folder: Path) -> tuple[str, str]:
    return str(folder / "notify"), f"@agw-test-{os.getpid()}-{folder.name}"


@pytest.mark.parametrize("kind", [0, 1], ids=["path", "abstract"])
def test_it_is_told_line_by_line(tmp_path: Path, kind: int) -> None:
    with ListeningManager(addresses(tmp_path)[kind], watchdog_s=10.0) as manager:
        service = ServiceManager.of_environment(manager.environment)
        assert service.watchdog_s == 10.0
        assert service.tell(READY, status("runs"))
        assert service.tell(WATCHDOG)
        assert service.tell(STOPPING, status("two\nlines"))
        expected = ["READY=1", "STATUS=runs", "WATCHDOG=1", "STOPPING=1", "STATUS=two lines"]
        assert manager.told.wait_for(lambda told: len(told) >= len(expected)) == expected


def test_nobody_listens() -> None:
    service = ServiceManager.of_environment({})
    assert service.watchdog_s is None
    assert service.tell(READY)


def test_a_socket_that_is_gone_is_no_failure_and_can_be_told_later(tmp_path: Path) -> None:
    address = addresses(tmp_path)[0]
    service = ServiceManager(address)
    assert not service.tell(READY)
    with ListeningManager(address) as manager:
        assert service.tell(READY)
        manager.told.first(lambda line: line == READY)


def test_a_manager_that_does_not_read_is_not_waited_for(tmp_path: Path) -> None:
    address = addresses(tmp_path)[0]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(address)
        service = ServiceManager(address)
        assert any(not service.tell(WATCHDOG) for _ in range(100_000)), "its queue is never full"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHDOG_USEC": "12000000"}, 12.0),
        ({"WATCHDOG_USEC": "12000000", "WATCHDOG_PID": str(os.getpid())}, 12.0),
        ({"WATCHDOG_USEC": "12000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({}, None),
    ],
)
def test_the_watchdogs_time(environment: dict[str, str], expected: float | None) -> None:
    assert ServiceManager.of_environment(environment).watchdog_s == expected
