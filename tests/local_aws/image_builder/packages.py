"""What is installed in an image, as its inventory lists it.

https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ImagePackage.html

AWS's own example of an Amazon Linux image has versions without epoch and release:
https://docs.aws.amazon.com/cli/latest/reference/imagebuilder/list-image-packages.html
"""

from tests.local_aws.image_builder import amis

_DEB = (("curl", "7.88.1-10+deb12u8"), ("libssl3", "3.0.15-1~deb12u1"), ("openssl", "3.0.15-1~deb12u1"))
_UBUNTU = (("curl", "7.81.0-1ubuntu1.18"), ("libssl3", "3.0.2-0ubuntu1.18"), ("openssl", "3.0.2-0ubuntu1.18"))
_RPM = (("curl", "8.11.1"), ("kernel", "6.1.155"), ("openssl", "3.2.2"), ("openssl-libs", "3.2.2"))


def of(image: dict, scripted: list | None) -> list:
    """The list of an image: what a script says, or a few packages of its base's family; none, if none is to be made."""
    if not image["enhancedImageMetadataEnabled"]:
        return []
    if scripted is None:
        base = amis.parent(image).get("Name", "")
        scripted = _UBUNTU if base.startswith("ubuntu/") else _DEB if base.startswith("debian-") else _RPM
    return [{"packageName": name, "packageVersion": version} for name, version in scripted]
