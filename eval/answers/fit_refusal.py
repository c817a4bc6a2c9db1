"""``python -m eval.answers.fit_refusal DIR...``: chooses the floor of fit below which a question is not answered.

The floor is the highest, in steps of 0.05, at which at most one in twenty of a tenant's own questions is refused though
a fifth of its words is misspelt. It is chosen on the questions whose id has an even hash and reported on the others;
and chosen on all tenants but one and reported on that one. ``LEAST_FIT`` in ``rag_service.query.relevance`` is from it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import secrets
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.answers.asked import Desk
from eval.answers.run import open_desks
from eval.answers.tenants import TenantFolder, read_tenant
from eval.bar import Bar
from rag_service.query.ask import QueryParts
from rag_service.query.relevance import Fit
from rag_service.settings import load_settings
from rag_service.wiring import open_service

OWN, MISSPELT, OTHERS = "own", "misspelt", "others'"
FLOORS = tuple(step / 100 for step in range(60, 125, 5))
_MOST_REFUSED = 0.05
_MISSPELT_WORDS = 0.2


@dataclass(frozen=True, slots=True)
class Sample:
    """How well a question fits what a tenant holds. ``kind`` tells whose question it is, and how it is spelled."""

    kind: str
    tenant: str
    question_id: str
    fit: float
    names_unknown: bool

    @property
    def is_for_fitting(self) -> bool:
        return hashlib.sha256(self.question_id.encode()).digest()[0] % 2 == 0


def misspelt(question: str, seed: str) -> str:
    """The question with two letters changed in their places in about every fifth word of five letters and more.

    >>> misspelt("How long does probation last at the company?", "q1")
    'How long does probation last at the cmopany?'
    """
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    return " ".join(
        _with_a_slip(word, chance) if len(word) > 4 and chance.random() < _MISSPELT_WORDS else word
        for word in question.split()
    )


def chosen_floor(samples: Sequence[Sample]) -> float:
    """The highest floor that refuses few enough of these, with what unknown names refuse."""
    few = [floor for floor in FLOORS if refused(samples, floor)[MISSPELT] <= _MOST_REFUSED]
    return max(few, default=FLOORS[0])


def refused(samples: Sequence[Sample], floor: float) -> dict[str, float]:
    """The share refused by kind: by the fit, and by unknown names too."""
    shares = {}
    for kind in (OWN, MISSPELT, OTHERS):
        of_kind = [one for one in samples if one.kind == kind]
        if of_kind:
            shares[f"{kind}, fit alone"] = round(_share_below([one.fit for one in of_kind], floor), 4)
            both = sum(one.fit < floor or one.names_unknown for one in of_kind)
            shares[kind] = round(both / len(of_kind), 4)
    return shares


def report(samples: Sequence[Sample]) -> dict[str, Any]:
    """What is chosen, and what it does to questions that it was not chosen on."""
    fitting = [one for one in samples if one.is_for_fitting]
    others = [one for one in samples if not one.is_for_fitting]
    left_out = {}
    for tenant in sorted({one.tenant for one in samples}):
        theirs = [one for one in samples if one.tenant == tenant]
        rest = [one for one in samples if one.tenant != tenant]
        if rest:
            left_out[tenant] = {"floor": chosen_floor(rest), "refused": refused(theirs, chosen_floor(rest))}
    floor = chosen_floor(fitting)
    return {
        "floor": floor,
        "fitted_on": refused(fitting, floor),
        "reported_on": refused(others, floor),
        "tenant_left_out": left_out,
        "fitting_half_by_floor": {str(each): refused(fitting, each) for each in FLOORS},
    }


async def collect(tenants: Sequence[TenantFolder], every: int) -> list[Sample]:
    """Every N-th own question, the same misspelt, and every N-th of the others', against what is found for them."""
    with tempfile.TemporaryDirectory(prefix="rag-eval-") as folder, Bar() as bar:
        settings = load_settings(data_dir=Path(folder, "data"), master_key=secrets.token_hex(32), llm_base_url=None)
        async with open_service(settings) as service:
            desks, _ = await open_desks(tenants, service, bar)
            samples: list[Sample] = []
            for desk in desks:
                asked = [
                    (_kind(folder.name == desk.name), one.question_id, one.text)
                    for folder in tenants
                    for one in folder.questions[::every]
                ]
                asked += [(MISSPELT, name, misspelt(text, name)) for kind, name, text in asked if kind == OWN]
                bar.begin(f"asking {desk.name}", len(asked))
                for kind, name, text in asked:
                    samples.append(await _sample(kind, name, text, desk, service.query_parts))
                    bar.advance()
    return samples


async def _sample(kind: str, question_id: str, text: str, desk: Desk, parts: QueryParts) -> Sample:
    seen = Fit(text, await desk.passages(text, parts))
    return Sample(kind, desk.name, question_id, seen.best, bool(seen.unknown_names()))


def _kind(is_own: bool) -> str:
    return OWN if is_own else OTHERS


def _with_a_slip(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word) - 2)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _share_below(fits: Sequence[float], floor: float) -> float:
    return sum(fit < floor for fit in fits) / len(fits) if fits else 0.0


def main() -> None:
    parser = ArgumentParser(prog="python -m eval.answers.fit_refusal", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="a folder a tenant")
    parser.add_argument("--every", type=int, default=1, help="take every N-th question")
    arguments = parser.parse_args()
    tenants = [read_tenant(folder) for folder in arguments.folders]
    samples = asyncio.run(collect(tenants, arguments.every))
    sys.stdout.write(json.dumps(report(samples), indent=2) + "\n")


if __name__ == "__main__":
    main()
