"""Captures and sound files through the very pipeline that serves live sensors, faster than real time.

A sound file first passes the sensor's front end (`dsp.front_end`), so both give the same frames. State is
new for each file. Before its first hop and after its last there is nothing: missing frames, not silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dsp.front_end import FrontEnd
from dsp.layout import HOP_S, LAYOUT_ID
from firmware_bridge.capture import MAGIC, CaptureProblem, CaptureReader, open_capture
from firmware_bridge.events import FeatureFrame, Gap, LinkEvent, SensorLost, SensorReady, SensorRefused
from firmware_bridge.link import SensorLink
from gateway.audio_files import AudioFile, AudioFileError, open_audio
from gateway.classifier import Classifier
from gateway.contract.vocabulary import EndReason
from gateway.decisions.decider import Decision
from gateway.decisions.rules import ClassRule
from gateway.errors import GatewayError
from gateway.features import codes_of
from gateway.pipeline import Analysis, SensorPipeline

ASSUMED_FULL_SCALE_DB = 120.0


@dataclass(frozen=True, slots=True)
class ReplaySetup:
    """What all files of one replay share.

    full_scale_db: SPL of a full-scale sine (amplitude 1.0, AES17); None: what the capture's sensor says, and
    for sound files 120 dB. ambient_db: a declared background, or None to learn it from the file.
    """

    classifier: Classifier | None
    rules: Mapping[str, ClassRule]
    full_scale_db: float | None = None
    ambient_db: float | None = None

    def pipeline(self, stated_full_scale_db: float = ASSUMED_FULL_SCALE_DB) -> SensorPipeline:
        scale = stated_full_scale_db if self.full_scale_db is None else self.full_scale_db
        return SensorPipeline(
            self.classifier, self.rules, full_scale_db=scale, declared_ambient_db=self.ambient_db
        )


class ReplayError(GatewayError):
    """The file could not be replayed, or not to its end."""


def replay_file(path: Path, setup: ReplaySetup) -> Iterator[Analysis | Decision]:
    """Each hop's analysis followed by its decisions, in order; times in s from the file's start.

    Raises GatewayError for a file that is not readable; for one that breaks off, after what came before.
    """
    if _is_capture(path):
        yield from _replay_capture(path, setup)
    else:
        yield from _replay_audio(path, setup)


def _is_capture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC) - 2) == MAGIC[:-2]
    except IsADirectoryError:
        return False
    except OSError as problem:
        raise ReplayError(
            f"cannot be opened: {problem.strerror}",
            where=str(path),
            hint="Check the path and its permissions",
        ) from problem


def replay_rows(rows: Iterable[np.void], setup: ReplaySetup) -> Iterator[Analysis | Decision]:
    """One stream of feature frames, a hop each and none missing: each hop's analysis, then its decisions."""
    pipeline = setup.pipeline()
    hops = 0
    try:
        for codes in rows:
            hops += 1
            yield from _heard(pipeline, codes, hops * HOP_S)
    except AudioFileError:
        # The file breaks off: what is open ends here, and then the error is told.
        yield from pipeline.close(EndReason.STREAM_ENDED, hops * HOP_S)
        raise
    yield from pipeline.close(EndReason.STREAM_ENDED, hops * HOP_S)


def _replay_audio(path: Path, setup: ReplaySetup) -> Iterator[Analysis | Decision]:
    with open_audio(path) as audio:
        yield from replay_rows(_rows(audio), setup)


def _rows(audio: AudioFile) -> Iterator[np.void]:
    front_end = FrontEnd(audio.rate_hz)
    for block in audio.blocks():
        yield from front_end.process(block)
    yield from front_end.flush()


def _heard(pipeline: SensorPipeline, codes: np.void, t_end_s: float) -> Iterator[Analysis | Decision]:
    analysis = pipeline.hear(codes, t_end_s)
    yield analysis
    yield from analysis.decisions


def _replay_capture(path: Path, setup: ReplaySetup) -> Iterator[Analysis | Decision]:
    opened = open_capture(path)
    if isinstance(opened, CaptureProblem):
        raise _damaged(path, opened)
    with opened as reader:
        stream = _CaptureStream(setup, path)
        yield from stream.replay(reader)
        if reader.problem is not None:
            raise _damaged(path, reader.problem)
        if stream.heard_s == 0.0:
            raise ReplayError("holds no feature frames", where=str(path), hint="Record the port again")


def _damaged(path: Path, problem: CaptureProblem) -> ReplayError:
    return ReplayError(
        f"is damaged ({problem})",
        where=str(path),
        hint="What stands before the damage was used; record it again",
    )


class _CaptureStream:
    """One port's bytes back through the link: sensors come, speak, miss hops and go as they did then."""

    def __init__(self, setup: ReplaySetup, path: Path) -> None:
        self._setup = setup
        self._path = path
        self._link = SensorLink((LAYOUT_ID,))
        self._pipeline: SensorPipeline | None = None
        self._first_hop: int | None = None
        self._base_s = 0.0
        self.heard_s = 0.0

    def replay(self, reader: CaptureReader) -> Iterator[Analysis | Decision]:
        events = list(self._link.opened(0.0))
        for chunk in reader:
            now_s = chunk.t_us / 1e6
            events += self._link.tick(now_s)
            events += self._link.feed(chunk.data, now_s)
            for event in events:
                yield from self._follow(event)
            events = []
        yield from self._end(EndReason.STREAM_ENDED)

    def _follow(self, event: LinkEvent) -> Iterator[Analysis | Decision]:
        match event:
            case SensorReady():
                self._pipeline = self._setup.pipeline(event.hello.full_scale_db)
                self._first_hop = None
            case FeatureFrame() if self._pipeline is not None:
                if self._first_hop is None:
                    # The file's clock begins with the file; a sensor's hops begin wherever it began to count,
                    # and again after a reboot.
                    self._first_hop = event.hop_index
                    self._base_s = max(self.heard_s, event.received_s - HOP_S)
                self.heard_s = self._base_s + (event.hop_index - self._first_hop + 1) * HOP_S
                yield from _heard(self._pipeline, codes_of(event.features), self.heard_s)
            case Gap() if self._pipeline is not None and self._first_hop is not None:
                self._pipeline.miss(event.hops)
            case SensorLost():
                yield from self._end(EndReason.SENSOR_LOST)
            case SensorRefused():
                raise ReplayError(
                    f"sensor {event.serial} is refused: {event.reason.value}",
                    where=str(self._path),
                    hint=event.hint,
                )
            case _:
                pass

    def _end(self, reason: EndReason) -> Iterator[Analysis | Decision]:
        if self._pipeline is not None:
            yield from self._pipeline.close(reason, self.heard_s)
            self._pipeline = None
