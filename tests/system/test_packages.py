"""What is installed in a published image is kept with it, and holds up nothing."""

from tests.system import patches

TRIES = 5  # of each page, before it is given up


def test_what_is_installed_in_an_image_is_kept_with_it(world):
    template = world.template()
    wanted = sorted([f"package-{number:04}", f"1:{number}.2-1"] for number in range(260))
    template.will("succeed", packages=wanted)
    world.aws.throttle("imagebuilder", "ListImagePackages", TRIES - 1)
    assert world.ended(world.start(template))["status"] == "SUCCEEDED"
    world.aws.settle()
    assert patches.installed(template) == wanted


def test_a_list_that_could_not_be_asked_for_holds_up_nothing_and_is_asked_for_again(world):
    template = world.template()
    world.aws.throttle("imagebuilder", "ListImagePackages", TRIES)
    template.built()
    assert template.published() and patches.installed(template) is None
    world.advance("6m")
    assert world.invoke("reconcile-builds")["unlisted"] == 1
    world.aws.settle()
    assert patches.installed(template)
    assert world.invoke("reconcile-builds")["unlisted"] == 0


def test_an_image_without_a_list_has_none_and_is_asked_about_for_a_day(world):
    template = world.template()
    template.will("succeed", packages=[])
    assert world.ended(world.start(template))["status"] == "SUCCEEDED"
    world.advance("6m")
    assert world.invoke("reconcile-builds")["unlisted"] == 1
    world.aws.settle()
    assert patches.installed(template) is None, "which is not the same as nothing"
    world.advance("25h")
    assert world.invoke("reconcile-builds")["unlisted"] == 0
