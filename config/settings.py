"""The one settings file. Everything that differs between machines comes from the environment (see .env.example)."""

from ipaddress import ip_network
from pathlib import Path

import environ
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from config import private_servers
from config.openapi import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

# --- this machine ---------------------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env("SECRET_KEY", default="") or private_servers.local_secret("secret_key")
# Fernet keys, comma-separated: the first one writes, all of them read. `manage.py rotate_secrets` re-writes old rows.
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", default=[]) or [private_servers.local_fernet_key()]
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
BEHIND_HTTPS = env.bool("BEHIND_HTTPS", default=False)

DATABASES = {
    "default": {
        **env.db_url("DATABASE_URL", default=private_servers.database_url()),
        "ATOMIC_REQUESTS": False,
        "CONN_MAX_AGE": env.int("DATABASE_CONN_MAX_AGE", default=60),
        "CONN_HEALTH_CHECKS": True,
    }
}
# A database that is gone is told of in a moment, not after minutes.
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 2)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_URL = env("CELERY_BROKER_URL", default=private_servers.broker_url())
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env("CACHE_URL", default=env("CELERY_BROKER_URL", default=private_servers.cache_url())),
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 2},
    }
}

# --- the house ------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "audit",
    "accounts",
    "shops",
    "orders",
    "cancellations",
    "gate",
    "exports",
    "safety",
    "webhooks",
    "backups",
    "truth",
    "sandbox",
    "config.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "django_htmx",
    "django_filters",
    "heroicons",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "django_structlog",
]

MIDDLEWARE = [
    "config.health.ProbeMiddleware",
    # Whatever is answered further in, refusals and files included, leaves with these.
    "config.middleware.BrowserHeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.BodySizeMiddleware",
    "accounts.middleware.WholePageSignInMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.ReaderMiddleware",
    "audit.origin.OriginMiddleware",
    "config.middleware.NotKeptMiddleware",
    "accounts.middleware.LastSeenMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
    "config.middleware.RequestLogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.WrongMethodMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["heroicons.templatetags.heroicons"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
            ],
        },
    }
]

# Forms too are rendered by the templates above: `templates/django/forms` has what is leaner there than Django's own.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- words, time, numbers -------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- who signs in ---------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Asks haveibeenpwned.com with the first five letters of a hash; where nobody answers, the list above has to do.
BREACHED_PASSWORD_CHECK = env.bool("BREACHED_PASSWORD_CHECK", default=True)
if BREACHED_PASSWORD_CHECK:
    AUTH_PASSWORD_VALIDATORS.append({"NAME": "accounts.passwords.NotBreached"})
PWNED_PASSWORDS = {"API_TIMEOUT": 2.0}

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "cancellations:queue"
ACCOUNT_ADAPTER = "accounts.adapter.ClosedSignUpAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # this session goes on; all others end, since they hold the old hash
ACCOUNT_RATE_LIMITS = {
    "login_failed": env("LOGIN_FAILED_RATE", default="10/m/ip,5/5m/key"),  # wrong codes count as well
    "reset_password": env("PASSWORD_RESET_RATE", default="20/h/ip,3/15m/key"),
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
}
# Behind a proxy everybody comes from its address; then whoever fails ten times would keep everybody out.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("PROXIES", default=int(BEHIND_HTTPS))

# Who has to have a second factor: nobody, staff (superusers and whoever enters the admin), or everybody.
SECOND_FACTOR = env("SECOND_FACTOR", default="optional")
if SECOND_FACTOR not in ("optional", "staff", "everybody"):
    raise ImproperlyConfigured("SECOND_FACTOR is optional, staff or everybody.")
MFA_ADAPTER = "accounts.second_factor.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "add_webauthn": "accounts.passkey_forms.AddForm",
    "login_webauthn": "accounts.passkey_forms.LoginForm",
    "authenticate_webauthn": "accounts.passkey_forms.AuthenticateForm",
    "reauthenticate_webauthn": "accounts.passkey_forms.ReauthenticateForm",
}
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not BEHIND_HTTPS  # browsers know better, but for localhost
MFA_TOTP_ISSUER = "Countermand"
MFA_TOTP_TOLERANCE = 1  # clocks of telephones are some seconds off
MFA_ALLOW_UNVERIFIED_EMAIL = True  # addresses are an administrator's word

