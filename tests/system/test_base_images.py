"""What the source of a base image names: what is believed, what is told, and what is waited for."""

import threading
import time

import pytest

from tests.system import bases
from tests.system.bases import Base

REGIONS = ["us-west-2", "eu-west-1"]


@pytest.fixture
def world(world):
    """Leaves no trouble behind: other tests share the base images."""
    yield world
    world.aws.forget()
    for region in [world.aws.region, *REGIONS]:
        for one in world.table.query(f"TROUBLE#{region}"):
            world.table.delete(one["pk"], one["sk"])


def named(base) -> str:
    return f"{base.name}/{base.architecture}/us-east-1"


def another_base(world, base) -> Base:
    """The same base image on another architecture, seen."""
    other = next(one for one in bases.every() if one.name == base.name and one != base)
    world.publish(other)
    world.watch()
    return other


def updates(world, base, region="us-east-1") -> list:
    return world.table.query(base.partition, f"UPDATE#{region}#")


def told(world, base, kind) -> list:
    world.aws.settle()
    return [one for one in world.inbox.all() if one.kind == kind and f"{base.name}/{base.architecture}/" in one.id]


# --------------------------------------------------------------------------------------------------- what is believed


def look_alike(world, base) -> str:
    return world.aws.register_image("123456789012", base.release("2026-12-31"), architecture=base.architecture)


def misnamed(world, base) -> str:
    return world.aws.register_image(base.owner, "something-else-20261231", architecture=base.architecture)


def withdrawn(world, base) -> str:
    image = world.aws.register_image(base.owner, base.release("2026-12-31"), architecture=base.architecture)
    world.aws.control("images/withdraw", {"region": world.aws.region, "image_id": image})
    return image


@pytest.mark.parametrize("what, kind", [
    (lambda *_: "ami-0123456789abcdef0", "absent"), (withdrawn, "absent"),
    (look_alike, "foreign"), (misnamed, "foreign"), (lambda *_: "soon", "foreign"),
], ids=["none", "withdrawn", "another's", "another name", "text"])  # fmt: skip
def test_a_parameter_that_names_no_image_of_its_vendor_is_not_accepted(world, what, kind):
    template = world.template()
    template.built()
    before = world.table.get(*template.base.tracked)
    good = before["current"]["image_id"]
    world.publish(template.base, what(world, template.base))
    run = world.watch()
    assert run["moved"] == [] and run["troubles"][kind] == 1, run
    trouble = world.trouble(template.base)
    assert (trouble["kind"], trouble["told_at"]) == (kind, None), trouble
    world.aws.settle()
    assert world.table.get(*template.base.tracked) == before
    assert template.updates() == [] and len(template.builds()) == 1

    world.publish(template.base, good)
    assert kind not in world.watch()["troubles"] and world.trouble(template.base) is None, "mended"
    world.publish(template.base)
    assert len(world.watch()["moved"]) == 1


def test_an_image_that_does_not_exist_is_looked_for_again_and_told_of_once_after_an_hour(world):
    base = world.base()
    world.publish(base, "ami-0123456789abcdef0")
    world.watch()
    since = world.trouble(base)["since"]
    world.advance("50m")
    world.watch()
    assert told(world, base, "base-image-trouble") == [], "it may pass"
    world.advance("11m")
    for _ in range(3):
        world.watch()
        world.advance("30m")
    [notice] = told(world, base, "base-image-trouble")
    assert "ami-0123456789abcdef0, which does not exist" in notice.body, notice.body
    assert f"{base.name} ({base.architecture}, us-east-1)" in notice.subject
    kept = world.trouble(base)
    assert kept["since"] == since and kept["told_at"] > since
    world.publish(base)
    assert len(world.watch()["moved"]) == 1 and world.trouble(base) is None


