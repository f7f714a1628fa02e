"""What is written survives kills and full disks, and one process at a time writes it."""

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from no_locks import can_refuse_locks
from small_disk import small_disk

from ofa import writing
from ofa.errors import BadArtifact, InUse

SLOW_WRITER = """
import sys, time
from pathlib import Path
from ofa.writing import new_folder, claimed
run = Path(sys.argv[1])
with claimed(run, is_folder=True), new_folder(run / "bundle") as folder:
    (folder / "half").touch()
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def slow_writer(tmp_path):
    """A process that holds ``tmp_path / 'run'`` and is in the middle of writing a folder there."""
    command = [sys.executable, "-c", SLOW_WRITER, str(tmp_path / "run"), "an argument"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def unfinished(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*.ofa-unfinished")]


def test_the_second_process_is_told_who_holds_the_folder(slow_writer, tmp_path):
    who = rf"process {slow_writer.pid} on \S+ \(ofa .*an argument\); wait for it"

    with pytest.raises(InUse, match=who), writing.claimed(tmp_path / "run", is_folder=True):
        pytest.fail("both processes hold it")


def test_a_lock_dies_with_its_holder_and_leaves_no_file(slow_writer, tmp_path):
    slow_writer.kill()
    slow_writer.wait()

    assert (tmp_path / "run" / ".lock").exists()

    with writing.claimed(tmp_path / "run", is_folder=True):
        assert (tmp_path / "run" / ".lock").exists()

    assert not (tmp_path / "run" / ".lock").exists()


def test_what_a_killed_process_left_unfinished_is_swept_by_the_next_write(slow_writer, tmp_path):
    run = tmp_path / "run"
    writing.write_atomically(run / "other", b"")
    assert len(unfinished(run)) == 1, "what a living process is writing must stay"
    slow_writer.send_signal(signal.SIGKILL)
    slow_writer.wait()

    writing.write_atomically(run / "other", b"")

    assert sorted(os.listdir(run)) == [".lock", "other"]


def test_files_of_other_programs_are_left_alone(tmp_path):
    (tmp_path / ".other.tmp").touch()
    (tmp_path / ".link.ofa-unfinished").symlink_to(tmp_path / ".other.tmp")

    writing.write_atomically(tmp_path / "file", b"")

    assert (tmp_path / ".other.tmp").exists()


def test_a_folder_that_appears_meanwhile_is_replaced(tmp_path):
    with writing.new_folder(tmp_path / "bundle") as first:
        (first / "first").touch()
        with writing.new_folder(tmp_path / "bundle") as second:
            (second / "second").touch()

    assert os.listdir(tmp_path) == ["bundle"]
    assert os.listdir(tmp_path / "bundle") == ["first"]


def test_many_writers_of_one_folder_disturb_nobody(tmp_path):
    def write(number):
        writing.write_atomically(tmp_path / f"file {number % 4}", b"whole")
        _fill_folder(tmp_path / f"folder {number % 4}", b"whole")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(400)))

    names = sorted(os.listdir(tmp_path))
    assert names == [f"{kind} {number}" for kind in ("file", "folder") for number in range(4)]


WRITES = {
    "a file": lambda folder, data: writing.write_atomically(folder / "old", data),
    "a line": lambda folder, data: writing.append_line(folder / "lines", {"text": data.decode()}),
    "a folder": lambda folder, data: _fill_folder(folder / "new", data),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_full_disk_is_one_line_and_costs_nothing_that_was_there(write, tmp_path):
    with small_disk(tmp_path / "disk", num_bytes=200_000) as folder:
        writing.write_atomically(folder / "old", b"old")
        writing.append_line(folder / "lines", {"number": 1})

        with pytest.raises(BadArtifact, match=r"No space left on device.*free space") as refusal:
            write(folder, b"x" * 1_000_000)

        assert "\n" not in str(refusal.value)
        assert sorted(os.listdir(folder)) == ["lines", "old"]
        assert (folder / "old").read_bytes() == b"old"
        writing.append_line(folder / "lines", {"number": 2})
        assert (folder / "lines").read_text() == '{"number":1}\n{"number":2}\n'


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    with small_disk(tmp_path / "disk", num_bytes=200_000) as folder:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)

        with pytest.raises(BadArtifact, match=r"Read-only file system.*choose another --out"):
            writing.write_atomically(folder / "deep" / "file", b"")
        with pytest.raises(BadArtifact, match="Read-only"), writing.claimed(folder / "run"):
            pytest.fail("nothing can be written there")


def test_a_claim_says_what_to_do_about_it(tmp_path):
    with writing.claimed(tmp_path / "run"):
        mend = re.escape("take another --shard")
        with (
            pytest.raises(InUse, match=mend),
            writing.claimed(tmp_path / "run", mend="take another --shard"),
        ):
            pytest.fail("held twice")


def test_a_claim_that_waits_says_for_whom_and_gets_its_turn(slow_writer, tmp_path, caplog):
    run = tmp_path / "run"

    with ThreadPoolExecutor(1) as pool:
        turn = pool.submit(_hold, run)
        while "waiting for it" not in caplog.text:
            assert not turn.done()
        slow_writer.kill()

    assert turn.result() == [".lock"]
    assert f"{run}: is in use by process {slow_writer.pid} on" in caplog.text


def _hold(run: Path) -> list[str]:
    with writing.claimed(run, is_folder=True, wait=True):
        return [path.name for path in run.glob(".lock")]


def _fill_folder(path: Path, data: bytes) -> None:
    with writing.new_folder(path) as new:
        writing.write_atomically(new / "file", data)


@pytest.mark.parametrize(("umask", "file_mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_what_is_written_may_be_read_by_whom_the_user_lets_read(tmp_path, umask, file_mode):
    program = (
        f"import os; os.umask({umask})\n"
        "from pathlib import Path\n"
        "from ofa.writing import append_line, new_folder, write_atomically\n"
        "write_atomically(Path('file'), b'x'); append_line(Path('lines'), {})\n"
        "with new_folder(Path('folder')) as folder: write_atomically(folder / 'inner', b'x')\n"
    )

    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)

    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    execute = 0o111 & ~umask
    assert modes == {
        "file": file_mode, "lines": file_mode, "folder": file_mode | execute, "inner": file_mode
    }  # fmt: skip


@pytest.mark.skipif(not can_refuse_locks(), reason="needs a kernel whose answers can be changed")
def test_a_file_system_without_locks_is_written_like_any_other(tmp_path):
    program = (
        "import fcntl, os\n"
        "from pathlib import Path\n"
        "from no_locks import refuse_locks\n"
        "from ofa.writing import append_line, claimed, new_folder, write_atomically\n"
        "refuse_locks()\n"
        "try:\n"
        "    fcntl.flock(os.open('.', os.O_RDONLY), fcntl.LOCK_SH)\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
        "for text in (b'old', b'new'):\n"
        "    with claimed(Path('run'), is_folder=True), claimed(Path('run'), is_folder=True):\n"
        "        write_atomically(Path('run/file'), text)\n"
        "    with new_folder(Path('folder')) as folder:\n"
        "        write_atomically(folder / 'file', text)\n"
        "    append_line(Path('lines.jsonl'), {'text': str(text)})\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )

    assert (done.stdout, done.stderr) == ("No locks available\n", "")
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert written == {"run", "run/file", "folder", "folder/file", "lines.jsonl"}
    assert (tmp_path / "run/file").read_bytes() == (tmp_path / "folder/file").read_bytes() == b"new"
    assert len((tmp_path / "lines.jsonl").read_text().splitlines()) == 2
