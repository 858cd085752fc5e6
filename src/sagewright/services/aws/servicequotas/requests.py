"""Requests for larger quotas: approved at once for callers who may set limits, otherwise by `sagewright quotas approve`."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.services.aws.servicequotas.quotas import ALL, page, quota_of, subject_of
from sagewright.services.context import Context
from sagewright.services.quotas.changes import described, find_request, request_increase, requests
from sagewright.services.registry import operation


@operation("service-quotas", "RequestServiceQuotaIncrease")
def request_service_quota_increase(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    made = request_increase(context, quota_of(request), subject_of(request), float(request["DesiredValue"]))
    return {"RequestedQuota": described(made)}


@operation("service-quotas", "GetRequestedServiceQuotaChange")
def get_requested_service_quota_change(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = find_request(context, request["RequestId"])
    if found is None:
        raise AwsError("NoSuchResourceException", f"The request {request['RequestId']} does not exist.")
    return {"RequestedQuota": described(found)}


@operation("service-quotas", "ListRequestedServiceQuotaChangeHistory")
def list_requested_service_quota_change_history(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    found = [described(one) for one in requests(context)]
    for member, name in (("ServiceCode", "ServiceCode"), ("QuotaCode", "QuotaCode"), ("Status", "Status")):
        if member in request:
            found = [one for one in found if one[name] == request[member]]
    if (level := request.get("QuotaRequestedAtLevel", ALL)) != ALL:
        found = [one for one in found if one["QuotaRequestedAtLevel"] == level]
    return page(request, "RequestedQuotas", [(one["Id"], one) for one in found])


@operation("service-quotas", "ListRequestedServiceQuotaChangeHistoryByQuota")
def list_requested_service_quota_change_history_by_quota(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    quota_of(request)
    return list_requested_service_quota_change_history(context, request)
