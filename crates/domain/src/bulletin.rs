//! The daily bulletin's arithmetic (domain.md §4.8): rates as exact fractions, ranks with ties, honest rounding.
//! Units, never people. Nothing is rounded before it is ranked.

use std::cmp::Ordering;

use crate::place::PlaceCode;

/// What a unit is ranked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The unit.
    pub unit: PlaceCode,
    /// Amount paid, capped at what is due, fen.
    pub paid: i64,
    /// Amount due, fen.
    pub due: i64,
    /// Households fully paid.
    pub heads_paid: i64,
    /// Households due.
    pub heads_due: i64,
}

/// Compares `a/b` with `c/d` without rounding; both denominators above zero.
fn fraction(a: i64, b: i64, c: i64, d: i64) -> Ordering {
    (i128::from(a).saturating_mul(i128::from(d))).cmp(&i128::from(c).saturating_mul(i128::from(b)))
}

/// Ranks units best first: rank, then unit. Equal on both rates is an equal rank and the next is skipped; a unit with
/// nothing due has no rank and stands last.
pub fn rank(mut units: Vec<Standing>) -> Vec<(Option<u32>, Standing)> {
    let rates = |x: &Standing, y: &Standing| match (x.due > 0, y.due > 0) {
        (true, true) => fraction(y.paid, y.due, x.paid, x.due).then_with(|| match (x.heads_due > 0, y.heads_due > 0) {
            (true, true) => fraction(y.heads_paid, y.heads_due, x.heads_paid, x.heads_due),
            (false, false) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => Ordering::Equal,
    };
    units.sort_by(|x, y| rates(x, y).then_with(|| x.unit.cmp(&y.unit)));
    let mut out: Vec<(Option<u32>, Standing)> = Vec::with_capacity(units.len());
    let mut place = 0_u32;
    for unit in units {
        place = place.saturating_add(1);
        let rank = match out.last() {
            _ if unit.due <= 0 => None,
            Some((rank, before)) if rates(before, &unit) == Ordering::Equal => *rank,
            Some(_) | None => Some(place),
        };
        out.push((rank, unit));
    }
    out
}

/// `part` of `whole` in per cent with two decimals, half-up; 100.00 only when complete; nothing due is `—`.
pub fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "—".to_owned();
    }
    let (part, whole) = (i128::from(part.max(0)), i128::from(whole));
    let rounded = (part.saturating_mul(20_000).saturating_add(whole)) / whole.saturating_mul(2);
    let shown = if part < whole { rounded.min(9_999) } else { 10_000 };
    format!("{}.{:02}", shown / 100, shown % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(code: &str, paid: i64, due: i64, heads_paid: i64, heads_due: i64) -> Standing {
        Standing { unit: code.parse().expect("a code"), paid, due, heads_paid, heads_due }
    }

    #[test]
    fn ties_share_a_rank_and_skip_the_next() {
        // domain.md §11.5: A 980/1000, B 490/500, C 0/0, D 979/1000; heads A 8/10, B 4/5, D 9/10.
        let ranked = rank(vec![
            unit("410490103", 0, 0, 0, 0),
            unit("410490104", 979, 1000, 9, 10),
            unit("410490102", 490, 500, 4, 5),
            unit("410490101", 980, 1000, 8, 10),
        ]);
        let ranks: Vec<(Option<u32>, &str)> = ranked.iter().map(|(rank, u)| (*rank, u.unit.as_str())).collect();
        assert_eq!(
            ranks,
            [(Some(1), "410490101"), (Some(1), "410490102"), (Some(3), "410490104"), (None, "410490103")]
        );
    }

    #[test]
    fn a_hundred_per_cent_is_only_the_whole() {
        assert_eq!(percent(99_996, 100_000), "99.99");
        assert_eq!(percent(100_000, 100_000), "100.00");
        assert_eq!(percent(1, 3), "33.33");
        assert_eq!(percent(2, 3), "66.67");
        assert_eq!(percent(0, 5), "0.00");
        assert_eq!(percent(0, 0), "—");
    }
}
