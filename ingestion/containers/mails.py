"""What hangs on a mail: attachments, and messages that were forwarded as they were.

What belongs to the body is none: its other form, and the images that are shown in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from email import policy
from email.message import Message
from typing import Any

from ingestion.containers.entries import Entry
from ingestion.containers.kinds import Kind
from ingestion.parsers.mail import read_message
from rag_service.domain.errors import Refused

_SIGNATURES = frozenset(
    """application/pkcs7-signature application/x-pkcs7-signature application/pgp-signature""".split()
)
_SUFFIXES = {
    "message/rfc822": ".eml", "application/pdf": ".pdf", "text/html": ".html", "text/plain": ".txt", "text/csv": ".csv",
    "application/json": ".json", "application/zip": ".zip",
}  # fmt: skip


def mail_entries(kind: Kind, content: bytes) -> Iterator[Entry]:
    """The attachments in their order, each under a name of its own. Raises ``Refused`` with ``malformed``."""
    names: set[str] = set()
    try:
        for name, attached in _outlook(content) if kind is Kind.OUTLOOK else _parts(content):
            own = _own(name, names)
            names.add(own)
            yield Entry(own, attached)
    except (Refused, MemoryError, ImportError):
        raise
    except Exception:  # noqa: BLE001  # parsers raise anything, and what they say may quote the mail
        raise Refused("malformed", "The mail is damaged: its attachments cannot be told apart.") from None


def _parts(content: bytes) -> Iterator[tuple[str, bytes | Refused]]:
    parsed = read_message(content)
    shown = [parsed.get_body(preferencelist=(kind,)) for kind in ("plain", "html")]
    waiting: list[tuple[Message[Any, Any], str]] = [(parsed, "")]
    while waiting:
        part, within = waiting.pop()
        kind = part.get_content_type()
        if kind == "message/rfc822":
            yield _name(part, kind), _forwarded(part)
        elif part.is_multipart():
            inner = part.get_payload()
            if isinstance(inner, list):
                waiting += [(one, kind) for one in reversed(inner) if isinstance(one, Message)]
        elif any(part is one for one in shown) and part.get_content_disposition() != "attachment":
            continue
        elif _is_attached(part, kind, within) and not (part is parsed and kind == "text/plain"):
            decoded = part.get_payload(decode=True)
            yield _name(part, kind), decoded if isinstance(decoded, bytes) else b""


def _forwarded(part: Message[Any, Any]) -> bytes | Refused:
    """The message that lies in this part, with its own attachments."""
    inner = part.get_payload()
    try:
        if isinstance(inner, list) and inner and isinstance(inner[0], Message):
            return inner[0].as_bytes(policy=policy.compat32)
    except Exception:  # noqa: BLE001  # one that cannot be written as it was read keeps the others from nobody
        return Refused("malformed", "The forwarded message is damaged.")
    return b""


def _is_attached(part: Message[Any, Any], kind: str, within: str) -> bool:
    """Whether a part is none of the body. One without a name is what a mail program shows below the others."""
    disposition = part.get_content_disposition()
    if kind in _SIGNATURES:
        return False
    is_image, is_related = kind.startswith("image/"), within == "multipart/related"
    if is_image and part.get("Content-ID") and (is_related or disposition != "attachment"):
        return False  # an image of the body
    is_named = disposition == "attachment" or part.get_filename() is not None
    return is_named or (within == "multipart/mixed" and not is_image and bool(part.get_payload()))


def _name(part: Message[Any, Any], kind: str) -> str:
    return part.get_filename() or f"attachment{_SUFFIXES.get(kind, '')}"


def _own(name: str, taken: set[str]) -> str:
    """The name, with a number where another attachment has it: mail programs give one name to several."""
    stem, dot, suffix = name.rpartition(".")
    number, own = 1, name
    while own in taken:
        number += 1
        own = f"{stem} ({number}){dot}{suffix}" if stem else f"{name} ({number})"
    return own


def _outlook(content: bytes) -> Iterator[tuple[str, bytes]]:
    from ingestion.parsers.outlook import attachments_of

    yield from attachments_of(content)
