"""Accuracy, size and latency of every runtime that runs here: ``python benchmarks/runtimes.py``.

Prints Markdown tables; run it on an idle machine. Batch 1, one thread; top-1 over all test images.
"""

import argparse
import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from ofa.data import Normalization, resized
from ofa.deploy import torch_logits
from ofa.errors import EngineRefused
from ofa.evaluate import run_in_chunks
from ofa.opened import evaluator, find_checkpoint, open_supernet
from ofa.runtime import (
    PRECISIONS,
    RUNTIMES,
    OrtSession,
    Precision,
    Runtime,
    Source,
    measure_ms,
    stopwatch,
    with_precision,
)
from ofa.runtime.onnx_export import FromPixels, export_onnx
from ofa.space import AnyArch, AnySpace, encoding_of
from ofa.subnet import fold_batchnorm_

RUNNING_HERE = ("onnxruntime", "openvino", "executorch", "tflite", "ncnn")
NUM_CALIBRATION_IMAGES = 256
NUM_SEARCH_IMAGES = 2000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure every runtime that runs here.")
    parser.add_argument("--checkpoint", default="fashion_mnist", help="folder or shipped name")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = find_checkpoint(options.checkpoint)
    notes = open_supernet(folder)[1]
    test, search = evaluator(folder, "test"), evaluator(folder, "search")
    normalize = Normalization(mean=notes.mean, std=notes.std)
    space = notes.space
    print("| subnet | runtime | precision | top-1, % | drop, points | ms | engine, kB |")
    print("|---|---|---|---|---|---|---|")
    whole = {}
    for name, arch in (
        ("largest", space.largest()),
        ("middle", _middle(space)),
        ("smallest", space.smallest()),
    ):
        net = test.subnet(arch).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        exported = export_onnx(
            net,
            in_channels=space.in_channels,
            resolution=arch.resolution,
            mean=notes.mean,
            std=notes.std,
        )
        folded = copy.deepcopy(net)
        fold_batchnorm_(folded)
        pixels = FromPixels(folded, mean=notes.mean, std=notes.std, input_type="uint8")
        images, calibration, chosen_on = (
            resized(data, arch.resolution).numpy()
            for data in (
                test.images.images,
                test.calibration.images[:NUM_CALIBRATION_IMAGES],
                search.images.images[:NUM_SEARCH_IMAGES],
            )
        )
        whole[name] = Source(onnx=exported, precision="fp32", net=pixels, images=calibration)
        eager = torch_logits(net, normalize)
        rows = [("torch eager", "fp32", eager, 0)]
        for runtime in (RUNTIMES[r] for r in RUNNING_HERE if RUNTIMES[r].available()):

            def top1(model: bytes, chosen_on=chosen_on) -> float:  # noqa: ANN001
                logits = run_in_chunks(OrtSession(model).run, chosen_on)
                return _top1(logits, search.images.labels[:NUM_SEARCH_IMAGES].numpy())

            for precision in runtime.precisions:
                files = runtime.build(_lowered(whole[name], precision, runtime, top1))
                size = sum(len(data) for file, data in files.items() if not file.endswith(".ort"))
                rows.append((runtime.name, precision, runtime.load(files).run, size))
        timings = measure_ms(
            [partial(run, images[:1]) for _, _, run, _ in rows], warmup=20, repeats=100
        )
        labels = test.images.labels.numpy()
        reference = _top1(run_in_chunks(eager, images), labels)
        for (runtime_name, precision, run, size), timing in zip(rows, timings, strict=True):
            found = _top1(run_in_chunks(run, images), labels)
            print(
                f"| {name} | {runtime_name} | {precision} | {found:.2f} | {reference - found:+.2f} "
                f"| {timing.median_ms:.3f} | {size / 1e3:.0f} |",
                flush=True,
            )
    if RUNTIMES["tensorrt_rtx"].available():
        _print_rtx_builds(whole["largest"])


def _lowered(
    source: Source,
    precision: Precision,
    runtime: Runtime,
    top1: Callable[[bytes], float] | None = None,
) -> Source:
    """The source of an engine of lower precision."""
    if not runtime.lowers_graph(precision):
        return replace(source, precision=precision)
    onnx = with_precision(
        source.onnx, precision, profile=runtime.profile, calibration=source.images, top1=top1
    )
    return replace(source, onnx=onnx, precision=precision)


def _print_rtx_builds(whole: Source) -> None:
    runtime = RUNTIMES["tensorrt_rtx"]
    print("\n| tensorrt_rtx, largest subnet | precision | build, s | engine, kB |")
    print("|---|---|---|---|")
    for precision in PRECISIONS:
        source = _lowered(whole, precision, runtime)
        for capability in runtime.capabilities:
            elapsed_s = stopwatch()
            try:
                files = runtime.build(source, capability=capability)
            except EngineRefused as refusal:
                print(f"| {capability} | {precision} | refused | {refusal} |")
                continue
            size = sum(map(len, files.values()))
            print(f"| {capability} | {precision} | {elapsed_s():.2f} | {size / 1e3:.0f} |")


def _middle(space: AnySpace) -> AnyArch:
    """The arch in the middle of every dimension."""
    encoding = encoding_of(space)
    middle = (encoding.num_choices // 2).astype(np.uint8)[None]
    return encoding.decode(encoding.canonical(middle))[0]


def _top1(logits: np.ndarray, labels: np.ndarray) -> float:
    return 100 * float((logits.argmax(1) == labels).mean())


if __name__ == "__main__":
    main()
