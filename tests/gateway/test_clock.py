"""The host's clocks as labels: what is said of UTC, and how instants map."""

from __future__ import annotations

import inspect
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firmware_bridge.port_worker import PortWorker
from gateway import clock as clock_file
from gateway.clock import HostClock
from gateway.time_labels import age_s
from tests.support.adjustable_clock import GOOD, LOST, AdjustableClock


def test_utc_of_a_monotonic_instant_lies_as_far_back_as_the_instant() -> None:
    clock = HostClock()
    now_s = clock.monotonic_s()
    before = clock.utc_at(now_s - 60.0)
    assert before.tzinfo is UTC
    assert timedelta(seconds=59) < clock.utc() - before < timedelta(seconds=90)


def test_monotonic_time_goes_on_while_the_machine_sleeps_and_is_the_ports() -> None:
    before_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    now_s = HostClock().monotonic_s()
    port_s = inspect.signature(PortWorker).parameters["monotonic"].default()
    assert before_s <= now_s <= port_s <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_the_boot_id_is_the_kernels() -> None:
    kernels = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    assert HostClock().boot_id() == HostClock().boot_id() == kernels


def test_without_the_kernels_boot_id_no_other_process_seems_to_be_of_this_boot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(clock_file, "_BOOT_ID", tmp_path / "nothing")
    try:
        clock_file._boot_id.cache_clear()
        first = HostClock().boot_id()
        assert HostClock().boot_id() == first
        clock_file._boot_id.cache_clear()  # as another process
        assert HostClock().boot_id() != first
    finally:
        clock_file._boot_id.cache_clear()


def test_quality_is_one_of_the_contracts_states_and_an_error_only_when_somebody_knows() -> None:
    quality = HostClock().quality()
    assert quality.state in ("synced", "holdover", "unsynced")
    assert (quality.error_ms is None) == (quality.state == "unsynced")


def test_a_kernel_that_must_not_be_asked_makes_it_unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose filter refuses adjtimex."""
    monkeypatch.setattr(clock_file, "_adjtimex", lambda _timex: -1)
    clock = HostClock()
    assert clock.kernel() is None
    assert (clock.quality().state, clock.quality().error_ms) == ("unsynced", None)


def test_what_the_kernel_says_is_read_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    def kernel(status: int, answer: int) -> object:
        def fill(pointer: object) -> int:
            timex = pointer._obj  # type: ignore[attr-defined]
            timex.maxerror, timex.esterror, timex.offset, timex.status = 8000, 500, -250_000, status
            return answer

        return fill

    monkeypatch.setattr(clock_file, "_adjtimex", kernel(status=0x2001, answer=0))
    word = HostClock().kernel()
    assert word is not None
    assert (word.synchronised, word.max_error_s, word.estimate_s) == (True, 0.008, 0.0005)
    assert word.left_s == pytest.approx(-0.00025), "in nanoseconds"
    monkeypatch.setattr(clock_file, "_adjtimex", kernel(status=0x0041, answer=5))
    word = HostClock().kernel()
    assert word is not None
    assert not word.synchronised
    assert word.left_s == pytest.approx(-0.25), "in microseconds"


def test_asking_for_quality_starts_no_other_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for with every alert, on the thread that hears."""

    def refuse(*_args: object, **_options: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr("os.posix_spawn", refuse)
    HostClock().quality()


def test_the_states_of_a_day() -> None:
    clock = AdjustableClock(wrong_by_s=-14 * 86_400.0)
    assert clock.quality().state == "unsynced"
    clock.now_s, clock.wrong_by_s, clock.word = 100.0, 0.0, GOOD
    assert (clock.quality().state, clock.quality().error_ms) == ("synced", pytest.approx(8.0))
    clock.now_s, clock.word = 1100.0, LOST
    assert (clock.quality().state, clock.quality().error_ms) == ("holdover", pytest.approx(108.0))
    clock.wrong_by_s = 3600.0
    assert (clock.quality().state, clock.quality().error_ms) == ("unsynced", None)


def test_an_instant_is_kept_with_the_offset_that_labels_are_made_with() -> None:
    clock = AdjustableClock(wrong_by_s=77.0, boot="this")
    clock.now_s = 60.0
    instant = clock.instant()
    assert (instant.boot_id, instant.monotonic_s) == ("this", 60.0)
    assert instant.utc_offset_s + 60.0 == pytest.approx(clock.utc_at(60.0).timestamp())
    clock.now_s = 90.0
    assert age_s(instant, clock.boot_id(), clock.monotonic_s()) == 30.0


def test_real_clocks_are_read_at_one_instant() -> None:
    """Two readings in a row agree to well below what counts as a step, with other threads busy."""
    stopping = threading.Event()
    busy = [threading.Thread(target=lambda: [0 for _ in iter(stopping.is_set, True)]) for _ in range(3)]
    for thread in busy:
        thread.start()
    try:
        clock = HostClock()
        first = clock.known()
        offsets = [clock.known().offset_s for _ in range(200)]
    finally:
        stopping.set()
        for thread in busy:
            thread.join()
    assert set(offsets) == {first.offset_s}, "no step"
    assert clock._follower.steps == 0


def test_a_reading_that_was_held_up_is_taken_again() -> None:
    """Between the two clocks the thread lost the processor for 80 ms, twice."""

    class HeldUp(AdjustableClock):
        stops = 0

        def utc(self) -> datetime:
            utc = super().utc()
            if self.stops < 2:
                self.stops += 1
                self.now_s += 0.08
            return utc

    clock = HeldUp()
    clock.now_s = 1000.0
    calm = AdjustableClock().instant().utc_offset_s
    assert clock.instant().utc_offset_s == pytest.approx(calm, abs=1e-4)
