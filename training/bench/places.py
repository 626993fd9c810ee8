"""Impulse responses of four kinds of place at four distances, by image sources, and measured ones.

The one file that knows `pyroomacoustics`. Each response begins with its direct sound and has unit energy; the
air between source and sensor (ISO 9613-1) is in it. Image sources of a low order know no scattering, so a
diffuse tail is joined where they end: noise that decays with the place's reverberation time. Made once, kept
in a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.audio import read_response
from training.bench.air import gain_over
from training.bench.detector import RATE_HZ

Samples = NDArray[np.float64]

DISTANCES_M = (3.0, 10.0, 20.0, 30.0)
VARIANTS = 3
MEASURED = "measured"
_SPEED_M_S = 343.0
_DEVICES = "toob_device"
_LONGEST_S = 2.0


@dataclass(frozen=True, slots=True)
class Shape:
    """A place as a box: size in m, energy absorption of (sides, ends, floor, top), and its diffuse tail."""

    size_m: tuple[float, float, float]
    absorption: tuple[float, float, float, float]
    order: int
    tail_from_s: float
    reverberation_s: float
    distances_m: tuple[float, ...] = DISTANCES_M


SHAPES = {
    "street canyon": Shape((80.0, 14.0, 16.0), (0.2, 0.95, 0.1, 1.0), 5, 0.08, 1.0),
    "square": Shape((70.0, 60.0, 18.0), (0.35, 0.35, 0.1, 1.0), 3, 0.20, 0.8),
    "station hall": Shape((70.0, 28.0, 11.0), (0.15, 0.15, 0.08, 0.35), 8, 0.15, 2.4),
    "room": Shape((6.5, 5.0, 2.8), (0.2, 0.2, 0.15, 0.35), 12, 0.06, 0.5, (3.0,)),
}
PLACES = (*SHAPES, MEASURED)


@dataclass(frozen=True, slots=True)
class Response:
    """One way from a source to the sensor. distance_m: None for measured ones."""

    place: str
    distance_m: float | None
    samples: Samples


def responses(data_dir: Path, cache: Path) -> list[Response]:
    """All responses, the simulated ones from `cache` where they were made before."""
    if not cache.exists():
        made = simulate()
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(cache, **{_key(n, one): one.samples for n, one in enumerate(made)})
    with np.load(cache) as arrays:
        found = [_from_key(key, arrays[key]) for key in sorted(arrays.files)]
    paths = sorted((data_dir / "ir").glob("*/*.flac"))
    return found + [
        Response(MEASURED, None, read_response(path)) for path in paths if path.parent.name != _DEVICES
    ]


def simulate(seed: int = 5) -> list[Response]:
    """Image-source responses of every place and distance, VARIANTS each."""
    rng = np.random.default_rng(seed)
    return [
        Response(place, distance_m, _one(shape, distance_m, rng))
        for place, shape in SHAPES.items()
        for distance_m in shape.distances_m
        for _ in range(VARIANTS)
    ]


def finished(direct_on: Samples, shape: Shape, distance_m: float, rng: np.random.Generator) -> Samples:
    """A simulated response from its direct sound on: with tail and air, of unit energy."""
    length = round(min(_LONGEST_S, shape.tail_from_s + 1.2 * shape.reverberation_s) * RATE_HZ)
    response = np.zeros(length)
    response[: min(len(direct_on), length)] = direct_on[:length]
    joint = round(shape.tail_from_s * RATE_HZ)
    before = response[joint // 2 : joint]
    rms = float(np.sqrt(np.mean(before**2)))
    after_s = (np.arange(length) - joint) / RATE_HZ
    decay = 10.0 ** (-3.0 * after_s / shape.reverberation_s)
    tail = rms * rng.standard_normal(length) * np.where(after_s >= 0.0, decay, 0.0)
    response[joint:] *= np.maximum(1.0 - after_s[joint:] / 0.1, 0.0)
    response += tail
    hz = np.fft.rfftfreq(length, 1.0 / RATE_HZ).astype(np.float64)
    response = np.fft.irfft(np.fft.rfft(response) * gain_over(hz, distance_m), length)
    return np.asarray(response / np.sqrt(np.sum(response**2)))


def _one(shape: Shape, distance_m: float, rng: np.random.Generator) -> Samples:
    import pyroomacoustics as pra  # heavy, and only for those who make responses

    sides, ends, floor, top = (pra.Material(a) for a in shape.absorption)
    room = pra.ShoeBox(
        list(shape.size_m),
        fs=RATE_HZ,
        materials={
            "south": sides, "north": sides, "west": ends, "east": ends, "floor": floor, "ceiling": top
        },
        max_order=shape.order,
    )  # fmt: skip
    sensor, source = _positions(shape, distance_m, rng)
    room.add_source(source)
    room.add_microphone(sensor)
    room.compute_rir()
    response = np.asarray(room.rir[0][0], dtype=np.float64)
    delay = round(float(np.linalg.norm(np.subtract(source, sensor))) / _SPEED_M_S * RATE_HZ)
    direct = delay + pra.constants.get("frac_delay_length") // 2
    return finished(response[max(direct - 4, 0) :], shape, distance_m, rng)


def _positions(shape: Shape, distance_m: float, rng: np.random.Generator) -> tuple[list[float], list[float]]:
    """A sensor high at one side and a source at 1.6 m, so far apart along the place."""
    length, width, height = shape.size_m
    sensor = [float(rng.uniform(0.1, 0.25)) * length, 0.6, min(4.0, height - 0.3)]
    source_y = float(rng.uniform(0.2, 0.8)) * width
    rise = sensor[2] - 1.6
    while (source_y - sensor[1]) ** 2 + rise**2 > 0.9 * distance_m**2:
        source_y = sensor[1] + 0.7 * (source_y - sensor[1])
    along = float(np.sqrt(distance_m**2 - (source_y - sensor[1]) ** 2 - rise**2))
    return sensor, [min(sensor[0] + along, length - 0.3), source_y, 1.6]


def _key(number: int, one: Response) -> str:
    return f"{number:03d}|{one.place}|{one.distance_m}"


def _from_key(key: str, samples: Samples) -> Response:
    _, place, distance_m = key.split("|")
    return Response(place, float(distance_m), samples)
