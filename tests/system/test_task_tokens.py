"""Task tokens: whoever has one can answer for a build, so they stand where readers of the table don't read."""

TOKEN = "AQCkAAAA"  # how the embedded AWS begins them


def tokens(world, template) -> dict:
    """The tokens of a template's builds, by build."""
    builds = {build["id"] for build in template.builds()}
    return {item["sk"]: item for item in world.table.query("TOKEN") if item["sk"] in builds}


def elsewhere(world) -> list:
    """The keys of items outside of the partition that contain a task token."""
    return [(item["pk"], item["sk"]) for item in world.table.all() if item["pk"] != "TOKEN" and TOKEN in repr(item)]


def test_task_tokens_stand_in_a_partition_of_their_own_until_their_build_ends(world):
    template = world.template()
    template.built()
    world.publish(template.base)
    world.watch()
    template.waits()
    waits = f"{template.target}-2"
    token = tokens(world, template)[waits]
    assert token["token"].startswith(TOKEN), "or nothing would be found elsewhere"
    assert token["awaits"] == "turn" and elsewhere(world) == []
    template.will("succeed", seconds=600)
    winner = world.start(template, urgent=True)
    template.runs(3)
    world.until(lambda: waits not in tokens(world, template))
    assert tokens(world, template)[f"{template.target}-3"]["awaits"] == "image" and elsewhere(world) == []
    assert world.request_of(winner)["wakes"] == waits
    world.advance("11m")
    assert world.ended(winner)["status"] == "SUCCEEDED"
    assert tokens(world, template) == {}
