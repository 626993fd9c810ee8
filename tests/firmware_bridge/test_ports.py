"""Ports as they behave: real ptys, real sockets, a real second user."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firmware_bridge import port_worker
from firmware_bridge.events import FeatureFrame, LinkChanged, LinkState, LostReason, SensorLost, SensorReady
from firmware_bridge.framing import Decoder, Frame
from firmware_bridge.link import SensorLink
from firmware_bridge.messages import HelloRequest, parse
from firmware_bridge.port_states import LANGUAGES, PortChanged, PortState
from firmware_bridge.port_worker import PortWorker
from firmware_bridge.ports import HangUp, Line, OpenFailure, open_line
from firmware_bridge.waker import Waker
from tests.firmware_bridge.wire import Pen, features, hello
from tests.support.port_log import PortLog
from tests.support.ptys import PtyDevice, pty_device
from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def working(url: str, log: PortLog, **options: object) -> Iterator[PortWorker]:
    worker = PortWorker(url, SensorLink(), log.take, **options)  # type: ignore[arg-type]
    worker.start()
    try:
        yield worker
    finally:
        assert worker.stop(timeout_s=20)


@pytest.fixture
def log() -> PortLog:
    return PortLog()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[PtyDevice]:
    with pty_device(tmp_path / "sensor") as device:
        yield device


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every call of `open_line` the workers make."""
    calls: list[str] = []

    def counted(url: str, baud: int, waker: Waker) -> Line | OpenFailure:
        calls.append(url)
        return open_line(url, baud, waker)

    monkeypatch.setattr(port_worker, "open_line", counted)
    return calls


def test_a_sensor_is_asked_who_it_is_and_streams(device: PtyDevice, log: PortLog) -> None:
    pen = Pen()
    with working(str(device.name), log):
        log.wait_state(PortState.OPEN)
        requests = Decoder().feed(device.received())
        assert [parse(item) for item in requests if isinstance(item, Frame)] == [HelloRequest()]
        device.send(pen.write(hello(), features(0), features(1)))
        assert log.wait_kind(SensorReady).serial == "S-0001"
        assert log.wait_kind(FeatureFrame, 2).hop_index == 1
    assert log.states() == [PortState.OPENING, PortState.OPEN, PortState.STOPPED]
    assert log.wait_kind(SensorLost).reason is LostReason.PORT_CLOSED


def test_absent_is_said_once_and_the_port_opens_when_it_is_there(
    tmp_path: Path, log: PortLog, attempts: list[str]
) -> None:
    name = tmp_path / "later"
    with working(str(name), log):
        log.wait_state(PortState.ABSENT)
        wait_until(lambda: len(attempts) >= 4, "four attempts")
        with pty_device(name):
            log.wait_state(PortState.OPEN)
    assert log.states()[:3] == [PortState.OPENING, PortState.ABSENT, PortState.OPEN]


def test_unplugged_and_plugged_in_again(tmp_path: Path, log: PortLog) -> None:
    name = tmp_path / "sensor"
    with working(str(name), log):
        for boot in range(1, 4):
            with pty_device(name) as device:
                log.wait_state(PortState.OPEN, boot)
                device.send(Pen(epoch=boot).write(hello(), features(0)))
                assert log.wait_kind(FeatureFrame, boot).epoch == boot
            log.wait_state(PortState.HUNG_UP, boot)
            assert log.wait_kind(SensorLost, boot).reason is LostReason.PORT_CLOSED
    states = log.states()
    assert states[1] in (PortState.ABSENT, PortState.OPEN)
    assert states[-1] is PortState.STOPPED
    assert all(first is not second for first, second in itertools.pairwise(states))


def test_bytes_of_a_wrong_baud_rate_are_garbled_not_fatal(device: PtyDevice, log: PortLog) -> None:
    started_s = time.monotonic()

    def hurried() -> float:
        return started_s + (time.monotonic() - started_s) * 30

    def is_garbled() -> bool:
        if not any(isinstance(e, LinkChanged) and e.state is LinkState.GARBLED for e in log.events):
            device.send(b"\xfe\x80\xe0\xf8" * 8)
            return False
        return True

    with working(str(device.name), log, monotonic=hurried):
        log.wait_state(PortState.OPEN)
        wait_until(is_garbled, "the link to be garbled")
        device.send(b"\0" + Pen().write(hello(), features(0)))
        log.wait_kind(FeatureFrame)
    assert PortState.HUNG_UP not in log.states()


def test_a_port_held_by_another_program_is_busy_until_it_is_let_go(device: PtyDevice, log: PortLog) -> None:
    waker = Waker()
    holder = open_line(str(device.name), 115200, waker)
    assert not isinstance(holder, OpenFailure)
    with working(str(device.name), log):
        log.wait_state(PortState.BUSY)
        holder.close()
        log.wait_state(PortState.OPEN)
    waker.close()
    assert log.states()[:3] == [PortState.OPENING, PortState.BUSY, PortState.OPEN]


_OPEN_AS_NOBODY = """
import os, sys
from firmware_bridge.ports import open_line
from firmware_bridge.waker import Waker
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print(open_line(sys.argv[1], 115200, Waker()).state.value)
"""


@pytest.mark.parametrize("hidden", [False, True], ids=["device", "directory"])
def test_permission_denied_to_a_user_without_rights(tmp_path: Path, hidden: bool) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    with pty_device(closed / "sensor") as device:
        os.chmod(device.node, 0o000)
        closed.chmod(0o000)
        path = device.name if hidden else device.node
        try:
            ran = subprocess.run(
                [sys.executable, "-c", _OPEN_AS_NOBODY, str(path)],
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                check=True,
            )
        finally:
            closed.chmod(0o700)
    assert ran.stdout.strip() == "denied"


