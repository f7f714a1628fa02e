"""Weights: checkpoints, subnets, predictors, engines kept, and the reference project's pickles."""

import json
from dataclasses import asdict, replace
from functools import cache
from hashlib import sha256
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from hostile.formats import ARCH, CLASSES, ENCODING, FORMATS, SPACE, format_, json_file, placed

from ofa import artifacts, checkpoint, opened, run_files
from ofa.space import Encoding, ResNetEncoding, ResNetSpace, ResNetStage, network


def _seeded(net: torch.nn.Module) -> dict[str, np.ndarray]:
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.rand(tensor.shape, generator=generator).to(tensor.dtype).numpy()
        for name, tensor in net.state_dict().items()
    }


@cache
def _supernet() -> bytes:
    from ofa.supernets import build_supernet

    notes = checkpoint.SupernetNotes(
        space=SPACE, data=None, classes=CLASSES, mean=(0.5,), std=(0.2,), ofa="0.1.0"
    )
    packed = {"ofa": json.dumps(asdict(notes))}
    return artifacts.packed_tensors(_seeded(build_supernet(SPACE)), packed)


@format_("supernet.safetensors", "safetensors", lambda: [_supernet()])
def _read_supernet(folder: Path, data: bytes) -> object:
    placed(folder, checkpoint.SUPERNET, data)
    net, notes = opened.open_supernet.__wrapped__(folder)
    arch = notes.space.smallest()
    return network(notes.space, arch), net


@cache
def _resnet_supernet() -> bytes:
    from ofa.supernets import build_supernet

    space = ResNetSpace(
        num_classes=3, resolutions=(32, 48), stem_width=16, expand_ratios=(0.25, 0.35),
        width_ratios=(0.65, 1.0), stages=(ResNetStage(width=32, stride=1, depths=(1, 2)),),
    )  # fmt: skip
    notes = checkpoint.SupernetNotes(
        space=space, data=None, classes=CLASSES, mean=(0.5,) * 3, std=(0.2,) * 3, ofa="0.1.0"
    )
    packed = {"ofa": json.dumps(asdict(notes))}
    return artifacts.packed_tensors(_seeded(build_supernet(space)), packed)


format_("ResNet supernet", "safetensors", lambda: [_resnet_supernet()])(_read_supernet)


@cache
def _weights() -> bytes:
    from ofa.subnet import build_subnet

    net = build_subnet(network(SPACE, ARCH))
    return artifacts.packed_tensors(_seeded(net), {"arch": ARCH.to_json()})


def _subnet_file(weights: bytes) -> bytes:
    notes = run_files.SubnetNotes(
        space=SPACE, arch=ARCH, classes=CLASSES, mean=(0.5,), std=(0.2,), search_top1=90.0,
        test_top1=89.0, num_test_images=100, macs=1, params=1, supernet_sha256="0" * 64,
    )  # fmt: skip
    seal = {"weights": {"file": "subnet.safetensors", "sha256": sha256(weights).hexdigest()}}
    return json_file("ofa.subnet", {"subnet": asdict(notes), "inputs": seal}, version=2)


@format_("subnet.json", "json", lambda: [_subnet_file(_weights())])
def _read_subnet_notes(folder: Path, data: bytes) -> object:
    placed(folder, "subnet.safetensors", _weights())
    placed(folder, "subnet.json", data)
    return opened.open_subnet(folder)


@format_("subnet.safetensors", "safetensors", lambda: [_weights()])
def _read_subnet_weights(folder: Path, data: bytes) -> object:
    placed(folder, "subnet.safetensors", data)
    placed(folder, "subnet.json", _subnet_file(data))
    return opened.open_subnet(folder)


def _imported() -> list[bytes]:
    from ofa.reference.imported import Imported

    notes = Imported(space=SPACE, arch=ARCH, classes=CLASSES, mean=(0.5,), std=(0.2,), ofa="0")
    tensors = artifacts.unpacked_tensors(_weights(), where=Path("weights"))
    return [artifacts.packed_tensors(tensors, {"ofa.imported": json.dumps(asdict(notes))})]


@format_("imported subnet", "safetensors", _imported)
def _read_imported(folder: Path, data: bytes) -> object:
    from ofa.reference.imported import read_imported

    path = placed(folder, "subnet.safetensors", data)
    tensors, notes = read_imported(path)
    return opened.read_net(tensors, notes.space, notes.arch, where=path)


def _legacy() -> list[bytes]:
    from ofa.reference.keys import supernet_keys

    state = {
        theirs: torch.from_numpy(array)
        for theirs, array in _by_reference_names(supernet_keys(SPACE)).items()
    }
    files = []
    for zipped in (True, False):
        file = BytesIO()
        torch.save(
            {"state_dict": state, "best_acc": 1.0}, file, _use_new_zipfile_serialization=zipped
        )
        files.append(file.getvalue())
    return files


def _by_reference_names(keys: dict[str, str]) -> dict[str, np.ndarray]:
    tensors = artifacts.unpacked_tensors(_supernet(), where=Path("supernet"))
    return {theirs: tensors[ours] for theirs, ours in keys.items()}


