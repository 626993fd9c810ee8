"""Does a TFLite runtime give the trained network's scores? Runs with either runtime and numpy alone.

    python -m training.check_runtime MODEL.tflite CHECK.npz

CHECK.npz is what `training.export --write-check` keeps. Exit code 1: a difference is above 1e-4.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
TOLERANCE = 1e-4


def largest_difference(interpreter: Any, inputs: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Largest difference of a score over windows; inputs: (n, hops, channels), expected: (n, labels)."""
    interpreter.allocate_tensors()
    into = interpreter.get_input_details()[0]["index"]
    out = interpreter.get_output_details()[0]["index"]
    largest = 0.0
    for window, scores in zip(inputs, expected, strict=True):
        interpreter.set_tensor(into, window[np.newaxis])
        interpreter.invoke()
        largest = max(largest, float(np.abs(interpreter.get_tensor(out)[0] - scores).max()))
    return largest


def main(argv: Sequence[str] | None = None) -> int:
    model, check = (Path(name) for name in (sys.argv[1:] if argv is None else argv))
    for name in RUNTIMES:
        try:
            runtime = importlib.import_module(name)
            break
        except ImportError:
            continue
    else:
        print("no TFLite runtime is installed", file=sys.stderr)
        return 2
    with np.load(check) as arrays:
        difference = largest_difference(
            runtime.Interpreter(model_content=model.read_bytes()), arrays["inputs"], arrays["expected"]
        )
    print(f"{name}, numpy {np.__version__}: largest difference {difference:.1e}")
    return 0 if difference <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
