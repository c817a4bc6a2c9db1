"""The formats that no text can be read from, by how they begin."""

from __future__ import annotations

import re

from ingestion.inspection.programs import is_program_file
from rag_service.domain.errors import Refused

_IMAGES = (
    b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*", b"\x00\x00\x01\x00", b"8BPS\x00",
    b"\x00\x00\x00\x0cjP  ", b"\xd7\xcd\xc6\x9a", b"AT&TFORM",
)  # fmt: skip
_MEDIA = (
    b"OggS\x00", b"ID3\x02", b"ID3\x03", b"ID3\x04", b"fLaC\x00", b"\x1aE\xdf\xa3", b"FLV\x01", b"MThd\x00",
    b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"0&\xb2u\x8ef\xcf\x11",
)  # fmt: skip
_OTHERS = (
    b"\x1f\x8b", b"BZh91AY", b"\xfd7zXZ\x00", b"7z\xbc\xaf'\x1c", b"Rar!\x1a", b"\x7fELF", b"MZ\x90\x00",
    b"SQLite format 3\x00", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\xca\xfe\xba\xbe",
    b"MSCF\x00", b"\x1f\x9d", b"\x00asm", b"L\x00\x00\x00\x01\x14\x02\x00",
)  # fmt: skip
"""Each holds a byte or mark that no prose begins with: a text may well begin with "MZ"."""

_CONTAINER = re.compile(rb"[\x00-\xff]{4}ftyp([A-Za-z0-9 ]{4})", re.DOTALL)
_IMAGE_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis"})


def refusal_by_signature(content: bytes) -> Refused | None:
    """Why nothing can be read from content that begins like this; None where it begins like nothing of the kind."""
    if _is_image(content):
        return Refused("image_file", "The file is an image. Images are not read: convert it to text or a text PDF.")
    if _is_media(content):
        return Refused("media_file", "The file is a sound or a film. These are not read: add a transcript instead.")
    if content.startswith(_OTHERS) or content[32_769:32_774] == b"CD001" or is_program_file(content):
        return Refused("unsupported_type", "The content is of a format that is not supported.")
    return None


def _is_image(content: bytes) -> bool:
    if content.startswith(_IMAGES) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP"):
        return True
    if content[:2] == b"BM" and content[6:10] == bytes(4):  # two reserved fields
        return True
    return (box := _CONTAINER.match(content)) is not None and box.group(1) in _IMAGE_BRANDS


def _is_media(content: bytes) -> bool:
    if content.startswith(_MEDIA) or (content[:4] == b"RIFF" and content[8:12] in (b"WAVE", b"AVI ")):
        return True
    return (box := _CONTAINER.match(content)) is not None and box.group(1) not in _IMAGE_BRANDS
