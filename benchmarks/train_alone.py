"""What a supernet costs its subnets: ``python benchmarks/train_alone.py --num 5``.

Subnets of a trained supernet, without fine-tuning, against the same archs trained alone on the same
images by the recipe of the largest net, for as many epochs as the supernet's recipe has or as
``--epochs`` says. Also counts what both cost, in images through backward.
"""

import argparse
import tempfile
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ofa.artifacts import parse, read_yaml
from ofa.data import load_splits
from ofa.evaluate import draw_archs
from ofa.opened import find_checkpoint, open_supernet
from ofa.recipe import NO_TEACHER, Phase, Recipe, Train
from ofa.runtime import stopwatch
from ofa.space import AnyArch, encoding_of, macs, network
from ofa.subnet import build_subnet
from ofa.train import Alone, Elastic, Lone, Ranks, SupernetModule, Validation, fit, plan


def main() -> None:
    """Train alone, compare, print."""
    parser = argparse.ArgumentParser(description="Compare subnets with nets trained alone.")
    parser.add_argument("--checkpoint", default="fashion_mnist")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/fashion_mnist.yaml"))
    parser.add_argument("--num", type=int, default=5, help="archs, evenly over log MACs")
    parser.add_argument("--epochs", type=int, default=None, help="of each net alone")
    parser.add_argument("--num-images", type=int, default=None, help="training images of each")
    options = parser.parse_args()
    supernet, notes = open_supernet(find_checkpoint(options.checkpoint))
    recipe = parse(Recipe, read_yaml(options.recipe), where=str(options.recipe))
    assert notes.data is not None
    torch.set_num_threads(recipe.train.threads)
    splits = load_splits(notes.data, notes.space)
    validation = Validation(
        space=notes.space,
        normalization=splits.normalization,
        calibration=splits.calibration,
        images=splits.test,
    )
    images = splits.train
    if options.num_images:
        images = images.take(torch.arange(options.num_images))
    whole = recipe.train
    epochs = options.epochs or sum(phase.epochs for phase in whole.phases)
    phase = Phase(
        name="alone", epochs=epochs, learning_rate=whole.phases[0].learning_rate,
        warmup_epochs=min(1.0, epochs / 10), teacher=NO_TEACHER,
    )  # fmt: skip
    train = replace(whole, phases=(phase,), validate_every=epochs)
    print(f"{epochs} epochs of {len(images):,} images for each net alone")
    print("| arch | M MACs | subnet, % | alone, % | gain of the subnet | seconds |")
    print("|---|---|---|---|---|---|")
    gains = []
    for arch in draw_archs(encoding_of(notes.space), options.num, draw="macs", seed=0):
        elapsed_s = stopwatch()
        shared = validation(supernet, arch, Ranks())
        alone = _alone(arch, replace(recipe, train=train, space=notes.space), images, validation)
        gains.append(shared - alone)
        size = macs(network(notes.space, arch)) / 1e6
        print(
            f"| {arch.id} | {size:.2f} | {shared:.2f} | {alone:.2f} | {gains[-1]:+.2f} "
            f"| {elapsed_s():.0f} |",
            flush=True,
        )
    print(f"mean gain over {len(gains)} nets: {np.mean(gains):+.2f} points on the test split")
    passes = _images_through_backward(whole, recipe, len(splits.train))
    alone_passes = epochs * len(images)
    print(
        f"images through backward: supernet {passes:,}, one net alone {alone_passes:,}, "
        f"ratio {passes / alone_passes:.2f}"
    )


def _alone(arch: AnyArch, recipe: Recipe, images: object, validation: Validation) -> float:
    """Test top-1 of one net trained by itself."""
    torch.manual_seed(recipe.train.seed)
    net = build_subnet(network(recipe.space, arch))
    module = SupernetModule(
        Lone(net),
        recipe,
        data=images,  # type: ignore[arg-type]
        normalization=validation.normalization,
        validate=lambda lone, arch, ranks: validation.top1(
            deepcopy(lone.get_submodule("net")), arch.resolution, ranks
        ),
        subnets=Alone(arch=arch),
    )
    with tempfile.TemporaryDirectory() as folder:
        fit(module, folder=Path(folder), resume=False, progress=False)
    return validation.top1(module.average.get_submodule("net"), arch.resolution, Ranks())


def _images_through_backward(train: Train, recipe: Recipe, num_images: int) -> int:
    """Images that pass through each subnet of each step of a supernet's run."""
    elastic = Elastic(space=recipe.space, seed=train.seed)
    total = 0
    for planned in plan(train, num_images=num_images):
        steps = range(planned.first_step, planned.first_step + 20)
        subnets = np.mean([len(elastic.draw(planned.phase, step)) for step in steps])
        total += round(subnets * planned.num_steps * train.batch_size)
    return total


if __name__ == "__main__":
    main()
