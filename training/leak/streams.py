"""What an attacker gets to see of a sound, and what he tries to get back: numpy arrays of one row a frame.

`wire` is our own stream: every field of the front end's frames, as quantised for the wire, 8 rows a second.
`log_mel` is what speech recognisers and vocoders use, 100 rows a second: the positive control and the target.
`pooled` is the control averaged over time, to see at which rate speech comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsp import layout
from dsp.front_end import frames_of

RATE_HZ = 16_000
FRAME_SAMPLES = 160
WINDOW_SAMPLES = 400
FFT_POINTS = 512
MEL_BANDS = 64
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7_600.0
_LOWEST_POWER = 1e-8
_DB_UNIT = 20.0
_NATURAL_LOG_UNIT = 4.0

Rows = NDArray[np.float32]
Samples = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StreamKind:
    """name; period_s: between rows; width: numbers in a row.

    Of thinner versions of our stream: bands_every: hops over which the band levels are averaged; all_fields:
    and every other field with them; octaves: three bands put together.
    """

    name: str
    period_s: float
    width: int
    bands_every: int = 1
    all_fields: bool = False
    octaves: bool = False


WIRE = StreamKind("wire", layout.HOP_S, layout.BAND_COUNT + 10)
MEL = StreamKind("mel_10ms", FRAME_SAMPLES / RATE_HZ, MEL_BANDS)


def pooled_kind(frames: int) -> StreamKind:
    """The control averaged over so many of its frames."""
    period_s = frames * FRAME_SAMPLES / RATE_HZ
    return StreamKind(f"mel_{round(1000 * period_s)}ms", period_s, MEL_BANDS)


def coarser_kinds() -> tuple[StreamKind, ...]:
    """Thinner versions of our stream, and the control at 20 and 10 rows a second."""
    wire = (WIRE.period_s, WIRE.width)
    return (
        StreamKind("wire_octaves", *wire, octaves=True),
        StreamKind("wire_bands_4_a_second", *wire, bands_every=2),
        StreamKind("wire_all_4_a_second", *wire, bands_every=2, all_fields=True),
        pooled_kind(5),
        pooled_kind(10),
    )


def rows_of(kind: StreamKind, samples: Samples) -> Rows:
    """The stream of one sound at 16 kHz, shape (rows, kind.width)."""
    if kind.name.startswith("wire"):
        return thinned(kind, wire_rows(frames_of(samples, RATE_HZ)))
    log_power = log_mel(samples)
    frames = round(kind.period_s * RATE_HZ / FRAME_SAMPLES)
    whole = len(log_power) // frames * frames
    power = np.exp(log_power[:whole]).reshape(-1, frames, MEL_BANDS).mean(axis=1)
    return normalised_mel(np.log(power))


def wire_rows(frames: np.ndarray) -> Rows:
    """Frames of `FRAME_DTYPE` as numbers of about unit size, levels relative to the loudest hop's LAeq."""
    top_db = float(layout.centidecibels_to_db(frames["laeq_cdb"]).max(initial=layout.LEVEL_FLOOR_DB))
    pitch = frames["pitch_code"].astype(np.float64)
    laeq_db = layout.centidecibels_to_db(frames["laeq_cdb"])
    columns = [
        (np.nan_to_num(layout.level_db(frames["bands"]), nan=layout.LEVEL_FLOOR_DB) - top_db) / _DB_UNIT,
        (laeq_db - top_db)[:, None] / _DB_UNIT,
        (layout.centidecibels_to_db(frames["lafmax_cdb"]) - top_db)[:, None] / _DB_UNIT,
        (layout.level_db(frames["lcpeak_code"]) - laeq_db)[:, None] / _DB_UNIT,
        layout.submax_db(frames["submax_code"])[:, None] / 6.0,
        layout.ratios(frames["roughness_code"])[:, None],
        layout.ratios(frames["harmonicity_code"])[:, None],
        layout.flatness_db(frames["flatness_code"])[:, None] / 16.0,
        (pitch > 0)[:, None],
        pitch[:, None] / layout.PITCH_CODE_MAX,
        np.ones((len(frames), 1)),
    ]
    return np.clip(np.concatenate(columns, axis=1), -4.0, 4.0).astype(np.float32)


