"""Recipe to supernet."""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import ofa
from ofa import artifacts
from ofa import checkpoint as files
from ofa.errors import OfaError
from ofa.recipe import Recipe

CURVES = "learning_curves.svg"

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from torch import nn

    from ofa.data import TrainingSplits
    from ofa.train import RangeTest, SupernetModule


def train(
    recipe: Recipe,
    *,
    out: Path,
    resume: bool = False,
    init: Path | None = None,
    progress: bool = True,
) -> Path:
    """Train a supernet.

    The number of classes is read from the images, whatever the recipe's space says.

    Args:
        resume: Whether to go on from ``out/last.ckpt``, if there is one.
        init: Weights to start from, unless a run is resumed: a checkpoint of this project by its
            folder, file or name, or the file of a torchvision MobileNetV3; what does not fit is
            left at its random start.

    Returns:
        ``out/supernet.safetensors``; beside it lie the resolved recipe, logs, their picture and
        ``last.ckpt``.

    Raises:
        InUse: If another process trains into ``out``.
        OfaError: If the recipe does not fit the images, or the run to resume does not fit the
            recipe; or if ``out`` holds a run that is not resumed.
    """
    from pytorch_lightning.utilities import rank_zero_only

    from ofa.data import tell_passed_over
    from ofa.train import CHECKPOINT, draw_curves, fit, read_curves

    last = out / CHECKPOINT
    resumes = resume and last.is_file()
    if not resumes:
        _keep_earlier_run(out, last)
    recipe, splits, module = prepared(
        recipe, init=None if resumes else init, resumed=last if resumes else None
    )
    rank_zero_only(tell_passed_over)(recipe.data)
    with _claimed_by_rank_zero(out):
        if not resumes:  # what is refused keeps its own recipe
            artifacts.write_yaml(out / "recipe.yaml", asdict(recipe))
        fit(module, folder=out, resume=resume, progress=progress)
        if resumes:
            artifacts.write_yaml(out / "recipe.yaml", asdict(recipe))
        if module.ranks.rank == 0:
            _write(out / files.SUPERNET, module, splits)
            phases = tuple(phase.name for phase in recipe.train.phases)
            artifacts.write_atomically(out / CURVES, draw_curves(read_curves(out), phases))
    return out / files.SUPERNET


@dataclass(frozen=True, kw_only=True)
class PhaseEstimate:
    """What a phase will take.

    Attributes:
        name: Of the phase.
        epochs: Passes over the training images.
        steps: Optimizer steps.
        images: Training images that pass, each through every subnet of its step.
        subnets_per_step: Mean over the probed steps.
        estimated_s: Time from the probe, on devices as fast as this machine.
    """

    name: str
    epochs: int
    steps: int
    images: int
    subnets_per_step: float
    estimated_s: float


def plan(recipe: Recipe, *, probe_steps: int = 20) -> list[PhaseEstimate]:
    """What each phase will take here, from ``probe_steps`` real steps of each on one device.

    A recipe's devices share the images; -1, as many as a machine has, counts as one. Nothing is
    written. Validation and checkpoints are not counted.
    """
    from ofa.train import place_of, probe
    from ofa.train import plan as phases_of

    recipe, splits, module = prepared(recipe)
    train = recipe.train
    place = place_of(train)
    world = max(train.devices, 1) * train.num_nodes
    images_per_step = train.batch_size * train.accumulate * world
    estimates = []
    for planned in phases_of(train, num_images=len(splits.train), world=world):
        measured = probe(module, planned, place, num_steps=min(probe_steps, planned.num_steps))
        estimates.append(
            PhaseEstimate(
                name=planned.phase.name,
                epochs=planned.phase.epochs,
                steps=planned.num_steps,
                images=planned.num_steps * images_per_step,
                subnets_per_step=round(measured.subnets_per_step, 2),
                estimated_s=round(measured.step_s * planned.num_steps, 1),
            )
        )
    return estimates


