"""The child that meets bytes as they arrived: unpacks, validates and parses them. It is given nothing else."""

from __future__ import annotations

from functools import partial

from ingestion.containers.walk import unpack
from ingestion.inspection.active import Policy
from ingestion.parse import parse
from ingestion.parsers.libraries import import_libraries
from ingestion.processes.channel import Frame
from ingestion.processes.child import Service
from ingestion.processes.wire import ParserConfig, ParseRequest, UnpackReply, UnpackRequest, decode, encode
from ingestion.validate import validate
from rag_service.domain.document import Upload


def open_service(config: bytes) -> Service:
    """Ready at once: the libraries of a format are imported with its first file, or for many children at once."""
    policy = Policy(decode(ParserConfig, config).active_content if config else Policy.REFUSE)
    return Service({"parse": partial(_parse, policy), "unpack": _unpack}, prepare=import_libraries)


def _parse(policy: Policy, body: bytes, content: bytes) -> Frame:
    request = decode(ParseRequest, body)
    upload = Upload(request.name, content, request.source, request.title)
    return Frame(b"", encode(parse(validate(upload, max_bytes=request.max_bytes, policy=policy))))


def _unpack(body: bytes, content: bytes) -> Frame:
    request = decode(UnpackRequest, body)
    upload = Upload(request.name, content, request.name)
    found = unpack(upload, request.limits, mail=request.mail, first=request.first)
    if found is None:
        return Frame(b"", encode(UnpackReply(None, 0)))
    return Frame(b"", encode(UnpackReply(found.contents, len(found.content))), b"".join(found.content))
