"""The live line of `agw calibrate`: level, tone, and what is still lacking."""

from __future__ import annotations

from typing import TextIO

from firmware_bridge.port_states import PortChanged
from gateway.calibration.check import Refused
from gateway.calibration.session import CalibrationSession
from gateway.calibration.words import say
from gateway.phrases import Language

_EVERY_S = 1.0


class LevelLine:
    """Rewritten in place on a terminal, one line a second elsewhere."""

    def __init__(self, out: TextIO, language: Language) -> None:
        self._out = out
        self._language = language
        self._shown_s: float | None = None
        self._in_place = out.isatty()

    def show(self, session: CalibrationSession, states: dict[str, PortChanged], now_s: float) -> None:
        if self._shown_s is not None and now_s - self._shown_s < _EVERY_S:
            return
        self._shown_s = now_s
        line = self._line(session, states)
        self._out.write(f"\r\x1b[K{line}" if self._in_place else f"{line}\n")
        self._out.flush()

    def __enter__(self) -> LevelLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._in_place and self._shown_s is not None:
            self._out.write("\n")

    def _line(self, session: CalibrationSession, states: dict[str, PortChanged]) -> str:
        if session.hello is None or session.level_db is None:
            ports = [f"{url}: {state.text(self._language).message}" for url, state in states.items()]
            return say("waiting", self._language, ports=f"({', '.join(ports)})")
        parts = [say("level", self._language, level=session.level_db)]
        report = session.newest_report
        if report is not None:
            parts.append(
                say(
                    "tone",
                    self._language,
                    hz=report.frequency_dhz / 10,
                    level=report.level_cdb / 100 + session.hello.full_scale_db,
                    distortion=report.distortion_cpct / 100,
                )
            )
        verdict = session.verdict()
        if isinstance(verdict, Refused):
            parts.append(verdict.text(self._language))
        return " | ".join(parts)
