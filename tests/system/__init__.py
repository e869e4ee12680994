"""Tests of the whole system: the deployed template, its functions as processes, on the embedded AWS."""
