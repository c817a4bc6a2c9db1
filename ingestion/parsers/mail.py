"""Mail: what a mail program shows of a message: its header lines, its body, the names of its attachments.

Attachments are named and not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from ingestion.decode import declared_encoding, decode_text, unmarked_utf
from ingestion.parsers.extract import Extract, one_line, tidy
from ingestion.parsers.mail_bodies import as_shown
from ingestion.parsers.markup import html_extract
from ingestion.parsers.plain import text_elements
from rag_service.domain.document import BlockKind, Element
from rag_service.domain.errors import Refused

_FIELD = re.compile(
    rb"^(?:(content-[a-z-]{1,40})|from|to|cc|subject|date)[ \t]*+:[^\r\n]*+(?:(?:\r\n|\r|\n)[ \t][^\r\n]*+)*+",
    re.IGNORECASE | re.MULTILINE,
)
_BOUNDARY = re.compile(rb"boundary[ \t]{0,9}(?:\*\d{0,3}\*?)?=", re.IGNORECASE)
_LONGEST_FIELD, _LONGEST_PARAMETERS = 2**18, 2**12
"""Bytes: the library takes time by the square of a header's length, for parameters the most."""

_LONGEST_PARSED = 2**12
_MOST_SQUARED = 2**27
"""Of the lengths of all fields with parameters, taken together."""

_MOST_PARTS = 2000
_MOST_COMPARED = 10_000_000
"""Lines times boundaries: each line may end any of the parts that it lies in."""


def parse_mail(content: bytes) -> Extract:
    """The subject as title, header lines, and the plain body as far as the HTML body, if any, says the same.

    Raises:
        Refused: ``encrypted`` for a body that only its recipient can read; ``no_text`` for a mail of headers alone.
    """
    message = read_message(content)
    if message.get_content_type() == "multipart/encrypted" or _is_enveloped(message):
        raise Refused("encrypted", "The mail is encrypted.")
    headers = {name: one_line(_header(message, name)) for name in ("From", "To", "Cc", "Date")}
    names = [one_line(part.get_filename() or part.get_content_type()) for part in message.iter_attachments()]
    return mail_extract(one_line(_header(message, "Subject")), headers, _body(message), names)


def mail_extract(subject: str, headers: Mapping[str, str], body: Extract, attachments: Sequence[str]) -> Extract:
    """A mail as its reader sees it: subject, the header lines that say anything, body. Raises ``Refused``."""
    if not subject and not body.elements:
        raise Refused("no_text", "The mail has neither a subject nor a text.")
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    if attachments:
        lines.append(f"Attachments: {', '.join(attachments)}")
    head = [Element(subject, BlockKind.TITLE, section=subject)] if subject else []
    if lines:
        head.append(Element("\n".join(lines), section=subject or None))
    below = (Element(item.text, item.kind, section=item.section or subject or None) for item in body.elements)
    return Extract((*head, *below), body.concealed, subject or None, body.disguised)


def _header(message: EmailMessage, name: str) -> str:
    """A header's value. One of raw bytes that are no ASCII is read as the text that it most likely is."""
    raw = next((str(held) for key, held in message.raw_items() if key.lower() == name.lower()), "")
    if len(raw) > _LONGEST_PARSED:  # shown as it stands
        return raw.encode("ascii", "surrogateescape").decode("utf-8", "replace")
    value = str(message.get(name, ""))
    if "\ufffd" not in value:
        return value
    try:
        return decode_text(raw.encode("ascii", "surrogateescape"))
    except (Refused, UnicodeError):
        return value


def read_message(content: bytes) -> EmailMessage:
    """The message, in parts.

    Raises:
        Refused: ``malformed`` for headers that only a program made to wear readers out writes; ``too_many_members``.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or unmarked_utf(content):
        content = decode_text(content).encode()
    if content.startswith(b"From "):
        content = content.partition(b"\n")[2]
    squared = 0
    for field in _FIELD.finditer(content):
        squared += len(field[0]) ** 2 if field[1] else 0
        if len(field[0]) > (_LONGEST_PARAMETERS if field[1] else _LONGEST_FIELD) or squared > _MOST_SQUARED:
            raise Refused("malformed", "A header of the mail is too long for any mail program.")
    if content.count(b"\n") * len(_BOUNDARY.findall(content)) > _MOST_COMPARED:
        raise _too_many()
    made = 0

    def part(*given: Any, **named: Any) -> EmailMessage:
        nonlocal made
        made += 1
        if made > _MOST_PARTS:
            raise _too_many()
        return EmailMessage(*given, **named)

    parts = policy.default.clone(message_factory=part)
    return message_from_bytes(content.lstrip(b"\xef\xbb\xbf\r\n"), policy=parts)


def _too_many() -> Refused:
    return Refused("too_many_members", f"The mail has more than {_MOST_PARTS} parts, or parts in parts without end.")


def _is_enveloped(message: EmailMessage) -> bool:
    kind = str(message.get_param("smime-type", ""))
    return message.get_content_type().endswith("pkcs7-mime") and kind != "signed-data"


def _body(message: EmailMessage) -> Extract:
    found = {}
    for kind in ("plain", "html"):
        part = message.get_body(preferencelist=(kind,))
        text = _part_text(cast(EmailMessage, part)) if part is not None else ""
        found[kind] = text if text.strip() else ""
    plain = Extract(text_elements(tidy(found["plain"])) if found["plain"] else ())
    return as_shown(plain, html_extract(found["html"]) if found["html"] else Extract(()))


def _part_text(part: EmailMessage) -> str:
    """The text of a part, in the encoding it names if that fits: a mail program that errs here is common."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    stated = part.get_content_charset()
    if stated is None and part.get_content_type() == "text/html":
        stated = declared_encoding(content)
    return decode_text(content, declared=stated) if content.strip() else ""
