"""What a file is by its first bytes, whatever its name says.

The rule: a file that is not a text table is refused by what it is, with what to do instead.
"""

from __future__ import annotations

import re

from syncops.errors import InputRefused

_UNPACK = "unpack it and import the file inside"
_EXPORT = "open it in a spreadsheet and export the sheet as CSV (UTF-8)"

#: First bytes → (code, what it is, what to do). Longer and more special signatures first.
_SIGNATURES = (
    (re.compile(rb"\x1f\x8b"), "F_ARCHIVE", "a gzip archive", _UNPACK),
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), "F_ARCHIVE", "a bzip2 archive", _UNPACK),
    (re.compile(rb"\xfd7zXZ\x00"), "F_ARCHIVE", "an xz archive", _UNPACK),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "F_ARCHIVE", "a Zstandard archive", _UNPACK),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "F_ARCHIVE", "a 7-Zip archive", _UNPACK),
    (re.compile(rb"Rar!\x1a\x07"), "F_ARCHIVE", "a RAR archive", _UNPACK),
    (re.compile(rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis", re.S), "F_NOT_TABULAR",
     "an ODS sheet", _EXPORT),
    (re.compile(rb"PK\x03\x04.{0,4096}?(?:\[Content_Types\]\.xml|_rels/|xl/)", re.S), "F_NOT_TABULAR",
     "an Excel workbook (xlsx)", _EXPORT),
    (re.compile(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)"), "F_ARCHIVE", "a zip archive", _UNPACK),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "F_NOT_TABULAR",
     "an old Excel workbook (xls)", _EXPORT),
    (re.compile(rb"%PDF-"), "F_NOT_TABULAR", "a PDF", "ask for the same list as CSV"),
)  # fmt: skip

_MARKUP = re.compile(r"<(?:!doctype|html|head|body|table|\?xml|!--)", re.I)
_JSON = re.compile(r"\{\s*[\"}]|\[\s*[\[{\]]")
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1b")


def refuse_by_bytes(head: bytes, *, wide: bool) -> None:
    """Raise InputRefused (`F_ARCHIVE`, `F_NOT_TABULAR`) where `head`, the first bytes of a file, is no text.

    `wide`: the text is UTF-16 or UTF-32, where NUL bytes are at home.
    """
    for signature, code, name, advice in _SIGNATURES:
        if signature.match(head):
            raise InputRefused(code, f"the file is {name}, not a text table", hint=advice)
    if wide:
        return
    if (at := head.find(b"\0")) >= 0:
        raise InputRefused(
            "F_NOT_TABULAR", f"the file has a NUL byte at byte {at}: it is binary", hint=_wide(head)
        )
    if len(head) - len(head.translate(None, _CONTROLS)) > 4 + len(head) // 50:
        raise InputRefused("F_NOT_TABULAR", "the file is binary: more than 2 % of it is control characters")


def refuse_by_text(head: str) -> None:
    """Raise InputRefused (`F_NOT_TABULAR`) where the text begins as an HTML or XML page or as JSON does."""
    start = head[:4096].lstrip()
    if _MARKUP.match(start):
        raise InputRefused(
            "F_NOT_TABULAR",
            "the file is an HTML or XML page, not a table",
            hint="open it in a browser: it is often the error page of a download that failed",
        )
    if _JSON.match(start):
        raise InputRefused("F_NOT_TABULAR", "the file is JSON, not a table", hint="export the list as CSV")


def refuse_nul(line: int) -> None:
    """Raise InputRefused for a NUL character that was found far from the start."""
    raise InputRefused("F_NOT_TABULAR", f"line {line} has a NUL character: the file is binary or damaged")


def _wide(head: bytes) -> str:
    for name, zeros in (("utf-16-le", head[1:200:2]), ("utf-16-be", head[:200:2])):
        if len(head) >= 4 and zeros.count(0) > len(zeros) * 0.8:
            return f"it may be UTF-16 without a byte order mark: say --encoding {name}"
    return "ask for the list as CSV"
