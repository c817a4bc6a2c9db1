"""The child that scrubs and screens. The key of a tenant's pseudonyms comes with each request that needs it."""

from __future__ import annotations

from ingestion.processes.channel import Frame
from ingestion.processes.child import Service
from ingestion.processes.wire import ScrubRequest, decode, encode
from ingestion.removal import KeyedPolicy
from ingestion.screen import screen
from ingestion.stages import clean
from rag_service.detect.pii import PiiDetector
from rag_service.detect.policy import PiiPolicy
from rag_service.detect.recognizers import read_recognizers
from rag_service.domain.document import ScrubbedDocument


def open_service(config: bytes) -> Service:
    """The patterns are loaded, and the recognizers that the installation adds, which are the configuration.

    The models for names are with the first document of a tenant that removes them, or for many children at once.
    """
    detector = PiiDetector(read_recognizers(config))
    detector.identifier_values("warm@example.com")

    def scrub(body: bytes, pseudonym_key: bytes) -> Frame:
        request = decode(ScrubRequest, body)
        policy = KeyedPolicy(request.policy, pseudonym_key)
        return Frame(b"", encode(clean(request.document, request.source, policy, detector)))

    def screen_again(body: bytes, blob: bytes) -> Frame:  # noqa: ARG001  # every handler is given both
        return Frame(b"", encode(screen(decode(ScrubbedDocument, body))))

    def prepare() -> None:
        detector.detect("Ann Example", PiiPolicy.STRICT.entities)

    return Service({"scrub": scrub, "screen": screen_again}, prepare=prepare)
