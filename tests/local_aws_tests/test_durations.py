import pytest

from tests.local_aws.durations import moment_of, rfc3339, seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(90, 90), ("45s", 45), ("6h", 21600), ("1d 12h", 129600), ("30 minutes", 1800), ("2 weeks", 1209600)],
)
def test_spans(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "6", "6 hrs ago", "h", None, True])
def test_what_is_no_span(text):
    with pytest.raises(ValueError, match="span of time"):
        seconds_of(text)


def test_moments():
    assert rfc3339(moment_of("2026-11-01T02:00:00+01:00")) == "2026-11-01T01:00:00.000Z"
