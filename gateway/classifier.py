"""Windows to scores: the only file of the gateway that knows a TFLite runtime.

`ai-edge-litert` is TensorFlow Lite's successor and comes first; `tflite-runtime` is taken where only that
one is installed (armv7l has no other). Both have the same Interpreter.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.errors import GatewayError
from gateway.model_package import ModelError, ModelPackage

RUNTIMES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter")
_TRUSTING = "tflite_runtime"
"""This runtime does not check a file: a damaged one can kill the process (SIGSEGV), not only be refused."""
_TRIAL = """
import importlib, sys
module = importlib.import_module(sys.argv[1])
interpreter = module.Interpreter(model_content=sys.stdin.buffer.read(), num_threads=1)
interpreter.allocate_tensors()
interpreter.invoke()
"""
_TRIAL_TIMEOUT_S = 60.0
_MARGIN = bytes(1 << 20)
"""Zeros behind a file for that runtime: what a cut file's offsets point at beyond its end is then nothing at
all, in the trial and here, and not whatever lies there. Models here are half as large at most."""


@dataclass(frozen=True, slots=True)
class Scores:
    """One window's probabilities by label, in the model's order of labels."""

    by_label: Mapping[str, float]
    model_id: str


class RuntimeMissingError(GatewayError):
    """No TFLite runtime can be imported."""


class Classifier:
    """One model in one interpreter, used by one thread."""

    def __init__(self, package: ModelPackage, runtimes: tuple[str, ...] = RUNTIMES) -> None:
        """RuntimeMissingError without a runtime, ModelError when the model does not fit its description."""
        self.package = package
        module, self.runtime = _first_runtime(runtimes)
        content = package.tflite_bytes + _MARGIN if self.runtime == _TRUSTING else package.tflite_bytes
        if self.runtime == _TRUSTING and not _survived(module.__name__, content):
            raise ModelError(
                f"model {package.model_id!r} is refused by {self.runtime}, which does not survive it",
                where=str(package.tflite_path),
                hint="The file is damaged: install the package again",
            )
        try:
            # One thread: a second one spins while it waits and takes the core from the ports.
            interpreter = module.Interpreter(model_content=content, num_threads=1)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as problem:
            raise ModelError(
                f"model {package.model_id!r} is refused by {self.runtime}: {problem}",
                where=str(package.tflite_path),
                hint="Install a model made for this runtime",
            ) from problem
        self._interpreter = interpreter
        self._input_index, self._output_index = self._fit(interpreter)
        self._probe()

    @property
    def window_hops(self) -> int:
        return self.package.window_hops

    def scores(self, model_input: NDArray[np.float32]) -> Scores:
        """Scores of one window; model_input: (window hops, channels) float32."""
        self._interpreter.set_tensor(self._input_index, model_input[np.newaxis])
        self._interpreter.invoke()
        row = self._interpreter.get_tensor(self._output_index)[0]
        return Scores(dict(zip(self.package.labels, row.tolist(), strict=True)), self.package.model_id)

    def _probe(self) -> None:
        """Score a window in which nothing was heard, before a sensor does it."""
        scores = self.scores(np.zeros(self.package.input_shape, dtype=np.float32)).by_label
        wrong = {label: p for label, p in scores.items() if not 0.0 <= p <= 1.0}
        if wrong:
            raise ModelError(
                f"model {self.package.model_id!r} is refused: its scores are no probabilities: {wrong}",
                where=str(self.package.tflite_path),
                hint="Train or export it again",
            )

    def _fit(self, interpreter: Any) -> tuple[int, int]:
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        expected = {"inputs": [(1, *self.package.input_shape)], "outputs": [(1, len(self.package.labels))]}
        found = {
            "inputs": [tuple(int(n) for n in tensor["shape"]) for tensor in inputs],
            "outputs": [tuple(int(n) for n in tensor["shape"]) for tensor in outputs],
        }
        types = {np.dtype(tensor["dtype"]) for tensor in (*inputs, *outputs)}
        if found != expected or types != {np.dtype(np.float32)}:
            raise ModelError(
                f"model {self.package.model_id!r} is refused: its file has {found} of "
                f"{sorted(str(t) for t in types)}, its description says {expected} of float32",
                where=str(self.package.tflite_path),
                hint="Install the package again",
            )
        return int(inputs[0]["index"]), int(outputs[0]["index"])


@lru_cache(maxsize=8)
def _survived(runtime: str, content: bytes) -> bool:
    """Try the model in a process of its own. True also when it is refused in order: this process says how."""
    command = [sys.executable, "-c", _TRIAL, runtime]
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=_TRIAL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode >= 0


def _first_runtime(names: tuple[str, ...]) -> tuple[Any, str]:
    problems = []
    for name in names:
        try:
            return importlib.import_module(name), name.partition(".")[0]
        # tflite-runtime 2.14 under numpy 2 raises these two as well.
        except (ImportError, AttributeError, SystemError) as problem:
            problems.append(f"{name}: {problem}")
    raise RuntimeMissingError(
        "no TensorFlow Lite runtime can be loaded (" + "; ".join(problems) + ")",
        hint="pip install 'aggression-gateway[litert]' (on armv7l: [tflite-runtime])",
    )
