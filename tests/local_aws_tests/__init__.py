"""Tests of the embedded AWS itself."""
