"""The two ledgers against the truth: what a script of faults did must be what the counters say."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.framing import BadReason, Decoder, Frame, encode_frame
from firmware_bridge.ledger import Arrival, ByteLedger, SequenceCounts, SequenceLedger

A = Arrival


def test_every_bad_reason_has_its_counter() -> None:
    ledger = ByteLedger()
    for reason in BadReason:
        ledger.book_bad(reason, 3)
        assert getattr(ledger, reason) == 3
    assert ledger.bad == ledger.total == 3 * len(BadReason)


@given(st.lists(st.binary(max_size=600) | st.integers(0, 9), max_size=30))
def test_every_byte_is_booked_once(chunks: list[bytes | int]) -> None:
    decoder = Decoder()
    fed = 0
    for chunk in chunks:
        if isinstance(chunk, int):
            chunk = encode_frame(Frame(chunk, 0, 0, 1, 2, bytes(chunk)))
        decoder.feed(chunk)
        fed += len(chunk)
        assert decoder.ledger.total == fed


def arrivals(ledger: SequenceLedger, *frames: tuple[int, int, float]) -> list[Arrival]:
    return [ledger.observe(epoch, seq, now_s) for epoch, seq, now_s in frames]


def test_a_perfect_line() -> None:
    ledger = SequenceLedger()
    assert arrivals(ledger, (7, 500, 0), (7, 501, 0), (7, 502, 0)) == [A.NEW_EPOCH, A.IN_ORDER, A.IN_ORDER]
    assert (ledger.counts.expected, ledger.counts.delivered, ledger.counts.lost) == (3, 3, 0)


def test_a_late_frame_turns_a_loss_into_a_delivery() -> None:
    ledger = SequenceLedger()
    arrivals(ledger, (7, 10, 0), (7, 13, 0))
    assert ledger.counts.lost == 2
    assert arrivals(ledger, (7, 11, 0), (7, 11, 0), (7, 13, 0)) == [A.LATE, A.DUPLICATE, A.DUPLICATE]
    counts = ledger.counts
    assert (counts.expected, counts.delivered, counts.lost) == (4, 3, 1)
    assert (counts.reordered, counts.duplicate) == (1, 2)


def test_the_sequence_wraps() -> None:
    ledger = SequenceLedger()
    seqs = [2**32 - 2, 2**32 - 1, 0, 2, 1, 2**32 - 1, 3]
    assert arrivals(ledger, *((7, seq, 0.0) for seq in seqs)) == [
        A.NEW_EPOCH, A.IN_ORDER, A.IN_ORDER, A.IN_ORDER, A.LATE, A.DUPLICATE, A.IN_ORDER,
    ]  # fmt: skip
    assert (ledger.counts.expected, ledger.counts.delivered) == (6, 6)


def test_a_frame_from_the_future_is_refused() -> None:
    ledger = SequenceLedger()
    arrivals(ledger, (7, 0, 0.0), (7, 1, 0.1))
    assert arrivals(ledger, (7, 50_000, 0.2), (7, 2, 0.3), (7, 50_001, 0.4), (7, 3, 0.5)) == [
        A.FUTURE, A.IN_ORDER, A.FUTURE, A.IN_ORDER,
    ]  # fmt: skip
    counts = ledger.counts
    assert (counts.expected, counts.delivered, counts.lost, counts.future) == (4, 4, 0, 2)


def test_elapsed_time_explains_a_jump() -> None:
    ledger = SequenceLedger()
    assert arrivals(ledger, (7, 0, 0.0), (7, 600, 60.0)) == [A.NEW_EPOCH, A.IN_ORDER]
    assert ledger.counts.lost == 599


def test_a_jump_that_goes_on_is_believed_and_counted_as_loss() -> None:
    ledger = SequenceLedger()
    frames = [(7, 0, 0.0), (7, 9000, 0.1), (7, 9001, 0.2), (7, 9002, 0.3), (7, 9003, 0.4)]
    assert arrivals(ledger, *frames) == [A.NEW_EPOCH, A.FUTURE, A.FUTURE, A.IN_ORDER, A.IN_ORDER]
    counts = ledger.counts
    assert (counts.expected, counts.delivered, counts.lost, counts.future) == (9004, 3, 9001, 2)


def test_old_frames_cannot_push_out_a_living_sender() -> None:
    ledger = SequenceLedger()
    arrivals(ledger, (7, 1000, 0.0))
    for step in range(20):
        now_s = 0.1 * step
        assert arrivals(ledger, (7, 1001 + step, now_s), (7, 100 + step, now_s), (6, step, now_s)) == [
            A.IN_ORDER, A.TOO_LATE, A.STALE_EPOCH,
        ]  # fmt: skip
    assert ledger.counts.too_late == ledger.counts.stale_epoch == 20


def test_a_sequence_that_begins_again_is_believed_after_silence() -> None:
    """A sensor that cannot raise its epoch at boot."""
    ledger = SequenceLedger()
    arrivals(ledger, (7, 1000, 0.0))
    found = arrivals(ledger, *((7, step, 2.5 + 0.25 * step) for step in range(5)))
    assert found == [A.TOO_LATE, A.TOO_LATE, A.RESTARTED, A.IN_ORDER, A.IN_ORDER]
    counts = ledger.counts
    assert (counts.expected, counts.delivered, counts.epochs, counts.restarts) == (4, 4, 1, 1)


def test_a_lower_epoch_is_believed_after_silence_but_a_left_one_never() -> None:
    ledger = SequenceLedger()
    arrivals(ledger, (7, 0, 0.0))
    assert arrivals(ledger, (3, 0, 2.9), (3, 1, 3.1)) == [A.STALE_EPOCH, A.NEW_EPOCH]
    assert arrivals(ledger, (7, 1, 3.2), (7, 2, 60.0), (8, 0, 60.1)) == [
        A.STALE_EPOCH, A.STALE_EPOCH, A.NEW_EPOCH,
    ]  # fmt: skip


def test_a_boot_that_is_seen_begins_at_zero() -> None:
    ledger = SequenceLedger()
    arrivals(ledger, (7, 100, 0.0), (8, 2, 1.0))
    assert (ledger.counts.expected, ledger.counts.delivered, ledger.counts.lost) == (4, 2, 2)


def test_a_boot_that_sent_more_than_time_allows_must_be_confirmed() -> None:
    ledger = SequenceLedger()
    arrivals(ledger, (7, 100, 0.0))
    assert arrivals(ledger, (9, 70_000, 1.0), (7, 101, 1.1)) == [A.FUTURE, A.IN_ORDER]
    found = arrivals(ledger, (9, 70_001, 1.2), (9, 70_002, 1.3), (9, 70_003, 1.4))
    assert found == [A.FUTURE, A.FUTURE, A.NEW_EPOCH]
    assert (ledger.counts.expected, ledger.counts.delivered) == (3, 3)


def test_a_new_sender_is_compared_with_nothing() -> None:
    ledger = SequenceLedger()
    arrivals(ledger, (7, 100, 0.0), (7, 103, 0.1))
    ledger.forget_sender()
    assert arrivals(ledger, (2, 90, 0.2), (2, 91, 0.3)) == [A.NEW_EPOCH, A.IN_ORDER]
    assert (ledger.counts.expected, ledger.counts.delivered, ledger.counts.lost) == (6, 4, 2)


@dataclass
class Truth:
    """What really happened, kept in plain sets."""

    first_epoch: int
    heard: dict[int, set[int]]
    arrivals: int = 0
    duplicate: int = 0
    reordered: int = 0
    stale: int = 0

    def arrive(self, epoch: int, seq: int) -> None:
        self.arrivals += 1
        if epoch < max(self.heard, default=epoch):
            self.stale += 1
            return
        seen = self.heard.setdefault(epoch, set())
        if seq in seen:
            self.duplicate += 1
            return
        self.reordered += bool(seen) and seq < max(seen)
        seen.add(seq)

    def counts(self) -> SequenceCounts:
        expected = sum(
            max(seen) + 1 - (min(seen) if epoch == self.first_epoch else 0)
            for epoch, seen in self.heard.items()
        )
        return SequenceCounts(
            expected=expected,
            delivered=sum(map(len, self.heard.values())),
            reordered=self.reordered,
            duplicate=self.duplicate,
            too_late=0,
            stale_epoch=self.stale,
            future=0,
            epochs=len(self.heard),
            restarts=0,
        )


@pytest.mark.parametrize("seed", range(200))
def test_any_script_of_faults_is_counted_exactly(seed: int) -> None:
    rng = random.Random(seed)
    drop, duplicate, delay = rng.random() * 0.5, rng.random() * 0.3, rng.random() * 0.3
    start = rng.choice([0, 17, 1_000_000])
    line: list[tuple[float, int, int]] = []
    sent_s = 0.0
    epoch = rng.randrange(1, 1000)
    for boot in range(rng.randrange(1, 5)):
        epoch += rng.randrange(1, 5)
        for count in range(rng.randrange(1, 400)):
            sent_s += 0.1
            seq = count + (start if boot == 0 else 0)
            if rng.random() >= drop:
                line.append((sent_s, epoch, seq))
            if rng.random() < duplicate:
                line.append((sent_s + rng.random() * 5, epoch, seq))
            if line and rng.random() < delay:
                late_s, *frame = line.pop()
                line.append((late_s + rng.random() * 4, *frame))
    line.sort()
    if not line:
        return
    ledger, truth = SequenceLedger(), Truth(line[0][1], {})
    for arrived_s, frame_epoch, seq in line:
        truth.arrive(frame_epoch, seq)
        ledger.observe(frame_epoch, seq, arrived_s)
    assert ledger.counts == truth.counts()
    assert ledger.counts.expected == ledger.counts.delivered + ledger.counts.lost


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.integers(0, 200) | st.integers(0, 2**32 - 1),
            st.sampled_from([0.0, 0.1, 4.0]),
        )
    )
)
def test_any_frames_at_all_keep_the_books_balanced(frames: list[tuple[int, int, float]]) -> None:
    ledger = SequenceLedger()
    now_s = 0.0
    accepted = 0
    for epoch, seq, pause_s in frames:
        now_s += pause_s
        accepted += ledger.observe(epoch, seq, now_s).accepted
        counts = ledger.counts
        assert counts.delivered == accepted
        assert counts.lost >= 0
    counts = ledger.counts
    refused = counts.duplicate + counts.too_late + counts.stale_epoch + counts.future
    assert len(frames) == counts.delivered + refused
