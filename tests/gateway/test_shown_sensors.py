"""Which sensors the brokers show, which are over, and how that outlives a run."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest

from gateway.supervision.shown_file import FILE_NAME, RETRY_S, ShownFile
from gateway.supervision.shown_sensors import (
    GONE_FOR_GOOD_S,
    MOST_AWAY,
    MOST_OVER,
    SETTLE_S,
    ShownSensors,
)

BASE = "aggression/v1/site/gw"


class TestShownSensors:
    def test_bound_sensors_are_remembered_and_never_over(self) -> None:
        shown = ShownSensors({"north": "1", "south": "2"}, ["north"])
        shown.show("north", away=True, now_s=0.0)
        assert shown.due(1e9) == []
        shown.retire("north")
        assert set(shown.to_remember()) == {"north", "south"}

    def test_what_left_the_settings_is_over_at_once_and_stays_remembered(self) -> None:
        shown = ShownSensors({"north": "1"}, ["south", "north"], 5.0)
        assert shown.due(5.0) == ["south"]
        shown.retire("south")
        assert shown.due(1e9) == []
        assert set(shown.to_remember()) == {"north", "south"}
        assert ShownSensors({"north": "1"}, shown.to_remember(), 9.0).due(9.0) == ["south"]

    def test_one_that_comes_back_into_the_settings_is_not_over(self) -> None:
        assert ShownSensors({"south": "2"}, ["south"], 0.0).due(1e9) == []

    def test_a_sensor_without_a_place_has_time_to_say_that_it_is_still_there(self) -> None:
        shown = ShownSensors({}, ["unbound-7", "refused-port"], 100.0)
        assert shown.due(100.0 + SETTLE_S - 0.1) == []
        shown.show("unbound-7", away=False, now_s=110.0)
        assert shown.due(100.0 + SETTLE_S) == ["refused-port"]
        assert shown.due(1e9) == ["refused-port"]

    def test_one_that_was_given_a_place_loses_its_old_name_at_once(self) -> None:
        assert ShownSensors({"north": "7"}, ["unbound-7"], 3.0).due(3.0) == ["unbound-7"]

    def test_one_without_a_place_is_over_when_it_is_gone_for_good(self) -> None:
        shown = ShownSensors({})
        shown.show("unbound-7", away=False, now_s=0.0)
        shown.show("unbound-7", away=True, now_s=50.0)
        assert shown.due(50.0 + GONE_FOR_GOOD_S - 0.1) == []
        shown.show("unbound-7", away=False, now_s=600.0)
        assert shown.due(1e9) == []
        shown.show("unbound-7", away=True, now_s=700.0)
        assert shown.due(700.0 + GONE_FOR_GOOD_S) == ["unbound-7"]

    def test_it_is_shown_again_after_it_was_over(self) -> None:
        shown = ShownSensors({}, ["unbound-7"], 0.0)
        shown.retire("unbound-7")
        shown.show("unbound-7", away=False, now_s=1.0)
        assert shown.due(1e9) == []
        assert shown.to_remember() == ("unbound-7",)

    def test_however_many_come_and_go_what_is_kept_is_bounded(self) -> None:
        shown = ShownSensors({"north": "1"})
        for number in range(500):
            shown.show(f"unbound-{number}", away=False, now_s=number)
            shown.show(f"unbound-{number}", away=True, now_s=number)
            for sensor_id in shown.due(number):
                assert sensor_id == f"unbound-{number - MOST_AWAY}"
                shown.retire(sensor_id)
        newest = {f"unbound-{number}" for number in range(500 - MOST_AWAY - MOST_OVER, 500)}
        assert set(shown.to_remember()) == newest | {"north"}

    @pytest.mark.parametrize("seed", range(5))
    def test_whoever_is_shown_as_there_is_remembered_and_never_due(self, seed: int) -> None:
        chance = random.Random(seed)
        ids = [f"unbound-{n}" for n in range(60)] + ["north", "old"]
        shown = ShownSensors({"north": "1"}, chance.sample(ids, 30), 0.0)
        here: set[str] = set()
        for step in range(2000):
            now_s, sensor_id = step * 5.0, chance.choice(ids)
            away = chance.random() < 0.5
            shown.show(sensor_id, away=away, now_s=now_s)
            here = here - {sensor_id} if away else here | {sensor_id}
            due = shown.due(now_s)
            assert not here & set(due)
            assert "north" not in due
            for over in due:
                shown.retire(over)
            assert here <= set(shown.to_remember())
            assert len(shown.to_remember()) == len(set(shown.to_remember()))
            assert len(shown.to_remember()) <= len(here) + MOST_AWAY + MOST_OVER + 1


class TestShownFile:
    def test_kept_over_a_run(self, tmp_path: Path) -> None:
        assert ShownFile(tmp_path, BASE).read() == ()
        ShownFile(tmp_path, BASE).keep(["north", "unbound-7"], 0.0)
        assert ShownFile(tmp_path, BASE).read() == ("north", "unbound-7")
        assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]

    def test_written_only_when_the_set_changes(self, tmp_path: Path) -> None:
        ShownFile(tmp_path, BASE).keep(["north", "south"], 0.0)
        file = ShownFile(tmp_path, BASE)
        file.read()
        written = (tmp_path / FILE_NAME).stat().st_ino
        file.keep(["south", "north"], 1.0)
        assert (tmp_path / FILE_NAME).stat().st_ino == written
        file.keep(["south"], 2.0)
        assert (tmp_path / FILE_NAME).stat().st_ino != written

    def test_of_another_name_it_says_so_and_starts_anew(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        ShownFile(tmp_path, "aggression/v1/site/old").keep(["north"], 0.0)
        file = ShownFile(tmp_path, BASE)
        assert file.read() == ()
        assert "aggression/v1/site/old" in caplog.text
        file.keep(["north"], 0.0)
        assert ShownFile(tmp_path, BASE).read() == ("north",)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"\xff\xfe",
            b"[]",
            b'{"base":1}',
            b'{"base":"' + BASE.encode() + b'","sensors":["a/b"]}',
        ],
    )
    def test_a_damaged_file_is_an_empty_one(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
    ) -> None:
        (tmp_path / FILE_NAME).write_bytes(content)
        file = ShownFile(tmp_path, BASE)
        assert file.read() == ()
        assert "cannot be read" in caplog.text
        file.keep(["north"], 0.0)
        assert ShownFile(tmp_path, BASE).read() == ("north",)

    def test_a_full_disk_costs_one_warning_and_is_tried_again(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = ShownFile(tmp_path, BASE)
        file.keep(["north"], 0.0)
        tries: list[int] = []

        def full(fd: int) -> None:
            tries.append(fd)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            for now_s in (1.0, 2.0, 1.0 + RETRY_S, 2.0 + RETRY_S):
                file.keep(["north", "south"], now_s)
        assert len(tries) == 2
        assert caplog.text.count("cannot be written") == 1
        assert ShownFile(tmp_path, BASE).read() == ("north",)
        file.keep(["north", "south"], 3 * RETRY_S)
        assert ShownFile(tmp_path, BASE).read() == ("north", "south")
