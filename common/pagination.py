"""Lists, page by page: keyset cursors, signed and bound to their list (contract §2)."""

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework import serializers

from common.cursors import Cursors
from common.fields import StrictSerializer

DEFAULT_LIMIT, MAX_LIMIT = 10, 100


class LimitField(serializers.IntegerField):
    """Plain digits: none of the other spellings of a number that Python knows."""

    default_error_messages = {
        "invalid": "This must be an integer.",
        "min_value": "This must be at least {min_value}.",
        "max_value": "This must be at most {max_value}.",
    }

    def to_internal_value(self, data: Any) -> int:
        if not (isinstance(data, str) and data.isascii() and data.isdigit()):
            self.fail("invalid")
        return super().to_internal_value(data)


class PageQuery(StrictSerializer):
    """The two parameters that every list takes."""

    limit = LimitField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT)
    starting_after = serializers.CharField(required=False, max_length=2000)


class TwoWayQuery(StrictSerializer):
    """The cursors of lists that can be read in both directions."""

    starting_after = serializers.CharField(required=False, max_length=2000)
    ending_before = serializers.CharField(required=False, max_length=2000)

    def validate(self, attrs: Any) -> Any:
        if "starting_after" in attrs and "ending_before" in attrs:
            raise serializers.ValidationError(
                {"ending_before": "Give either starting_after or ending_before: a page goes on in one direction."}
            )
        return attrs


def page_of(
    rows: QuerySet[Any],
    *,
    order_by: tuple[str, ...],
    limit: int,
    starting_after: str | None,
    list_name: str,
    render: Callable[[Any], dict[str, Any]],
) -> dict[str, Any]:
    """One page of `rows` as the contract's list object.

    `order_by` names one or two columns that are unique together and that an index covers, all ascending
    or all with a leading "-". `list_name` says which list with which filters it is: a cursor of
    another one is refused (InvalidRequest).
    """
    descending = order_by[0].startswith("-")
    columns = [column.lstrip("-") for column in order_by]
    cursors = Cursors(list_name)
    if starting_after:
        rows = rows.filter(_after(columns, cursors.read(starting_after), "lt" if descending else "gt"))
    found = list(rows.order_by(*order_by)[: limit + 1])
    page, has_more = found[:limit], len(found) > limit
    last = [_plain(getattr(page[-1], column)) for column in columns] if has_more else None
    return {
        "resource_type": "list",
        "data": [render(row) for row in page],
        "has_more": has_more,
        "next_cursor": cursors.make(last) if last else None,
    }


def _after(columns: list[str], position: list[Any], comparison: str) -> Q:
    first, *second = columns
    beyond = Q(**{f"{first}__{comparison}": position[0]})
    if not second:
        return beyond
    level = Q(**{first: position[0], f"{second[0]}__{comparison}": position[1]})
    # The redundant bound is what lets PostgreSQL start reading the index at the cursor.
    return Q(**{f"{first}__{comparison}e": position[0]}) & (beyond | level)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
