"""Files in files: archives and mail, opened within one budget for all that they expand to, and never onto a disk.

    limits.py    how much one upload may expand to, and the count of it
    kinds.py     which files are opened, by how they begin
    zips.py tars.py streams.py mails.py mailboxes.py    one format each: members, or why one is refused
    walk.py      all formats, through archives in archives
    listing.py   an archive as a document that can be read

All but ``listing`` runs where uploads are parsed, as it meets bytes as they arrived.
"""
