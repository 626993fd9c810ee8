"""What the front end achieves against the limits of the standards: `python -m tests.dsp.compliance`.

Every row is measured through the streaming implementation, fed in random blocks, and where a quantity is
sent, from the integers of the frames. Prints the markdown of dsp/COMPLIANCE.md; exit code 1 if any row fails.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from dsp.layout import BAND_CENTRES_HZ, BAND_LOWER_HZ, BAND_NOMINALS_HZ, BAND_UPPER_HZ, level_db
from dsp.levels import FULL_SCALE_MEAN_SQUARE, SLOW_S, TimeWeighting
from dsp.octave_bank import pyramid_level
from tests.dsp import limits, signals
from tests.dsp.chain import band_squares_in_hops, frames_in_blocks, weighted_in_blocks


@dataclass(frozen=True, slots=True)
class Row:
    """One measured deviation and the limits it must keep, both inclusive; dB unless the quantity says so."""

    quantity: str
    lower: float
    upper: float
    deviation: float

    @property
    def passes(self) -> bool:
        return self.lower <= self.deviation <= self.upper

    @property
    def part_of_limit(self) -> float:
        """0 in the middle, 1 at the limit that is nearer."""
        limit = self.upper if self.deviation >= 0 else -self.lower
        return abs(self.deviation) / limit if limit > 0 and math.isfinite(limit) else 0.0


def _decibels(ratio: float | np.ndarray) -> float:
    return float(10.0 * np.log10(ratio))


def _level(samples: np.ndarray) -> float:
    return _decibels(np.mean(np.square(samples)) / FULL_SCALE_MEAN_SQUARE)


def _mean_level(cdb: np.ndarray) -> float:
    return _decibels(np.mean(10.0 ** (cdb.astype(np.float64) / 1000.0)))


def _steady_s(frequency_hz: float) -> float:
    return 4.5 if frequency_hz < 100 else 1.5


def weighting_rows(name: str) -> list[Row]:
    """Table 3: A from `laeq_cdb`, C and Z from the streaming filter; deviation from the printed goal."""
    rows = []
    for seed, (nominal, a_goal, c_goal, upper, lower) in enumerate(limits.WEIGHTING):
        frequency = signals.exact_hz(nominal)
        wave = signals.faded_tone(frequency, _steady_s(frequency), 0.25)
        amplitude_db = _decibels(0.5**2)
        if name == "A":
            measured = _mean_level(frames_in_blocks(wave, seed)["laeq_cdb"][4:])
        else:
            measured = _level(weighted_in_blocks(wave, "C" if name == "C" else "Z", seed)[24_000:])
        goal = {"A": a_goal, "C": c_goal, "Z": 0.0}[name]
        rows.append(Row(f"{name} weighting {nominal:g} Hz", lower, upper, measured - amplitude_db - goal))
    return rows


def at_1_khz_rows() -> list[Row]:
    """Clauses 5.5.9 and 5.8.3: weightings and averages against each other for a steady 1 kHz tone."""
    wave = signals.tone(1000.0, 6.0)
    frames = frames_in_blocks(wave)[16:]
    a_level, f_level = _mean_level(frames["laeq_cdb"]), float(frames["lafmax_cdb"][-1]) / 100.0
    slow = TimeWeighting(SLOW_S).process(np.square(weighted_in_blocks(wave, "A")))
    s_level = _decibels(slow[-24_000:].mean() / FULL_SCALE_MEAN_SQUARE)
    c_level = _level(weighted_in_blocks(wave, "C")[96_000:])
    limit, average = limits.WEIGHTINGS_AT_1_KHZ_DB, limits.LEQ_VERSUS_F_DB
    return [
        Row("C minus A at 1 kHz", -limit, limit, c_level - a_level),
        Row("Z minus A at 1 kHz", -limit, limit, _level(wave[96_000:]) - a_level),
        Row("LAeq minus LAF at 1 kHz", -average, average, a_level - f_level),
        Row("LAS minus LAF at 1 kHz (6 s after the start)", -average, average, s_level - f_level),
    ]


def toneburst_rows() -> list[Row]:
    """Table 4, F and sound exposure, from `lafmax_cdb` and `laeq_cdb`."""
    steady = _mean_level(frames_in_blocks(signals.tone(4000.0, 2.0, 0.9))["laeq_cdb"][4:])
    rows = []
    for seed, (milliseconds, fast_goal, exposure_goal, upper, lower) in enumerate(limits.TONEBURST_F):
        start_s = 0.3 + 0.0137 * seed  # anywhere in a hop
        frames = frames_in_blocks(signals.burst(4000.0, milliseconds / 1000.0, start_s, 2.0, 0.9), seed)
        fast = float(frames["lafmax_cdb"].max()) / 100.0 - steady
        exposure = _mean_level(frames["laeq_cdb"]) + _decibels(2.0) - steady
        rows.append(Row(f"LAFmax of a 4 kHz burst of {milliseconds:g} ms", lower, upper, fast - fast_goal))
        rows.append(
            Row(f"LAE of a 4 kHz burst of {milliseconds:g} ms", lower, upper, exposure - exposure_goal)
        )
    return rows


def decay_row() -> Row:
    """How fast LAF falls after a tone stops, from `lafmax_cdb`."""
    frames = frames_in_blocks(signals.burst(4000.0, 1.0, 0.0, 3.0, 0.9))
    fall = float(frames["lafmax_cdb"][10] - frames["lafmax_cdb"][18]) / 100.0
    limit = limits.F_DECAY_DB_PER_S
    return Row("LAF decay minus 34.7 dB/s, in dB/s (own limit)", -limit, limit, fall - 34.7)


def peak_rows() -> list[Row]:
    """Table 5, from `lcpeak_code` (steps of 0.5 dB) and the steady C level."""
    rows = []
    for kind, nominal, goal, limit in limits.C_PEAK:
        frequency = signals.exact_hz(nominal) if nominal == 31.5 else float(nominal)
        amplitude = 0.2
        steady = _level(weighted_in_blocks(signals.tone(frequency, 2.0, amplitude), "C")[48_000:])
        cycles, sign = (1.0, 1.0) if kind == "one cycle" else (0.5, -1.0 if "negative" in kind else 1.0)
        wave = sign * signals.burst(frequency, cycles / frequency, 0.3, 1.0, amplitude)
        peak = float(level_db(frames_in_blocks(wave)["lcpeak_code"]).max())
        rows.append(Row(f"LCpeak, {kind} of {nominal:g} Hz", -limit, limit, peak - steady - goal))
    return rows


def linearity_rows() -> list[Row]:
    """Clause 5.6.5: level steps of 5 dB over 100 dB, of the quantised LAeq and of the band's code."""
    rows = []
    for frequency in (31.622776601683793, 1000.0, 7943.282347242815):
        levels = [-0.5, *range(-5, -105, -5)]
        frames = [
            frames_in_blocks(signals.faded_tone(frequency, 1.5, 0.25) * 2.0 * 10.0 ** (level / 20.0), seed)[
                4:
            ]
            for seed, level in enumerate(levels)
        ]
        reference = levels.index(-30)
        kept = [i for i, f in enumerate(frames) if f["laeq_cdb"].min() > -12_000]
        sent = np.array([_mean_level(frames[i]["laeq_cdb"]) for i in kept])
        error = sent - sent[kept.index(reference)] - (np.array([levels[i] for i in kept]) - levels[reference])
        limit = limits.LINEARITY_DB
        span = levels[kept[0]] - levels[kept[-1]]
        rows.append(_worst(f"LAeq linearity over {span:g} dB at {frequency:.0f} Hz", -limit, limit, error))
        if frequency > 50:
            band = int(np.argmin(np.abs(BAND_CENTRES_HZ - frequency)))
            sent = np.array([np.median(level_db(f["bands"][:, band])) for f in frames])
            label = f"band linearity over {levels[0] - levels[-1]:g} dB at {frequency:.0f} Hz"
            rows.append(_worst(label, -limit, limit, sent - np.array(levels)))
    return rows


