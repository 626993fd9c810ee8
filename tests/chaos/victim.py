"""One process of the system under test: started, killed, paused and waited for, by its own process id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

DEADLINE_S = 30.0
REPOSITORY = Path(__file__).resolve().parents[2]


class Victim:
    """command: its argument vector, made anew at each start; output and log are appended to over restarts."""

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        folder: Path,
        *,
        environment: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self.output = folder / f"{name}.out"
        self.log_path = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.started_s = 0.0
        self.ended_by_itself: list[int] = []
        """Exit codes of ends that nobody here asked for."""

    def start(self) -> None:
        if self.running:
            return
        with self.output.open("ab") as output, self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                list(self._command()),
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                env={**os.environ, **self._environment()},
            )
        self.starts += 1
        self.started_s = time.monotonic()

    @property
    def running(self) -> bool:
        process = self._process
        if process is None:
            return False
        code = process.poll()
        if code is not None:
            self._process = None
            self.ended_by_itself.append(code)
        return code is None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} does not run"
        return self._process.pid

    def strike(self) -> None:
        """SIGKILL, at once and from any thread; reap() follows."""
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGKILL)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def terminate(self) -> int | None:
        """SIGTERM; the exit code, None if it did not run."""
        return self._end(signal.SIGTERM)

    def pause(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def reap(self) -> None:
        """Wait for the end of what was struck."""
        process, self._process = self._process, None
        if process is not None:
            process.wait(DEADLINE_S)

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def _end(self, number: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(number)
        if number is signal.SIGTERM:
            process.send_signal(signal.SIGCONT)
        try:
            return process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(DEADLINE_S)
            self.ended_by_itself.append(-signal.SIGKILL)  # it did not obey: as bad as a crash
            return None


def python(*arguments: str) -> list[str]:
    """A module of this checkout in a process of its own."""
    return [sys.executable, "-m", *arguments]
