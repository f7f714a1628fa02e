"""Kill training at random moments and resume it: ``python benchmarks/kill_resume.py --kills 20``.

Each run is killed by SIGKILL within a step, or in the validation after a phase, resumed, and
compared bit by bit with a run that was left alone: weights, their average, the frozen teacher,
momentum and the best accuracy. Every kind of phase is walked: the largest alone, uniform with a
frozen teacher, guided, and a sandwich over sorted channels.
"""

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ofa import artifacts
from ofa.data import ImageSet, Normalization
from ofa.recipe import Augment, Data, Phase, Recipe, Train
from ofa.space import FirstBlock, Head, SearchSpace, Stage, Stem
from ofa.supernets import build_supernet
from ofa.train import Elastic, SupernetModule, Validation, fit
from ofa.train.sampling import AnyArch, Groups

SPACE = SearchSpace(
    num_classes=4,
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
RECIPE = Recipe(
    space=SPACE,
    data=Data(name="image_folder", root="memory"),
    train=Train(
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
    ),
)
STEPS_PER_EPOCH = 5
NUM_STEPS = STEPS_PER_EPOCH * len(PHASES)

Moment = int | str
"""A step, or the phase after which validation runs."""


@dataclass(frozen=True, kw_only=True)
class Fatal:
    """Subnets of steps and of validations, one of which kills the process."""

    subnets: Elastic
    fatal: Moment | None

    def draw(self, phase: Phase, step: int) -> Groups:
        """The subnets of a step, unless it is the fatal one."""
        if step == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.subnets.draw(phase, step)

    def largest(self, phase: Phase) -> AnyArch:
        """The largest arch of a phase."""
        return self.subnets.largest(phase)

    def corners(self, phase: Phase) -> dict[str, AnyArch]:
        """The archs to validate, unless it is the fatal phase."""
        if phase.name == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.subnets.corners(phase)


def main() -> int:
    """Kill, resume, compare."""
    parser = argparse.ArgumentParser(description="Kill training at random steps and resume it.")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(options.seed)
    moments: list[Moment] = [*range(1, NUM_STEPS), *(phase.name for phase in PHASES)]
    chosen = rng.choice(len(moments), options.kills, replace=options.kills > len(moments))
    identical = 0
    with tempfile.TemporaryDirectory() as root:
        whole = Path(root) / "whole"
        _in_child(whole, fatal=None, resume=False)
        wanted, _ = artifacts.read_tensors(whole / "end.safetensors")
        for count, moment in enumerate(moments[i] for i in chosen):
            folder = Path(root) / str(count)
            code = _in_child(folder, fatal=moment, resume=False)
            assert code == -signal.SIGKILL
            # Before the first checkpoint there is nothing to resume: the run starts anew.
            _in_child(folder, fatal=None, resume=(folder / "last.ckpt").exists())
            found, _ = artifacts.read_tensors(folder / "end.safetensors")
            same = wanted.keys() == found.keys() and all(
                np.array_equal(wanted[name], found[name]) for name in wanted
            )
            identical += same
            where = f"at step {moment}" if isinstance(moment, int) else f"validating {moment!r}"
            print(f"killed {where}: {'identical' if same else 'DIFFERENT'}")
    print(f"{identical} of {options.kills} bit-identical ({len(wanted)} tensors each)")
    return int(identical < options.kills)


def _in_child(folder: Path, *, fatal: Moment | None, resume: bool) -> int:
    child = multiprocessing.get_context("fork").Process(target=_train, args=(folder, fatal, resume))
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def _train(folder: Path, fatal: Moment | None, resume: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (88, 3, 16, 16), generator=generator, dtype=torch.uint8)
    images = ImageSet(images=pixels, labels=torch.arange(88) % 4, classes=tuple("abcd"))
    normalization = Normalization(mean=(0.5,) * 3, std=(0.25,) * 3)
    torch.manual_seed(0)
    module = SupernetModule(
        build_supernet(SPACE),
        RECIPE,
        data=images,
        normalization=normalization,
        validate=Validation(
            space=SPACE, normalization=normalization, calibration=images, images=images
        ),
        subnets=Fatal(subnets=Elastic(space=SPACE, seed=0), fatal=fatal),  # type: ignore[arg-type]
    )
    fit(module, folder=folder, resume=resume, progress=False)
    momenta = module.optimizers().state.values()  # type: ignore[union-attr]
    tensors = {
        **module.state_dict(),
        **{f"momentum.{i}": state["momentum_buffer"] for i, state in enumerate(momenta)},
        "best_top1": torch.tensor(module.best_top1, dtype=torch.float64),
    }
    plain = {name: tensor.numpy() for name, tensor in tensors.items()}
    artifacts.write_tensors(folder / "end.safetensors", plain, {})


if __name__ == "__main__":
    sys.exit(main())
