"""All bombs by file name, an honest file among them, and five that stand for what a batch must survive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from eval.hostile import archives, mails, packages, pdfs, texts

HONEST = "honest.txt"
HONEST_TEXT = b"The observatory of Brindlemoor opens its dome at a quarter past nine on clear evenings.\n"

BOMBS: dict[str, Callable[[], bytes]] = {
    "ten-gigabytes.zip": archives.ten_gigabytes,
    "lying-directory.zip": archives.lying_directory,
    "overlapping.zip": archives.overlapping_members,
    "two-hundred-levels.zip": archives.nested_zips,
    "wide-nest.zip": archives.wide_nest,
    "escaping.zip": archives.escaping_zip,
    "escaping.tar.gz": archives.escaping_tar,
    "run.txt.gz": archives.gzip_run,
    "endless.tar": archives.endless_tar,
    "many-members.zip": archives.many_members,
    "laughs.docx": packages.laughing_docx,
    "laughs.odt": packages.laughing_odt,
    "expanding.docx": packages.expanding_docx,
    "lying.docx": packages.lying_docx,
    "deep.docx": packages.deep_docx,
    "long-table.docx": packages.long_table_docx,
    "wide-span.docx": packages.wide_span_docx,
    "nested-tables.docx": packages.nested_tables_docx,
    "huge-image.docx": packages.huge_image_docx,
    "last-cell.xlsx": packages.last_cell_xlsx,
    "all-merged.xlsx": packages.all_merged_xlsx,
    "shared-string.xlsx": packages.shared_string_xlsx,
    "repeated-cells.ods": packages.repeated_cells_ods,
    "endless-spaces.odt": packages.endless_spaces_odt,
    "expanding.epub": packages.expanding_epub,
    "huge.png": lambda: packages.png(100_000, 100_000),
    "expanding-contents.pdf": pdfs.expanding_contents,
    "twice-packed.pdf": pdfs.twice_packed_contents,
    "billion-pages.pdf": pdfs.billion_pages,
    "many-pages.pdf": pdfs.many_pages,
    "cyclic-tree.pdf": pdfs.cyclic_page_tree,
    "laughing-forms.pdf": pdfs.laughing_forms,
    "self-drawing.pdf": pdfs.self_drawing_form,
    "deep-objects.pdf": pdfs.deep_objects,
    "deep-contents.pdf": pdfs.deep_contents,
    "looping-tables.pdf": pdfs.looping_tables,
    "many-letters.pdf": pdfs.many_letters,
    "huge-image.pdf": pdfs.huge_image_pdf,
    "long-map.pdf": pdfs.long_map,
    "laughs.xml": texts.laughing_xml,
    "laughs.svg": texts.laughing_xml,
    "laughs.html": texts.laughing_page,
    "quadratic.xml": texts.quadratic_xml,
    "outside.xml": texts.outside_xml,
    "deep.xml": texts.deep_xml,
    "deep.html": texts.deep_page,
    "deep-tables.html": texts.deep_tables,
    "deep-lists.html": texts.deep_lists,
    "misnested.html": texts.misnested_page,
    "wide-span.html": texts.wide_span_page,
    "open-comments.html": texts.open_comments,
    "many-attributes.html": texts.many_attributes,
    "deep.json": texts.deep_json,
    "deep-objects.json": texts.deep_json_objects,
    "almost-deep.json": texts.almost_deep_json,
    "long-number.json": texts.long_number,
    "one-line.txt": texts.one_line,
    "words.txt": texts.one_line_of_words,
    "digits.txt": texts.one_line_of_digits,
    "addresses.txt": texts.one_line_of_addresses,
    "marks.txt": texts.one_line_of_marks,
    "wide.csv": texts.wide_csv,
    "wide-head.csv": texts.wide_head_csv,
    "quotes.csv": texts.quotes_csv,
    "nested-quotes.md": texts.nested_quotes_md,
    "brackets.md": texts.brackets_md,
    "emphasis.md": texts.emphasis_md,
    "backticks.md": texts.backticks_md,
    "nested-list.md": texts.nested_list_md,
    "link-names.md": texts.link_names_md,
    "wide-table.md": texts.wide_table_md,
    "deep.rtf": texts.deep_rtf,
    "binary.rtf": texts.binary_rtf,
    "nested-parts.eml": mails.nested_parts,
    "nested-mails.eml": mails.nested_mails,
    "many-headers.eml": mails.many_headers,
    "many-receivers.eml": mails.many_receivers,
    "encoded-words.eml": mails.encoded_words,
    "nested-comments.eml": mails.nested_comments,
    "many-parts.eml": mails.many_parts,
}


def write_bombs(folder: Path) -> Iterator[Path]:
    """Each bomb is a file of the folder, and so is an honest text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / HONEST).write_bytes(HONEST_TEXT)
    for name, make in BOMBS.items():
        path = folder / name
        path.write_bytes(make())
        yield path
