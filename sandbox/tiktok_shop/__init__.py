"""TikTok Shop's Open API, version 202309, as one seller's app sees it.

Source of the contract: the Partner Center's endpoint pages (partner.tiktokshop.com/docv2), read in 2025 and 2026.
"""
