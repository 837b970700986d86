"""What staff do by pressing a button on the page of something."""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

NOTHING_DONE = "Nothing was done. If you pressed a button here and had to sign in first, press it again."
Act = Callable[..., HttpResponse]


def pressed_on(page: str) -> Callable[[Act], Act]:
    """For an act that only a POST does. Its address takes what it is about by one id, as the named page does.

    A GET does nothing, says so, and goes to that page: the sign-in leads here when a session had ended before
    the button was pressed.
    """

    def decorated(act: Act) -> Act:
        @wraps(act)
        def view(request: HttpRequest, **named: str) -> HttpResponse:
            if request.method == "POST":
                return act(request, **named)
            messages.warning(request, NOTHING_DONE)
            return HttpResponseRedirect(reverse(page, args=[*named.values()]))

        return require_http_methods(["GET", "HEAD", "POST"])(view)

    return decorated
