"""What comes back from a service is checked before it is used."""

from __future__ import annotations

import re
from typing import Any

_BOLD = re.compile(r"</?(?:b|strong|em)>")


def string(value: Any) -> str:
    """Return a field as text: "" for none, numbers as they print, no highlighting tags.

    >>> string("a <b>bold</b> word"), string(None), string(3)
    ('a bold word', '', '3')
    """
    if isinstance(value, str):
        return _BOLD.sub("", value).strip()
    return str(value) if isinstance(value, int | float) else ""
