"""Recipe to supernet."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

import ofa
from ofa import artifacts
from ofa import checkpoint as files
from ofa.recipe import Recipe


def train(recipe: Recipe, *, out: Path, resume: bool = False, progress: bool = True) -> Path:
    """Train a supernet.

    Returns:
        ``out/supernet.safetensors``; beside it lie the resolved recipe, logs and ``last.ckpt``.

    Raises:
        OfaError: If the recipe does not fit the images, or the run to resume does not fit the
        recipe.
    """
    import torch

    from ofa.data import load_splits
    from ofa.evaluate import measure_top1
    from ofa.supernets import build_supernet
    from ofa.train import SupernetModule, fit

    if recipe.train.threads:
        torch.set_num_threads(recipe.train.threads)
    torch.manual_seed(recipe.train.seed)
    splits = load_splits(recipe.data, recipe.space)
    supernet = build_supernet(recipe.space)
    validate = partial(
        measure_top1,
        space=recipe.space,
        normalization=splits.normalization,
        calibration=splits.calibration,
        images=splits.search,
    )
    artifacts.write_yaml(out / "recipe.yaml", asdict(recipe))
    module = SupernetModule(
        supernet,
        recipe,
        data=splits.train,
        normalization=splits.normalization,
        validate=validate,
    )
    fit(module, folder=out, resume=resume, progress=progress)
    notes = files.SupernetNotes(
        space=recipe.space,
        data=recipe.data,
        classes=splits.train.classes,
        mean=splits.normalization.mean,
        std=splits.normalization.std,
        ofa=ofa.__version__,
    )
    tensors = {name: tensor.cpu().numpy() for name, tensor in module.average.state_dict().items()}
    files.write_supernet(out / files.SUPERNET, tensors, notes)
    return out / files.SUPERNET
