"""The life of an event as a table: (state, signal) -> (next state, action). One such machine per class.

README.md tells the theory and shows the diagram, which `mermaid()` draws from the table.
`python -m gateway.decisions.states` prints it.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    IDLE = "idle"
    GATHERING = "gathering"
    ACTIVE = "active"
    HOLDING = "holding"


class Signal(Enum):
    """What one hop, or the end of the stream, means to a class."""

    QUIET = "quiet"
    """Heard, and no evidence."""
    HIT = "hit"
    """Evidence; before the event is raised: not yet enough of it."""
    ENOUGH = "enough"
    """Evidence, and with it k of n is reached."""
    LAPSED = "lapsed"
    """The last evidence has left the window."""
    EXPIRED = "expired"
    """The hold is over."""
    CLOSED = "closed"
    """The stream ends, or what judges it changes."""


class Action(Enum):
    NONE = "none"
    GATHER = "gather"
    RAISE = "raise"
    EXTEND = "extend"
    END = "end"
    FORGET = "forget"


TABLE: dict[tuple[State, Signal], tuple[State, Action]] = {
    (State.IDLE, Signal.QUIET): (State.IDLE, Action.NONE),
    (State.IDLE, Signal.HIT): (State.GATHERING, Action.GATHER),
    (State.IDLE, Signal.ENOUGH): (State.ACTIVE, Action.RAISE),
    (State.IDLE, Signal.CLOSED): (State.IDLE, Action.FORGET),
    (State.GATHERING, Signal.QUIET): (State.GATHERING, Action.NONE),
    (State.GATHERING, Signal.HIT): (State.GATHERING, Action.GATHER),
    (State.GATHERING, Signal.ENOUGH): (State.ACTIVE, Action.RAISE),
    (State.GATHERING, Signal.LAPSED): (State.IDLE, Action.FORGET),
    (State.GATHERING, Signal.CLOSED): (State.IDLE, Action.FORGET),
    (State.ACTIVE, Signal.HIT): (State.ACTIVE, Action.EXTEND),
    (State.ACTIVE, Signal.QUIET): (State.HOLDING, Action.NONE),
    (State.ACTIVE, Signal.EXPIRED): (State.IDLE, Action.END),
    (State.ACTIVE, Signal.CLOSED): (State.IDLE, Action.END),
    (State.HOLDING, Signal.HIT): (State.ACTIVE, Action.EXTEND),
    (State.HOLDING, Signal.QUIET): (State.HOLDING, Action.NONE),
    (State.HOLDING, Signal.EXPIRED): (State.IDLE, Action.END),
    (State.HOLDING, Signal.CLOSED): (State.IDLE, Action.END),
}

OPEN_STATES = frozenset({State.ACTIVE, State.HOLDING})


def mermaid() -> str:
    """The table as a mermaid state diagram; stays that do nothing are left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.IDLE.value}"]
    for (state, signal), (target, action) in TABLE.items():
        if state is target and action in (Action.NONE, Action.FORGET):
            continue
        label = signal.value if action is Action.NONE else f"{signal.value} / {action.value}"
        lines.append(f"    {state.value} --> {target.value}: {label}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(mermaid())
