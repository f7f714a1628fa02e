"""Specialize a supernet for a device: ``python tools/specialize.py --device pixel``.

The same as ``ofa specialize``; see ``--help``.
"""

import sys

from ofa.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main(["specialize", *sys.argv[1:]]))
