"""The year's interest of a contract, reckoned a second time without our code, from the rules in words.

Reads lines `principal_fen rate_ppm graduation_year last_day_of_subsidy due_day` and prints the fen of each. The first argument
is the table of waivers. Must import nothing of ours and share no formula with crates/domain/src/estimate.rs.
"""

import csv
import sys
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, getcontext

getcontext().prec = 40
FEN = Decimal(1)


def waived_years(path):
    with open(path, encoding="utf-8", newline="") as table:
        return {
            int(row["year"]): int(row["graduates_through"])
            for row in csv.DictReader(table)
            if row["interest"] == "yes"
        }


def days(subsidy_end, due):
    """Each day after the treasury's last one and after the last 20 December before the due day, the due day included."""
    first = subsidy_end + timedelta(days=1)
    for year in (due.year, due.year - 1):
        december = date(year, 12, 20)
        if december < due:
            first = max(first, december + timedelta(days=1))
            break
    return max(0, (due - first).days + 1)


def main():
    waived = waived_years(sys.argv[1])
    out = []
    for line in sys.stdin:
        principal, ppm, graduation, subsidy_end, due = line.split()
        due = date.fromisoformat(due)
        if int(graduation) <= waived.get(due.year, -1):
            out.append("0")
            continue
        rate = Decimal(ppm) / Decimal(10**6)
        span = Decimal(days(date.fromisoformat(subsidy_end), due)) / 1
        exact = Decimal(principal) * rate * span / Decimal(360)
        out.append(str(exact.quantize(FEN, rounding=ROUND_HALF_UP)))
    sys.stdout.write("\n".join(out) + "\n")


main()
