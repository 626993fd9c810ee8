"""What vetoes did: events held back, by reason, for the health; a second's codes as bits for telemetry."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.contract.vocabulary import VetoCode
from gateway.decisions.types import HeldBack

HELD_BACK_BIT = 0x80
"""In this second an event was held back."""
_BIT_OF = {code.value: 1 << place for place, code in enumerate(VetoCode)}
assert max(_BIT_OF.values()) < HELD_BACK_BIT


class VetoTally:
    """Counts since the start. One event that two vetoes held back counts once, and once under each reason."""

    def __init__(self) -> None:
        self.events = 0
        self._by_code = dict.fromkeys(_BIT_OF, 0)

    def count(self, held_back: Iterable[HeldBack]) -> None:
        for held in held_back:
            self.events += 1
            for code in held.vetoes:
                self._by_code[code] += 1

    def counters(self) -> dict[str, int]:
        """`held_back` and `held_back_<code>`, all of them always."""
        return {"held_back": self.events, **{f"held_back_{code}": n for code, n in self._by_code.items()}}


def veto_bits(vetoes: Iterable[str], *, held_back: bool) -> int:
    """One bit a code, in the order of VetoCode from the lowest on, and the highest for what was held back."""
    return sum(_BIT_OF[code] for code in set(vetoes)) | (HELD_BACK_BIT if held_back else 0)


def codes_of_bits(bits: int) -> tuple[str, ...]:
    """The codes of a second that was kept."""
    return tuple(code for code, bit in _BIT_OF.items() if bits & bit)
