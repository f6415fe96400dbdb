"""Which of `.` and `,` is the decimal sign of a price column.

The rule: the operator's word, or shapes that admit one reading only; never a count of which is more frequent.
"""

from __future__ import annotations

from typing import Literal

from syncops.errors import InputRefused
from syncops.importing.money import Price, Sign
from syncops.importing.rows import Reason, excerpt

#: How many lines a refusal names.
_NAMED = 3


class Dialect:
    """The witness of one column: show it each cell with `note`, then ask `settle`.

    `sign` is what `read_price` is given: the operator's word, or None while `auto` reads each cell by its own
    shape. `counts` says how many cells proved `.`, proved `,`, or were ambiguous.
    """

    def __init__(self, decimal: Literal["auto", ".", ","] = "auto") -> None:
        self.sign: Sign | None = None if decimal == "auto" else decimal
        self.counts = {".": 0, ",": 0, "ambiguous": 0}
        self._seen: dict[str, list[str]] = {".": [], ",": [], "ambiguous": []}

    def note(self, line: int, cell: str, outcome: Price | Reason) -> None:
        """Remember what `cell`, on physical `line`, says about the sign. Refused cells say something too."""
        says = outcome.proves
        if isinstance(outcome, Price):
            says = "ambiguous" if outcome.ambiguous else says
        elif outcome.code == "F_DECIMAL":
            says = "ambiguous"
        if says is None:
            return
        self.counts[says] += 1
        if len(self._seen[says]) < _NAMED:
            self._seen[says].append(f"line {line}: {excerpt(cell, 40)}")

    def settle(self) -> Sign | None:
        """The column's sign, None where no cell needs one.

        Raises InputRefused (`F_DECIMAL`) under `auto` where cells prove both signs or any cell is ambiguous.
        """
        if self.sign is not None:
            return self.sign
        if self.counts["."] and self.counts[","]:
            raise InputRefused(
                "F_DECIMAL",
                f"the prices contradict each other: {self._seen['.'][0]} has '.' as its decimal sign, "
                f"{self._seen[','][0]} has ','",
                hint="write all prices of the file with one decimal sign",
            )
        if self.counts["ambiguous"]:
            raise InputRefused(
                "F_DECIMAL",
                f"{self.counts['ambiguous']} prices can be read in two ways:"
                f" {'; '.join(self._seen['ambiguous'])}",
                hint="say which sign is the decimal one: --decimal . or --decimal ,",
            )
        return "." if self.counts["."] else "," if self.counts[","] else None
