"""This version takes over what the last one has left: executions that wait, with claims and requests as that wrote them.

The last version started executions that named a `cause`, kept the cause of the next build on the claim, and called a hold
`rejected`. It kept neither attempts nor wanted looks, and froze and published nothing of the template's source."""


def as_before(world, template, **fields) -> None:
    """Rewrites its claim as the last version would have written it."""
    claim = template.claim()
    for name in ("attempts", "hold", "wanted"):
        claim.pop(name, None)
    if claim.get("held"):
        for name in ("base_image_id", "is_again"):
            claim["held"]["queued"].pop(name, None)
    world.table.put(**{**claim, **fields})


def waiting(world):
    """A template whose base image has moved, and the build that waits for the night."""
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    world.aws.settle()
    return template, template.updates()[-1]


def test_a_build_of_the_last_version_that_waits_is_built_at_its_time(world):
    template, _ = waiting(world)
    as_before(world, template)
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])


def test_the_next_build_that_the_last_version_has_noted_for_a_cause_is_built_if_it_is_still_due(world):
    template = world.template()
    template.will("succeed", seconds=600).will("succeed", seconds=0)
    first = world.start(template)
    template.runs()
    world.publish(template.base)
    world.watch()
    world.aws.settle()
    update = world.table.query(template.base.partition, "UPDATE#")[-1]
    cause = {"updates": [update["id"]]}
    as_before(world, template, next={"template": template.name, "architectures": [template.base.architecture], "cause": cause})
    world.advance("11m")
    assert world.ended(first)["status"] == "SUCCEEDED"
    world.until(lambda: len(template.builds()) == 2)
    assert template.waits()["reason"].startswith("waits for the off-peak window")
    assert template.claim()["next"] is None
    assert template.build(2)["request"]["base_image_updates"] == [update["id"]]


def test_what_a_person_asked_of_the_last_version_to_be_built_next_is_built(world):
    template = world.template()
    template.will("succeed", seconds=600).will("succeed", seconds=0)
    first = world.start(template)
    template.runs()
    cause = {"after": template.build()["id"], "approved": True}
    as_before(world, template, next={"template": template.name, "architectures": [template.base.architecture], "cause": cause})
    world.advance("11m")
    assert world.ended(first)["status"] == "SUCCEEDED"
    world.until(lambda: template.endings() == ["complete", "complete"])


def test_what_was_rejected_in_the_last_version_rests(world):
    template, update = waiting(world)
    execution = template.held()["execution"]
    world.stop(execution)
    world.until(lambda: template.endings() == ["complete", "stopped"])
    world.aws.settle()
    rejected = {"build": template.build(2)["id"], "causes": {"updates": [update["id"]]}, "urgency": "high",
                "execution": execution, "reason": "exam week", "at": f"{world.now():%Y-%m-%dT%H:%M:%SZ}"}  # fmt: skip
    as_before(world, template, rejected=rejected)
    assert world.ended(world.look(template))["status"] == "SUCCEEDED"
    assert "was rejected: exam week" in template.journal("skip")[-1]["reasons"][0]
    assert len(template.builds()) == 2


def test_an_image_of_the_last_version_is_not_rebuilt_for_a_change_that_nobody_made(world):
    template = world.template()
    template.built()
    channel = template.channel()
    del channel["built_from"]
    world.table.put(**channel)
    template.apply({**template.written, "packages": {"system": ["git", "curl"]}})
    assert world.invoke("reconcile-builds")["changed"] == 0, "nobody knows of what it was made"
    assert template.built()["ending"]["kind"] == "complete"
    assert template.channel()["built_from"]["revision"] == 1
