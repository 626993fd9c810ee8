"""Watches over all threads of `agw run` from its main thread, and speaks for them to the service manager.

READY is told once every stage is at work. The watchdog is fed only while every stage keeps its promise. One
that does not is named, with the stacks of all threads, and the watchdog stays unfed: systemd then ends the
process. Where no watchdog does so, or too late, the process ends itself. Nothing is half alive for long.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Callable

from gateway.exit_codes import ExitCode
from gateway.supervision.beats import Beats
from gateway.supervision.progress import Overdue
from gateway.supervision.systemd import READY, STOPPING, WATCHDOG, ServiceManager, status

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
FEED_EVERY_S = 2.0
GIVE_UP_S = 9.0
"""A promise broken for this long is not kept any more: with the usual one of 5 s a deadlock lasts 15 s."""
PAUSED_S = 2.0
"""Who looks this much later than meant did not run, and so, as a rule, did nobody else."""


class Overseer:
    """Main thread only. end: what is done about what cannot be saved, at once; None ends the process."""

    def __init__(
        self,
        beats: Beats,
        manager: ServiceManager,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        end: Callable[[], None] | None = None,
    ) -> None:
        self._beats = beats
        self._manager = manager
        self._monotonic = monotonic
        self._end = end or end_at_once
        self._looked_s = monotonic()
        self._feed_due_s = self._looked_s
        self._stuck: frozenset[str] = frozenset()
        self.ready = False
        watchdog_s = manager.watchdog_s
        self._feed_every_s = FEED_EVERY_S if watchdog_s is None else min(FEED_EVERY_S, watchdog_s / 4.0)

    def watch(self, stopping: threading.Event, ended: threading.Event) -> None:
        """Look until one of them is set."""
        self._looked_s = self._monotonic()
        while not (stopping.is_set() or ended.is_set()):
            self.look()
            stopping.wait(min(LOOK_EVERY_S, self._feed_every_s))
        self._manager.tell(STOPPING, status("stops"))

    def look(self) -> None:
        """One look at all stages."""
        now_s = self._monotonic()
        pause_s, self._looked_s = now_s - self._looked_s - LOOK_EVERY_S, now_s
        if pause_s > PAUSED_S:
            log.warning("this process did not run for %.1f s", pause_s)
            self._beats.excuse(pause_s)
        overdue = self._beats.overdue()
        self._tell_stuck(overdue)
        if overdue:
            if overdue[0].by_s > GIVE_UP_S:
                log.critical("%s: the gateway ends itself", overdue[0])
                self._end()
            return
        if not self.ready and self._beats.begun:
            self.ready = self._manager.tell(READY, status("runs"))
        if self._manager.watchdog_s is not None and now_s >= self._feed_due_s:
            self._feed_due_s = now_s + self._feed_every_s
            self._manager.tell(WATCHDOG)

    def _tell_stuck(self, overdue: tuple[Overdue, ...]) -> None:
        """Once when a stage gets stuck, and once when none is any more."""
        stuck = frozenset(one.stage for one in overdue)
        if stuck - self._stuck:
            told = ", ".join(map(str, overdue))
            log.error("no progress of %s; what each thread does follows", told)
            dump_stacks()
            self._manager.tell(status(f"stuck: {told}"))
        elif self._stuck and not stuck:
            log.warning("every stage makes progress again")
            self._manager.tell(status("runs"))
        self._stuck = stuck


def dump_stacks() -> None:
    """Of all threads, to where the log goes; from C, so that no lock of ours is in the way."""
    try:
        faulthandler.dump_traceback(sys.__stderr__ or 2, all_threads=True)
    except (OSError, ValueError, RuntimeError) as problem:
        log.error("no stacks: %s", problem)


def end_at_once() -> None:
    """Without goodbyes: whoever is stuck may hold what a goodbye needs. What is committed is on disk."""
    os._exit(ExitCode.FAILED)
