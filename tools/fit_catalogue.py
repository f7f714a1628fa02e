"""Fit the catalogue of devices to public measurements, or judge how well that can be done.

    python tools/fit_catalogue.py DATA                       write devices/<id>/ for every device
    python tools/fit_catalogue.py DATA --check               errors by cross-validation
    python tools/fit_catalogue.py DATA --evaluate KEPT       errors on networks kept aside

DATA holds blocks.csv, networks.csv, networks_help_ofa.csv, arch_qed.json and arch_ncnn.json, made
from the repositories that each device's card names; KEPT, the two tables of networks. They are no
part of this repository, since some sources carry no licence; the models fitted to them are.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from catalogue.bars import bars
from catalogue.card import card
from catalogue.entries import ENTRIES, Entry
from catalogue.fits import fit
from ofa import artifacts
from ofa.errors import OfaError
from ofa.latency import LatencyModel

HEADER = """Latency of {name}, fitted from public measurements; README.md tells how well.
Made by: python tools/fit_catalogue.py DATA
A row of draws holds ms per unit of a feature (units: ofa/latency/features.py), one value a draw."""


def main() -> int:
    """Fit, judge, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of the measurements")
    parser.add_argument("--check", action="store_true", help="only judge, by cross-validation")
    parser.add_argument("--evaluate", type=Path, metavar="KEPT", help="only judge, on these")
    parser.add_argument("--only", metavar="ID", help="write one device alone")
    out = Path(__file__).parent.parent / "devices"
    parser.add_argument("--out", type=Path, default=out, help="folder to write (%(default)s)")
    options = parser.parse_args()
    try:
        if options.check or options.evaluate:
            print(*bars(options.data, options.evaluate), sep="\n")
        else:
            fit_all(options.data, options.out, options.only)
    except OfaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def fit_all(data: Path, out: Path, only: str | None) -> None:
    """Fit every device and write its folder."""
    models: dict[str, LatencyModel] = {}
    for entry in ENTRIES:
        models[entry.id] = fit(entry, data, models)
        if only in (None, entry.id):
            write(entry, models[entry.id], out / entry.id)
            evidence = models[entry.id].evidence
            print(
                f"{entry.id:<22} {models[entry.id].label:<12} "
                f"MAPE {evidence.mape_percent:5.2f} %  max {evidence.max_percent:5.1f} %  "
                f"rho {evidence.spearman:.3f}  inside {evidence.coverage_percent:5.1f} %  "
                f"{evidence.num_networks} networks, {evidence.method}",
                flush=True,
            )


def write(entry: Entry, model: LatencyModel, folder: Path) -> None:
    """The three files of a device."""
    description = {
        "aliases": list(entry.aliases),
        "hardware": {"name": entry.name, "soc": entry.soc, "unit": entry.unit},
        "runtime": {"name": entry.runtime[0], "version": entry.runtime[1]},
        "precision": entry.precision,
        "threads": entry.threads,
        "batch": entry.batch,
        "target": "none",
    }
    artifacts.write_yaml(folder / "device.yaml", description)
    header = HEADER.format(name=entry.name)
    artifacts.write_yaml(folder / "model.yaml", asdict(model), header=header)
    artifacts.write_atomically(folder / "README.md", card(entry, model).encode())


if __name__ == "__main__":
    sys.exit(main())
