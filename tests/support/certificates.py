"""Certificates for tests of TLS, made on the spot: an authority, and whatever it signs. RSA 2048, SHA-256.

Seeded, so worthless as secrets: never use one outside a test. X.509 as in RFC 5280, keys as in RFC 8017.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

_EXPONENT = 65537
_RSA_KEY = bytes.fromhex("300d06092a864886f70d0101010500")  # AlgorithmIdentifier: rsaEncryption, NULL
_SHA256_RSA = bytes.fromhex("300d06092a864886f70d01010b0500")  # sha256WithRSAEncryption, NULL
_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
_COMMON_NAME = bytes.fromhex("0603550403")
_SUBJECT_ALT_NAME = bytes.fromhex("0603551d11")
_BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")
_SUBJECT_KEY_ID = bytes.fromhex("0603551d0e")
_AUTHORITY_KEY_ID = bytes.fromhex("0603551d23")
_KEY_USAGE = bytes.fromhex("0603551d0f")
_SIGNS = bytes.fromhex("03020106")  # keyCertSign, cRLSign
_ENCRYPTS = bytes.fromhex("030205a0")  # digitalSignature, keyEncipherment
_TRUE = bytes.fromhex("0101ff")
_SMALL_PRIMES = math.prod(n for n in range(3, 2000, 2) if all(n % m for m in range(3, 45, 2) if m < n))
_INTEGER, _BIT_STRING, _OCTETS, _UTF8, _UTC_TIME = 0x02, 0x03, 0x04, 0x0C, 0x17
_SEQUENCE, _SET, _VERSION_TAG, _EXTENSIONS_TAG = 0x30, 0x31, 0xA0, 0xA3


@dataclass(frozen=True, slots=True)
class Key:
    n: int
    d: int
    p: int
    q: int


@dataclass(frozen=True, slots=True)
class Files:
    cert: Path
    key: Path


class Authority:
    """Signs certificates and writes them as PEM files into a folder."""

    def __init__(self, folder: Path, name: str = "test authority", seed: int = 1) -> None:
        self._folder = folder
        self._name = name
        self._key = _key(seed)
        self._serial = 1
        body = self._certificate(name, self._key, [], authority=True, days=(-1, 30))
        self.ca = folder / f"{name.replace(' ', '-')}.pem"
        self.ca.write_text(_pem("CERTIFICATE", body))

    def issue(self, host: str, *, days: tuple[int, int] = (-1, 30), seed: int = 2) -> Files:
        """A certificate for a host name or address, valid from and until so many days from now."""
        key = _key(seed)
        body = self._certificate(host, key, [host], authority=False, days=days)
        stem = self._folder / f"{self._serial}-{host}"
        files = Files(stem.with_name(stem.name + ".pem"), stem.with_name(stem.name + ".key"))
        files.cert.write_text(_pem("CERTIFICATE", body))
        files.key.write_text(_pem("RSA PRIVATE KEY", _private_key(key)))
        return files

    def _certificate(
        self, name: str, key: Key, hosts: list[str], *, authority: bool, days: tuple[int, int]
    ) -> bytes:
        self._serial += 1
        public = _sequence(_integer(key.n), _integer(_EXPONENT))
        extensions = [
            _extension(_SUBJECT_KEY_ID, _der(_OCTETS, _key_id(key))),
            _extension(_AUTHORITY_KEY_ID, _sequence(_der(0x80, _key_id(self._key)))),
            _extension(_KEY_USAGE, _SIGNS if authority else _ENCRYPTS, critical=True),
        ]
        if authority:
            extensions.append(_extension(_BASIC_CONSTRAINTS, _sequence(_TRUE), critical=True))
        else:
            names = _sequence(*(_alternative_name(host) for host in hosts))
            extensions.append(_extension(_SUBJECT_ALT_NAME, names))
        now = datetime.now(UTC)
        to_sign = _sequence(
            _der(_VERSION_TAG, _integer(2)),
            _integer(self._serial),
            _SHA256_RSA,
            _distinguished(self._name),
            _sequence(*(_time(now + timedelta(days=day)) for day in days)),
            _distinguished(name),
            _sequence(_RSA_KEY, _bits(public)),
            _der(_EXTENSIONS_TAG, _sequence(*extensions)),
        )
        return _sequence(to_sign, _SHA256_RSA, _bits(_signature(to_sign, self._key)))


def _key(seed: int) -> Key:
    chance = Random(f"test key {seed}")
    p, q = _prime(chance), _prime(chance)
    return Key(p * q, pow(_EXPONENT, -1, (p - 1) * (q - 1)), p, q)


def _prime(chance: Random, bits: int = 1024) -> int:
    while True:
        candidate = chance.getrandbits(bits) | (3 << (bits - 2)) | 1
        if math.gcd(candidate, _SMALL_PRIMES) > 1 or candidate % _EXPONENT == 1:
            continue
        if all(pow(base, candidate - 1, candidate) == 1 for base in (2, 3, 5)):  # Fermat is good enough here
            return candidate


def _signature(message: bytes, key: Key) -> bytes:
    digest = _SHA256_PREFIX + hashlib.sha256(message).digest()
    size = (key.n.bit_length() + 7) // 8
    padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return pow(int.from_bytes(padded), key.d, key.n).to_bytes(size)


def _private_key(key: Key) -> bytes:
    exponents = (key.d % (key.p - 1), key.d % (key.q - 1), pow(key.q, -1, key.p))
    numbers = (0, key.n, _EXPONENT, key.d, key.p, key.q, *exponents)
    return _sequence(*(_integer(number) for number in numbers))


def _extension(name: bytes, content: bytes, *, critical: bool = False) -> bytes:
    return _sequence(name, _TRUE if critical else b"", _der(_OCTETS, content))


def _key_id(key: Key) -> bytes:
    return hashlib.sha256(key.n.to_bytes(256)).digest()[:20]


def _alternative_name(host: str) -> bytes:
    try:
        return _der(0x87, ipaddress.ip_address(host).packed)
    except ValueError:
        return _der(0x82, host.encode())


def _distinguished(name: str) -> bytes:
    return _sequence(_der(_SET, _sequence(_COMMON_NAME, _der(_UTF8, name.encode()))))


def _time(instant: datetime) -> bytes:
    return _der(_UTC_TIME, instant.strftime("%y%m%d%H%M%SZ").encode())


def _integer(value: int) -> bytes:
    return _der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1))


def _bits(content: bytes) -> bytes:
    return _der(_BIT_STRING, b"\x00" + content)


def _sequence(*parts: bytes) -> bytes:
    return _der(_SEQUENCE, b"".join(parts))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content


def _pem(label: str, body: bytes) -> str:
    text = base64.b64encode(body).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])
