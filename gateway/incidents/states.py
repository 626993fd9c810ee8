"""The life of an incident as a table: (state, signal) -> next state.

README.md tells the theory and shows the diagram, which `mermaid()` draws from the table.
`python -m gateway.incidents.states` prints it.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    LOOK = "look"
    """An event of it is open; one source alone, or sources that do not confirm each other."""
    GO = "go"
    """An event of it is open, and it is confirmed."""
    FADING_LOOK = "fading_look"
    """All its events have ended; what begins at the same place now still belongs to it."""
    FADING_GO = "fading_go"
    OVER = "over"


class Signal(Enum):
    JOINED = "joined"
    """One more event belongs to it, and confirms nothing."""
    AGREED = "agreed"
    """An independent sensor heard the same."""
    CONFIRMED = "confirmed"
    """A person confirmed it, or another gateway says that it is confirmed."""
    ALL_ENDED = "all_ended"
    LAPSED = "lapsed"
    """Nothing more came while it faded."""


TABLE: dict[tuple[State, Signal], State] = {
    (State.LOOK, Signal.JOINED): State.LOOK,
    (State.LOOK, Signal.AGREED): State.GO,
    (State.LOOK, Signal.CONFIRMED): State.GO,
    (State.LOOK, Signal.ALL_ENDED): State.FADING_LOOK,
    (State.GO, Signal.JOINED): State.GO,
    (State.GO, Signal.AGREED): State.GO,
    (State.GO, Signal.CONFIRMED): State.GO,
    (State.GO, Signal.ALL_ENDED): State.FADING_GO,
    (State.FADING_LOOK, Signal.JOINED): State.LOOK,
    (State.FADING_LOOK, Signal.AGREED): State.GO,
    (State.FADING_LOOK, Signal.CONFIRMED): State.FADING_GO,
    (State.FADING_LOOK, Signal.LAPSED): State.OVER,
    (State.FADING_GO, Signal.JOINED): State.GO,
    (State.FADING_GO, Signal.AGREED): State.GO,
    (State.FADING_GO, Signal.CONFIRMED): State.FADING_GO,
    (State.FADING_GO, Signal.LAPSED): State.OVER,
}

CONFIRMED_STATES = frozenset({State.GO, State.FADING_GO})
FADING_STATES = frozenset({State.FADING_LOOK, State.FADING_GO})


def mermaid() -> str:
    """The table as a mermaid state diagram; stays are left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.LOOK.value}"]
    for (state, signal), target in TABLE.items():
        if state is not target:
            end = "[*]" if target is State.OVER else target.value
            lines.append(f"    {state.value} --> {end}: {signal.value}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(mermaid())
