"""Nothing grows without bound: whatever is asked for however often, and whatever an earlier version let grow, is closed."""

import uuid


def test_a_build_and_a_claim_that_grew_in_an_earlier_version_are_closed_and_what_follows_is_built(world):
    template = world.template().will("succeed", seconds=600).will("succeed", seconds=0)
    first = world.start(template)
    template.runs()
    world.publish(template.base)
    [moved] = world.watch()["moved"]
    world.aws.settle()
    joined, build, claim = [str(uuid.uuid4()) for _ in range(4_784)], template.build(), template.claim()
    size = len(moved) + 3  # as DynamoDB counts an element of a list
    request = {**build["request"], "base_image_updates": [moved] * (180_000 // size)}
    world.table.put(**{**build, "joined": joined, "request": request})
    cause = {"updates": [moved] * (380_000 // size), "approved": True, "after": build["id"]}
    world.table.put(**{**claim, "next": {"template": template.name, "architectures": [template.base.architecture], "cause": cause}})
    world.advance("11m")
    assert world.ended(first)["status"] == "SUCCEEDED"
    world.until(lambda: len(template.builds()) == 2)
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])
    grown, following = template.builds()
    assert grown["joined"] == joined[-10:] and grown["joined_count"] == 4_784
    assert set(grown["request"]["base_image_updates"]) == set(following["request"]["base_image_updates"]) == {moved}
    assert following["request"]["by_hand"], "what a person has approved stays so"
    assert template.claim()["next"] is None
