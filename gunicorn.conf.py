"""How gunicorn serves the pages wherever it is started: the image, the demo, trials, tests and benchmarks.

More processes than cores, since threads of one process take turns at Python: beside a page that takes long, a short one
asks the database a dozen times and waits for its turn after each answer. The kernel lets short ones pass.
"""

import os

worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "4"))
threads = 4
limit_request_line = 8190  # a pasted list of ids is long
keepalive = 75  # seconds: whoever is about to ask again must not find the door closing
control_socket_disable = True  # nobody steers it but who started it
