"""Any model behind an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from rag_service.domain.answer import Usage
from rag_service.domain.errors import ModelUnavailable
from rag_service.ports import Piece, Prompt
from rag_service.query.prompt import messages

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_MOST_TOKENS = 400


class OpenAIAnswerer:
    """Asks one model of one server: ``model``, or else the first that the server lists.

    The connection is made at the first question.
    """

    def __init__(self, *, base_url: str, api_key: str, model: str | None, timeout_s: float) -> None:
        self._model = model
        self._base_url = base_url
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._client: AsyncOpenAI | None = None

    @property
    def model(self) -> str:
        return self._model or "the server's first model"

    async def write(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """The model's text, untouched. Raises ``ModelUnavailable`` after two more tries."""
        from openai import OpenAIError

        try:
            yield await self._ask(prompt)
        except (OpenAIError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            # A server that speaks another protocol answers 200 with anything at all.
            raise ModelUnavailable(self.model, type(error).__name__) from None

    async def _ask(self, prompt: Prompt) -> Piece:
        client = self._connected()
        if self._model is None:
            self._model = str((await client.models.list()).data[0].id)
        completion = await client.chat.completions.create(
            model=self._model,
            messages=[{"role": one.role, "content": one.content} for one in messages(prompt)],  # type: ignore[misc]
            temperature=0.0,
            max_tokens=_MOST_TOKENS,
        )
        text, usage = completion.choices[0].message.content, completion.usage
        if not isinstance(text, str):
            raise ModelUnavailable(self.model, "the server returned no text")
        return Piece(text, Usage(usage.prompt_tokens, usage.completion_tokens) if usage else Usage())

    def _connected(self) -> AsyncOpenAI:
        if self._client is None:
            from openai import AsyncOpenAI

            self._client = AsyncOpenAI(
                base_url=self._base_url, api_key=self._api_key, timeout=self._timeout_s, max_retries=2
            )
        return self._client
