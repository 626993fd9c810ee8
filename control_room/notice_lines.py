"""What a receiver finds out besides alerts, as lines: silence, missing alerts, trouble of its own."""

from __future__ import annotations

from datetime import datetime

from control_room.lines import CALM, TROUBLE, Style, age_text, coloured, printable, state_line
from control_room.notices import (
    ConfirmAnswered,
    EndUnheard,
    GapFilled,
    GapFound,
    GapLost,
    GatewayHeard,
    GatewaySilent,
    NotHeard,
    Notice,
    NotShown,
    StoreTrouble,
)
from control_room.texts import text
from gateway.contract.vocabulary import Lane


def notice_line(notice: Notice, now: datetime, style: Style) -> str:
    """What a receiver found out, on a line of its own."""
    language = style.language
    if isinstance(notice, StoreTrouble | NotShown | NotHeard):
        told, trouble = _own_trouble(notice, language)
        return state_line(now, coloured(told, TROUBLE if trouble else CALM, style), [], style)
    who, trouble = f"{notice.site}/{notice.gateway}", True
    match notice:
        case GatewaySilent():
            words = text("silent", language, age=age_text(notice.silent_s, language))
        case GatewayHeard():
            words, trouble = text("heard", language, age=age_text(notice.silent_s, language)), False
        case GapFound():
            key = "gap_asked" if notice.asked else "gap_found"
            numbers = {"count": notice.count, "first": notice.first, "last": notice.last}
            words = text(key, language, lane=_lane_word(notice.lane, language), **numbers)
        case GapFilled():
            words, trouble = text("gap_filled", language, lane=_lane_word(notice.lane, language)), False
        case GapLost():
            lane = _lane_word(notice.lane, language)
            words = text("gap_lost", language, count=notice.count, lane=lane)
        case EndUnheard():
            words = text("end_unheard", language, event=notice.event_id[:4])
        case ConfirmAnswered(accepted=True):
            words, trouble = text("confirm_heard", language, event=notice.event_id[:4]), False
        case ConfirmAnswered():
            detail = "-" if notice.message is None else printable(getattr(notice.message, language))
            words = text("confirm_refused", language, event=notice.event_id[:4], detail=detail)
    told = f"  {text('gateway', language):<7}  {who}  {words}"
    return state_line(now, coloured(told, TROUBLE if trouble else CALM, style), [], style)


def _own_trouble(notice: StoreTrouble | NotShown | NotHeard, language: str) -> tuple[str, bool]:
    match notice:
        case StoreTrouble(problem=None):
            words = text("store_works", language)
        case StoreTrouble():
            words = text("store_fails", language, detail=printable(notice.problem or ""))
        case NotShown():
            words = text("not_shown", language, event=notice.alert.event_id[:4])
        case NotHeard():
            where = printable(notice.where)
            words = text("not_heard_by_gateways", language, where=where, reason=notice.reason)
    trouble = not (isinstance(notice, StoreTrouble) and notice.problem is None)
    return f"  {text('store', language):<7}  {words}", trouble


def _lane_word(lane: Lane, language: str) -> str:
    return text("live" if lane is Lane.LIVE else "historical_lane", language)
