"""What stands at the head of a segment file, so that its seconds can be read without anything else. Pure."""

from __future__ import annotations

import msgspec

FORMAT = 1


class SegmentHead(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one gateway: whose seconds follow, and what their scores are of.

    boot_id: of the host; monotonic seconds of two boots do not compare. labels: the order of the scores;
    empty in level-only mode. sensors: the order of the sensors. reported_hours: hours since 1970 (UTC) whose
    coverage was reported before this segment was begun, the newest report last.
    """

    format: int = FORMAT
    boot_id: str
    model_id: str | None
    labels: tuple[str, ...]
    sensors: tuple[str, ...]
    reported_hours: tuple[int, ...] = ()


def encode_head(head: SegmentHead) -> bytes:
    return msgspec.json.encode(head)


def decode_head(body: bytes) -> SegmentHead | None:
    """None for what is no head, or one of another format."""
    try:
        head = msgspec.json.decode(body, type=SegmentHead)
    except msgspec.DecodeError:  # not JSON, or not these fields
        return None
    return head if head.format == FORMAT else None