def polarity_row() -> Row:
    """Clause 5.11.3 in spirit: a positive and a negative half cycle just below full scale read alike."""
    wave = signals.burst(4000.0, 0.5 / 4000.0, 0.3, 1.0, 0.99)
    plus, minus = (frames_in_blocks(sign * wave)["lcpeak_code"].astype(int).max() for sign in (1.0, -1.0))
    return Row("half cycles of either sign", -limits.POLARITY_DB, limits.POLARITY_DB, (plus - minus) / 2.0)


def mask_rows(bands: Iterable[int] = range(24)) -> list[Row]:
    """IEC 61260-1 Table 1 with tones: at the breakpoints, between them, and where decimation would fold."""
    rows = []
    for band in bands:
        centre = float(BAND_CENTRES_HZ[band])
        frequencies = _mask_frequencies(band)
        attenuation = np.array([_attenuation_db(band, f) for f in frequencies])
        attenuation -= attenuation[0]
        least, greatest = limits.third_octave_mask(frequencies / centre)
        inside = np.isfinite(greatest)
        name = f"{BAND_NOMINALS_HZ[band]} Hz band"
        margin = np.minimum(attenuation - least, greatest - attenuation)
        rows.append(Row(f"{name}, pass band: least margin", 0.0, math.inf, float(margin[inside].min())))
        rows.append(Row(f"{name}, stop band: least margin", 0.0, math.inf, float(margin[~inside].min())))
        at_centre = _attenuation_db(band, centre)
        rows.append(Row(f"{name}, level at the centre", -0.4, 0.4, -at_centre))
    return rows


