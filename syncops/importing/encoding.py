"""Bytes to text, without ever guessing.

The rule: byte order mark, else strict UTF-8, else the file is refused, and the refusal shows how the line
looks in the two likeliest encodings so that the operator can name one. No replacement character is ever made.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from syncops.errors import InputRefused, UsageError
from syncops.importing.rows import excerpt

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Longest first: the mark of UTF-16 LE is the beginning of that of UTF-32 LE.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le", ("utf-32", "utf-32-le")),
    (codecs.BOM_UTF32_BE, "utf-32-be", ("utf-32", "utf-32-be")),
    (codecs.BOM_UTF8, "utf-8", ("utf-8", "utf-8-sig")),
    (codecs.BOM_UTF16_LE, "utf-16-le", ("utf-16", "utf-16-le")),
    (codecs.BOM_UTF16_BE, "utf-16-be", ("utf-16", "utf-16-be")),
)
#: Text encodings of Python that are no encodings of files.
_NOT_FILES = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7", "mbcs", "oem"}
#: In the order that decides between equally likely ones.
_LIKELY = ("cp1252", "cp1250", "cp1251", "cp850", "mac_roman", "shift_jis", "gb18030", "cp1253", "cp1254")

#: Signs that people type: euro, pound, dashes, curly quotes, degree, marks, NBSP.
_TYPED = "€£\u2013\u2014\u2018\u2019\u201c\u201d\u201e°®™\xa0"


class Encoding(NamedTuple):
    """A codec's name, and how many bytes of byte order mark stand before the text."""

    name: str
    mark: int

    @property
    def wide(self) -> bool:
        """Whether NUL bytes are at home in it."""
        return self.name.startswith(("utf-16", "utf-32"))


def choose(head: bytes, asked: str | None) -> Encoding:
    """The encoding of a file that begins with `head`; `asked` is the operator's word and wins.

    Raises UsageError for a name that is no encoding, InputRefused (`F_ENCODING`) where the byte order mark
    contradicts what was asked for, or is missing where the name alone does not say the byte order.
    """
    name = _canonical(asked) if asked else None
    for mark, codec, names in _MARKS:
        if head.startswith(mark):
            if name is not None and name not in names:
                raise InputRefused(
                    "F_ENCODING",
                    f"the file begins with the byte order mark of {codec}; --encoding says {name}",
                    hint="leave --encoding out",
                )
            return Encoding(codec, len(mark))
    if name in ("utf-16", "utf-32"):
        raise InputRefused(
            "F_ENCODING",
            f"the file has no byte order mark, so {name} does not say its byte order",
            hint=f"say --encoding {name}-le or {name}-be",
        )
    return Encoding("utf-8" if name in (None, "utf-8-sig") else str(name), 0)


def _canonical(asked: str) -> str:
    try:
        name = codecs.lookup(asked).name
        b"x".decode(asked)  # LookupError for codecs that are not text: hex, zlib, rot13
    except UnicodeDecodeError:
        pass  # half a character of a wide encoding
    except (LookupError, UnicodeError, ValueError):
        name = ""
    if not name or name in _NOT_FILES or name.replace("-", "_") in _NOT_FILES:
        raise UsageError(
            f"{excerpt(asked)} is not a text encoding", hint="for example utf-8, cp1252, iso8859-15"
        )
    return name


def refusal(encoding: str, fault: UnicodeDecodeError, *, offset: int, line: int) -> InputRefused:
    """The refusal of a file with bytes that `encoding` does not have, at byte `offset` on `line`."""
    wrong = fault.object[fault.start : fault.start + 4].hex(" ")
    message = f"byte {offset} (line {line}) is not {encoding}: {wrong}"
    if encoding.startswith(("utf-16", "utf-32")):
        return InputRefused("F_ENCODING", message, hint="the file is damaged, or in another encoding")
    looks = list(_readings(_line_around(fault.object, fault.start), encoding))[:2]
    for name, text in looks:
        message += f"\n  in {name} the line is: {excerpt(text)}"
    names = " or ".join(f"--encoding {name}" for name, _ in looks) or "--encoding"
    return InputRefused("F_ENCODING", message, hint=f"say {names}, whichever shows the line as it should be")


def _line_around(data: bytes, at: int) -> bytes:
    breaks = [m.start() for m in re.finditer(rb"[\r\n]", data[max(0, at - 100) : at])]
    start = max(0, at - 100) + (breaks[-1] + 1 if breaks else 0)
    ending = re.search(rb"[\r\n]", data[at : at + 100])
    return data[start : at + (ending.start() if ending else 100)]


def _readings(line: bytes, refused: str) -> Iterator[tuple[str, str]]:
    readings: dict[str, str] = {}
    for name in _LIKELY:
        if name == refused:
            continue
        try:
            readings.setdefault(line.decode(name), name)
        except UnicodeDecodeError:
            continue
    for text, name in sorted(readings.items(), key=lambda reading: -_likelihood(reading[0])):
        yield name, text


def _likelihood(text: str) -> int:
    """How much `text` looks written: accents stand alone in Latin words, other scripts do not mix."""
    score = 0
    for at, character in enumerate(text):
        if character < "\x80":
            continue
        around = text[max(0, at - 1) : at] + text[at + 1 : at + 2]
        if not character.isalpha():
            score += 1 if character in _TYPED else -2
        elif unicodedata.name(character, "").startswith("LATIN"):
            foreign = any(other >= "\x80" and other.isalpha() for other in around)
            shouting = character.isupper() and any(other.islower() for other in text[max(0, at - 1) : at])
            score += -1 if foreign or shouting else 2
        else:
            score += -1 if any(other < "\x80" and other.isalpha() for other in around) else 1
    return score
