"""Makes the secrets that docker-compose.yml names, with random values; those that are there stay as they are.

    python deploy/make_secrets.py [FOLDER]     FOLDER is ./secrets by default

The folder has mode 0700. The files in it have 0444, as Compose mounts them with the owner and mode that they have
here, while each container runs as a user of its own that must be able to read them.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

KEY_BYTES = 32


def make_secrets(folder: Path) -> list[str]:
    """Every secret is there. Returns the names of the files that were made.

    Two files of one password belong together, so they are made together, and refused where only one is there.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    made: list[str] = []
    owner, service, qdrant = (secrets.token_hex(KEY_BYTES) for _ in range(3))
    for group in (
        {"rag_master_key.txt": secrets.token_hex(KEY_BYTES)},
        {"rag_database_url.txt": f"postgresql://rag_service:{service}@postgres:5432/rag"},
        {
            "postgres_password.txt": owner,
            "rag_database_owner_url.txt": f"postgresql://rag_owner:{owner}@postgres:5432/rag",
        },
        {"rag_qdrant_api_key.txt": qdrant, "qdrant_configuration.yaml": f"service:\n  api_key: {qdrant}"},
    ):
        missing = [name for name in group if not (folder / name).exists()]
        if missing and len(missing) < len(group):
            raise FileExistsError(f"{folder / missing[0]} is missing, and its counterpart is there: remove or restore")
        for name in missing:
            _write(folder / name, group[name] + "\n")
        made += missing
    return made


def _write(path: Path, text: str) -> None:
    """A new file that nobody can change, complete or not there at all."""
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(0o444)
    draft.rename(path)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if sys.argv[1:] else "secrets")
    try:
        made = make_secrets(folder)
    except OSError as error:
        sys.exit(f"make_secrets: {error}")
    print(f"{folder}: made {', '.join(made) or 'nothing, all are there'}.")
    if "rag_master_key.txt" in made:
        print("Keep a copy of rag_master_key.txt apart from the data: without it nobody can read them.")