def find_learning_rate(recipe: Recipe) -> "RangeTest":
    """Learning-rate range test of a recipe's first phase; nothing is written.

    Raises:
        OfaError: If the loss never falls.
    """
    from ofa.train import place_of, range_test

    recipe, _, module = prepared(recipe)
    return range_test(module, module.plan[0], place_of(recipe.train))


def prepared(
    recipe: Recipe, *, init: Path | None = None, resumed: Path | None = None
) -> "tuple[Recipe, TrainingSplits, SupernetModule]":
    """The recipe with the images' number of classes, the images, and the module to train.

    What can be refused without the images is refused before they are read, which takes minutes
    where there are many.

    Args:
        init: Weights to start from, as ``train`` takes them.
        resumed: Checkpoint that a run will go on from.
    """
    import torch

    from ofa.data import count_classes, load_training_splits
    from ofa.supernets import build_supernet
    from ofa.train import SupernetModule, Validation, check_settings

    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    recipe = replace(recipe, space=replace(recipe.space, num_classes=count_classes(recipe.data)))
    if resumed:
        check_settings(resumed, recipe)
    torch.manual_seed(recipe.train.seed)
    supernet = build_supernet(recipe.space)
    if init:
        _warm_start_(supernet, init)
    splits = load_training_splits(recipe.data, recipe.space)
    module = SupernetModule(
        supernet,
        recipe,
        data=splits.train,
        normalization=splits.normalization,
        validate=Validation(
            space=recipe.space,
            normalization=splits.normalization,
            calibration=splits.calibration,
            images=splits.search,
        ),
    )
    return recipe, splits, module


def _keep_earlier_run(out: Path, last: Path) -> None:
    """Refuse a folder whose run would be overwritten.

    Raises:
        OfaError: Names what lies there.
    """
    if (out / files.SUPERNET).is_file():
        raise OfaError(
            f"{out}: holds a finished run ({files.SUPERNET}); choose another --out, or remove the "
            "folder to train anew"
        )
    if last.is_file():
        raise OfaError(
            f"{out}: holds an unfinished run ({last.name}); --resume goes on with it, another "
            "--out or removing the folder starts anew"
        )


def _claimed_by_rank_zero(folder: Path) -> AbstractContextManager[None]:
    """Hold a run folder; its other ranks share it with the first."""
    from pytorch_lightning.utilities import rank_zero_only

    if getattr(rank_zero_only, "rank", 0):
        return nullcontext()
    return artifacts.claimed(folder, is_folder=True)


def _warm_start_(supernet: "nn.Module", init: Path) -> None:
    """Give the supernet the weights of a checkpoint or file, and say how many it took."""
    import torch

    from ofa.opened import find_checkpoint
    from ofa.reference.weights import read_state
    from ofa.train import warm_start_

    if not init.is_file():
        init = find_checkpoint(str(init)) / files.SUPERNET
    if init.suffix == ".safetensors":
        tensors, _ = artifacts.read_tensors(init)
        state = {name: torch.from_numpy(tensor.copy()) for name, tensor in tensors.items()}
    else:
        state = read_state(init)
    start = warm_start_(supernet, state, where=init)
    total = len(start.taken) + len(start.left)
    _log.warning("%s: %d of %d tensors taken%s", init, len(start.taken), total, _told(start.left))


def _told(left: Sequence[str]) -> str:
    """The first of the tensors that keep their random start."""
    if not left:
        return ""
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    return f"; left at their random start: {', '.join(left[:3])}{more}"


def _write(path: Path, module: "SupernetModule", splits: "TrainingSplits") -> None:
    recipe = module.recipe
    notes = files.SupernetNotes(
        space=recipe.space,
        data=recipe.data,
        classes=splits.train.classes,
        mean=splits.normalization.mean,
        std=splits.normalization.std,
        ofa=ofa.__version__,
        files=splits.files,
        augment=recipe.train.augment,
    )
    tensors = {name: tensor.cpu().numpy() for name, tensor in module.average.state_dict().items()}
    files.write_supernet(path, tensors, notes)
