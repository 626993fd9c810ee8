"""A float32 model file to one that computes in 8-bit integers, its ranges taken from real windows.

Weights have one scale a channel, activations one a tensor. The inputs and outputs stay float32, so both files
are used alike, and so does the last sigmoid: 8-bit probabilities come in steps of 0.004, which is too coarse
beside thresholds of 0.95; 8-bit logits are fine. No dynamic-range model is made here: those load in
`tflite-runtime` 2.14 without a word and give wrong scores.
"""

from __future__ import annotations

import numpy as np
from ai_edge_quantizer import qtyping, quantizer
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.calibrator import Calibrator
from ai_edge_quantizer.recipe_manager import RecipeManager
from ai_edge_quantizer.utils.qsv_utils import min_max_update
from numpy.typing import NDArray

_OPERATION = qtyping.TFLOperationName
_KEPT_FLOAT = (_OPERATION.INPUT, _OPERATION.OUTPUT, _OPERATION.LOGISTIC)


def int8_of(content: bytes, windows: NDArray[np.float32]) -> bytes:
    """content: a float32 `.tflite`; windows: (n, hops, channels), of which the ranges are taken."""
    recipes = RecipeManager()
    recipes.add_static_config(
        regex=".*",
        operation_name=_OPERATION.ALL_SUPPORTED,
        activation_num_bits=8,
        weight_num_bits=8,
    )
    for kept in _KEPT_FLOAT:
        recipes.add_quantization_config(".*", kept, algorithm_key=AlgorithmName.NO_QUANTIZE)
    whole = quantizer.Quantizer(content, recipes.get_quantization_recipe())
    made = whole.quantize(_ranges(content, windows, recipes), enable_progress_report=False)
    return bytes(made.quantized_model)


def _ranges(content: bytes, windows: NDArray[np.float32], recipes: RecipeManager) -> dict[str, qtyping.QSV]:
    """Least and greatest value of every tensor; the library's own moving average forgets the rare ones."""
    calibrator = Calibrator(content, num_threads=1, qsv_update_func=min_max_update)
    signature, names = next(iter(calibrator.get_signature_list().items()))
    (name,) = names["inputs"]
    calibrator.calibrate({signature: [{name: window[np.newaxis]} for window in windows]}, recipes)
    ranges: dict[str, qtyping.QSV] = calibrator.get_model_qsvs()
    return ranges
