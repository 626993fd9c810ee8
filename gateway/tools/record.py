"""`agw record`: write down what a port receives, byte for byte, for a field report or a test.

The bytes are feature frames and link messages; there is no sound in them. The file is whole at any moment: a
power cut costs a second at most, a full disk the last chunk.
"""

from __future__ import annotations

import argparse
import errno
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from dsp.layout import LAYOUT_ID
from firmware_bridge import host_time
from firmware_bridge.capture import CaptureHeader
from firmware_bridge.capture_writer import CaptureWriter, create_capture
from firmware_bridge.events import (
    FeatureFrame,
    LinkChanged,
    LinkEvent,
    SensorLost,
    SensorReady,
    SensorRefused,
)
from firmware_bridge.link import SensorLink
from firmware_bridge.port_states import PortChanged
from firmware_bridge.port_worker import DEFAULT_BAUD, PortWorker
from gateway.errors import GatewayError
from gateway.exit_codes import ExitCode
from gateway.tools.until_stopped import until_stopped

_LOOK_S = 0.25
_PROGRESS_S = 1.0
_MICROSECONDS = 1_000_000
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_WORDS = {
    "en": {
        "start": "recording {port} to {path}; Ctrl-C ends it",
        "ready": "sensor {serial} ({hardware}, firmware {firmware})",
        "lost": "sensor {serial} is gone: {reason}",
        "refused": "sensor {serial}: {hint}",
        "link": "link {state}: {detail}",
        "port": "port {state}: {message}. {hint}",
        "progress": "{seconds:.0f} s  {received} bytes  {frames} frames  {bad} bad",
        "done": "{path}: {seconds:.1f} s, {received} bytes from the port, {size} bytes in the file",
        "nothing": "nothing was received",
    },
    "nl": {
        "start": "{port} wordt opgenomen in {path}; Ctrl-C stopt",
        "ready": "sensor {serial} ({hardware}, firmware {firmware})",
        "lost": "sensor {serial} is weg: {reason}",
        "refused": "sensor {serial}: {hint}",
        "link": "verbinding {state}",
        "port": "poort {state}: {message}. {hint}",
        "progress": "{seconds:.0f} s  {received} bytes  {frames} berichten  {bad} fout",
        "done": "{path}: {seconds:.1f} s, {received} bytes van de poort, {size} bytes in het bestand",
        "nothing": "er is niets ontvangen",
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", required=True, metavar="URL", help="device path, socket://host:port, ...")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the capture (.agwcap)")
    parser.add_argument("--licence", required=True, help="under which others may use it, e.g. CC0-1.0")
    parser.add_argument("--what", default="", help="one line: what it is")
    parser.add_argument("--note", default="", help="anything else that should be known later")
    parser.add_argument(
        "--label", default="", help="acoustic event in it, if it is to be played by a simulator"
    )
    parser.add_argument("--baud", type=int, default=DEFAULT_BAUD)
    parser.add_argument("--for", dest="for_s", type=float, metavar="SECONDS", help="end after this long")
    parser.add_argument("--force", action="store_true", help="write over an existing file")
    parser.add_argument("--lang", choices=("nl", "en"), default="en", help="language of the lines")


def run(args: argparse.Namespace) -> int:
    words = _WORDS[args.lang]
    tape = Tape(_create(args), host_time.monotonic_s())
    link = SensorLink((LAYOUT_ID,), baud=args.baud)
    reporter = _Reporter(args.lang, tape, link)
    worker = PortWorker(args.port, link, reporter.take, baud=args.baud, tap=tape.take)
    _say(words["start"].format(port=args.port, path=args.out))
    with until_stopped() as stopping:
        worker.start()
        try:
            _wait(tape, args.for_s, stopping)
        finally:
            worker.stop()
            tape.close()
    _say(
        words["done"].format(
            path=args.out, seconds=tape.lasted_s, received=tape.received_bytes, size=tape.size_bytes
        )
    )
    if tape.failure is not None:
        raise _disk_error(tape.failure, args.out, "What was written until now is whole; ")
    if not tape.received_bytes:
        _say(words["nothing"])
        return ExitCode.FOUND
    return ExitCode.OK


class Tape:
    """A capture being written from a port's tap; a write that fails ends it and is kept as `failure`."""

    def __init__(self, writer: CaptureWriter, begun_s: float) -> None:
        self._writer = writer
        self._begun_s = begun_s
        self._last_s = begun_s
        self.received_bytes = 0
        self.failure: OSError | None = None
        self.failed = threading.Event()

    @property
    def size_bytes(self) -> int:
        """Bytes in the file."""
        return self._writer.size_bytes

    @property
    def lasted_s(self) -> float:
        """From the beginning to the last bytes."""
        return self._last_s - self._begun_s

    def take(self, now_s: float, data: bytes) -> None:
        """The tap: on the port's thread."""
        if self.failure is not None:
            return
        try:
            self._writer.write(round((now_s - self._begun_s) * _MICROSECONDS), data)
        except OSError as problem:
            self.failure = problem
            self.failed.set()
            return
        self._last_s = now_s
        self.received_bytes += len(data)

    def close(self) -> None:
        """After the port's thread has ended."""
        try:
            self._writer.close()
        except OSError as problem:
            self.failure = self.failure or problem


class _Reporter:
    """Says what happens to port and link, one line each, and how far it is. On the port's thread."""

    def __init__(self, language: str, tape: Tape, link: SensorLink) -> None:
        self._language = language
        self._words = _WORDS[language]
        self._tape = tape
        self._link = link
        self._told_s = 0.0

    def take(self, _port: str, event: LinkEvent | PortChanged) -> None:
        line = self._line(event)
        if line is not None:
            _say(line.rstrip(". "))
        elif isinstance(event, FeatureFrame) and event.received_s - self._told_s >= _PROGRESS_S:
            self._told_s = event.received_s
            self._progress()

    def _progress(self) -> None:
        if sys.stderr.isatty():
            counters = self._link.counters
            line = self._words["progress"].format(
                seconds=self._tape.lasted_s,
                received=self._tape.received_bytes,
                frames=counters.sequence.delivered,
                bad=counters.messages.bad_frames,
            )
            print(line, end="\r", file=sys.stderr, flush=True)

    def _line(self, event: LinkEvent | PortChanged) -> str | None:
        words = self._words
        match event:
            case PortChanged():
                text = event.text(self._language)
                return words["port"].format(state=event.state.value, message=text.message, hint=text.hint)
            case LinkChanged():
                return words["link"].format(state=event.state.value, detail=event.detail)
            case SensorReady(hello=hello):
                return words["ready"].format(
                    serial=hello.serial, hardware=hello.hardware, firmware=hello.firmware
                )
            case SensorLost():
                return words["lost"].format(serial=event.serial, reason=event.reason.value)
            case SensorRefused():
                return words["refused"].format(serial=event.serial, hint=event.hint)
        return None


def _create(args: argparse.Namespace) -> CaptureWriter:
    header = CaptureHeader(
        what=args.what or f"recorded from {args.port}",
        origin=args.port,
        licence=args.licence,
        made_by="agw record",
        name=args.out.stem,
        label=args.label,
        created_utc=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        note=args.note,
    )
    try:
        return create_capture(args.out, header, overwrite=args.force)
    except FileExistsError as problem:
        raise GatewayError(
            "this file exists already", where=str(args.out), hint="Write over it with --force"
        ) from problem
    except OSError as problem:
        raise _disk_error(problem, args.out, "") from problem


def _disk_error(problem: OSError, path: Path, before: str) -> GatewayError:
    if problem.errno in _DISK_FULL:
        return GatewayError(
            "the disk is full", where=str(path), hint=f"{before}make room, or record elsewhere"
        )
    return GatewayError(
        f"cannot write: {problem.strerror}", where=str(path), hint=f"{before}record elsewhere"
    )


def _wait(tape: Tape, for_s: float | None, stopping: threading.Event) -> None:
    end_s = float("inf") if for_s is None else time.monotonic() + for_s
    while not (stopping.is_set() or tape.failed.is_set()):
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            return
        stopping.wait(min(_LOOK_S, left_s))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
