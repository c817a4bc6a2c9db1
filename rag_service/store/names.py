"""What tenants, groups and users may be called."""

from __future__ import annotations

import re
import unicodedata

from rag_service.domain.errors import InvalidRequest

_NAME = re.compile(r"[^\W_][\w .&'-]{0,63}")


def folded_name(name: str) -> str:
    """The form under which a tenant's name is compared: look-alike spellings of one name are one tenant.

    >>> folded_name("  Ａcme  Corp ") == folded_name("acme corp")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def checked_name(kind: str, name: str) -> str:
    """The name, if it may be one. Raises ``InvalidRequest``."""
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not _NAME.fullmatch(cleaned):
        raise InvalidRequest(f"a {kind} name is 1 to 64 letters, digits, spaces and . & ' - _, a letter or digit first")
    return cleaned


def checked_user(name: str) -> str:
    """A user's name, as an identity provider may write it. Raises ``InvalidRequest``."""
    cleaned = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(cleaned) <= 200 or any(unicodedata.category(letter)[0] in "CZ" for letter in cleaned):
        raise InvalidRequest("a user name is 1 to 200 visible characters without spaces")
    return cleaned
