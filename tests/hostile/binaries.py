"""Binary files that are nearly right: safetensors, zip archives, ONNX graphs and pickles."""

import io
import json
import pickle
import random
import stat
import struct
import zipfile

from hostile.texts import CANARY, PATHS, SHELL, cut, json_bytes, json_text


def safetensors(data: bytes, rng: random.Random) -> bytes:
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    notes = header.get("__metadata__") or {}
    tensors = [name for name in header if name != "__metadata__"]
    match rng.randrange(12):
        case 0 | 1 | 2 | 3 if notes:
            name = rng.choice(list(notes))
            try:
                inner = json.loads(notes[name])
            except ValueError:
                inner = notes[name]
            notes[name] = json_text(inner, rng)
        case 4 if tensors:
            entry = header[rng.choice(tensors)]
            entry["dtype"] = rng.choice(
                (
                    "F64",
                    "F32",
                    "F16",
                    "BF16",
                    "F8_E4M3",
                    "F8_E5M2",
                    "I64",
                    "U64",
                    "U8",
                    "BOOL",
                    "C64",
                )
            )
        case 5 if tensors:
            entry = header[rng.choice(tensors)]
            entry["shape"] = rng.choice(
                (
                    [],
                    [0],
                    [2**40, 0],
                    [2**63],
                    [2**64 - 1, 2],
                    [1] * 100,
                    entry["shape"][::-1],
                    [-1],
                )
            )
        case 6 if tensors:
            entry = header[rng.choice(tensors)]
            end = entry["data_offsets"][1]
            entry["data_offsets"] = rng.choice(
                ([0, end], [end, 0], [0, 2**63], [-1, end], [end, end], [2**64 - 1, 2**64], [0, 0])
            )
        case 7 if tensors:
            del header[rng.choice(tensors)]
        case 8:
            body = (
                body[: rng.randrange(len(body) + 1)] if rng.random() < 0.5 else body + b"\x00" * 9
            )
        case 9 if body:  # NaN and infinities in the middle of the weights
            at = rng.randrange(len(body) // 8 + 1) * 8
            body = body[:at] + struct.pack("<2f", float("nan"), float("inf")) + body[at + 8 :]
        case _:
            return _resized(json_text(header, rng).encode("utf-8", "surrogatepass"), body, rng)
    return _resized(json.dumps(header).encode(), body, rng)


def _resized(header: bytes, body: bytes, rng: random.Random) -> bytes:
    length = len(header)
    if rng.random() < 0.05:
        length = rng.choice((0, 1, length - 1, length + 1, 2**31, 2**40, 2**63, 2**64 - 1))
    return struct.pack("<Q", length) + header + body


def archive(data: bytes, rng: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as old_archive:
        files = {part.filename: old_archive.read(part) for part in old_archive.infolist()}
    name = rng.choice(list(files))
    renamed, mode, times = name, stat.S_IFREG | 0o644, 1
    match rng.randrange(8):
        case 0:
            renamed = rng.choice(
                (*PATHS, *SHELL, f"../{CANARY}", f"/tmp/{CANARY}", f"{name}/x", "x" * 400)
            )
        case 1:
            mode = rng.choice((stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFDIR)) | 0o777
            files[name] = b"/etc/passwd"
        case 2:
            times = 2
        case 3:
            files[name] = b"\x00" * rng.choice((10**5, 10**7))
        case 4:
            del files[name]
        case 5 if name.endswith(".json"):
            files[name] = json_bytes(files[name], rng)
        case 6:
            files[name] = cut(files[name], rng)
        case _:
            files |= {f"{name}{n}": b"" for n in range(rng.choice((1, 300)))}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", rng.choice(_COMPRESSIONS)) as new:
        for old, content in files.items():
            entry = zipfile.ZipInfo(renamed if old == name else old)
            entry.external_attr = mode << 16
            entry.compress_type = new.compression
            for _ in range(times if old == name else 1):
                new.writestr(entry, content)
    whole = bytearray(file.getvalue())
    if rng.random() < 0.2:  # sizes, offsets and flags of the list of entries
        at = whole.rfind(b"PK\x01\x02")
        field = at + rng.randrange(4, 46)
        whole[field : field + 4] = rng.choice(
            (b"\xff\xff\xff\x7f", b"\xff" * 4, b"\x00" * 4, rng.randbytes(4))
        )
    return bytes(whole)


def onnx(data: bytes, rng: random.Random) -> bytes:
    """A graph with one to three fields of its protobuf changed."""
    from onnx import AttributeProto, ModelProto, TensorProto, helper

    model = ModelProto.FromString(data)
    graph = model.graph
    for _ in range(rng.randint(1, 3)):
        node, weight = rng.choice(graph.node), rng.choice(graph.initializer)
        match rng.randrange(14):
            case 0:
                node.op_type = rng.choice(_OPS)
            case 1 if node.attribute:
                field = rng.choice(node.attribute)
                values = [rng.choice(_DIMS) for _ in field.ints] or [rng.choice(_DIMS)]
                field.CopyFrom(helper.make_attribute(field.name, values))
            case 2:
                del weight.dims[:]
                weight.dims.extend(rng.choice(([2**40], [2**62, 4], [-1], [0], [1] * 70, [3, 3])))
            case 3:
                weight.data_location = TensorProto.EXTERNAL
                entry = weight.external_data.add()
                entry.key, entry.value = (
                    "location",
                    rng.choice((*PATHS, "/dev/zero", "/proc/self/mem")),
                )
            case 4:
                weight.data_type = rng.randrange(0, 30)
            case 5:
                weight.raw_data = weight.raw_data[: rng.randrange(9)]
            case 6:
                node.domain = rng.choice(("com.microsoft", "ai.onnx.ml", "x", "ai.onnx.training"))
            case 7 if node.input:
                node.input[rng.randrange(len(node.input))] = rng.choice(
                    (*PATHS, weight.name, "input")
                )
            case 8:
                node.output[0] = rng.choice((weight.name, "x", rng.choice(graph.node).output[0]))
            case 9:
                shape = rng.choice((*graph.input, *graph.output)).type.tensor_type.shape
                for dim in shape.dim:
                    dim.dim_value = rng.choice(_DIMS)
            case 10:
                model.opset_import[0].version = rng.choice((0, 1, 7, 2**31, -1))
                model.ir_version = rng.choice((0, 3, 10, 99, 2**40))
            case 11:
                body = graph if rng.random() < 0.5 else type(graph)()
                loop = helper.make_node(rng.choice(("Loop", "If", "Scan")), ["input"], ["y"])
                loop.attribute.append(
                    AttributeProto(name="body", type=AttributeProto.GRAPH, g=body)
                )
                graph.node.append(loop)
            case 12:
                graph.node.extend([node] * rng.choice((1, 300)))
            case _:
                graph.node.remove(node)
                if not graph.node:
                    break
    return model.SerializeToString()


_COMPRESSIONS = (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)
_OPS = (
    "ConstantOfShape", "Expand", "Tile", "Resize", "Pad", "Range", "NonZero", "Loop", "Identity",
    "RandomNormal", "Conv", "Gemm", "Reshape", "Unsqueeze", "Einsum", "QLinearConv", "", "x",
)  # fmt: skip
_DIMS = (0, 1, -1, 2, 3, 7, 224, 65536, 2**31, 2**40, 2**62, -(2**63))


def pth(data: bytes, rng: random.Random) -> bytes:
    """A checkpoint whose pickle is changed within its archive, or is one that would run code."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        return _canary(rng) if rng.random() < 0.2 else cut(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        files = {part.filename: old.read(part) for part in old.infolist()}
    name = rng.choice((next(n for n in files if n.endswith("data.pkl")), *files))
    files[name] = _canary(rng) if rng.random() < 0.3 else cut(files[name], rng)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as new:
        for part, content in files.items():
            new.writestr(part, content)
    return file.getvalue()


def _canary(rng: random.Random) -> bytes:
    """A pickle that makes a file if whoever reads it calls what it names."""

    class Trap:
        def __init__(self, call: tuple) -> None:
            self._call = call

        def __reduce__(self) -> tuple:
            return self._call

    calls = (
        (eval, (f"open({CANARY!r}, 'w')",)),
        (exec, (f"open({CANARY!r}, 'w')",)),
        (open, (CANARY, "w")),
        (__import__, ("antigravity",)),
        (getattr, (str, "format")),
        (bytearray, (2**33,)),
    )
    trap = Trap(rng.choice(calls))
    body = rng.choice((trap, {"state_dict": trap}, {"state_dict": {"w": trap}}, [trap]))
    return pickle.dumps(body, protocol=rng.choice((0, 2, 4)))
