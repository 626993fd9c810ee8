"""A receiver process that is killed -9 again and again while alerts come in: nothing lost, nothing twice."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from control_room.ledger import Ledger
from tests.control_room.gateway_on_brokers import GatewayOnBrokers
from tests.support.alerts import story
from tests.support.broker import MosquittoBroker
from tests.support.waiting import DEADLINE_S, wait_until

ROOT = Path(__file__).parents[2]


class Process:
    """`agw watch --receive-as` with its lines in one file, over all its lives."""

    def __init__(self, folder: Path, *brokers: MosquittoBroker) -> None:
        self.store = folder / "room.db"
        self._out = folder / "lines"
        self._errors = folder / "errors"
        self._arguments = ["--broker", brokers[0].url]
        if len(brokers) > 1:
            self._arguments += ["--backup-broker", brokers[1].url]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "gateway", "watch", *self._arguments]
        command += ["--receive-as", "room", "--store", str(self.store), "--json"]
        with self._out.open("ab") as out, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=errors)

    def wait_connected(self) -> None:
        wait_until(lambda: "connected, waiting" in self._errors.read_text(), "the receiver to connect")

    def kill(self) -> None:
        assert self._process is not None
        assert self._process.poll() is None, self._errors.read_text()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(DEADLINE_S)

    def lines(self) -> list[dict[str, object]]:
        """What it printed; a line that a kill cut short is left out."""
        told = []
        for line in self._out.read_text().splitlines():
            try:
                told.append(json.loads(line))
            except ValueError:
                told += [json.loads(part) for part in _whole(line)]
        return told

    def alerts(self) -> list[tuple[str, int, bool]]:
        """Event, revision, and whether the line says that it may have been shown before."""
        found = [line for line in self.lines() if line["type"] == "alert"]
        return [(str(one["event_id"]), int(str(one["revision"])), bool(one.get("again"))) for one in found]


def _whole(line: str) -> list[str]:
    """The last of two lines when the first was cut short by a kill."""
    start = line.rfind('{"type":')
    return [line[start:]] if start > 0 else []


@pytest.fixture
def brokers() -> Iterator[tuple[MosquittoBroker, MosquittoBroker]]:
    with MosquittoBroker() as one, MosquittoBroker() as other:
        yield one, other


@pytest.mark.parametrize("two", [False, True], ids=["one broker", "two brokers"])
def test_killed_again_and_again_it_has_everything_and_shows_it_once(
    tmp_path: Path, brokers: tuple[MosquittoBroker, MosquittoBroker], two: bool
) -> None:
    chance = Random(8)
    used = brokers if two else brokers[:1]
    legs = tuple(range(len(used)))
    receiver, pause = Process(tmp_path, *used), threading.Event()
    with GatewayOnBrokers(*(broker.port for broker in used)) as gateway:
        number = 0
        for _ in range(8):
            receiver.start()
            receiver.wait_connected()
            gateway.beat(legs)
            gateway.send_again(legs)
            for _ in range(chance.randint(1, 40)):
                gateway.send(story(number), legs=legs)
                number += 1
            pause.wait(chance.uniform(0.0, 0.05))  # somewhere between the first alert and the last receipt
            receiver.kill()
        receiver.start()
        receiver.wait_connected()
        gateway.beat(legs)
        while gateway.send_again(legs):
            gateway.wait_received()
        rows = {(row.event_id, row.revision) for row in gateway.script.rows}
        gateway.beat(legs)
        gateway.wait_answered(gateway.script.beat)
        receiver.kill()
    with Ledger.open(receiver.store) as ledger:
        assert ledger.set_aside is None
        stored = [row[2:4] for row in ledger.revisions()]
        assert sorted(stored) == sorted(rows)
        assert ledger.unhandled("", 0.0) == []
        open_events = {one.event_id for one in ledger.open_events()}
    assert open_events == {one.event_id for one in gateway.script.open_rows()}
    told = receiver.alerts()
    assert {(event, revision) for event, revision, _ in told} == rows
    once = [(event, revision) for event, revision, again in told if not again]
    assert len(once) == len(set(once))
    for event in {event for event, _, _ in told}:
        revisions = [revision for one, revision, again in told if one == event and not again]
        assert revisions == sorted(revisions)


def test_killed_while_its_output_stands_still_it_shows_the_rest_next_time(
    tmp_path: Path, brokers: tuple[MosquittoBroker, MosquittoBroker]
) -> None:
    """Stored and not shown: a pipe that nobody reads stops it between commit and receipt."""
    store = tmp_path / "room.db"
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)  # room for three alerts
    arguments = ["--broker", brokers[0].url, "--receive-as", "room", "--store", str(store), "--json"]
    command = [sys.executable, "-m", "gateway", "watch", *arguments]
    with GatewayOnBrokers(brokers[0].port) as gateway:
        stuck = subprocess.Popen(command, cwd=ROOT, stdout=write_end, stderr=subprocess.PIPE)
        os.close(write_end)
        assert stuck.stderr is not None
        assert any(b"connected, waiting" in line for line in stuck.stderr)
        gateway.send(*(story(number) for number in range(200)))
        wait_until(lambda: _count(store) >= 4 and _waiting(read_end) > 2800, "the pipe to be full")
        stuck.send_signal(signal.SIGKILL)
        stuck.wait(DEADLINE_S)
        stuck.stderr.close()
        with os.fdopen(read_end, "rb") as pipe:
            shown = pipe.read().count(b"\n")
        stored = _count(store)
        assert 0 < shown < stored
        receiver = Process(tmp_path, brokers[0])
        receiver.start()
        wait_until(lambda: len(receiver.alerts()) >= stored - shown, "the rest to be shown")
        receiver.wait_connected()
        while gateway.send_again():
            gateway.wait_received()
        receiver.kill()
    told = receiver.alerts()
    assert all(again for _, _, again in told[: stored - shown])
    last = [(row.event_id, row.revision) for row in gateway.script.rows[shown:]]
    assert [(event, revision) for event, revision, _ in told][-len(last) :] == last


def _waiting(pipe: int) -> int:
    """Bytes in a pipe."""
    answer = fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0")
    return int.from_bytes(answer, sys.byteorder)


def _count(store: Path) -> int:
    reader = sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)
    try:
        return int(reader.execute("SELECT count(*) FROM revisions").fetchone()[0])
    finally:
        reader.close()
