"""Promises of stages, kept and broken, in a time that the test makes."""

from __future__ import annotations

import threading
from random import Random

from gateway.supervision.beats import Beats
from gateway.supervision.progress import ENDED, Progress


def late(progress: Progress, now_s: float) -> list[str]:
    return [one.stage for one in progress.overdue(now_s)]


def test_who_keeps_its_promise_is_not_late() -> None:
    progress = Progress()
    for now in range(100):
        progress.beat("pipeline", 5.0, float(now))
        assert not progress.overdue(now + 5.0)
    assert late(progress, 99 + 5.001) == ["pipeline"]
    progress.beat("pipeline", 5.0, 200.0)
    assert not progress.overdue(201.0)


def test_each_says_how_long_it_may_be_away() -> None:
    progress = Progress()
    progress.beat("paho:primary", 300.0, 0.0)
    progress.beat("pipeline", 5.0, 0.0)
    progress.beat("publisher", 5.0, 1.0)
    assert late(progress, 10.0) == ["pipeline", "publisher"]
    assert [one.by_s for one in progress.overdue(10.0)] == [5.0, 4.0]
    assert "paho:primary" not in late(progress, 300.0)
    progress.beat("paho:primary", 5.0, 302.0)
    assert "paho:primary" in late(progress, 307.5), "the long promise was for one step only"


def test_one_that_never_begins_is_found_and_named() -> None:
    progress = Progress()
    progress.expect("pipeline", 60.0, 0.0)
    progress.expect("publisher", 60.0, 0.0)
    assert not progress.begun
    progress.beat("publisher", 5.0, 1.0)
    assert not progress.begun
    (found,) = [one for one in progress.overdue(61.0) if one.stage == "pipeline"]
    assert found.by_s == 1.0
    assert "pipeline" in str(found)
    assert "1.0 s" in str(found)
    progress.beat("pipeline", 5.0, 61.0)
    assert progress.begun


def test_one_that_ends_is_watched_no_more() -> None:
    progress = Progress()
    progress.expect("port-watch", 60.0, 0.0)
    progress.beat("port-watch", 30.0, 0.0)
    progress.beat("port-watch", ENDED, 0.1)
    assert progress.begun
    assert not progress.stages
    assert not progress.overdue(1e9)
    progress.beat("port-watch", ENDED, 0.2)  # twice is no error
    progress.beat("port-watch", 5.0, 1.0)
    assert late(progress, 7.0) == ["port-watch"], "one that comes back is watched again"


def test_a_pause_of_the_whole_process_accuses_nobody() -> None:
    progress = Progress()
    progress.beat("pipeline", 5.0, 0.0)
    progress.beat("publisher", 2.0, 0.0)
    progress.excuse(3600.0)
    assert not progress.overdue(3601.9)
    assert late(progress, 3602.1) == ["publisher"]


def test_any_course_of_beats_accuses_exactly_who_is_late() -> None:
    chance = Random(4)
    for _ in range(200):
        progress, due_s, now_s = Progress(), dict[str, float](), 0.0
        for _ in range(50):
            now_s += chance.uniform(0.0, 3.0)
            stage, within_s = chance.choice("abcd"), chance.choice([1.0, 5.0, 30.0, ENDED])
            progress.beat(stage, within_s, now_s)
            due_s[stage] = now_s + within_s
            look_s = now_s + chance.uniform(0.0, 10.0)
            assert set(late(progress, look_s)) == {one for one, due in due_s.items() if due < look_s}


def test_beats_of_many_threads_are_all_heard() -> None:
    now = [0.0]
    beats = Beats(lambda: now[0])
    names = [f"port:{number}" for number in range(8)]
    for name in names:
        beats.expect(name, 1.0)

    def work(name: str) -> None:
        for _ in range(500):
            beats.of(name)(5.0)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not beats.overdue()
    assert beats.begun
    assert beats.stages == set(names)
    now[0] = 5.5
    assert {one.stage for one in beats.overdue()} == set(names)
    beats.excuse(1.0)
    assert not beats.overdue()