def _mask_frequencies(band: int) -> np.ndarray:
    centre = float(BAND_CENTRES_HZ[band])
    ratios = set()
    for ratio in limits.BREAKPOINT_RATIOS:
        ratios |= {ratio, 1.0 / ratio}
    edge = limits.third_octave_ratio(0.5)
    ratios |= {edge * 1.0001, 1.0 / (edge * 1.0001)}
    ratios |= {limits.third_octave_ratio(x) ** s for x in (0.44, 0.55, 0.7, 1.5, 2.5, 3.5) for s in (1, -1)}
    frequencies = [centre * ratio for ratio in sorted(ratios, key=lambda r: abs(math.log(r)))]
    for level in range(1, pyramid_level(band) + 1):
        rate = 48_000.0 / 2**level
        for multiple in range(1, 2**level // 2 + 1):
            frequencies += [multiple * rate + side for side in (-centre, centre)]
    return np.array([f for f in frequencies if 5.0 < f < 23_950.0])


def _attenuation_db(band: int, frequency_hz: float) -> float:
    centre = float(BAND_CENTRES_HZ[band])
    settle_s = 0.5 + 30.0 / (0.23 * centre) * 2.0
    hops = math.ceil((settle_s + 0.5) / 0.125)
    wave = signals.faded_tone(frequency_hz, hops * 0.125, settle_s / 2.0)
    squares = band_squares_in_hops(wave, [band])[-4:, band]
    return _decibels(0.125 / max(float(squares.mean()), 1e-30))


def sum_rows() -> list[Row]:
    """Pink noise within the covered range: each band, and the sum of the bands, against what went in."""
    period_s = 8.0
    low, high = float(BAND_LOWER_HZ[0]), float(BAND_UPPER_HZ[-1])
    one = signals.periodic_noise(7, period_s, low, high, -3.0103, 0.05)
    squares = band_squares_in_hops(np.concatenate([one, one]), list(range(24)))[-64:].mean(axis=0)
    broadband = float(np.mean(np.square(one)))
    frequency = np.fft.rfftfreq(one.size, 1.0 / signals.RATE_HZ)
    lines = 2.0 * np.abs(np.fft.rfft(one) / one.size) ** 2
    total = limits.BANDS_SUM_DB
    rows = [Row("sum of the bands minus broadband", -total, total, _decibels(squares.sum() / broadband))]
    inner = []
    for band in range(1, 23):
        inside = (frequency >= BAND_LOWER_HZ[band]) & (frequency < BAND_UPPER_HZ[band])
        inner.append(_decibels(squares[band] / float(lines[inside].sum())))
    limit = limits.EFFECTIVE_BANDWIDTH_DB
    rows.append(_worst("effective bandwidth, worst band", -limit, limit, np.array(inner)))
    codes = frames_in_blocks(np.concatenate([one, one]))[-64:]["bands"]
    sent = np.mean(np.sum(10.0 ** (level_db(codes) / 10.0), axis=1)) * FULL_SCALE_MEAN_SQUARE
    rows.append(Row("sum of the bands as sent, in 0.5 dB steps", -total, total, _decibels(sent / broadband)))
    return rows


def _worst(quantity: str, lower: float, upper: float, deviations: np.ndarray) -> Row:
    return Row(quantity, lower, upper, float(deviations[np.argmax(np.abs(deviations))]))


SECTIONS: tuple[tuple[str, Callable[[], list[Row]]], ...] = (
    ("A weighting, IEC 61672-1:2013 Table 3 (from `laeq_cdb`)", lambda: weighting_rows("A")),
    ("C weighting, IEC 61672-1:2013 Table 3", lambda: weighting_rows("C")),
    ("Z weighting, IEC 61672-1:2013 Table 3", lambda: weighting_rows("Z")),
    ("Weightings and averages against each other", at_1_khz_rows),
    ("Tonebursts, IEC 61672-1:2013 Table 4", lambda: [*toneburst_rows(), decay_row()]),
    (
        "C-weighted peak, IEC 61672-1:2013 Table 5 (from `lcpeak_code`)",
        lambda: [*peak_rows(), polarity_row()],
    ),
    ("Level linearity, IEC 61672-1:2013 clause 5.6", linearity_rows),
    ("Sum of the bands and effective bandwidth with pink noise (own limits)", sum_rows),
    ("Third-octave bands, IEC 61260-1:2014 Table 1", mask_rows),
)

INTRODUCTION = """# What the front end achieves

Written by `python -m tests.dsp.compliance > dsp/COMPLIANCE.md`; do not edit. Deviations and class 1 limits in
dB. Everything is measured through the streaming implementation at 48 kHz, fed in blocks of random size, and
from the integers of the frames wherever the quantity is sent. Weighting deviations are from the printed
design goals, which are rounded to 0.1 dB (so up to 0.05 dB of each is the rounding). Band margins are the
distance to the nearer limit, with tones at and between the breakpoints and wherever decimation could fold one
into the band. Rows marked "own limit" are ours, not a standard's. The same tables and levels are checked
against the package phonometry (see `tests/dsp/oracle_phonometry.py`).

What may be said: **the digital chain passes the electrical tests below at class 1 limits.** A class of a
sound level meter would also need the microphone, acoustical tests and pattern approval.
"""


def markdown(sections: Iterable[tuple[str, list[Row]]]) -> str:
    """The report."""
    lines = [INTRODUCTION]
    for title, rows in sections:
        lines += [f"## {title}", "", "| quantity | limit | ours | within |", "|---|---|---|---|"]
        for row in rows:
            verdict = "yes" if row.passes else "**NO**"
            ours = f"{row.deviation:+.2f}".replace("-0.00", "+0.00")
            lines.append(f"| {row.quantity} | {_limits(row)} | {ours} | {verdict} |")
        lines.append("")
    return "\n".join(lines)


def _limits(row: Row) -> str:
    if math.isinf(row.lower):
        return f"at most {row.upper:+.1f}"
    if math.isinf(row.upper):
        return f"at least {row.lower:.1f}"
    return f"±{row.upper:.1f}" if row.upper == -row.lower else f"{row.lower:+.1f} .. {row.upper:+.1f}"


def main() -> int:
    """Measure everything and print it."""
    sections = [(title, measure()) for title, measure in SECTIONS]
    print(markdown(sections), end="")
    return 0 if all(row.passes for _, rows in sections for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
