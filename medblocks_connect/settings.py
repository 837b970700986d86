"""Settings, top to bottom. What a self-hoster sets is listed in docs/settings.md.

Values come from the environment, then from `.env`, then from `<VAR_DIR>/settings.env`, which
holds what this installation generated for itself (keys, and what `make demo` chose).
"""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from jinja2 import StrictUndefined

from common.logs import logging_config
from common.rates import Rate
from medblocks_connect.admin_settings import UNFOLD  # noqa: F401  django-unfold reads it
from medblocks_connect.generated import ensure_generated_settings

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
env.read_env(BASE_DIR / ".env")
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()

# Keys that nobody set are made once and kept; `check --deploy` refuses them in production.
KEYS_ARE_GENERATED = not (env.str("SECRET_KEY", default="") and env.str("ENCRYPTION_KEYS", default=""))
if KEYS_ARE_GENERATED:
    ensure_generated_settings(VAR_DIR)
env.read_env(VAR_DIR / "settings.env")

# --- Where and how this installation is reached ---
BASE_URL = env.str("BASE_URL", default="http://localhost:8000").rstrip("/")
_base = urlsplit(BASE_URL)
SERVED_OVER_TLS = _base.scheme == "https"
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[_base.hostname or "localhost"])
CSRF_TRUSTED_ORIGINS = [f"{_base.scheme}://{_base.netloc}"]
DEBUG = False
# The pretend health system (`sandbox`). Never in production: `check --deploy` refuses it.
SANDBOX = env.bool("SANDBOX", default=False)

# --- Keys ---
SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Fernet keys, newest first: the first encrypts, all decrypt.
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS")

# --- Outbound HTTP ---
# Networks (CIDR) that production sources may be reached at although they are private.
OUTBOUND_ALLOWED_NETWORKS = env.list("OUTBOUND_ALLOWED_NETWORKS", default=[])

# --- Mail, to the contacts of workspaces. Unless told where to, mails are printed ---
_mail = env.email_url_config(env.str("EMAIL_URL", default="") or "consolemail://")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_HOST_USER = _mail["EMAIL_HOST"] or "localhost", _mail["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = "EMAIL_USE_TLS" in _mail, "EMAIL_USE_SSL" in _mail
EMAIL_PORT = _mail["EMAIL_PORT"] or (587 if EMAIL_USE_TLS else 465 if EMAIL_USE_SSL else 25)
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"]
# A mail server that hangs holds up one job for so many seconds.
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"no-reply@{_base.hostname or 'localhost'}")

# --- Metrics: off unless Prometheus has a token to read them with ---
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- Apps, lowest line first (docs/adr/0001) ---
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
    "rest_framework",
    "procrastinate.contrib.django",
    "common",
    "organizations",
    "sources",
    "webhooks",
    "patients",
    "records",
    "flows",
    "picker",
    "medblocks_connect",
]
if SANDBOX:
    INSTALLED_APPS += ["oauth2_provider", "sandbox"]

MIDDLEWARE = [
    "common.middleware.RequestIdMiddleware",
    "common.middleware.HealthMiddleware",
    "medblocks_connect.operating.OperatingMiddleware",
    "medblocks_connect.metrics.MetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "common.middleware.PolicyMiddleware",
    # Outside of what refuses requests by itself: every answer of the API has its headers.
    "organizations.rate_limits.RateLimitMiddleware",
    "common.page_middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "common.page_middleware.CsrfViewMiddleware",
    "common.page_middleware.AuthenticationMiddleware",
    "common.page_middleware.MessageMiddleware",
    "common.middleware.RefuseNulMiddleware",
]

ROOT_URLCONF = "medblocks_connect.urls"
WSGI_APPLICATION = "medblocks_connect.wsgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
    {
        # What each keystroke of a search renders: it takes a fifth of the time here.
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "jinja2"],
        "OPTIONS": {"trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined},
    },
]
FORM_RENDERER = "common.forms.PageFormRenderer"

# --- Database ---
# A request that gets no connection in time is answered 503: try again.
DATABASE_POOL = {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=16), "timeout": 10}
if env.str("DATABASE_URL", default=""):
    _database = env.db("DATABASE_URL", engine="django.db.backends.postgresql")
else:
    _database = {
        "ENGINE": "medblocks_connect.embedded",
        "NAME": "medblocks_connect",
        "USER": "postgres",
    }
# Only statements that ask for it are prepared (common/statements.py). Off behind a pooler that cannot keep them.
_prepares = env.bool("DATABASE_PREPARED_STATEMENTS", default=True)
_options = {"pool": DATABASE_POOL, "prepare_threshold": 2**31 if _prepares else None}
DATABASES = {"default": {**_database, "OPTIONS": {**_database.get("OPTIONS", {}), **_options}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Search: each machine keeps its own index, rebuilt from the database ---
SEARCH_INDEX_DIR = VAR_DIR / "search"
# Opened when the server starts, so that the first patient does not wait for it.
SEARCH_INDEX_WARM = True

# --- API ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["organizations.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["organizations.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["common.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["common.renderers.ApiJSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.renderers.AlwaysJSON",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "common.exception_handler.handle_api_exception",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
# For each API key, and for each address that comes without a valid one.
API_RATE_LIMIT = Rate.parse(env.str("API_RATE_LIMIT", default="1000/minute"))
# Counts for all processes together; without it each process counts for itself.
REDIS_URL = env.str("REDIS_URL", default="")
# How many proxies of ours write the client's address into X-Forwarded-For.
TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)
# Above the contract's 256 KB, so that the API's own parser answers 413 in its envelope.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# --- Browser security ---
# It looks for Django's own CsrfViewMiddleware by name; ours is a subclass (common/page_middleware.py).
SILENCED_SYSTEM_CHECKS = ["security.W003"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SERVED_OVER_TLS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "picker.problems.csrf_failure"
# Only staff sign in here.
LOGIN_REDIRECT_URL = "/admin/"
SECURE_SSL_REDIRECT = SERVED_OVER_TLS
SECURE_REDIRECT_EXEMPT = [r"^health$"]
SECURE_HSTS_SECONDS = 31_536_000 if SERVED_OVER_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SERVED_OVER_TLS else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- Cache: discovery documents, in each process ---
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- Static files ---
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# --- Language and time ---
LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_config(level=env.str("LOG_LEVEL", default="INFO"))

# --- The sandbox's authorization server. What differs from system to system is in sandbox/authorization_server.py ---
if SANDBOX:
    OAUTH2_PROVIDER = {
        "PKCE_REQUIRED": True,
        "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
        "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,  # digests only
        "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
        "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
        "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    }
