"""``ofa bench``."""

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from ofa import pipeline
from ofa.cli import screen
from ofa.cli.command import Command
from ofa.pipeline.bench import Benched


def _add_flags(parser: ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="a bundle, folder or zip")
    parser.add_argument(
        "--target",
        default="local",
        metavar="ADDRESS",
        help="where: local, ssh://[user@]host[:port] or adb:SERIAL",
    )
    parser.add_argument(
        "--python",
        default="python3",
        metavar="PATH",
        help="interpreter of an ssh target, with numpy and the runtimes",
    )
    parser.add_argument(
        "--benchmark",
        type=Path,
        default=None,
        metavar="PATH",
        help="onnxruntime_perf_test or benchmark_model, built for an adb target",
    )
    parser.add_argument(
        "--batches",
        type=list[int] | None,
        default=None,
        metavar="[N,…]",
        help="images a run, on this machine alone; default: [1,8,32]",
    )
    parser.add_argument(
        "--threads", type=list[int], default=[1, 2], metavar="[N,…]", help="threads of a run"
    )
    parser.add_argument("--repeats", type=int, default=200, help="runs that count")
    parser.add_argument("--compile", action="store_true", help="time torch.compile here as well")


def _bench(options: Namespace, track: pipeline.Track) -> Benched:
    return pipeline.bench(
        bundle=options.bundle,
        target=options.target,
        batches=options.batches,
        threads=options.threads,
        repeats=options.repeats,
        compile=options.compile,
        python=options.python,
        benchmark=options.benchmark,
    )


def _show(benched: Benched) -> None:
    table = screen.table(
        f"{benched.path} on {benched.machine}",
        "engine", "batch", "threads", "median", "tail", "images/s",
    )  # fmt: skip
    for speed in benched.speeds:
        table.add_row(
            speed.name,
            str(speed.batch),
            str(speed.threads),
            f"{speed.median_ms:.3f} ms",
            f"{speed.tail} {speed.tail_ms:.3f} ms",
            f"{speed.images_per_s:,.0f}",
        )
    screen.show(table)
    for name, memory_mb in benched.memory_mb.items():
        screen.show(f"{name}: {memory_mb:.1f} MB of memory to load and run it")
    for name, reason in benched.left_out.items():
        screen.show(f"{name}: left out, {reason}")


BENCH = Command(
    help="time the engines of a bundle, against torch",
    example="ofa bench runs/specialize/bundles/ID-host",
    add_flags=_add_flags,
    run=_bench,
    show=_show,
    details="Hashes are checked before anything is loaded.",
)
