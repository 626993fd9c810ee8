"""Looks for a known rhythm in any bytes: is there a series in them that follows the sound faster than 10/s?

Bytes are read in every way that a careless program might have written them: as numbers of 1, 2 and 4 bytes,
at every record length and place in the record, as numbers in text, in hexadecimal, base64 and zlib. Each
series is compared with the key as it would look at many rates, some seconds of it at a time, and as the
envelope of a waveform at the usual sampling rates.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from tests.privacy.watermark import CHIP_HZ, Key

SERIES_RATES_HZ = (12.0, 12.5, 16.0, 20.0, 25.0, 31.25, 32.0, 40.0, 50.0, 62.5, 64.0, 80.0, 100.0)
WAVEFORM_RATES_HZ = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
LONGEST_RECORD = 48
LONGEST_LINE = 12
"""Bytes in a record, numbers in a line."""
STRETCH_S = 4
LEAST_VALUES = 120
"""In a stretch; at low rates it is longer for it."""
ALIKE = 0.6
"""Correlation over a stretch: of 120 random values by chance less than once in 10^10."""
_FINE = 64
_LEAST_SPREAD = 1e-6
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){64,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{64,}={0,2}")
_ZLIB_HEADS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_ZEROS = re.compile(rb"\0{256,}")

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """Where the key was found: how the bytes were read, at which rate, how alike."""

    read_as: str
    rate_hz: float
    alike: float


def trace_of(content: bytes, chips: Key) -> Trace | None:
    """The first reading of `content` in which the key shows; None if there is none."""
    for how, body in _unwrapped(content):
        for name, series, as_waveform in _readings(body):
            trace = _found(f"{how}{name}", series, chips, as_waveform)
            if trace is not None:
                return trace
    return None


def _unwrapped(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What is packed in the content, then the content itself."""
    for match in _HEX.finditer(content):
        yield "hex, ", bytes.fromhex(match.group().decode("ascii"))
    for match in _BASE64.finditer(content):
        text = match.group().rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        try:
            yield "base64, ", base64.b64decode(text + b"=" * (-len(text) % 4))
        except binascii.Error:
            continue
    for head in _ZLIB_HEADS:
        at = content.find(head)
        while at >= 0:
            with suppress(zlib.error):
                yield "zlib, ", zlib.decompressobj().decompress(content[at:])
            at = content.find(head, at + 1)
    yield "", _ZEROS.sub(b"", content)


def _readings(body: bytes) -> Iterator[tuple[str, Rows, bool]]:
    """(name, series as rows, whether as a waveform)."""
    for kind in ("u1", "i1", "<i2", ">i2", "<f4"):
        size = np.dtype(kind).itemsize
        for skip in range(size):
            values = np.frombuffer(body[skip : skip + (len(body) - skip) // size * size], kind)
            with np.errstate(invalid="ignore"):
                yield f"{kind} samples", values.astype(np.float64)[np.newaxis], True
    numbers = np.array([float(text) for text in _NUMBER.findall(body)], np.float64)
    octets = np.frombuffer(body, np.uint8).astype(np.float64)
    for name, values, longest in (("text", numbers, LONGEST_LINE), ("bytes", octets, LONGEST_RECORD)):
        for record in range(1, longest + 1):
            count = len(values) // record
            yield f"{name}, one in {record}", values[: count * record].reshape(count, record).T, False


def _found(name: str, series: Rows, chips: Key, as_waveform: bool) -> Trace | None:
    clean = np.nan_to_num(series, nan=0.0, posinf=0.0, neginf=0.0)
    clean = np.sign(clean) * np.log1p(np.abs(clean))
    if not as_waveform:
        return _alike(name, clean, chips, SERIES_RATES_HZ)
    for rate_hz in WAVEFORM_RATES_HZ:
        block = rate_hz // CHIP_HZ
        for phase in (0, block // 2):
            count = (clean.shape[1] - phase) // block
            if count > 0:
                blocks = clean[0, phase : phase + count * block].reshape(count, block)
                envelope = np.abs(blocks - np.median(blocks)).mean(axis=1)[np.newaxis]
                trace = _alike(f"{name} at {rate_hz} Hz", envelope, chips, (float(CHIP_HZ),))
                if trace is not None:
                    return trace
    return None


def _alike(name: str, series: Rows, chips: Key, rates_hz: tuple[float, ...]) -> Trace | None:
    for rate_hz in rates_hz:
        templates = _templates(chips, rate_hz)
        if series.shape[1] >= templates.shape[1]:
            best = _best_correlation(series, templates)
            if best > ALIKE:
                return Trace(name, rate_hz, best)
    return None


def _templates(chips: Key, rate_hz: float) -> Rows:
    """Stretches of the key as values at this rate would follow it; zero mean, unit length."""
    sums = np.concatenate([[0.0], np.cumsum(np.repeat(chips, _FINE))])
    period = CHIP_HZ * _FINE / rate_hz
    stretch = max(LEAST_VALUES, round(STRETCH_S * rate_hz))
    rows = []
    for phase in (0.0, 0.5) if rate_hz < CHIP_HZ else (0.0,):
        edges = np.rint((np.arange(int(len(chips) * _FINE / period)) + phase) * period).astype(int)
        edges = edges[edges <= len(chips) * _FINE]
        values = np.diff(sums[edges]) / period
        rows += [values[at : at + stretch] for at in range(0, len(values) - stretch + 1, round(4 * rate_hz))]
    templates = np.array(rows)
    templates -= templates.mean(axis=1, keepdims=True)
    return np.asarray(templates / np.linalg.norm(templates, axis=1, keepdims=True))


def _best_correlation(series: Rows, templates: Rows) -> float:
    """The greatest normalised correlation of any template with any stretch of any row, either sign."""
    count, stretch = series.shape[1], templates.shape[1]
    padded = next_fast_len(count + stretch)
    centred = series - series.mean(axis=1, keepdims=True)
    ends = np.cumsum(np.pad(centred, ((0, 0), (1, 0))), axis=1)
    squares = np.cumsum(np.pad(centred**2, ((0, 0), (1, 0))), axis=1)
    mean = (ends[:, stretch:] - ends[:, :-stretch]) / stretch
    spread = (squares[:, stretch:] - squares[:, :-stretch]) - stretch * mean**2
    norm = np.sqrt(np.maximum(spread, 0.0))
    usable = norm > _LEAST_SPREAD * (1.0 + np.abs(centred).max())
    spectrum = rfft(centred, padded, axis=1)
    best = 0.0
    for template in templates:
        product = spectrum * np.conj(rfft(template, padded))
        alike = np.abs(irfft(product, padded, axis=1)[:, : count - stretch + 1])
        best = max(best, float(np.max(np.where(usable, alike / np.where(usable, norm, 1.0), 0.0))))
    return best
