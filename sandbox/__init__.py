"""A pretend health system for development: SMART on FHIR portals of our own with synthetic patients.

The product connects to these portals as to any others and knows nothing about them. Off unless
`SANDBOX` is set; this app imports `common`, Django and django-oauth-toolkit only.
"""
