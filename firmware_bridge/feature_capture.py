"""Captures made from feature frames instead of a port: what a sensor would have sent, by the real codec."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from firmware_bridge.capture import CaptureHeader, Chunk
from firmware_bridge.capture_writer import write_capture
from firmware_bridge.framing import Frame, encode_frame
from firmware_bridge.messages import Features, Hello, Message, pack

MADE_SERIAL = "CAPTURE"
_MICROSECONDS = 1_000_000


def capture_hello(header: CaptureHeader) -> Hello:
    """How the sensor of a made capture introduces itself: layout, scale and serial number of the header."""
    if header.layout is None or header.full_scale_db is None:
        raise ValueError("a capture made from frames says its layout and full scale in its header")
    return Hello(
        serial=header.sensor or MADE_SERIAL,
        hardware="made from a recording",
        firmware="",
        layout_id=header.layout,
        full_scale_cdb=round(header.full_scale_db * 100),
        sample_rate_hz=48_000,
        hop_samples=6_000,
    )


def write_features_capture(
    path: str | os.PathLike[str], header: CaptureHeader, features: Sequence[Features], *, epoch: int = 1
) -> None:
    """Write a capture with a hello and then one chunk per frame, at the end of its hop.

    The same arguments give the same bytes. Hop indices are taken as they are and must rise (ValueError).
    """
    hello = capture_hello(header)
    write_capture(path, header, features_chunks(hello, features, epoch=epoch))


def features_chunks(hello: Hello, features: Sequence[Features], *, epoch: int = 1) -> Iterator[Chunk]:
    """What the sensor `hello` would send for these frames; times count from its boot."""
    yield Chunk(0, _encoded(hello, epoch, 0))
    last_hop = -1
    for seq, frame in enumerate(features, start=1):
        if frame.hop_index <= last_hop:
            raise ValueError(f"hop {frame.hop_index} after hop {last_hop}")
        last_hop = frame.hop_index
        t_us = round((frame.hop_index + 1) * hello.hop_s * _MICROSECONDS)
        yield Chunk(t_us, _encoded(frame, epoch, seq))


def _encoded(message: Message, epoch: int, seq: int) -> bytes:
    kind, payload = pack(message)
    return encode_frame(Frame(kind, 0, 0, epoch, seq, payload))
