"""What the courier did, counted for the gateway's health."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(slots=True)
class CourierCounts:
    """Since the start. An alert published more often than acknowledged was sent again, or is in flight."""

    alerts_published: int = 0
    alerts_acknowledged: int = 0
    alerts_unheard: int = 0
    alerts_refused: int = 0
    alerts_sent_again: int = 0
    alerts_received: int = 0
    alerts_unstored: int = 0
    receipts_unknown: int = 0
    requests_answered: int = 0
    failovers: int = 0
    records_published: int = 0
    records_shed: int = 0

    def as_dict(self) -> dict[str, int]:
        return {one.name: getattr(self, one.name) for one in fields(self)}
