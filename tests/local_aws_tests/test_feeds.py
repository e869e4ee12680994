"""Vendors' feeds, and what Amazon Inspector found."""

import urllib.error
import urllib.parse
import urllib.request
import uuid

import pytest


def read(aws, path: str, **headers):
    request = urllib.request.Request(f"{aws.endpoint}/_local/feeds/{path}", headers=headers)
    with urllib.request.urlopen(request) as answer:
        return answer.read(), answer.headers["etag"]


def test_a_document_is_served_as_it_was_put_and_not_twice_to_who_has_it(aws):
    aws.publish_feed("kev", "/all.json?page=1", '{"a": 1}')
    body, tag = read(aws, "kev/all.json?page=1")
    assert body == b'{"a": 1}'
    with pytest.raises(urllib.error.HTTPError, match="304"):
        read(aws, "kev/all.json?page=1", **{"If-None-Match": tag})
    aws.publish_feed("kev", "/all.json?page=1", b"\x1f\x8b")
    assert read(aws, "kev/all.json?page=1", **{"If-None-Match": tag})[0] == b"\x1f\x8b"


def test_what_was_not_put_is_not_found_and_a_feed_can_be_down(aws):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        read(aws, "kev/all.json?page=2")
    aws.publish_feed("epss", "/scores", "busy", status=503)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        read(aws, "epss/scores")
    aws.control("feeds/clear", {"feed": "epss"})
    with pytest.raises(urllib.error.HTTPError, match="404"):
        read(aws, "epss/scores")


def ask(aws, action: str, **given) -> str:
    """What EC2 answers, as it stands: the client here is older than what is asked."""
    scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0"
    body = urllib.parse.urlencode({"Action": action, "Version": "2016-11-15", **given}).encode()
    request = urllib.request.Request(aws.endpoint, data=body, headers={"Authorization": scope})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def test_findings_are_told_of_images_that_were_scanned(aws):
    image = aws.register_image("099720109477", f"ubuntu-{uuid.uuid4()}")
    assert "scanResults" not in ask(aws, "DescribeImages", **{"ImageId.1": image})
    aws.scan_image(image, [{"cve": "CVE-2024-1086", "package": "linux", "severity": "high", "fix_available": False}])
    results = ask(aws, "DescribeImages", **{"ImageId.1": image})
    assert "<highestFindingSeverityLabel>high</highestFindingSeverityLabel>" in results
    found = ask(aws, "GetImageFindings", ImageId=image)
    assert "<title>CVE-2024-1086 - linux</title>" in found and "<fixAvailable>false</fixAvailable>" in found
    aws.scan_image(image)
    assert "<imageFindingSet></imageFindingSet>" in ask(aws, "GetImageFindings", ImageId=image)
    assert "findingScanDate" in ask(aws, "DescribeImages", **{"ImageId.1": image})
    assert "InvalidAMIID.NotFound" in ask(aws, "GetImageFindings", ImageId="ami-0123456789abcdef0")
