"""Texts that are deep, wide, or made to wear out whoever reads them twice."""

from __future__ import annotations

from eval.hostile.packages import LAUGHS

MIB = 2**20


def _bytes(text: str) -> bytes:
    return text.encode()


def laughing_xml() -> bytes:
    return _bytes(f'<?xml version="1.0"?>{LAUGHS}<a>&l9;</a>')


def laughing_page() -> bytes:
    return _bytes(f"{LAUGHS.replace('<!DOCTYPE a', '<!DOCTYPE html')}<html><body><p>&l9;</p></body></html>")


def quadratic_xml(size: int = 100_000) -> bytes:
    """One long entity, named as often as it is long."""
    return _bytes(f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "{"b" * size}">]><a>{"&b;" * size}</a>')


def outside_xml() -> bytes:
    return b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'


def deep_xml(levels: int = 1_000_000) -> bytes:
    return _bytes('<?xml version="1.0"?>' + "<a>" * levels + "text" + "</a>" * levels)


def deep_page(levels: int = 300_000) -> bytes:
    return _bytes("<html><body>" + "<div>" * levels + "an honest sentence" + "</div>" * levels + "</body></html>")


def deep_tables(levels: int = 20_000) -> bytes:
    return _bytes("<html><body>" + "<table><tr><td>" * levels + "cell" + "</td></tr></table>" * levels)


def deep_lists(levels: int = 20_000) -> bytes:
    return _bytes("<html><body>" + "<ul><li>item " * levels + "</body></html>")


def misnested_page(count: int = 30_000) -> bytes:
    """Formatting that is never closed and is opened again in every paragraph."""
    return _bytes("<html><body>" + "".join(f"<p><b><i><font size={n}>word " for n in range(count)))


def wide_span_page() -> bytes:
    cell = '<td colspan="100000" rowspan="65534">cell</td>'
    return _bytes(f"<html><body><table>{f'<tr>{cell * 20}</tr>' * 20}</table></body></html>")


def open_comments(count: int = 1_000_000) -> bytes:
    return _bytes("<html><body><p>word</p>" + "<!--" * count)


def many_attributes(count: int = 300_000) -> bytes:
    return _bytes("<html><body><p " + " ".join(f"a{n}=1" for n in range(count)) + ">word</p></body></html>")


def deep_json(levels: int = 5_000_000) -> bytes:
    return b"[" * levels + b"]" * levels


def deep_json_objects(levels: int = 500_000) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def almost_deep_json(levels: int = 900) -> bytes:
    """As deep as still passes, and wide at the bottom: its paths are longer than what they lead to."""
    inner = ",".join(f'"key number {n}": "value {n}"' for n in range(20_000))
    return _bytes('{"a long name of a level":' * levels + "{" + inner + "}" + "}" * levels)


def long_number(digits: int = 10_000_000) -> bytes:
    return b"[" + b"9" * digits + b"]"


def one_line(size: int = 4 * MIB) -> bytes:
    return b"a" * size


def one_line_of_words(size: int = MIB) -> bytes:
    return b"word " * (size // 5)


def one_line_of_digits(size: int = MIB) -> bytes:
    return b"4111 1111 1111 1111 " * (size // 20)


def one_line_of_addresses(size: int = MIB // 2) -> bytes:
    return b"a.b-c_d@" * (size // 8)


def one_line_of_marks(size: int = MIB // 2) -> bytes:
    """Invisible characters and letters of many scripts between them."""
    return _bytes("a\u200b\u202eа\u2066" * (size // 12))


def wide_csv(columns: int = 1_000_000) -> bytes:
    return b",".join([b"name"] * columns) + b"\n" + b",".join([b"value"] * columns) + b"\n"


def wide_head_csv(columns: int = 20_000, rows: int = 200) -> bytes:
    """Every cell repeats a long name of its column."""
    head = ",".join(f"a long name of a column number {n}" for n in range(columns))
    return _bytes(head + "\n" + ("," * (columns - 1) + "\n") * (rows - 1) + ",".join(["1"] * columns) + "\n")


def quotes_csv(count: int = 2_000_000) -> bytes:
    return b'a,b\n"' + b'""' * count


def nested_quotes_md(levels: int = 50_000) -> bytes:
    return b">" * levels + b" word"


def brackets_md(count: int = 100_000) -> bytes:
    return b"[" * count + b"\n\n" + b"![a](" * count


def emphasis_md(count: int = 100_000) -> bytes:
    return b"*a_ " * count + b"\n\n" + b"a**b" * count


def backticks_md(count: int = 2000) -> bytes:
    return b"e" + b"e".join(b"`" * n for n in range(count))


def nested_list_md(levels: int = 1500) -> bytes:
    return b"\n".join(b" " * (2 * n) + b"- item" for n in range(levels))


def link_names_md(count: int = 40_000) -> bytes:
    return b"".join(b"[a%d]: /b\n" % n for n in range(count)) + b"[a] " * count


def wide_table_md(columns: int = 5000) -> bytes:
    row = b"|a" * columns + b"|\n"
    return row + b"|-" * columns + b"|\n" + b"|\n" * 5000


def deep_rtf(levels: int = 500_000) -> bytes:
    return b"{\\rtf1 " + b"{" * levels + b"word" + b"}" * levels + b"}"


def binary_rtf() -> bytes:
    return b"{\\rtf1 word {\\pict\\bin2000000000 x}" + b"\\u2000000000 " * 1000 + b"\\par " * 100_000 + b"}"
