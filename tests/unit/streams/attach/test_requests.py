import pytest
from botocore.exceptions import ClientError

from streams.attach.errors import AttachRefused
from streams.attach.requests import asking

_KEY = "User: ann is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:eu-central-1:123:key/1"


@pytest.mark.parametrize(
    ("message", "allow"),
    [("Access Denied", "allow s3:PutObject;"), (_KEY, "allow kms:GenerateDataKey on the bucket's key")],
)
def test_a_refusal_quotes_the_store_and_names_the_permission_that_is_missing(message: str, allow: str) -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "PutObject")
    with pytest.raises(AttachRefused) as refused, asking("s3:PutObject", "put the test object"):
        raise denied
    assert "may not put the test object" in str(refused.value)
    assert message in str(refused.value)
    assert allow in str(refused.value)
