#!/usr/bin/env python3
"""Start the speech recognition server. See ``--help``."""

import sys

try:
    from funasr_wss.launcher import main
except ModuleNotFoundError as error:
    sys.exit(
        f"funasr_wss_server: the package {error.name!r} is missing; run ./install.sh and start "
        "with ./start_server.sh or .venv/bin/python"
    )

if __name__ == "__main__":
    sys.exit(main())
