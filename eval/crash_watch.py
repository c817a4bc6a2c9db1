"""What users see while processes are killed: whoever searches finds whole documents, or nothing."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

_PAUSE_S = 0.15


def edition_text(number: int, edition: int, body: str) -> str:
    """A document that says in every paragraph which edition of which file it is, and where it ends."""
    mark = f"This is edition {edition} of file {number}."
    paragraphs = [f"{one} {mark}" for one in body.split("\n\n")]
    return "\n\n".join([f"# File {number}", *paragraphs, f"The end of edition {edition} of file {number}."])


def edition_of(text: str, number: int) -> int | None:
    """Which edition a text is, if it is one, whole, and nothing of another."""
    end = text.rpartition("The end of edition ")[2].split()
    if end[1:] != ["of", "file", f"{number}."]:
        return None
    paragraphs = text.strip().split("\n\n")[1:-1]
    mark = f"This is edition {end[0]} of file {number}."
    return int(end[0]) if paragraphs and all(one.rstrip().endswith(mark) for one in paragraphs) else None


@dataclass
class Seen:
    """What a watcher saw. ``broken`` are documents that were not whole, each with what was wrong."""

    searches: int = 0
    passages: int = 0
    broken: list[str] = field(default_factory=list)


class Watcher(threading.Thread):
    """Searches until it is stopped. A service that does not answer is no fault: it was killed."""

    def __init__(self, client: httpx.Client, files: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._files = files
        self._chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
        self._stopped = threading.Event()
        self.seen = Seen()

    def stop(self) -> Seen:
        self._stopped.set()
        self.join()
        return self.seen

    def run(self) -> None:
        while not self._stopped.wait(_PAUSE_S):
            self._look()

    def _look(self) -> None:
        number = self._chance.randrange(self._files)
        body = {"question": f"which is the edition of file {number}?", "limit": 20}
        found = answered(lambda: self._client.post("search", json=body))
        if found is None:
            return
        self.seen.searches += 1
        checked: dict[tuple[str, int], str] = {}
        for one in found["results"]:
            self.seen.passages += 1
            key = one["document_id"], one["version"]
            if key not in checked:
                text = answered(partial(self._client.get, f"documents/{key[0]}/text?version={key[1]}"))
                if text is None:
                    continue
                checked[key] = str(text.get("text", ""))
                self._check(checked[key], key)
            if checked[key][one["start"] : one["end"]] != one["text"]:
                self.seen.broken.append(f"{key}: a passage is not the slice of its text")

    def _check(self, text: str, key: tuple[str, int]) -> None:
        number = text.partition("# File ")[2].partition("\n")[0] or text.partition("File ")[2].partition("\n")[0]
        if not number.isdigit() or edition_of(text, int(number)) is None:
            self.seen.broken.append(f"{key}: the text is not whole")


def answered(request: Callable[[], httpx.Response]) -> Any:
    """The answer's JSON; None where the service is not there, or says that it cannot answer."""
    try:
        response = request()
    except httpx.HTTPError:
        return None
    if response.status_code >= 500:
        return None
    return response.json()
