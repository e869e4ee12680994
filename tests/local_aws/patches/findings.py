"""What Amazon Inspector found in an image: the scan results that DescribeImages tells, and the findings.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetImageFindings.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html
"""

import time
from xml.sax.saxutils import escape

from ministack.core.responses import get_region
from ministack.services import ec2

from tests.local_aws import control
from tests.local_aws.durations import rfc3339
from tests.local_aws.patches import images

_SEVERITIES = ("informational", "low", "medium", "high", "critical")
_scans = {}  # (region, image id) -> (scanned at, [{"cve", "package", "severity", "fix_available"}])


@control.route("POST", "images/findings")
def _scan(body):
    region, image_id, findings = control.fields(body, "region", "image_id", findings=())
    if images.find(image_id, region) is None:
        raise control.BadInput(f"{image_id} is not an image of {region}")
    for one in findings:
        if one.get("severity") not in _SEVERITIES:
            raise control.BadInput(f"severity {one.get('severity')!r} is not one of {', '.join(_SEVERITIES)}")
    _scans[(region, image_id)] = (time.time(), list(findings))
    return {"findings": len(findings)}


def scan_results(image_id: str) -> str:
    """The element of DescribeImages; nothing for an image that was not scanned."""
    if (get_region(), image_id) not in _scans:
        return ""
    scanned, findings = _scans[(get_region(), image_id)]
    worst = max((_SEVERITIES.index(one["severity"]) for one in findings), default=None)
    label = "" if worst is None else f"<highestFindingSeverityLabel>{_SEVERITIES[worst]}</highestFindingSeverityLabel>"
    return f"<scanResults>{label}<findingScanDate>{rfc3339(scanned)}</findingScanDate></scanResults>"


def _findings(p):
    image_id = ec2._p(p, "ImageId")
    if images.find(image_id) is None:
        return images._not_found(image_id)
    _, found = _scans.get((get_region(), image_id), (0, []))
    start, size = int(ec2._p(p, "NextToken") or 0), int(ec2._p(p, "MaxResults") or 0) or 1000
    items = "".join(_item(one) for one in found[start : start + size])
    more = f"<nextToken>{start + size}</nextToken>" if start + size < len(found) else ""
    return ec2._xml(200, "GetImageFindingsResponse", f"<imageFindingSet>{items}</imageFindingSet>{more}")


def _item(one: dict) -> str:
    title = escape(f"{one['cve']} - {one.get('package', 'unknown')}")
    fixable = "true" if one.get("fix_available", True) else "false"
    return (
        f"<item><fixAvailable>{fixable}</fixAvailable><title>{title}</title>"
        f"<severityLabel>{one['severity']}</severityLabel></item>"
    )


def install() -> None:
    ec2._ACTION_MAP.setdefault("GetImageFindings", _findings)
    images.more_of = scan_results
