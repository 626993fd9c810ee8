"""A small file beside each package: scores that any runtime must give on windows of the committed captures.

`parity.json` names windows (a capture, and the hop that ends the window) with the trained network's own
scores and with the 8-bit file's in `ai-edge-litert`. Tests run it in both runtimes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dsp.model_input import model_input
from dsp.windows import windows_of
from firmware_bridge.simulator.library import load_sounds
from gateway.features import codes_of

NAME = "parity.json"
CAPTURES = Path(__file__).parents[1] / "config" / "captures"
#: With hops before the recording missing, and within the event.
ENDS = (7, 30)
_DIGITS = 5

Score = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Parity:
    """windows: (capture, hop that ends the window); expected: scores by file, each (windows, labels)."""

    windows: tuple[tuple[str, int], ...]
    expected: dict[str, NDArray[np.float32]]


def windows_named() -> list[tuple[str, int]]:
    """The windows that a parity file holds."""
    return [(path.stem, end) for path in sorted(CAPTURES.glob("*.agwcap")) for end in ENDS]


def inputs_of(windows: tuple[tuple[str, int], ...], hops: int) -> NDArray[np.float32]:
    """Model input of the named windows; returns (windows, hops, channels)."""
    paths = [CAPTURES / f"{name}.agwcap" for name in sorted({name for name, _ in windows})]
    sounds = load_sounds(paths).sounds
    rows = []
    for name, end in windows:
        frames = np.array([codes_of(frame) for frame in sounds[name].features[: end + 1]])
        cut, valid = windows_of(frames, np.ones(len(frames), dtype=bool), hops)
        rows.append(model_input(cut[-1], valid[-1]))
    return np.stack(rows)


def write(package: Path, hops: int, files: dict[str, Score]) -> None:
    """Write the package's parity file; files: each by its name with what its scores must be."""
    windows = tuple(windows_named())
    inputs = inputs_of(windows, hops)
    scores = {name: score(inputs) for name, score in files.items()}
    rows = [
        {"capture": capture, "hop": end}
        | {name: [round(float(p), _DIGITS) for p in scores[name][number]] for name in files}
        for number, (capture, end) in enumerate(windows)
    ]
    lines = ",\n".join(json.dumps(row) for row in rows)
    (package / NAME).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def read(package: Path) -> Parity:
    """Read the package's parity file."""
    rows = json.loads((package / NAME).read_text(encoding="utf-8"))
    names = [name for name in rows[0] if name not in ("capture", "hop")]
    return Parity(
        tuple((row["capture"], row["hop"]) for row in rows),
        {name: np.array([row[name] for row in rows], dtype=np.float32) for name in names},
    )
