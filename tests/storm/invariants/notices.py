"""People are told, once, in text that is safe to print; and nothing that was handed over is lost without a reason."""

from collections import Counter

from tests.storm.result import error_of

# What a function may have been unable to work on when it was killed, or while a service was down.
_TRANSIENT = ("TransientFault", "Runtime.ExitError", "Sandbox.Timedout", "TooManyRequests")


def every_notice_is_left_once_and_sent(result):
    left = Counter(one.became("id") for one in result.changes_of("NOTICE#") if one.old is None)
    for notice, count in left.items():
        if count > 1:
            yield f"{notice} was left {count} times"
    for item in result.having("NOTICE#"):
        if not item["sent_at"]:
            yield f"{item['id']} was not sent"
    published = {one.id for one in result.notices}
    for notice in sorted(set(left) ^ published):
        yield f"{notice} was {'left and not published' if notice in left else 'published and not left'}"


def a_notice_is_published_twice_only_where_notify_died_between_two_writes(result):
    """Or could not make the second: no oftener than it was killed, throttled or cut off."""
    twice = sum(count - 1 for count in Counter(one.id for one in result.notices).values())
    may = sum(result.environment.figures[name] for name in ("kills", "throttles", "outages", "conflicts"))
    if twice > may:
        yield f"{twice} were published more than once, and {may} times something went wrong"


def a_build_that_completes_or_fails_is_told_of_once(result):
    told = Counter(one.became("id") for one in result.changes_of("NOTICE#") if one.old is None)
    for build in result.builds.values():
        kind = (build["ending"] or {}).get("kind")
        if kind in ("complete", "failed") and told[f"build-{kind}:{build['id']}"] != 1:
            yield f"{build['id']} is {kind}, and was told of {told[f'build-{kind}:' + build['id']]} times"


def notices_are_safe_to_print(result):
    for notice in result.notices:
        if not notice.subject.isascii() or len(notice.subject) > 100 or not notice.subject.isprintable():
            yield f"the subject of {notice.id} is {notice.subject!r}"
        if any(not (one.isprintable() or one == "\n") for one in notice.body):
            yield f"the text of {notice.id} has {[one for one in notice.body if not one.isprintable()][:3]}"


def nothing_is_set_aside_without_a_reason(result):
    for lost in result.lost:
        error = error_of(lost)
        # A dead letter of a stream names no error: its record was one that somebody had broken. What it was about is found
        # by the hourly look once it is mended, which other invariants show.
        if "DDBStreamBatchInfo" in lost and result.environment.figures["records_broken"]:
            continue
        if not any(name in error for name in _TRANSIENT) and not result.is_of_a_victim(error):
            yield error


INVARIANTS = [
    every_notice_is_left_once_and_sent,
    a_notice_is_published_twice_only_where_notify_died_between_two_writes,
    a_build_that_completes_or_fails_is_told_of_once,
    notices_are_safe_to_print,
    nothing_is_set_aside_without_a_reason,
]
