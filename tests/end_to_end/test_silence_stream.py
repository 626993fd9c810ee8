"""One sensor's hour without an event, as one capture: everything of `test_silence` in one stream, at random.

There each sound has a pipeline of its own; here they follow one another without a pause, so that a street
turns into 90 dB of noise, a calibrator is put on and taken off, a microphone dies, a frame sticks, and the
line is garbled for some seconds, after which the sensor is heard anew with no background known.

It holds all 20.8 unique minutes of ambience once and fills up the hour with some minutes of noise and tones,
looped: as evidence about real streets it says no more than `test_silence` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dsp.front_end import frames_of
from dsp.layout import FRAME_DTYPE, HOP_S
from firmware_bridge.capture import CaptureHeader, Chunk
from firmware_bridge.capture_writer import write_capture
from firmware_bridge.framing import Frame, encode_frame
from firmware_bridge.messages import Hello, Message, pack
from firmware_bridge.simulator.library import load_sounds
from gateway.decisions.decider import Decision
from gateway.features import codes_of, features_of
from gateway.model_setup import DEFAULT, choose_model
from gateway.pipeline import Analysis
from gateway.replay import ReplaySetup, replay_file
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force
from tests.end_to_end.test_silence import INDEX, LEVELS_DB, RATE_HZ, SILENCE, noise, tone

HOUR_S = 3600.0
TONES = (
    (1000.0, 94.0), (1000.0, 114.0), (1000.0, 80.0), (50.0, 80.0), (125.0, 90.0), (250.0, 85.0),
    (500.0, 94.0), (2000.0, 94.0), (3150.0, 75.0), (4000.0, 94.0), (6000.0, 70.0),
)  # fmt: skip
CODES = (0, 7, 128, 254, 255)
GARBLED_S = 4.0
SPARE_S = 120.0
"""After a garbled line a sensor is only heard once it has said again who it is."""
HELLO_EVERY_HOPS = 40
LOOPED_S = 20.0

Frames = np.ndarray


def ambience() -> list[Frames]:
    """Each of the 51 recordings once."""
    sounds = load_sounds(sorted(SILENCE.glob("*.agwcap"))).sounds.values()
    return [np.array([codes_of(frame) for frame in sound.features]) for sound in sounds]


def made(stuck: list[Frames]) -> list[Frames]:
    """What is not recorded; stuck: frames of which one is sent over and over."""
    parts = [noise(colour, level_db) for colour in (0.0, 1.0, 2.0) for level_db in LEVELS_DB]
    parts += [tone(frequency_hz, level_db) for frequency_hz, level_db in TONES]
    parts += [frames_of(np.full(RATE_HZ, value), RATE_HZ) for value in (0.0, 0.5, -1.0)]
    parts += [np.frombuffer(bytes([code]) * FRAME_DTYPE.itemsize, FRAME_DTYPE) for code in CODES]
    parts += [frames[len(frames) // 2 :][:1] for frames in stuck]
    return [np.resize(part, round(LOOPED_S / HOP_S)) for part in parts]


def an_hour(rng: np.random.Generator) -> list[Frames | None]:
    """Parts in random order, garbled lines (None) between some; more than an hour of it can be heard."""
    recorded = ambience()
    filling = made(recorded[::10])
    chosen = list(recorded)
    while sum(map(len, chosen)) * HOP_S < HOUR_S + SPARE_S:
        chosen.append(filling[len(chosen) % len(filling)])
    order: list[Frames | None] = []
    for number, index in enumerate(rng.permutation(len(chosen))):
        order.append(chosen[index])
        if number % 8 == 7:
            order.append(None)
    return order


def chunks(parts: list[Frames | None], rng: np.random.Generator) -> Iterator[Chunk]:
    """What the port sees of them: a hello every five seconds, and rubbish where the line is garbled."""
    sensor = Hello("S-0001", "test", "1", 1, 12_000, 48_000, 6_000)
    hop = seq = 0

    def sent(message: Message) -> bytes:
        nonlocal seq
        kind, payload = pack(message)
        seq += 1
        return encode_frame(Frame(kind, 0, 0, 1, seq - 1, payload))

    for part in parts:
        for row in [None] * round(GARBLED_S / HOP_S) if part is None else part:
            data = sent(sensor) if hop % HELLO_EVERY_HOPS == 0 else b""
            if row is None:
                seq += 1
                data = rng.bytes(int(rng.integers(20, 120)))
            else:
                data += sent(features_of(row, hop))
            hop += 1
            yield Chunk(round(hop * HOP_S * 1e6), data)


@pytest.mark.parametrize("seed", [1, 2])
def test_an_hour_of_everything_that_is_no_event_raises_nothing(tmp_path: Path, seed: int) -> None:
    model = choose_model(DEFAULT)
    assert model.problem is None
    setup = ReplaySetup(model.classifier, rules_in_force(DecisionSettings(), model.thresholds))
    rng = np.random.default_rng(seed)
    parts = an_hour(rng)
    path = tmp_path / "hour.agwcap"
    header = CaptureHeader("an hour without an event", "test", "CC0-1.0", "test", full_scale_db=120.0)
    write_capture(path, header, chunks(parts, rng))
    steps = list(replay_file(path, setup))
    heard_s = sum(isinstance(step, Analysis) for step in steps) * HOP_S
    unique_min = sum(row["minutes"] for row in INDEX)
    garbled = sum(part is None for part in parts)
    print(
        f"\n{heard_s / 60:.1f} minutes heard, {unique_min:.1f} of them unique ambience ({len(INDEX)} files);"
        f" the line garbled {garbled} times; seed {seed}; model {model.model_id}"
    )
    assert heard_s >= HOUR_S
    assert [str(step) for step in steps if isinstance(step, Decision)] == []
