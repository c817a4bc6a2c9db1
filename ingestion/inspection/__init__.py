"""What is looked at before a parser meets a file: one check a module, none of which interprets more than it must.

    examine.py        all of it, in order: what ``ingestion.validate`` calls
    names.py          names of files and of members: no way out, nothing that reads as something else
    zip_directory.py  zip archives and Office packages: what their directory admits, and where it lies
    active.py         macros, scripts, programs, and what else would run or fetch: refused or left behind, by policy
    strip.py          Office files without their macros
    office.py         the parts of Office files, OpenDocument texts and books · pdf.py pdf_streams.py  what a PDF uses
    rtf.py            the objects in RTF
    programs.py       programs and the test file of virus scanners · polyglot.py  files that are two at once
    entities.py       document types in XML · images.py  the size that an image says it has

Each raises ``Refused`` with a reason of its own, and never quotes the file.
"""
