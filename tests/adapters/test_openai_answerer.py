"""A real model behind a real OpenAI-compatible server: SmolLM2 served by llama.cpp on the loopback.

It copies, invents and cites nothing, which makes it a good subject for the filter.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eval.local_model import local_model
from rag_service.adapters.openai_answerer import ModelServer, OpenAIAnswerer
from rag_service.domain.answer import Usage
from rag_service.ports import Prompt
from rag_service.query.prompt import build_prompt, messages
from rag_service.query.token_budget import estimate_tokens
from rag_service.settings import load_settings
from rag_service.wiring import Models, open_service
from tests.conftest import Company
from tests.query.passages import passage
from tests.security.http import ask, client

Run = Callable[[Any], Any]
FERRY = "# Ferry\n\nThe ferry to Brimsay leaves at nine in the morning. A return ticket costs twelve crowns.\n"


@pytest.fixture(scope="module")
def model_server() -> Iterator[str]:
    """The base URL of an OpenAI-compatible server."""
    with local_model() as url:
        yield url


async def drafted(server: ModelServer, prompt: Prompt) -> tuple[list[str], Usage, str]:
    """The pieces, the usage, and the model that the server named."""
    answerer, texts, usage = OpenAIAnswerer(server), [], Usage()
    async with aclosing(answerer.write(prompt)) as pieces:
        async for piece in pieces:
            texts += [piece.text] if piece.text else []
            usage = piece.usage or usage
    await answerer.close()
    return texts, usage, answerer.model


def patient(base_url: str, *, answer_tokens: int) -> ModelServer:
    """The server, given the time that it takes where other tests have the processors."""
    return ModelServer(base_url, answer_tokens=answer_tokens, total_s=600, first_token_s=600, stall_s=600)


def test_a_real_models_draft_is_streamed(run: Run, model_server: str) -> None:
    prompt = build_prompt("When does the ferry leave?", (passage(FERRY),))
    texts, usage, model = run(drafted(patient(model_server, answer_tokens=40), prompt))
    assert len(texts) > 3
    assert usage.input_tokens > 50
    assert 0 < usage.output_tokens <= 40
    assert model != "the server's first model"
    estimated = sum(estimate_tokens(one.content) + 12 for one in messages(prompt))
    assert usage.input_tokens <= estimated, "the budget counts no token too few"


def test_a_real_model_stops_when_its_draft_is_closed(run: Run, model_server: str) -> None:
    async def scenario() -> None:
        endless = replace(build_prompt("Count to a thousand.", (passage(FERRY),)), system="Count on and on: 1, 2, 3")
        async with asyncio.timeout(60):
            answerer = OpenAIAnswerer(patient(model_server, answer_tokens=2000))
            async with aclosing(answerer.write(endless)) as pieces:
                await anext(pieces)
            # It has one slot: another answer can only come once the first is stopped.
            texts, _, _ = await drafted(patient(model_server, answer_tokens=4), endless)
            assert texts
            await answerer.close()

    run(scenario())


def test_a_real_model_keeps_to_a_schema(run: Run, model_server: str) -> None:
    schema = {
        "type": "object",
        "properties": {"hour": {"type": "string", "maxLength": 20}},
        "required": ["hour"],
        "additionalProperties": False,
    }
    prompt = build_prompt("When does the ferry leave?", (passage(FERRY),), schema)
    texts, _, _ = run(drafted(patient(model_server, answer_tokens=60), prompt))
    assert set(json.loads("".join(texts))) == {"hour"}


def test_of_a_real_model_only_supported_sentences_are_released(
    run: Run, model_server: str, models: Models, tmp_path: Path
) -> None:
    async def scenario() -> None:
        settings = load_settings(
            data_dir=tmp_path / "data",
            index="memory",
            llm_base_url=model_server,
            llm_timeout_s=600,
            llm_first_token_s=600,
            llm_stall_s=600,
        )
        async with open_service(settings, models) as service:
            await service.store.tenants.create("acme", "identifiers")
            acme = Company(service, "acme")
            await acme.ingest(tmp_path, ferry_md=FERRY)
            async with client(service, await acme.key("ann")) as web:
                answer = (await ask(web, "acme", "When does the ferry to Brimsay leave?")).json()
            assert answer["usage"]["output_tokens"] > 0, "a model wrote, whoever answers"
            was_replaced = "fell_back" in {flag["action"] for flag in answer["flags"]}
            assert (answer["route"]["model"] == "extractive") == was_replaced
            for citation in answer["citations"]:
                assert citation["quote"] in FERRY
            if answer["found"]:
                assert answer["groundedness"] >= 0.75
            else:
                assert answer["flags"], "what was dropped is told"

    run(scenario())


def test_without_its_server_the_answer_is_extractive_and_says_so(run: Run, models: Models, tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = load_settings(
            data_dir=tmp_path / "data", index="memory", llm_base_url="http://127.0.0.1:9/v1", llm_model="gone"
        )
        async with open_service(settings, models) as service:
            await service.store.tenants.create("acme", "identifiers")
            acme = Company(service, "acme")
            await acme.ingest(tmp_path, ferry_md=FERRY)
            async with client(service, await acme.key("ann")) as web:
                answer = (await ask(web, "acme", "When does the ferry to Brimsay leave?")).json()
            assert "nine in the morning" in answer["answer"]
            assert answer["route"]["model"] == "extractive"
            assert {
                "stage": "generate",
                "kind": "model_unavailable",
                "action": "fell_back",
                "document_id": None,
            } in answer["flags"]

    run(scenario())
