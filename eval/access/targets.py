"""What an asker may aim at: things that exist and are not theirs to see, and things that do not exist."""

from __future__ import annotations

import random
import unicodedata

from eval.access.oracle import ADMINISTERS, READS, Asker
from eval.access.site import Site
from eval.access.world import Document


def absent_id(rng: random.Random) -> str:
    """As ids are made, and nobody's."""
    return f"{rng.getrandbits(64):016x}"


def readable(site: Site, asker: Asker) -> list[Document]:
    """What the asker may read, whatever changes at the moment."""
    if READS not in asker.roles:
        return []
    allowed = site.oracle.state.readable(asker) - site.oracle.restless
    return [one for one in site.world.documents if one.name in allowed]


def forbidden(site: Site, asker: Asker) -> list[Document]:
    """Other tenants' documents, and those of the asker's own tenant that they may not read."""
    allowed = site.oracle.state.readable(asker) | site.oracle.restless
    mine = allowed if READS in asker.roles else frozenset()
    return [one for one in site.world.documents if one.tenant != asker.tenant or one.name not in mine]


def not_in_custody(site: Site, asker: Asker) -> list[Document]:
    """Documents that the asker may not change: neither their own, nor of a tenant that they administer."""
    return [
        one
        for one in site.world.documents
        if one.tenant != asker.tenant or (ADMINISTERS not in asker.roles and one.owner != asker.user)
    ]


def foreign_jobs(site: Site, asker: Asker) -> list[str]:
    """Jobs of others, but for those of the asker's own tenant where they administer it."""
    return [
        job
        for job, (tenant, owner) in site.job_owners.items()
        if tenant != asker.tenant or (owner != asker.user and ADMINISTERS not in asker.roles)
    ]


def other_names(site: Site, asker: Asker) -> list[str]:
    """Other tenants by name and by id, and the asker's own tenant spelled so that it could pass for another."""
    own = asker.tenant
    spelled = [
        unicodedata.normalize("NFD", own),
        unicodedata.normalize("NFKC", own),
        own.upper(),
        f" {own} ",
        "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in own),
        f"{own}\x00",
        f"{own}\N{ZERO WIDTH SPACE}",
        f"{own}/",
        "..",
        "*",
        "x" * 5000,
    ]
    others = [name for name in site.tenants if name != own]
    return [*others, *(site.tenants[name].id for name in site.tenants), *spelled]