# OpenID Connect: all four, or there is no such button.
OIDC_ISSUER = env("OIDC_ISSUER", default="").rstrip("/")
OIDC_NAME = env("OIDC_NAME", default="OpenID Connect")
OIDC_CLIENT_ID = env("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env("OIDC_CLIENT_SECRET", default="")
OIDC_ALLOWED_DOMAINS = [domain.lower() for domain in env.list("OIDC_ALLOWED_DOMAINS", default=[])]
OIDC_CREATES_USERS = env.bool("OIDC_CREATES_USERS", default=False)
SOCIALACCOUNT_ADAPTER = "accounts.oidc.Adapter"
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"provider_class": "accounts.oidc.Provider", "OAUTH_PKCE_ENABLED": True}}

USERSESSIONS_ADAPTER = "accounts.sessions.Adapter"
USERSESSIONS_TRACK_ACTIVITY = True  # by our LastSeenMiddleware, once a minute
SESSION_COOKIE_AGE = env.int("SESSION_HOURS", default=24 * 14) * 3600
# Whoever does nothing for so long signs in again; 0 is never.
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_MINUTES", default=12 * 60) * 60
# EMAIL_BACKEND and what it needs.
vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="countermand@localhost")

# No script of ours reads a cookie. Marketplaces and OpenID Connect lead back here by GET, for which Lax sends them.
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_HTTPS
if BEHIND_HTTPS:  # a browser takes such a name from this very host alone, and over HTTPS alone
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = BEHIND_HTTPS
# The addresses that sellers come back to hold codes. Not "no-referrer": Django asks where forms over HTTPS come from.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
BROWSER_HEADERS = {
    "Cross-Origin-Resource-Policy": "same-origin",
    # What is photographed as evidence, passkeys, and the button beside what is to be copied.
    "Permissions-Policy": (
        "camera=(self), publickey-credentials-create=(self), publickey-credentials-get=(self), clipboard-write=(self), "
        "accelerometer=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), "
        "payment=(), serial=(), usb=()"
    ),
}

OIDC_ORIGINS = env.list("OIDC_ORIGINS", default=["/".join(OIDC_ISSUER.split("/")[:3])] if OIDC_ISSUER else [])
# Product pictures come straight from the marketplaces' image hosts, so images alone may come from elsewhere.
IMAGE_SOURCES = env.list("IMAGE_SOURCES", default=["https:"])
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", *IMAGE_SOURCES],
        "font-src": [SELF],
        "connect-src": [SELF],
        # Signing in with OpenID Connect begins with a form, whose answer leads there.
        "form-action": [SELF, *OIDC_ORIGINS],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- files ----------------------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
TABLER = BASE_DIR / "node_modules/@tabler/core/dist"
# Not the libraries it bundles: some name source maps that are not there, which ends collectstatic.
STATICFILES_DIRS = [
    BASE_DIR / "static",
    *((f"tabler/{part}", TABLER / part) for part in ("css", "js", "img")),
    ("idiomorph", BASE_DIR / "node_modules/idiomorph/dist"),
    ("zxing", BASE_DIR / "node_modules/@zxing/library/umd"),
]
STORAGES = {
    # Evidence lives here and is never served by the web server itself: a view checks who may see it.
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": env("STATICFILES_BACKEND", default="whitenoise.storage.CompressedManifestStaticFilesStorage")
    },
}
MEDIA_ROOT = env.path("MEDIA_ROOT", default=str(private_servers.LOCAL / "media"))
WHITENOISE_KEEP_ONLY_HASHED_FILES = False
WHITENOISE_ALLOW_ALL_ORIGINS = False
# A rejection may carry up to 9 images of 10 MB; anything larger is refused at the form.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# --- API ------------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.ApiTokens",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "accounts.api.WithinScope"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "config.api.pages.Pages",
    "DEFAULT_SCHEMA_CLASS": "config.api.explained.Explained",
    "DEFAULT_THROTTLE_CLASSES": ["config.api.throttling.PerToken"],
    "EXCEPTION_HANDLER": "config.api.problems.problem",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["config.parsers.Json", "config.parsers.Multipart"],
    "PAGE_SIZE": 50,
    "COERCE_DECIMAL_TO_STRING": True,
}
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105 - a model
REST_KNOX = {"AUTH_HEADER_PREFIX": "Token"}
# The longest that an API token may live.
API_TOKEN_MAX_DAYS = env.int("API_TOKEN_MAX_DAYS", default=365)
# How often each API token may call, and each person who comes with a session: in all, and with what changes something.
# A wrong token is counted by the address that it comes from. Empty: as often as they like.
API_RATE = env("API_RATE", default="600/minute")
API_WRITE_RATE = env("API_WRITE_RATE", default="120/minute")
API_FAILED_RATE = env("API_FAILED_RATE", default="30/minute")
# How many calls may wait at a time in a process for what comes of a decision; each keeps one of its threads.
API_WAITERS = env.int("API_WAITERS", default=2)
# How long the answer to a request with an Idempotency-Key is given again.
KEEP_IDEMPOTENCY_HOURS = env.int("KEEP_IDEMPOTENCY_HOURS", default=48)