def test_a_parameter_may_hold_the_json_of_ecs(world):
    entry = ecs("ecs-json", "/aws/service/test/ecs-json/recommended")
    world.policy(base_images=[entry])
    base = Base("ecs-json", "x86_64", "x86_64", entry["owner"], entry["parameter"])
    images = []
    for day in ("20261001", "20261008"):
        name = f"al2023-ami-ecs-hvm-2023.0.{day}-kernel-6.1-x86_64"
        images.append(world.aws.register_image(entry["owner"], name))
        world.aws.publish_parameter(base.parameter, f'{{"image_name": "{name}", "image_id": "{images[-1]}"}}')
        run = world.watch()
    assert run["moved"] == ["ecs-json/x86_64/us-east-1/1"]
    [update] = updates(world, base)
    assert [update["previous_image_id"], update["image_id"]] == images


def ecs(name: str, parameter: str) -> dict:
    return {"name": name, "title": "Amazon Linux 2023 for ECS", "owner": "591542846629", "parameter": parameter,
            "architectures": {"x86_64": "x86_64"}, "names": ["al2023-ami-ecs-hvm-2023.0.*-kernel-*-{arch}"],
            "changelog": "https://github.com/aws/amazon-ecs-ami/blob/main/CHANGELOG.md"}  # fmt: skip


# ------------------------------------------------------------------------------------------- back, and back and forth


def test_an_image_that_moves_back_is_an_update_that_says_so(world):
    template = world.template()
    old = template.built()["frozen"]["base_image_id"]
    new = world.publish(template.base)
    world.watch()
    world.publish(template.base, old)
    assert len(world.watch()["moved"]) == 1
    world.aws.settle()
    moves = [(one["previous_image_id"], one["image_id"], one["direction"]) for one in template.updates()]
    assert moves == [(old, new, "forward"), (new, old, "back")]


def test_an_image_that_goes_back_and_forth_is_not_followed_until_it_is_calm(world):
    world.policy(quarantine_after=3)
    base = world.base()
    one = world.table.get(*base.tracked)["current"]["image_id"]
    other = world.publish(base)
    world.watch()
    moves = len(updates(world, base))
    for image in (one, other):
        world.publish(base, image)
        assert len(world.watch()["moved"]) == 1
    world.publish(base, one)
    run = world.watch()
    assert (run["moved"], run["held"]) == ([], 1), run
    tracked = world.table.get(*base.tracked)
    assert tracked["current"]["image_id"] == other and tracked["quarantine"]["seen"]["image_id"] == one
    for image in (other, one):
        world.publish(base, image)
        for _ in range(2):
            run = world.watch()
            assert (run["moved"], run["held"]) == ([], 1), run
    [notice] = told(world, base, "base-image-held")
    assert one in notice.body and other in notice.body, notice.body
    world.advance("5h 50m")
    assert world.watch()["held"] == 1 and len(updates(world, base)) == moves + 2
    world.advance("20m")
    assert world.watch()["held"] == 0 and len(updates(world, base)) == moves + 3, "calm: it is followed again"
    tracked = world.table.get(*base.tracked)
    assert tracked["current"]["image_id"] == one and tracked["quarantine"] is None and tracked["returns"] == []


# ----------------------------------------------------------------------------------------- several at once, and missed


def test_two_architectures_that_move_hours_apart_are_two_updates(world):
    base = world.base("debian-13", "x86_64")
    other = another_base(world, base)
    before = len(updates(world, base)), len(updates(world, other))
    world.publish(base)
    [first] = world.watch()["moved"]
    world.advance("5h")
    world.publish(other)
    [second] = world.watch()["moved"]
    assert first.startswith("debian-13/x86_64/") and second.startswith("debian-13/arm64/")
    assert (len(updates(world, base)), len(updates(world, other))) == (before[0] + 1, before[1] + 1)


