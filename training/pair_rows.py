"""From preference pairs to rows: two traces of one question, each masked alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..curation.pairs import PreferencePair
from .rows import TokenRow, TooLong, build_rows


@dataclass(frozen=True)
class PairRow:
    """A preferred run and one it is preferred to."""

    chosen: TokenRow
    rejected: TokenRow
    pair_id: str

    @property
    def group(self) -> str:
        """What is held out together: both sides are runs of one question."""
        return self.chosen.group

    @property
    def tokens(self) -> int:
        """How many tokens there are on both sides."""
        return self.chosen.tokens + self.rejected.tokens

    @property
    def longest(self) -> int:
        """Tokens of the longer side."""
        return max(self.chosen.tokens, self.rejected.tokens)

    @property
    def trained_tokens(self) -> int:
        """How many tokens count, on both sides."""
        return self.chosen.trained_tokens + self.rejected.trained_tokens


@dataclass
class PairReport:
    """What became of the pairs; nothing is left out in silence."""

    pairs: int = 0
    rows: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    shortened: list[str] = field(default_factory=list)
    """Ids of pairs with a side whose results were shortened to fit."""
    too_long: list[str] = field(default_factory=list)
    """Ids of pairs left out because a side does not fit."""
    untrainable: list[str] = field(default_factory=list)
    """Ids of pairs left out because the model wrote nothing on a side."""

    @property
    def skipped(self) -> list[str]:
        """Ids of all pairs that gave no row."""
        return [*self.too_long, *self.untrainable]

    def lines(self) -> list[str]:
        """Return what a person should know, one line a matter."""
        said = [
            f"{self.rows} of {self.pairs} pairs became rows: {self.tokens} tokens, "
            f"{self.trained_tokens} of them trained"
        ]
        matters = (
            ("do not fit and are left out", self.too_long),
            ("had results shortened to fit", self.shortened),
            ("have a side the model wrote nothing in and are left out", self.untrainable),
        )
        for what, ids in matters:
            if ids:
                shown = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
                said.append(f"{len(ids)} pairs {what}: {shown}")
        return said


def build_pair_rows(
    pairs: Iterable[PreferencePair],
    tokenizer: Any,
    *,
    max_length: int | None = None,
    too_long: TooLong = "drop",
) -> tuple[list[PairRow], PairReport]:
    """Turn pairs into rows and say what became of each.

    Args:
        pairs: the preferences.
        tokenizer: of the model to train.
        max_length: most tokens of a side, prompt included; None: no limit.
        too_long: what happens to a pair with a longer side.

    Raises:
        RowError: a side cannot become a row, or is too long and the policy is `error`.
    """
    report = PairReport()
    found = []
    for pair in pairs:
        report.pairs += 1
        sides = [pair.trace("chosen"), pair.trace("rejected")]
        rows, each = build_rows(sides, tokenizer, max_length=max_length, too_long=too_long)
        if len(rows) < 2:
            (report.too_long if each.too_long else report.untrainable).append(pair.id)
            continue
        if each.shortened:
            report.shortened.append(pair.id)
        found.append(PairRow(rows[0], rows[1], pair.id))
        report.rows += 1
        report.tokens += each.tokens
        report.trained_tokens += each.trained_tokens
    return found, report
