"""Outlook messages (.msg), shown as mail is: subject, header lines, body, and the names of attachments."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from ingestion.decode import declared_encoding, decode_text
from ingestion.parsers.extract import Extract, one_line, tidy
from ingestion.parsers.mail import mail_extract
from ingestion.parsers.mail_bodies import as_shown
from ingestion.parsers.markup import html_extract
from ingestion.parsers.outlook_rtf import unpacked_rtf
from ingestion.parsers.plain import text_elements
from ingestion.parsers.rtf import parse_rtf
from rag_service.domain.errors import Refused

_HTML, _RTF = 0x1013, 0x1009
_TO, _CC = 1, 2
_RECIPIENT_TYPE, _DISPLAY_NAME, _ADDRESS, _SMTP_ADDRESS = 0x0C15, 0x3001, 0x3003, 0x39FE
_SHORT_FILE_NAME = 0x3704


def parse_outlook(content: bytes) -> Extract:
    """The message as its recipient sees it.

    Raises:
        Refused: ``encrypted`` for a body that only its recipient can read; ``no_text`` for a message of headers alone.
    """
    from oxmsg import Message

    message = Message.load(io.BytesIO(content))
    kind = message.message_class.lower()
    if "smime" in kind and "multipartsigned" not in kind:
        raise Refused("encrypted", "The mail is encrypted.")
    names = [_attachment_name(attachment) for attachment in message.attachments]
    if any(name.lower().endswith((".rpmsg", ".pgp-encrypted")) for name in names):
        raise Refused("encrypted", "The mail is encrypted.")
    sent = message.sent_date
    headers = {
        "From": _line(message.sender),
        "To": _recipients(message, _TO),
        "Cc": _recipients(message, _CC),
        "Date": sent.strftime("%a, %d %b %Y %H:%M:%S %z") if sent else "",
    }
    return mail_extract(_line(message.subject), headers, _body(message), names)


def _body(message: Any) -> Extract:
    """The plain body as far as the HTML one, if any, says the same; else the one in RTF."""
    plain = _first(lambda: message.body)
    shown = tidy(_ended(plain)) if plain else ""
    page = _first(lambda: message.html_body)
    if page is None and (stored := message.properties.binary_prop_value(_HTML)):
        page = decode_text(stored, declared=declared_encoding(stored))
    read = html_extract(_ended(page)) if page and page.strip() else Extract(())
    if not shown and not read.elements and (packed := message.properties.binary_prop_value(_RTF)):
        return parse_rtf(unpacked_rtf(packed))
    return as_shown(Extract(text_elements(shown) if shown else ()), read)


def _first(read: Callable[[], str | None]) -> str | None:
    """What a property holds, or None where it is of an encoding that it misstates."""
    try:
        return read()
    except (UnicodeError, LookupError, KeyError):
        return None


def _recipients(message: Any, kind: int) -> str:
    shown = []
    for recipient in message.recipients:
        properties = recipient.properties
        if (properties.int_prop_value(_RECIPIENT_TYPE) or _TO) != kind:
            continue
        name = _line(properties.str_prop_value(_DISPLAY_NAME))
        address = _line(properties.str_prop_value(_SMTP_ADDRESS) or properties.str_prop_value(_ADDRESS))
        shown.append(f"{name} <{address}>" if name and address and name != address else name or address)
    return ", ".join(filter(None, shown))


def _attachment_name(attachment: Any) -> str:
    properties = attachment.properties
    return _line(attachment.file_name or properties.str_prop_value(_SHORT_FILE_NAME)) or "unnamed"


def _line(text: str | None) -> str:
    return one_line(_ended(text or ""))


def _ended(text: str) -> str:
    """The text without the zeros that end it where the program that wrote it counts them."""
    return text.replace("\x00", "")


def attachments_of(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Each attachment's name and content; a message that was attached as an object has none of its own."""
    from oxmsg import Message

    for attachment in Message.load(io.BytesIO(content)).attachments:
        yield _attachment_name(attachment), attachment.file_bytes or b""
