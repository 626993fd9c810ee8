"""The table of faults: each a cell with a name, what it does to a site, and what kind of site it needs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random

from tests.chaos.clocks import has_libfaketime
from tests.chaos.setup import Setup
from tests.chaos.site import Site

ROOT, NFT, FAKETIME = "root", "nft", "libfaketime"

Act = Callable[[Site, Random], None]


@dataclass(frozen=True, slots=True)
class Cell:
    """act: does the harm and undoes it. needs: what this machine must have.

    hears: whether sounds can be compared with alerts (not where the gateway's monotonic clock is another).
    """

    name: str
    act: Act
    setup: Setup = field(default_factory=Setup)
    needs: frozenset[str] = frozenset()
    hears: bool = True

    @property
    def lacking(self) -> set[str]:
        """What this machine lacks of it."""
        have = {
            ROOT: os.geteuid() == 0,
            NFT: shutil.which("nft") is not None,
            FAKETIME: has_libfaketime(),
        }
        return {one for one in self.needs if not have[one]}


def table(*parts: Iterable[Cell]) -> dict[str, Cell]:
    """Cells by name; two of one name are a mistake."""
    cells: dict[str, Cell] = {}
    for cell in (cell for part in parts for cell in part):
        assert cell.name not in cells, cell.name
        cells[cell.name] = cell
    return cells
