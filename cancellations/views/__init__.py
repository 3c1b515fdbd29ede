"""The screens, a file for each thing that staff do.

Every page works without JavaScript: a form's answer is then a redirect. htmx asks for the same addresses and gets the
fragment alone.
"""
