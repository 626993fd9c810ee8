"""What the exit code of every `agw` command means."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """The one table of exit codes; `agw --help` prints it."""

    OK = 0
    FOUND = 1
    USAGE = 2
    UNAVAILABLE = 3
    FAILED = 70
    INTERRUPTED = 130
    READER_GONE = 141


MEANING: Mapping[ExitCode, str] = {
    ExitCode.OK: "done, and nothing is wrong",
    ExitCode.FOUND: "done, and something is wrong: a check failed, a file was bad, a calibration was refused",
    ExitCode.USAGE: "the command line or the settings are wrong",
    ExitCode.UNAVAILABLE: "something needed could not be used: a port, the broker, a file, the model",
    ExitCode.FAILED: "the program itself failed; a service manager starts it anew",
    ExitCode.INTERRUPTED: "stopped by Ctrl-C",
    ExitCode.READER_GONE: "who read the output went away",
}