def rocky(number: int) -> dict:
    return {"name": f"rocky-test-{number}", "title": "Rocky Linux", "owner": "792107900819", "changelog": "https://rockylinux.org/news",
            "architectures": {"x86_64": "x86_64"}, "names": [f"Rocky-T{number}-EC2-Base-9.*.{{arch}}"],
            "except": [f"Rocky-T{number}-EC2-Base-9.*-beta.{{arch}}"]}  # fmt: skip


def test_releases_that_were_missed_are_one_update_that_names_them(world):
    entry = rocky(1)
    world.policy(base_images=[entry])
    base = Base(entry["name"], "x86_64", "x86_64", entry["owner"], None)

    def release(version, day, owner=entry["owner"]):
        return world.aws.register_image(owner, f"Rocky-T1-EC2-Base-9.{version}.x86_64", creation_date=f"{day}T12:00:00Z")

    first = release("1", "2026-09-01")
    world.watch()
    release("4-beta", "2026-12-01"), release("5", "2026-12-02", "123456789012")
    release("3", "2026-10-20"), release("2", "2026-10-01")
    last = release("4", "2026-10-30")
    [moved] = world.watch()["moved"]
    [update] = updates(world, base)
    assert update["id"] == moved and [update["previous_image_id"], update["image_id"]] == [first, last]
    assert update["between"] == ["Rocky-T1-EC2-Base-9.2.x86_64", "Rocky-T1-EC2-Base-9.3.x86_64"]

    world.aws.control("images/withdraw", {"region": "us-east-1", "image_id": last})
    assert len(world.watch()["moved"]) == 1
    assert updates(world, base)[-1]["direction"] == "back" and updates(world, base)[-1]["between"] == []


def test_releases_that_a_parameter_skipped_are_one_update(world):
    base = world.base()
    before = world.table.get(*base.tracked)["current"]["image_id"]
    count = len(updates(world, base))
    for _ in range(3):
        last = world.publish(base)
    assert len(world.watch()["moved"]) == 1
    [update] = updates(world, base)[count:]
    assert (update["previous_image_id"], update["image_id"], update["between"]) == (before, last, [])


def test_a_look_that_is_overtaken_does_not_take_what_it_saw_for_a_move_back(world):
    base = world.base()
    count = len(updates(world, base))
    before = world.publish(base)
    world.watch()
    # More late answers than one look asks for: the ones of the look that overtakes are not among them.
    world.aws.delay("ssm", 4, "GetParameters", count=1000)
    slow = threading.Thread(target=world.watch)
    slow.start()
    time.sleep(2)
    world.aws.forget()
    after = world.publish(base)
    assert len(world.watch()["moved"]) == 1
    slow.join()
    moves = [(one["image_id"], one["direction"]) for one in updates(world, base)[count:]]
    assert moves == [(before, "forward"), (after, "forward")]
    assert world.table.get(*base.tracked)["current"]["image_id"] == after


# --------------------------------------------------------------------------------------------------- region by region


def test_every_region_is_looked_at_and_each_move_is_recorded_where_it_happened(world):
    base = world.base()
    here = world.publish(base)
    there = [world.publish(base, region=region) for region in REGIONS]
    world.policy(watch_regions=REGIONS)
    world.watch()
    known = [world.table.get(f"TRACKED#{region}", base.tracked[1])["current"]["image_id"]
             for region in ["us-east-1", *REGIONS]]  # fmt: skip
    assert known == [here, *there]
    world.publish(base, region="eu-west-1")
    # A scheduled look may have been there first: the table tells what moved, whoever saw it.
    runs = {run["region"]: run for run in world.invoke("watch-base-images")["regions"]}
    assert list(runs) == ["us-east-1", *REGIONS]
    assert len(updates(world, base, "eu-west-1")) == 1 and updates(world, base, "us-west-2") == []
    for region, run in runs.items():
        kept = world.table.get("WATCH", f"REGION#{region}")
        assert (kept["looked_at"], kept["watched"]) == (run["looked_at"], run["watched"])


