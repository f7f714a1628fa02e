"""Commands on a disk that fills up: one line, nothing lost, and the same command goes on."""

import os
import subprocess
from pathlib import Path

import pytest
from small_disk import small_disk

from benchmarks.tiny_journey import write_checkpoint
from ofa import pipeline
from ofa.cli import main

PAGE = 4096
COMMANDS = {
    "sample": "sample --checkpoint {0}/checkpoint --num 66",
    "fit-predictor": "fit-predictor --checkpoint {0}/checkpoint",
    "search": "search --checkpoint {0}/checkpoint --device pixel --out {0}/run",
    "fleet": "search --checkpoint {0}/checkpoint --devices pixel note8 --budgets 50% --out {0}/run",
    "specialize": "specialize --checkpoint {0}/checkpoint --device pixel --out {0}/run",
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("full") / "checkpoint"
    write_checkpoint(folder, num_measured=60)
    pipeline.fit_predictor(checkpoint=str(folder))
    return folder


def free_pages(folder: Path) -> int:
    return os.statvfs(folder).f_bavail * os.statvfs(folder).f_bsize // PAGE


def fill(folder: Path, *, left: int) -> None:
    """Leave so many free pages."""
    with (folder / "ballast").open("wb") as ballast:
        ballast.write(bytes((free_pages(folder) - left) * PAGE))


@pytest.mark.parametrize(
    ("command", "left"),
    [
        *((command, left) for command in ("sample", "search", "fleet") for left in (0, 3)),
        ("fit-predictor", 3),
        ("specialize", 40),
        *(pytest.param(c, n, marks=pytest.mark.soak) for c in COMMANDS for n in range(0, 200, 8)),
    ],
)
def test_a_command_goes_on_once_there_is_room(
    command, left, checkpoint, tmp_path, capsys, monkeypatch
):
    with small_disk(tmp_path / "disk", num_bytes=64 * 2**20) as disk:
        monkeypatch.setenv("XDG_CACHE_HOME", str(disk / "cache"))
        subprocess.run(["cp", "-r", str(checkpoint), str(disk)], check=True)
        fill(disk, left=left)
        argv = [*COMMANDS[command].format(disk).split(), "--quiet"]

        code = main(argv)

        err = capsys.readouterr().err
        assert (code, err.count("\n")) in [(1, 1), (0, 0)], err
        assert code == 0 or "No space left on device" in err
        assert code == 1 or left > 0
        (disk / "ballast").unlink()
        assert main(argv) == 0, capsys.readouterr().err
        assert not [*disk.rglob(".*.ofa-unfinished"), *disk.rglob(".*lock")]


@pytest.mark.parametrize("command", ["fit-predictor", "search", "fleet"])
def test_a_folder_that_may_not_be_written_is_one_line(command, checkpoint, tmp_path, capsys):
    with small_disk(tmp_path / "disk", num_bytes=64 * 2**20) as disk:
        subprocess.run(["cp", "-r", str(checkpoint), str(disk)], check=True)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

        code = main([*COMMANDS[command].format(disk).split(), "--quiet"])

        err = capsys.readouterr().err
        assert (code, err.count("\n")) == (1, 1), err
        assert "Read-only file system" in err and "choose another --out" in err
