"""`manage.py cancellations`: what people do on the screens, for scripts and cron, through the same verbs."""