def thinned(kind: StreamKind, rows: Rows) -> Rows:
    """Rows with what `kind` leaves of them; the number of columns stays."""
    less = rows.copy()
    bands = rows[:, : layout.BAND_COUNT] * _DB_UNIT
    power = 10.0 ** (bands.astype(np.float64) / 10.0)
    if kind.octaves:
        power = np.repeat(power.reshape(len(rows), -1, 3).mean(axis=2), 3, axis=1)
    if kind.bands_every > 1:
        power = _averaged(power, kind.bands_every)
    if kind.all_fields:
        less[:, layout.BAND_COUNT :] = _averaged(rows[:, layout.BAND_COUNT :], kind.bands_every)
    levels = np.rint(10.0 * np.log10(power) / layout.LEVEL_STEP_DB) * layout.LEVEL_STEP_DB
    less[:, : layout.BAND_COUNT] = levels / _DB_UNIT
    return less


def _averaged(columns: NDArray[Any], hops: int) -> NDArray[np.float64]:
    """Each hop's numbers replaced by the mean of its group of `hops`."""
    groups = np.arange(len(columns)) // hops
    sums = np.stack([np.bincount(groups, weights=column) for column in columns.T], axis=1)
    return np.asarray((sums / np.bincount(groups)[:, None])[groups])


def log_mel(samples: Samples) -> NDArray[np.float64]:
    """Natural log of mel power, 100 frames a second, shape (frames, 64); frame k is centred at k * 10 ms."""
    spectrum = short_time_spectrum(samples)
    return np.asarray(np.log(np.abs(spectrum) ** 2 @ mel_weights().T + _LOWEST_POWER))


def normalised_mel(log_power: NDArray[np.float64]) -> Rows:
    """Log mel power relative to its own highest value, about unit size."""
    return np.asarray((log_power - log_power.max()) / _NATURAL_LOG_UNIT + 1.0, dtype=np.float32)


def denormalised_mel(rows: Rows) -> NDArray[np.float64]:
    """Inverse of `normalised_mel` but for the level."""
    return (np.asarray(rows, dtype=np.float64) - 1.0) * _NATURAL_LOG_UNIT


def short_time_spectrum(samples: Samples) -> NDArray[np.complex128]:
    """Windowed spectra (frames, 257), 100 a second."""
    padded = np.pad(samples, (FFT_POINTS // 2, FFT_POINTS))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_POINTS)[::FRAME_SAMPLES]
    return np.asarray(np.fft.rfft(frames[: 1 + len(samples) // FRAME_SAMPLES] * window(), axis=1))


@cache
def window() -> NDArray[np.float64]:
    """A Hann window of 25 ms in the middle of the transform."""
    side = (FFT_POINTS - WINDOW_SAMPLES) // 2
    return np.pad(np.hanning(WINDOW_SAMPLES + 1)[:-1], (side, side))


@cache
def mel_weights() -> NDArray[np.float64]:
    """Triangular bands evenly spaced in mel (O'Shaughnessy), shape (64, 257)."""
    edges = np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), MEL_BANDS + 2)
    edges_hz = 700.0 * (10.0 ** (edges / 2595.0) - 1.0)
    bins_hz = np.fft.rfftfreq(FFT_POINTS, 1.0 / RATE_HZ)
    low, middle, high = (edges_hz[i : i + MEL_BANDS, None] for i in range(3))
    rising, falling = (bins_hz - low) / (middle - low), (high - bins_hz) / (high - middle)
    return np.maximum(np.minimum(rising, falling), 0.0)


def _mel(frequency_hz: float) -> float:
    return 2595.0 * float(np.log10(1.0 + frequency_hz / 700.0))
