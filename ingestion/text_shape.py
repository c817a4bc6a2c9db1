"""Which kind of text a text is, by its form."""

from __future__ import annotations

import json
import re

_TAG = re.compile(
    r"<(?:html|head|body|h[1-6]|p|div|span|table|ul|ol|li|a|b|i|em|strong|br|hr|img|section|article|main|header|pre|form)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_PAGE = re.compile(r"<(?:!doctype\s+html|html)\b", re.IGNORECASE)
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]{0,200})")
_HEADER_LINE = re.compile(r"[!-9;-~]{1,76}:|[ \t]")
_MAIL_HEADERS = frozenset(
    """from to cc subject date message-id mime-version received return-path delivered-to content-type reply-to
    x-mailer""".split()
)


def is_page(text: str) -> bool:
    """Whether a text is a whole HTML page."""
    return _PAGE.match(text, _skipped(text, doctype=False)) is not None


def has_tags(text: str) -> bool:
    """Whether a text holds any HTML tag."""
    return _TAG.search(text) is not None


def xml_root(text: str) -> str | None:
    """The name of the root element of an XML text, or None where none begins it.

    >>> xml_root("<?xml version='1.0'?><!-- a --><list><item/></list>")
    'list'
    """
    match = _ROOT.match(text, _skipped(text, doctype=True))
    return match.group(1) if match else None


def _skipped(text: str, *, doctype: bool) -> int:
    """Where a text goes on after white space, processing instructions, comments and, if asked, a document type."""
    at = 0
    while True:
        while text[at : at + 1].isspace() or text[at : at + 1] == "\ufeff":
            at += 1
        if text.startswith("<?", at):
            end = text.find("?>", at) + 2
        elif text.startswith("<!--", at):
            end = text.find("-->", at) + 3
        elif doctype and text[at : at + 9].upper() == "<!DOCTYPE":
            end = _doctype_end(text, at)
        else:
            return at
        if end <= at:
            return at
        at = end


def _doctype_end(text: str, at: int) -> int:
    """Behind the ``>`` of a document type, which may hold declarations in brackets; 0 where it has no end."""
    bracket, end = text.find("[", at), text.find(">", at)
    if 0 <= bracket < end:
        end = text.find(">", text.find("]", bracket))
    return end + 1


def begins_as_mail(head: str) -> bool:
    """Whether an RFC 822 header block stands at the start: header lines only, two of them of a mail."""
    lines = head.lstrip("\r\n").replace("\r\n", "\n").split("\n")
    if lines[0].startswith("From "):  # the separator line of a mailbox file
        lines = lines[1:]
    names: set[str] = set()
    for line in lines:
        if not line.strip():
            break
        if not _HEADER_LINE.match(line):
            return False
        names.add(line.partition(":")[0].lower())
    return len(names & _MAIL_HEADERS) >= 2


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def is_json_lines(text: str) -> bool:
    """Whether every line that is not blank is an object or a list of its own, and there is one."""
    found = False
    for line in text.split("\n"):
        if not (line := line.strip()):
            continue
        if line[0] not in "{[" or not is_json(line):
            return False
        found = True
    return found
