"""Retained states of gateways and sensors that come in by more than one line, as one picture. Pure.

A gateway that lost one of its brokers is declared gone there, and its sensors stand there as they were then.
So a gateway counts as gone only when every line that knows of it says so, and its sensors and faults are
taken from the first line on which it is present.
"""

from __future__ import annotations

from collections.abc import Sequence

from control_room.changes import Change, Ignored
from control_room.incidents_view import IncidentsView
from control_room.line import Message
from gateway.contract.encoding import decode
from gateway.contract.topics import Topic, TopicKind
from gateway.contract.types import GatewayStatus
from gateway.contract.vocabulary import Presence

MOST_TOPICS = 100_000  # of one line
Told = tuple[Change, Message]
_Name = tuple[str, str]


class States:
    """apply() each state message; `view` is the one picture."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.view = IncidentsView()
        self._paths = tuple(paths)
        self._latest: dict[str, dict[_Name, dict[str, Message]]] = {path: {} for path in paths}
        self._online: dict[str, set[_Name]] = {path: set() for path in paths}

    def apply(self, topic: Topic, message: Message) -> list[Told]:
        """What this message changes in the picture."""
        name = (topic.site, topic.gateway)
        before = self._lead(name)
        self._keep(name, message)
        if topic.kind is TopicKind.STATUS:
            self._note_presence(name, message)
            after = self._lead(name)
            if after not in (None, message.path):
                return self._replay(name, after) if after != before else [(Ignored.SAME_STATE, message)]
            told = [self._show(message)]
            return told + (self._replay(name, after) if after != before else [])
        if before in (None, message.path):
            return [self._show(message)]
        return [(Ignored.SAME_STATE, message)]

    def line_lost(self, path: str) -> list[Told]:
        """What came in by this line may be out of date: others speak, if there are others."""
        led = [name for name in self._online[path] if self._lead(name) == path]
        self._online[path].clear()
        self._latest[path].clear()
        return [one for name in led for one in self._replay(name, self._lead(name))]

    def _lead(self, name: _Name) -> str | None:
        return next((path for path in self._paths if name in self._online[path]), None)

    def _keep(self, name: _Name, message: Message) -> None:
        kept = self._latest[message.path].setdefault(name, {})
        if not message.payload:
            kept.pop(message.topic, None)
        elif message.topic in kept or sum(map(len, self._latest[message.path].values())) < MOST_TOPICS:
            kept[message.topic] = message

    def _note_presence(self, name: _Name, message: Message) -> None:
        status = decode(message.payload, GatewayStatus) if message.payload else None
        if isinstance(status, GatewayStatus) and status.state is Presence.ONLINE:
            self._online[message.path].add(name)
        else:
            self._online[message.path].discard(name)

    def _replay(self, name: _Name, path: str | None) -> list[Told]:
        """Another line leads now: the picture as it stands there, where it differs."""
        if path is None:
            return []
        told = [self._show(message) for message in self._latest[path].get(name, {}).values()]
        return [(change, message) for change, message in told if not isinstance(change, Ignored)]

    def _show(self, message: Message) -> Told:
        return self.view.apply(message.topic, message.payload, retained=message.retained), message
