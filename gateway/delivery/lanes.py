"""Which lane a committed revision leaves in. Pure.

Live alerts overtake what piled up while there was no path, and each lane counts by itself, so that overtaking
leaves no hole in a receiver's count. A whole event is in one lane, and a lane is sent in order of commit: so
the order within an event is kept. Only what is over and old goes to the historical lane: an event that is
still open when the path comes back is news, however long ago it began.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gateway.contract.vocabulary import Lane
from gateway.delivery.outbox import RowKey


def choose_lanes(
    rows: Sequence[RowKey],
    *,
    open_events: frozenset[str],
    in_use: Mapping[str, Lane],
    age_s: Callable[[RowKey], float | None],
    historical_after_s: float,
) -> list[tuple[int, Lane]]:
    """(row id, lane) of each row, in the order given.

    open_events: ids of events that have not ended. in_use: lanes of events with earlier rows that are not
    delivered yet. age_s: how long ago a row was committed, None for a boot that is over.
    """
    newest: dict[str, RowKey] = {row.event_id: row for row in rows}

    def lane_of(event_id: str) -> Lane:
        if event_id in in_use:
            return in_use[event_id]
        age = age_s(newest[event_id])
        old = age is None or age > historical_after_s
        return Lane.HISTORICAL if old and event_id not in open_events else Lane.LIVE

    lanes = {event_id: lane_of(event_id) for event_id in newest}
    return [(row.row_id, lanes[row.event_id]) for row in rows]
