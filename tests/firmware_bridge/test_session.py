"""The session table is total, loses each ready sensor exactly once, and is drawn in the README."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware_bridge
from firmware_bridge.events import LinkState
from firmware_bridge.session import LOST_REASONS, TABLE, Action, Cause, Session, render_mermaid

README = Path(firmware_bridge.__file__).with_name("README.md")
ANNOUNCED = {LinkState.READY, LinkState.FADING}
OPEN_STATES = [state for state in LinkState if state is not LinkState.CLOSED]
CAUSES_WHEN_OPEN = [cause for cause in Cause if cause is not Cause.OPENED]


def test_the_table_is_total_for_open_links() -> None:
    wanted = set(itertools.product(OPEN_STATES, CAUSES_WHEN_OPEN))
    wanted |= {(LinkState.CLOSED, Cause.OPENED), (LinkState.CLOSED, Cause.CLOSED)}
    assert set(TABLE) == wanted


@pytest.mark.parametrize("cause", [Cause.HEARD, Cause.HELLO, Cause.SILENCE])
def test_nothing_but_opening_happens_to_a_closed_link(cause: Cause) -> None:
    with pytest.raises(ValueError, match="closed cannot take"):
        Session().handle(cause)


def test_opening_twice_is_misuse() -> None:
    session = Session()
    session.handle(Cause.OPENED)
    with pytest.raises(ValueError, match="listening cannot take: port opened"):
        session.handle(Cause.OPENED)


@pytest.mark.parametrize(("state", "cause"), TABLE)
def test_losing_and_becoming_ready_match_the_states(state: LinkState, cause: Cause) -> None:
    target, actions = TABLE[state, cause]
    assert (Action.LOSE in actions) == (state in ANNOUNCED and target not in ANNOUNCED)
    assert (Action.READY in actions) == (state not in ANNOUNCED and target in ANNOUNCED)
    if Action.LOSE in actions:
        assert cause in LOST_REASONS
        assert actions[:2] == (Action.LOSE, Action.FORGET)


@given(st.lists(st.sampled_from(CAUSES_WHEN_OPEN)))
def test_only_an_accepted_hello_makes_ready(causes: list[Cause]) -> None:
    session = Session()
    session.handle(Cause.OPENED)
    for cause in causes:
        if session.state is LinkState.CLOSED:
            break
        before = session.state
        session.handle(cause)
        if session.state is LinkState.READY and before not in ANNOUNCED:
            assert cause is Cause.HELLO


def test_the_readme_shows_the_table() -> None:
    assert f"```mermaid\n{render_mermaid()}```" in README.read_text(encoding="utf-8")
