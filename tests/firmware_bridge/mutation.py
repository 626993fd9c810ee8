"""Damage done to frames: flips, bursts, inserted and deleted bytes, lost and stray zeros, cuts.

`python -m tests.firmware_bridge.mutation FRAMES` damages that many frames, each followed by a good one, and
prints what came of them; no corrupted one may be accepted.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable

from firmware_bridge.framing import FLAG_TAG, MAX_PAYLOAD, Decoder, Frame, encode_frame

Damage = Callable[[random.Random, bytes], bytes]


def random_frame(rng: random.Random) -> Frame:
    """A frame like those of real life (38 bytes, small numbers), or of any kind."""
    if rng.random() < 0.6:
        payload = rng.randrange(2**32).to_bytes(4, "little") + bytes(rng.choices(range(40, 160), k=34))
        return Frame(0x02, 0, 0, rng.randrange(20), rng.randrange(2**32), payload)
    tag = rng.randbytes(8) if rng.random() < 0.3 else b""
    payload = rng.randbytes(rng.randrange(MAX_PAYLOAD + 1))
    if rng.random() < 0.3:
        payload = bytes(len(payload))
    kind, address = rng.randrange(256), rng.randrange(256)
    epoch, seq = rng.randrange(2**32), rng.randrange(2**32)
    return Frame(kind, FLAG_TAG if tag else 0, address, epoch, seq, payload, tag)


def flip_bits(rng: random.Random, wire: bytes) -> bytes:
    data = bytearray(wire)
    for _ in range(rng.choice([1, 1, 2, 3, 4, 8])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def burst(rng: random.Random, wire: bytes) -> bytes:
    at, size = rng.randrange(len(wire)), rng.randrange(1, 20)
    return wire[:at] + rng.randbytes(size) + wire[at + size :]


def insert(rng: random.Random, wire: bytes) -> bytes:
    at = rng.randrange(len(wire))
    return wire[:at] + rng.randbytes(rng.randrange(1, 6)) + wire[at:]


def delete(rng: random.Random, wire: bytes) -> bytes:
    at = rng.randrange(len(wire))
    return wire[:at] + wire[at + rng.randrange(1, 6) :]


def stray_zero(rng: random.Random, wire: bytes) -> bytes:
    at = rng.randrange(1, len(wire))
    return wire[:at] + b"\0" + wire[at:]


def truncate(rng: random.Random, wire: bytes) -> bytes:
    return wire[: rng.randrange(1, len(wire) - 1)] + b"\0"


def lose_delimiter(_rng: random.Random, wire: bytes) -> bytes:
    return wire[:-1]


def swap_halves(rng: random.Random, wire: bytes) -> bytes:
    at = rng.randrange(1, len(wire) - 1)
    return wire[at:-1] + wire[:at] + b"\0"


DAMAGES: tuple[Damage, ...] = (
    flip_bits, burst, insert, delete, stray_zero, truncate, lose_delimiter, swap_halves,
)  # fmt: skip


def damaged_stream(rng: random.Random, frames: list[Frame]) -> tuple[bytes, int]:
    """A stream in which about half the frames are damaged, and how many must still come through.

    A frame must come through if neither it nor the bytes before it were touched.
    """
    stream = b""
    clean_start, untouched = True, 0
    for frame in frames:
        wire = encode_frame(frame)
        if rng.random() < 0.5:
            stream += rng.choice(DAMAGES)(rng, wire)
            clean_start = stream.endswith(b"\0")
        else:
            stream += wire
            untouched += clean_start
            clean_start = True
    return stream, untouched


def main(count: int) -> int:
    """Damage `count` frames, with a good one after each; 1 if any damage was accepted."""
    rng = random.Random(count)
    outcomes: Counter[str] = Counter()
    wrong = 0
    after = random_frame(rng)
    after_wire = encode_frame(after)
    for _ in range(count):
        frame = random_frame(rng)
        wire = encode_frame(frame)
        damaged = rng.choice(DAMAGES)(rng, wire)
        if damaged == wire:
            outcomes["left whole by chance"] += 1
            continue
        for item in Decoder().feed(damaged + after_wire):
            if not isinstance(item, Frame):
                outcomes[item.reason] += 1
            elif item == frame:
                outcomes["damaged frame came through unchanged"] += 1
            elif item == after:
                outcomes["next frame came through"] += 1
            else:
                wrong += 1
    print(f"{count} frames damaged, {wrong} corrupted frames accepted")
    for outcome, number in outcomes.most_common():
        print(f"{number:>12} {outcome}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
