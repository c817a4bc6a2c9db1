"""The finding of personal data, measured against labelled texts."""
