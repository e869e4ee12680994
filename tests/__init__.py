"""Tests of the whole system, and the embedded AWS that they run against."""
