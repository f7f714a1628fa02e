"""Supernet training: sandwich sampling, progressive shrinking, in-place distillation."""

from ofa.train.fit import fit
from ofa.train.module import SupernetModule
from ofa.train.phases import PlannedPhase, phase_at, plan
from ofa.train.sampling import sandwich

__all__ = ["PlannedPhase", "SupernetModule", "fit", "phase_at", "plan", "sandwich"]
