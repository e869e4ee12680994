"""How much a look at a thousand base images in four regions takes: the function, and the same work by boto3."""
