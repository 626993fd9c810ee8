"""A `.tflite` file taken apart: how many multiplications it takes, and the same file without its names.

Counting in the file that ships, not in the network that made it, counts what a gateway really computes.
"""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_IDENTIFIER = b"TFL3"
_OPERATOR_NAMES = {
    number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}


def slim(content: bytes) -> bytes:
    """The same model without the converter's long tensor names and notes, which no runtime needs."""
    model = _model(content)
    for graph in model.subgraphs:
        for number, tensor in enumerate(graph.tensors):
            tensor.name = f"t{number}".encode()
    model.metadata = []
    model.description = b""
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def operators(content: bytes) -> list[str]:
    """Names of the operators in the order in which they run."""
    model = _model(content)
    return [_name(model, operator) for graph in model.subgraphs for operator in graph.operators]


def multiplications(content: bytes) -> int:
    """Multiply-accumulates of one run: convolutions, matrix products, and products element by element."""
    model = _model(content)
    return sum(
        _multiplications(_name(model, operator), graph.tensors, operator)
        for graph in model.subgraphs
        for operator in graph.operators
    )


def _multiplications(name: str, tensors: list[schema.TensorT], operator: schema.OperatorT) -> int:
    made = int(np.prod(tensors[operator.outputs[0]].shape))
    if name in ("CONV_2D", "FULLY_CONNECTED"):
        # One output takes as many products as one filter has weights: (out, height, width, in) or (out, in).
        return made * int(np.prod(tensors[operator.inputs[1]].shape[1:]))
    if name == "DEPTHWISE_CONV_2D":
        return made * int(np.prod(tensors[operator.inputs[1]].shape[1:3]))
    if name == "BATCH_MATMUL":
        of_rows = tensors[operator.inputs[0]].shape
        return made * int(of_rows[-2] if operator.builtinOptions.adjX else of_rows[-1])
    return made if name == "MUL" else 0


def _model(content: bytes) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(content, 0)


def _name(model: schema.ModelT, operator: schema.OperatorT) -> str:
    code = model.operatorCodes[operator.opcodeIndex]
    # Old files keep the number in a byte of its own, which reads 0 in new ones where it does not fit.
    return _OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
