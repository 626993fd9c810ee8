"""Waiting for a condition instead of sleeping: generous deadline, no timed asserts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

DEADLINE_S = 30.0
Item = TypeVar("Item")


class Collector(Generic[Item]):
    """A thread-safe list that can be waited on; hand its `add` to whatever reports."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._changed = threading.Condition()

    def add(self, item: Item) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    @property
    def items(self) -> list[Item]:
        with self._changed:
            return list(self._items)

    def wait_for(
        self, holds: Callable[[list[Item]], bool], what: str = "", deadline_s: float = DEADLINE_S
    ) -> list[Item]:
        """All items as soon as holds(items); fails the test at the deadline."""
        with self._changed:
            met = self._changed.wait_for(lambda: holds(self._items), deadline_s)
            assert met, f"waited {deadline_s} s for {what or 'a condition'}; got {self._items[-20:]}"
            return list(self._items)

    def first(self, holds: Callable[[Item], bool], what: str = "", deadline_s: float = DEADLINE_S) -> Item:
        """The first item for which holds(item), now or later."""
        items = self.wait_for(lambda items: any(map(holds, items)), what, deadline_s)
        return next(item for item in items if holds(item))


def wait_until(holds: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """For conditions nobody reports: looks often, fails the test at the deadline."""
    pause = threading.Event()
    give_up_s = time.monotonic() + deadline_s
    while not holds():
        assert time.monotonic() < give_up_s, f"waited {deadline_s} s for {what}"
        pause.wait(0.002)
