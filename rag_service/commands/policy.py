"""``rag tenant policy``: what a tenant allows in questions and answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag_service.commands.options import AsJson, DataDir, fail, printable, run, settings_for, show
from rag_service.domain.policy import AnswerPii, AnswerPolicy, FailedDraft, Injected, Links, QuestionPii, Unsupported

if TYPE_CHECKING:
    from rag_service.store.tenants import Tenant


def policy(  # noqa: PLR0913, PLR0917  # each is an option of the command
    name: Annotated[str, typer.Argument(help="Name of the tenant.", metavar="NAME")],
    injected_questions: Annotated[
        Injected | None, typer.Option(help="Questions that read as an instruction to the model.")
    ] = None,
    question_pii: Annotated[QuestionPii | None, typer.Option(help="Personal identifiers in questions.")] = None,
    answer_pii: Annotated[
        AnswerPii | None, typer.Option(help="Personal identifiers in answers, where the cited passage holds them.")
    ] = None,
    unsupported: Annotated[Unsupported | None, typer.Option(help="Sentences that no passage supports.")] = None,
    links: Annotated[Links | None, typer.Option(help="Links in answers, where the cited passage holds them.")] = None,
    failed_draft: Annotated[
        FailedDraft | None, typer.Option(help="What is answered where nothing of a model's draft can be released.")
    ] = None,
    max_answer_words: Annotated[int | None, typer.Option(help="Longest answer, in words.")] = None,
    forbid: Annotated[
        list[str] | None, typer.Option(metavar="TERM", help="No question or answer may hold it; repeat for more.")
    ] = None,
    forbid_file: Annotated[Path | None, typer.Option(help="The same for a file of terms, one a line.")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="TERM", help="Forbid it no longer; repeat for more.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Begin from the defaults.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show a tenant's policy for questions and answers, or change what is named. It holds from the next question on.

    Whatever the policy: secrets, active content, and numbers, links and addresses that no cited passage holds never
    leave.
    """
    from rag_service.wiring import open_store

    named = {
        "injected_questions": injected_questions,
        "question_pii": question_pii,
        "answer_pii": answer_pii,
        "unsupported": unsupported,
        "links": links,
        "failed_draft": failed_draft,
        "max_answer_words": max_answer_words,
    }
    changes: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    forbidden = [*(forbid or []), *_terms_in(forbid_file, as_json)]

    async def action() -> Tenant:
        async with open_store(settings_for(data_dir)) as store:
            tenant = await store.tenants.by_name(name)
            before = AnswerPolicy() if reset else tenant.policy
            terms = [term for term in (*before.forbidden_terms, *forbidden) if term not in (allow or [])]
            after = AnswerPolicy.parse({**before.as_json(), **changes, "forbidden_terms": terms})
            return tenant if after == tenant.policy else await store.tenants.set_policy(tenant, after)

    tenant = run(as_json, action)
    facts = tenant.policy.as_json()
    lines = (f"{key}: {_readable(value)}" for key, value in facts.items())
    show(as_json, {"tenant": tenant.name, "policy": facts}, "\n".join(lines))


def _terms_in(path: Path | None, as_json: bool) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        fail(as_json, "NoSuchPath", f"{path} is no text file that can be read")
    return [line.strip() for line in lines if line.strip()]


def _readable(value: object) -> str:
    return printable(", ".join(value) or "none") if isinstance(value, list) else str(value)
