"""Bearer tokens: who may open a WebSocket connection."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qs


class Tokens:
    """The accepted tokens; comparisons take the same time for every wrong one."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._tokens = [token.encode() for token in tokens]

    @classmethod
    def read(cls, path: Path) -> Tokens:
        """Read one token a line; empty lines and lines starting with ``#`` are left out.

        Raises:
            ValueError: the file cannot be read or has no token.
        """
        try:
            lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"cannot read {path}: {error}") from None
        tokens = [line for line in lines if line and not line.startswith("#")]
        if not tokens:
            raise ValueError(f"there is no token in {path}; write one a line")
        return cls(tokens)

    def admit(self, authorization: str, query: str) -> bool:
        """Whether a request shows a token.

        Args:
            authorization: the header, ``Bearer K`` or, as some clients write it, ``Bearer; K``.
            query: the part of the address behind ``?``; its ``token`` counts too.
        """
        scheme, _, shown = authorization.strip().partition(" ")
        offered = [shown.strip()] if scheme.rstrip(";").lower() == "bearer" else []
        offered += parse_qs(query).get("token", [])
        found = False
        for token in offered:
            for known in self._tokens:
                found |= hmac.compare_digest(token.encode("utf-8", "replace"), known)
        return found
