"""Mail: what a mail program shows of a message: its header lines, its body, the names of its attachments.

Attachments are named and not read.
"""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from ingestion.decode import decode_text
from ingestion.parsers.extract import Extract, one_line, tidy
from ingestion.parsers.markup import html_extract
from ingestion.parsers.plain import text_elements
from rag_service.domain.document import BlockKind, Element
from rag_service.domain.errors import Refused

_SHOWN = ("From", "To", "Cc", "Date")


def parse_mail(content: bytes) -> Extract:
    """The subject as title, header lines, and the plain body, or the HTML body where there is no plain one.

    Raises:
        Refused: ``encrypted`` for a body that only its recipient can read; ``no_text`` for a mail of headers alone.
    """
    message = _message(content)
    subject = one_line(str(message.get("Subject", "")))
    if message.get_content_type() == "multipart/encrypted" or _is_enveloped(message):
        raise Refused("encrypted", "The mail is encrypted.")
    body = _body(message)
    if not subject and not body.elements:
        raise Refused("no_text", "The mail has neither a subject nor a text.")
    lines = [f"{name}: {one_line(str(message[name]))}" for name in _SHOWN if message.get(name)]
    names = [one_line(part.get_filename() or part.get_content_type()) for part in message.iter_attachments()]
    if names:
        lines.append(f"Attachments: {', '.join(names)}")
    head = [Element(subject, BlockKind.TITLE, section=subject)] if subject else []
    if lines:
        head.append(Element("\n".join(lines), section=subject or None))
    below = (Element(item.text, item.kind, section=item.section or subject or None) for item in body.elements)
    return Extract((*head, *below), body.concealed, subject or None)


def _message(content: bytes) -> EmailMessage:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = decode_text(content).encode()
    if content.startswith(b"From "):
        content = content.partition(b"\n")[2]
    return message_from_bytes(content.lstrip(b"\xef\xbb\xbf\r\n"), policy=policy.default)


def _is_enveloped(message: EmailMessage) -> bool:
    kind = str(message.get_param("smime-type", ""))
    return message.get_content_type().endswith("pkcs7-mime") and kind != "signed-data"


def _body(message: EmailMessage) -> Extract:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return Extract(())
    text = _part_text(cast(EmailMessage, part))
    if part.get_content_type() == "text/html":
        return html_extract(text)
    return Extract(text_elements(tidy(text)))


def _part_text(part: EmailMessage) -> str:
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError, ValueError):  # an encoding that is unknown or misstated
        return decode_text(cast(bytes, part.get_payload(decode=True)))
