"""What a training step costs: ``python benchmarks/train_step.py``.

Whole steps are timed, side by side: forward, backward, and the optimizer's update. The static twin
is the plain torch network of the largest arch with the same weights. Torch's own gradients are
those which ``ofa.nn.FastGradients`` replaces.
"""

import argparse
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

import torch
from torch import nn

from ofa.artifacts import parse, read_yaml
from ofa.recipe import Phase, Recipe
from ofa.runtime import measure_ms
from ofa.space import AnyArch, Arch, ResNetSpace
from ofa.subnet import extract
from ofa.supernets import build_supernet
from ofa.train import Elastic, Lone, Sizes
from ofa.train.step import learn

_TWIN, _LARGEST = "static twin of the largest", "largest"
_SANDWICH = "sandwich: largest, 2 random, smallest"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what a training step costs.")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/fashion_mnist.yaml"))
    parser.add_argument("--batch-size", type=int, default=None, help="default: the recipe's")
    parser.add_argument("--repeats", type=int, default=12, help="timed steps of each kind")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="time torch.compile, too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    recipe = parse(Recipe, read_yaml(options.recipe), where=str(options.recipe))
    space, num_images = recipe.space, options.batch_size or recipe.train.batch_size
    assert not isinstance(space, ResNetSpace)
    supernet = build_supernet(space).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    largest, smallest = space.largest(), space.smallest()
    twin = extract(supernet, space, largest).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    size = max(space.resolutions)
    images = torch.randn(num_images, space.in_channels, size, size)
    labels = torch.randint(space.num_classes, (num_images,))
    phase = Phase(name="all", epochs=1, learning_rate=0.1, num_random=2)
    elastic = Elastic(space=space, seed=0)
    steps = iter(range(10**9))

    def drawn() -> Sequence[AnyArch]:
        return [arch for (arch,) in elastic.draw(phase, next(steps))]

    runs = {
        _TWIN: _step(Lone(twin), lambda: [largest], images, labels, recipe),
        _LARGEST: _step(supernet, lambda: [largest], images, labels, recipe),
        "smallest": _step(supernet, lambda: [smallest], images, labels, recipe),
        _SANDWICH: _step(supernet, drawn, images, labels, recipe),
    }
    for name in (_LARGEST, _SANDWICH):
        runs[f"{name}, torch's own gradients"] = _own_gradients(runs[name])
    if options.compile:
        compiled = Lone(torch.compile(twin))  # type: ignore[arg-type]
        runs[f"{_TWIN}, compiled"] = _step(compiled, lambda: [largest], images, labels, recipe)
    timings = dict(
        zip(runs, measure_ms(list(runs.values()), warmup=2, repeats=options.repeats), strict=True)
    )
    static_ms = timings[_TWIN].median_ms
    largest_ms = timings[_LARGEST].median_ms
    print(f"{num_images} images a step, {options.threads} threads, torch {torch.__version__}")
    print("| step | median ms | 10th to 90th percentile | images/s | against the largest |")
    print("|---|---|---|---|---|")
    for name, timing in timings.items():
        print(
            f"| {name} | {timing.median_ms:.0f} | {timing.p10_ms:.0f} to {timing.p90_ms:.0f} "
            f"| {1000 * num_images / timing.median_ms:.0f} | {timing.median_ms / largest_ms:.2f} |"
        )
    print(f"overhead of the elastic largest net over its static twin: {largest_ms / static_ms:.3f}")


def _step(
    net: nn.Module,
    archs: Callable[[], Sequence[Arch] | Sequence[AnyArch]],
    images: torch.Tensor,
    labels: torch.Tensor,
    recipe: Recipe,
) -> Callable[[], object]:
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, nesterov=True)

    def run() -> None:
        learn(
            net, archs(), Sizes(images), labels,
            train=recipe.train, teacher=None, in_place=True, backward=lambda loss: loss.backward(),
        )  # fmt: skip
        optimizer.step()
        optimizer.zero_grad()

    return run


def _own_gradients(run: Callable[[], object]) -> Callable[[], object]:
    def patched() -> object:
        with patch("ofa.train.step.FastGradients", nullcontext):
            return run()

    return patched


if __name__ == "__main__":
    main()
