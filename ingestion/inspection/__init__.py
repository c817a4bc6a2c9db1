"""What is looked at before a parser meets a file: one check a module, none of which interprets more than it must.

    names.py          names of files and of members: no way out, nothing that reads as something else
    zip_directory.py  zip archives and Office packages: what their directory admits, and where it lies

Each raises ``Refused`` with a reason of its own, and never quotes the file.
"""
