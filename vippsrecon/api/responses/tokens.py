"""Decode access tokens. No I/O."""

from __future__ import annotations

import re

from vippsrecon.api.models import Token
from vippsrecon.api.responses.json_fields import parse_json, raise_unreadable, require_object

_TOKEN_PATTERN = re.compile(r"[!-~]+")
_DEFAULT_LIFETIME_SECONDS = 300.0


def decode_token(status: int, body: bytes) -> Token:
    """Decode an access token. Both token services send numbers as numbers or as text."""
    answer = require_object(parse_json(status, body, ""), status, "", "the answer")
    bearer = answer.get("access_token")
    if not isinstance(bearer, str) or _TOKEN_PATTERN.fullmatch(bearer) is None:
        raise_unreadable(status, "", "it holds no access token")
    try:
        life = float(answer.get("expires_in") or 0)
    except (TypeError, ValueError):
        life = 0.0
    if not 0 < life < 10**9:
        life = _DEFAULT_LIFETIME_SECONDS
    return Token(bearer, life)
