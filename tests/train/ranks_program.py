"""What the processes of rank tests run: ``ranks_program.py FOLDER WORLD TRAINING...``.

Started by torchrun it is one of several ranks, which share what one process does alone. It trains
once in each way that is named:

shards
    Two ranks have a shard of a batch each; one process accumulates both.
synchronized
    Two ranks have half a batch each and common batch statistics; one process has the whole batch.
spoiled
    As ``shards``; in one step the second rank alone finds NaN, which the recipe says to skip.
"""

import math
import os
import sys
from pathlib import Path

import torch

from ofa import artifacts
from ofa.data import ImageSet, Normalization
from ofa.recipe import Augment, Phase, Recipe, Train
from ofa.space import FirstBlock, Head, SearchSpace, Stage, Stem
from ofa.supernets import build_supernet
from ofa.train import SupernetModule, Validation, current_ranks, fit

SPACE = SearchSpace(
    num_classes=4,
    resolutions=(8,),
    kernel_sizes=(3, 5),
    expand_ratios=(2, 3),
    depths=(1, 2),
    stem=Stem(width=8, stride=1),
    first_block=FirstBlock(width=8, stride=1),
    stages=(Stage(width=16, stride=2, squeeze_excite=True),),
    head=Head(expand_width=32, feature_width=0),
)
# Random subnets without the largest leave parameters unused in most steps.
PHASE = Phase(
    name="all", epochs=5, learning_rate=0.02, sampler="uniform", num_random=1, teacher="none"
)
BAD_STEP = 7


def train(name: str, folder: Path, *, world: int) -> None:
    generator = torch.Generator().manual_seed(0)
    images = ImageSet(
        images=torch.randint(0, 256, (160, 3, 8, 8), generator=generator, dtype=torch.uint8),
        labels=torch.arange(160) % 4,
        classes=tuple("abcd"),
    )
    normalization = Normalization(mean=(0.5,) * 3, std=(0.25,) * 3)
    validate = Validation(
        space=SPACE, normalization=normalization, calibration=images, images=images
    )
    synchronized = name == "synchronized"
    recipe = Recipe(
        space=SPACE,
        train=Train(
            phases=(PHASE,),
            batch_size=16 // world if synchronized else 8,
            accumulate=1 if synchronized else 2 // world,
            augment=Augment(crop_padding=0, flip=False),
            accelerator="cpu",
            devices=world,
            sync_batchnorm=synchronized and world > 1,
            validate_every=100,
            on_nan="skip",
            threads=1,
        ),
    )
    torch.manual_seed(0)
    supernet = build_supernet(SPACE)
    module = SupernetModule(
        supernet, recipe, data=images, normalization=normalization, validate=validate
    )

    def spoil(net, arguments, logits):
        is_bad = module.global_step == BAD_STEP and os.environ.get("RANK") == "1"
        return logits * math.nan if net.training and is_bad else logits

    if name == "spoiled":
        supernet.register_forward_hook(spoil)
    fit(module, folder=folder, resume=False, progress=False)
    ranks = current_ranks()
    assert module.global_step == 50
    top1 = validate(module.supernet, SPACE.largest(), ranks)
    tensors = {name: value.detach().numpy() for name, value in module.supernet.named_parameters()}
    artifacts.write_tensors(folder / f"rank{ranks.rank}.safetensors", tensors, {"top1": repr(top1)})


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[3:]:
        train(name, Path(sys.argv[1]) / name, world=int(sys.argv[2]))
