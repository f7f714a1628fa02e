"""What the processes of rank tests run: ``ranks_program.py FOLDER ACCUMULATE SYNC WORLD [BAD]``.

Started by torchrun it is one of several ranks, which share what one process accumulates. In step
BAD the second rank alone finds NaN, which the recipe says to skip.
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


def main(folder: Path, *, accumulate: int, sync: bool, world: int, bad_step: int) -> None:
    torch.set_num_threads(1)
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
    recipe = Recipe(
        space=SPACE,
        train=Train(
            phases=(PHASE,),
            batch_size=8 if not sync or world > 1 else 16,
            accumulate=accumulate,
            augment=Augment(crop_padding=0, flip=False),
            accelerator="cpu",
            devices=world,
            sync_batchnorm=sync and world > 1,
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
        is_bad = module.global_step == bad_step and os.environ.get("RANK") == "1"
        return logits * math.nan if net.training and is_bad else logits

    supernet.register_forward_hook(spoil)
    fit(module, folder=folder, resume=False, progress=False)
    ranks = current_ranks()
    assert module.global_step == 50
    top1 = validate(module.supernet, SPACE.largest(), ranks)
    tensors = {name: value.detach().numpy() for name, value in module.supernet.named_parameters()}
    artifacts.write_tensors(folder / f"rank{ranks.rank}.safetensors", tensors, {"top1": repr(top1)})


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        accumulate=int(sys.argv[2]),
        sync=sys.argv[3] == "sync",
        world=int(sys.argv[4]),
        bad_step=int(sys.argv[5]) if len(sys.argv) > 5 else -1,
    )
