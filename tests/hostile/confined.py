"""Read hostile files in processes that are held to their bounds; a program of its own.

::

    python tests/hostile/confined.py 0 200                 attacks 0 to 199 on every format
    python tests/hostile/confined.py 0 200 recipe          on one
    python tests/hostile/confined.py --bombs 0 0           the costliest files of each format alone
    python tests/hostile/confined.py --guided 0 10000 ...  libFuzzer looks for inputs that reach new
                                                           lines (atheris: the extra "fuzz")

Each format has a process, forked before it read anything. It may take 1 GiB above what a sound
file left it with and 10 s of a processor an input; it may write nowhere but into the reader's own
folder, start no program and open no connection. A reader returns, or raises an ``OfaError`` that
can be printed; anything else is a failure. What was tried is one line of JSON a format.
"""

import argparse
import contextlib
import json
import logging
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]
sys.dont_write_bytecode = True

MAX_BYTES = 2**30
MAX_S = 10
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod",
           "os.truncate", "shutil.rmtree", "shutil.move"}  # fmt: skip
FORBIDDEN = {"os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pty.spawn",
             "socket.connect", "socket.bind", "urllib.Request", "webbrowser.open"}  # fmt: skip


class Escape(BaseException):
    """A reader reached beyond its folder."""


class Confined:
    """One reader under the bounds, and what it did so far."""

    def __init__(self, name: str, folder: Path) -> None:
        from hostile.formats import FORMATS

        self.format = FORMATS[name]
        self.folder = folder
        self.outcomes: Counter[str] = Counter()
        self.num_tried = 0
        self.slowest_s = 0.0
        self._watching = False
        for sound in self.format.sound():
            self._in_folder(sound)  # raises where the format itself is not understood
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        self.base_bytes = pages * resource.getpagesize()
        limit = self.base_bytes + MAX_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.addaudithook(self._audit)
        signal.signal(signal.SIGPROF, _too_slow)  # of the process's own time
        signal.signal(signal.SIGALRM, _too_slow)  # of the clock: it waits for something

    def try_(self, data: bytes) -> None:
        """Let the reader have the content of one file."""
        from ofa.errors import OfaError

        self.num_tried += 1
        started_at = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, MAX_S)
        signal.alarm(60 * MAX_S)
        self._watching = True
        try:
            self._in_folder(data)
            outcome = "read"
        except OfaError as error:
            outcome = "refused"
            if not (line := " ".join(str(error).split())).isprintable() or not line:
                raise Escape(f"an error that a terminal obeys: {line!r}") from error
        finally:
            self._watching = False
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
        self.slowest_s = max(self.slowest_s, time.process_time() - started_at)
        self.outcomes[outcome] += 1

    def _in_folder(self, data: bytes) -> None:
        watching, self._watching = self._watching, False
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        os.chdir(self.folder)
        self._watching = watching
        self.format.read(self.folder, data)
        left = {path.name for path in self.folder.rglob("*")}
        if "canary" in left:
            raise Escape("code of the file was run")

    def _audit(self, event: str, args: tuple) -> None:
        if not self._watching:
            return
        if event in FORBIDDEN:
            raise Escape(f"{event} {args!r:.200}")
        writes = event == "open" and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if not writes and event not in CHANGES:
            return
        paths = [Path(os.fsdecode(a)) for a in args[:2] if isinstance(a, str | bytes | os.PathLike)]
        for path in paths if event in ("os.rename", "os.link", "shutil.move") else paths[:1]:
            at = path if path.is_absolute() else self.folder / path
            if not Path(os.path.normpath(at)).is_relative_to(self.folder) and str(at) != os.devnull:
                raise Escape(f"{event} {path}")


