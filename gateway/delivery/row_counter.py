"""Gives committed rows their lane and number, once each, just before they can leave for the first time."""

from __future__ import annotations

from gateway.delivery.lanes import choose_lanes
from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_fault import OutboxError
from gateway.delivery.stamping import Stamper
from gateway.delivery.window import DeliveryWindow

NUMBER_ROWS = 5000


class RowCounter:
    """`last`: the last number of each lane."""

    def __init__(self, outbox: Outbox, window: DeliveryWindow, stamper: Stamper) -> None:
        self._outbox = outbox
        self._window = window
        self._stamper = stamper
        self._done_to = 0
        self._without_number = False
        self.last = outbox.last_numbers()

    @property
    def idle(self) -> bool:
        """Every row that leaves by its number has one."""
        return not self._outbox.unnumbered(self._done_to, 1)

    def give_numbers(self) -> None:
        """Number all rows that have no number yet. Raises OutboxError when the disk does not take it.

        Then they leave all the same, without a number, and get one when the disk takes it. They are offered
        anew with each try, as the window may have been emptied since.
        """
        while rows := self._outbox.unnumbered(self._done_to, NUMBER_ROWS):
            lanes = choose_lanes(
                rows,
                open_events=self._outbox.open_event_ids(),
                in_use=self._outbox.lanes_in_use({row.event_id for row in rows}),
                age_s=self._stamper.age_s,
                historical_after_s=self._stamper.historical_after_s,
            )
            try:
                self._outbox.give_numbers(lanes)
            except OutboxError:
                self._without_number = True
                self._window.add_unnumbered(rows)
                raise
            self.last = self._outbox.last_numbers()
            self._done_to = rows[-1].row_id
            if self._without_number:
                self._without_number = False
                self._window.read_again()
