"""What may happen to a training run: steps that are not finite, dead workers, full disks."""

import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_disk import small_disk

from ofa.data import ImageSet, Normalization
from ofa.errors import BadArtifact, Diverged
from ofa.recipe import Phase, Recipe, Train
from ofa.supernets import build_supernet
from ofa.train import SupernetModule, fit
from ofa.train.finite import MAX_SKIPPED

PHASES = (Phase(name="all", epochs=3, learning_rate=0.05),)


SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
import ofa.train, pytorch_lightning, ofa.data
from ofa.cli import main
mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + 400 * 2**20,) * 2)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def recipe(tiny_space):
    return Recipe(
        space=tiny_space,
        train=Train(
            phases=PHASES, batch_size=8, threads=1, accelerator="cpu", validate_every=9,
            checkpoint_every=4,
        ),
    )  # fmt: skip


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (48, 3, 16, 16), generator=generator, dtype=torch.uint8)
    return ImageSet(images=pixels, labels=torch.arange(48) % 4, classes=tuple("abcd"))


def trained(recipe, images, folder, *, resume=False, bad_steps=()):
    """A module trained in ``folder``, whose logits are NaN in some steps."""
    torch.manual_seed(0)
    module = SupernetModule(
        supernet := build_supernet(recipe.space),
        recipe,
        data=images,
        normalization=Normalization(mean=(0.5,) * 3, std=(0.25,) * 3),
        validate=lambda net, arch, ranks: 50.0,
    )

    def spoil(net, arguments, logits):
        return logits * math.nan if net.training and module.global_step in bad_steps else logits

    supernet.register_forward_hook(spoil)
    fit(module, folder=folder, resume=resume, progress=False)
    return module


def test_a_step_that_is_not_finite_ends_training_and_names_step_arch_and_checkpoint(
    recipe, images, tmp_path
):
    largest = recipe.space.largest().id

    with pytest.raises(Diverged) as refusal:
        trained(recipe, images, tmp_path, bad_steps={10})

    line = str(refusal.value)
    assert f"the loss of subnet {largest} (" in line
    assert "is nan at step 10 of phase 'all'" in line
    assert f"the last good checkpoint is {tmp_path / 'last.ckpt'}, of step 8" in line
    assert line.endswith("or start anew with another --out and a lower learning_rate")
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.isfinite(value).all() for value in saved.values())


def test_before_the_first_checkpoint_there_is_nothing_to_go_on_from(recipe, images, tmp_path):
    with pytest.raises(Diverged, match="no checkpoint was written before; start anew with a lower"):
        trained(recipe, images, tmp_path, bad_steps={1})


def test_a_run_that_stopped_goes_on_when_told_to_skip(recipe, images, tmp_path):
    skipping = replace(recipe, train=replace(recipe.train, on_nan="skip"))
    whole = trained(skipping, images, tmp_path / "whole", bad_steps={10})
    with pytest.raises(Diverged):
        trained(recipe, images, tmp_path / "cut", bad_steps={10})

    resumed = trained(skipping, images, tmp_path / "cut", bad_steps={10}, resume=True)

    assert resumed.global_step == whole.global_step == 18
    wanted, found = whole.supernet.state_dict(), resumed.supernet.state_dict()
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)
    assert all(torch.isfinite(value).all() for value in wanted.values())


@pytest.mark.parametrize(
    ("accelerator", "precision"),
    [
        ("cpu", "32-true"),
        ("cpu", "bf16-mixed"),
        pytest.param("cuda", "16-mixed", marks=pytest.mark.gpu),
    ],
)
def test_a_skipped_step_changes_no_parameter(
    accelerator, precision, recipe, images, tmp_path, caplog
):
    train = replace(recipe.train, on_nan="skip", accelerator=accelerator, precision=precision)
    recipe = replace(recipe, train=train)
    torch.manual_seed(0)
    before = dict(build_supernet(recipe.space).named_parameters())

    module = trained(recipe, images, tmp_path, bad_steps=range(18))

    assert module.global_step == 18
    assert caplog.text.count("; left out") == 18
    for name, parameter in module.supernet.named_parameters():
        assert torch.equal(before[name], parameter.cpu())


