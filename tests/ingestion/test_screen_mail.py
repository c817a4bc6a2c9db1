"""What mail programs show of a mail is its text, and what its plain part says besides is kept apart."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from ingestion.parsers.extract import Extract
from ingestion.parsers.mail import parse_mail

SECRET = "SECRET words of an order"
LETTER = "The ferry leaves at nine from the northern pier, and returns at five."


def mail(plain: str, page: str) -> Extract:
    message = EmailMessage()
    message["Subject"], message["From"] = "Ferry", "ann@example.org"
    message.set_content(plain)
    message.add_alternative(page, subtype="html")
    return parse_mail(message.as_bytes())


@pytest.mark.parametrize(
    ("plain", "page", "is_shown"),
    [
        (f"{LETTER}\n\n{SECRET}", f"<p>{LETTER}</p>", False),
        (LETTER, f"<p>{LETTER}</p><p style='display:none'>{SECRET}</p>", False),
        (f"{LETTER}\n\n{SECRET}", f"<p>{LETTER}</p><p style='display:none'>{SECRET}</p>", False),
        (SECRET, f"<p>{LETTER}</p>", False),
        (f"{LETTER}\n\n{SECRET}", f"<p>{LETTER}</p><p>{SECRET}</p>", True),
        (f"{LETTER}\n\n* SECRET words <http://a.example> of an order", f"<p>{LETTER}</p><li>{SECRET}</li>", True),
    ],
)
def test_a_mail_is_read_as_it_is_seen(plain: str, page: str, is_shown: bool) -> None:
    found = mail(plain, page)
    assert ("SECRET" in " ".join(element.text for element in found.elements)) == is_shown
    assert LETTER in " ".join(element.text for element in found.elements)
    assert any("SECRET" in text for text in found.concealed) != is_shown


def test_of_a_plain_part_that_only_asks_for_another_program_the_page_is_read() -> None:
    found = mail("Please use a program that shows pages.", f"<p>{LETTER}</p>")
    assert LETTER in " ".join(element.text for element in found.elements)
