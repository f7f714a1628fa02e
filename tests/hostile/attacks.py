"""What a stranger may send, by number, so that any attack can be repeated.

An attack takes a sound file apart by its format and breaks one to three things in it; one in five
cuts, doubles or flips bytes instead. Bombs are few, of up to 1 MiB, and cost far more than their
size where they are taken at their word.
"""

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Literal

from hostile import binaries, texts

Kind = Literal["json", "jsonl", "yaml", "safetensors", "zip", "onnx", "pth", "bytes"]

_KINDS: dict[Kind, Callable[[bytes, random.Random], bytes]] = {
    "json": texts.json_bytes,
    "jsonl": texts.jsonl,
    "yaml": texts.yaml_text,
    "safetensors": binaries.safetensors,
    "zip": binaries.archive,
    "onnx": binaries.onnx,
    "pth": binaries.pth,
    "bytes": texts.cut,
}
_MIB = 2**20


def attack(sound: bytes, kind: Kind, number: object) -> bytes:
    """The attack of this number on a sound file of a kind; at most 1 MiB."""
    rng = random.Random(f"{kind}/{number}")
    broken = texts.cut(sound, rng) if rng.random() < 0.2 else _KINDS[kind](sound, rng)
    return broken[:_MIB]


def bombs(kind: Kind) -> list[bytes]:
    """The costliest files of a kind."""
    made = _BOMBS[kind]() if kind in _BOMBS else []
    return [*made, b"", b"\x00" * _MIB, b"\xff" * _MIB]


