"""A security update that moved is answered for each template that stood on the old image."""

from collections import defaultdict


def every_security_update_is_answered_for_each_dependant(result):
    """Its image stands on the new one or a later one, or a build of it or the journal says why not."""
    victims = {one.name for one in result.environment.victims}
    standing, order = {}, defaultdict(list)
    for change in result.changes_of("BASE#"):
        if change.sk.startswith("DEPENDANT#"):
            standing[(change.pk, change.sk)] = change.new
        if not change.sk.startswith("UPDATE#") or change.old is not None:
            continue
        order[change.pk].append(change.new["image_id"])
        if change.new["update_type"] != "security" or change.new["direction"] != "forward":
            continue
        for (pk, _), dependant in standing.items():
            if pk == change.pk and dependant and dependant["base_image_id"] != change.new["image_id"]:
                target = dependant["target"]
                if isinstance(target, dict) and target["template"] not in victims:
                    if not _answered(result, change, target):
                        yield f"{change.new['id']} is not answered for {target['template']}-{target['architecture']}"


def _answered(result, move, target: dict) -> bool:
    name, architecture = target["template"], target["architecture"]
    moves = [one for one in result.having(move.pk, f"UPDATE#{result.environment.aws.region}#") if one["sk"] >= move.sk]
    channel = next((one for one in result.channels if _is(one, f"TEMPLATE#{name}", f"CHANNEL#{architecture}#")), None)
    if channel and channel["base_image_id"] in {one["image_id"] for one in moves}:
        return True
    builds = [one for one in result.builds.values() if one["request"]["target"] == target]
    for build in builds:
        if move.new["id"] in build["request"]["base_image_updates"] and build["ending"]["kind"] != "superseded":
            return True
    skips = [one for one in result.decisions("skip") if one["pk"] == f"TEMPLATE#{name}"]
    return any(move.new["id"] in str(one["inputs"]) + one["subject"] for one in skips)


def _is(item: dict, pk: str, sk: str) -> bool:
    return item["pk"] == pk and item["sk"].startswith(sk)


INVARIANTS = [every_security_update_is_answered_for_each_dependant]
