"""Once-for-all: train one elastic supernet, cut from it the right network for every device."""

__version__ = "0.1.0"
