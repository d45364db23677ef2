"""Cuts a streamed chunk into one piece per token.

A server joins tokens into one chunk when it is busy. The cut after an action must fall
on a token, so the chunk is taken apart again by the text of each token.
"""

from __future__ import annotations

from collections.abc import Sequence

from .base import Piece

BROKEN = "\N{REPLACEMENT CHARACTER}"
"""Stands in a token's own text for bytes that are no whole character."""


def split_pieces(
    text: str,
    ids: Sequence[int],
    tokens: Sequence[str] | None,
    logprobs: Sequence[float | None] | None,
) -> list[Piece]:
    r"""Return one piece per token, where the tokens' own texts allow it.

    Tokens that hold parts of a character stay together as one piece.

    Args:
        text: the chunk's text.
        ids: its token ids.
        tokens: each token's own text, where the server gives it.
        logprobs: each token's log-probability, likewise.

    >>> [p.text for p in split_pieces(">\n ok", [1, 2], [">\n", " ok"], None)]
    ['>\n', ' ok']
    >>> [p.token_ids for p in split_pieces("aé b", [1, 2, 3, 4], ["a", "�", "�", " b"], None)]
    [(1,), (2, 3), (4,)]
    """
    kept = None
    if logprobs is not None and len(logprobs) == len(ids) and None not in logprobs:
        kept = [value for value in logprobs if value is not None]
    if len(ids) < 2 or tokens is None or len(tokens) != len(ids):
        return [_piece(text, ids, kept, 0, len(ids))] if ids or text else []
    head, start = _match(text, tokens)
    rest = text[start:][::-1]
    tail, length = _match(rest, [token[::-1] for token in reversed(tokens[head:])])
    end = len(text) - length
    pieces = [_piece(tokens[i], ids, kept, i, i + 1) for i in range(head)]
    last = len(ids) - tail
    if last > head or start < end:
        pieces.append(_piece(text[start:end], ids, kept, head, last))
    pieces += [_piece(tokens[i], ids, kept, i, i + 1) for i in range(last, len(ids))]
    return pieces


def _match(text: str, tokens: Sequence[str]) -> tuple[int, int]:
    """Return how many leading tokens the text begins with, and their length."""
    count = offset = 0
    for token in tokens:
        if not token or BROKEN in token or not text.startswith(token, offset):
            break
        count, offset = count + 1, offset + len(token)
    return count, offset


def _piece(
    text: str, ids: Sequence[int], logprobs: list[float] | None, start: int, end: int
) -> Piece:
    own = None if logprobs is None else tuple(logprobs[start:end])
    return Piece(text, tuple(ids[start:end]), own)
