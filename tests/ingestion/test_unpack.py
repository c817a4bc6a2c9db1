"""Archives and mail are opened member by member: what is good is taken, and no trick gets further than its member."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.containers import walk
from ingestion.containers.kinds import Kind
from ingestion.containers.limits import Budget, UnpackLimits
from ingestion.containers.walk import Unpacked, unpack
from rag_service.domain.document import Upload
from rag_service.domain.errors import Refused
from tests.ingestion.samples import docx_file, zip_file

LIMITS = UnpackLimits()
MIB = 2**20
Members = Sequence[tuple[str | tarfile.TarInfo, bytes]]


def opened(name: str, content: bytes, limits: UnpackLimits = LIMITS, mail: Kind | None = None) -> Unpacked:
    found = unpack(Upload(name, content, name), limits, mail=mail)
    assert found is not None
    return found


def paths(found: Unpacked) -> list[str]:
    return [member.path for member in found.contents.members]


def reasons(found: Unpacked) -> dict[str, str]:
    return {member.path: member.reason for member in found.contents.refused}


def why(name: str, content: bytes, limits: UnpackLimits = LIMITS) -> str:
    with pytest.raises(Refused) as refusal:
        opened(name, content, limits)
    return refusal.value.reason


def zipped(members: Sequence[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        warnings.simplefilter("ignore")  # that two members have one name is what some tests are about
        for name, content in members:
            target.writestr(name, content)
    return stream.getvalue()


def tarred(members: Members, form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as target:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            if info.isreg():
                info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def mail(
    *attachments: tuple[str, bytes], subject: str = "Letter", forwarded: EmailMessage | None = None
) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "ann@example.com", "bob@example.com"
    message.set_content("See attached.")
    for name, content in attachments:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    if forwarded is not None:
        message.add_attachment(forwarded)
    return message


INNER = zip_file({"a.txt": b"alpha", "folder/b.txt": b"beta"})
TAR = tarred([("a.txt", b"alpha"), ("folder/b.txt", b"beta")])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.zip", INNER),
        ("x.tar", TAR),
        ("x.tar", tarred([("a.txt", b"alpha"), ("folder/b.txt", b"beta")], tarfile.GNU_FORMAT)),
        ("x.tar", tarred([("a.txt", b"alpha"), ("folder/b.txt", b"beta")], tarfile.USTAR_FORMAT)),
        ("x.tar.gz", gzip.compress(TAR)),
        ("x.tgz", gzip.compress(TAR)),
        ("x.tar.bz2", bz2.compress(TAR)),
        ("x.tar.xz", lzma.compress(TAR)),
        ("x", INNER),
        ("x.gz", gzip.compress(TAR[:1024]) + gzip.compress(TAR[1024:])),
    ],
)
def test_every_kind_of_archive_gives_its_members(name: str, content: bytes) -> None:
    found = opened(name, content)
    assert paths(found) == ["a.txt", "folder/b.txt"]
    assert found.content == (b"alpha", b"beta")
    assert [member.name for member in found.contents.members] == ["a.txt", "b.txt"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_one_packed_file_is_an_archive_of_one(pack: object) -> None:
    content = pack(b"the minutes")  # type: ignore[operator]
    suffix = {gzip.compress: "gz", bz2.compress: "bz2", lzma.compress: "xz"}[pack]  # type: ignore[index]
    found = opened(f"minutes.txt.{suffix}", content)
    assert (paths(found), found.content) == (["minutes.txt"], (b"the minutes",))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"text"),
        ("a.docx", docx_file(lambda document: document.add_paragraph("text"))),
        ("a.zip", docx_file(lambda document: document.add_paragraph("text"))),
        ("a.epub", zip_file({"mimetype": b"application/epub+zip"})),
        ("a.pdf", INNER),  # a name that says something else is for validation to refuse
        ("a.zip", b"no archive"),
        ("a.7z", b"7z\xbc\xaf'\x1c"),
    ],
)
def test_what_is_no_archive_is_left_to_the_parsers(name: str, content: bytes) -> None:
    assert unpack(Upload(name, content, name), LIMITS) is None


def test_archives_and_mails_in_each_other_are_opened_to_the_files() -> None:
    letter = mail(("scan.pdf", b"%PDF-"), ("inner.zip", INNER)).as_bytes()
    found = opened("o.zip", zip_file({"letter.eml": letter, "t.tgz": gzip.compress(TAR)}))
    assert paths(found) == [
        "letter.eml",
        "letter.eml!scan.pdf",
        "letter.eml!inner.zip!a.txt",
        "letter.eml!inner.zip!folder/b.txt",
        "t.tgz!a.txt",
        "t.tgz!folder/b.txt",
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../../etc/passwd", "unsafe_path"),
        ("a/../../x.txt", "unsafe_path"),
        ("/etc/passwd", "unsafe_path"),
        ("C:\\x", "unsafe_path"),
        ("..\\..\\x.txt", "unsafe_path"),
        ("\\\\server\\x.txt", "unsafe_path"),
        ("a\x1b[2J.txt", "unsafe_name"),
        ("a\u202etxt.exe", "unsafe_name"),
        ("x" * 300, "unsafe_name"),
        ("good.txt", "duplicate_name"),
        ("./good.txt", "duplicate_name"),
    ],
)
def test_a_name_that_is_a_trick_costs_its_member_and_no_other(name: str, reason: str) -> None:
    for archive, content in (
        ("o.zip", zipped([("good.txt", b"good"), (name, b"evil"), ("last.txt", b"last")])),
        ("o.tar", tarred([("good.txt", b"good"), (name, b"evil"), ("last.txt", b"last")])),
    ):
        found = opened(archive, content)
        assert paths(found) == ["good.txt", "last.txt"]
        assert list(reasons(found).values()) == [reason]
        assert all(path.isprintable() for path in reasons(found))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind: bytes) -> None:
    found = opened("o.tar", tarred([("good.txt", b"good"), (link("evil", "/etc/passwd", kind), b"")]))
    assert (paths(found), reasons(found)) == (["good.txt"], {"evil": "link"})


def test_a_link_in_a_zip_is_refused() -> None:
    info = zipfile.ZipInfo("evil")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    found = opened("o.zip", zipped([("good.txt", b"good"), (info, b"/etc/passwd")]))
    assert (paths(found), reasons(found)) == (["good.txt"], {"evil": "link"})


def test_an_encrypted_member_is_refused_and_the_archive_where_there_is_no_other() -> None:
    archive = bytearray(zip_file({"secret.txt": b"secret"}))
    archive[6] |= 1
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    assert why("o.zip", bytes(archive)) == "encrypted"


def patched(tar: bytes, at: int, field: bytes) -> bytes:
    """The first header, with a field replaced and its sum put right."""
    header = bytearray(tar[:512])
    header[at : at + len(field)] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\x00 " % sum(header)
    return bytes(header) + tar[512:]


@pytest.mark.parametrize(
    "content",
    [
        patched(TAR, 124, b"\xff" * 12),  # a negative size, as GNU writes numbers
        patched(TAR, 124, b"\x80" + b"\xff" * 11),  # larger than any file
        patched(TAR, 124, b"-0000000001\x00"),
        patched(TAR, 124, b"77777777777\x00"),
        patched(patched(TAR, 156, b"x"), 124, b"00000000001\x00"),
        TAR[:514],
        TAR[:1100],
    ],
)
def test_a_tar_that_lies_about_its_blocks_is_damaged_and_read_to_no_end(content: bytes) -> None:
    assert why("o.tar", content) == "malformed"


def test_a_sparse_member_is_refused() -> None:
    sparse = tarfile.TarInfo("sparse.bin")
    sparse.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.size": "99999999999"}
    found = opened("o.tar", tarred([("good.txt", b"good"), (sparse, b"x")]))
    assert reasons(found) == {"sparse.bin": "unsupported_type"}


def nested(levels: int) -> bytes:
    content = zip_file({"core.txt": b"core"})
    for level in range(levels - 1):
        content = zip_file({f"{level}.zip": content})
    return content


def test_archives_in_archives_are_opened_as_deep_as_they_may_lie() -> None:
    assert paths(opened("o.zip", nested(4))) == ["2.zip!1.zip!0.zip!core.txt"]
    assert why("o.zip", nested(5)) == "archive_depth"
    assert why("o.zip", nested(200)) == "archive_depth"
    beside = opened("o.zip", zip_file({"good.txt": b"good", "deep.zip": nested(200)}))
    assert (paths(beside), list(reasons(beside).values())) == (["good.txt"], ["archive_depth"])


def test_a_zip_that_holds_itself_comes_to_an_end() -> None:
    """As R. Cox, "Zip Files All The Way Down", but by hand: each level holds its own copy twice."""
    content = zip_file({"a.txt": b"a"})
    for _ in range(12):
        content = zip_file({"x.zip": content, "y.zip": content})
    assert why("o.zip", content) == "archive_depth"
    assert why("o.zip", content, UnpackLimits(depth=50)) == "too_many_members"


def gzip_of_zeros(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(MIB)
    return b"".join(packer.compress(zeros) for _ in range(size // MIB)) + packer.flush()


@pytest.mark.parametrize("name", ["zeros.gz", "zeros.tar.gz"])
def test_ten_thousandfold_zeros_are_stopped_early(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0
    take = Budget.take

    def counted(self: Budget, size: int) -> None:
        nonlocal most
        most += size
        take(self, size)

    monkeypatch.setattr(Budget, "take", counted)
    assert why(name, gzip_of_zeros(64 * MIB)) == "archive_bomb"
    assert most < 16 * MIB


def test_a_bomb_in_any_depth_costs_the_whole_upload() -> None:
    flat = UnpackLimits(ratio=10**9, expanded=8 * MIB, member=16 * MIB)
    bomb = zip_file({"zeros": bytes(6 * MIB)})
    assert why("o.zip", zip_file({"a.zip": bomb, "b.zip": bomb}), flat) == "archive_bomb"
    assert why("o.zip", zip_file({"good.txt": b"good", "a.zip": bomb, "b.zip": bomb}), flat) == "archive_bomb"


def test_an_archive_of_very_many_files_is_refused_before_any_is_read() -> None:
    assert why("o.zip", zip_file({str(number): b"" for number in range(2001)})) == "too_many_members"
    assert why("o.tar", tarred([(str(number), b"") for number in range(2001)])) == "too_many_members"
    directory = b"PK\x01\x02" * 100_000
    assert why("o.zip", INNER + directory) == "archive_bomb"


def test_members_that_share_their_bytes_are_a_bomb() -> None:
    archive = bytearray(zip_file({"a.txt": b"alpha", "b.txt": b"beta!"}))
    second = archive.index(b"PK\x01\x02", archive.index(b"PK\x01\x02") + 4)
    archive[second + 42 : second + 46] = struct.pack("<L", 0)  # both begin at the first byte
    assert why("o.zip", bytes(archive)) == "archive_bomb"


def test_a_member_that_is_too_large_is_refused_alone() -> None:
    small = UnpackLimits(member=10)
    for name, content in (
        ("o.zip", zip_file({"big.txt": b"b" * 11, "good.txt": b"good"})),
        ("o.tar", tarred([("big.txt", b"b" * 11), ("good.txt", b"good")])),
    ):
        found = opened(name, content, small)
        assert (paths(found), reasons(found)) == (["good.txt"], {"big.txt": "too_large"})


def test_what_breaks_off_is_damaged() -> None:
    assert why("o.gz", gzip.compress(b"x" * 1000)[:-9]) == "malformed"
    assert why("o.xz", lzma.compress(b"x" * 1000)[:-9]) == "malformed"
    assert why("o.bz2", bz2.compress(b"x" * 1000)[:-9]) == "malformed"
    assert why("o.zip", INNER[:-30]) == "malformed"
    assert why("o.zip", zip_file({})) == "empty_archive"


def test_names_of_old_programs_are_read() -> None:
    archive = zip_file({"Prüfung.txt".encode().decode("cp437"): b"utf-8 that is not said to be"})
    for name, content in (("o.zip", archive.replace(b"\x00\x08", b"\x00\x00")), ("o.tar", TAR)):
        assert all(path.isprintable() for path in paths(opened(name, content)))


def test_attachments_are_members_of_a_mail_and_images_of_its_body_are_not() -> None:
    message = mail(("a.pdf", b"one"), ("a.pdf", b"two"), ("../x.txt", b"evil"), forwarded=mail(("deep.txt", b"deep")))
    message.get_body().add_alternative("<img src='cid:logo'>", subtype="html")  # type: ignore[union-attr]
    html = message.get_body(("html",))
    html.add_related(b"GIF89a", "image", "gif", cid="<logo>", filename="logo.gif")  # type: ignore[union-attr]
    found = opened("letter.eml", message.as_bytes(), mail=Kind.MAIL)
    assert paths(found) == ["a.pdf", "a (2).pdf", "attachment.eml", "attachment.eml!deep.txt"]
    assert found.content[0:2] == (b"one", b"two")
    assert reasons(found) == {"../x.txt": "unsafe_path"}


MAILBOX = (
    b"From ann@example.org Mon Jan  1 00:00:00 2024\nFrom: ann@example.org\nSubject: one\n\n"
    b"The first.\n>From here on, a line that was marked.\nFrom the town, within a paragraph: no start.\n\n"
    b"From bob@example.org Mon Jan  1 00:00:00 2024\nFrom: bob@example.org\nSubject: two\n\nThe second.\n"
)


@pytest.mark.parametrize("name", ["town.mbox", "town"])
def test_a_mailbox_is_parted_into_its_messages(name: str) -> None:
    found = opened(name, MAILBOX)
    assert (found.contents.kind, paths(found)) == (Kind.MAILBOX, ["message-1.eml", "message-2.eml"])
    assert b"\nFrom here on" in found.content[0]
    assert found.content[1].endswith(b"The second.\n")


def test_attachments_in_a_mailbox_are_members_and_one_message_alone_is_a_mail() -> None:
    attached = mail(("plan.txt", b"a plan")).as_bytes()
    found = opened("a.mbox", MAILBOX + b"\nFrom ann@example.org Mon Jan  1 00:00:00 2024\n" + attached)
    assert paths(found)[2:] == ["message-3.eml", "message-3.eml!plan.txt"]
    assert unpack(Upload("a", MAILBOX.partition(b"\n\nFrom bob")[0], "a"), LIMITS) is None


def test_a_mail_without_attachments_has_no_members() -> None:
    assert paths(opened("letter.eml", mail().as_bytes(), mail=Kind.MAIL)) == []


def test_a_mail_with_a_thousand_attachments_is_taken_and_one_with_more_than_may_be_is_not() -> None:
    small = UnpackLimits(members=1000)
    part = b"--b\nContent-Disposition: attachment; filename=a.txt\n\nx\n"
    many = b"Subject: Many\nContent-Type: multipart/mixed; boundary=b\n\n" + part * 1000 + b"--b--\n"
    assert len(set(paths(opened("m.eml", many, small, Kind.MAIL)))) == 1000
    with pytest.raises(Refused) as refusal:
        opened("m.eml", many, UnpackLimits(members=999), Kind.MAIL)
    assert refusal.value.reason == "too_many_members"


def test_mails_that_were_forwarded_a_hundred_times_come_to_an_end() -> None:
    message = mail(("core.txt", b"core"))
    for _ in range(20):
        message = mail(forwarded=message)
    found = opened("m.eml", message.as_bytes(), mail=Kind.MAIL)
    assert len(paths(found)) == 4
    assert set(reasons(found).values()) == {"archive_depth"}


def test_members_are_handed_over_a_window_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "WINDOW", 10)
    members = {f"{number}.txt": bytes([65 + number]) * (4 + number) for number in range(5)}
    upload, handed = Upload("o.zip", zip_file(members), "o"), list[bytes]()
    while len(handed) < 5:
        found = unpack(upload, LIMITS, first=len(handed))
        assert found is not None
        assert found.content
        assert sum(map(len, found.content)) <= 10 or len(found.content) == 1
        assert len(found.contents.members) == 5
        handed += found.content
    assert handed == list(members.values())


@given(st.binary(max_size=2000), st.integers(0, 2000), st.sampled_from(["o.zip", "o.tar", "o.gz"]))
def test_damage_is_refused_and_never_a_crash(junk: bytes, at: int, name: str) -> None:
    whole = {"o.zip": INNER, "o.tar": TAR, "o.gz": gzip.compress(TAR)}[name]
    content = whole[:at] + junk + whole[at + len(junk) :]
    with suppress(Refused):
        unpack(Upload(name, content, name), LIMITS)
