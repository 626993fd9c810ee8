"""The host's clocks as labels: what is said of UTC, and how instants map."""

from __future__ import annotations

import subprocess
from datetime import UTC, timedelta

import pytest

from gateway.clock import HostClock


def test_utc_of_a_monotonic_instant_lies_as_far_back_as_the_instant() -> None:
    clock = HostClock()
    now_s = clock.monotonic_s()
    before = clock.utc_at(now_s - 60.0)
    assert before.tzinfo is UTC
    assert timedelta(seconds=59) < clock.utc() - before < timedelta(seconds=90)


def test_the_boot_id_is_the_kernels() -> None:
    assert HostClock().boot_id() == HostClock().boot_id()
    assert HostClock().boot_id()


def test_quality_is_one_of_the_contracts_states_and_an_error_only_when_somebody_knows() -> None:
    quality = HostClock().quality()
    assert quality.state in ("synced", "unsynced")
    assert (quality.error_ms is None) == (quality.state == "unsynced")


def test_asking_for_quality_starts_no_other_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for with every alert, on the thread that hears."""

    def refuse(*_args: object, **_options: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr("os.posix_spawn", refuse)
    HostClock().quality()
