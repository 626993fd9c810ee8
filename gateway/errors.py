"""Errors that a person has to act on: they say what failed, where, and what to do."""

from __future__ import annotations


class GatewayError(Exception):
    """Something a technician or operator must put right.

    what: the failure in one clause; where: the file, port, broker or setting; hint: the next step.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}. {self.hint}" if self.hint else text
