#!/usr/bin/env python3
"""Speech recognition from the command line; see ``--help``."""

from __future__ import annotations

import sys

try:
    from funasr_wss.cli import main
except ModuleNotFoundError as error:
    sys.exit(
        f"funasr_wss_client: the package {error.name!r} is missing; run ./install.sh and start "
        "with .venv/bin/python"
    )

if __name__ == "__main__":
    sys.exit(main())
