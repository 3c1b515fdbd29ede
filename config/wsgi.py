import gc
import os
import sys
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Seconds for which a thread may keep the interpreter from the others of its process. A page asks the database twenty
# times and has to get the interpreter back after each answer: with Python's own 5 ms, beside one thread that works out
# a long list, it waits for nothing else a tenth of a second.
sys.setswitchinterval(0.0005)
application = get_wsgi_application()

# All views are imported now and not within somebody's page. What is imported stays until the end: to look through it
# for garbage, now and then within a page, took a tenth of a second.
import_module(settings.ROOT_URLCONF)
gc.collect()
gc.freeze()
