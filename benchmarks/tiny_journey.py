"""A journey over a space so small that each command takes a second: what attacks start from."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ofa import artifacts
from ofa import checkpoint as files
from ofa.data import ImageSet
from ofa.evaluate import Judges, write_judges
from ofa.recipe import Augment, Data, Phase, Recipe, Train
from ofa.space import FirstBlock, Head, SearchSpace, Stage, Stem, encoding_of
from ofa.supernets import build_supernet

CLASSES = tuple("abcd")
SPACE = SearchSpace(
    num_classes=len(CLASSES),
    resolutions=(12, 16),
    kernel_sizes=(3, 5),
    expand_ratios=(2, 3, 4),
    depths=(1, 2),
    stem=Stem(width=8, stride=1),
    first_block=FirstBlock(width=8, stride=1),
    stages=(Stage(width=16, stride=2), Stage(width=24, stride=2, squeeze_excite=True)),
    head=Head(expand_width=48, feature_width=0, dropout=0.1),
)
PHASES = (
    Phase(name="largest", epochs=1, learning_rate=0.05, resolutions=(16,), kernel_sizes=(5,),
          depths=(2,), expand_ratios=(4,), num_random=0),
    Phase(name="kernel", epochs=1, learning_rate=0.05, depths=(2,), expand_ratios=(4,),
          sampler="uniform", num_random=2, teacher="largest"),
    Phase(name="guided", epochs=1, learning_rate=0.05, expand_ratios=(3, 4), sampler="best_up"),
    Phase(name="all", epochs=1, learning_rate=0.05),
)  # fmt: skip
"""Every kind: the largest alone, uniform with a frozen teacher, guided, a sandwich over sorted
channels."""


def write_recipe(path: Path, images: Path) -> None:
    """A recipe whose state holds all that training has: averages, teachers, momentum."""
    train = Train(
        phases=PHASES,
        batch_size=8,
        accumulate=2,
        ema_decay=0.9,
        gradient_clip=2.0,
        label_weight=0.5,
        checkpoint_every=2,
        augment=Augment(crop_padding=1, cutmix_alpha=1.0, color_jitter=0.2),
        threads=1,
        accelerator="cpu",
    )
    data = Data(name="image_folder", root=str(images), num_search=16, num_calibration=32)
    artifacts.write_yaml(path, asdict(Recipe(space=SPACE, data=data, train=train)))


def write_images(folder: Path) -> None:
    """A folder of random images."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 24), ("test", 4)):
        for name in CLASSES:
            (folder / part / name).mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{index}.png")


def write_checkpoint(folder: Path, *, num_measured: int) -> None:
    """An untrained supernet, its images, and made-up accuracies."""
    torch.manual_seed(0)
    supernet = build_supernet(SPACE)
    notes = files.SupernetNotes(
        space=SPACE, data=Data(), classes=CLASSES, mean=(0.5,) * 3, std=(0.25,) * 3, ofa="0.1.0"
    )
    tensors = {name: tensor.numpy() for name, tensor in supernet.state_dict().items()}
    files.write_supernet(folder / files.SUPERNET, tensors, notes)
    write_judges(
        folder, Judges(calibration=_images(32), search=_images(120), load_test=lambda: _images(40))
    )
    encoding, rng = encoding_of(SPACE), np.random.default_rng(0)
    genotypes = encoding.unique(encoding.sample(2 * num_measured, rng))[:num_measured]
    for arch, row in zip(encoding.decode(genotypes), genotypes, strict=True):
        record = files.MeasuredArch(arch=arch, top1=50.0 + float(row.sum()))
        files.append_accuracy(folder / files.ACCURACY, record, supernet=folder / files.SUPERNET)


def _images(num: int) -> ImageSet:
    generator = torch.Generator().manual_seed(num)
    pixels = torch.randint(0, 256, (num, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return ImageSet(images=pixels, labels=torch.arange(num) % len(CLASSES), classes=CLASSES)
