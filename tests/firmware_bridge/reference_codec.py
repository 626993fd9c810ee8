"""COBS and CRC-32C written down plainly from PROTOCOL.md, to check the fast ones and the golden vectors."""

from __future__ import annotations


def crc32c_bit_by_bit(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def cobs_encode(data: bytes) -> bytes:
    encoded = bytearray()
    group = bytearray()
    for index, byte in enumerate(data):
        if byte:
            group.append(byte)
        if byte == 0 or (len(group) == 254 and index < len(data) - 1):
            encoded += bytes([len(group) + 1]) + group
            group.clear()
    return bytes(encoded + bytes([len(group) + 1]) + group)


def cobs_decode(encoded: bytes) -> bytes | None:
    """None if a code points past the end, or a zero stands where none may be."""
    data = bytearray()
    at = 0
    while at < len(encoded):
        code = encoded[at]
        group = encoded[at + 1 : at + code]
        if code == 0 or 0 in group or len(group) != code - 1:
            return None
        data += group
        at += code
        if code < 255 and at < len(encoded):
            data.append(0)
    return bytes(data)
