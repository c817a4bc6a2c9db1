"""Settings from files, one a value, as container engines and secret stores mount them."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from rag_service.domain.errors import InvalidSetting

MOUNTED = Path("/run/secrets")
"""Where container engines put secrets."""
_PREFIX = "rag_"
_LONGEST = 64 * 1024


def secret_files(settings: Collection[str]) -> dict[str, str]:
    """Each of these settings that has a file of its name in the secrets folder, such as ``rag_master_key``.

    The folder is ``RAG_SECRETS_DIR``, or else ``/run/secrets`` where there is one; an empty variable names none. Who
    may read the files is left to whoever mounts them: Docker's own have mode 0444.

    Raises:
        InvalidSetting: the folder that was named is none, or a file in it is empty, unreadable or no text, or is
            named like a setting that there is not. A secret that was meant to be there must not turn into none.
    """
    named = os.environ.get("RAG_SECRETS_DIR")
    folder = MOUNTED if named is None else Path(named)
    if named == "" or (named is None and not folder.is_dir()):
        return {}
    try:
        files = sorted(path for path in folder.iterdir() if path.name.lower().startswith(_PREFIX))
    except OSError as error:
        raise InvalidSetting("RAG_SECRETS_DIR", f"{folder} cannot be read: {error.strerror}") from None
    for path in files:
        if path.name.lower().removeprefix(_PREFIX) not in settings:
            raise InvalidSetting(path.name.upper(), f"there is no such setting, so {path} cannot hold its value")
    return {path.name.lower().removeprefix(_PREFIX): _value(path) for path in files}


def _value(path: Path) -> str:
    """The file's text, without the line break that editors put at its end."""
    try:
        with path.open("rb") as file:
            value = file.read(_LONGEST + 1).decode().strip()
    except OSError as error:
        raise InvalidSetting(path.name.upper(), f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        value = ""
    if not value or len(value) > _LONGEST:
        raise InvalidSetting(path.name.upper(), f"{path} holds no text that could be its value")
    return value
