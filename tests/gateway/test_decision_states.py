"""The table is whole, and the page shows it as it is."""

from __future__ import annotations

from pathlib import Path

import gateway
from gateway.decisions.rules import DEFAULT_RULES
from gateway.decisions.states import OPEN_STATES, TABLE, Action, Signal, State, mermaid

PAGE = (Path(gateway.__file__).parent / "decisions" / "README.md").read_text(encoding="utf-8")


def test_every_signal_that_a_state_can_meet_is_in_the_table() -> None:
    while_closed = {Signal.QUIET, Signal.HIT, Signal.ENOUGH, Signal.CLOSED}
    while_open = {Signal.QUIET, Signal.HIT, Signal.EXPIRED, Signal.CLOSED}
    expected = {(State.IDLE, signal) for signal in while_closed}
    expected |= {(State.GATHERING, signal) for signal in while_closed | {Signal.LAPSED}}
    expected |= {(state, signal) for state in OPEN_STATES for signal in while_open}
    assert set(TABLE) == expected


def test_events_open_by_a_raise_and_close_by_an_end_only() -> None:
    for (state, _), (target, action) in TABLE.items():
        assert (action is Action.RAISE) is (state not in OPEN_STATES and target in OPEN_STATES)
        assert (action is Action.END) is (state in OPEN_STATES and target not in OPEN_STATES)


def test_every_state_can_be_reached_and_left() -> None:
    for state in State:
        assert any(target is state and source is not state for (source, _), (target, _) in TABLE.items())
        assert any(source is state and target is not state for (source, _), (target, _) in TABLE.items())


def test_the_page_shows_the_diagram_of_the_table() -> None:
    assert f"```mermaid\n{mermaid()}\n```" in PAGE, "run: python -m gateway.decisions.states"


def test_the_page_shows_the_default_rules() -> None:
    for name, rule in DEFAULT_RULES.items():
        needed = f"{rule.required_s:g} s of {rule.window_s:g} s" if rule.required_s else "one hop"
        cells = (
            f"`{name}`",
            f"{rule.on_score:g}",
            f"{rule.off_score:g}",
            needed,
            f"{rule.hold_s:g} s",
            f"{rule.min_level_db:g} dB",
            f"{rule.min_above_ambient_db:g} dB",
            rule.floor_severity.value,
            f"+{rule.medium_above_db:g} dB ({rule.medium_level_db:g} dB)",
            f"+{rule.high_above_db:g} dB ({rule.high_level_db:g} dB)",
        )
        assert f"| {' | '.join(cells)} |" in PAGE
