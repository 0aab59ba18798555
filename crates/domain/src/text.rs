//! Chinese texts in few bytes: two for a word of the field, one for a mark, ASCII as itself. A table that every reader
//! has does it, so that one short note is as small as one among many; zstd then takes what is left.
//! What is written here is hashed and signed as it stands: the tables are FROZEN, a better one is a new encoding.
//! Reading must never yield more than the bytes given allow, nor panic on any of them.
//!
//! ```text
//! 00      end, another text of the row follows     01      end, the row's last
//! 02 …    one character as UTF-8; 80+c for the controls below 20, FF for 7F
//! 03–06   a name of three: 3 digits of base 96     07      four digits and 元: 2 digits of base 100
//! 08–1F 7F  one mark of `MARKS`                    20–7E   ASCII
//! 80–FF   first of two bytes: a code of `assets/wire/words.txt`, or a day such as 12月08日
//! ```
//! Digits are bytes from 80 on. Codes are numbered in shells, n² ≤ code < (n+1)² by the bytes 0…n: the first n² codes use
//! n bytes evenly in both places, which is what a Huffman table wants to see.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::wire::WireFault;

/// Ends a text after which another of the row follows.
pub(crate) const END: u8 = 0;
/// Ends the last text of a row; stands nowhere else.
pub(crate) const LAST: u8 = 1;

const ESCAPE: u8 = 2;
const NAME: u8 = 3;
const NAMES: u8 = 4;
const YUAN: u8 = 7;
const HIGH: u8 = 0x80;
const NAME_BASE: usize = 96;
const YUAN_BASE: usize = 100;
/// Days that have a code: twelve months of 31, before the words.
const DAYS: usize = 372;

/// FROZEN: words of the field, then of the language, by frequency; see `assets/wire/README.md`.
static WORDS: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("../../../assets/wire/words.txt").split_whitespace().collect());

/// FROZEN: 08 to 1F, and 7F.
const MARKS: [char; 25] = [
    '，', '。', '、', '：', '；', '？', '！', '（', '）', '“', '”', '《', '》', '·', '—', '…', '元', '月', '日', '年',
    '号', '村', '组', '的', '了',
];

/// FROZEN: surnames that begin a name of three.
const SURNAMES: &str = "\
    王李赵刘陈吴徐朱胡郭何罗宋谢韩唐冯董萧程曹袁邓傅彭吕卢蒋蔡贾丁魏薛叶阎潘杜戴夏钟汪姜崔谭陆范廖姚邹熊\
    郝孔邵侯孟龙段钱汤尹黎易乔贺赖龚庞樊殷秦史顾万雷覃向毛江邢尚岳齐柯梁张杨黄周";

/// FROZEN: what given names are made of.
const GIVEN: &str = "\
    一之乃书云仁伟伦佳依侠俊保信倩健元兆光克兰军凤凯刚利功勇勋勤华卓南占卫发可君启和善喜嘉国图坤培堂增士\
    夫奇妍妮娜娟婉婷媛子宁宇安宏宝宪家宾富小少展山岩岭峰川州巧帅平庆广康延建弘强彦彩彬德心志忠怀思怡恒恩\
    悦惠慧成才振捷敏斌新方旭旺明昌星春昭晓晨普景晶智曼月有朋术杰松林果柏树栋桂梅森楠欣正民永治泉泽洁洋洪\
    浩海涛淑清渊源滨潇灵炎焕照燕爱珍珠珊琦琪琳琴瑞瑶璐生瑾田甜男留盈盛真睿磊福秀秋科立竹红纯纲绍维美群翠";

static SURNAME: LazyLock<Vec<char>> = LazyLock::new(|| SURNAMES.chars().collect());
static GIVENS: LazyLock<Vec<char>> = LazyLock::new(|| GIVEN.chars().collect());

/// Where everything stands, for writing.
struct Places {
    words: BTreeMap<[char; 2], usize>,
    characters: BTreeMap<char, usize>,
    surnames: BTreeMap<char, usize>,
    givens: BTreeMap<char, usize>,
}

