"""What only the sender knows goes into the alert as it leaves: sequence number and time of publishing."""

from __future__ import annotations

from datetime import datetime

from gateway.alerts import with_published
from gateway.contract.encoding import BadPayload, decode, encode
from gateway.contract.types import Alert
from gateway.delivery.outbox import OutboxRow


def stamped(row: OutboxRow, utc: datetime) -> bytes:
    """The row's alert with `seq` and `published_utc` filled in.

    A row that another version of this program committed and this one cannot read leaves as it was committed:
    late and unstamped is better than never.
    """
    alert = decode(row.alert_json, Alert)
    if isinstance(alert, BadPayload):
        return row.alert_json
    return encode(with_published(alert, utc.timestamp(), row.row_id))
