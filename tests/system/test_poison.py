"""Records that cannot be worked on are set aside once, and hold up nobody."""

import json


def test_a_record_that_cannot_be_read_is_set_aside_once_and_later_ones_are_handled(world):
    template = world.template()
    template.built()
    world.aws.settle()
    today = f"NOTICE#{world.now():%Y-%m-%d}"
    poison = [(today, "2026-01-01T00:00:00.000000Z#poison"), (template.base.partition, "UPDATE#us-east-1#00000000")]
    for pk, sk in poison:
        world.table.put(pk, sk, kind=7)
    try:
        world.publish(template.base)
        world.watch()
        assert template.waits()
        world.until(lambda: template.notices("update-available"))
        aside = []
        world.until(lambda: len(aside.__iadd__(world.inbox.set_aside())) >= 2)
        functions = sorted(json.dumps(one).split("prism-auto-ami-")[1].split('"')[0].split(":")[0] for one in aside)
        assert functions == ["notify", "respond-to-update"], aside
        world.aws.settle()
        assert world.inbox.set_aside() == []

        # Nor do they keep reconcile-builds from finding what others need.
        world.aws.client("ssm").delete_parameter(Name=template.parameter)
        found = world.invoke("reconcile-builds")
        assert (found["unreadable"], found["failed"], found["unpublished"]) == (2, 0, 1)
        world.until(template.published)
    finally:
        for pk, sk in poison:
            world.table.delete(pk, sk)
