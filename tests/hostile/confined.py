"""Read hostile files in a process that is held to its bounds; a program of its own.

::

    python tests/hostile/confined.py FORMAT FIRST LAST     attacks of these numbers, and all bombs
    python tests/hostile/confined.py FORMAT --guided RUNS  libFuzzer looks for inputs that reach
                                                           new lines (atheris, extra "fuzz")

The process may take 1 GiB above what a sound file left it with and 10 s an input; it may write
nowhere but into the reader's own folder, start no program and open no connection. A reader returns,
or raises an ``OfaError`` of one printable line; anything else ends the process with the number of
the attack. The last line says what was tried, as JSON.
"""

import json
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
        signal.signal(signal.SIGALRM, _too_slow)

    def try_(self, data: bytes) -> None:
        """Let the reader have the content of one file."""
        from ofa.errors import OfaError

        started_at = time.perf_counter()
        signal.alarm(MAX_S)
        self._watching = True
        try:
            self._in_folder(data)
            outcome = "read"
        except OfaError as error:
            outcome = "refused"
            line = " ".join(str(error).split())
            line.encode()  # a lone surrogate could not be printed
            assert line, "an error without a word"
        finally:
            self._watching = False
            signal.alarm(0)
        self.slowest_s = max(self.slowest_s, time.perf_counter() - started_at)
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


def attack_by_number(name: str, first: int, last: int) -> dict[str, object]:
    """Run attacks, then all bombs of the format."""
    from hostile.attacks import attack, bombs

    with tempfile.TemporaryDirectory() as root:
        confined = Confined(name, Path(root) / "reader")
        kind, sound = confined.format.kind, confined.format.sound()
        inputs = [(n, lambda n=n: attack(sound[n % len(sound)], kind, n)) for n in range(first, last)]
        inputs += [(f"bomb {n}", lambda bomb=bomb: bomb) for n, bomb in enumerate(bombs(kind))]
        failures: list[str] = []
        for number, make in inputs:
            data = make()
            _last_words(f"{name}: attack {number}")
            try:
                confined.try_(data)
            except (Exception, Escape) as error:  # noqa: BLE001  # each is a finding
                failures.append(_finding(number, error))
        os.chdir("/")
        return {
            **confined.outcomes,
            "slowest_s": round(confined.slowest_s, 2),
            "failures": failures,
        }


def fuzz(name: str, runs: int) -> dict[str, object]:
    """Run libFuzzer on the reader, from the sound files; half of its mutations are attacks."""
    import atheris

    from hostile import formats
    from hostile.attacks import attack

    with tempfile.TemporaryDirectory() as root:
        confined = Confined(name, Path(root) / "reader")
        kind = confined.format.kind
        corpus = Path(root) / "corpus"
        corpus.mkdir()
        for number, sound in enumerate(confined.format.sound()):
            (corpus / str(number)).write_bytes(sound)

        def mutate(data: bytes, max_size: int, seed: int) -> bytes:
            if seed % 2:
                try:
                    return attack(data, kind, seed)[:max_size]
                except Exception:  # noqa: BLE001  # no longer sound enough to take apart
                    pass
            return atheris.Mutate(data, max_size)

        def one(data: bytes) -> None:
            confined.try_(data)

        words = [sys.argv[0], f"-runs={runs}", "-max_len=65536", "-timeout=10", "-rss_limit_mb=0",
                 "-verbosity=0", "-print_final_stats=0", str(corpus)]  # fmt: skip
        atheris.Setup(words, one, custom_mutator=mutate)
        assert formats.FORMATS
        try:
            atheris.Fuzz()
        finally:
            os.chdir("/")
            print(json.dumps({**confined.outcomes, "slowest_s": round(confined.slowest_s, 2)}))
    return {}


def _finding(number: object, error: BaseException) -> str:
    """An error, and the last line of ofa that it passed through."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/ofa/" in f.filename]
    at = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{number}: {type(error).__name__} at {at}: {ascii(str(error))[:160]}"


def _last_words(text: str) -> None:
    """What is known if the process is killed."""
    sys.argv[0] = text
    if path := os.environ.get("LAST_WORDS"):
        Path(path).write_text(text)


def _too_slow(*_: object) -> None:
    raise Escape(f"longer than {MAX_S} s")


def main() -> None:
    """Run what the command line says."""
    warnings.simplefilter("ignore")  # of numbers that overflow; what is returned is judged
    name, *numbers = sys.argv[1:]
    guided = numbers[0] == "--guided"
    if guided:
        import atheris

        with atheris.instrument_imports(include=["ofa", "json", "yaml", "zipfile"]):
            _import_formats()
        result = fuzz(name, int(numbers[1]))
    else:
        _import_formats()
        result = attack_by_number(name, int(numbers[0]), int(numbers[1]))
    print(json.dumps({"format": name, **result}))


def _import_formats() -> None:
    from hostile import engine_formats, text_formats, weight_formats  # noqa: F401


if __name__ == "__main__":
    main()
