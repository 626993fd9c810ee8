"""Model files taken apart: what they cost, and that 8-bit ones are of the kind all runtimes get right."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from dsp.layout import HOP_S
from training.check_runtime import scores_of
from training.tflite_file import multiplications, operators, slim

MODELS = Path(__file__).parents[2] / "config" / "models"
FLOAT = sorted(MODELS.glob("*/model.tflite"))
INT8 = sorted(MODELS.glob("*/int8/model.tflite"))
WEIGHED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def named(path: Path) -> str:
    return str(path.parent.relative_to(MODELS))


@pytest.mark.parametrize("path", FLOAT, ids=named)
def test_float32_files_keep_their_limits(path: Path) -> None:
    assert path.stat().st_size <= 512_000
    assert (path.parent / "int8" / "model.tflite").exists()


@pytest.mark.parametrize("path", INT8, ids=named)
def test_int8_files_keep_their_limits(path: Path) -> None:
    assert path.stat().st_size <= 128_000


@pytest.mark.parametrize("path", [*FLOAT, *INT8], ids=named)
def test_no_model_takes_more_than_thirty_million_multiplications_a_second(path: Path) -> None:
    rate = multiplications(path.read_bytes()) / HOP_S / 1e6
    assert 0.1 < rate <= 30.0
    stated = tomllib.loads((path.parent / "model.toml").read_text(encoding="utf-8"))["training"]["mmac_per_s"]
    assert rate == pytest.approx(stated, abs=0.3)


@pytest.mark.parametrize("path", INT8, ids=named)
def test_int8_files_compute_in_integers_throughout(path: Path) -> None:
    """8-bit weights beside float activations (dynamic range) are silently wrong in tflite-runtime 2.14."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    (graph,) = model.subgraphs
    weighed = 0
    for operator, name in zip(graph.operators, operators(path.read_bytes()), strict=True):
        if name in WEIGHED:
            weighed += 1
            kinds = [graph.tensors[index].type for index in (*operator.inputs[:2], operator.outputs[0])]
            assert kinds == [schema.TensorType.INT8] * 3
            weights = graph.tensors[operator.inputs[1]]
            channels = weights.shape[-1 if name == "DEPTHWISE_CONV_2D" else 0]
            assert len(weights.quantization.scale) == channels, "one scale a channel"
    assert weighed >= 4


@pytest.mark.parametrize("path", FLOAT, ids=named)
def test_a_file_without_its_names_gives_the_same_scores(path: Path) -> None:
    content = path.read_bytes()
    slimmer = slim(content)
    assert len(slimmer) <= len(content)
    assert operators(slimmer) == operators(content)
    shape = Interpreter(model_content=content).get_input_details()[0]["shape"][1:]
    windows = np.random.default_rng(1).random((5, *shape), dtype=np.float32)
    before, after = (scores_of(Interpreter(model_content=one), windows) for one in (content, slimmer))
    assert np.array_equal(before, after)
