"""Model files made by hand: types, inputs and scores that a classifier must not take."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from dsp.layout import LAYOUT_ID
from dsp.model_input import CHANNELS, MODEL_INPUT_VERSION
from gateway.model_package import ModelError, ModelPackage, load_package
from gateway.model_setup import choose_model
from tests.support.model_folder import ModelFolder


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path / "model")


@pytest.fixture
def package(folder: ModelFolder) -> ModelPackage:
    return load_package(
        folder.path, layout_id=LAYOUT_ID, model_input_version=MODEL_INPUT_VERSION, channels=CHANNELS
    )


def refusal(folder: ModelFolder) -> str:
    setup = choose_model(str(folder.path))
    assert isinstance(setup.problem, ModelError)
    return str(setup.problem)


def test_a_quantised_model_is_not_what_the_description_says(
    folder: ModelFolder, package: ModelPackage
) -> None:
    folder.set_content(passing_on(package, schema.TensorType.INT8))
    assert "int8" in refusal(folder)


def test_a_model_with_two_inputs(folder: ModelFolder, package: ModelPackage) -> None:
    folder.set_content(passing_on(package, schema.TensorType.FLOAT32, inputs=2))
    assert "is refused" in refusal(folder)


def test_the_right_shapes_and_types_are_all_that_is_asked(folder: ModelFolder, package: ModelPackage) -> None:
    """The counter-check of the two above: the same hand-made model, fitting."""
    folder.set_content(passing_on(package, schema.TensorType.FLOAT32))
    assert choose_model(str(folder.path)).problem is None


@pytest.mark.parametrize("score", [np.nan, np.inf, -0.25, 3.0])
def test_a_model_whose_scores_are_no_probabilities(
    folder: ModelFolder, package: ModelPackage, score: float
) -> None:
    folder.set_content(passing_on(package, schema.TensorType.FLOAT32, score=score))
    assert "its scores are no probabilities" in refusal(folder)


def passing_on(package: ModelPackage, kind: int, inputs: int = 1, score: float = 0.5) -> bytes:
    """A model made by hand: its output is a constant of the right shape, its inputs are not used."""
    outputs = len(package.labels)
    tensors = []
    for number in range(inputs):
        tensors.append(tensor(f"in{number}", [1, *package.input_shape], kind, buffer=0))
    tensors.append(tensor("out", [1, outputs], kind, buffer=1))
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.name = tensors, [], "main"
    graph.inputs, graph.outputs = list(range(inputs)), [inputs]
    model = schema.ModelT()
    constant = schema.BufferT()
    number_type = np.float32 if kind == schema.TensorType.FLOAT32 else np.int8
    constant.data = np.full(outputs, score).astype(number_type).view(np.uint8)
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], []
    model.buffers = [schema.BufferT(), constant]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def tensor(name: str, shape: list[int], kind: int, buffer: int) -> schema.TensorT:
    made = schema.TensorT()
    made.name, made.shape, made.type, made.buffer = name, shape, kind, buffer
    return made
