"""A sink for port and link events that a test can wait on."""

from __future__ import annotations

from typing import TypeVar

from firmware_bridge.events import LinkEvent
from firmware_bridge.port_states import PortChanged, PortState
from tests.support.waiting import Collector

Event = LinkEvent | PortChanged
Kind = TypeVar("Kind", bound=Event)


class PortLog:
    """Everything that was reported, in order; give its `take` as the sink."""

    def __init__(self) -> None:
        self._told: Collector[tuple[str, Event]] = Collector()

    def take(self, url: str, event: Event) -> None:
        """The sink."""
        self._told.add((url, event))

    @property
    def events(self) -> list[Event]:
        """All events so far, of all ports."""
        return [event for _url, event in self._told.items]

    def states(self, url: str | None = None) -> list[PortState]:
        """The states entered so far, of one port or of all."""
        return [
            event.state
            for _url, event in self._told.items
            if isinstance(event, PortChanged) and url in (None, event.url)
        ]

    def wait_state(self, state: PortState, times: int = 1, url: str | None = None) -> None:
        """Wait until `state` was entered `times` times."""
        self._told.wait_for(lambda _items: self.states(url).count(state) >= times, f"{state} {times} times")

    def wait_kind(self, kind: type[Kind], times: int = 1) -> Kind:
        """Wait for `times` events of a class; the last of these."""

        def found(items: list[tuple[str, Event]]) -> list[Kind]:
            return [event for _url, event in items if isinstance(event, kind)]

        items = self._told.wait_for(
            lambda items: len(found(items)) >= times, f"{kind.__name__} {times} times"
        )
        return found(items)[times - 1]