def test_a_run_that_skips_only_gives_up(recipe, images, tmp_path):
    phases = (replace(PHASES[0], epochs=4),)
    recipe = replace(recipe, train=replace(recipe.train, on_nan="skip", phases=phases))

    with pytest.raises(Diverged, match=f"and so were {MAX_SKIPPED} steps before it"):
        trained(recipe, images, tmp_path, bad_steps=range(99))


def test_a_disk_that_fills_up_ends_training_in_one_line_and_keeps_the_checkpoint(
    recipe, images, tmp_path
):
    trained(recipe, images, tmp_path / "size")
    room = int(1.7 * (tmp_path / "size" / "last.ckpt").stat().st_size)
    with small_disk(tmp_path / "disk", num_bytes=room) as folder:
        with pytest.raises(BadArtifact, match="No space left on device") as refusal:
            trained(recipe, images, folder / "run")

        assert "\n" not in str(refusal.value)
        torch.load(folder / "run" / "last.ckpt", weights_only=True)
        assert not list(folder.rglob(".*"))


@pytest.mark.parametrize("content", [b"PK\x03\x04 half of a checkpoint", b"\x80\x02}q\x00X"])
def test_a_damaged_checkpoint_is_refused_in_one_line(recipe, images, tmp_path, content):
    (tmp_path / "last.ckpt").write_bytes(content)

    with pytest.raises(BadArtifact, match=r"last\.ckpt: is no readable checkpoint; remove it, or"):
        trained(recipe, images, tmp_path, resume=True)


def test_a_killed_loader_process_is_told_in_one_line(striped_images, tmp_path):
    recipe = tmp_path / "endless.yaml"
    recipe.write_text(Path("recipes/tiny.yaml").read_text().replace("epochs: 2", "epochs: 9999"))
    process = start_training(
        striped_images, tmp_path / "run", "--data.workers", "1", "--data.stream", "true",
        recipe=recipe,
    )  # fmt: skip
    pause = threading.Event()
    while process.poll() is None:  # one that has just done its epoch is not missed
        for worker in loader_processes(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        pause.wait(0.2)

    _, err = process.communicate()

    assert process.returncode == 1
    assert err.count("\n") == 1
    assert "a process that reads training images was killed" in err


def test_an_unreadable_image_in_a_loader_process_is_one_line(striped_images, tmp_path):
    bad = next((striped_images / "train" / "rows").glob("*.png"))
    whole = bad.read_bytes()
    bad.write_bytes(b"no image")
    try:
        process = start_training(
            striped_images, tmp_path / "run", "--data.workers", "1", "--data.stream", "true"
        )
        _, err = process.communicate(timeout=100)
    finally:
        bad.write_bytes(whole)

    assert process.returncode == 1
    assert err.count("\n") == 1
    assert "Traceback" not in err and bad.name in err


def test_a_machine_short_of_memory_is_one_line(striped_images, tmp_path):
    recipe = tmp_path / "large.yaml"
    text = Path("recipes/tiny.yaml").read_text()
    text = text.replace("[24, 32]", "[224, 256]").replace("resolutions: [32]", "resolutions: [256]")
    recipe.write_text(text.replace("batch_size: 16", "batch_size: 100"))
    argv = ["train", "--recipe", str(recipe), "--data.root", str(striped_images), "--quiet"]
    argv += ["--out", str(tmp_path / "run")]

    done = subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY, *argv], capture_output=True, text=True
    )

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "ofa train: out of memory; close other programs" in done.stderr


def start_training(
    images: Path, out: Path, *flags: str, recipe: Path = Path("recipes/tiny.yaml")
) -> subprocess.Popen:
    command = ["-m", "ofa", "train", "--recipe", str(recipe), "--quiet"]
    command += ["--data.root", str(images), "--out", str(out), *flags]
    return subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True)


def loader_processes(pid: int) -> list[int]:
    """The processes that decode images for a training run."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    with contextlib.suppress(FileNotFoundError):
        return [
            int(child)
            for child in children
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
    return []