static PLACES: LazyLock<Places> = LazyLock::new(|| {
    let mut places = Places {
        words: BTreeMap::new(),
        characters: BTreeMap::new(),
        surnames: SURNAME.iter().copied().zip(0..).collect(),
        givens: GIVENS.iter().copied().zip(0..).collect(),
    };
    for (word, code) in WORDS.iter().zip(DAYS..) {
        let mut chars = word.chars();
        match (chars.next(), chars.next()) {
            (Some(one), None) => places.characters.insert(one, code),
            (Some(one), Some(two)) => places.words.insert([one, two], code),
            (None, _) => None,
        };
    }
    places
});

/// One piece of a text as it is written.
#[derive(Clone, Copy)]
enum Piece {
    Byte(u8),
    Escape(char),
    Code(usize),
    Name(usize),
    Yuan(usize),
}

impl Piece {
    /// Its characters and bytes.
    fn size(self) -> (usize, usize) {
        match self {
            Self::Byte(_) => (1, 1),
            Self::Escape(char) => (1, char.len_utf8().max(2).saturating_add(usize::from(u32::from(char) >= 0x80))),
            Self::Code(code) if code < DAYS => (6, 2),
            Self::Code(code) => (WORDS.get(code.saturating_sub(DAYS)).map_or(1, |word| word.chars().count()), 2),
            Self::Name(_) => (3, 4),
            Self::Yuan(_) => (5, 3),
        }
    }

    fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Byte(byte) => out.push(byte),
            Self::Escape(char) => {
                out.push(ESCAPE);
                match u8::try_from(u32::from(char)) {
                    Ok(0x7f) => out.push(0xff),
                    Ok(control @ 0..=0x1f) => out.push(HIGH | control),
                    _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
                }
            }
            Self::Code(code) => {
                let shell = code.isqrt();
                let rest = code.saturating_sub(shell.saturating_mul(shell));
                let (one, two) =
                    if rest <= shell { (shell, rest) } else { (rest.saturating_sub(shell).saturating_sub(1), shell) };
                out.extend([digit(one), digit(two)]);
            }
            Self::Name(name) => {
                let lead = name / (NAME_BASE * NAME_BASE * NAME_BASE);
                out.push(NAME.saturating_add(u8::try_from(lead).unwrap_or(0)));
                out.extend([NAME_BASE * NAME_BASE, NAME_BASE, 1].map(|unit| digit(name / unit % NAME_BASE)));
            }
            Self::Yuan(yuan) => out.extend([YUAN, digit(yuan / YUAN_BASE), digit(yuan % YUAN_BASE)]),
        }
    }
}

fn digit(n: usize) -> u8 {
    HIGH | u8::try_from(n & 0x7f).unwrap_or(0)
}

