"""A question with a form, through HTTP, the command line and a model that fills it with evil."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rag_service.adapters.worst_case_answerer import WorstCaseAnswerer
from rag_service.domain.errors import ModelUnavailable
from rag_service.domain.policy import AnswerPolicy, FailedDraft, QuestionPii
from rag_service.query.answer_schema import AnswerSchema
from rag_service.query.cite import cite
from rag_service.query.generate_value import GeneratedValue, generate_value
from rag_service.query.prompt import build_prompt
from rag_service.query.stages import StageClock
from rag_service.query.structured import ValueFilter
from rag_service.query.support import SupportFinder
from rag_service.query.token_budget import TokenBudget
from rag_service.wiring import Models, open_service
from tests.conftest import Company
from tests.query.passages import passage
from tests.query.test_generate import Scripted
from tests.rag import Rag
from tests.security.http import ask, client

Run = Callable[[Any], Any]
FERRY = (
    "# Ferry\n\nThe ferry to Brimsay leaves at nine in the morning. A return ticket costs 12 crowns.\n\n"
    "Dogs travel free.\n"
)
SCHEMA = {
    "type": "object",
    "properties": {
        "return_ticket": {"type": "integer", "description": "price of a return ticket in crowns"},
        "departure": {"type": "string", "description": "when the ferry leaves"},
        "cabins": {"type": "integer"},
    },
    "required": ["return_ticket"],
}
QUESTION = "What does a return ticket of the ferry to Brimsay cost, and when does it leave?"
PASSAGES = (
    passage(FERRY),
    passage("Tickets are sold on board. Lost tickets are not replaced.", chunk="c2", document="d2"),
)


def test_a_form_is_filled_without_a_model_and_every_value_cited(run: Run, models: Models, tmp_path: Path) -> None:
    from rag_service.settings import load_settings

    async def scenario() -> None:
        async with open_service(load_settings(data_dir=tmp_path / "data", index="memory"), models) as service:
            await service.store.tenants.create("acme", "identifiers")
            acme = Company(service, "acme")
            await acme.ingest(tmp_path, ferry_md=FERRY)
            async with client(service, await acme.key("ann")) as web:
                answer = (await ask(web, "acme", QUESTION, answer_schema=SCHEMA)).json()
                assert answer["found"], answer["flags"]
                value, cited = answer["structured"]["value"], answer["structured"]["cited"]
                assert value["return_ticket"] == 12
                assert "cabins" not in value
                quotes = {one["marker"]: one["quote"] for one in answer["citations"]}
                assert all("12 crowns" in quotes[marker] for marker in cited["/return_ticket"])
                assert "return_ticket: 12 [1]" in answer["answer"]
                needs = SCHEMA | {"required": ["cabins"]}
                nothing = (await ask(web, "acme", QUESTION, answer_schema=needs)).json()
                assert (nothing["found"], nothing["structured"], nothing["citations"]) == (False, None, [])
                assert (await ask(web, "acme", QUESTION)).json()["structured"] is None
                refused = await ask(web, "acme", QUESTION, answer_schema={"type": "string"})
                assert refused.status_code == 422
                assert (await ask(web, "acme", QUESTION, "search", answer_schema=SCHEMA)).status_code == 422
                spoken = {"type": "object", "properties": {"x": {"type": "string", "description": "x" * 290}}}
                spoken["properties"] |= {
                    f"p{at}": {"type": "string", "description": f"{at:02}" * 145} for at in range(20)
                }
                assert (await ask(web, "acme", QUESTION, answer_schema=spoken)).status_code == 422, (
                    "guarded as a question"
                )
                personal = {"type": "object", "properties": {"x": {"type": "string", "title": "not ann@shop.example"}}}
                assert (await ask(web, "acme", QUESTION, answer_schema=personal)).status_code == 200
                tenant = await service.store.tenants.by_name("acme")
                await service.store.tenants.set_policy(tenant, AnswerPolicy(question_pii=QuestionPii.REDACT))
                assert (await ask(web, "acme", QUESTION, answer_schema=personal)).status_code == 422, "never sent on"

    run(scenario())


@pytest.fixture
def generated(run: Run, models: Models) -> Callable[..., GeneratedValue]:
    def act(answerer: Any, policy: AnswerPolicy = AnswerPolicy(), found: object = None) -> GeneratedValue:  # noqa: B008
        schema = AnswerSchema.parse(SCHEMA)
        prompt = build_prompt(QUESTION, PASSAGES, schema.schema)
        finder = SupportFinder(PASSAGES, models.embedder)
        screen = partial(ValueFilter, prompt, schema, policy, models.detector, finder)
        result: GeneratedValue = run(
            generate_value(
                prompt,
                answerer,
                lambda: found if found is not None else {"return_ticket": 12},
                screen,
                StageClock(),
                policy=policy,
                budget=TokenBudget(),
            )
        )
        return result

    return act


def test_a_models_value_is_kept_as_far_as_it_is_supported(generated: Callable[..., GeneratedValue]) -> None:
    draft = json.dumps({"return_ticket": 12, "departure": "nine in the morning", "cabins": 40})
    result = generated(Scripted("m", draft[:20], draft[20:]))
    assert result.filled is not None
    assert (result.model, result.filled.value) == ("m", {"return_ticket": 12, "departure": "nine in the morning"})


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        ((ModelUnavailable("m", "silent"),), "model_unavailable"),
        (('{"return_ticket": 13}',), "nothing_supported"),
        (("A return ticket costs 12 crowns.",), "nothing_supported"),
        (("",), "empty_draft"),
        (('{"return_ticket": 12, "departure": "CANARY"}',), "prompt_leak"),
        (("x" * 30_000,), "nothing_supported"),
    ],
)
def test_a_value_that_failed_is_replaced_and_told(
    parts: tuple[Any, ...], kind: str, generated: Callable[..., GeneratedValue]
) -> None:
    result = generated(Scripted("m", *parts))
    assert result.filled is not None
    assert (result.model, result.filled.value) == ("extractive", {"return_ticket": 12})
    assert (kind, "fell_back") in [(flag.kind, flag.action) for flag in result.flags]
    refused = generated(Scripted("m", *parts), AnswerPolicy(failed_draft=FailedDraft.REFUSE))
    assert refused.filled is None
    assert (kind, "refused") in [(flag.kind, flag.action) for flag in refused.flags]


def test_what_is_found_without_a_model_is_judged_alike(generated: Callable[..., GeneratedValue]) -> None:
    assert generated(None, found={"return_ticket": 13}).filled is None


def test_of_the_worst_model_nothing_gets_into_the_form(generated: Callable[..., GeneratedValue]) -> None:
    for seed in range(40):
        worst = WorstCaseAnswerer(seed)
        result = generated(worst)
        assert result.filled is not None, "at least the replacement"
        told = json.dumps(asdict(result.filled.structured()), ensure_ascii=False) + cite(result.filled.sentences()).text
        for one in worst.attempts:
            assert len(one.text) < 8 or one.text not in told, (seed, one)
        assert set(result.filled.value) <= {"return_ticket", "departure", "cabins"}
        assert result.filled.value["return_ticket"] == 12
        assert result.filled.value.get("cabins") is None


def test_the_command_takes_a_form_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_MASTER_KEY_FILE", str(tmp_path / "master.key"))
    rag = Rag(tmp_path / "data")
    rag.run("tenant", "create", "acme")
    (tmp_path / "ferry.md").write_text(FERRY)
    rag.run("ingest", str(tmp_path / "ferry.md"), "--tenant", "acme", "--owner", "ann")
    form = tmp_path / "form.json"
    form.write_text(json.dumps(SCHEMA))
    asked = ("ask", QUESTION, "--tenant", "acme", "--user", "ann", "--schema", str(form))
    assert rag.json(*asked)["structured"]["value"]["return_ticket"] == 12
    form.write_text("[")
    assert rag.json(*asked, status=1)["error"]["type"] == "InvalidRequest"
