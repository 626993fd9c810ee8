"""The gateway with one thread that falls ill at SIGUSR1, where it beats: for tests of what happens then.

    python -m tests.support.ill_gateway {die,stick,never} STAGE run --settings FILE

die: the thread raises; stick: it stays there for ever; never: it does so from the start, without the signal.
To spare the test's time a stage that sticks has promised to be back very soon, and less patience is had with
it; all other stages are as in the field.
"""

from __future__ import annotations

import signal
import sys
import threading

from gateway import app
from gateway.cli import main
from gateway.supervision import overseer
from gateway.supervision.beats import Beats

STICKS_WITHIN_S = 0.5
GIVE_UP_S = BEGINS_WITHIN_S = 2.0
STUCK_HERE = "stands_here_for_ever"


class ThreadFellIll(RuntimeError):
    """What a stage dies of."""


def stands_here_for_ever() -> None:
    threading.Event().wait()


def infect(how: str, victim: str) -> None:
    beat = Beats.beat
    ill = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: ill.set())
    if how == "never":
        ill.set()
        app.STARTED_WITHIN_S = BEGINS_WITHIN_S

    def ill_beat(beats: Beats, stage: str, within_s: float = 5.0) -> None:
        if stage != victim or not ill.is_set():
            beat(beats, stage, within_s)
        elif how == "die":
            raise ThreadFellIll(stage)
        else:
            if how == "stick":
                beat(beats, stage, STICKS_WITHIN_S)
            stands_here_for_ever()

    Beats.beat = ill_beat  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    overseer.GIVE_UP_S = GIVE_UP_S
    infect(sys.argv[1], sys.argv[2])
    raise SystemExit(main(sys.argv[3:]))
