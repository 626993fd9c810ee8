"""What the receiver keeps: each revision once, never backwards, in bounds, over restarts."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random

import pytest

from control_room import ledger as ledger_module
from control_room.changes import Ignored, Step
from control_room.ledger import Entry, Ledger, Verdict
from control_room.ledger_error import LedgerError, LedgerFault
from control_room.numbers import LaneKey, LaneRecord, Span
from control_room.revisions import Known
from gateway.contract.encoding import encode
from gateway.contract.types import Alert, replace
from gateway.contract.vocabulary import Lane, Phase
from tests.support.alerts import alert, story

LIVE = LaneKey("harbour", "gw-1", "9c41d07be2a35f68", Lane.LIVE)


def entry(one: Alert) -> Entry:
    return Entry(one, encode(one))


def keep(ledger: Ledger, *alerts: Alert) -> list[Verdict]:
    return ledger.commit([entry(one) for one in alerts])


def meanings(ledger: Ledger, *alerts: Alert) -> list[Step | Ignored]:
    return [verdict.meaning for verdict in keep(ledger, *alerts)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "room.db"


@pytest.mark.parametrize("in_memory", [True, False])
def test_each_revision_moves_its_event_on_once(path: Path, in_memory: bool) -> None:
    with Ledger.open(None if in_memory else path) as ledger:
        assert meanings(ledger, *(story(number) for number in range(4))) == [
            Step.STARTED,
            Step.UPDATED,
            Step.UPDATED,
            Step.ENDED,
        ]
        assert meanings(ledger, story(1), story(3), alert(0, 9, Phase.UPDATE)) == [
            Ignored.LATE,
            Ignored.REPEATED,
            Ignored.AFTER_END,
        ]
        assert ledger.known("harbour", "gw-1", alert(0).event_id) == Known(3, ended=True)
        assert len(ledger.revisions()) == 5


def test_the_first_one_met_says_so_wherever_in_the_event_it_is(path: Path) -> None:
    with Ledger.open(path) as ledger:
        first, second = keep(ledger, alert(1, 4, Phase.UPDATE), alert(1, 5, Phase.UPDATE))
        assert (first.first, second.first) == (True, False)
        (late,) = keep(ledger, alert(1, 2, Phase.UPDATE))
        assert late.meaning is Ignored.LATE
        assert late.row_id is not None  # kept all the same: it was received


def test_no_gateway_speaks_for_another(path: Path) -> None:
    with Ledger.open(path) as ledger:
        keep(ledger, alert(1))
        assert meanings(ledger, replace(alert(1, 1, Phase.END), gateway="gw-2")) == [Step.ENDED]
        assert [one.gateway for one in ledger.open_events()] == ["gw-1"]


def test_an_end_with_the_revision_of_an_update_is_kept_beside_it(path: Path) -> None:
    with Ledger.open(path) as ledger:
        keep(ledger, alert(1, 3, Phase.UPDATE, durable=False))
        assert meanings(ledger, alert(1, 3, Phase.END)) == [Step.ENDED]
        assert [row[3:] for row in ledger.revisions()] == [(3, "update"), (3, "end")]
        assert ledger.open_events() == []


def test_open_events_are_known_after_a_restart(path: Path) -> None:
    with Ledger.open(path) as ledger:
        keep(ledger, alert(1), alert(2), alert(1, 1, Phase.UPDATE), alert(3), alert(3, 1, Phase.END))
    with Ledger.open(path) as ledger:
        assert ledger.set_aside is None
        assert ledger.open_events() == [alert(2), alert(1, 1, Phase.UPDATE)]
        assert meanings(ledger, alert(1), alert(1, 2, Phase.END)) == [Ignored.LATE, Step.ENDED]


def test_what_was_not_shown_before_a_crash_is_known_with_its_age(path: Path) -> None:
    with Ledger.open(path) as ledger:
        one, two, _ = ledger.commit(
            [entry(alert(1)), entry(alert(1, 1, Phase.UPDATE)), entry(alert(1))], boot_id="b", now_s=100.0
        )
        assert one.row_id is not None
        assert two.row_id is not None
        ledger.mark_handled([one.row_id])
    with Ledger.open(path) as ledger:
        (left,) = ledger.unhandled("b", 130.0)
        assert (left.entry.alert, left.age_s, left.first, left.tries) == (
            alert(1, 1, Phase.UPDATE),
            30.0,
            False,
            0,
        )
        assert ledger.unhandled("other boot", 1.0)[0].age_s is None
        assert ledger.unhandled("", 130.0)[0].age_s is None
        ledger.mark_tried(left.row_id)
        ledger.mark_tried(left.row_id)
        assert ledger.unhandled("b", 130.0)[0].tries == 2
        ledger.mark_handled([left.row_id])
        assert ledger.unhandled("b", 130.0) == []


def test_lanes_are_kept_and_forgotten(path: Path) -> None:
    record = LaneRecord(LIVE, 1, 40, (Span(3, 5), Span(8, 8)))
    backlog = LaneRecord(replace_lane(LIVE), 2, 7, ())
    with Ledger.open(path) as ledger:
        ledger.commit([], [record, backlog])
        ledger.commit([], [LaneRecord(LIVE, 1, 41, (Span(8, 8),))])
    with Ledger.open(path) as ledger:
        assert ledger.lanes() == [LaneRecord(LIVE, 1, 41, (Span(8, 8),)), backlog]
        ledger.commit([], [], [LIVE])
        assert ledger.lanes() == [backlog]


def replace_lane(key: LaneKey) -> LaneKey:
    return LaneKey(key.site, key.gateway, key.numbering, Lane.HISTORICAL)


def test_the_last_contact_of_a_line_counts_for_this_boot_only(path: Path) -> None:
    with Ledger.open(path) as ledger:
        assert ledger.last_contact("primary", "b") is None
        ledger.note_contact(["primary"], "b", 5.0)
        ledger.note_contact(["primary", "backup"], "b", 7.0)
    with Ledger.open(path) as ledger:
        assert ledger.last_contact("primary", "b") == 7.0
        assert ledger.last_contact("primary", "c") is None


def test_ended_events_go_by_count_and_their_names_stay_longer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "KEEP_ENDED", 10)
    monkeypatch.setattr(ledger_module, "KEEP_NAMES", 3)
    monkeypatch.setattr(ledger_module, "_PRUNE_EVERY", 1)
    with Ledger.open(path) as ledger:
        keep(ledger, alert(999))  # stays open
        for number in range(100):
            (start, end) = keep(ledger, alert(number), alert(number, 1, Phase.END))
            assert start.row_id is not None
            assert end.row_id is not None
            ledger.mark_handled([start.row_id, end.row_id])
        keep(ledger)
        kept = {row[2] for row in ledger.revisions()}
        assert kept == {alert(number).event_id for number in [999, *range(90, 100)]}
        assert meanings(ledger, alert(75)) == [Ignored.LATE]  # its name is known still
        assert len(ledger.revisions()) == 21  # and nothing of it is kept again
        assert [one.event_id for one in ledger.open_events()] == [alert(999).event_id]
        assert meanings(ledger, alert(5)) == [Step.STARTED]


def test_what_was_not_shown_is_never_pruned(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "KEEP_ENDED", 1)
    monkeypatch.setattr(ledger_module, "_PRUNE_EVERY", 1)
    with Ledger.open(path) as ledger:
        for number in range(20):
            keep(ledger, alert(number, 0, Phase.END))
        assert len(ledger.unhandled("", 0.0)) == 20


def test_open_events_beyond_all_reason_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MOST_OPEN", 5)
    monkeypatch.setattr(ledger_module, "_PRUNE_EVERY", 1)
    with Ledger.open(path) as ledger:
        for number in range(20):
            keep(ledger, alert(number))
        keep(ledger)
        assert [one.event_id for one in ledger.open_events()] == [
            alert(number).event_id for number in range(15, 20)
        ]


def test_a_store_has_one_receiver_at_a_time(path: Path) -> None:
    with Ledger.open(path), pytest.raises(LedgerError, match="another receiver") as caught:
        Ledger.open(path)
    assert caught.value.fault is LedgerFault.BUSY
    Ledger.open(path).close()


def test_others_may_read_it_meanwhile(path: Path) -> None:
    with Ledger.open(path) as ledger:
        keep(ledger, alert(1))
        reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        assert reader.execute("SELECT count(*) FROM revisions").fetchone() == (1,)
        reader.close()
        assert meanings(ledger, alert(1, 1, Phase.END)) == [Step.ENDED]


def test_commits_are_synced_and_marks_are_not(path: Path) -> None:
    with Ledger.open(path) as ledger:
        settings = ("journal_mode", "synchronous", "page_size")
        told = [ledger._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in settings]
        assert told == ["wal", 2, 1024]
        (verdict,) = keep(ledger, alert(1))
        assert verdict.row_id is not None
        ledger.mark_handled([verdict.row_id])
        assert ledger._connection.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_order_and_however_often_it_is_reopened(path: Path, seed: int) -> None:
    """Each event is told from start to end or from where it was met, never backwards, ended once."""
    chance = Random(seed)
    stream = [story(number, revisions=5) for number in range(60)] * 3
    stream.sort(key=lambda _: chance.random())
    stream.sort(key=lambda one: int(one.event_id, 16) // 4)  # some order, as in the field
    told: dict[str, list[tuple[int, Step]]] = {}
    while stream:
        batch, stream = stream[: (size := chance.randint(1, 9))], stream[size:]
        with Ledger.open(path) as ledger:
            for one, verdict in zip(batch, keep(ledger, *batch), strict=True):
                if isinstance(verdict.meaning, Step):
                    told.setdefault(one.event_id, []).append((one.revision, verdict.meaning))
    assert len(told) == 12
    for steps in told.values():
        revisions = [revision for revision, _ in steps]
        assert revisions == sorted(set(revisions)), f"seed {seed}"
        assert [step for _, step in steps].count(Step.ENDED) == 1, f"seed {seed}"
        assert steps[-1][1] is Step.ENDED, f"seed {seed}"
    with Ledger.open(path) as ledger:
        assert len({row[2:] for row in ledger.revisions()}) == len(ledger.revisions()) == 60
        assert ledger.open_events() == []