# --- work in the background -----------------------------------------------------------------------------------------

# How long a decision can be taken back before it is sent.
UNDO_SECONDS = env.int("UNDO_SECONDS", default=10)
# How long a worker may hold a claimed decision before a sweep asks the marketplace what became of it.
CLAIM_SECONDS = env.int("CLAIM_SECONDS", default=120)
# After how long without a page a pull is taken for dead, and the next one may begin.
PULL_SILENT_SECONDS = env.int("PULL_SILENT_SECONDS", default=300)
# How far back the first pull of a shop reads.
BACKFILL_DAYS = env.int("BACKFILL_DAYS", default=90)
# Seconds between two pulls of one shop; pushes only make a pull happen sooner.
PULL_EVERY_SECONDS = env.int("PULL_EVERY_SECONDS", default=60)
# Calls wait for their turn where a marketplace takes only so many a second.
PACE_CALLS = env.bool("PACE_CALLS", default=True)
# Minutes after which what the gate answers from is said to be old, and an answer that lets a parcel leave is asked for.
GATE_STALE_MINUTES = env.int("GATE_STALE_MINUTES", default=10)

# The truth check compares decisions of so many days with the marketplace and with what others were told, every so many
# hours; what is over is kept for so many days, 0 is for ever.
TRUTH_DAYS = env.int("TRUTH_DAYS", default=14)
TRUTH_EVERY_HOURS = env.int("TRUTH_EVERY_HOURS", default=6)
KEEP_TRUTH_DAYS = env.int("KEEP_TRUTH_DAYS", default=180)

# How long entries of the audit log are kept; 0 is for ever.
KEEP_AUDIT_DAYS = env.int("KEEP_AUDIT_DAYS", default=0)
# How long buyers are known by name after the last that happened to an order that is over, files of evidence after their
# decision has ended, and pushes after they were acted on; 0 is for ever.
KEEP_BUYER_DATA_DAYS = env.int("KEEP_BUYER_DATA_DAYS", default=180)
KEEP_EVIDENCE_DAYS = env.int("KEEP_EVIDENCE_DAYS", default=365)
KEEP_PUSHES_DAYS = env.int("KEEP_PUSHES_DAYS", default=30)
# How long events and their deliveries are kept after they were handed on; 0 is for ever.
KEEP_OUTGOING_DAYS = env.int("KEEP_OUTGOING_DAYS", default=30)
# Endpoints are told of a request that nobody has answered so many hours before silence decides.
DEADLINE_NEAR_HOURS = env.int("DEADLINE_NEAR_HOURS", default=2)
# How old what we have of a shop may be for its safety net to act on it without reading the request again.
SAFETY_STALE_MINUTES = env.int("SAFETY_STALE_MINUTES", default=10)
# People are told so many minutes before a deadline of what may not be answered from here, and so many before a safety
# net's moment of what it will not do.
SAFETY_BY_HAND_MINUTES = env.int("SAFETY_BY_HAND_MINUTES", default=60)
SAFETY_EARLY_MINUTES = env.int("SAFETY_EARLY_MINUTES", default=60)
# So many requests are looked at by one sweep.
SAFETY_AT_ONCE = 500
# Private networks in which endpoints may stand, and speak plain http; none by default.
WEBHOOK_ALLOW_PRIVATE = env.list("WEBHOOK_ALLOW_PRIVATE", default=[])
try:
    [ip_network(text, strict=False) for text in WEBHOOK_ALLOW_PRIVATE]
except ValueError as problem:
    raise ImproperlyConfigured(f"WEBHOOK_ALLOW_PRIVATE takes networks such as 10.0.0.0/8: {problem}") from None
# How long the file of an export can be fetched.
EXPORT_DAYS = env.int("EXPORT_DAYS", default=7)

# What a Prometheus sends as its bearer token to read /metrics; without one there are none.
METRICS_TOKEN = env("METRICS_TOKEN", default="")
# Where marketplaces reach this server: what is registered for pushes is below it.
PUBLIC_URL = env("PUBLIC_URL", default="").rstrip("/")

# --- logs -----------------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer(),
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
                structlog.processors.format_exc_info,
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": env("LOG_LEVEL", default="INFO")},
    # urllib3 logs whole URLs at DEBUG, and a token URL carries the app's secret.
    # Celery tells of every task that comes and goes, and the sweeps come and go all day.
    "loggers": {
        "urllib3": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
