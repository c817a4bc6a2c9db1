"""The adapter of OpenAI-compatible servers against one that streams, hangs, lies and hangs up as it is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from rag_service.adapters.openai_answerer import ModelServer, OpenAIAnswerer
from rag_service.domain.answer import Usage
from rag_service.domain.errors import InvalidSetting, ModelUnavailable
from rag_service.query.prompt import build_prompt, messages
from tests.doubles.model_server import (
    DONE,
    STOP,
    USAGE,
    Behaviour,
    Double,
    completed,
    events,
    model_double,
    replied,
    streamed,
    word,
)
from tests.query.passages import passage

Run = Callable[[Any], Any]
PROMPT = build_prompt("When does the ferry leave?", (passage("It leaves at nine."),))
KEY = "sk-0123456789abcdef"


def answerer(double: Double, **limits: Any) -> OpenAIAnswerer:
    limits = {"pauses_s": (0.0, 0.0), "api_key": KEY} | limits
    return OpenAIAnswerer(ModelServer(double.url, **limits), "m")


async def written(double: Double, **limits: Any) -> tuple[list[str], Usage | None]:
    """The pieces, and the usage that the last one brought."""
    model, texts, usage = answerer(double, **limits), [], None
    try:
        async with aclosing(model.write(PROMPT)) as pieces:
            async for piece in pieces:
                texts += [piece.text] if piece.text else []
                usage = piece.usage or usage
    finally:
        await model.close()
    return texts, usage


def outcome(run: Run, *behaviours: Behaviour, **limits: Any) -> tuple[list[str], Usage | None, Double]:
    async def scenario() -> tuple[list[str], Usage | None, Double]:
        async with model_double(*behaviours) as double:
            return *(await written(double, **limits)), double

    result: tuple[list[str], Usage | None, Double] = run(scenario())
    return result


def test_pieces_come_as_the_server_sends_them_and_the_usage_last(run: Run) -> None:
    texts, usage, double = outcome(run, streamed("At", " nine", "."))
    assert (texts, usage) == (["At", " nine", "."], Usage(7, 3))
    (body,) = double.bodies
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})
    assert (body["temperature"], body["seed"], body["max_tokens"]) == (0.0, 0, 400)
    assert body["messages"] == [{"role": one.role, "content": one.content} for one in messages(PROMPT)]
    assert "response_format" not in body
    assert f"Bearer {KEY}" in double.headers[0]


def test_a_piece_is_there_before_the_next_one_is_written(run: Run) -> None:
    async def scenario() -> None:
        async with model_double(events(word("At"), then_hangs=True)) as double:
            model = answerer(double)
            async with aclosing(model.write(PROMPT)) as pieces:
                assert (await anext(pieces)).text == "At"
            await asyncio.wait_for(double.hung_up.wait(), 10)  # closing the draft closed the connection
            await model.close()

    run(scenario())


def test_a_question_that_is_given_up_closes_the_connection_too(run: Run) -> None:
    async def scenario() -> None:
        async with model_double(events(then_hangs=True)) as double:
            model = answerer(double)
            waiting = asyncio.create_task(anext(model.write(PROMPT)))
            await double.asked.wait()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await asyncio.wait_for(double.hung_up.wait(), 10)
            await model.close()

    run(scenario())


def test_lines_may_end_anywhere_in_the_packets_and_comments_mean_nothing(run: Run) -> None:
    whole = b": ping\n\n" + word("naïve “At”") + b"event: x\n" + STOP + DONE
    parts = [whole[at : at + 5] for at in range(0, len(whole), 5)]
    assert outcome(run, events(*parts))[0] == ["naïve “At”"]


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((), "no_completion"),
        ((b"data: hello\n\n",), "no_json"),
        ((b"data: []\n\n",), "no_object"),
        ((b"data: {}\n\n", DONE), "no_completion"),
        ((b"data: " + b"[" * 100_000 + b"\n\n",), "no_json"),
        ((b'data: {"error": {"message": "SECRET"}}\n\n',), "server_error"),
        ((word("At"), b'data: {"error": "SECRET"}\n\n'), "server_error"),
        ((word("At"),), "ended_early"),
        ((word("At"), USAGE), "ended_early"),
        ((b"data: " + b"x" * 2**21,), "endless_line"),
    ],
)
def test_a_broken_stream_is_told_in_a_word_and_never_quoted(run: Run, parts: tuple[bytes, ...], reason: str) -> None:
    with pytest.raises(ModelUnavailable) as failure:
        outcome(run, events(*parts))
    assert failure.value.detail == reason
    assert failure.value.__cause__ is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>SECRET</html>", "no_json"),
        ({"choices": []}, "no_text"),
        ({"choices": [{"message": {"content": None}}]}, "no_text"),
        ({"choices": [{"message": {"content": ["x"]}}]}, "no_text"),
        ({"choices": {"0": 1}}, "no_text"),
        (b"x" * (2**20 + 70_000), "endless_answer"),
    ],
)
def test_a_reply_of_another_form_is_told_in_a_word(run: Run, body: object, reason: str) -> None:
    with pytest.raises(ModelUnavailable) as failure:
        outcome(run, replied(200, body))
    assert failure.value.detail == reason


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": -1, "completion_tokens": 1}, {"prompt_tokens": "7"}, {"x": 10**30}]
)
def test_a_count_that_is_none_is_not_taken_for_one(run: Run, usage: dict[str, Any]) -> None:
    assert outcome(run, completed("At nine.", **usage))[:2] == (["At nine."], Usage())


@pytest.mark.parametrize(
    ("parts", "limits", "reason"),
    [
        ((b": ping\n\n", 5.0), {"first_token_s": 0.05}, "silent"),
        ((word("At"), 5.0), {"stall_s": 0.05}, "stalled"),
        ((word("At"), 5.0), {"total_s": 0.1}, "too_slow"),
        (tuple(part for _ in range(500) for part in (word("At "), 0.02)), {"total_s": 0.2}, "too_slow"),
    ],
)
def test_waiting_has_an_end(run: Run, parts: tuple[Any, ...], limits: dict[str, float], reason: str) -> None:
    with pytest.raises(ModelUnavailable) as failure:
        outcome(run, events(*parts), **limits)
    assert failure.value.detail == reason


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again_before_anything_came(run: Run, status: int) -> None:
    texts, _, double = outcome(run, replied(status, {}), replied(status, {}), streamed("At nine."))
    assert (texts, len(double.bodies)) == (["At nine."], 3)
    with pytest.raises(ModelUnavailable, match=f"status_{status}"):
        outcome(run, replied(status, {}))


def test_nothing_is_asked_again_once_something_came(run: Run) -> None:
    async def scenario() -> None:
        async with model_double(events(word("At")), streamed("Twice")) as double:
            with pytest.raises(ModelUnavailable):
                await written(double)
            assert len(double.bodies) == 1

    run(scenario())


@pytest.mark.parametrize("status", [401, 403, 404, 307])
def test_what_another_try_cannot_mend_is_not_tried_again(run: Run, status: int) -> None:
    async def scenario() -> None:
        async with model_double(replied(status, {"error": "SECRET"})) as double:
            with pytest.raises(ModelUnavailable) as failure:
                await written(double)
            assert failure.value.detail == f"status_{status}"
            assert len(double.bodies) == 1

    run(scenario())


def test_a_server_that_does_not_stream_answers_in_one_piece(run: Run) -> None:
    assert outcome(run, completed("At nine."))[:2] == (["At nine."], Usage(7, 3))


def test_a_server_that_refuses_streams_is_asked_without_and_not_for_streams_again(run: Run) -> None:
    async def scenario() -> None:
        async with model_double(replied(400, {}), completed("At nine.")) as double:
            model = answerer(double)
            for _ in range(2):
                assert [one.text async for one in model.write(PROMPT)] == ["At nine."]
            assert ["stream" in body for body in double.bodies] == [True, False, False]
            await model.close()

    run(scenario())


def test_a_refusal_of_another_kind_leaves_streams_on(run: Run) -> None:
    async def scenario() -> None:
        async with model_double(replied(400, {}), replied(400, {}), streamed("At nine.")) as double:
            model = answerer(double)
            with pytest.raises(ModelUnavailable, match="status_400"):
                _ = [one async for one in model.write(PROMPT)]
            assert [one.text async for one in model.write(PROMPT) if one.text] == ["At nine."]
            await model.close()

    run(scenario())


def test_a_schema_is_handed_on(run: Run) -> None:
    schema = {"type": "object", "properties": {"hour": {"type": "integer"}}}

    async def scenario() -> None:
        async with model_double(streamed("{}")) as double:
            model = answerer(double)
            _ = [one async for one in model.write(build_prompt("When?", PROMPT.passages, schema))]
            assert double.bodies[0]["response_format"]["json_schema"]["schema"] == schema
            await model.close()

    run(scenario())


def test_the_first_listed_model_is_asked_where_none_is_named(run: Run) -> None:
    async def scenario() -> None:
        async with model_double(streamed("At nine.")) as double:
            model = OpenAIAnswerer(ModelServer(double.url))
            _ = [one async for one in model.write(PROMPT)]
            assert (double.bodies[0]["model"], model.model) == ("listed-first", "listed-first")
            await model.close()

    run(scenario())


def test_neither_key_nor_prompt_stands_in_a_log_or_an_error(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        outcome(run, streamed("At nine."))
        with pytest.raises(ModelUnavailable) as failure:
            outcome(run, replied(500, {"error": {"message": "ferry"}}))
    said = caplog.text + str(failure.value) + repr(failure.value) + repr(ModelServer("https://h/v1", api_key=KEY))
    assert "httpcore" in said, "the transport does log"
    assert [word for word in (KEY, PROMPT.canary, PROMPT.fence, "ferry", "nine") if word in said] == []


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80/v1", "ftp://h/v1", "http://", "http://ann:pw@h/v1", "http://h:x/", "https://h/?a=b"]
)
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(InvalidSetting):
        ModelServer(url)


def test_a_missing_server_is_a_typed_error(run: Run) -> None:
    async def scenario() -> None:
        model = OpenAIAnswerer(ModelServer("http://127.0.0.1:9/v1", pauses_s=(0.0,)), "m")
        with pytest.raises(ModelUnavailable, match="connection_ConnectError"):
            _ = [one async for one in model.write(PROMPT)]
        await model.close()

    run(scenario())


def test_questions_and_passages_do_not_cross_a_network_in_the_clear_unless_that_was_allowed() -> None:
    for url in ("http://10.0.0.5:8080/v1", "http://models.example/v1"):
        with pytest.raises(InvalidSetting, match="RAG_LLM_PLAIN_HTTP"):
            ModelServer(url, api_key=KEY)
        with pytest.raises(InvalidSetting, match="RAG_LLM_PLAIN_HTTP"):
            ModelServer(url)
        ModelServer(url, allows_plain_http=True)
    for url in ("https://models.example/v1", "http://127.0.0.1:8080/v1", "http://localhost/v1", "http://[::1]:80/v1"):
        ModelServer(url)
