"""What is told of when builds start, and what happens."""

import json
from datetime import datetime

from tests.system.test_budget import limits
from tests.system.test_files import prism


def told(world, *options) -> dict:
    """How each target stands, by its template."""
    answer = prism(world, "templates", "auto-ami", "status", *options, "--output", "json", now=True)
    assert answer.returncode == 0, answer.stderr
    return {one["name"]: one["targets"][0]["condition"] for one in json.loads(answer.stdout)["templates"]}


def test_builds_are_told_for_the_days_whose_money_pays_for_them_and_start_then(world):
    base = world.base()
    templates = [world.template(base) for _ in range(7)]
    for template in templates:
        template.built()
    world.policy(budgets=limits(daily=3.3))  # three a day
    world.publish(base)
    world.watch()
    for template in templates:
        template.waits()
        template.will("succeed")
    world.aws.settle()
    forecast = {name: condition["at"] for name, condition in told(world).items()}
    starts = sorted(forecast[template.name] for template in templates)
    days = [start[:10] for start in starts]
    assert [days.count(day) for day in sorted(set(days))] == [3, 3, 1], starts
    late = told(world, "--overdue")
    text = prism(world, "templates", "auto-ami", "status", "--overdue", now=True).stdout
    assert "4 builds miss their deadlines. To save all of them: raise daily_budget by $" in text, text
    assert len(late) == 4 and late.keys() <= {template.name for template in templates}, "due within a day"
    for start in sorted(set(starts)):
        world.set_clock(start)
        world.aws.settle()
        due = [template for template in templates if forecast[template.name] <= start]
        world.until(lambda due=due: all(template.endings() == ["complete", "complete"] for template in due))
        others = [template for template in templates if template not in due]
        assert all(template.build(2)["reservation"] is None for template in others)
        # Those that were not woken come to the gate by themselves once, and wait on.
        world.advance("1h")
        world.aws.settle()
    started = {template.name: template.build(2)["run"]["started_at"] for template in templates}
    for name, at in started.items():
        behind = datetime.fromisoformat(at) - datetime.fromisoformat(forecast[name])
        assert 0 <= behind.total_seconds() < 300, (name, forecast[name], at)


def test_what_cannot_start_is_told_at_once_with_exit_code_1(world):
    template = world.template()
    template.built()
    stopped = prism(world, "templates", "auto-ami", "build", template.name, "--max-cost", "0.10", now=True)
    assert stopped.returncode == 1 and "may cost $0.10 at most" in stopped.stdout, stopped
    world.policy(budgets=limits(monthly=0.5))
    blocked = prism(world, "templates", "auto-ami", "build", template.name, now=True)
    assert blocked.returncode == 1 and "Does not start: it needs $" in blocked.stdout, blocked
    assert "raise monthly_budget" in blocked.stdout
    condition = told(world)[template.name]
    assert condition["at"] is None and "monthly_budget" in condition["reason"], condition
