"""Checkpoints and subnets opened for use: weights in their modules, and the images that judge them.

What was opened is remembered, so that the arrows of a journey, each of which opens what it needs,
read every file once.
"""

import copy
import os
import signal
import threading
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from itertools import accumulate, cycle, pairwise
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import BadArtifact, OfaError, did_you_mean
from ofa.reference import is_imported_predictor, read_imported_predictor
from ofa.run_files import SubnetNotes, read_subnet
from ofa.shipped import shipped
from ofa.space import AnyArch, AnyEncoding, AnySpace, activation_bytes, macs, network

if TYPE_CHECKING:
    from torch import nn

    from ofa.evaluate import Evaluator, Judges
    from ofa.predictor import AccuracyPredictor, FitReport, QuantizedPredictor
    from ofa.reference import ReferencePredictor, ResNetPredictor
    from ofa.subnet import Subnet

_ACTIVATION_BYTES = 2 * 2**30
"""Most memory for activations that subnets share."""
_THREADS_BYTES = 4 * 2**30
"""Most memory for activations of the chunks that are counted on at once."""


def find_checkpoint(checkpoint: str) -> Path:
    """The folder of a checkpoint: a path to it or to its weights, or the name of a shipped one.

    Raises:
        BadArtifact: If there is none; names the shipped ones.
    """
    root = shipped("checkpoints")
    given = Path(checkpoint)
    for folder in (given, given.parent if given.name == files.SUPERNET else given, root / given):
        if (folder / files.SUPERNET).is_file():
            return folder
    names = sorted(path.parent.name for path in root.glob(f"*/{files.SUPERNET}"))
    guess = did_you_mean(checkpoint, names) or ";"
    raise BadArtifact(
        f"{checkpoint}: holds no {files.SUPERNET}{guess} give a folder that ofa train wrote, or "
        f"one of: {', '.join(names)}"
    )


@lru_cache(maxsize=2)
def open_supernet(folder: Path) -> tuple["nn.Module", files.SupernetNotes]:
    """The supernet of a checkpoint, with its weights.

    Raises:
        BadArtifact: If the weights are not those of the space they name.
    """
    import torch

    from ofa.supernets import build_supernet

    path = folder / files.SUPERNET
    tensors, notes = files.read_supernet(path)
    with torch.device("meta"):
        supernet = build_supernet(notes.space)
    _load_(supernet, tensors, where=path)
    return supernet.eval(), notes


def open_subnet(folder: Path) -> tuple["Subnet", artifacts.Tensors, SubnetNotes]:
    """The static network in a subnet's folder, its tensors by name, and its notes.

    Raises:
        BadArtifact: If the weights are not those of the arch they name.
    """
    tensors, notes = read_subnet(folder)
    net = read_net(tensors, notes.space, notes.arch, where=folder / "subnet.safetensors")
    return net, tensors, notes


def read_net(
    tensors: artifacts.Tensors, space: AnySpace, arch: AnyArch, *, where: Path
) -> "Subnet":
    """The static network of an arch with the given weights.

    Raises:
        BadArtifact: If the weights are not those of the arch.
    """
    import torch

    from ofa.subnet import build_subnet

    with torch.device("meta"):
        net = build_subnet(network(space, arch))
    _load_(net, tensors, where=where)
    return net.eval()


@lru_cache(maxsize=2)
def judges(folder: Path) -> "Judges":
    """The images that judge the subnets of a checkpoint."""
    from ofa.evaluate import load_judges

    return load_judges(folder, open_supernet(folder)[1])


def evaluator(
    folder: Path, split: Literal["search", "test"], *, device: str = "cpu", workers: int = 1
) -> "Evaluator":
    """Measures subnets of a checkpoint on one split.

    Args:
        device: Of torch.
        workers: Processes that do so side by side and share memory, this one among them.
    """
    return _evaluator(folder, split, device, workers)


@lru_cache(maxsize=4)
def _evaluator(folder: Path, split: str, device: str, workers: int) -> "Evaluator":
    from ofa.data import Normalization
    from ofa.evaluate import Evaluator

    supernet, notes = open_supernet(folder)
    images = judges(folder)
    return Evaluator(
        supernet=supernet if device == "cpu" else copy.deepcopy(supernet).to(device),
        space=notes.space,
        normalization=Normalization(mean=notes.mean, std=notes.std),
        calibration=images.calibration,
        images=getattr(images, split),
        memory_bytes=_ACTIVATION_BYTES // workers,
        threads=_num_threads(notes.space, workers) if device == "cpu" else 1,
    )


