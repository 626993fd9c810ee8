"""The main thread's looks: when READY and WATCHDOG are told, who is named, when the process ends itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.supervision.beats import Beats
from gateway.supervision.overseer import GIVE_UP_S, LOOK_EVERY_S, Overseer, dump_stacks
from gateway.supervision.systemd import ServiceManager
from tests.support.service_manager import ListeningManager

WATCHDOG_S = 8.0


class Watched:
    """An overseer in a time of its own, `lived` step by step, told to a manager that listens."""

    def __init__(self, manager: ListeningManager | None) -> None:
        self.now_s = 1000.0
        self.manager = manager
        self.beats = Beats(lambda: self.now_s)
        self.ends = 0
        self._marks = 0
        environment = {} if manager is None else manager.environment
        self.overseer = Overseer(
            self.beats,
            ServiceManager.of_environment(environment),
            monotonic=lambda: self.now_s,
            end=self._end,
        )

    def live(self, seconds: float, *alive: str) -> None:
        """Looks as often as it does, while these stages beat."""
        for _ in range(round(seconds / LOOK_EVERY_S)):
            for stage in alive:
                self.beats.beat(stage)
            self.now_s += LOOK_EVERY_S
            self.overseer.look()
            if self.manager is not None:
                self.told()  # the manager reads as it goes, as systemd does

    def told(self) -> list[str]:
        """Everything that was told until now."""
        assert self.manager is not None
        self._marks += 1
        mark = f"mark {self._marks}"
        ServiceManager(self.manager.environment["NOTIFY_SOCKET"]).tell(mark)
        told = self.manager.told.wait_for(lambda told: mark in told)
        return [line for line in told if not line.startswith("mark ")]

    def _end(self) -> None:
        self.ends += 1


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with ListeningManager(str(tmp_path / "notify"), WATCHDOG_S) as manager:
        yield Watched(manager)


def test_ready_only_when_every_expected_stage_is_at_work(watched: Watched) -> None:
    watched.beats.expect("pipeline", 60.0)
    watched.beats.expect("publisher", 60.0)
    watched.live(5.0)
    watched.live(5.0, "pipeline")
    assert "READY=1" not in watched.told()
    watched.live(5.0, "pipeline", "publisher")
    assert watched.told().count("READY=1") == 1


def test_the_watchdog_is_fed_well_within_its_time_while_all_is_well(watched: Watched) -> None:
    watched.live(80.0, "pipeline", "publisher")
    fed = watched.told().count("WATCHDOG=1")
    assert 80.0 / WATCHDOG_S * 2 <= fed <= 80.0 / LOOK_EVERY_S / 2


def test_one_stage_that_sticks_starves_it_is_named_and_ends_the_process(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.live(2.0, "pipeline", "publisher")
    with caplog.at_level(logging.WARNING):
        watched.live(5.5, "pipeline")
        fed = watched.told().count("WATCHDOG=1")
        assert any(line.startswith("STATUS=stuck: publisher") for line in watched.told())
        assert "publisher" in caplog.text
        watched.live(GIVE_UP_S - 1.0, "pipeline")
        assert watched.told().count("WATCHDOG=1") == fed, "it was fed though a stage is stuck"
        assert watched.ends == 0
        watched.live(2.0, "pipeline")
        assert watched.ends > 0
    assert caplog.text.count("no progress") == 1, "it is told once"


def test_one_that_comes_back_in_time_is_forgiven(watched: Watched) -> None:
    watched.live(2.0, "pipeline", "publisher")
    watched.live(9.0, "pipeline")
    fed = watched.told().count("WATCHDOG=1")
    watched.live(20.0, "pipeline", "publisher")
    assert watched.told().count("WATCHDOG=1") > fed
    assert watched.ends == 0
    statuses = [line for line in watched.told() if line.startswith("STATUS=")]
    assert statuses[-1] == "STATUS=runs"


@pytest.mark.parametrize("pause_s", [20.0, 3600.0])
def test_a_process_that_was_stopped_is_not_stuck(watched: Watched, pause_s: float) -> None:
    watched.live(2.0, "pipeline", "publisher")
    watched.now_s += pause_s
    watched.overseer.look()
    watched.live(2.0, "pipeline", "publisher")
    assert not any("stuck" in line for line in watched.told())
    watched.live(20.0, "pipeline")
    assert watched.ends > 0, "who is really stuck is found all the same"


def test_without_a_service_manager_the_process_ends_itself() -> None:
    watched = Watched(None)
    watched.live(2.0, "pipeline")
    watched.live(5.0 + GIVE_UP_S - 1.0)
    assert watched.ends == 0
    watched.live(2.0)
    assert watched.ends > 0


def test_no_look_waits_for_whoever_wants_to_stop(watched: Watched) -> None:
    stopping, ended = threading.Event(), threading.Event()
    stopping.set()
    watched.overseer.watch(stopping, ended)
    assert watched.told()[:2] == ["STOPPING=1", "STATUS=stops"]


def test_the_stacks_of_all_threads_are_written(capfd: pytest.CaptureFixture[str]) -> None:
    begun, done = threading.Event(), threading.Event()

    def stands_in_this_function() -> None:
        begun.set()
        done.wait()

    thread = threading.Thread(target=stands_in_this_function)
    thread.start()
    begun.wait()
    dump_stacks()
    done.set()
    thread.join()
    assert "stands_in_this_function" in capfd.readouterr().err
