"""Front to subnet."""

from pathlib import Path

from ofa import artifacts
from ofa import checkpoint as files
from ofa.opened import evaluator, find_checkpoint, open_supernet, search_top1
from ofa.run_files import SubnetNotes, read_front, write_subnet
from ofa.space import AnyArch, macs, network, params


def extract(*, front: Path, checkpoint: str, out: Path) -> Path:
    """Cut out the subnet that a search chose, recalibrate it, and measure it on the test split.

    Args:
        front: File that ``search`` wrote.

    Returns:
        ``out/subnets/<arch id>``, with static weights and what was measured.
    """
    outcome = read_front(front)
    known = outcome.chosen.search_top1 if outcome.precision == "fp32" else None
    return cut_out(outcome.chosen.arch, find_checkpoint(checkpoint), out, known=known)


def cut_out(arch: AnyArch, folder: Path, out: Path, *, known: float | None = None) -> Path:
    """Cut out any subnet of a checkpoint, as ``extract`` does.

    Args:
        known: Its search top-1 in fp32, percent, if it was measured before.
    """
    _, notes = open_supernet(folder)
    layers = network(notes.space, arch)
    judge = evaluator(folder, "test")
    net = judge.subnet(arch)
    labels = judge.images.labels
    hits = judge.predict(net, arch.resolution) == labels
    subnet = SubnetNotes(
        space=notes.space,
        arch=arch,
        classes=notes.classes,
        mean=notes.mean,
        std=notes.std,
        search_top1=search_top1(folder, arch) if known is None else known,
        test_top1=100 * int(hits.sum()) / len(labels),
        num_test_images=len(labels),
        macs=macs(layers),
        params=params(layers),
        supernet_sha256=artifacts.sha256(folder / files.SUPERNET),
    )
    tensors = {name: tensor.contiguous().numpy() for name, tensor in net.state_dict().items()}
    path = out / "subnets" / arch.id
    write_subnet(path, tensors, subnet, inputs={"supernet": folder / files.SUPERNET})
    return path
