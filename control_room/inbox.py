"""What the lines hand to the receiver's thread: in order, bounded, taken in batches."""

from __future__ import annotations

import threading
from collections import deque

from control_room.line import LineState, Message, Taken

MOST_WAITING = 2000
LONGEST_WAIT_S = 5.0
Item = LineState | Message | Taken


class Inbox:
    """put() from any thread; take() from one."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put(self, item: Item) -> bool:
        """False: there is no room for this message, and whoever sent it has to send it again.

        Waits a while for room. A message that nobody keeps (a heartbeat) is dropped at once and counted; how
        a line stands always has room.
        """
        with self._changed:
            if isinstance(item, Message) and len(self._items) >= MOST_WAITING:
                if not item.message_id:
                    self.dropped += 1
                    return True
                if not self._changed.wait_for(self._has_room, LONGEST_WAIT_S):
                    return False
            elif not isinstance(item, Message):
                self._changed.wait_for(lambda: self._closed or len(self._items) < 2 * MOST_WAITING)
            self._items.append(item)
            self._changed.notify_all()
            return True

    def take(self, most: int, wait_s: float) -> list[Item]:
        """Up to `most` items, oldest first; waits for the first one."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, wait_s)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Nobody takes any more: nobody waits for room either."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _has_room(self) -> bool:
        return self._closed or len(self._items) < MOST_WAITING
