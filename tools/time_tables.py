"""Time the latency of a million genotypes on one core, and every other cost with it.

OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python tools/time_tables.py --device pixel
"""

import argparse

import numpy as np

from ofa import pipeline
from ofa.latency import load_model
from ofa.runtime.timing import measure_ms
from ofa.space import COSTS, AnyCostTable, Encoding, SearchSpace

NUM_ARCHS = 1_000_000


def main() -> None:
    """Print archs a second of each table over the reference space at 25 resolutions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="pixel", help="whose latency (default: %(default)s)")
    device = pipeline.find_device(parser.parse_args().device)
    encoding = Encoding(SearchSpace(resolutions=tuple(range(128, 225, 4))))
    genotypes = encoding.sample(NUM_ARCHS, np.random.default_rng(0))
    tables: dict[str, AnyCostTable] = {
        f"latency of {device.id}": load_model(device.model_path).table(encoding),
        **{name: cost.table(encoding) for name, cost in COSTS.items()},
    }
    for name, table in tables.items():
        (timing,) = measure_ms([lambda table=table: table(genotypes)], warmup=1, repeats=5)
        rate = NUM_ARCHS / timing.median_ms / 1e3
        print(f"{name:<22} {rate:6.1f} M archs/s, median of 5")


if __name__ == "__main__":
    main()
