"""Subnet to bundle."""

from pathlib import Path
from typing import Literal

from ofa import checkpoint as files
from ofa.errors import BadArtifact
from ofa.latency import load_device
from ofa.opened import find_checkpoint, judges, open_subnet, predictor_rmse
from ofa.pipeline.device import profile
from ofa.run_files import read_front
from ofa.shipped import shipped


def deploy(
    *,
    subnet: Path,
    front: Path,
    checkpoint: str,
    out: Path,
    input: Literal["uint8", "float32"] = "uint8",
) -> Path:
    """Export a subnet, check the engine against the network, time it here, and bundle it.

    Args:
        subnet: Folder that ``extract`` wrote.
        front: File that ``search`` wrote.

    Returns:
        ``out/bundles/<arch id>-<device>``.

    Raises:
        ParityFailure: If the engine differs from the network; nothing is written then.
    """
    from ofa.deploy import Order, assemble

    folder = find_checkpoint(checkpoint)
    outcome = read_front(front)
    net, tensors, notes = open_subnet(subnet)
    if notes.arch != outcome.chosen.arch:
        raise BadArtifact(f"{front}: chose another subnet than {subnet} holds; extract it first")
    supernet, accuracy = folder / files.SUPERNET, folder / files.ACCURACY
    measured = files.read_accuracy(accuracy, supernet=supernet)
    order = Order(
        net=net,
        tensors=tensors,
        notes=notes,
        outcome=outcome,
        device=load_device(shipped("devices"), outcome.device),
        model=profile(device=outcome.device, checkpoint=checkpoint),
        input_type=input,
        test=judges(folder).test,
        num_search_images=len(judges(folder).search),
        predictor_rmse=predictor_rmse(folder),
        samples=tuple((record.arch, record.top1) for record in measured),
        inputs={
            "supernet": supernet,
            "predictor": folder / files.PREDICTOR,
            "front": front,
            "subnet": subnet / "subnet.safetensors",
        },
    )
    path = out / "bundles" / f"{notes.arch.id}-{outcome.device}"
    assemble(order, path)
    return path
