#!/usr/bin/env python3
"""Speech recognition from the command line; see ``--help``."""

from __future__ import annotations

import sys

from funasr_wss.cli import main

if __name__ == "__main__":
    sys.exit(main())
