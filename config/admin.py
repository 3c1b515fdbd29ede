from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class Site(AdminSite):
    """The admin, entered through the same sign-in (and the same limits) as every other page."""

    site_header = _("Countermand administration")
    site_title = _("Countermand")
    index_title = _("Everything, as it is stored")
    login = secure_admin_login(AdminSite.login)
