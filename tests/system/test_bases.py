"""The releases that tests publish are what the catalogue looks for."""

import pytest

from tests.system import bases


@pytest.mark.parametrize("base", bases.ALL, ids=lambda base: f"{base.name}/{base.architecture}")
def test_a_release_that_a_test_publishes_is_one_of_its_base_image(base):
    name = base.release("2026-11-01")
    assert bases.is_of(base, name), name


def test_tests_take_base_images_on_which_templates_can_be_built():
    free = bases.every()
    assert len(free) > 40 and all(base.parameter for base in free)
    assert not [base for base in free if base.name.startswith(("windows", "sles", "bottlerocket", "rhel", "rocky"))]
