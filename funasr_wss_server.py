#!/usr/bin/env python3
"""Start the speech recognition server. See ``--help``."""

import sys

from funasr_wss.server import main

if __name__ == "__main__":
    sys.exit(main())
