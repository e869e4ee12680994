"""An execution may have any name that Step Functions takes.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

import pytest

NAMES = ["v1.2+rc=3", "me@example.org", "it's-(mine)!", "büro-二-🚀" + "é" * 71]


@pytest.mark.parametrize("name", NAMES)
def test_a_build_of_every_name_is_made_closed_and_stopped(world, name):
    template = world.template()
    template.will("succeed")
    execution = world.start_with({"template": template.name}, f"{template.name[:5]}-{name}"[:80])
    assert world.ended(execution)["status"] == "SUCCEEDED"
    assert template.endings() == ["complete"] and template.published()
    assert world.request_of(execution)["own"]
    # A status change, too, leads from an execution to its build.
    template.will("hang")
    stopped = world.start_with({"template": template.name}, f"{template.name[:5]}2-{name}"[:80])
    template.runs(2)
    world.stop(stopped)
    world.until(lambda: not template.held())
    assert template.endings() == ["complete", "stopped"]
    assert template.build(2)["ending"]["message"] == "its execution was stopped"
    assert template.build(2)["request_id"] == stopped.rsplit(":", 1)[1]
