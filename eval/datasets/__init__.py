"""Test collections, and how they are read."""
