"""The state of one link, as a table.

Theory of operation. A port is open or closed; once open, somebody has to speak, and then has to say who it
is. Only a sensor that introduced itself with an acceptable hello is `ready`, and only then do its features
pass. Whatever makes it doubtful that the same sensor in the same boot is still there (a new epoch, another
hello, three seconds of silence, a closed port) ends `ready`, is announced once as a loss, and calls for a new
hello. Two seconds of silence show as `fading` first, because a short stall heals by itself. A line on which
bytes arrive but no frames is `garbled`, which nearly always is a wrong baud rate.

The table is total for open links: `link.py` may raise any event in any state. No I/O, no clock, no text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from firmware_bridge.events import LinkState, LostReason


class Cause(StrEnum):
    """What can happen to a link."""

    OPENED = "port opened"
    CLOSED = "port closed"
    HEARD = "good frame"
    HELLO = "hello accepted"
    BAD_HELLO = "hello refused"
    REBOOTED = "new epoch"
    OTHER_HELLO = "another hello"
    SILENCE = "silence"
    NOISE = "noise only"
    SILENCE_LASTS = "silence lasts"
    NOISE_LASTS = "noise lasts"


class Action(StrEnum):
    """What the link does about it, in this order."""

    LOSE = "announce loss"
    FORGET = "forget sensor"
    READY = "announce ready"
    REFUSE = "announce refusal"
    ASK = "ask for hello"


LOST_REASONS: Final = {
    Cause.CLOSED: LostReason.PORT_CLOSED,
    Cause.BAD_HELLO: LostReason.REFUSED,
    Cause.REBOOTED: LostReason.REBOOTED,
    Cause.OTHER_HELLO: LostReason.SWAPPED,
    Cause.SILENCE_LASTS: LostReason.SILENT,
    Cause.NOISE_LASTS: LostReason.GARBLED,
}

Row = tuple[LinkState, tuple[Action, ...]]

_S = LinkState
_C = Cause
_NOTHING: Final[tuple[Action, ...]] = ()
_ASK: Final = (Action.ASK,)
_READY: Final = (Action.READY,)
_REFUSE: Final = (Action.REFUSE,)
_FORGET: Final = (Action.FORGET,)
_LOSE: Final = (Action.LOSE, Action.FORGET)

TABLE: Final[dict[tuple[LinkState, Cause], Row]] = {
    (_S.CLOSED, _C.OPENED): (_S.LISTENING, _ASK),
    (_S.CLOSED, _C.CLOSED): (_S.CLOSED, _NOTHING),
    #
    (_S.LISTENING, _C.HEARD): (_S.INTRODUCING, _ASK),
    (_S.LISTENING, _C.HELLO): (_S.READY, _READY),
    (_S.LISTENING, _C.BAD_HELLO): (_S.REFUSED, _REFUSE),
    (_S.LISTENING, _C.REBOOTED): (_S.INTRODUCING, _ASK),
    (_S.LISTENING, _C.OTHER_HELLO): (_S.INTRODUCING, _NOTHING),
    (_S.LISTENING, _C.SILENCE): (_S.SILENT, _NOTHING),
    (_S.LISTENING, _C.NOISE): (_S.GARBLED, _NOTHING),
    (_S.LISTENING, _C.SILENCE_LASTS): (_S.SILENT, _NOTHING),
    (_S.LISTENING, _C.NOISE_LASTS): (_S.GARBLED, _NOTHING),
    (_S.LISTENING, _C.CLOSED): (_S.CLOSED, _NOTHING),
    #
    (_S.INTRODUCING, _C.HEARD): (_S.INTRODUCING, _NOTHING),
    (_S.INTRODUCING, _C.HELLO): (_S.READY, _READY),
    (_S.INTRODUCING, _C.BAD_HELLO): (_S.REFUSED, _REFUSE),
    (_S.INTRODUCING, _C.REBOOTED): (_S.INTRODUCING, _ASK),
    (_S.INTRODUCING, _C.OTHER_HELLO): (_S.INTRODUCING, _NOTHING),
    (_S.INTRODUCING, _C.SILENCE): (_S.SILENT, _NOTHING),
    (_S.INTRODUCING, _C.NOISE): (_S.GARBLED, _NOTHING),
    (_S.INTRODUCING, _C.SILENCE_LASTS): (_S.SILENT, _NOTHING),
    (_S.INTRODUCING, _C.NOISE_LASTS): (_S.GARBLED, _NOTHING),
    (_S.INTRODUCING, _C.CLOSED): (_S.CLOSED, _NOTHING),
    #
    (_S.READY, _C.HEARD): (_S.READY, _NOTHING),
    (_S.READY, _C.HELLO): (_S.READY, _NOTHING),
    (_S.READY, _C.BAD_HELLO): (_S.REFUSED, (*_LOSE, *_REFUSE)),
    (_S.READY, _C.REBOOTED): (_S.INTRODUCING, (*_LOSE, *_ASK)),
    (_S.READY, _C.OTHER_HELLO): (_S.INTRODUCING, _LOSE),
    (_S.READY, _C.SILENCE): (_S.FADING, _NOTHING),
    (_S.READY, _C.NOISE): (_S.FADING, _NOTHING),
    (_S.READY, _C.SILENCE_LASTS): (_S.SILENT, _LOSE),
    (_S.READY, _C.NOISE_LASTS): (_S.GARBLED, _LOSE),
    (_S.READY, _C.CLOSED): (_S.CLOSED, _LOSE),
    #
    (_S.FADING, _C.HEARD): (_S.READY, _NOTHING),
    (_S.FADING, _C.HELLO): (_S.READY, _NOTHING),
    (_S.FADING, _C.BAD_HELLO): (_S.REFUSED, (*_LOSE, *_REFUSE)),
    (_S.FADING, _C.REBOOTED): (_S.INTRODUCING, (*_LOSE, *_ASK)),
    (_S.FADING, _C.OTHER_HELLO): (_S.INTRODUCING, _LOSE),
    (_S.FADING, _C.SILENCE): (_S.FADING, _NOTHING),
    (_S.FADING, _C.NOISE): (_S.FADING, _NOTHING),
    (_S.FADING, _C.SILENCE_LASTS): (_S.SILENT, _LOSE),
    (_S.FADING, _C.NOISE_LASTS): (_S.GARBLED, _LOSE),
    (_S.FADING, _C.CLOSED): (_S.CLOSED, _LOSE),
    #
    (_S.REFUSED, _C.HEARD): (_S.REFUSED, _NOTHING),
    (_S.REFUSED, _C.HELLO): (_S.READY, _READY),
    (_S.REFUSED, _C.BAD_HELLO): (_S.REFUSED, _NOTHING),
    (_S.REFUSED, _C.REBOOTED): (_S.INTRODUCING, (*_FORGET, *_ASK)),
    (_S.REFUSED, _C.OTHER_HELLO): (_S.INTRODUCING, _FORGET),
    (_S.REFUSED, _C.SILENCE): (_S.SILENT, _FORGET),
    (_S.REFUSED, _C.NOISE): (_S.GARBLED, _FORGET),
    (_S.REFUSED, _C.SILENCE_LASTS): (_S.SILENT, _FORGET),
    (_S.REFUSED, _C.NOISE_LASTS): (_S.GARBLED, _FORGET),
    (_S.REFUSED, _C.CLOSED): (_S.CLOSED, _FORGET),
    #
    (_S.SILENT, _C.HEARD): (_S.INTRODUCING, _ASK),
    (_S.SILENT, _C.HELLO): (_S.READY, _READY),
    (_S.SILENT, _C.BAD_HELLO): (_S.REFUSED, _REFUSE),
    (_S.SILENT, _C.REBOOTED): (_S.INTRODUCING, _ASK),
    (_S.SILENT, _C.OTHER_HELLO): (_S.INTRODUCING, _NOTHING),
    (_S.SILENT, _C.SILENCE): (_S.SILENT, _NOTHING),
    (_S.SILENT, _C.NOISE): (_S.GARBLED, _NOTHING),
    (_S.SILENT, _C.SILENCE_LASTS): (_S.SILENT, _NOTHING),
    (_S.SILENT, _C.NOISE_LASTS): (_S.GARBLED, _NOTHING),
    (_S.SILENT, _C.CLOSED): (_S.CLOSED, _NOTHING),
    #
    (_S.GARBLED, _C.HEARD): (_S.INTRODUCING, _ASK),
    (_S.GARBLED, _C.HELLO): (_S.READY, _READY),
    (_S.GARBLED, _C.BAD_HELLO): (_S.REFUSED, _REFUSE),
    (_S.GARBLED, _C.REBOOTED): (_S.INTRODUCING, _ASK),
    (_S.GARBLED, _C.OTHER_HELLO): (_S.INTRODUCING, _NOTHING),
    (_S.GARBLED, _C.SILENCE): (_S.SILENT, _NOTHING),
    (_S.GARBLED, _C.NOISE): (_S.GARBLED, _NOTHING),
    (_S.GARBLED, _C.SILENCE_LASTS): (_S.SILENT, _NOTHING),
    (_S.GARBLED, _C.NOISE_LASTS): (_S.GARBLED, _NOTHING),
    (_S.GARBLED, _C.CLOSED): (_S.CLOSED, _NOTHING),
}


class Session:
    """The current state, moved by causes through `TABLE`."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = LinkState.CLOSED

    def handle(self, cause: Cause) -> tuple[Action, ...]:
        """Move on `cause`; the actions to take, in order. ValueError on misuse of the link (see `TABLE`)."""
        row = TABLE.get((self.state, cause))
        if row is None:
            raise ValueError(f"a link that is {self.state} cannot take: {cause}")
        self.state, actions = row
        return actions


def render_mermaid() -> str:
    """`TABLE` as a Mermaid state diagram; rows that change nothing and do nothing are left out."""
    causes: dict[tuple[LinkState, LinkState, tuple[Action, ...]], list[Cause]] = {}
    for (state, cause), (target, actions) in TABLE.items():
        if target is not state or actions:
            causes.setdefault((state, target, actions), []).append(cause)
    lines = ["stateDiagram-v2", "    [*] --> closed"]
    for (state, target, actions), group in causes.items():
        does = f" / {', '.join(actions)}" if actions else ""
        lines.append(f"    {state} --> {target}: {' or '.join(group)}{does}")
    return "\n".join(lines) + "\n"
