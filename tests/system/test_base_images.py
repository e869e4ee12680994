"""What a parameter names is believed only if its vendor publishes it."""

import pytest


def look_alike(world, base) -> str:
    return world.aws.register_image("123456789012", base.release("2026-12-31"), architecture=base.architecture)


def withdrawn(world, base) -> str:
    image = world.aws.register_image(base.owner, base.release("2026-12-31"), architecture=base.architecture)
    world.aws.control("images/withdraw", {"region": world.aws.region, "image_id": image})
    return image


@pytest.mark.parametrize("named", [lambda *_: "ami-0123456789abcdef0", look_alike, withdrawn, lambda *_: "soon"],
                         ids=["none", "another's", "withdrawn", "text"])  # fmt: skip
def test_a_parameter_that_names_no_image_of_its_vendor_is_not_accepted(world, named):
    template = world.template()
    template.built()
    before = world.table.get(*template.base.tracked)
    world.publish(template.base, named(world, template.base))
    run = world.watch()
    name = f"{template.base.name}/{template.base.architecture}"
    assert run["moved"] == [] and list(run["failed"]) == [name], run
    world.aws.settle()
    assert world.table.get(*template.base.tracked) == before
    assert template.updates() == [] and len(template.builds()) == 1
    world.publish(template.base)
    assert len(world.watch()["moved"]) == 1


def test_an_image_that_moves_back_is_an_update_too(world):
    template = world.template()
    old = template.built()["frozen"]["base_image_id"]
    new = world.publish(template.base)
    world.watch()
    world.publish(template.base, old)
    world.watch()
    world.aws.settle()
    moves = [(one["previous_image_id"], one["image_id"]) for one in template.updates()]
    assert moves == [(old, new), (new, old)]
    template.will("succeed")
    world.set_clock("02:00")
    world.until(lambda: template.endings() == ["complete", "complete"])
    assert template.build(2)["frozen"]["base_image_id"] == old


def test_a_move_whose_number_is_taken_is_told_and_not_swallowed(world):
    base = world.base()
    world.publish(base)
    world.watch()
    record = base.tracked
    known = world.table.get(*record)
    world.table.put(**{**known, "sequence": known["sequence"] - 1})
    world.publish(base)
    assert "out of step" in world.watch()["failed"][f"{base.name}/{base.architecture}"]
    world.table.put(**known)
    assert f"{base.name}/{base.architecture}/{world.aws.region}/{known['sequence'] + 1}" in world.watch()["moved"]