def test_a_region_that_is_down_does_not_stop_the_others(world):
    base = world.base()
    world.publish(base, region="us-west-2")
    world.policy(watch_regions=["us-west-2"])
    world.watch()
    world.aws.outage("ssm", "GetParameters", count=200, region="us-east-1")
    world.aws.outage("ec2", "DescribeImages", count=200, region="us-east-1")
    world.publish(base, region="us-west-2")
    runs = {run["region"]: run for run in world.invoke("watch-base-images")["regions"]}
    assert runs["us-east-1"]["troubles"] == {"unreachable": runs["us-east-1"]["watched"]}
    assert len(updates(world, base, "us-west-2")) == 1
    world.aws.forget()
    assert "unreachable" not in world.watch()["troubles"] and world.trouble(base) is None


def test_missing_withdrawn_throttled_and_unreachable_are_four_troubles(world):
    entry = ecs("four", "/aws/service/test/four/recommended")
    world.policy(base_images=[entry])
    base = Base("four", "x86_64", "x86_64", entry["owner"], entry["parameter"])
    kinds = []

    def look():
        run = world.watch()
        kinds.append((world.trouble(base) or {"kind": None})["kind"])
        assert kinds[-1] is None or run["troubles"][kinds[-1]] >= 1
        return run

    def unreachable():
        world.aws.outage("ssm", "GetParameters", count=300)
        assert world.watch()["troubles"]["unreachable"] >= 1
        kinds.append(world.trouble(base)["kind"])
        world.aws.forget()

    look()
    unreachable()
    images = [world.aws.register_image(base.owner, f"al2023-ami-ecs-hvm-2023.0.{day}-kernel-6.1-x86_64")
              for day in ("20261001", "20261008")]  # fmt: skip
    world.aws.publish_parameter(base.parameter, images[0])
    assert look()["first"] == 1
    world.aws.publish_parameter(base.parameter, images[1])
    # Of the calls that list images, and of the one that describes this one.
    world.aws.throttle("ec2", "DescribeImages", count=100)
    look()
    since = world.trouble(base)["since"]
    world.aws.forget()
    world.aws.outage("ec2", "DescribeImages", count=100)
    look()
    assert world.trouble(base)["since"] == since
    world.aws.forget()
    world.aws.control("public-parameters/withdraw", {"region": "us-east-1", "name": base.parameter})
    look()
    since = world.trouble(base)["since"]
    unreachable()
    assert world.trouble(base)["since"] == since
    world.aws.publish_parameter(base.parameter, images[0])
    look()
    assert kinds == ["missing", "missing", None, "throttled", "unreachable", "withdrawn", "withdrawn", None]
    assert updates(world, base) == []


def test_a_run_in_which_nothing_could_be_asked_is_a_failed_run(world):
    world.base()
    world.aws.outage("ssm", "GetParameters", count=200)
    world.aws.outage("ec2", "DescribeImages", count=200)
    with pytest.raises(RuntimeError, match="TransientFault"):
        world.watch()
    world.aws.forget()
    world.aws.settle()
    world.inbox.set_aside()
    world.watch()


def test_a_move_whose_number_is_taken_is_told_and_not_swallowed(world):
    base = world.base()
    world.publish(base)
    world.watch()
    record = base.tracked
    known = world.table.get(*record)
    world.table.put(**{**known, "sequence": known["sequence"] - 1})
    world.publish(base)
    assert world.watch()["moved"] == [] and "out of step" in world.trouble(base)["detail"]
    world.table.put(**known)
    assert f"{named(base)}/{known['sequence'] + 1}" in world.watch()["moved"]
    assert world.trouble(base) is None


