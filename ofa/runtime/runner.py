"""Times the engines of a bundle on the device that runs it; see ``ofa.runtime.bundle``.

It needs Python 3.10, numpy and the library of one runtime, and nothing else. Each round is written
at once, so that a second start goes on where the first was cut off. With ``--print`` one round is
timed and printed, which is what an ssh target reads.
"""

import argparse
import json
import os
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ofa.runtime.loaders import load, version_of
from ofa.runtime.machine import Provenance, provenance
from ofa.runtime.rounds import Protocol, Round, in_rounds, largest_drift, next_round
from ofa.runtime.timing import Timing, measure_ms

ANSWER = "ofa-answer "
"""What the one line begins with that an ssh target looks for."""
PLAN, ENGINES = "plan.json", "engines/"


def circumstances(runtime: str) -> Provenance:
    """The circumstances on this machine, now, under a runtime of ``ofa.runtime.loaders``."""
    return provenance(runtime=runtime, runtime_version=version_of(runtime))


def main(archive: str, argv: list[str]) -> int:
    """Run the bundle ``archive``.

    Returns:
        0, or 1 after an error, which is printed as one line.
    """
    parser = argparse.ArgumentParser(description="Times networks on this device.")
    parser.add_argument("--out", type=Path, default=Path("results.jsonl"), help="where results go")
    parser.add_argument("--print", action="store_true", help="time one round and print it")
    options = parser.parse_args(argv)
    try:
        with zipfile.ZipFile(archive) as bundle:
            plan = json.loads(bundle.read(PLAN))
            if options.print:
                print(ANSWER + json.dumps(_first_round(bundle, plan)), flush=True)
            else:
                print(_all_rounds(bundle, plan, options.out))
    except (OSError, RuntimeError, MemoryError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(ANSWER + json.dumps({"error": reason}) if options.print else reason, flush=True)
        return 1
    return 0


def _first_round(bundle: zipfile.ZipFile, plan: dict[str, Any]) -> dict[str, Any]:
    """The first round, or the circumstances alone where there are no engines."""
    if not plan["names"]:
        return {"provenance": asdict(circumstances(plan["runtime"]))}
    return asdict(_round(bundle, plan, 0))


def _all_rounds(bundle: zipfile.ZipFile, plan: dict[str, Any], out: Path) -> str:
    """Time what is missing from ``out``; returns how it went."""
    protocol = Protocol(**plan["protocol"])
    rounds = in_rounds(plan["names"], protocol)
    done = _resume(out, plan)
    resumed = len(done)
    while (index := next_round(rounds, done, protocol, resumed=resumed)) < len(rounds):
        done.append(_round(bundle, plan, index))
        _append(out, asdict(done[-1]))
        print(f"round {index + 1} of {len(rounds)}", file=sys.stderr)
    drift = largest_drift(rounds, done)
    mend = "; too much: stop other programs and start again" if drift > protocol.max_drift else ""
    return f"{out}: {len(rounds)} rounds, drift {drift:.1%}{mend}"


def _round(bundle: zipfile.ZipFile, plan: dict[str, Any], index: int) -> Round:
    protocol = Protocol(**plan["protocol"])
    names = in_rounds(plan["names"], protocol)[index]
    runs = [load(plan["runtime"], _files(bundle, name), plan["threads"]) for name in names]
    timings = measure_ms(runs, warmup=protocol.warmup, repeats=protocol.repeats)
    return Round(
        index=index,
        timings=dict(zip(names, timings)),
        provenance=circumstances(plan["runtime"]),
    )


def _files(bundle: zipfile.ZipFile, engine: str) -> dict[str, bytes]:
    """The files of an engine, in the order in which they were packed."""
    folder = f"{ENGINES}{engine}/"
    return {
        path.removeprefix(folder): bundle.read(path)
        for path in bundle.namelist()
        if path.startswith(folder)
    }


def _resume(out: Path, plan: dict[str, Any]) -> list[Round]:
    """The rounds that an earlier start wrote; starts the file if there are none."""
    header = {"schema": plan["schema"], "identity": plan["identity"]}
    heading = json.dumps(header).encode() + b"\n"
    whole = out.read_bytes() if out.exists() else b""
    if heading.startswith(whole):  # empty, or cut off within its first line
        out.write_bytes(heading)
        return []
    if not whole.startswith(heading):
        raise OSError(f"{out}: holds no results of this bundle; choose another --out")
    lines = whole[len(heading) : whole.rfind(b"\n") + 1].splitlines()
    try:
        rounds = [_parse(line) for line in lines]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OSError(f"{out}: holds a damaged line; choose another --out") from error
    here = circumstances(plan["runtime"]).identity
    if rounds and rounds[-1].provenance.identity != here:
        raise OSError(f"{out}: was begun on {rounds[-1].provenance.identity}, but this is {here}")
    with out.open("r+b") as file:
        file.truncate(whole.rfind(b"\n") + 1)
    return rounds


def _parse(line: bytes) -> Round:
    body = json.loads(line)
    return Round(
        index=body["index"],
        timings={name: Timing(**timing) for name, timing in body["timings"].items()},
        provenance=Provenance(**body["provenance"]),
    )


def _append(out: Path, body: dict[str, Any]) -> None:
    with out.open("ab") as file:
        file.write(json.dumps(body).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
