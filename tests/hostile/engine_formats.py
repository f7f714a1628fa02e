"""Bundles as folder and archive, ONNX files, packed images and what reads them."""

from dataclasses import asdict, replace
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from hostile.formats import ARCH, CLASSES, SPACE, format_, placed

from ofa import artifacts, checkpoint
from ofa.deploy import bundle as bundles
from ofa.deploy.ladder import Ladder, Rung
from ofa.deploy.manifest import (
    Attempt,
    Cost,
    Input,
    Latency,
    Manifest,
    ShippedEngine,
    Target,
    Top1,
)  # fmt: skip
from ofa.space import network

_IMAGES = np.random.default_rng(0).integers(0, 256, (3, 1, 16, 16), dtype=np.uint8)


@cache
def _engine() -> bytes:
    import torch

    from ofa.runtime.onnx_export import export_onnx
    from ofa.subnet import build_subnet

    torch.manual_seed(0)
    net = build_subnet(network(SPACE, replace(ARCH, resolution=16))).eval()
    return export_onnx(net, in_channels=1, resolution=16, mean=(0.3,), std=(0.35,))


def _manifest() -> Manifest:
    latency = Latency(
        latency_ms=7.6, low_ms=6.9, high_ms=7.9, interval="90 % interval", label="calibrated",
        machine="phone",
    )  # fmt: skip
    engine = ShippedEngine(
        name="onnxruntime-fp32", runtime="onnxruntime", version="1.32.0", precision="fp32",
        capability=None, files=("engine.onnx",), num_bytes=1, top1=90.0, here=None, load="x",
    )  # fmt: skip
    other = replace(engine, name="o", files=("engines/o/net.bin",), runtime="openvino")
    rung = Rung(
        name="subnet to ONNX", precision="fp32", max_abs_error=2e-6, num_images=10,
        num_top1_differing=0, top1=90.0, top1_drop=0.0,
    )  # fmt: skip
    return Manifest(
        arch=replace(ARCH, resolution=16), space=SPACE, classes=CLASSES,
        input=Input(
            type="uint8", channels=1, resolution=16, mean=(0.3,), std=(0.35,), resize="x",
        ),
        target=Target(id="p", hardware="P", runtime="x", precision="fp32", threads=1, batch=1),
        budget_ms=8.0, budget_origin="asked",
        attempts=(Attempt(searched_ms=8.0, estimated_ms=7.6, measured_ms=None),),
        top1=Top1(predicted=9, predicted_rmse=1, search=9, num_search_images=9, test=9,
                  num_test_images=9, counted_by="onnxruntime-fp32"),
        estimated=latency, measured=None, measured_at_build=None, timed_at_build=None,
        cost=Cost(macs=1, params=1, activation_bytes=1, engine_bytes=1),
        engine="onnxruntime-fp32", engines=(engine, other), calibration=None,
        ladder=Ladder(rungs=(rung,)), supernet_sha256="ab" * 32, data_sha256={"test": "cd" * 32},
        request="ef" * 32,
    )  # fmt: skip


@cache
def _contents() -> dict[str, bytes]:
    return bundles.bundle_contents(
        _manifest(),
        engines={bundles.ENGINE: _engine(), "engines/o/net.bin": b"net"},
        report="<!doctype html>",
        front=b"picture",
        weights={"classifier.bias": np.zeros(3, np.float32)},
        inputs={},
    )


def _sealed(manifest: bytes) -> dict[str, bytes]:
    seal = f"{sha256(manifest).hexdigest()}  {bundles.MANIFEST}\n".encode()
    return {**_contents(), bundles.MANIFEST: manifest, bundles.SEAL: seal}


def _use(bundle: bundles.Bundle) -> object:
    ran = bundle.session().run(_IMAGES)
    return ran, bundle.weights(), [bundle.files(engine) for engine in bundle.manifest.engines]


@format_("manifest.json", "json", lambda: [_contents()[bundles.MANIFEST]])
def _read_manifest(folder: Path, data: bytes) -> object:
    for name, content in _sealed(data).items():
        placed(folder, f"b/{name}", content)
    return _use(bundles.load_bundle(folder / "b"))


def _archives() -> list[bytes]:
    from zipfile import ZIP_DEFLATED, ZipFile

    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in _contents().items():
            archive.writestr(name, content)
    return [file.getvalue()]


@format_("bundle archive", "zip", _archives)
def _read_archive(folder: Path, data: bytes) -> object:
    return _use(bundles.load_bundle(placed(folder, "b.zip", data)))


@format_("engine.onnx", "onnx", lambda: [_engine()])
def _read_onnx(folder: Path, data: bytes) -> object:
    """Sealed as if it belonged there, so that nothing but its own check stands before the run."""
    from ofa.runtime import OrtSession

    return OrtSession(data).run(_IMAGES)


def _packed() -> list[bytes]:
    from ofa.data.packed import pack_images

    return [pack_images(_IMAGES), pack_images(np.zeros((1, 3, 4, 5), np.uint8))]


@format_("packed images", "bytes", _packed)
def _read_packed(folder: Path, data: bytes) -> object:
    from ofa.data.packed import unpack_images

    return unpack_images(data, where="images")


def _judges() -> list[bytes]:
    pixels = np.frombuffer(_packed()[0], np.uint8)
    labels = np.array([0, 1, 2], np.uint16)
    return [artifacts.packed_tensors({"images": pixels, "labels": labels}, {"split": "test"})]


@format_("calibration images", "safetensors", _judges)
def _read_judges(folder: Path, data: bytes) -> object:
    from ofa.evaluate import load_judges

    notes = checkpoint.SupernetNotes(
        space=SPACE, data=None, classes=CLASSES, mean=(0.5,), std=(0.2,), ofa="0"
    )
    for split in ("search", "test"):
        placed(folder, f"images/{split}.safetensors", _judges()[0])
    placed(folder, "images/calibration.safetensors", data)
    images = load_judges(folder, notes).calibration
    assert int(images.labels.min()) >= 0 and int(images.labels.max()) < len(CLASSES)
    assert len(images.images) == len(images.labels)
    return asdict(notes)
