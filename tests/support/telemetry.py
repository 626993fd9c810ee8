"""Seconds, clocks and stores for tests of telemetry: no sensor and no thread needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.clock import ClockQuality, ClockState, HostClock
from gateway.telemetry.chunk import ChunkHead, ClockWord, pack
from gateway.telemetry.files import FOLDER_NAME
from gateway.telemetry.second import Second
from gateway.telemetry.segment import SegmentHead
from gateway.telemetry.store import SegmentStore

SENSORS = ("north", "south")
LABELS = ("shout", "scream", "ambience")
ZERO_UTC_S = datetime(2026, 3, 14, 20, 0, 0, tzinfo=UTC).timestamp()
"""A full hour; UTC of monotonic second 0 in these tests unless they say otherwise."""
MOST_BYTES = 50_000_000


class SetClock(HostClock):
    """Stands where a test sets it."""

    def __init__(self, now_s: float = 0.0, boot_id: str = "boot-1") -> None:
        super().__init__()
        self.now_s = now_s
        self.zero_utc_s = ZERO_UTC_S
        self.state: ClockState = "synced"
        self._boot_id = boot_id

    def monotonic_s(self) -> float:
        return self.now_s

    def utc(self) -> datetime:
        return self.utc_at(self.now_s)

    def utc_at(self, monotonic_s: float) -> datetime:
        return datetime.fromtimestamp(self.zero_utc_s, UTC) + timedelta(seconds=monotonic_s)

    def boot_id(self) -> str:
        return self._boot_id

    def quality(self) -> ClockQuality:
        return ClockQuality(self.state, None if self.state == "unsynced" else 12.0)


def second(number: int, sensor_id: str = "north", hops: int = 8, **other: object) -> Second:
    values: dict[str, object] = {
        "laeq_db": 55.0,
        "lafmax_db": 60.5,
        "ambient_db": 50.0,
        "scores": {"shout": 0.5, "scream": 0.1, "ambience": 0.9},
        "calibrated": False,
    }
    return Second(sensor_id=sensor_id, number=number, hops=hops, **{**values, **other})  # type: ignore[arg-type]


def head_of(boot_id: str = "boot-1", sensors: Sequence[str] = SENSORS) -> SegmentHead:
    return SegmentHead(boot_id=boot_id, model_id="model-1", labels=LABELS, sensors=tuple(sensors))


def chunk_head(
    from_s: int,
    length_s: int = 60,
    *,
    zero_utc_s: float = ZERO_UTC_S,
    clock: ClockWord = "synced",
    reported_hours: tuple[int, ...] = (),
) -> ChunkHead:
    utc_ms = round((zero_utc_s + from_s) * 1000)
    return ChunkHead(from_s, length_s, utc_ms, clock, 12, reported_hours)


class Written:
    """A telemetry folder written as one run of a gateway writes it, a chunk at a time."""

    def __init__(
        self,
        data_dir: Path,
        *,
        boot_id: str = "boot-1",
        sensors: Sequence[str] = SENSORS,
        zero_utc_s: float = ZERO_UTC_S,
        clock: ClockWord = "synced",
        most_recorded_s: int = 168 * 3600,
    ) -> None:
        self._sensors = tuple(sensors)
        self._zero_utc_s = zero_utc_s
        self._clock = clock
        self.store = SegmentStore(
            data_dir / FOLDER_NAME, head_of(boot_id, sensors), MOST_BYTES, most_recorded_s=most_recorded_s
        )

    def chunk(
        self,
        from_s: int,
        seconds: Iterable[Second] = (),
        length_s: int = 60,
        reported_hours: tuple[int, ...] = (),
    ) -> Written:
        head = chunk_head(
            from_s, length_s, zero_utc_s=self._zero_utc_s, clock=self._clock, reported_hours=reported_hours
        )
        packed = [pack(one, self._sensors.index(one.sensor_id), LABELS) for one in seconds]
        self.store.append(head, packed)
        return self

    def heard(self, from_s: int, to_s: int, sensor_id: str = "north", hops: int = 8) -> Written:
        """A sensor that was heard all the time, in chunks of up to a minute."""
        for begin_s in range(from_s, to_s, 60):
            end_s = min(begin_s + 60, to_s)
            self.chunk(begin_s, (second(n, sensor_id, hops) for n in range(begin_s, end_s)), end_s - begin_s)
        return self

    def done(self) -> None:
        self.store.close()
