"""The FHIR R4 read API over a chart: searching, paging and errors, as pure functions."""
