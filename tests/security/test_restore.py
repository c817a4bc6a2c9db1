"""What was taken out comes back for whoever reads the document and may restore, and for nobody else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from rag_service.detect.actions import with_changes
from rag_service.domain.identity import Role
from rag_service.domain.scrubbing import Preset, ScrubPolicy
from rag_service.settings import Settings
from tests.conftest import Company
from tests.databases import rows, tamper
from tests.security.http import ask, client
from tests.security.test_access_routes import DOCUMENTS
from tests.security.test_uploads import key

Run = Callable[[Any], Any]
Open = Callable[..., Any]

PLACE = DOCUMENTS.format(tenant="acme")
TEXT = "# Supplier\n\nInvoices of the turbine supplier go to ledger.desk@quillon.example, paid within thirty days.\n"
VALUE = "ledger.desk@quillon.example"
RESTORE = {"restore": "true"}


async def encrypting(company: Company, *changes: str) -> None:
    tenants = company.service.store.tenants
    policy = with_changes(ScrubPolicy(), changes or ["email_address=encrypt"])
    await tenants.set_scrubbing(await tenants.by_name(company.name), policy)


def test_only_who_reads_the_document_and_may_restore_sees_values(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await encrypting(acme)
            document = await acme.document_id(tmp_path, ["user:ann"], supplier_md=TEXT)
            sealed = rows(settings.data_dir, "select sealed_text, sealed_values from versions")
            assert VALUE.encode() not in b"".join(bytes(part) for row in sealed for part in row)
            place, absent = (f"{PLACE}/{one}/text" for one in (document, document[::-1]))
            answers: dict[str, list[tuple[int, str]]] = {}
            for name, user, roles in (
                ("reader", "ann", (Role.QUERY,)),
                ("admin", "ann", (Role.QUERY, Role.ADMIN, Role.REVIEW, Role.AUDIT, Role.INGEST)),
                ("restorer", "ann", (Role.QUERY, Role.RESTORE)),
                ("stranger", "bob", (Role.QUERY, Role.RESTORE)),
                ("half", "ann", (Role.RESTORE,)),
            ):
                async with client(acme.service, await key(acme, user, *roles)) as web:
                    with structlog.testing.capture_logs() as logs:
                        found = [await web.get(place, params=RESTORE), await web.get(absent, params=RESTORE)]
                    assert VALUE not in str(logs)
                    events = [one for one in logs if one["event"] == "values_restored"]
                    assert [(one["user"], one["document"], one["values"]) for one in events] == (
                        [("ann", document, 1)] if name == "restorer" else []
                    )
                    answers[name] = [(one.status_code, one.text) for one in found]
                    told = [await web.get(f"{PLACE}/{document}"), await web.get(place)]
                    told.append(await ask(web, "acme", "Where do invoices of the supplier go?"))
                    told.append(await ask(web, "acme", f"What goes to {VALUE.upper()}?", "search"))
                    assert all(VALUE not in one.text for one in told)
                    if name == "restorer":
                        [first, *_] = told[-1].json()["results"]
                        assert "[EMAIL_ADDRESS_" in first["text"]
            assert [status for status, _ in answers["restorer"]] == [200, 404]
            assert VALUE in answers["restorer"][0][1]
            assert answers["stranger"][0] == answers["stranger"][1], "forbidden and absent are one answer"
            assert answers["stranger"][0][0] == 404
            for name in ("reader", "admin", "half"):
                assert [status for status, _ in answers[name]] == [403, 403]
                assert answers[name][0] == answers[name][1], "who may restore nothing learns of no document"

    run(scenario())


def test_values_that_were_taken_away_or_put_elsewhere_are_not_restored(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme") as (acme,):
            await encrypting(acme)
            one = await acme.document_id(tmp_path, ["everyone"], one_md=TEXT)
            other = await acme.document_id(tmp_path, ["everyone"], other_md=TEXT.replace("ledger", "claims"))
            async with client(acme.service, await key(acme, "ann", Role.QUERY, Role.RESTORE)) as web:
                assert (await web.get(f"{PLACE}/{one}/text", params=RESTORE)).status_code == 200
                stored = "select sealed_values from versions where document_id = ?"
                for values in (None, bytes(rows(settings.data_dir, stored, other)[0][0]), b"x" * 40):
                    change = "update versions set sealed_values = ? where document_id = ?"
                    assert tamper(settings.data_dir, change, values, one) == 1
                    assert (await web.get(f"{PLACE}/{one}/text", params=RESTORE)).status_code == 404
                assert (await web.get(f"{PLACE}/{other}/text", params=RESTORE)).status_code == 200

    run(scenario())


def test_who_writes_sql_weakens_no_policy_and_a_changed_one_redoes_what_is_unchanged(
    run: Run, settings: Settings, open_companies: Open, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with open_companies("acme", pii="persons") as (acme,):
            assert tamper(settings.data_dir, "update tenants set pii_policy = ?", "identifiers") == 1
            tenants = acme.service.store.tenants
            assert (await tenants.by_name("acme")).scrubbing.preset is Preset.PERSONS
            document = await acme.document_id(tmp_path, ["everyone"], a_md=TEXT)
            again = (await acme.ingest(tmp_path, a_md=TEXT))["a.md"].result
            assert type(again).__name__ == "Unchanged"
            await encrypting(acme)
            assert await acme.document_id(tmp_path, ["everyone"], a_md=TEXT) == document
            tenant = await tenants.by_name("acme")
            spelled = tenant.keys.seal_name("tenant", "acme")  # as a row from before there were policies says it
            assert tamper(settings.data_dir, "update tenants set sealed_name = ?", spelled) == 1
            assert (await tenants.by_name("acme")).scrubbing.preset is Preset.STRICT

    run(scenario())
