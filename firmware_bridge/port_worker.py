"""One thread per port: keeps the line open, feeds its bytes to the sensor's link, tells what happens.

The only owner of its line and its link. Everything that can be wrong with a port is a state, reported once
when it is entered; the thread never gives up and never spins. A node that is not there costs one `stat` every
quarter to half second, so a sensor streams again well within 2 s of coming back.

An unexpected exception ends the thread and reaches `threading.excepthook`, where the gateway ends itself.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable

from firmware_bridge.events import LinkEvent
from firmware_bridge.host_time import monotonic_s
from firmware_bridge.link import SensorLink
from firmware_bridge.port_states import PortChanged, PortState
from firmware_bridge.ports import HangUp, Line, OpenFailure, open_line
from firmware_bridge.waker import Waker

DEFAULT_BAUD = 115_200

Sink = Callable[[str, LinkEvent | PortChanged], None]
"""Takes (port url, event) on the port's thread; must not block for long."""

Tap = Callable[[float, bytes], None]
"""Takes (host monotonic seconds, bytes as they came) before the link sees them, on the port's thread."""

Beat = Callable[[float], None]
"""Told that a thread lives, and for how many seconds it may now be silent; infinity: it ends."""

_USUAL_S = 5.0
_OPENING_S = 30.0
"""A serial server that does not answer takes 5 s, its name longer, and a sick adapter its time."""

_RETRY_MIN_S, _RETRY_MAX_S = 0.25, 0.5
_TICK_S = 0.25
# A line that breaks again within this time is opened only once a second.
_FLAPPING_S = 1.0


class PortWorker:
    """Serves one port from `start` to `stop`. `start` once; `stop` from any thread."""

    def __init__(
        self,
        url: str,
        link: SensorLink,
        sink: Sink,
        *,
        baud: int = DEFAULT_BAUD,
        tap: Tap | None = None,
        monotonic: Callable[[], float] = monotonic_s,
        beat: Beat = lambda within_s: None,
    ) -> None:
        self.url = url
        self._beat = beat
        self._link = link
        self._sink = sink
        self._baud = baud
        self._tap = tap
        self._monotonic = monotonic
        self._state: PortState | None = None
        self._stopping = threading.Event()
        self._waker: Waker | None = None
        self._thread = threading.Thread(target=self._run, name=f"port:{url.rsplit('/', 1)[-1]}", daemon=True)

    def start(self) -> None:
        """Begin; the first report is OPENING."""
        self._waker = Waker()
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Tell the thread to end, without waiting for it."""
        self._stopping.set()
        if self._waker is not None:
            self._waker.wake()

    def stop(self, timeout_s: float = 6.0) -> bool:
        """End the thread; the last report is STOPPED. False if it did not end in time.

        Milliseconds as a rule; up to 5 s while a `socket://` address that does not answer is being opened.
        """
        self.ask_to_stop()
        if self._waker is None:
            return True
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._waker.close()
        self._waker = None
        return True

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        waker = self._waker
        assert waker is not None
        self._enter(PortState.OPENING)
        while not self._stopping.is_set():
            self._beat(_OPENING_S)
            opened = open_line(self.url, self._baud, waker)
            if isinstance(opened, OpenFailure):
                self._enter(opened.state, opened.detail)
                waker.wait(random.uniform(_RETRY_MIN_S, _RETRY_MAX_S))
                continue
            opened_s = self._monotonic()
            hang_up = self._serve(opened)
            if hang_up is not None:
                self._enter(PortState.HUNG_UP, hang_up.detail)
                if self._monotonic() - opened_s < _FLAPPING_S:
                    waker.wait(_FLAPPING_S)
        self._enter(PortState.STOPPED)
        self._beat(math.inf)

    def _serve(self, line: Line) -> HangUp | None:
        """Read until the line breaks (how it did) or the worker is to stop (None)."""
        self._enter(PortState.OPEN)
        hang_up: HangUp | None = None
        try:
            self._tell(self._link.opened(self._monotonic()))
            hang_up = self._read_until_hang_up(line)
        finally:
            line.close()
        reason = "stopped" if hang_up is None else hang_up.detail
        self._tell(self._link.closed(reason, self._monotonic()))
        return hang_up

    def _read_until_hang_up(self, line: Line) -> HangUp | None:
        tick_due_s = self._monotonic()
        while not self._stopping.is_set():
            self._beat(_USUAL_S)
            data = line.read(_TICK_S)
            if isinstance(data, HangUp):
                return data
            now_s = self._monotonic()
            if data:
                if self._tap is not None:
                    self._tap(now_s, data)
                self._tell(self._link.feed(data, now_s))
            if now_s >= tick_due_s:
                self._tell(self._link.tick(now_s))
                tick_due_s = now_s + _TICK_S
            outgoing = self._link.outgoing()
            if outgoing:
                failed = line.write(outgoing)
                if failed is not None:
                    return failed
        return None

    def _tell(self, events: list[LinkEvent]) -> None:
        for event in events:
            self._sink(self.url, event)

    def _enter(self, state: PortState, detail: str = "") -> None:
        if state is not self._state:
            self._state = state
            self._sink(self.url, PortChanged(self.url, state, detail, self._monotonic()))