@format_("reference .pth", "pth", _legacy)
def _read_legacy(folder: Path, data: bytes) -> object:
    from ofa.reference.weights import read_state, supernet_state

    path = placed(folder, "net.pth", data)
    return supernet_state(read_state(path), SPACE, where=str(path))


def _predictor() -> list[bytes]:
    from ofa.predictor import fit_predictor

    rng = np.random.default_rng(0)
    genotypes = ENCODING.unique(ENCODING.sample(60, rng))
    fitted = fit_predictor(ENCODING, genotypes, rng.uniform(80, 90, len(genotypes)), seed=0)
    _predictor_report.append(asdict(fitted.report))
    return [artifacts.packed_tensors(*fitted.predictor.state())]


_predictor_report: list[dict] = []


def _report(predictor: bytes | None = None) -> list[bytes]:
    (sound,) = FORMATS["predictor.safetensors"].sound()
    contents = {checkpoint.SUPERNET: _supernet(), checkpoint.PREDICTOR: predictor or sound}
    seal = {
        file.partition(".")[0]: {"file": file, "sha256": sha256(content).hexdigest()}
        for file, content in contents.items()
    }
    return [json_file("ofa.predictor", {"report": _predictor_report[0], "inputs": seal})]


@format_("predictor.safetensors", "safetensors", _predictor)
def _read_predictor(folder: Path, data: bytes) -> object:
    placed(folder, checkpoint.SUPERNET, _supernet())
    placed(folder, checkpoint.PREDICTOR, data)
    placed(folder, checkpoint.PREDICTOR_REPORT, _report(data)[0])  # else no attack came further
    return opened.predictor(folder, ENCODING)(ENCODING.sample(5, np.random.default_rng(0)))


@format_("predictor.json", "json", lambda: _report())
def _read_report(folder: Path, data: bytes) -> object:
    placed(folder, checkpoint.SUPERNET, _supernet())
    placed(folder, checkpoint.PREDICTOR, FORMATS["predictor.safetensors"].sound()[0])
    placed(folder, checkpoint.PREDICTOR_REPORT, data)
    return opened.read_fit(folder), opened.predictor(folder, ENCODING)


def _reference_predictor() -> list[bytes]:
    from ofa.reference.predictor import PREDICTOR, Form

    form = Form(layout="nas", resolutions=(12, 16), num_slots=8)
    widths = (form.num_features, 8, 8, 8, 1)
    tensors = {}
    for i, (wide, narrow) in enumerate(pairwise(widths)):
        tensors |= {
            f"layers.{i}.weight": np.ones((narrow, wide)),
            f"layers.{i}.bias": np.ones(narrow),
        }
    return [artifacts.packed_tensors(tensors, {PREDICTOR: json.dumps(asdict(form))})]


@format_("imported predictor", "safetensors", _reference_predictor)
def _read_reference_predictor(folder: Path, data: bytes) -> object:
    space = replace(SPACE, expand_ratios=(3, 4))
    path = placed(folder, checkpoint.PREDICTOR, data)
    placed(folder, checkpoint.SUPERNET, _supernet())
    encoding = Encoding(space)
    return opened.predictor(path.parent, encoding)(encoding.sample(5, np.random.default_rng(0)))


def _resnet_predictor() -> list[bytes]:
    from ofa.reference.resnet_predictor import RESNET_PREDICTOR

    encoding = _resnet_encoding()
    slots = encoding.active_slots(encoding.sample(1, np.random.default_rng(0))).shape[1]
    widths = (8 + 2 + 3 * 6 + 3 * slots, 8, 1)
    tensors = {}
    for i, (wide, narrow) in enumerate(pairwise(widths)):
        tensors |= {
            f"layers.{i}.weight": np.ones((narrow, wide)),
            f"layers.{i}.bias": np.ones(narrow),
        }
    return [artifacts.packed_tensors(tensors, {RESNET_PREDICTOR: "1"})]


@cache
def _resnet_encoding() -> ResNetEncoding:
    return ResNetEncoding(ResNetSpace(resolutions=(128, 144)))


@format_("ResNet predictor", "safetensors", _resnet_predictor)
def _read_resnet_predictor(folder: Path, data: bytes) -> object:
    placed(folder, checkpoint.PREDICTOR, data)
    encoding = _resnet_encoding()
    return opened.predictor(folder, encoding)(encoding.sample(5, np.random.default_rng(0)))


def _cached() -> list[bytes]:
    notes = {"sha256": json.dumps({"engine.onnx": sha256(b"abc").hexdigest()})}
    return [artifacts.packed_tensors({"engine.onnx": np.frombuffer(b"abc", np.uint8)}, notes)]


@format_("cached engine", "safetensors", _cached)
def _read_cached(folder: Path, data: bytes) -> object:
    from ofa.deploy.cache import EngineCache

    key = {"onnx": "x"}
    placed(folder, f"{artifacts.digest(key)}.safetensors", data)
    return EngineCache(folder=folder).get(key, lambda: {"engine.onnx": b"abc"})