def test_a_record_that_cannot_be_read_is_one_images_trouble(world):
    base = world.base()
    other = another_base(world, base)
    known = world.table.get(*base.tracked)
    world.table.put(**{**known, "since": "some day"})
    world.table.put("TROUBLE#us-east-1", f"{other.name}#{other.architecture}", kind="strange")
    for one in (base, other):
        world.publish(one)
    [moved] = world.watch()["moved"]
    assert moved.startswith(f"{other.name}/{other.architecture}/")
    trouble = world.trouble(base)
    assert trouble["kind"] == "unreachable" and "the record TRACKED#us-east-1" in trouble["detail"], trouble
    assert "TROUBLE#us-east-1" in world.aws.logs(world.function("watch-base-images"))
    world.table.put(**known)
    assert len(world.watch()["moved"]) == 1 and world.trouble(base) is None


# ------------------------------------------------------------------------------------------------------------- hints


def hint(topic: str) -> dict:
    message = {"Type": "Notification", "MessageId": "1", "TopicArn": topic, "Subject": "New AMI", "Message": '{"v1": {}}',
               "Timestamp": "2026-11-02T10:00:00.000Z", "SignatureVersion": "1"}  # fmt: skip
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": message,
                         "EventSubscriptionArn": f"{topic}:21be56ed-a058-49f5-8c98-aedd2564c486"}]}  # fmt: skip


def test_a_hint_of_a_listed_topic_is_a_look_and_one_of_another_or_soon_after_a_look_is_nothing(world):
    base = world.base()
    count = len(updates(world, base))
    world.advance("2m")
    before = world.table.get("WATCH", "REGION#us-east-1")
    world.publish(base)
    stranger = "arn:aws:sns:us-east-1:123456789012:amazon-linux-2023-ami-updates"
    assert world.invoke("watch-base-images", hint(stranger)) == {"regions": []}
    assert world.table.get("WATCH", "REGION#us-east-1") == before
    assert "of a topic that is not listed" in world.aws.logs(world.function("watch-base-images"))
    listed = ("arn:aws:sns:us-east-1:137112412989:amazon-linux-2023-ami-updates",
              f"arn:aws:sns:{world.aws.region}:177427601217:ecs-optimized-amazon-ami-update")  # fmt: skip
    [run] = world.invoke("watch-base-images", hint(listed[0]))["regions"]
    assert len(run["moved"]) == 1 and len(updates(world, base)) == count + 1
    world.publish(base)
    for topic in listed:
        assert world.invoke("watch-base-images", hint(topic)) == {"regions": []}
    assert world.table.get("WATCH", "REGION#us-east-1")["looked_at"] == run["looked_at"]
    assert "the last look is less than a minute old" in world.aws.logs(world.function("watch-base-images"))
    world.advance("2m")
    [run] = world.invoke("watch-base-images", hint(listed[1]))["regions"]
    assert len(run["moved"]) == 1 and len(updates(world, base)) == count + 2


def test_a_build_waits_while_the_current_image_is_gone_though_its_parameter_names_it(world):
    template = world.template(world.base("amazon-linux-2023"))
    template.built()
    current = world.table.get(*template.base.tracked)["current"]["image_id"]
    world.aws.control("images/withdraw", {"region": "us-east-1", "image_id": current})
    for _ in range(16):
        world.advance("15m")
        world.watch()
    trouble = world.trouble(template.base)
    assert (trouble["kind"], trouble["gone"]) == ("absent", current), trouble
    world.advance("1h")
    world.watch()
    [told] = [one for one in world.inbox.all() if one.kind == "base-image-trouble" and current in one.body]
    assert "which does not exist any more" in told.body
    world.start(template)
    assert f"whose parameter names {current}, which does not exist any more" in template.waits()["reason"]
    world.advance("1h")
    assert template.endings() == ["complete", None], "it waits, and does not fail"
    template.will("succeed")
    world.publish(template.base)
    world.watch()
    assert world.trouble(template.base) is None
    world.set_clock("02:00")
    world.until(lambda: template.endings()[-1] == "complete" and len(template.builds()) > 2)