def test_denied_is_said_once_and_heals(
    device: PtyDevice, log: PortLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[OpenFailure] = [OpenFailure(PortState.DENIED, "Permission denied")] * 3

    def refused_at_first(url: str, baud: int, waker: Waker) -> Line | OpenFailure:
        return answers.pop() if answers else open_line(url, baud, waker)

    monkeypatch.setattr(port_worker, "open_line", refused_at_first)
    with working(str(device.name), log):
        log.wait_state(PortState.OPEN)
    assert log.states()[:3] == [PortState.OPENING, PortState.DENIED, PortState.OPEN]
    changed = next(e for e in log.events if isinstance(e, PortChanged) and e.state is PortState.DENIED)
    assert changed.message_key == "port.denied"
    assert "dialout" in changed.text("en").hint
    assert "dialout" in changed.text("nl").hint


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("nosuchscheme://x", PortState.FAILED),
        ("socket://localhost", PortState.FAILED),
        ("socket://localhost:99999999", PortState.FAILED),
        ("socket://no-such-host.invalid:1", PortState.FAILED),
        ("/dev", PortState.FAILED),
        ("/dev/null", PortState.FAILED),
        ("/dev/no-such-node", PortState.ABSENT),
        ("/dev/null/sensor", PortState.FAILED),
        ("", PortState.ABSENT),
    ],
)
def test_what_is_no_serial_line(url: str, state: PortState) -> None:
    waker = Waker()
    opened = open_line(url, 115200, waker)
    waker.close()
    assert isinstance(opened, OpenFailure)
    assert opened.state is state
    assert opened.detail


def test_a_serial_server_that_comes_goes_and_comes_back(log: PortLog) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
        with working(url, log):
            for boot in range(1, 3):
                connection, _address = server.accept()
                # pyserial throws away what was there before its open was complete.
                log.wait_state(PortState.OPEN, boot)
                connection.sendall(Pen(epoch=boot).write(hello(), features(0), features(1)))
                connection.close()
                assert log.wait_kind(FeatureFrame, 2 * boot).hop_index == 1
                log.wait_state(PortState.HUNG_UP, boot)
            server.close()
            log.wait_state(PortState.ABSENT)


def test_loop_hears_itself_and_knows_it(log: PortLog) -> None:
    link = SensorLink()
    worker = PortWorker("loop://", link, log.take)
    worker.start()
    wait_until(lambda: link.counters.messages.not_ours > 0, "our own request to come back")
    assert worker.stop(timeout_s=20)
    assert log.states() == [PortState.OPENING, PortState.OPEN, PortState.STOPPED]


def test_the_tap_gets_the_bytes_as_they_came(device: PtyDevice, log: PortLog) -> None:
    tapped: list[tuple[float, bytes]] = []
    pieces = [b"\x01garbage", Pen().write(hello()), b"\0\0half a fra"]
    with working(str(device.name), log, tap=lambda t_s, data: tapped.append((t_s, data))):
        log.wait_state(PortState.OPEN)
        for piece in pieces:
            device.send(piece)
        wait_until(lambda: b"".join(data for _, data in tapped) == b"".join(pieces), "all bytes")
    times = [t_s for t_s, _ in tapped]
    assert times == sorted(times)


def _open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("situation", ["absent", "open", "never started"])
def test_stopping_ends_the_thread_and_leaves_nothing_open(
    tmp_path: Path, log: PortLog, situation: str
) -> None:
    before = _open_fds()
    with pty_device(tmp_path / "sensor") as device:
        url = str(device.name) if situation == "open" else str(tmp_path / "none")
        worker = PortWorker(url, SensorLink(), log.take)
        if situation != "never started":
            worker.start()
            log.wait_state(PortState.OPEN if situation == "open" else PortState.ABSENT)
        assert worker.stop(timeout_s=20)
        assert worker.stop()
        assert not worker.alive
    assert _open_fds() == before
    if situation != "never started":
        assert log.states()[-1] is PortState.STOPPED


class _BrokenLine:
    """Opens, and is hung up at once, every time."""

    def read(self, timeout_s: float) -> bytes | HangUp:
        return HangUp("end of the line")

    def write(self, data: bytes) -> HangUp | None:
        return HangUp("end of the line")

    def close(self) -> None:
        """Nothing to give back."""


def test_a_line_that_breaks_at_once_is_not_opened_in_a_spin(
    log: PortLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    waited = threading.Event()

    def wait(_waker: Waker, timeout_s: float) -> None:
        waits.append(timeout_s)
        if len(waits) >= 5:
            waited.set()

    monkeypatch.setattr(port_worker, "open_line", lambda *_: _BrokenLine())
    monkeypatch.setattr(Waker, "wait", wait)
    with working("/dev/flapping", log):
        assert waited.wait(20)
    assert waits[:5] == [1.0] * 5


@pytest.mark.parametrize("state", list(PortState))
def test_every_state_has_words_in_every_language(state: PortState) -> None:
    changed = PortChanged("/dev/x", state, "", 0.0)
    for language in LANGUAGES:
        assert changed.text(language).message
    needs_help = state in (PortState.ABSENT, PortState.DENIED, PortState.BUSY, PortState.FAILED)
    assert all(bool(changed.text(language).hint) or not needs_help for language in LANGUAGES)


def _in_thread(call: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_a_waker_ends_the_wait_that_is_and_the_one_to_come() -> None:
    waker = Waker()
    thread = _in_thread(lambda: waker.wait(60))
    waker.wake()
    thread.join(20)
    assert not thread.is_alive()
    waker.wake()
    waker.wait(60)
    waker.wait(0)
    waker.close()
