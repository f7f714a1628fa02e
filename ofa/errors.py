"""Errors a user can mend: each says what is wrong, where, and what to do about it, in one line."""

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The known words nearest to ``word``, as the end of a clause; empty if none is near."""
    near = difflib.get_close_matches(word.lower(), list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def printable(text: str) -> str:
    """A text whose characters a terminal shows, each other one spelled out; lines stay lines."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


class OfaError(ValueError):
    """Base of every error that a user can mend; the command line prints it as one line.

    Its text often quotes a file or a device of a stranger. Characters that a terminal would obey
    rather than show, or that no encoding holds, are spelled out.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class IllegalArch(OfaError):
    """An arch that its space does not hold."""


class IllegalSpace(OfaError):
    """A search space that no network can be built from."""


class BadArtifact(OfaError):
    """A file that is missing, corrupt, stale, or made for something else."""


class InUse(OfaError):
    """A file or folder that another process is writing."""


class BadData(OfaError):
    """Images or labels that cannot be used as they lie on disk."""


class UnknownDevice(OfaError):
    """A device name that no device folder answers to."""


class InfeasibleBudget(OfaError):
    """A budget that no subnet of the space meets."""


class Diverged(OfaError):
    """A training step whose loss or gradient is not finite."""


class ParityFailure(OfaError):
    """An engine whose outputs differ from the network it was made from."""


class NoisyMachine(OfaError):
    """A machine whose timings vary too much to be reported."""


class TargetFailure(OfaError):
    """A device that cannot be reached, or does not answer as it should."""


class Disconnected(TargetFailure):
    """A device that was cut off while it measured; it may answer when asked again."""


class UnmeasuredLayer(OfaError):
    """A layer that a table of measurements lacks."""


class MissingExtra(OfaError):
    """A runtime whose package is not installed."""


class MissingHardware(OfaError):
    """A device that an engine needs in order to be built or run, and that is not here."""


class EngineRefused(OfaError):
    """A network that a runtime cannot turn into an engine as it was asked to."""
