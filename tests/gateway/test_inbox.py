"""The inbox: full drops the oldest feature frame, never anything else."""

from __future__ import annotations

import threading

from gateway.inbox import Inbox


def test_order_is_kept() -> None:
    inbox: Inbox[int] = Inbox()
    for number in range(5):
        inbox.put(number, droppable=number % 2 == 0)
    assert inbox.take_all(0.0) == [0, 1, 2, 3, 4]
    assert inbox.take_all(0.0) == []


def test_full_drops_the_oldest_droppable_and_counts_it() -> None:
    inbox: Inbox[str] = Inbox(most_droppable=2)
    inbox.put("lost sensor", droppable=False)
    for name in ("frame 1", "frame 2", "frame 3"):
        inbox.put(name, droppable=True)
    inbox.put("sensor back", droppable=False)
    assert inbox.take_all(0.0) == ["lost sensor", "frame 2", "frame 3", "sensor back"]
    assert inbox.dropped == 1


def test_never_drops_what_is_not_droppable() -> None:
    inbox: Inbox[int] = Inbox(most_droppable=1)
    for number in range(1000):
        inbox.put(number, droppable=False)
    assert inbox.take_all(0.0) == list(range(1000))
    assert inbox.dropped == 0


def test_a_waiting_taker_is_woken() -> None:
    inbox: Inbox[str] = Inbox()
    taken: list[str] = []
    taker = threading.Thread(target=lambda: taken.extend(inbox.take_all(30.0)))
    taker.start()
    inbox.put("frame", droppable=True)
    taker.join(30.0)
    assert taken == ["frame"]
