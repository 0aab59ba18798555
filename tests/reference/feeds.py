"""What the bank's feeds come to, reckoned a second time without our code, from the rules in words: one batch after the other, in
the order of their days, as a clerk with a ledger would.

Arguments: the due list as text (UTF-8, 合同编号 and 本期应还合计), then the feeds, each with `+` (an increment) or `=` (every contract)
before its path. Prints one JSON object. Must import nothing of ours and share no formula with crates/domain/src/feed.rs.
"""

import csv
import io
import json
import sys
from decimal import Decimal


def fen(text):
    return int(Decimal(text.replace(",", "") or "0") * 100)


def rows(path):
    raw = open(path, "rb").read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def main():
    due = {row["合同编号"]: fen(row["本期应还合计"]) for row in rows(sys.argv[1])}
    batches = {}
    for argument in sys.argv[2:]:
        whole, path = argument[0] == "=", argument[1:]
        lines = rows(path)
        for line in lines:
            batches.setdefault(line["批次日期"], []).append(line)
        if whole:
            day = max(line["批次日期"] for line in lines)
            named = {line["合同编号"] for line in lines}
            for number in due:
                if number not in named:
                    batches[day].append({"合同编号": number, "状态": "未还款", "金额": "0", "流水号": ""})
    # contract -> (reference, reversal) -> {"booked": amounts, "pending": amounts}
    ledger = {number: {} for number in due}
    stray = set()
    for day in sorted(batches):
        today = {}
        refused = set()
        for line in batches[day]:
            number, amount = line["合同编号"], fen(line["金额"])
            if number not in due:
                stray.add((number, line["流水号"], amount, day, line["状态"]))
                continue
            if line["状态"] in ("已还款", "扣款审批中") and amount != 0:
                key = (line["流水号"], amount < 0)
                kind = "booked" if line["状态"] == "已还款" else "pending"
                today.setdefault(number, {}).setdefault(key, {"booked": set(), "pending": set()})[kind].add(amount)
            if line["状态"] in ("未还款", "逾期", "核销"):
                refused.add(number)
        for number in refused:
            # What waited before today fell through.
            ledger[number] = {key: one for key, one in ledger[number].items() if one["booked"]}
        for number, payments in today.items():
            for key, one in payments.items():
                ledger[number][key] = one
    out = dict.fromkeys(
        ["due", "booked", "pending", "over", "contracts_booked", "contracts_part", "contracts_pending", "contracts_reversed"], 0
    )
    for number, owed in due.items():
        booked = sum(sum(one["booked"]) for one in ledger[number].values() if one["booked"])
        waiting = sum(sum(one["pending"]) for one in ledger[number].values() if not one["booked"])
        paid = min(max(booked, 0), owed)
        out["due"] += owed
        out["booked"] += paid
        out["over"] += max(booked - owed, 0)
        out["pending"] += min(max(waiting, 0), owed - paid)
        out["contracts_booked"] += owed > 0 and booked >= owed
        out["contracts_part"] += 0 < booked < owed
        out["contracts_pending"] += waiting > 0
        out["contracts_reversed"] += any(reversal and one["booked"] for (_, reversal), one in ledger[number].items())
    out["unmatched"] = len(stray)
    print(json.dumps(out))


if __name__ == "__main__":
    main()
