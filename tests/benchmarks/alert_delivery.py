"""From a commit to a subscriber in another process, over a real broker.

`python -m tests.benchmarks.alert_delivery`. Needs mosquitto. Times are CLOCK_MONOTONIC, which all processes
of a machine share.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from control_room.broker_address import parse_url
from control_room.changes import AlertChange, Change
from control_room.mqtt import LinePhase, LineState, Message
from control_room.subscriber import Subscriber
from gateway.delivery.broker_link import BrokerOptions
from gateway.delivery.outbox import Outbox
from gateway.delivery.publisher import Publisher, PublisherRules
from tests.benchmarks.outbox_commit import percentiles_ms
from tests.support.alerts import commit, story
from tests.support.broker import HOST, MosquittoBroker

LIVE = 400
MEAN_PAUSE_S = 0.05
BACKLOG = 72 * 60  # three days without a broker at an alert a minute


def subscribe(url: str) -> None:
    """Child process: one line a first-seen alert, its number and when it came."""

    def on_change(change: Change, _message: Message) -> None:
        if isinstance(change, AlertChange):
            print(change.alert.seq, time.monotonic(), flush=True)

    def on_line(state: LineState) -> None:
        if state.phase is LinePhase.CONNECTED:
            print("ready", flush=True)

    subscriber = Subscriber(parse_url(url), on_change, on_line)
    subscriber.start()
    sys.stdin.read()
    subscriber.stop()


class Receiver:
    def __init__(self, url: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.alert_delivery", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._child.stdout is not None
        assert self._child.stdout.readline() == "ready\n"

    def receive(self, count: int) -> dict[int, float]:
        assert self._child.stdout is not None
        came: dict[int, float] = {}
        while len(came) < count:
            number, at_s = self._child.stdout.readline().split()
            came.setdefault(int(number), float(at_s))
        return came

    def close(self) -> None:
        self._child.communicate()


def measure(rules: PublisherRules, folder: Path) -> None:
    chance, pause = Random(1), threading.Event()
    with MosquittoBroker() as broker, Outbox.open(folder / f"{rules.most_in_flight}.db") as outbox:
        receiver = Receiver(broker.url)
        publisher = Publisher(
            outbox.path,
            BrokerOptions(HOST, broker.port, "benchmark"),
            utc=lambda: datetime.now(UTC),
            on_fatal=print,
            rules=rules,
        )
        for number in range(BACKLOG):
            commit(outbox, story(number))
        begin_s = time.monotonic()
        publisher.start()
        drained_s = max(receiver.receive(BACKLOG).values()) - begin_s
        cpu_s = time.process_time()
        committed: dict[int, float] = {}
        for number in range(BACKLOG, BACKLOG + LIVE):
            begin_s = time.monotonic()
            row_id = commit(outbox, story(number))
            publisher.wake()
            assert row_id is not None
            committed[row_id] = begin_s
            pause.wait(chance.expovariate(1.0 / MEAN_PAUSE_S))
        came = receiver.receive(LIVE)
        cpu_s = time.process_time() - cpu_s
        publisher.stop()
        receiver.close()
    delays_s = [came[number] - since_s for number, since_s in committed.items()]
    print(f"{rules.most_in_flight} in flight at most:")
    print(f"  backlog of {BACKLOG} alerts drained in {drained_s:.1f} s, {BACKLOG / drained_s:.0f} a second")
    print(f"  {LIVE} live alerts, commit begun to subscriber: {percentiles_ms(delays_s)}")
    print(f"  processor time of commit and sending: {1000 * cpu_s / LIVE:.2f} ms an alert")


def main() -> None:
    if len(sys.argv) > 1:
        subscribe(sys.argv[1])
        return
    with tempfile.TemporaryDirectory() as folder:
        for most_in_flight in (1, 8, 16):
            measure(PublisherRules(most_in_flight=most_in_flight), Path(folder))


if __name__ == "__main__":
    main()
