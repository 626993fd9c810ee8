"""CRC-32C (Castagnoli), the check at the end of every frame. The only place that imports `fastcrc`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import fastcrc

crc32c: Final[Callable[[bytes], int]] = fastcrc.crc32.iscsi
"""CRC-32C of some bytes: polynomial 0x1EDC6F41 reflected, initial and final XOR 0xFFFFFFFF."""

RESIDUE: Final = 0x48674BC7
"""CRC-32C of any data that ends in its own little-endian CRC: checks a frame without cutting it up."""