def _json_bombs() -> list[bytes]:
    half = _MIB // 2
    return [
        b"[" * _MIB,
        b'{"a":' * (_MIB // 5),
        b"[" * half + b"]" * half,
        b"9" * _MIB,
        b'{"schema":' + b"9" * 4300 + b"}",
        b'{"schema":' + b"9" * half + b"}",
        b'{"schema":1e' + b"9" * half + b"}",
        b'{"schema":[' + b"0," * (half - 20) + b"0]}",
        b"{" + b",".join(b'"%d":0' % n for n in range(80_000)) + b"}",
        json.dumps({"schema": "\\" * (half - 20)}).encode(),
        json.dumps({"x": "a" * (_MIB - 20)}).encode("utf-16")[:_MIB],
    ]


def _yaml_bombs() -> list[bytes]:
    laughs = [
        "a0: &a0 [x]",
        *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)),
    ]
    return [
        "\n".join(laughs).encode(),
        b"a: " + b"[" * (_MIB - 10),
        b"a: " + b"{a: " * (_MIB // 4 - 10),
        b"- " * (_MIB // 2),
        b"? " * (_MIB // 2),
        b"a: " * (_MIB // 3),
        b"a: [" + b"0, " * (_MIB // 3 - 10) + b"0]",
        b"a: 1" + b":59" * (_MIB // 3 - 10),
        b"a: 1" + b":59" * (_MIB // 3 - 10) + b".5",
        b"a: 0x" + b"f" * (_MIB - 10),
        b"a: " + b"9" * (_MIB - 10),
        b"a: 1e" + b"9" * (_MIB - 10),
        b"a: !!binary " + b"AAAA" * (_MIB // 4 - 10),
        b"".join(b"k%d: 0\n" % n for n in range(90_000)),
        b"a: '" + b"''" * (_MIB // 2 - 10) + b"'",
        b'a: "' + b"\\x41" * (_MIB // 4 - 10) + b'"',
        b"a: |\n" + b" \n" * (_MIB // 2 - 10),
        b"#" * _MIB,
        b"\n" * _MIB,
        b"&a " * (_MIB // 3),
        b"--- a\n" * (_MIB // 6),
        b"a: " + b"x y " * (_MIB // 4 - 10),
    ]


def _safetensors_bombs() -> list[bytes]:
    def file(header: bytes, length: int | None = None) -> bytes:
        return struct.pack("<Q", len(header) if length is None else length) + header

    tensor = b'"t%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
    return [
        file(b"{}", 2**63),
        file(b"{}", 2**64 - 1),
        file(b"{}", 99_999_999),
        file(b"[" * (_MIB - 8)),
        file(b"{" + b",".join(tensor % n for n in range(15_000)) + b"}"),
        file(
            b'{"t":{"dtype":"U8","shape":[%s],"data_offsets":[0,1]}}' % b",".join([b"1"] * 400_000)
        )
        + b"x",
        file(b'{"t":{"dtype":"F32","shape":[1099511627776,0],"data_offsets":[0,0]}}'),
        file(b'{"__metadata__":{"ofa":"' + b"[" * (_MIB - 100) + b'"}}'),
        file(b'{"__metadata__":{"space":"' + b"[" * (_MIB - 100) + b'"}}'),
    ]


def _zip_bombs() -> list[bytes]:
    def file(entries: list[tuple[str, bytes]]) -> bytes:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries:
                archive.writestr(name, content)
        return data.getvalue()

    zeros = file([("engine.onnx", bytes(2**28))])
    listed = bytearray(zeros)  # the list says 2 MiB, the stream holds 256
    at = listed.rfind(b"PK\x01\x02")
    listed[at + 24 : at + 28] = struct.pack("<I", 2**21)
    many = file([(f"engines/x/{n}", b"") for n in range(8000)])
    return [zeros, bytes(listed), many, zeros[:-10], b"PK\x05\x06" + b"\xff" * 18]


def _onnx_bombs() -> list[bytes]:
    from onnx import ModelProto, TensorProto, helper

    def model(nodes: list, weights: list | None = None) -> bytes:
        images = helper.make_tensor_value_info("input", TensorProto.UINT8, ["n", 1, 16, 16])
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])
        graph = helper.make_graph(nodes, "g", [images], [logits], weights or [])
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return made.SerializeToString()

    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [2**20, 2**20])
    nested = helper.make_graph([], "g", [], [])
    for _ in range(30):
        node = helper.make_node("If", ["c"], ["y"], then_branch=nested)
        nested = helper.make_graph([node], "g", [], [])
    deep = ModelProto(ir_version=8)
    deep.graph.CopyFrom(nested)
    return [
        model([helper.make_node("ConstantOfShape", ["shape"], ["logits"])], [shape]),
        model([helper.make_node("Expand", ["input", "shape"], ["logits"])], [shape]),
        model([helper.make_node("Identity", ["input"], ["input"])]),
        model([helper.make_node("Identity", [f"t{n}"], [f"t{n + 1}"]) for n in range(20_000)]),
        deep.SerializeToString(),
        b"\x0a\xff\xff\xff\x7f",
    ]


def _pth_bombs() -> list[bytes]:
    zeros = io.BytesIO()
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", bytes(2**28))
        archive.writestr("a/version", b"3")
    return [
        zeros.getvalue(),
        b"\x80\x02" + b"]" * (_MIB - 10) + b".",
        b"\x80\x02" + b"(" * (_MIB - 10) + b".",
        b"\x80\x02]" + b"q\xff" * (_MIB // 2 - 10) + b".",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x",
        b"\x80\x02r\xff\xff\xff\xff.",
        b"\x80\x02" + b"]q\x00" + b"h\x00a" * (_MIB // 4) + b".",
        b"\x80\x02" + b"(lp0\n" + b"]\x85" * (_MIB // 3) + b".",
    ]


_BOMBS: dict[Kind, Callable[[], list[bytes]]] = {
    "json": _json_bombs,
    "jsonl": lambda: [bomb + b"\n" for bomb in _json_bombs()] + [b"{}\n" * (_MIB // 3)],
    "yaml": _yaml_bombs,
    "safetensors": _safetensors_bombs,
    "zip": _zip_bombs,
    "onnx": _onnx_bombs,
    "pth": _pth_bombs,
}
