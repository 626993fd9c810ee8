"""The broker that comes with pip: starts, listens, ends with its parent."""

from __future__ import annotations

import importlib.util
import os
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.embedded_broker import HOST, EmbeddedBroker
from gateway.errors import GatewayError

DEADLINE_S = 30.0


def accepts(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def test_it_listens_while_it_runs_and_not_after() -> None:
    broker = EmbeddedBroker()
    broker.start()
    assert broker.pid is not None
    assert accepts(broker.port)
    assert broker.url == f"mqtt://127.0.0.1:{broker.port}"
    broker.stop()
    assert broker.pid is None
    assert not accepts(broker.port)
    broker.stop()


def test_two_run_side_by_side() -> None:
    with EmbeddedBroker() as first, EmbeddedBroker() as second:
        assert first.port != second.port
        assert accepts(first.port)
        assert accepts(second.port)


def test_a_port_in_use_is_said() -> None:
    with EmbeddedBroker() as running, pytest.raises(GatewayError, match="another program listens"):
        EmbeddedBroker(running.port).start()


def test_a_missing_package_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GatewayError, match=r"aggression-gateway\[demo\]"):
        EmbeddedBroker().start()


def test_it_ends_with_a_parent_that_is_killed() -> None:
    script = (
        "from gateway.embedded_broker import EmbeddedBroker\n"
        "broker = EmbeddedBroker(); broker.start(); print(broker.pid, broker.port, flush=True); input()"
    )
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    pid, port = (int(word) for word in parent.stdout.readline().split())
    child = os.pidfd_open(pid)
    assert accepts(port)
    parent.kill()
    parent.wait(DEADLINE_S)
    ended, _, _ = select.select([child], [], [], DEADLINE_S)  # readable once the process has ended
    os.close(child)
    parent.stdin.close()
    parent.stdout.close()
    assert ended
    assert not accepts(port)
