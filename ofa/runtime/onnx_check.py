"""An ONNX file is judged before a runtime, which is native code, sees it.

A bundle may come from a stranger, and ONNX can say far more than an image classifier needs: loops,
files beside it, tensors of a terabyte. What passes is a plain graph of the operators that
``export_onnx``, ``with_precision`` and the builders of engines write, holds its own weights, and
has at each place a tensor of known size; the sizes and multiply-accumulates of one image are
bounded together.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ofa.errors import BadArtifact

_OPERATORS = {
    "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv",
    "DequantizeLinear", "Div", "Flatten", "Gemm", "GlobalAveragePool", "HardSigmoid", "HardSwish",
    "Identity", "MatMul", "MaxPool", "Mul", "QuantizeLinear", "ReduceMean", "Relu", "Reshape",
    "Sigmoid", "Squeeze", "Sub", "Unsqueeze",
}  # fmt: skip
_MAX_NODES = 10_000
_MAX_INT = 2**20  # of an attribute; sizes computed from larger ones overflow in the library
_MAX_ELEMENTS = 2**26  # of all tensors of one image: a quarter of a gigabyte
_MAX_MACS = 2**34  # of one image, as upper bound


def check_onnx(data: bytes) -> None:
    """Refuse a file that is no plain classifier.

    Raises:
        BadArtifact: Names the first thing at fault.
    """
    from google.protobuf.message import DecodeError
    from onnx import ModelProto, shape_inference

    try:
        model = ModelProto.FromString(data)
    except DecodeError as error:
        raise _refusal("it is not ONNX") from error
    if not all(isinstance(name, str) for name in _names(model)):
        raise _refusal("it holds a name that is not UTF-8")  # of which the library gives the bytes
    graph = model.graph
    if model.functions or model.training_info or graph.sparse_initializer:
        raise _refusal("it holds functions, training steps or sparse weights")
    if len(graph.node) > _MAX_NODES:
        raise _refusal(f"{len(graph.node):,} nodes are more than {_MAX_NODES:,}")
    for tensor in graph.initializer:
        _check_tensor(tensor)
    for node in graph.node:
        _check_node(node)
    try:
        inferred = shape_inference.infer_shapes(model, strict_mode=True).graph
    except (shape_inference.InferenceError, DecodeError, ValueError, RuntimeError) as error:
        raise _refusal(f"its shapes contradict one another ({_line(error)})") from error
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        dims = value.type.tensor_type.shape.dim
        # Of one image: the first axis is the batch wherever it is left open.
        shape = [dim.dim_value or int(axis == 0) for axis, dim in enumerate(dims)]
        shapes.setdefault(value.name, tuple(shape))
    sizes = {name: _size(shape, name) for name, shape in shapes.items()}
    if lacking := [name for node in graph.node for name in node.output if not sizes.get(name)]:
        raise _refusal(f"the size of {lacking[0]!r} is not known")
    if (total := sum(sizes.values())) > _MAX_ELEMENTS + len(data):
        raise _refusal(f"one image makes {total:,} numbers, more than {_MAX_ELEMENTS:,}")
    macs = sum(sizes[name] * _macs(node, shapes) for node in graph.node for name in node.output)
    if macs > _MAX_MACS:
        raise _refusal(f"one image takes up to {macs:,} multiply-accumulates")


def _names(model: Any) -> list[str | bytes]:
    """Every text in a model."""
    graph = model.graph
    names = [
        model.producer_name,
        model.producer_version,
        model.domain,
        model.doc_string,
        graph.name,
    ]
    names += [text for entry in model.metadata_props for text in (entry.key, entry.value)]
    names += [opset.domain for opset in model.opset_import]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, node.doc_string, *node.input, *node.output]
        names += [attribute.name for attribute in node.attribute]
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        names += [value.name, value.doc_string]
    return names


def _check_tensor(tensor: Any) -> None:
    from onnx import TensorProto, helper

    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise _refusal(f"weights {tensor.name!r} lie in another file")
    if tensor.HasField("raw_data"):
        try:
            itemsize = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        except (KeyError, TypeError, ValueError) as error:
            raise _refusal(f"weights {tensor.name!r} are of no known type") from error
        if len(tensor.raw_data) != itemsize * _size(tensor.dims, tensor.name):
            raise _refusal(f"weights {tensor.name!r} are of another size than they say")
    else:
        held = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data)
        if _size(tensor.dims, tensor.name) > max(1, *map(len, held)):
            raise _refusal(f"weights {tensor.name!r} hold less than they say")


def _check_node(node: Any) -> None:
    if node.domain not in ("", "ai.onnx") or node.op_type not in _OPERATORS:
        raise _refusal(f"operator {node.domain}:{node.op_type} is none that ofa writes")
    for attribute in node.attribute:
        if attribute.HasField("g") or attribute.graphs or attribute.HasField("sparse_tensor"):
            raise _refusal(f"{node.op_type} {node.name!r} holds a graph of its own")
        if attribute.HasField("t"):
            _check_tensor(attribute.t)
        if any(abs(value) > _MAX_INT for value in (attribute.i, *attribute.ints)):
            raise _refusal(f"{node.op_type} {node.name!r}: {attribute.name} is beyond {_MAX_INT:,}")


def _size(dims: Iterable[int], name: str) -> int:
    dims = tuple(dims)
    if any(dim < 0 for dim in dims):
        raise _refusal(f"{name!r} has the shape {list(dims)[:8]}")
    return math.prod(dims)


def _macs(node: Any, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Upper bound of the multiply-accumulates that one number of a node's output takes."""
    weights = shapes.get(node.input[1], ()) if len(node.input) > 1 else ()
    if node.op_type == "Conv":
        return math.prod(weights[1:])
    if node.op_type in ("Gemm", "MatMul"):
        return max(weights, default=1)
    return math.prod(next((a.ints for a in node.attribute if a.name == "kernel_shape"), ()))


def _refusal(reason: str) -> BadArtifact:
    return BadArtifact(f"engine: {_line(reason)}; give an engine of ofa, or deploy it again")


def _line(reason: object) -> str:
    return " ".join(ascii(str(reason)).strip("'\"").replace("\\n", " ").split())[:300]
