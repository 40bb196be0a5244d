"""Command line client: options, inputs, live display and result files around the client class."""

from __future__ import annotations

from .app import main

__all__ = ["main"]
