"""The error of a settings file; apart, so that the command line knows it without loading the settings."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.errors import GatewayError


class SettingsError(GatewayError):
    """A settings file that cannot be used. lines: one text "file:line: key: what. fix" per error."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))
