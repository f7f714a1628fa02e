"""Supernet training: sandwich sampling, progressive shrinking, distillation."""

from ofa.train.checkpoints import check_settings
from ofa.train.curves import Curves, draw_curves, read_curves
from ofa.train.fit import CHECKPOINT, fit
from ofa.train.lone import Lone
from ofa.train.module import SupernetModule
from ofa.train.phases import PlannedPhase, phase_at, plan
from ofa.train.place import Place, place_of
from ofa.train.probe import Probe, probe
from ofa.train.range_test import RangeTest, range_test
from ofa.train.ranks import Ranks, current_ranks
from ofa.train.sampling import Alone, Elastic
from ofa.train.step import Sizes
from ofa.train.validation import Validation
from ofa.train.vary import Value, Varied, read_varied, shortened, with_fields
from ofa.train.warm_start import WarmStart, warm_start_

__all__ = [
    "CHECKPOINT",
    "Alone",
    "Curves",
    "Elastic",
    "Lone",
    "Place",
    "PlannedPhase",
    "Probe",
    "RangeTest",
    "Ranks",
    "Sizes",
    "SupernetModule",
    "Validation",
    "Value",
    "Varied",
    "WarmStart",
    "check_settings",
    "current_ranks",
    "draw_curves",
    "fit",
    "phase_at",
    "place_of",
    "plan",
    "probe",
    "range_test",
    "read_curves",
    "read_varied",
    "shortened",
    "warm_start_",
    "with_fields",
]
