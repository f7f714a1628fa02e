"""Ctrl-C and SIGTERM end any command within two seconds, in one line, and it goes on afterwards."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from benchmarks.tiny_journey import write_checkpoint
from ofa import checkpoint as files

LIMIT_S = 2.0
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
NEVER_RETURNS = """
import ctypes, sys
from ofa import interrupts
def stuck():
    print("ready", flush=True)
    while True:
        ctypes.CDLL(None).sleep(60)  # foreign code that no handler of Python gets into
sys.exit(interrupts.run(stuck, told="told"))
"""
IS_NEVER_CLEANED_UP = """
import atexit, sys, threading
from ofa import interrupts
atexit.register(threading.Event().wait)
def done():
    print("result")
    return 3
sys.exit(interrupts.run(done, told="told"))
"""


@pytest.fixture
def checkpoint(tmp_path):
    """A supernet with images, of which every measurement takes some milliseconds."""
    folder = tmp_path / "checkpoint"
    write_checkpoint(folder, num_measured=0)
    return folder


def start(*argv: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "ofa", *argv, "--quiet"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def interrupt(process: subprocess.Popen, signum: signal.Signals) -> None:
    """Signal a command as a terminal does, all its processes at once, and judge how it ends."""
    sent_at = time.monotonic()
    os.killpg(process.pid, signum)
    _, err = process.communicate(timeout=30)
    elapsed_s = time.monotonic() - sent_at
    assert process.returncode == CODES[signum], err
    assert err.count("\n") == 1 and "interrupted; the same command" in err, err
    assert elapsed_s < LIMIT_S


@pytest.mark.parametrize("signum", CODES)
def test_training_ends_and_its_folder_is_free_again(signum, striped_images, tmp_path):
    run = tmp_path / "run"
    recipe = tmp_path / "endless.yaml"
    text = Path("recipes/tiny.yaml").read_text()
    recipe.write_text(text.replace("epochs: 2", "epochs: 9999"))
    flags = ["--recipe", str(recipe), "--data.root", str(striped_images), "--out", str(run)]
    process = start("train", *flags, "--train.checkpoint_every", "1")
    wait_for(run / "last.ckpt", process)

    interrupt(process, signum)

    assert not list(run.rglob(".*"))
    torch.load(run / "last.ckpt", weights_only=True)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sampling_ends_and_goes_on(workers, checkpoint):
    flags = ["--checkpoint", str(checkpoint), "--num", "1500", "--workers", workers]
    process = start("sample", *flags)
    wait_for(checkpoint / files.ACCURACY, process)

    interrupt(process, signal.SIGINT)

    assert not list(checkpoint.rglob(".*"))
    accuracy = checkpoint / files.ACCURACY
    assert files.read_accuracy(accuracy, supernet=checkpoint / files.SUPERNET)


def test_a_second_command_on_the_same_data_is_told_who_holds_it(checkpoint):
    flags = ["--checkpoint", str(checkpoint), "--num", "1500"]
    first = start("sample", *flags)
    wait_for(checkpoint / files.ACCURACY, first)

    second = start("sample", *flags)
    _, err = second.communicate(timeout=60)
    first.kill()
    first.communicate()

    assert second.returncode == 1
    assert f"accuracy.jsonl: is in use by process {first.pid} on" in err
    assert "or measure another part with --shard" in err


@pytest.mark.parametrize("signum", CODES)
def test_foreign_code_that_does_not_return_is_ended_as_well(signum):
    process = subprocess.Popen(
        [sys.executable, "-c", NEVER_RETURNS],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    sent_at = time.monotonic()
    process.send_signal(signum)
    _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (CODES[signum], "told\n")
    assert time.monotonic() - sent_at < LIMIT_S


def test_a_program_that_is_done_ends_though_its_clean_up_does_not():
    done = subprocess.run(
        [sys.executable, "-c", IS_NEVER_CLEANED_UP], capture_output=True, text=True, timeout=30
    )

    assert (done.returncode, done.stdout, done.stderr) == (3, "result\n", "")


def test_a_killed_worker_is_told_in_one_line(checkpoint):
    flags = ["--checkpoint", str(checkpoint), "--num", "1500", "--workers", "2"]
    process = start("sample", *flags)
    wait_for(checkpoint / files.ACCURACY, process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [c for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]

    os.kill(int(workers[-1]), signal.SIGKILL)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 1
    assert err.count("\n") == 1 and "a process that measures subnets was killed" in err


@pytest.mark.soak
def test_a_hundred_random_moments_of_a_start_are_as_good(checkpoint, tmp_path):
    rng = random.Random(0)
    for _ in range(100):
        process = start("search", "--device", "pixel", "--out", str(tmp_path / "run"))
        try:
            process.wait(rng.uniform(0.1, 4.0))
        except subprocess.TimeoutExpired:
            interrupt(process, rng.choice(list(CODES)))


def wait_for(path: Path, process: subprocess.Popen) -> None:
    """Wait until a command has written a file of some length."""
    pause = threading.Event()
    while not (path.exists() and path.stat().st_size > 2000):
        assert process.poll() is None, process.communicate()
        pause.wait(0.05)
