"""What a reader's program would follow, load or run, taken out of text; what is left is for reading only.

A passage may hold an image whose address carries data away, or a link that says one thing and opens another. So markup
never leaves, though a passage holds it; an address in plain text may, where the caller's policy lets it.
"""

from __future__ import annotations

import re
import unicodedata

from rag_service.detect.concealment import reveal

_LABELLED = re.compile(
    r"!?\[(?P<label>[^\[\]\n]{0,300})\](?:\([^()\n]{0,1000}(?:\([^()\n]{0,300}\)[^()\n]{0,300})?\)|\[[^\[\]\n]{0,200}\])"
)
_DEFINITION = re.compile(r"(?:^|(?<=\s))\[[^\[\]\n]{1,200}\]:\s{0,3}\S{1,1000}")
_AUTOLINK = re.compile(r"<(?P<address>(?:https?://|mailto:)?[^\s<>\"'=]{1,500}[@./][^\s<>\"'=]{1,500})>", re.IGNORECASE)
_HIDDEN = re.compile(
    r"<!--.{0,5000}?-->|<(?P<tag>script|style|iframe|object|svg|template)\b[^>]{0,1000}>.{0,5000}?</(?P=tag)\s{0,5}>",
    re.I | re.S,
)
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,1000}>")
_PLAIN_TAG = re.compile(
    r"</?(?:br|b|i|u|em|strong|p|li|ul|ol|sub|sup|code|tr|td|th|tbody|thead|table|span|div)\s?/?>", re.IGNORECASE
)
_SCHEME = (
    r"(?:j\s?a\s?v\s?a|v\s?b|live|ecma|j|type)\s?s\s?c\s?r\s?i\s?p\s?t\s{0,3}:(?=\S)|data\s?:\s?(?:[\w.+-]{1,60}/[\w.+-]{1,60})?\s?[;,](?=\S)"
    r"|(?:file|blob|jar|view-source|intent|ms-[\w-]{1,40}|search-ms|mhtml|chrome|about|vscode|smb|shell)\s?:(?=[\w/\\.-])"
)
_BARRED = re.compile(
    rf"{_SCHEME}|\](?=\s?\()|\](?=\[)|(?:^|(?<=\s))\[[^\[\]\n]{{1,200}}\]:|!\[|<(?=[A-Za-z/!?])"
    r"|&(?:lt|gt|quot|apos|colon|newline|tab|lpar|lbrack|sol|\#)(?=[\w;])|\bon(?:error|load|click|mouseover|focus)\s{0,3}=",
    re.IGNORECASE,
)


_MARKS = re.compile(r"[<>\[\]()!&:]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_STEERING = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202d\u202e]")


def is_active(text: str) -> bool:
    """Whether a program that shows the text could be made to follow, load or run something by it.

    >>> [is_active(text) for text in ("![x](//a.b/?q=1)", "<b>", "javascript:x()", "a < b, see https://a.example/x")]
    [True, True, True, False]
    """
    return bool(_BARRED.search(text)) or (not text.isascii() and bool(_BARRED.search(_as_read(text))))


def inert(text: str) -> str:
    """The text as it reads where markup is shown, without the markup; what can not be undone safely stays active.

    >>> inert("See [the form](https://a.example/f) ![x](https://evil.example/?q=1) and <b>pay</b> <https://a.example>.")
    'See the form x and pay https://a.example.'
    """
    if not is_active(text):
        return text
    for _ in range(4):  # what stood around markup may be markup again, once that is gone
        before = text
        text = _HIDDEN.sub(" ", text)
        text = _DEFINITION.sub(" ", _LABELLED.sub(r"\g<label>", text))
        text = _TAG.sub(" ", _AUTOLINK.sub(r"\g<address>", text))
        if text == before:
            break
    return re.sub(r"\s+(?=[.,;:!?](?:\s|$))", "", " ".join(text.split()))


def inert_label(text: str) -> str:
    """A title to be shown beside a citation: its words, whatever markup its author put around them.

    >>> inert_label("Fares <img src=//evil.example> [2026](javascript:x)"), inert_label("R&D: <5 kg> [draft]")
    ('Fares 2026', 'R&D: <5 kg> [draft]')
    """
    shown = without_controls(inert(text))
    return _MARKS.sub(" ", shown) if is_active(shown) else shown


def without_controls(text: str) -> str:
    """The text without what steers a terminal or turns the direction of reading."""
    return _CONTROLS.sub("", text)


def active_spans(text: str) -> list[tuple[int, int]]:
    """Where active content stands in a quotation, which can not be changed; tags that only format text are none.

    Nor are marks that a script written from right to left needs.
    """
    spans = [match.span() for match in _STEERING.finditer(text)]
    if not is_active(text):
        return spans
    spans += [
        match.span()
        for pattern in (_HIDDEN, _LABELLED, _DEFINITION, _AUTOLINK, _TAG)
        for match in pattern.finditer(text)
        if not _PLAIN_TAG.fullmatch(match.group())
    ]
    end = 0
    for match in _BARRED.finditer(text):
        if match.start() >= end and not _PLAIN_TAG.match(text, match.start()):  # a run is read once, however full of it
            start, end = _run_around(text, match.start())
            spans.append((start, end))
    return spans


def _run_around(text: str, at: int) -> tuple[int, int]:
    start, end = at, at + 1
    while start and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end


def _as_read(text: str) -> str:
    return unicodedata.normalize("NFKC", reveal(text))
