//! Words put together: names, numbers, values of fields and notes of visits, each drawn piece by piece.
//! A text must be readable back into its draws, so that the bits counted are the bits it holds.

use crate::dice::Dice;
use crate::words::{GIVEN, Look, SURNAMES, WORDS};

/// Of a hundred pieces of a text: words, names, amounts, days.
pub(crate) const PIECES: [u32; 4] = [92, 5, 2, 1];

/// Characters that the longest piece (`12月28日`) has; with fewer left only words are drawn.
pub(crate) const LONGEST: u32 = 6;

/// Pieces between two commas.
pub(crate) const CLAUSE: u32 = 5;

/// A surname and a given name of two characters.
pub(crate) fn name(dice: &mut Dice) -> String {
    let mut name = String::new();
    name.extend(dice.pick(&SURNAMES));
    name.extend(dice.pick(&GIVEN));
    name.extend(dice.pick(&GIVEN));
    name
}

/// So many digits, the first of them not 0.
pub(crate) fn digits(dice: &mut Dice, count: u32) -> String {
    (0..count).map(|place| dice.within(u32::from(place == 0), 9).to_string()).collect()
}

/// A mobile number: eleven digits, beginning as mobiles do.
pub(crate) fn phone(dice: &mut Dice) -> String {
    let second = dice.pick(&['3', '5', '7', '8', '9']).copied().unwrap_or('3');
    let mut number = format!("1{second}");
    number.extend((0..9).map(|_| char::from_digit(dice.of(10), 10).unwrap_or('0')));
    number
}

/// Four digits of yuan.
fn amount(dice: &mut Dice) -> String {
    format!("{}元", dice.within(1_000, 9_999))
}

/// A day of the year, months of 28 days.
fn day(dice: &mut Dice) -> String {
    format!("{:02}月{:02}日", dice.within(1, 12), dice.within(1, 28))
}

fn word(dice: &mut Dice) -> &'static str {
    dice.pick(&WORDS).map(String::as_str).unwrap_or_default()
}

/// Free text of `first..=last` characters, all lengths equally likely: pieces, a comma after every fifth of them, and
/// a full stop where nothing else fits.
pub(crate) fn text(dice: &mut Dice, first: u32, last: u32) -> String {
    let mut left = dice.within(first, last);
    let mut text = String::new();
    let mut in_clause = 0_u32;
    while left > 0 {
        if left == 1 {
            text.push('。');
            break;
        }
        if in_clause == CLAUSE && left > 2 {
            text.push('，');
            left = left.saturating_sub(1);
            in_clause = 0;
            continue;
        }
        let kind = if left < LONGEST { 0 } else { dice.weighted(&PIECES) };
        let piece = match kind {
            1 => name(dice),
            2 => amount(dice),
            3 => day(dice),
            _ => word(dice).to_owned(),
        };
        left = left.saturating_sub(u32::try_from(piece.chars().count()).unwrap_or(left));
        text.push_str(&piece);
        in_clause = in_clause.saturating_add(1);
    }
    text
}

/// A value of a field that looks so.
pub(crate) fn value(dice: &mut Dice, look: Look) -> String {
    match look {
        Look::Text(first, last) => text(dice, first, last),
        Look::Name => name(dice),
        Look::Digits(count) => digits(dice, count),
        Look::Amount => amount(dice),
        Look::Day => day(dice),
    }
}

/// Reading a text back into the bits of its draws, for the tests that hold the count against it.
#[cfg(test)]
#[allow(clippy::as_conversions, reason = "lengths of short lists and texts")]
pub(crate) mod read {
    use super::*;

    fn list(len: usize) -> f64 {
        (len as f64).log2()
    }

    pub(crate) fn name_bits() -> f64 {
        list(SURNAMES.len()) + 2.0 * list(GIVEN.len())
    }

    /// The bits of a text of `first..=last` characters, from the text alone.
    pub(crate) fn text_bits(text: &str, first: u32, last: u32) -> f64 {
        let chars: Vec<char> = text.chars().collect();
        assert!((first as usize..=last as usize).contains(&chars.len()), "{text}");
        let mut bits = f64::from(last - first + 1).log2();
        let (mut at, mut in_clause) = (0, 0);
        while at < chars.len() {
            let left = chars.len() - at;
            if left == 1 {
                assert_eq!(chars[at], '。', "{text}");
                break;
            }
            if in_clause == CLAUSE && left > 2 {
                assert_eq!(chars[at], '，', "{text}");
                at += 1;
                in_clause = 0;
                continue;
            }
            let rest: String = chars[at..].iter().collect();
            let (kind, chars_of_it, of_it) = if SURNAMES.contains(&chars[at]) {
                (1, 3, name_bits())
            } else if chars[at].is_ascii_digit() {
                if rest.chars().nth(4) == Some('元') {
                    (2, 5, 9_000.0_f64.log2())
                } else {
                    assert_eq!((chars[at + 2], chars[at + 5]), ('月', '日'), "{text}");
                    (3, 6, (12.0_f64 * 28.0).log2())
                }
            } else {
                let two: String = chars[at..at + 2].iter().collect();
                assert!(WORDS.contains(&two), "{two} in {text}");
                (0, 2, list(WORDS.len()))
            };
            if left < LONGEST as usize {
                assert_eq!(kind, 0, "{text}");
            } else {
                bits += (f64::from(PIECES.iter().sum::<u32>()) / f64::from(PIECES[kind])).log2();
            }
            bits += of_it;
            at += chars_of_it;
            in_clause += 1;
        }
        bits
    }

    pub(crate) fn value_bits(value: &str, look: Look) -> f64 {
        match look {
            Look::Text(first, last) => text_bits(value, first, last),
            Look::Name => name_bits(),
            Look::Digits(count) => 9.0_f64.log2() + f64::from(count - 1) * 10.0_f64.log2(),
            Look::Amount => 9_000.0_f64.log2(),
            Look::Day => (12.0_f64 * 28.0).log2(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::FIELDS;

    #[test]
    fn a_text_holds_the_bits_that_were_counted() {
        let mut dice = Dice::new(3, [1, 1]);
        for _ in 0..2_000 {
            let made = text(&mut dice, 40, 66);
            let counted = dice.bits();
            assert!((read::text_bits(&made, 40, 66) - counted).abs() < 1e-9, "{made}");
        }
        for (name, look) in FIELDS {
            let made = value(&mut dice, look);
            assert!((read::value_bits(&made, look) - dice.bits()).abs() < 1e-9, "{name}: {made}");
        }
    }

    #[test]
    fn numbers_look_like_numbers() {
        let mut dice = Dice::new(3, [2, 2]);
        for _ in 0..200 {
            let number = phone(&mut dice);
            assert!(number.len() == 11 && number.starts_with('1') && number.bytes().all(|b| b.is_ascii_digit()));
            assert_eq!(digits(&mut dice, 16).len(), 16);
            assert_eq!(name(&mut dice).chars().count(), 3);
        }
    }
}