def search_top1(
    folder: Path,
    arch: AnyArch,
    precision: files.Precision = "fp32",
    *,
    keep: Collection[int] = (),
    device: str = "cpu",
    workers: int = 1,
) -> float:
    """Top-1 of a checkpoint's subnet on the search split, percent.

    Args:
        precision: Numbers to measure it with; ``int8`` is what its engine would compute with.
        keep: After how many segments subnets to come start; see ``ofa.evaluate.partings``.
        device: Of torch.
        workers: As of ``evaluator``.
    """
    from ofa.evaluate import quantized_top1

    judge = evaluator(folder, "search", device=device, workers=workers)
    return judge.top1(arch, keep=keep) if precision == "fp32" else quantized_top1(judge, arch)


def measure_search_top1(
    folder: Path,
    archs: Sequence[AnyArch],
    *,
    precision: files.Precision = "fp32",
    workers: int = 1,
    devices: Sequence[str] = ("cpu",),
) -> Iterator[tuple[AnyArch, float]]:
    """Each arch with its top-1 on the search split, as soon as it is known.

    Args:
        precision: As of ``search_top1``.
        workers: Processes that share the cores and measure a part of the archs each in their
            order, so that neighbors go on sharing their first layers; parts are alike in MACs.
            Their number changes no result.
        devices: Of torch, which the processes take in turn; a GPU takes one.

    Raises:
        OfaError: If one of them is killed.
    """
    from ofa.evaluate import partings

    workers = max(1, min(workers, len(archs)))
    if "cpu" not in devices:
        workers = min(workers, len(devices))
    if workers == 1:
        for arch, keep in zip(archs, partings(archs), strict=True):
            yield arch, search_top1(folder, arch, precision, keep=keep, device=devices[0])
        return
    context = get_context("spawn")  # forked copies of a process that used torch's threads can hang
    with ExitStack() as stack:
        futures = {}
        parts = parts_of_like_work(archs, workers, open_supernet(folder)[1].space)
        for part, device in zip(parts, cycle(devices), strict=False):
            pool = ProcessPoolExecutor(
                1, mp_context=context, initializer=_begin_beside, initargs=(workers,)
            )
            stack.callback(pool.shutdown, cancel_futures=True)
            with _interrupts_blocked():  # workers inherit it, and are ended by this process
                futures |= {
                    pool.submit(
                        search_top1,
                        folder,
                        arch,
                        precision,
                        keep=keep,
                        device=device,
                        workers=workers,
                    ): arch
                    for arch, keep in zip(part, partings(part), strict=True)
                }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise OfaError(
                "a process that measures subnets was killed, as the system does when memory is "
                "short; the same command goes on, with fewer --workers if it happens again"
            ) from error


def parts_of_like_work(
    archs: Sequence[AnyArch], num: int, space: AnySpace
) -> list[Sequence[AnyArch]]:
    """Archs in their order, cut where their MACs reach each ``num``-th of all."""
    done = list(accumulate(macs(network(space, arch)) for arch in archs))
    bounds = [bisect_left(done, done[-1] * i / num) for i in range(num)]
    parts = [archs[start:end] for start, end in pairwise([*bounds, len(archs)])]
    return [part for part in parts if part]


def has_images(folder: Path) -> bool:
    """Whether a checkpoint has images to measure its subnets on, beside it or where it says."""
    data = open_supernet(folder)[1].data
    if data is None or (data.folder is not None and not data.folder.is_dir()):
        return (folder / files.IMAGES).is_dir()
    return True


def predictor(
    folder: Path, encoding: AnyEncoding
) -> "AccuracyPredictor | ReferencePredictor | ResNetPredictor":
    """The accuracy predictor of a checkpoint, fitted here or imported.

    Raises:
        BadArtifact: If there is none yet, or it does not belong to the weights or to its report.
        IllegalSpace: If an imported one was not trained on the whole space.
    """
    from ofa.predictor import AccuracyPredictor

    tensors, notes = _read_predictor(folder)
    if is_imported_predictor(notes):
        return read_imported_predictor(folder / files.PREDICTOR, encoding)
    _read_report(folder)
    return AccuracyPredictor.from_state(encoding, tensors, notes)


