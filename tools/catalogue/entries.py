"""Which devices the catalogue holds, and which rows of the public measurements each rests on."""

from dataclasses import dataclass
from typing import Literal

HAN_CAI = "han-cai/files"
HELP = "HayeonLee/HELP"
PHONES = "qed-usc/mobile-ml-benchmark"
NCNN = "Tencent/ncnn"

REPOSITORIES: dict[str, tuple[str, str, str]] = {
    HAN_CAI: ("a7c9bcd", "none", "ofa/ofa_specialized"),
    HELP: ("45f70eb", "MIT", "data/ofa"),
    PHONES: ("40ba833", "MIT", "dataset/tflite_cnn_e2e.csv"),
    NCNN: ("a4d2ea1", "BSD-3-Clause", "benchmark/README.md"),
}
"""Commit, licence and path of each repository measured networks come from."""

Precision = Literal["fp32", "fp16", "int8"]
How = Literal["layers", "layers and networks", "networks", "many networks"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One device of the catalogue.

    Attributes:
        id: Folder of the device.
        name: Product.
        soc: System on chip.
        unit: Part of it that computes.
        runtime: Runtime, with the version if it was published.
        repository: Where its networks come from.
        rows: Device and runtime in networks.csv; column in networks_help_ofa.csv.
        base: Known device whose model is adapted.
        how: What the model is fitted to.
        note: What a reader of the card must know besides.
    """

    id: str
    name: str
    soc: str
    unit: Literal["cpu", "gpu"]
    runtime: tuple[str, str | None]
    repository: str
    rows: tuple[str, str]
    base: str | None = "note10"
    how: How = "networks"
    aliases: tuple[str, ...] = ()
    precision: Precision = "fp32"
    threads: int | None = None
    batch: int = 1
    note: str = ""


def _phone(
    id: str,
    name: str,
    soc: str,
    rows: str,
    precision: Precision,
    *,
    threads: int | None = 1,
    aliases: tuple[str, ...] = (),
    note: str = "",
) -> Entry:
    """A phone of the mobile benchmark, with TensorFlow Lite 2.10."""
    gpu = precision == "fp16"
    return Entry(
        id=id,
        name=name,
        soc=soc,
        unit="gpu" if gpu else "cpu",
        runtime=("tflite", "2.10"),
        repository=PHONES,
        rows=(rows, f"tflite-2.10 {'gpu ' if gpu else ''}{precision}"),
        aliases=aliases,
        precision=precision,
        threads=None if gpu else threads,
        note=note,
    )


def _published(id: str, name: str, soc: str, rows: str, *, aliases: tuple[str, ...] = ()) -> Entry:
    """A phone of the reference project's published networks."""
    return Entry(
        id=id, name=name, soc=soc, unit="cpu", runtime=("tflite", None), repository=HAN_CAI,
        rows=(rows, "tflite-cpu"), aliases=aliases,
    )  # fmt: skip


def _server_gpu(id: str, name: str, soc: str, column: str, *, batch: int) -> Entry:
    """A GPU of HELP's measurements."""
    suffix = "" if batch == 64 else f"-batch{batch}"
    return Entry(
        id=f"{id}{suffix}", name=name, soc=soc, unit="gpu", runtime=("pytorch", None),
        repository=HELP, rows=(f"{column}_{batch}", ""), base=None, how="many networks",
        batch=batch,
        note="" if batch == 64 else "One image leaves the GPU waiting for launches.",
    )  # fmt: skip


def _board(
    id: str, name: str, soc: str, unit: Literal["cpu", "gpu"], rows: tuple[str, str], threads: int
) -> Entry:
    """A board of ncnn's benchmark table."""
    return Entry(
        id=id, name=name, soc=soc, unit=unit, runtime=("ncnn", None), repository=NCNN, rows=rows,
        base="pixel4-gpu" if unit == "gpu" else "note10",
        threads=threads if unit == "cpu" else None,
        note="Five networks of five families: the error is that of an arbitrary board.",
    )  # fmt: skip


_GPUS = (
    ("v100", "NVIDIA Tesla V100", "Volta GV100", "v100"),
    ("2080ti", "NVIDIA GeForce RTX 2080 Ti", "Turing TU102", "2080ti"),
    ("titan-rtx", "NVIDIA Titan RTX", "Turing TU102", "titan_rtx"),
    ("titan-xp", "NVIDIA Titan Xp", "Pascal GP102", "titan_xp"),
)
_WIDEST = "A big and a medium core: the widest set of cores that was measured."
_CPU_PRECISIONS: tuple[tuple[str, Precision], ...] = (("", "fp32"), ("-int8", "int8"))
_ORIN = "NVIDIA Jetson AGX Orin (Cortex-A78AE 2.2 GHz x 12 + Ampere@1.3 GHz Tensor Cores 64)"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="note10", name="Samsung Galaxy Note 10", soc="not published", unit="cpu",
        runtime=("tflite", None), repository=HAN_CAI, rows=("note10", "tflite-cpu"), base=None,
        how="layers",
        note="Fitted to layers alone: the published networks only judge it.",
    ),
    Entry(
        id="pixel1", name="Google Pixel", soc="Snapdragon 821", unit="cpu", aliases=("pixel",),
        runtime=("tflite", None), repository=HAN_CAI, rows=("pixel1", "tflite-cpu"),
        base="note10", how="layers and networks",
        note="Its table of layers, of a slower build of the runtime, has neither hard swish nor "
        "squeeze-excite; those cost what they cost on note10, in proportion.",
    ),
    _published("pixel2", "Google Pixel 2", "Snapdragon 835", "pixel2"),
    _published("note8", "Samsung Galaxy Note 8", "not published", "note8"),
    _published("s7edge", "Samsung Galaxy S7 edge", "not published", "s7edge"),
    _published("lg-g8", "LG G8", "Snapdragon 855", "LG-G8"),
    *(
        _phone(f"pixel4-cpu{suffix}", "Google Pixel 4", "Snapdragon 855, big core",
               "pixel4_cpu_1large", precision, aliases=() if suffix else ("pixel4",))
        for suffix, precision in _CPU_PRECISIONS
    ),
    *(
        _phone(f"pixel4-cpu-all{suffix}", "Google Pixel 4", "Snapdragon 855, big + medium core",
               "pixel4_cpu_1large1med", precision, threads=2, note=_WIDEST)
        for suffix, precision in _CPU_PRECISIONS
    ),
    _phone("pixel4-gpu", "Google Pixel 4", "Adreno 640", "pixel4_gpu", "fp16"),
    *(
        entry
        for id, name, soc, rows, alias in (
            ("s10", "Samsung Galaxy S10", "big core", "s10", "s10"),
            ("mi8se", "Xiaomi Mi 8 SE", "Snapdragon 710, big core", "mi8se", "mi8se"),
            ("iphone-xs", "Apple iPhone XS", "A12, big core", "iphonexs", "iphone-xs"),
        )
        for entry in (
            _phone(f"{id}-cpu", name, soc, f"{rows}_cpu_1large", "fp32", aliases=(alias,)),
            _phone(f"{id}-cpu-int8", name, soc, f"{rows}_cpu_1large", "int8"),
            _phone(f"{id}-gpu", name, soc.split(",")[0].replace("big core", "not published"),
                   f"{rows}_gpu", "fp16"),
        )
    ),
    _board("raspberry-pi-4", "Raspberry Pi 4 Model B", "BCM2711, 4 x Cortex-A72 at 1.8 GHz", "cpu",
           ("Raspberry Pi 4 Model B Broadcom BCM2711B0, Cortex-A72 (ARMv8) (1.8GHz x 4)",
            "ncnn threads=4 powersave=0 gpu=-1.0 run=1"), 4),
    _board("jetson-nano", "NVIDIA Jetson Nano", "Maxwell GPU", "gpu",
           ("NVIDIA Jetson Nano", "ncnn threads=1 powersave=0 gpu=0.0 run=2"), 1),
    _board("jetson-orin", "NVIDIA Jetson AGX Orin", "Ampere GPU at 1.3 GHz", "gpu",
           (_ORIN, "ncnn threads=1 powersave=0 gpu=0.0 run=6"), 1),
    _board("jetson-orin-cpu", "NVIDIA Jetson AGX Orin", "12 x Cortex-A78AE at 2.2 GHz", "cpu",
           (_ORIN, "ncnn threads=12 powersave=0 gpu=-1.0 run=5"), 12),
    *(_server_gpu(*gpu, batch=batch) for gpu in _GPUS for batch in (64, 1)),
    Entry(
        id="1080ti", name="NVIDIA GeForce GTX 1080 Ti", soc="Pascal GP102", unit="gpu",
        runtime=("unpublished", None), repository=HAN_CAI, rows=("1080ti", "gpu"),
        base="titan-xp", batch=64,
    ),
    Entry(
        id="jetson-tx2", name="NVIDIA Jetson TX2", soc="Pascal GPU", unit="gpu",
        runtime=("unpublished", None), repository=HAN_CAI, rows=("tx2", "gpu"), base="titan-xp",
        batch=16,
    ),
    Entry(
        id="xeon", name="Intel Xeon", soc="not published", unit="cpu",
        runtime=("mkl-dnn", None), repository=HAN_CAI, rows=("cpu", "Xeon MKL-DNN"),
    ),
)  # fmt: skip
"""Every device that is fitted, each after the one that it is adapted from."""
