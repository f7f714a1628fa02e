"""A known device and a few measured networks to a new device; and the networks to measure."""

import logging
import shlex
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from ofa import artifacts
from ofa.errors import BadArtifact, OfaError
from ofa.latency import Description, LatencyModel, Source, check_name, load_model
from ofa.opened import find_checkpoint, open_supernet
from ofa.pipeline.device import find_device, profile
from ofa.runtime.loaders import LOADERS

_log = logging.getLogger(__name__)


def adapt_device(*, device: str, measured: Path, checkpoint: str, out: Path) -> LatencyModel:
    """A new device from a known one that resembles it and a few measured subnets.

    Args:
        device: The device it resembles; one without a model is measured first, if it can be.
        measured: JSON file of the subnets and their latencies.
        checkpoint: Whose subnets they are.
        out: Folder of the new device, which ``--device`` then takes; out of reach, wherever the
            known one is.

    Raises:
        OfaError: If the device has no model and cannot be measured, the file is malformed or not
            in milliseconds, or ``out`` describes another device.
    """
    from ofa.latency.adapt import adapt, check_likeness, read_measured

    check_name(out.resolve().name)
    known = find_device(device)
    space = open_supernet(find_checkpoint(checkpoint))[1].space
    networks = read_measured(measured, space)
    description = known.description
    hardware = replace(
        description.hardware, name=f"like {description.hardware.name}", soc="as told"
    )
    described = Description(  # nothing of the address: the one it resembles is another machine
        hardware=hardware,
        runtime=description.runtime,
        precision=description.precision,
        threads=description.threads,
        batch=description.batch,
        target="none",
    )
    _refuse_another(out / "device.yaml", described)
    if known.model_path.exists():
        base = load_model(known.model_path)
    else:
        base = profile(device=device, checkpoint=checkpoint)
    check_likeness(base, networks, where=str(measured))
    source = Source(
        repository=measured.name,
        commit=None,
        path=f"sha256 {artifacts.sha256(measured)[:12]}",
        licence="own measurement",
        rows=len(networks),
    )
    model = adapt(base, networks, source=source)
    header = f"Adapted from {known.id} by: ofa devices adapt"
    artifacts.write_yaml(out / "model.yaml", asdict(model), header=header)
    artifacts.write_yaml(out / "device.yaml", asdict(described))
    return model


def pack_networks(*, device: str, checkpoint: str, out: Path, num: int = 8) -> Path:
    """Write the networks to time on a device of which nobody here can run a program.

    Args:
        device: The device it resembles; the networks are as that one runs them.
        checkpoint: Whose subnets they are.
        out: Zip file: engines of the device's own runtime, if they can be built here, else ONNX
            files; ``networks.json`` to fill in, which ``adapt_device`` reads then; and what to do,
            in ``README.txt``.
        num: Networks to time, the largest and the smallest of the space among them.

    Returns:
        ``out``.

    Raises:
        OfaError: If ``num`` are too few to adapt to.
    """
    from ofa.deploy.archive import write_archive
    from ofa.latency.adapt import MIN_NETWORKS, form
    from ofa.latency.plan import informative_plan

    if num < MIN_NETWORKS:
        raise OfaError(f"{num} networks are too few to adapt to; pack {MIN_NETWORKS} or more")
    runs = find_device(device).description
    space = open_supernet(find_checkpoint(checkpoint))[1].space
    runtime = _packed_runtime(runs)
    plan = informative_plan(
        space, num=num - 2, runtime=runtime, batch=runs.batch, precision=runs.precision
    )
    engines = {name: _renamed(plan.engine(name), name) for name in plan.names}
    first = {name: next(iter(files)) for name, files in engines.items()}
    readme = _README.format(
        num=len(engines),
        device=device,
        checkpoint=checkpoint,
        runtime=runs.runtime.name,
        precision=runs.precision,
        images="1 image" if runs.batch == 1 else f"{runs.batch} images",
        threads="unknown" if runs.threads is None else runs.threads,
        kind=runtime,
        program=_program(runtime, first[plan.names[0]], runs.threads or 1),
    )
    texts = {
        "networks.json": form({first[name]: arch for name, arch in plan.by_name.items()}),
        "README.txt": readme,
    }
    contents = {file: data for files in engines.values() for file, data in files.items()}
    write_archive(out, {**contents, **{name: text.encode() for name, text in texts.items()}})
    return out


def _packed_runtime(runs: Description) -> str:
    """The device's own runtime, if it builds such engines here; else that of ONNX files."""
    from ofa.deploy.engines import PORTABLE_RUNTIME
    from ofa.runtime import RUNTIMES

    own = RUNTIMES.get(runs.runtime.name)
    if own is None or own.name not in LOADERS or runs.batch != 1:
        return PORTABLE_RUNTIME
    if not own.available():
        _log.warning(
            "packed as ONNX files, which %s does not read; for its own, pip install '%s'",
            own.name, own.requirement,
        )  # fmt: skip
        return PORTABLE_RUNTIME
    return own.name if runs.precision in own.precisions else PORTABLE_RUNTIME


def _renamed(files: Mapping[str, bytes], name: str) -> dict[str, bytes]:
    return {f"{name}{Path(file).suffix}": content for file, content in files.items()}


def _program(runtime: str, example: str, threads: int) -> str:
    """What to say of the program of a runtime that times models, if it has one."""
    from ofa.runtime.programs import PROGRAMS

    return "".join(
        _PROGRAM.format(
            runtime=runtime,
            tells=program.tells,
            command=shlex.join([program.name, *program.arguments(example, threads, 100)]),
        )
        for program in PROGRAMS
        if program.runtime == runtime
    )


def _refuse_another(path: Path, described: Description) -> None:
    """Refuse to write a description over one that says something else."""
    if not path.exists():
        return
    found = artifacts.parse(Description, artifacts.read_yaml(path), where=str(path))
    if found != described:
        raise BadArtifact(
            f"{path}: describes {found.hardware.name!r} already; give another --out, or remove it"
        )


_README = """\
These {num} neural networks are to be timed on a device that resembles {device}.

1. Time each network there, {images} a run, with the runtime and the threads that will be used;
   {device} was measured with {runtime} in {precision}, threads: {threads}. The files are for
   {kind}; convert them if your runtime reads no such files. Close other programs, plug the device
   in, warm up, and take the median of 30 runs or more, in milliseconds.
{program}
2. Write each median into networks.json, in place of the null beside its file. Remove the networks
   that were not timed.

3. Make the device of it, where ofa is:

       ofa devices adapt {device} --measured networks.json --checkpoint {checkpoint} --out my-phone

The weights are random: latency does not depend on them.
"""
_PROGRAM = """\
   The program of {runtime} that times models, built for the device, tells it as {tells}:

       {command}
"""
