"""UTC as contract version 1 writes it: RFC 3339 with milliseconds and `Z`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_text(utc_s: float) -> str:
    """`2026-03-14T22:41:07.250Z` for seconds since 1970-01-01 UTC, rounded to the millisecond.

    Raises ValueError for what is outside the years 1 to 9999 (a clock that far off is a fault upstream).
    """
    try:
        instant = _EPOCH + timedelta(milliseconds=round(utc_s * 1000.0))
    except OverflowError:
        raise ValueError(f"{utc_s!r} s since 1970 is outside the years 1 to 9999") from None
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z".rjust(24, "0")


def utc_seconds(text: str) -> float:
    """Seconds since 1970-01-01 UTC of an RFC 3339 instant with `Z` or an offset; raises ValueError."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} does not say its offset from UTC")
    return (instant - _EPOCH).total_seconds()
