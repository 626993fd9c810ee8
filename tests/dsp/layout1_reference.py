"""Layout 1 once more, written hop by hop from the text in dsp/README.md alone: slow, plain, and independent.

It shares no code with dsp: filters are designed and run here, sums are written out. If this and the front end
disagree, either the text or the front end is wrong.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy import signal

FLOOR = 0.5 * 10.0**-12.4


def reference_frames(x: np.ndarray) -> list[dict[str, object]]:
    """One dict per whole hop of a 48 kHz signal, field name to integer (`bands`: list of 24)."""
    c, a = _c_and_a_weighted(x)
    rates = _decimated(x)
    bands = _bands(rates)
    v = signal.sosfilt(signal.butter(4, 300.0, "highpass", fs=12_000, output="sos"), rates[2])
    envelope = _envelope(v)
    flutter = signal.sosfilt(signal.butter(2, [30.0, 150.0], "bandpass", fs=1_000, output="sos"), envelope)
    fast = _fast(a)
    frames: list[dict[str, object]] = []
    for h in range(x.size // 6000):
        hop = slice(6000 * h, 6000 * (h + 1))
        voice = v[1500 * h : 1500 * (h + 1)]
        mean_square = float(np.mean(a[hop] ** 2))
        frame: dict[str, object] = {
            "laeq_cdb": _centi(mean_square),
            "lafmax_cdb": _centi(float(fast[hop].max())),
            "lcpeak_code": _peak_code(c, h),
            "submax_code": _submax(a[hop], mean_square),
            "bands": [_level_code(float(np.mean(b[n * h : n * (h + 1)] ** 2))) for b, n in bands],
        }
        if float(np.mean(voice**2)) <= FLOOR:
            frame |= {"roughness_code": 0, "harmonicity_code": 0, "pitch_code": 0, "flatness_code": 255}
        else:
            ms = slice(125 * h, 125 * (h + 1))
            depth = math.sqrt(2.0 * float(np.mean(flutter[ms] ** 2))) / float(np.mean(envelope[ms]))
            harmonicity, pitch = _periodicity(voice)
            frame |= {
                "roughness_code": round(255.0 * min(depth, 1.0)),
                "harmonicity_code": round(255.0 * harmonicity),
                "pitch_code": pitch,
                "flatness_code": max(0, round(255.0 + 8.0 * _flatness(voice))),
            }
        frames.append(frame)
    return frames


def _level(m: float) -> float:
    return -124.0 if m <= FLOOR else 10.0 * math.log10(2.0 * m)


def _centi(m: float) -> int:
    return round(100.0 * _level(m))


def _level_code(m: float) -> int:
    return min(254, max(0, round(2.0 * (_level(m) + 124.0))))


def _magnitude(b: np.ndarray, a: np.ndarray, f: float, rate: float) -> float:
    return float(abs(signal.freqz(b, a, worN=[f], fs=rate)[1][0]))


def _c_and_a_weighted(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    f1, f2, f3, f4 = 20.598997, 107.65265, 737.86223, 12194.217

    def warped(f: float) -> float:
        return 2.0 * 48_000 * math.tan(math.pi * f / 48_000)

    b1, a1 = signal.bilinear([1, 0, 0], [1, 2 * warped(f1), warped(f1) ** 2], 48_000)
    p = math.exp(-2.0 * math.pi * f4 / 48_000)
    a4 = np.array([1.0, -2.0 * p, p * p])
    # Numerator: |b0 + b1/z + b2/z^2|^2 = A + B cos w + C cos 2w through three magnitudes, minimum phase.
    at = np.array([0.0, 10_000.0, 17_782.794])
    w = 2.0 * np.pi * at / 48_000
    wanted = [
        (_magnitude(np.ones(1), a4, f, 48_000) ** -2) / (1.0 + (f / f4) ** 2) ** 2 for f in at
    ]  # fmt: skip
    big_a, big_b, big_c = np.linalg.solve(np.stack([np.ones(3), np.cos(w), np.cos(2 * w)], 1), wanted)
    roots = np.roots([big_c / 2, big_b / 2, big_a, big_b / 2, big_c / 2])
    b4 = np.real(np.poly([r for r in roots if abs(r) < 1]))
    gain = 1.0 / (_magnitude(b1, a1, 1000, 48_000) * _magnitude(b4, a4, 1000, 48_000))
    c = signal.lfilter(b4 * gain, a4, signal.lfilter(b1, a1, x))
    poles = np.polymul([1, warped(f2)], [1, warped(f3)])
    b2, a2 = signal.bilinear([1, 0, 0], poles, 48_000)
    return c, signal.lfilter(b2 / _magnitude(b2, a2, 1000, 48_000), a2, c)


def _decimated(x: np.ndarray) -> list[np.ndarray]:
    rates = [x]
    for d in (11, 29, 11, 11):
        odd = np.arange(1, d + 1, 2)
        h = np.sin(np.pi * odd / 2) / (np.pi * odd) * np.i0(9.0 * np.sqrt(1.0 - (odd / (d + 1)) ** 2))
        h *= 0.25 / h.sum()
        taps = np.zeros(2 * d + 1)
        taps[d] = 0.5
        taps[d + odd] = taps[d - odd] = h
        rates.append(signal.lfilter(taps, [1.0], rates[-1])[::2])
    return rates


@cache
def _band_design(n: int, rate: float) -> np.ndarray:
    centre, low, high = 1000.0 * 10.0 ** (n / 10.0), 0.95, 0.96
    ratio = np.exp(np.linspace(-4.0, math.log(0.4999 * rate / centre), 4001))
    for _ in range(30):
        q = (low + high) / 2.0
        edges = [centre * 10.0 ** (-q / 20.0), centre * 10.0 ** (q / 20.0)]
        sos = signal.butter(3, edges, "bandpass", fs=rate, output="sos")
        power = np.abs(signal.sosfreqz(sos, worN=centre * ratio, fs=rate)[1]) ** 2
        too_wide = np.sum((power[1:] + power[:-1]) / 2 * np.diff(np.log(ratio))) > math.log(10.0) / 10.0
        low, high = (low, q) if too_wide else (q, high)
    return np.asarray(sos)


def _bands(rates: list[np.ndarray]) -> list[tuple[np.ndarray, int]]:
    bands = []
    for n in range(-13, 11):
        level = 0 if n >= 8 else 1 if n >= 5 else 2 if n >= 2 else 3 if n >= -1 else 4
        sos = _band_design(n, 48_000 / 2**level)
        bands.append((signal.sosfilt(sos, rates[level]), 6000 // 2**level))
    return bands


def _fast(a: np.ndarray) -> np.ndarray:
    k, y, out = math.exp(-1.0 / 6000.0), 0.0, np.empty(a.size)
    for i, sample in enumerate(a):
        y = k * y + (1.0 - k) * sample * sample
        out[i] = y
    return out


def _peak_code(c: np.ndarray, h: int) -> int:
    late = np.concatenate([[0.0, 0.0], c])  # late[i + 2] = c[i]
    places = range(6000 * h - 1, 6000 * h + 5999)
    i = max(places, key=lambda k: abs(late[k + 2]))
    p, q, r = late[i + 1], late[i + 2], late[i + 3] if i + 3 < late.size else 0.0
    if q < 0:
        p, q, r = -p, -q, -r
    peak = q + (r - p) ** 2 / (8.0 * (2.0 * q - p - r)) if q >= p and q >= r and 2.0 * q > p + r else q
    return _level_code(peak * peak)


def _submax(a: np.ndarray, mean_square: float) -> int:
    if mean_square <= FLOOR:
        return 0
    greatest = max(float(np.mean(a[375 * k : 375 * (k + 1)] ** 2)) for k in range(16))
    return round(8.0 * 10.0 * math.log10(max(greatest / mean_square, 1.0)))


def _envelope(v: np.ndarray) -> np.ndarray:
    b = [float(np.mean(v[4 * k : 4 * k + 4] ** 2)) for k in range(v.size // 4)]
    b = [0.0, 0.0, *b]  # b[k] of the text is b[k + 2] here
    return np.array(
        [
            math.sqrt(
                (b[3 * k] + 2 * b[3 * k + 1] + 3 * b[3 * k + 2] + 2 * b[3 * k + 3] + b[3 * k + 4]) / 9.0
            )
            for k in range((len(b) - 2) // 3)
        ]
    )


def _periodicity(v: np.ndarray) -> tuple[float, int]:
    n = []
    for lag in range(170):
        x, y = v[: v.size - lag], v[lag:]
        n.append(2.0 * float(np.sum(x * y)) / float(np.sum(x * x + y * y)))
    peaks = []
    for lag in range(4, 169):
        before, here, after = n[lag - 1], n[lag], n[lag + 1]
        if here > 0 and here >= before and here > after and min(n[: lag + 1]) < 0:
            d = 2.0 * here - before - after
            peaks.append(
                (min(1.0, here + (after - before) ** 2 / (8.0 * d)), lag + (after - before) / (2.0 * d))
            )
    if not peaks:
        return 0.0, 0
    greatest = max(height for height, _ in peaks)
    if greatest < 0.5:
        return greatest, 0
    place = next(place for height, place in peaks if height >= 0.9 * greatest)
    return greatest, min(17, max(1, 12 + round(10.0 * math.log10(12_000.0 / place / 1000.0))))


def _flatness(v: np.ndarray) -> float:
    j = np.arange(v.size)
    spectrum = np.fft.fft(v * (0.5 - 0.5 * np.cos(2.0 * np.pi * (j + 0.5) / v.size)), 2048)
    power = {k: abs(spectrum[k]) ** 2 for k in range(1024)}
    third_octave = {
        n: [k for k in power if 10 ** ((n - 0.5) / 10) <= 12.0 * k / 2048 < 10 ** ((n + 0.5) / 10)]
        for n in range(-4, 7)
    }
    greatest = max(power[k] for bins in third_octave.values() for k in bins)
    weighted = total = 0.0
    for bins in third_octave.values():
        p = [max(power[k] / greatest, 1e-12) for k in bins]
        f_n = sum(10.0 * math.log10(x) for x in p) / len(p) - 10.0 * math.log10(sum(p) / len(p))
        weighted, total = weighted + f_n * sum(p), total + sum(p)
    return weighted / total
