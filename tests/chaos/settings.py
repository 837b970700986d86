"""The tests' settings for processes that a test starts beside itself, on its own database."""

import os

from tests.settings import *  # noqa: F403

DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE_NAME"]  # noqa: F405
# As in production: what a killed process had taken from its pool must not be missed by anybody.
# Nobody waits as long as there for a database that is gone.
DATABASES["default"]["OPTIONS"]["pool"] = DATABASE_POOL | {"timeout": 3}  # noqa: F405
BASE_URL = os.environ["TEST_BASE_URL"]
GRACE_SECONDS = int(os.environ["TEST_GRACE_SECONDS"])
OAUTH2_PROVIDER |= {  # noqa: F405
    "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": GRACE_SECONDS,
    # The toolkit forgives by giving the same tokens again. Of digests it could not.
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": not GRACE_SECONDS,
}