/// The number of these digits.
fn number(chars: &[char]) -> Option<usize> {
    chars.iter().try_fold(0_usize, |sum, char| {
        let digit = usize::try_from(char.to_digit(10)?).ok()?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Every piece that may stand next, the best of equals first.
fn pieces(rest: &[char], see: &mut impl FnMut(Piece)) {
    if let [a, b, '月', c, d, '日', ..] = rest
        && let (Some(month @ 1..=12), Some(day @ 1..=31)) = (number(&[*a, *b]), number(&[*c, *d]))
    {
        see(Piece::Code((month - 1) * 31 + day - 1));
    }
    if let [digits @ .., '元'] = rest.get(..5).unwrap_or(&[])
        && let Some(yuan) = number(digits)
    {
        see(Piece::Yuan(yuan));
    }
    let places = &*PLACES;
    if let [one, two, ..] = rest
        && let Some(code) = places.words.get(&[*one, *two])
    {
        see(Piece::Code(*code));
    }
    if let [one, two, three, ..] = rest
        && let (Some(one), Some(two), Some(three)) =
            (places.surnames.get(one), places.givens.get(two), places.givens.get(three))
    {
        see(Piece::Name((one * GIVENS.len() + two) * GIVENS.len() + three));
    }
    if let [one, ..] = rest {
        let mark = MARKS.iter().zip((0x08..=0x1f).chain([0x7f])).find(|(mark, _)| *mark == one);
        see(match (mark, u8::try_from(u32::from(*one)), places.characters.get(one)) {
            (Some((_, byte)), _, _) => Piece::Byte(byte),
            (None, Ok(byte @ 0x20..=0x7e), _) => Piece::Byte(byte),
            (None, _, Some(code)) => Piece::Code(*code),
            (None, _, None) => Piece::Escape(*one),
        });
    }
}

/// Appends a text in the fewest bytes, and `end`.
pub(crate) fn put(text: &str, end: u8, out: &mut Vec<u8>) {
    let chars: Vec<char> = text.chars().collect();
    // From the back: what the rest costs, and the piece that it begins with.
    let mut best: Vec<(usize, Option<Piece>)> = vec![(0, None); chars.len().saturating_add(1)];
    for at in (0..chars.len()).rev() {
        let mut here = (usize::MAX, None);
        pieces(chars.get(at..).unwrap_or(&[]), &mut |piece| {
            let (length, bytes) = piece.size();
            let rest = best.get(at.saturating_add(length)).map_or(usize::MAX, |(cost, _)| *cost);
            let cost = rest.saturating_add(bytes);
            if cost < here.0 {
                here = (cost, Some(piece));
            }
        });
        if let Some(slot) = best.get_mut(at) {
            *slot = here;
        }
    }
    let mut at = 0_usize;
    while let Some((_, Some(piece))) = best.get(at) {
        piece.put(out);
        at = at.saturating_add(piece.size().0);
    }
    out.push(end);
}

fn byte(bytes: &mut &[u8]) -> Result<u8, WireFault> {
    let (byte, rest) = bytes.split_first().ok_or(WireFault::Short)?;
    *bytes = rest;
    Ok(*byte)
}

fn figure(bytes: &mut &[u8], base: usize) -> Result<usize, WireFault> {
    let digit = usize::from(byte(bytes)?.checked_sub(HIGH).ok_or(WireFault::Text)?);
    if digit < base { Ok(digit) } else { Err(WireFault::Text) }
}

fn escaped(bytes: &mut &[u8]) -> Result<char, WireFault> {
    let lead = byte(bytes)?;
    let more = match lead {
        0xff => return Ok('\u{7f}'),
        0x80..=0x9f => return Ok(char::from(lead & 0x1f)),
        0xc0..=0xdf => 1,
        0xe0..=0xef => 2,
        0xf0..=0xf7 => 3,
        _ => return Err(WireFault::Text),
    };
    let (tail, rest) = bytes.split_at_checked(more).ok_or(WireFault::Short)?;
    *bytes = rest;
    let whole: Vec<u8> = std::iter::once(lead).chain(tail.iter().copied()).collect();
    std::str::from_utf8(&whole).ok().and_then(|text| text.chars().next()).ok_or(WireFault::Text)
}

/// Reads the next text of `bytes` into `out`; says which end it had.
///
/// # Errors
/// `Short`, `Text`.
pub(crate) fn get(bytes: &mut &[u8], out: &mut String) -> Result<u8, WireFault> {
    loop {
        match byte(bytes)? {
            end @ (END | LAST) => return Ok(end),
            ESCAPE => out.push(escaped(bytes)?),
            lead @ NAME..YUAN => {
                let mut name = usize::from(lead.saturating_sub(NAME).min(NAMES));
                for _ in 0..3 {
                    name = name.saturating_mul(NAME_BASE).saturating_add(figure(bytes, NAME_BASE)?);
                }
                let givens = GIVENS.len();
                let parts = [
                    SURNAME.get(name / givens / givens),
                    GIVENS.get(name / givens % givens),
                    GIVENS.get(name % givens),
                ];
                for part in parts {
                    out.push(*part.ok_or(WireFault::Text)?);
                }
            }
            YUAN => {
                let yuan =
                    figure(bytes, YUAN_BASE)?.saturating_mul(YUAN_BASE).saturating_add(figure(bytes, YUAN_BASE)?);
                out.push_str(&format!("{yuan:04}元"));
            }
            mark @ 0x08..=0x1f => out.extend(MARKS.get(usize::from(mark.saturating_sub(8)))),
            0x7f => out.extend(MARKS.last()),
            ascii @ 0x20..=0x7e => out.push(char::from(ascii)),
            lead @ HIGH.. => {
                let (one, two) = (usize::from(lead & 0x7f), figure(bytes, 128)?);
                let code = if one >= two { one * one + two } else { two * two + two + 1 + one };
                match code.checked_sub(DAYS) {
                    None => out.push_str(&format!("{:02}月{:02}日", code / 31 + 1, code % 31 + 1)),
                    Some(word) => out.push_str(WORDS.get(word).ok_or(WireFault::Text)?),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(text: &str) -> usize {
        let mut bytes = Vec::new();
        put(text, LAST, &mut bytes);
        assert_eq!(bytes.iter().position(|byte| *byte <= LAST), Some(bytes.len() - 1), "the end stands only there");
        let (mut rest, mut back) = (&bytes[..], String::new());
        assert_eq!(get(&mut rest, &mut back), Ok(LAST), "{text}");
        assert!(rest.is_empty() && back == text, "{text} {back}");
        bytes.len() - 1
    }

    #[test]
    fn the_table_is_whole_and_says_nothing_twice() {
        assert_eq!(WORDS.len() + DAYS, 128 * 128);
        assert_eq!(PLACES.words.len() + PLACES.characters.len(), WORDS.len());
        assert!(WORDS.iter().all(|word| word.chars().count() <= 2));
        let names = SURNAME.len() * GIVENS.len() * GIVENS.len();
        assert!(names <= usize::from(NAMES) * NAME_BASE.pow(3), "{names}");
        assert_eq!((PLACES.surnames.len(), PLACES.givens.len()), (SURNAME.len(), GIVENS.len()));
        // FROZEN: whoever changes a word changes what was signed.
        let table = include_bytes!("../../../assets/wire/words.txt");
        assert_eq!(
            crate::ids::Sha::of(table).to_string(),
            "cfd047723e8350e9e6d09e17439f6deb6ec65d44999cc717a5e9ed36226027d1"
        );
    }

    #[test]
    fn every_text_comes_back_and_a_note_is_short() {
        for code in 0..128 * 128 {
            let mut bytes = Vec::new();
            Piece::Code(code).put(&mut bytes);
            bytes.push(END);
            let (mut rest, mut text) = (&bytes[..], String::new());
            assert_eq!(get(&mut rest, &mut text), Ok(END));
            there_and_back(&text);
        }
        for char in ('\0'..'\u{3000}').chain(['𰻝', '\u{10ffff}', '龘']) {
            there_and_back(&char.to_string());
            there_and_back(&format!("父{char}{char}母"));
        }
        assert_eq!(there_and_back(""), 0);
        assert_eq!(there_and_back("父亲在家，同意还款。"), 10);
        assert_eq!(there_and_back("王建国12月08日已还2350元。"), 4 + 2 + 2 + 3 + 1);
        assert_eq!(there_and_back("13月32日abc"), 4 + 2 + 3);
    }

    #[test]
    fn no_bytes_are_too_strange_to_read() {
        let mut state = 7_u32;
        for _ in 0..60_000 {
            let bytes: Vec<u8> = (0..12)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    u8::try_from(state >> 24).expect("a byte")
                })
                .collect();
            let mut text = String::new();
            if get(&mut &bytes[..], &mut text).is_ok() {
                there_and_back(&text);
            }
        }
    }
}
