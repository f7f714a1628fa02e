"""Make a checkpoint to ship of a run: ``python tools/pack_checkpoint.py --run RUN --out FOLDER``.

Copies the weights, and the accuracy data and predictor where there are any, and packs the images
that judge subnets, so that whoever gets the folder needs no data set.
"""

import argparse
from pathlib import Path

from ofa import artifacts
from ofa.checkpoint import ACCURACY, IMAGES, PREDICTOR, PREDICTOR_REPORT, SUPERNET
from ofa.evaluate import write_judges
from ofa.opened import find_checkpoint, judges


def main() -> None:
    """Pack one run."""
    parser = argparse.ArgumentParser(description="Make a checkpoint to ship of a run.")
    parser.add_argument("--run", required=True, help="folder that ofa train wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    options = parser.parse_args()
    run = find_checkpoint(options.run)
    for name in (SUPERNET, ACCURACY, PREDICTOR, PREDICTOR_REPORT):
        if (run / name).is_file():
            artifacts.write_atomically(options.out / name, artifacts.read_bytes(run / name))
    write_judges(options.out, judges(run))
    for path in sorted(options.out.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:>10,}  {path}")
    print(f"images of {run} packed into {options.out / IMAGES}")


if __name__ == "__main__":
    main()
