"""A sensor's pen for tests: numbers frames and writes them as they go on the wire."""

from __future__ import annotations

from firmware_bridge.framing import Frame, encode_frame
from firmware_bridge.messages import Features, Hello, Message, pack


def hello(serial: str = "S-0001", *, layout_id: int = 1, hop_samples: int = 6000) -> Hello:
    return Hello(serial, "edge-mic rev B", "1.2.0", layout_id, 12000, 48000, hop_samples)


def features(hop_index: int) -> Features:
    return Features(hop_index, -6512, -6001, 140, 35, 12, 201, 9, 77, bytes(range(100, 124)))


class Pen:
    """Writes messages of one boot, counting `seq` from the given start."""

    def __init__(self, epoch: int = 7, seq: int = 0, address: int = 0) -> None:
        self.epoch = epoch
        self.seq = seq
        self.address = address

    def frame(self, message: Message) -> Frame:
        kind, payload = pack(message)
        return self.raw_frame(kind, payload)

    def raw_frame(self, kind: int, payload: bytes) -> Frame:
        frame = Frame(kind, 0, self.address, self.epoch, self.seq, payload)
        self.seq = (self.seq + 1) & 0xFFFFFFFF
        return frame

    def write(self, *messages: Message) -> bytes:
        return b"".join(encode_frame(self.frame(message)) for message in messages)

    def skip(self, count: int = 1) -> None:
        """Frames that were sent and never arrive."""
        self.seq = (self.seq + count) & 0xFFFFFFFF
