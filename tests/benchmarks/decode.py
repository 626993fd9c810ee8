"""Frames decoded per second on one core: `python -m tests.benchmarks.decode [seconds]`.

The limit is what the same bytes cost with nothing but `bytes.split`, C COBS and CRC-32C and no result kept.
All methods take turns in one run, so that their ratios mean something on a busy machine; the best turn
counts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import fastcrc
from cobs import cobs

from firmware_bridge.events import FeatureFrame
from firmware_bridge.framing import Decoder, Frame, encode_frame
from firmware_bridge.ledger import SequenceLedger
from firmware_bridge.link import SensorLink
from firmware_bridge.messages import Features, Hello, pack, parse

FRAMES = 20_000
CHUNK = 4096
HELLO = Hello("S-0001", "bench", "1", 1, 12000, 48000, 6000)
RESIDUE = 0x48674BC7


def feature_frame(seq: int) -> Frame:
    kind, payload = pack(Features(seq, -6512, -6001, 140, 35, 61, 201, 9, 190, bytes(range(90, 114))))
    return Frame(kind, 0, 0, 7, seq, payload)


WIRE = b"".join(encode_frame(feature_frame(seq)) for seq in range(FRAMES))
CHUNKS = [WIRE[at : at + CHUNK] for at in range(0, len(WIRE), CHUNK)]


def limit() -> int:
    """bytes.split + C COBS + C CRC-32C."""
    good = 0
    crc = fastcrc.crc32.iscsi
    pending = b""
    for chunk in CHUNKS:
        *runs, pending = (pending + chunk).split(b"\0")
        for run in runs:
            good += crc(cobs.decode(run)) == RESIDUE
    return good


def decoder() -> int:
    """Decoder alone: frames, header checks, byte ledger."""
    decode = Decoder()
    return sum(len(decode.feed(chunk)) for chunk in CHUNKS)


def messages() -> int:
    """Decoder, messages, sequence ledger."""
    decode, sequence = Decoder(), SequenceLedger()
    good = 0
    for chunk in CHUNKS:
        for item in decode.feed(chunk):
            if isinstance(item, Frame) and isinstance(parse(item), Features):
                good += sequence.observe(item.epoch, item.seq, 0.0).accepted
    return good


def link() -> int:
    """Everything: SensorLink from bytes to feature events, device clock included."""
    whole = SensorLink()
    whole.opened(0.0)
    kind, payload = pack(HELLO)
    whole.feed(encode_frame(Frame(kind, 0, 0, 7, 2**32 - 1, payload)), 0.0)
    return sum(isinstance(event, FeatureFrame) for chunk in CHUNKS for event in whole.feed(chunk, 0.0))


METHODS: dict[str, Callable[[], int]] = {
    "limit: split + COBS + CRC": limit,
    "decoder": decoder,
    "decoder + messages + ledgers": messages,
    "whole link, to events": link,
}


def main(seconds: float) -> int:
    """Print frames per second and the ratio to the limit."""
    best = dict.fromkeys(METHODS, float("inf"))
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline or float("inf") in best.values():
        for name, method in METHODS.items():
            started = time.perf_counter()
            count = method()
            best[name] = min(best[name], time.perf_counter() - started)
            if count != FRAMES:
                print(f"{name}: {count} of {FRAMES} frames", file=sys.stderr)
                return 1
    fastest = min(best.values())
    print(f"{FRAMES} frames of {len(WIRE) // FRAMES} bytes in chunks of {CHUNK}")
    for name, took_s in best.items():
        rate = FRAMES / took_s
        print(f"{name:<30} {rate:>11,.0f} frames/s  {took_s / FRAMES * 1e6:6.3f} us  {fastest / took_s:5.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0))
