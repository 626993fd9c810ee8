"""The gateway under the system call rules of a service unit, without a service manager.

    python -m tests.support.sandboxed UNIT run --settings FILE

Loads what the unit's SystemCallFilter, MemoryDenyWriteExecute and RestrictAddressFamilies mean into the
kernel as systemd does (with libseccomp, which comes with systemd) and becomes `python -m gateway` with the
rest of the arguments. What else the unit takes away (devices, folders, capabilities) is not taken away here.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EQUAL, MASKED_EQUAL = 4, 7
SHM_EXEC = 0o100000
HIGHEST_FAMILY = 46


class _Comparison(ctypes.Structure):
    """struct scmp_arg_cmp of seccomp.h."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


class Rules:
    """One filter: what is not ruled gets `otherwise`."""

    def __init__(self, otherwise: int) -> None:
        self._library = ctypes.CDLL("libseccomp.so.2")
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(otherwise)))

    def add(self, action: int, call: str, *comparisons: tuple[int, int, int, int]) -> None:
        """A system call that this machine does not know is passed over."""
        number = self._library.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return
        given = (_Comparison * len(comparisons))(*(_Comparison(*one) for one in comparisons))
        failed = self._library.seccomp_rule_add_array(
            self._context, ctypes.c_uint32(action), number, len(comparisons), given
        )
        assert failed == 0, (call, failed)

    def load(self) -> None:
        assert self._library.seccomp_load(self._context) == 0


def values_of(unit: Path, key: str) -> list[str]:
    lines = [line.partition("=") for line in unit.read_text(encoding="utf-8").splitlines()]
    return [value.strip() for name, _, value in lines if name == key]


def calls_of(group: str) -> set[str]:
    """The system calls of a group as this machine's systemd has it, or the one call of that name."""
    if not group.startswith("@"):
        return {group}
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", group], check=True, capture_output=True, text=True
    ).stdout
    inner = (line.strip() for line in told.splitlines()[1:])
    return set().union(*(calls_of(name) for name in inner if name and not name.startswith("#")))


def allowed_calls(unit: Path) -> set[str]:
    """What SystemCallFilter comes to: the first line allows, those with ~ take away, the others add."""
    allowed: set[str] = set()
    for line in values_of(unit, "SystemCallFilter"):
        calls = set().union(*(calls_of(group) for group in line.removeprefix("~").split()))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


def enter(unit: Path) -> None:
    """This process, and what it becomes, is under the unit's rules."""
    calls = Rules(ERRNO | errno.EPERM)
    # Beside its list systemd always lets through what starts and ends a program.
    for call in allowed_calls(unit) | calls_of("@default"):
        calls.add(ALLOW, call)
    others = Rules(ALLOW)
    if values_of(unit, "MemoryDenyWriteExecute") == ["yes"]:
        both = mmap.PROT_WRITE | mmap.PROT_EXEC
        others.add(ERRNO | errno.EPERM, "mmap", (2, MASKED_EQUAL, both, both))
        for call in ("mprotect", "pkey_mprotect"):
            others.add(ERRNO | errno.EPERM, call, (2, MASKED_EQUAL, mmap.PROT_EXEC, mmap.PROT_EXEC))
        others.add(ERRNO | errno.EPERM, "shmat", (2, MASKED_EQUAL, SHM_EXEC, SHM_EXEC))
    for family in forbidden_families(values_of(unit, "RestrictAddressFamilies")):
        others.add(ERRNO | errno.EAFNOSUPPORT, "socket", (0, EQUAL, family, 0))
    others.load()
    calls.load()  # the last one: it forbids to load another


def forbidden_families(lines: Iterable[str]) -> set[int]:
    allowed = {int(getattr(socket, name)) for line in lines for name in line.split()}
    return set(range(HIGHEST_FAMILY)) - allowed if allowed else set()


if __name__ == "__main__":
    enter(Path(sys.argv[1]))
    os.execv(sys.executable, [sys.executable, "-m", "gateway", *sys.argv[2:]])
