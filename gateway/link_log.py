"""The log's word on the paths to the brokers: once when one goes, once when it is back."""

from __future__ import annotations

import logging

from gateway.delivery.broker_link import LinkPhase, LinkState

log = logging.getLogger(__name__)


class LinkLog:
    """told() each change, from one thread. Attempts that fail as the last one did are not said again."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[LinkPhase, str]] = {}

    def told(self, state: LinkState) -> None:
        if state.phase is LinkPhase.CONNECTING:
            log.debug("%s", state.text())
            return
        said = (state.phase, state.detail)
        if self._said.get(state.path) == said:
            log.debug("%s", state.text())
            return
        self._said[state.path] = said
        quiet = state.phase in (LinkPhase.CONNECTED, LinkPhase.STOPPED) and state.hears
        log.log(logging.INFO if quiet else logging.WARNING, "%s path: %s", state.path, state.text())
