"""Does a TFLite runtime give the scores that it should? Runs with either runtime and numpy alone.

    python -m training.check_runtime config/models/ear CHECK.npz

CHECK.npz is what `training.export --write-check` keeps: windows of real sound (`inputs`), the trained
network's own scores (`expected`) and those of the 8-bit file in `ai-edge-litert` (`int8`). The float32 file
must agree with torch to 1e-4. The 8-bit file is compared with torch and with the other runtime: kernels round
their own way, so a step of one in 255 may fall differently, and the mean must stay within 0.005.
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
FLOAT_TOLERANCE = 1e-4
INT8_MEAN_TOLERANCE = 0.005
INT8 = "int8"


def scores_of(interpreter: Any, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores of many windows, one by one as a gateway does. (n, hops, channels) to (n, labels)."""
    interpreter.allocate_tensors()
    into = interpreter.get_input_details()[0]["index"]
    out = interpreter.get_output_details()[0]["index"]
    scores = np.empty((len(inputs), interpreter.get_output_details()[0]["shape"][-1]), dtype=np.float32)
    for number, window in enumerate(inputs):
        interpreter.set_tensor(into, window[np.newaxis])
        interpreter.invoke()
        scores[number] = interpreter.get_tensor(out)[0]
    return scores


def main(argv: Sequence[str] | None = None) -> int:
    package, check = (Path(name) for name in (sys.argv[1:] if argv is None else argv))
    runtime, name = _runtime()
    if runtime is None:
        print("no TFLite runtime is installed", file=sys.stderr)
        return 2
    print(f"{name}, numpy {np.__version__}")
    with np.load(check) as arrays:
        inputs, expected, int8 = arrays["inputs"], arrays["expected"], arrays["int8"]
    found = scores_of(_interpreter(runtime, package), inputs)
    good = _say("float32 - torch", np.abs(found - expected)) <= FLOAT_TOLERANCE
    if (package / INT8).exists():
        found = scores_of(_interpreter(runtime, package / INT8), inputs)
        _say("int8 - torch", np.abs(found - expected))
        apart = np.abs(found - int8)
        _say("int8 - int8 in ai-edge-litert", apart)
        good = good and float(apart.mean()) <= INT8_MEAN_TOLERANCE
    return 0 if good else 1


def _say(what: str, apart: NDArray[np.float32]) -> float:
    print(f"{what}: mean {apart.mean():.1e}, largest {apart.max():.1e}, {len(apart)} windows")
    return float(apart.max())


def _interpreter(runtime: Any, folder: Path) -> Any:
    return runtime.Interpreter(model_content=(folder / "model.tflite").read_bytes(), num_threads=1)


def _runtime() -> tuple[Any, str]:
    for name in RUNTIMES:
        try:
            return importlib.import_module(name), name.partition(".")[0]
        except ImportError:
            continue
    return None, ""


if __name__ == "__main__":
    sys.exit(main())
