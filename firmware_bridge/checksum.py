"""CRC-32C (Castagnoli), the check at the end of every frame. The only place that imports `fastcrc`."""

from __future__ import annotations

import fastcrc

# Running CRC-32C over data that ends in its own little-endian CRC always leaves this value, so a receiver
# checks a frame in one call, without cutting it up.
RESIDUE = 0x48674BC7


def crc32c(data: bytes) -> int:
    """CRC-32C of `data`: poly 0x1EDC6F41, reflected, init and final XOR 0xFFFFFFFF (PROTOCOL.md 3)."""
    value: int = fastcrc.crc32.iscsi(data)
    return value


def ends_in_own_crc(data: bytes) -> bool:
    """True when the last four bytes of `data` are the CRC-32C of the bytes before them."""
    intact: bool = fastcrc.crc32.iscsi(data) == RESIDUE
    return intact
