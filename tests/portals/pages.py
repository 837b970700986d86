"""The few pages a patient sees at the portal."""

from html import escape

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title></head>
<body><main><h1>{title}</h1>
{body}
</main></body>
</html>
"""

SIGN_IN = """{problem}<p>{client} asks to see your records:</p>
<ul>{scopes}</ul>
<form method="post" action="/sign-in">
<input type="hidden" name="ticket" value="{ticket}">
<p><label for="username">User name</label><br><input id="username" name="username" autocomplete="username"></p>
<p><label for="password">Password</label><br>
<input id="password" name="password" type="password" autocomplete="current-password"></p>
<p><button type="submit" name="decision" value="allow">Allow access</button>
<button type="submit" name="decision" value="deny">Deny</button></p>
</form>"""


def page(title: str, body: str) -> str:
    """A whole page; `body` is HTML, the title is not."""
    return PAGE.format(title=escape(title), body=body)


def sign_in_page(client: str, scope: str, ticket: str, problem: str = "") -> str:
    """Sign-in and consent in one."""
    scopes = "".join(f"<li>{escape(word)}</li>" for word in scope.split())
    told = f'<p role="alert">{escape(problem)}</p>\n' if problem else ""
    body = SIGN_IN.format(problem=told, client=escape(client), scopes=scopes, ticket=escape(ticket))
    return page("Sign in to your patient portal", body)


def message_page(title: str, sentence: str) -> str:
    """A page that leads nowhere."""
    return page(title, f"<p>{escape(sentence)}</p>")
