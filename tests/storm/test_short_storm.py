"""A short storm: whatever it does, no invariant is violated. Its seed fixes what is done, not the order."""

from tests.storm import storm


def test_after_a_short_storm_no_invariant_is_violated():
    figures, violations = storm.run(seed=1, seconds=6, templates=6)
    assert violations == [], figures