def attack(name: str, first: int, last: int, *, with_bombs: bool, root: Path) -> None:
    """Try the attacks of these numbers, and tell what came of them."""
    from hostile import attacks

    confined = Confined(name, root / "reader")
    kind, sound = confined.format.kind, confined.format.sound()
    failures: list[str] = []

    def try_(number: object, data: bytes) -> None:
        (root / "at").write_text(str(number))
        try:
            confined.try_(data)
        except (Exception, Escape) as error:  # noqa: BLE001  # each is a finding
            failures.append(_finding(number, error))

    for number in range(first, last):
        try_(number, attacks.attack(sound[number % len(sound)], kind, number))
    for number, bomb in enumerate(attacks.bombs(kind) if with_bombs else ()):
        try_(f"bomb {number}", bomb)
    _tell(name, confined, failures, root)


def guided(name: str, runs: int, *, root: Path) -> None:
    """Let libFuzzer look for inputs, from the sound files; half of its mutations are attacks."""
    import atheris
    from hostile import attacks

    confined = Confined(name, root / "reader")
    kind = confined.format.kind
    corpus = root / "corpus"
    corpus.mkdir()
    for number, sound in enumerate(confined.format.sound()):
        (corpus / str(number)).write_bytes(sound)
    failures: list[str] = []

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        if seed % 2:
            with contextlib.suppress(Exception):  # no longer sound enough to take apart
                return attacks.attack(data, kind, seed)[:max_size]
        return atheris.Mutate(data, max_size)

    def one(data: bytes) -> None:
        try:
            confined.try_(data)
        except (Exception, Escape) as error:  # noqa: BLE001  # each is a finding
            failures.append(_finding(data[:200], error))
        if confined.num_tried % 500 == 0 or confined.num_tried >= runs:  # libFuzzer does not return
            _tell(name, confined, failures, root)

    words = [
        "fuzz",
        f"-runs={runs}",
        "-max_len=65536",
        "-timeout=0",
        "-rss_limit_mb=0",
        "-verbosity=0",
    ]
    atheris.Setup([*words, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


def _tell(name: str, confined: Confined, failures: list[str], root: Path) -> None:
    told = {
        "format": name,
        **confined.outcomes,
        "failed": len(failures),
        "slowest_s": round(confined.slowest_s, 2),
        "failures": failures[:20],
    }
    (root / "told.json").write_text(json.dumps(told))


def _finding(number: object, error: BaseException) -> str:
    """An error, and the last line of ofa that it passed through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/ofa/" in f.filename]
    at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{number}: {type(error).__name__} at {at}: {ascii(str(error))[:160]}"


def _too_slow(*_: object) -> None:
    raise Escape(f"longer than {MAX_S} s")


def in_a_process(name: str, options: argparse.Namespace) -> dict[str, object]:
    """What a forked copy of this process found in one format."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                if options.guided:
                    guided(name, options.last, root=root)
                else:
                    attack(name, options.first, options.last, with_bombs=options.bombs, root=root)
                code = 0
            except (Exception, Escape):  # noqa: BLE001  # told by the status
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        told = root / "told.json"
        found = json.loads(told.read_text()) if told.exists() else {"format": name, "failures": []}
        if status:
            at = (root / "at").read_text() if (root / "at").exists() else "its start"
            found["failures"].append(f"{at}: the process ended with status {status}")
        return found


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("formats", nargs="*")
    parser.add_argument("--bombs", action="store_true", help="the costliest files as well")
    parser.add_argument("--guided", action="store_true", help="by libFuzzer, LAST inputs a format")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of numbers that overflow; what is returned is judged
    logging.disable()
    if options.guided:
        import atheris

        with atheris.instrument_imports(include=["ofa", "json", "yaml", "zipfile"]):
            formats = _formats()
    else:
        formats = _formats()
    for name in options.formats or formats:
        sys.stdout.write(json.dumps(in_a_process(name, options)) + "\n")
        sys.stdout.flush()


def _formats() -> list[str]:
    from hostile import engine_formats, formats, text_formats, weight_formats  # noqa: F401

    return list(formats.FORMATS)


if __name__ == "__main__":
    main()
