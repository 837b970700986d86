"""The fields of the search index."""

import tantivy

# Raise it when the fields or their words change: indexes of another number are built anew.
FORMAT = 7
PLACE = "place"

# Fields with the beginnings of another one's terms as terms of their own, up to so many letters: a short beginning fits
# thousands of terms, which would be gathered with each search.
LONGEST_EDGE = 5
BEGINNINGS = {
    "name": ("name_edge", LONGEST_EDGE),
    "other": ("other_edge", LONGEST_EDGE),
    "place": ("place_edge", LONGEST_EDGE),
    "whole": ("begins", 8),
}
TEXT_FIELDS = ("name", "other", "place", "any", "name_edge", "other_edge", "place_edge")
RAW_FIELDS = ("whole", "also", "initials", "begins", "host", "url", "cell", "kind", "access", "vendor", "npi")
NUMBER_FIELDS = ("pair", "facility", "source_number", "position", "latitude", "longitude", "states")


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in TEXT_FIELDS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="basic")
    for name in RAW_FIELDS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in NUMBER_FIELDS:
        builder.add_integer_field(name, fast=True)
    builder.add_integer_field("group", fast=True, indexed=True)
    builder.add_text_field("known_word", tokenizer_name="raw", index_option="basic", stored=True)
    builder.add_integer_field("frequency", fast=True)
    return builder.build()


SCHEMA = _schema()
