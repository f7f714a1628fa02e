"""What a supernet costs its subnets: ``python benchmarks/train_alone.py --num 5``.

Subnets of a trained supernet, without fine-tuning, against the same archs trained alone on the same
images by the recipe of the largest net, for as many epochs as the supernet's recipe has or as
``--epochs`` says; with ``--finetune``, against the same subnets fine-tuned, as ``ofa finetune``
does. Also counts what both cost, in images through backward.

Hours of work, so it may be stopped at any moment: the same command goes on from ``--out``.
"""

import argparse
import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ofa.artifacts import parse, read_yaml
from ofa.data import ImageSet, load_splits
from ofa.evaluate import draw_archs
from ofa.opened import find_checkpoint, open_supernet
from ofa.pipeline import finetune
from ofa.pipeline.subnet import cut_out
from ofa.recipe import NO_TEACHER, Phase, Recipe, Train
from ofa.space import AnyArch, encoding_of, macs, network
from ofa.subnet import build_subnet
from ofa.train import (
    Alone,
    Elastic,
    Lone,
    Ranks,
    SupernetModule,
    Validation,
    fit,
    plan,
)
from ofa.train.fit import CHECKPOINT
from ofa.writing import write_atomically


def main() -> None:
    """Train alone, compare, print."""
    parser = argparse.ArgumentParser(description="Compare subnets with nets trained alone.")
    parser.add_argument("--checkpoint", default="fashion_mnist")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/fashion_mnist.yaml"))
    parser.add_argument("--num", type=int, default=5, help="archs, evenly over log MACs")
    parser.add_argument("--arch", nargs="*", help="ids of those to train, else all")
    parser.add_argument("--epochs", type=int, default=None, help="of each net alone")
    parser.add_argument(
        "--finetune", type=int, default=0, metavar="EPOCHS", help="fine-tune, in place of all that"
    )
    parser.add_argument("--num-images", type=int, default=None, help="training images of each")
    parser.add_argument("--threads", type=int, default=None, help="else the recipe's")
    parser.add_argument("--out", type=Path, default=Path("runs/alone"), help="where it goes on")
    options = parser.parse_args()
    if options.finetune and (options.epochs or options.num_images):
        parser.error("--finetune: takes all images, for as many epochs as it says")
    checkpoint = find_checkpoint(options.checkpoint)
    supernet, notes = open_supernet(checkpoint)
    recipe = parse(Recipe, read_yaml(options.recipe), where=str(options.recipe))
    assert notes.data is not None
    torch.set_num_threads(options.threads or recipe.train.threads)
    splits = load_splits(notes.data, notes.space)
    validation = Validation(
        space=notes.space,
        normalization=splits.normalization,
        calibration=splits.calibration,
        images=splits.test,
    )
    images = splits.train
    assert isinstance(images, ImageSet)
    if options.num_images:
        images = images.take(torch.arange(options.num_images))
    whole = recipe.train
    epochs = options.epochs or sum(phase.epochs for phase in whole.phases)
    phase = Phase(
        name="alone", epochs=epochs, learning_rate=whole.phases[0].learning_rate,
        warmup_epochs=min(1.0, epochs / 10), teacher=NO_TEACHER,
    )  # fmt: skip
    train = replace(whole, phases=(phase,), validate_every=epochs)
    lone = replace(recipe, train=train, space=notes.space)
    space = notes.space
    way = "fine-tuned" if options.finetune else "alone"
    print(f"{options.finetune or epochs} epochs of {len(images):,} images for each net {way}")
    print(f"| arch | M MACs | subnet, % | {way}, % | gain of the subnet |")
    print("|---|---|---|---|---|")
    gains = []
    archs = draw_archs(encoding_of(space), options.num, draw="macs", seed=0)
    for arch in sorted(archs, key=lambda arch: macs(network(space, arch))):
        if options.arch and arch.id not in options.arch:
            continue
        shared = validation(supernet, arch, Ranks())
        if options.finetune:
            other = finetune(
                subnet=cut_out(arch, checkpoint, options.out), checkpoint=str(checkpoint),
                out=options.out, epochs=options.finetune,
                threads=options.threads or recipe.train.threads, progress=False,
            ).test_top1  # fmt: skip
        else:
            folder = options.out / f"{arch.id}-{epochs}x{len(images)}"
            other = _alone(arch, lone, images, validation, folder)
        gains.append(shared - other)
        size = macs(network(space, arch)) / 1e6
        row = f"| {arch.id} | {size:.2f} | {shared:.2f} | {other:.2f} | {gains[-1]:+.2f} |"
        print(row, flush=True)
    print(f"mean gain over {len(gains)} nets: {np.mean(gains):+.2f} points on the test split")
    if options.finetune:
        return
    passes = _images_through_backward(whole, recipe, len(splits.train))
    alone_passes = epochs * len(images)
    print(
        f"images through backward: supernet {passes:,}, one net alone {alone_passes:,}, "
        f"ratio {passes / alone_passes:.2f}"
    )


def _alone(
    arch: AnyArch, recipe: Recipe, images: ImageSet, validation: Validation, folder: Path
) -> float:
    """Test top-1 of one net trained by itself, in percent; found in ``folder`` if it was before."""
    done = folder / "top1.json"
    if done.exists():
        return json.loads(done.read_text())
    torch.manual_seed(recipe.train.seed)
    net = build_subnet(network(recipe.space, arch))
    module = SupernetModule(
        Lone(net),
        recipe,
        data=images,
        normalization=validation.normalization,
        validate=lambda lone, arch, ranks: validation.top1(
            deepcopy(lone.get_submodule("net")), arch.resolution, ranks
        ),
        subnets=Alone(arch=arch),
    )
    fit(module, folder=folder, resume=(folder / CHECKPOINT).exists(), progress=False)
    top1 = validation.top1(module.average.get_submodule("net"), arch.resolution, Ranks())
    write_atomically(done, json.dumps(top1).encode())
    return top1


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
