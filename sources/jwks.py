"""`/.well-known/jwks.json`: the public keys that portals check our signed assertions with."""

from django.http import HttpRequest, JsonResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt

from common.errors import only_read
from sources.keys import public_jwk
from sources.models import AuthMethod, ClientRegistration

MAX_AGE_SECONDS = 300


@csrf_exempt  # nothing to protect: any other method is refused, in the words of HTTP and not of cookies
def jwks(request: HttpRequest) -> JsonResponse:
    if request.method not in ("GET", "HEAD"):
        return only_read(request)
    registrations = ClientRegistration.objects.filter(auth_method=AuthMethod.PRIVATE_KEY_JWT).order_by("key_id")
    keys = {entry.key_id: public_jwk(entry.private_key) | {"kid": entry.key_id} for entry in registrations}
    response = JsonResponse({"keys": list(keys.values())})
    patch_cache_control(response, public=True, max_age=MAX_AGE_SECONDS)
    return response