def quantized_predictor(folder: Path, encoding: AnyEncoding) -> "QuantizedPredictor | None":
    """What predicts the top-1 of a checkpoint's subnets after quantization; ``None`` if not known.

    Raises:
        BadArtifact: If there is no predictor yet, or it was fitted to other weights.
    """
    from ofa.predictor import AccuracyPredictor, QuantizedPredictor

    base = predictor(folder, encoding)
    if not isinstance(base, AccuracyPredictor):
        return None
    return QuantizedPredictor.from_state(base, artifacts.read_tensors(folder / files.PREDICTOR)[0])


def predictor_rmse(folder: Path, precision: files.Precision = "fp32") -> float | None:
    """Error of a checkpoint's predictor on subnets it was not fitted to, percentage points.

    ``None`` for an imported one, which nobody measured here.

    Args:
        precision: Numbers with which these subnets were measured; where few enough were measured
            in ``int8`` that it predicts none, its error before quantization.
    """
    if is_imported_predictor(_read_predictor(folder)[1]):
        return None
    fit = read_fit(folder)
    return fit.quantized.rmse if precision == "int8" and fit.quantized else fit.rmse


def read_fit(folder: Path) -> "FitReport":
    """How well the predictor of a checkpoint does on subnets it was not fitted to.

    Raises:
        BadArtifact: If there is no report, or it is of another predictor or other weights.
    """
    from ofa.predictor import FitReport

    where = f"{folder / files.PREDICTOR_REPORT}: report"
    return artifacts.parse(FitReport, _read_report(folder).get("report"), where=where)


def _read_predictor(folder: Path) -> tuple[artifacts.Tensors, dict[str, str]]:
    """The tensors of a checkpoint's predictor, and its notes."""
    from ofa.predictor import can_fit

    path = folder / files.PREDICTOR
    if not path.is_file():
        if not can_fit(files.read_supernet(folder / files.SUPERNET)[1].space):
            raise BadArtifact(
                f"{path}: there is none, since the space holds too few subnets to fit one to; "
                "search one device with --device, which measures them all"
            )
        raise BadArtifact(
            f"{path}: there is no predictor yet; measure subnets, then fit one: ofa sample "
            f"--checkpoint {folder}; ofa fit-predictor --checkpoint {folder}"
        )
    return artifacts.read_tensors(path)


def _read_report(folder: Path) -> dict[str, Any]:
    """What stands beside a checkpoint's predictor, once it is known to belong to it."""
    path = folder / files.PREDICTOR_REPORT
    body = artifacts.read_json(path, schema="ofa.predictor")
    mend = f"fit it again: ofa fit-predictor --checkpoint {folder}"
    for name, file in (("supernet", files.SUPERNET), ("predictor", files.PREDICTOR)):
        artifacts.check_input(body, name, folder / file, where=path, mend=mend)
    return body


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _num_threads(space: AnySpace, workers: int) -> int:
    """How many chunks of images may be counted on at once; each holds its activations."""
    import torch

    from ofa.evaluate import EVALUATION_CHUNK_SIZE

    chunk_bytes = EVALUATION_CHUNK_SIZE * activation_bytes(network(space, space.largest()))
    return max(1, min(torch.get_num_threads(), _THREADS_BYTES // workers // chunk_bytes))


def _begin_beside(workers: int) -> None:
    """End when the parent does, even if it was killed; and take a share of the cores."""
    parent = parent_process()
    assert parent is not None
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    import torch

    torch.set_num_threads(torch.get_num_threads() // workers or 1)


def _load_(net: "nn.Module", tensors: artifacts.Tensors, *, where: Path) -> None:
    """Put tensors into a network made without any, once every name and shape is known to fit."""
    import torch

    expected = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    for name in sorted(expected.keys() | tensors.keys()):
        found = tensors[name].shape if name in tensors else None
        if found != expected.get(name):
            raise BadArtifact(
                f"{where}: tensor {name} has shape {found}, but its space needs "
                f"{expected.get(name)}; copy or make it again"
            )
    state = {name: torch.from_numpy(tensor.copy()) for name, tensor in tensors.items()}
    net.load_state_dict(state, assign=True)
