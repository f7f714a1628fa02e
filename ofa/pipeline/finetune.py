"""Subnet to a better subnet, or to one for other images."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import BadArtifact
from ofa.opened import find_checkpoint, open_subnet, open_supernet
from ofa.recipe import NO_TEACHER, Augment, Data, Phase, Recipe, Train
from ofa.run_files import SubnetNotes, write_subnet
from ofa.space import macs, network, params

if TYPE_CHECKING:
    from torch import nn

    from ofa.train import Sizes, Validation
    from ofa.train.step import Teacher


@dataclass(frozen=True, kw_only=True)
class FineTuned:
    """What fine-tuning brought.

    Attributes:
        folder: The new subnet.
        test_top1_before: Percent; ``None`` where a new head had to be learned.
        test_top1: Percent.
        num_test_images: Images of the test split.
        epochs: Passes over the training images.
    """

    folder: Path
    test_top1_before: float | None
    test_top1: float
    num_test_images: int
    epochs: int


def finetune(
    *,
    subnet: Path,
    checkpoint: str,
    out: Path,
    images: Path | None = None,
    epochs: int = 10,
    learning_rate: float = 0.02,
    batch_size: int | None = None,
    augment: Mapping[str, object] | None = None,
    threads: int = 2,
    seed: int = 0,
    progress: bool = True,
) -> FineTuned:
    """Train an extracted subnet further, by itself.

    On the supernet's own images it learns from the largest net; on others it gets a new head and
    learns from their labels. Either way its weights are none of the supernet's any more:
    ``deploy`` compares every form with these weights. A subnet that was transferred before goes on
    with the images of then.

    Args:
        subnet: Folder that ``extract`` wrote.
        checkpoint: The supernet it was cut from.
        images: Folder of other images to transfer to; by default those it was trained on last.
        learning_rate: Highest learning rate; it falls to 0 along a cosine.
        batch_size: Images a step; by default 128, or all where there are fewer.
        augment: Fields of ``ofa.recipe.Augment`` that differ from those under which the supernet
            was trained.

    Returns:
        Where ``out/subnets/<arch id>-finetuned`` lies, and test top-1 before and after.

    Raises:
        InUse: If another process fine-tunes the subnet into ``out``.
        BadArtifact: If the subnet was cut from another supernet, or a field of ``augment`` cannot
            be.
        BadData: If the images are missing.
    """
    import torch

    from ofa.data import load_splits, tell_passed_over
    from ofa.train import Alone, Lone, Ranks, SupernetModule, Validation, fit, place_of

    source = find_checkpoint(checkpoint)
    weights = source / files.SUPERNET
    net, _, notes = open_subnet(subnet)
    if notes.supernet_sha256 != artifacts.sha256(weights):
        raise BadArtifact(f"{subnet}: was cut from another supernet than {source}; give its own")
    net, space = deepcopy(net), notes.space
    transferred_to = notes.transferred_to
    if images:
        transferred_to = Data(name="image_folder", root=str(images), num_search=None)
    whole = open_supernet(source)[1]
    data = transferred_to or _own_data(source)
    changes = artifacts.parse(
        Augment, asdict(whole.augment or Augment()) | dict(augment or {}), where="--augment"
    )
    if images:
        from ofa.data import count_classes

        space = replace(space, num_classes=count_classes(data))
        net.classifier = _new_head(net.classifier.in_features, space.num_classes, seed=seed)
    splits = load_splits(data, space)
    tell_passed_over(data)
    torch.set_num_threads(threads or torch.get_num_threads())  # images were decoded on all cores
    validation = Validation(
        space=space,
        normalization=splits.normalization,
        calibration=splits.calibration,
        images=splits.search,
    )

    def test_top1(net: "nn.Module") -> float:
        return validation.top1(net, notes.arch.resolution, Ranks(), images=splits.test)

    phase = Phase(
        name="finetune",
        epochs=epochs,
        learning_rate=learning_rate,
        warmup_epochs=min(1, epochs / 10),
        teacher=NO_TEACHER,
    )
    train = Train(
        phases=(phase,),
        batch_size=batch_size or min(128, len(splits.train)),
        augment=changes,
        ema_decay=0.99,
        label_weight=1.0,
        validate_every=epochs,
        threads=threads,
        seed=seed,
    )
    device = place_of(train).device  # where it is trained and judged
    before = None if images else test_top1(deepcopy(net).to(device))
    module = SupernetModule(
        Lone(net.train()),
        Recipe(space=space, data=data, train=train),
        data=splits.train,
        normalization=splits.normalization,
        validate=lambda lone, arch, ranks: validation.top1(
            deepcopy(lone.get_submodule("net")), arch.resolution, ranks
        ),
        subnets=Alone(arch=notes.arch),
        teacher=None if transferred_to else _largest(source, validation),
    )
    run = out / "finetune" / notes.arch.id
    with artifacts.claimed(run, is_folder=True):
        fit(module, folder=run, resume=False, progress=progress, resumable=False)
    tuned = module.average.get_submodule("net").to(device)
    search = validation.top1(tuned, notes.arch.resolution, Ranks())
    after = test_top1(tuned)
    layers = network(space, notes.arch)
    new = SubnetNotes(
        space=space,
        arch=notes.arch,
        classes=splits.train.classes,
        mean=splits.normalization.mean,
        std=splits.normalization.std,
        search_top1=search,
        test_top1=after,
        num_test_images=len(splits.test),
        macs=macs(layers),
        params=params(layers),
        supernet_sha256=notes.supernet_sha256,
        finetuned_epochs=epochs + (0 if images else notes.finetuned_epochs),
        transferred_to=transferred_to,
        files=splits.files if transferred_to else None,
    )
    tensors = {name: value.cpu().contiguous().numpy() for name, value in tuned.state_dict().items()}
    folder = out / "subnets" / f"{notes.arch.id}-finetuned"
    write_subnet(folder, tensors, new, inputs={"supernet": weights})
    return FineTuned(
        folder=folder,
        test_top1_before=before,
        test_top1=after,
        num_test_images=len(splits.test),
        epochs=epochs,
    )


def check_training_images(checkpoint: str) -> None:
    """Whether the images a supernet was trained on are here; cheap, where they lie in a folder.

    Raises:
        BadArtifact: If it was imported, so that nobody knows them.
        BadData: If they are missing or unreadable.
    """
    from ofa.data import count_classes
    from ofa.data.load import load_test_images

    source = find_checkpoint(checkpoint)
    data = _own_data(source)
    count_classes(data)
    if data.folder is None:
        load_test_images(data, open_supernet(source)[1].space)


def _own_data(source: Path) -> Data:
    data = open_supernet(source)[1].data
    if data is None:
        raise BadArtifact(f"{source}: imported weights name no images to train on; give --images")
    return data


def _largest(source: Path, validation: "Validation") -> "Teacher":
    """The recalibrated largest net of a supernet, as a teacher."""
    import torch

    from ofa.subnet import extract
    from ofa.train import Ranks

    supernet, notes = open_supernet(source)
    arch = notes.space.largest()
    net = extract(supernet, notes.space, arch).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    validation.recalibrate_(net, arch.resolution, Ranks())

    @torch.no_grad()
    def logits(sizes: "Sizes") -> torch.Tensor:
        images = sizes.at(arch.resolution)
        return net.to(images.device)(images)

    return logits


def _new_head(in_features: int, num_classes: int, *, seed: int) -> "nn.Linear":
    import torch
    from torch import nn

    head = nn.Linear(in_features, num_classes)
    generator = torch.Generator().manual_seed(seed)
    nn.init.normal_(head.weight, std=0.01, generator=generator)
    nn.init.zeros_(head.bias)
    return head
