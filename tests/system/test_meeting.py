"""Requests that meet: at most one build of a template is queued or running."""


def waiting(world):
    """A template with a build that waits for tonight."""
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    return template


def test_an_urgent_request_takes_the_place_of_one_that_waits(world):
    template = waiting(world)
    loser = template.held()["execution"]
    template.will("succeed")
    winner = world.start(template, urgent=True)
    assert world.ended(winner)["status"] == "SUCCEEDED"
    assert world.ended(loser)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete", "superseded", "complete"]
    lost, won = template.builds()[1:]
    assert lost["ending"]["message"] == f"{won['id']} is more urgent and took its place"
    assert lost["reservation"] is None and lost["run"] is None
    # The update that was waited for is answered by the winner.
    assert won["request"]["base_image_updates"] and won["frozen"]["base_image_id"] == template.updates()[0]["image_id"]
    world.set_clock("02:00")
    world.aws.settle()
    assert len(template.builds()) == 3


def test_a_second_plain_request_joins_the_one_that_waits(world):
    template = waiting(world)
    execution = world.start(template)
    assert world.ended(execution)["status"] == "SUCCEEDED"
    assert world.states(execution)[-1] == "RequestJoined"
    assert world.request_of(execution)["own"] is False
    assert len(template.builds()) == 2 and len(template.build(2)["joined"]) == 1
    assert template.journal("join")
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])


def test_a_request_joins_a_build_that_runs_and_covers_it(world):
    template = world.template()
    template.will("succeed", seconds=600)
    first = world.start(template)
    template.runs()
    second = world.start(template)
    assert world.ended(second)["status"] == "SUCCEEDED"
    assert template.build()["joined"] and template.claim()["next"] is None
    world.advance("11m")
    assert world.ended(first)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete"]


def test_a_request_follows_a_build_that_runs_on_an_older_base_image(world):
    template = world.template()
    template.will("succeed", seconds=600).will("succeed", seconds=0)
    first = world.start(template)
    old = template.runs()["frozen"]["base_image_id"]
    new = world.publish(template.base)
    world.watch()
    second = world.start(template)
    assert world.ended(second)["status"] == "SUCCEEDED"
    assert template.claim()["next"]["template"] == template.name
    world.advance("11m")
    assert world.ended(first)["status"] == "SUCCEEDED"
    # Which of the two asks first, what followed or the update that the first build has missed, decides when.
    world.until(lambda: len(template.builds()) == 2)
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])
    assert [build["frozen"]["base_image_id"] for build in template.builds()] == [old, new]
    world.until(lambda: template.claim()["next"] is None)
    assert template.channel()["base_image_id"] == new


def test_many_requests_at_once_make_one_build(world):
    template = world.template()
    template.will("succeed", seconds=600)
    executions = [world.start(template) for _ in range(6)]
    template.runs()
    world.advance("11m")
    assert {world.ended(execution)["status"] for execution in executions} == {"SUCCEEDED"}
    assert template.endings() == ["complete"]
    assert len(template.build()["joined"]) == 5


def test_a_name_that_is_started_twice_is_one_request(world):
    template = world.template()
    template.will("succeed", seconds=600)
    given = {"template": template.name}
    first = world.start_with(given, f"twice-{template.name}")
    template.runs()
    assert world.start_with(given, f"twice-{template.name}") == first
    world.advance("11m")
    assert world.ended(first)["status"] == "SUCCEEDED" and len(template.builds()) == 1
