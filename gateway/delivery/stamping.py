"""What only the moment of sending knows goes into the alert as it leaves:

number, lane, age, time of sending.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.alerts import with_published
from gateway.clock import HostClock
from gateway.contract.encoding import BadPayload, decode, encode
from gateway.contract.types import Alert
from gateway.contract.vocabulary import Lane
from gateway.delivery.outbox import OutboxRow, RowKey
from gateway.time_labels import BootOffset, StoredInstant, relabelled


@dataclass(frozen=True, slots=True)
class Stamper:
    """historical_after_s: what waited longer does not ring any more. numbering: the outbox that counts.

    boots: what is known of the clocks of earlier boots.
    """

    clock: HostClock
    boot_id: str
    numbering: str
    historical_after_s: float
    boots: Mapping[str, BootOffset] = field(default_factory=dict)

    def age_s(self, row: RowKey | OutboxRow) -> float | None:
        """Since it was committed; None for a row of an earlier boot, whose clock has stopped."""
        if row.boot_id != self.boot_id:
            return None
        return max(0.0, self.clock.monotonic_s() - row.monotonic_s)

    def stamped(self, row: OutboxRow) -> bytes:
        """The row's alert as it leaves now.

        A row that another version of this program committed and this one cannot read leaves as it was
        committed: late and unstamped is better than never.
        """
        alert = decode(row.alert_json, Alert)
        return row.alert_json if isinstance(alert, BadPayload) else encode(self.alert(alert, row))

    def alert(self, alert: Alert, row: OutboxRow) -> Alert:
        """The same as a value, its times by the best clock known now."""
        stored = StoredInstant(row.boot_id, row.monotonic_s, row.utc_offset_s)
        alert = relabelled(alert, stored, self.clock.known(), self.boots)
        age_s = self.age_s(row)
        old = age_s is None or age_s > self.historical_after_s
        return with_published(
            alert,
            self.clock.utc().timestamp(),
            seq=row.seq,
            lane=row.lane or Lane.LIVE,
            numbering=self.numbering,
            historical=old or row.lane is Lane.HISTORICAL,
            age_s=age_s,
        )

    def unstored(self, alert: Alert) -> bytes:
        """An alert that the disk did not take: no number, and this message is the only copy."""
        now_s = self.clock.utc().timestamp()
        return encode(
            with_published(
                alert,
                now_s,
                seq=None,
                lane=Lane.LIVE,
                numbering=None,
                historical=False,
                age_s=0.0,
                durable=False,
            )
        )
