import time
from typing import Any
from urllib.parse import urlsplit

import fasteners
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from medblocks_connect import supervisor
from medblocks_connect.generated import update_generated_settings

NEEDS_SANDBOX = "The demo needs the sandbox health system. Start it with: make demo"


class Command(BaseCommand):
    help = "Fill an installation with a sandbox, start it, begin one flow and print how to use it. See `make demo`."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError(NEEDS_SANDBOX)
        supervisor.stop_on_signals()
        only_one = fasteners.InterProcessLock(settings.VAR_DIR / ".demo.lock")
        if not only_one.acquire(blocking=False):
            raise CommandError("The demo already runs from this directory. Stop it first, or clone into another one.")
        try:
            self._run()
        except supervisor.Stopped:
            self.stdout.write("\nStopped. Your data is kept; `make demo-reset` wipes it.")
        except supervisor.Died as error:
            raise CommandError(str(error)) from error

    def _run(self) -> None:
        from medblocks_connect import demo  # needs the sandbox's models

        port = urlsplit(settings.BASE_URL).port or 80
        if not supervisor.port_is_free(port):
            raise CommandError(f"Port {port} is in use. Choose another: make demo PORT={port + 1}")
        update_generated_settings(settings.VAR_DIR, {"SANDBOX": "true", "BASE_URL": settings.BASE_URL})
        self.stdout.write("Preparing the database and the static files …")
        demo.prepare_database()
        demo.prepare_static_files()
        self.stdout.write("Preparing the sandbox and its catalogue …")
        prepared = demo.prepare_demo()
        self.stdout.write("Starting the web server and the worker …")
        with supervisor.running(port, settings.VAR_DIR / "log") as processes:
            supervisor.wait_until_healthy(prepared.base_url, processes)
            demo.start_flow(prepared)
            prepared.save()
            self.stdout.write(GUIDE.format(demo=prepared, users=_table(prepared.portal_users), var=settings.VAR_DIR))
            while True:
                time.sleep(1)
                for process in processes:
                    process.check()


def _table(users: list[dict[str, str]]) -> str:
    return "\n".join(f"    {user['username']:<10} {user['password']:<14} {user['what_happens']}" for user in users)


GUIDE = """
Medblocks Connect is running at {demo.base_url}

  1. Be the patient. Open this link in a browser:

    {demo.flow_url}

     and sign in at the portal as one of:

{users}

  2. Be the app. Ask what came of it:

    curl -H "Authorization: Bearer {demo.api_key}" {demo.base_url}/patient-flows/{demo.flow_id}

     and start another journey:

    curl -H "Authorization: Bearer {demo.api_key}" -H "Content-Type: application/json" \\
      -d '{{"patient_id": "patient-1", "return_url": "{demo.base_url}/demo/returned"}}' {demo.base_url}/patient-flows

  3. Be the app's server, which is told what happens. In another terminal, run this and go on as the patient:

    MEDBLOCKS_API_KEY={demo.api_key} .venv/bin/python manage.py webhooks_listen

     With --forward-to http://localhost:3000/ it sends each event, signed, to a server of your own.

  4. Be the staff. {demo.admin_url}  user {demo.admin_username}, password {demo.admin_password}

All of this is in {var}/demo.json; the logs are in {var}/log. Ctrl-C stops everything.
"""
