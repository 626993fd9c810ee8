"""The bounded queue between the port threads and the pipeline thread.

Full means that the pipeline is behind: then the oldest droppable item (a feature frame) goes and is counted,
since fresh sound is worth more than old; everything else (a sensor that comes, goes or reports) is always
kept.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """Many threads put, one takes."""

    def __init__(self, most_droppable: int = 4096) -> None:
        self._most_droppable = most_droppable
        self._items: deque[tuple[bool, Item]] = deque()
        self._droppable = 0
        self._changed = threading.Condition()
        self.dropped = 0

    def put(self, item: Item, *, droppable: bool) -> None:
        with self._changed:
            if droppable:
                if self._droppable >= self._most_droppable:
                    self._drop_oldest()
                self._droppable += 1
            self._items.append((droppable, item))
            self._changed.notify()

    def take_all(self, timeout_s: float) -> list[Item]:
        """Everything that waits, oldest first; waits up to timeout_s for the first item, else empty."""
        with self._changed:
            if not self._items:
                self._changed.wait(timeout_s)
            taken = [item for _, item in self._items]
            self._items.clear()
            self._droppable = 0
            return taken

    def _drop_oldest(self) -> None:
        for index, (droppable, _) in enumerate(self._items):
            if droppable:
                del self._items[index]
                self._droppable -= 1
                self.dropped += 1
                return
