"""The way to a CVAT server. The only owner of cvat_sdk, which is imported when needed."""

import json
import re

from pipeline.errors import CvatError, printable

_TIMEOUT_SECONDS = 10


def server_version(host: str) -> str:
    """Return the version of the CVAT server at ``host``.

    Raises:
        CvatError: nothing answers there, or what answers is not CVAT.
    """
    import urllib3
    from cvat_sdk.api_client import ApiException
    from cvat_sdk.core.client import Client

    shown = printable(re.sub(r"//[^/@]*@", "//", host))  # never print credentials
    try:
        with Client(host, check_server_version=False) as client:
            client.api_client.rest_client.pool_manager.connection_pool_kw["retries"] = False
            _, response = client.api_client.server_api.retrieve_about(
                _parse_response=False, _request_timeout=_TIMEOUT_SECONDS
            )
            return str(json.loads(response.data)["version"])
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise CvatError(
            f"{shown}: no answer from CVAT ({type(error).__name__}). Check the address and the "
            "network; it is what the browser shows up to the first '/'."
        ) from error
    except (ApiException, ValueError, KeyError, TypeError) as error:
        raise CvatError(
            f"{shown}: something answers, but it is not CVAT ({type(error).__name__}). Check the "
            "address; it is what the browser shows up to the first '/'."
        ) from error
