"""Honest short documents that begin with questions: what a rule about mirrored questions must leave alone.

The wordings were written for this project; entries of a help centre are made from a tenant's questions and the facts
that answer them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

_ASKED = (
    "What did we learn this week?",
    "What would you like to see changed at the library?",
    "How was your stay at the Harbour House?",
)
_ANSWERS = (
    (
        "The label printer needs its own socket. Two parcels went to Oslo twice before anybody noticed.",
        "Shorter stand-ups work. Priya timed them, and the team was back at its desks after nine minutes on average.",
        "The supplier in Leeds answers mail on Thursdays only, so orders have to leave our office on Wednesday.",
        "Backups of the small server had failed since March. They run again, and an alarm is set for the next time.",
        "That customers read the second page of the invoice last: the discount belongs on the first one.",
        "Welding in the rain takes three times as long. The tent that Marco borrowed goes on every van now.",
    ),
    (
        "Longer hours in winter, please. I leave work at six, and by then the reading room is closed for an hour.",
        "More books in Turkish and Polish. My children have read the whole shelf, which holds 41 of them, twice.",
        "The chairs upstairs creak so loudly that nobody dares to move. Felt under their legs would do.",
        "A tap for drinking water near the lockers. The one in the cellar has tasted of iron since Easter.",
        "Nothing at all. Mrs. Abara at the desk found me a map of Trieste from 1913 within five minutes.",
        "Put the newspapers back where they were. The new corner is dark, and the lamp there is broken.",
    ),
    (
        "Quiet, clean and a little cold. The radiator in room 12 was switched off until a man came with a key.",
        "Breakfast was the best of our trip: rye bread, plum jam, and coffee as strong as in Naples.",
        "We missed the last ferry because the timetable in the hall was that of the summer before.",
        "The bed was too short for my husband, who is two metres tall. They gave us another room at once.",
        "Ask for a window to the yard. In front the trams begin at five, and the bells of St. Olaf later.",
        "Lovely people, but the wireless network reached neither the terrace nor our table in the dining room.",
    ),
)


def replies() -> Iterator[str]:
    """What several people answered to one question, each a document by itself."""
    for question, answers in zip(_ASKED, _ANSWERS, strict=True):
        for answer in answers:
            yield f"{question}\n\n{answer}"


def help_entries(queries: Path) -> Iterator[tuple[str, str]]:
    """A tenant's questions, each with an entry of a help centre: the question, and the facts that answer it."""
    for line in queries.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        facts = [fact["text"] for fact in told["metadata"].get("supporting_facts", ()) if fact.get("text")]
        if facts:
            yield told["text"], f"{told['text']}\n\n" + "\n".join(facts)
