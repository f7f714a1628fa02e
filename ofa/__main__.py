"""``python -m ofa`` is ``ofa``."""

from ofa.cli import main

raise SystemExit(main())
