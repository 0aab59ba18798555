//! Bodies of facts in few bytes: what a kind's keys are is known beforehand, so only values are written, and texts apart
//! from the rest. A body stays what it was, byte for byte: what would not come back so is kept as text or as it is.
//! What is written here is hashed and signed as it stands: kinds, keys and lists are FROZEN. A new kind, key or word
//! needs no change here, it only costs more. Reading must never yield more than a body may have, nor panic.

use serde_json::Value as Json;

use crate::clock::Millis;
use crate::event::Event;
use crate::fact::MOST_BODY;
use crate::ids::{FactId, hex};
use crate::phone::PhoneNumber;
use crate::text::{self, END, LAST};
use crate::visit::VisitMade;
use crate::wire::{Reader, WireFault, Writer};
use crate::words::{HouseholdField, Source, VisitPurpose, VisitResult};

/// How a value is written. Places are counted in bytes of the frame; texts stand apart.
enum Value {
    /// One of these words: a byte.
    Code(&'static [&'static str]),
    /// Who somebody is to the borrower: a byte, 0 for a text.
    Kin,
    /// A text.
    Text,
    /// Digits: how many, then their number; none for a text.
    Digits,
    /// A day, in days from the row's own day.
    Day,
    /// A time to the minute, in minutes from the time before it, the first from the row's own.
    Time,
    /// A fact of the row's own journal, as the distance to it.
    Own,
    /// A whole number.
    Number,
    /// So many bytes in hexadecimal.
    Hex(usize),
    /// A list: how many, then each.
    List(&'static Self),
    /// An object.
    Of(&'static [Key]),
    /// Anything else, as text.
    Other,
    /// True or false: the mask says it.
    Flag,
}

/// A key of a kind's body.
struct Key {
    name: &'static str,
    may_lack: bool,
    value: Value,
}

const fn must(name: &'static str, value: Value) -> Key {
    Key { name, may_lack: false, value }
}

const fn may(name: &'static str, value: Value) -> Key {
    Key { name, may_lack: true, value }
}

/// FROZEN: words of relations; what is not here is a text.
const KIN: &[&str] = &[
    "父亲",
    "母亲",
    "父",
    "母",
    "祖父",
    "祖母",
    "兄",
    "弟",
    "姐",
    "妹",
    "叔",
    "婶",
    "姑",
    "舅",
    "姨",
    "配偶",
    "邻居",
    "村干部",
    "本人",
    "哥哥",
    "弟弟",
    "姐姐",
    "妹妹",
    "爷爷",
    "奶奶",
    "外公",
    "外婆",
    "叔叔",
    "伯父",
    "丈夫",
    "妻子",
    "儿子",
    "女儿",
];
/// FROZEN.
const FIELDS: &[&str] = &["ADDRESS_FOUND", "WHEREABOUTS", "NAME_TRUE"];
/// FROZEN.
const SOURCES: &[&str] = &["BANK", "FAMILY", "VILLAGE", "NEIGHBOUR", "SCHOOL", "COUNTY"];
/// FROZEN.
const STATES: &[&str] = &["UNVERIFIED", "CONFIRMED", "NO_ANSWER", "WRONG_PERSON", "OUT_OF_SERVICE", "DO_NOT_CALL"];
/// FROZEN.
const PURPOSES: &[&str] = &["SERVE", "CHECK_DETAILS", "ADVISE", "LOCATE"];
/// FROZEN.
const RESULTS: &[&str] =
    &["MET_BORROWER", "MET_CO_BORROWER", "MET_FAMILY", "NOT_MET", "MOVED", "NO_SUCH_ADDRESS", "REFUSED"];
/// FROZEN.
const SITUATIONS: &[&str] = &[
    "ALREADY_PAID",
    "PLEDGED",
    "STILL_STUDYING",
    "IN_SERVICE",
    "ILLNESS",
    "DISASTER",
    "OUT_OF_WORK",
    "DISPUTES_AMOUNT",
    "NOT_THEIR_LOAN",
    "OTHER",
];
/// FROZEN.
const DOCUMENTS: &[&str] = &["REPAYMENT_NOTICE", "SERVICE_RECEIPT"];
/// FROZEN.
const MODES: &[&str] = &["DIRECT", "CO_RESIDENT", "LEFT_AT_HOME", "POST", "ELECTRONIC"];
/// FROZEN.
const CHANNELS: &[&str] = &["POS", "ALIPAY", "BANK_APP", "UNIONPAY_APP"];

/// FROZEN.
const PHONE: &[Key] = &[must("number", Value::Digits), may("relation", Value::Kin)];
/// FROZEN.
const DOCUMENT: &[Key] = &[
    must("organ", Value::Text),
    must("kind", Value::Code(DOCUMENTS)),
    must("year", Value::Number),
    must("serial", Value::Number),
];
/// FROZEN.
const CONTRACT: &[Key] = &[
    must("contract_no", Value::Digits),
    must("academic_year", Value::Text),
    must("principal_due", Value::Number),
    must("interest_due", Value::Number),
    must("penalty_due", Value::Number),
    must("total_due", Value::Number),
    must("principal_left", Value::Number),
    must("due_on", Value::Day),
    may("maturity_on", Value::Day),
    must("rate_ppm", Value::Number),
    must("status", Value::Text),
];
/// FROZEN.
const PROXY: &[Key] = &[
    must("name", Value::Text),
    must("relation", Value::Kin),
    must("adult", Value::Flag),
    must("lives_there", Value::Flag),
    must("sealed", Value::Flag),
];

/// FROZEN: kinds by their number, from 1, with the keys of those that are often written. Kinds that came later are named.
const KINDS: &[(&str, Option<&[Key]>)] = &[
    ("FieldFilled", Some(&[must("field", Value::Code(FIELDS)), must("text", Value::Text)])),
    (
        "ContactAdded",
        Some(&[
            must("number", Value::Digits),
            may("relation", Value::Kin),
            must("source", Value::Code(SOURCES)),
            may("note", Value::Text),
        ]),
    ),
    (
        "VisitMade",
        Some(&[
            must("on", Value::Day),
            must("arrived", Value::Time),
            may("left", Value::Time),
            must("purpose", Value::Code(PURPOSES)),
            must("result", Value::Code(RESULTS)),
            may("letters", Value::List(&Value::Text)),
            may("pledged_on", Value::Day),
            may("correction", Value::Text),
        ]),
    ),
    (
        "VisitNoted",
        Some(&[
            must("visit", Value::Own),
            may("met_name", Value::Text),
            may("met_relation", Value::Kin),
            must("only_children", Value::Flag),
            may("situations", Value::List(&Value::Code(SITUATIONS))),
            may("team", Value::List(&Value::Text)),
            may("next_step", Value::Text),
            may("next_on", Value::Day),
            may("note", Value::Text),
            may("odd_hour_reason", Value::Text),
        ]),
    ),
    (
        "HouseholdListed",
        Some(&[
            must("borrower", Value::Text),
            may("borrower_as_bank", Value::Text),
            must("id_tail", Value::Digits),
            may("co_borrower", Value::Text),
            may("relation", Value::Kin),
            must("address", Value::Text),
            may("grad_year", Value::Number),
            may("phones", Value::List(&Value::Of(PHONE))),
        ]),
    ),
    ("Placed", Some(&[must("place", Value::Digits)])),
    (
        "DueListed",
        Some(&[
            must("batch", Value::Text),
            must("as_of", Value::Day),
            must("contracts", Value::List(&Value::Of(CONTRACT))),
            may("account_hint", Value::Text),
        ]),
    ),
    (
        "ContactStated",
        Some(&[must("number", Value::Digits), must("state", Value::Code(STATES)), must("on", Value::Day)]),
    ),
    (
        "Identified",
        Some(&[
            must("borrower_id", Value::Digits),
            may("co_borrower_id", Value::Digits),
            may("accounts", Value::List(&Value::Digits)),
        ]),
    ),
    (
        "LetterPrinted",
        Some(&[
            must("doc", Value::Of(DOCUMENT)),
            must("template", Value::Text),
            must("printed_on", Value::Day),
            must("as_of", Value::Day),
            must("total", Value::Number),
            must("hash8", Value::Hex(4)),
            must("sheet", Value::Other),
            must("sha256", Value::Hex(32)),
            may("pair", Value::Of(DOCUMENT)),
            may("reason", Value::Text),
            must("black", Value::Flag),
        ]),
    ),
    ("LetterVoided", Some(&[must("doc", Value::Of(DOCUMENT)), must("reason", Value::Text)])),
    (
        "ReceiptFiled",
        Some(&[
            must("receipt", Value::Of(DOCUMENT)),
            must("sha256", Value::Hex(32)),
            must("media", Value::Text),
            must("bytes", Value::Number),
        ]),
    ),
    (
        "ReceiptCompleted",
        Some(&[
            must("receipt", Value::Of(DOCUMENT)),
            must("mode", Value::Code(MODES)),
            must("served_on", Value::Day),
            may("served_at", Value::Time),
            must("servers", Value::List(&Value::Text)),
            must("signed", Value::Flag),
            must("fingerprinted", Value::Flag),
            must("dated_by_hand", Value::Flag),
            may("proxy", Value::Of(PROXY)),
            may("witnesses", Value::List(&Value::Text)),
            may("refusal_reason", Value::Text),
            must("home_confirmed", Value::Flag),
            must("filmed", Value::Flag),
            may("post_no", Value::Text),
            must("post_delivered", Value::Flag),
            may("consent", Value::Text),
            must("arrival_proof", Value::Flag),
        ]),
    ),
    (
        "PaymentReported",
        Some(&[
            must("channel", Value::Code(CHANNELS)),
            must("amount", Value::Number),
            must("on", Value::Day),
            may("at", Value::Time),
            must("reference", Value::Digits),
            may("terminal", Value::Digits),
            may("card_tail", Value::Digits),
            may("payer", Value::Text),
        ]),
    ),
    ("PaymentVoided", Some(&[must("reason", Value::Text)])),
    ("ProfileSaved", None),
    ("RoleGiven", None),
    ("DeviceEnrolled", None),
    (
        "BlockLeased",
        Some(&[must("kind", Value::Code(DOCUMENTS)), must("year", Value::Number), must("block", Value::Number)]),
    ),
    ("PlacesLoaded", None),
    ("RegistryLoaded", None),
    ("VillageAssigned", None),
    ("DueListImported", None),
    ("BulletinIssued", None),
    ("HeldDecided", None),
    ("Erased", None),
    ("DeviceRevoked", None),
    ("JournalClosed", None),
    ("LogForked", None),
];

/// The number of a kind, from 1; 0 for one that is named.
pub(crate) fn number_of(kind: &str) -> u8 {
    let place = KINDS.iter().position(|(name, _)| *name == kind);
    place.and_then(|place| u8::try_from(place.saturating_add(1)).ok()).unwrap_or(0)
}

/// The kind of a number from 1.
pub(crate) fn kind_of(number: u8) -> Option<&'static str> {
    KINDS.get(usize::from(number).checked_sub(1)?).map(|(name, _)| *name)
}

/// How many kinds have a number.
pub(crate) const NUMBERED: usize = KINDS.len();

fn keys_of(kind: &str) -> Option<&'static [Key]> {
    KINDS.iter().find(|(name, _)| *name == kind).and_then(|(_, keys)| *keys)
}

/// How a body is written. FROZEN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Values after the kind's keys.
    Keys,
    /// All of it one text.
    Text,
    /// As it is.
    Raw,
}

impl Form {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Keys => 0,
            Self::Text => 1,
            Self::Raw => 2,
        }
    }

    pub(crate) fn of(code: u8) -> Result<Self, WireFault> {
        match code {
            0 => Ok(Self::Keys),
            1 => Ok(Self::Text),
            2 => Ok(Self::Raw),
            _ => Err(WireFault::Range("form")),
        }
    }
}

/// A body as it stands in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Squashed {
    /// How it is written.
    pub(crate) form: Form,
    /// All but texts.
    pub(crate) frame: Vec<u8>,
    /// Texts: none, or some of which the last ends as the last.
    pub(crate) texts: Vec<u8>,
}

/// Whose body: days, times and facts are written relative to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    /// The fact.
    pub(crate) id: FactId,
    /// Its clock.
    pub(crate) wall: Millis,
}

/// The day and minute of a clock in the county. FROZEN: UTC+8, without exceptions.
fn civil(wall: Millis) -> (i64, i64) {
    let minutes = wall.0.div_euclid(60_000).saturating_add(8 * 60);
    (minutes.div_euclid(1440), minutes.rem_euclid(1440))
}

/// Civil day number 0 is 1970-01-01.
fn day_of(text: &str) -> Option<i64> {
    let day: chrono::NaiveDate = text.parse().ok()?;
    Some(day.signed_duration_since(chrono::NaiveDate::default()).num_days())
}

fn date_of(day: i64) -> Option<chrono::NaiveDate> {
    let days = u64::try_from(day.checked_abs()?).ok().map(chrono::Days::new)?;
    let zero = chrono::NaiveDate::default();
    if day < 0 { zero.checked_sub_days(days) } else { zero.checked_add_days(days) }
}

/// How many bytes hold so many digits.
fn digit_bytes(digits: usize) -> usize {
    // log₂ 10 ∕ 8 is 0.415241…
    digits.saturating_mul(41_525).div_ceil(100_000)
}

/// Most digits written as a number.
const MOST_DIGITS: usize = 38;

struct Squash {
    day: i64,
    minute: i64,
    id: FactId,
    frame: Writer,
    texts: Vec<u8>,
}

impl Squash {
    fn text(&mut self, text: &str) {
        text::put(text, END, &mut self.texts);
    }

    fn near(&mut self, n: i64) -> Option<()> {
        self.frame.near(n);
        Some(())
    }

    fn keys(&mut self, keys: &[Key], body: &Json) -> Option<()> {
        let object = body.as_object()?;
        let mut mask = 0_u64;
        let mut bit = 1_u64;
        for key in keys {
            let value = object.get(key.name);
            let set = match key.value {
                Value::Flag => value?.as_bool()?,
                Value::Code(_)
                | Value::Kin
                | Value::Text
                | Value::Digits
                | Value::Day
                | Value::Time
                | Value::Own
                | Value::Number
                | Value::Hex(_)
                | Value::List(_)
                | Value::Of(_)
                | Value::Other => value.is_some(),
            };
            if masked(key) {
                mask |= if set { bit } else { 0 };
                bit = bit.checked_shl(1)?;
            } else if !set {
                return None;
            }
        }
        if bit > 1 {
            self.frame.varint(mask);
        }
        for key in keys {
            if let Some(value) = object.get(key.name) {
                self.value(&key.value, value)?;
            }
        }
        Some(())
    }

    fn value(&mut self, how: &Value, value: &Json) -> Option<()> {
        match how {
            Value::Flag => {}
            Value::Code(words) => {
                let place = words.iter().position(|word| Some(*word) == value.as_str())?;
                self.frame.u8(u8::try_from(place).ok()?);
            }
            Value::Kin => {
                let kin = value.as_str()?;
                let place = KIN.iter().position(|word| *word == kin).map(|place| place.saturating_add(1));
                self.frame.u8(u8::try_from(place.unwrap_or(0)).ok()?);
                if place.is_none() {
                    self.text(kin);
                }
            }
            Value::Text => self.text(value.as_str()?),
            Value::Digits => {
                let digits = value.as_str()?;
                let plain = (1..=MOST_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
                if plain {
                    let number: u128 = digits.parse().ok()?;
                    let bytes = number.to_be_bytes();
                    let (_, tail) = bytes.split_at_checked(bytes.len().checked_sub(digit_bytes(digits.len()))?)?;
                    self.frame.count(digits.len()).raw(tail);
                } else {
                    self.frame.u8(0);
                    self.text(digits);
                }
            }
            Value::Day => {
                let day = day_of(value.as_str()?)?;
                self.near(day.checked_sub(self.day)?)?;
            }
            Value::Time => {
                let time: chrono::NaiveTime = value.as_str()?.parse().ok()?;
                let minute = i64::from(chrono::Timelike::num_seconds_from_midnight(&time) / 60);
                self.near(minute.checked_sub(self.minute)?)?;
                self.minute = minute;
            }
            Value::Own => {
                let id: FactId = value.as_str()?.parse().ok()?;
                if id.journal != self.id.journal {
                    return None;
                }
                let (own, other) = (i64::try_from(self.id.seq).ok()?, i64::try_from(id.seq).ok()?);
                self.near(own.checked_sub(other)?)?;
            }
            Value::Number => self.near(value.as_i64()?)?,
            Value::Hex(length) => {
                let text = value.as_str()?;
                if text.len() != length.saturating_mul(2) {
                    return None;
                }
                for two in text.as_bytes().chunks(2) {
                    self.frame.u8(u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()?);
                }
            }
            Value::List(how) => {
                let items = value.as_array()?;
                self.frame.count(items.len());
                for item in items {
                    self.value(how, item)?;
                }
            }
            Value::Of(keys) => self.keys(keys, value)?,
            Value::Other => self.text(&serde_json::to_string(value).ok()?),
        }
        Some(())
    }
}

fn masked(key: &Key) -> bool {
    key.may_lack || matches!(key.value, Value::Flag)
}

/// Writes a body of a kind.
pub(crate) fn squash(kind: &str, body: &[u8], owner: Owner) -> Squashed {
    let (day, minute) = civil(owner.wall);
    let by_keys = || {
        let keys = keys_of(kind)?;
        let json = serde_json::from_slice(body).ok()?;
        let mut out = Squash { day, minute, id: owner.id, frame: Writer::new(), texts: Vec::new() };
        out.keys(keys, &json)?;
        // Each text but the last is followed by another.
        if let Some(end) = out.texts.last_mut() {
            *end = LAST;
        }
        Some(Squashed { form: Form::Keys, frame: out.frame.done(), texts: out.texts })
    };
    let by_text = || {
        let mut texts = Vec::new();
        text::put(std::str::from_utf8(body).ok()?, LAST, &mut texts);
        (texts.len() <= body.len()).then_some(Squashed { form: Form::Text, frame: Vec::new(), texts })
    };
    let same = |squashed: &Squashed| unsquash(kind, squashed, owner).is_ok_and(|back| back == body);
    let raw = || Squashed { form: Form::Raw, frame: body.to_vec(), texts: Vec::new() };
    by_keys().filter(same).or_else(|| by_text().filter(same)).unwrap_or_else(raw)
}

struct Unsquash<'a> {
    day: i64,
    minute: i64,
    id: FactId,
    frame: Reader<'a>,
    texts: &'a [u8],
    /// What ended the text before; a further one must not follow the last.
    end: u8,
    word: String,
    out: Vec<u8>,
}

impl Unsquash<'_> {
    fn text(&mut self) -> Result<(), WireFault> {
        if self.end == LAST {
            return Err(WireFault::Short);
        }
        self.word.clear();
        // A word of the field is six bytes in two of these; more than that it grows to.
        self.word.reserve(self.texts.len().saturating_mul(3).min(SHORT));
        self.end = text::get(&mut self.texts, &mut self.word)?;
        Ok(())
    }

    fn quote(&mut self, text: &str) -> Result<(), WireFault> {
        if self.out.len().saturating_add(text.len()) > MOST_BODY {
            return Err(WireFault::Range("length"));
        }
        // Most texts have nothing to escape.
        if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
            self.out.push(b'"');
            self.out.extend_from_slice(text.as_bytes());
            self.out.push(b'"');
            return Ok(());
        }
        serde_json::to_writer(&mut self.out, text).or(Err(WireFault::Text))
    }

    fn quoted_text(&mut self) -> Result<(), WireFault> {
        self.text()?;
        let word = std::mem::take(&mut self.word);
        let said = self.quote(&word);
        self.word = word;
        said
    }

    fn word(&mut self) -> Result<String, WireFault> {
        self.text()?;
        Ok(std::mem::take(&mut self.word))
    }

    fn code(&mut self, words: &'static [&'static str]) -> Result<&'static str, WireFault> {
        words.get(usize::from(self.frame.u8()?)).copied().ok_or(WireFault::Range("word"))
    }

    fn kin(&mut self) -> Result<String, WireFault> {
        match usize::from(self.frame.u8()?).checked_sub(1) {
            None => self.word(),
            Some(place) => KIN.get(place).map(|word| (*word).to_owned()).ok_or(WireFault::Range("word")),
        }
    }

    fn digits(&mut self) -> Result<String, WireFault> {
        match usize::from(self.frame.u8()?) {
            0 => self.word(),
            length @ 1..=MOST_DIGITS => {
                let bytes = self.frame.raw(digit_bytes(length))?;
                let number = bytes.iter().fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
                let text = format!("{number:0length$}");
                if text.len() == length { Ok(text) } else { Err(WireFault::Range("digits")) }
            }
            _ => Err(WireFault::Range("digits")),
        }
    }

    fn day(&mut self) -> Result<chrono::NaiveDate, WireFault> {
        let day = self.day.checked_add(self.frame.near()?);
        day.and_then(date_of).ok_or(WireFault::Range("day"))
    }

    /// Minutes since midnight.
    fn time(&mut self) -> Result<i64, WireFault> {
        let minute = self.minute.checked_add(self.frame.near()?).filter(|minute| (0..1440).contains(minute));
        self.minute = minute.ok_or(WireFault::Range("time"))?;
        Ok(self.minute)
    }

    /// Which of a kind's keys that may lack are there: a bit each.
    fn mask(&mut self, keys: &[Key]) -> Result<u64, WireFault> {
        let bits = keys.iter().filter(|key| masked(key)).count();
        let mask = if bits > 0 { self.frame.varint()? } else { 0 };
        if mask.checked_shr(u32::try_from(bits).unwrap_or(u32::MAX)).unwrap_or(0) != 0 {
            return Err(WireFault::Range("mask"));
        }
        Ok(mask)
    }

    fn end(self) -> Result<Vec<u8>, WireFault> {
        self.frame.end()?;
        if self.texts.is_empty() { Ok(self.out) } else { Err(WireFault::Trailing) }
    }

    fn keys(&mut self, keys: &[Key]) -> Result<(), WireFault> {
        let mask = self.mask(keys)?;
        let mut bit = 1_u64;
        let mut before = b'{';
        for key in keys {
            let set = if masked(key) {
                let set = mask & bit != 0;
                bit = bit.checked_shl(1).ok_or(WireFault::Range("mask"))?;
                set
            } else {
                true
            };
            let flag = matches!(key.value, Value::Flag);
            if set || flag {
                self.out.push(before);
                before = b',';
                self.quote(key.name)?;
                self.out.push(b':');
                if flag {
                    self.out.extend_from_slice(if set { b"true" } else { b"false" });
                } else {
                    self.value(&key.value)?;
                }
            }
        }
        if before == b'{' {
            self.out.push(b'{');
        }
        self.out.push(b'}');
        Ok(())
    }

    fn value(&mut self, how: &Value) -> Result<(), WireFault> {
        match how {
            Value::Flag => Ok(()),
            Value::Code(words) => {
                let word = self.code(words)?;
                self.quote(word)
            }
            Value::Kin => {
                let kin = self.kin()?;
                self.quote(&kin)
            }
            Value::Text => self.quoted_text(),
            Value::Digits => {
                let digits = self.digits()?;
                self.quote(&digits)
            }
            Value::Day => {
                let day = self.day()?;
                self.quote(&day.to_string())
            }
            Value::Time => {
                let minute = self.time()?;
                self.quote(&format!("{:02}:{:02}:00", minute / 60, minute % 60))
            }
            Value::Own => {
                let own = i64::try_from(self.id.seq).or(Err(WireFault::Range("seq")))?;
                let seq = own.checked_sub(self.frame.near()?).and_then(|seq| u64::try_from(seq).ok());
                let seq = seq.ok_or(WireFault::Range("seq"))?;
                self.quote(&FactId { seq, ..self.id }.to_string())
            }
            Value::Number => {
                let number = self.frame.near()?.to_string();
                self.out.extend_from_slice(number.as_bytes());
                Ok(())
            }
            Value::Hex(length) => {
                let bytes = self.frame.raw(*length)?;
                self.quote(&hex(bytes))
            }
            Value::List(how) => {
                let count = self.frame.varint()?;
                self.out.push(b'[');
                for at in 0..count {
                    if at > 0 {
                        self.out.push(b',');
                    }
                    self.value(how)?;
                    // Each item is at least a byte: a count that lies ends here.
                    if self.out.len() > MOST_BODY {
                        return Err(WireFault::Range("length"));
                    }
                }
                self.out.push(b']');
                Ok(())
            }
            Value::Of(keys) => self.keys(keys),
            Value::Other => {
                self.text()?;
                self.out.extend_from_slice(self.word.as_bytes());
                Ok(())
            }
        }
    }
}

/// The body as it was.
///
/// # Errors
/// Bytes that no body of the kind is written as, or a body longer than [`MOST_BODY`].
pub(crate) fn unsquash(kind: &str, squashed: &Squashed, owner: Owner) -> Result<Vec<u8>, WireFault> {
    let Squashed { form, frame, texts } = squashed;
    let (day, minute) = civil(owner.wall);
    let out = match form {
        Form::Raw if texts.is_empty() => frame.clone(),
        Form::Raw => return Err(WireFault::Trailing),
        Form::Text => {
            let (mut rest, mut text) = (texts.as_slice(), String::new());
            if text::get(&mut rest, &mut text)? != LAST || !rest.is_empty() || !frame.is_empty() {
                return Err(WireFault::Trailing);
            }
            text.into_bytes()
        }
        Form::Keys => {
            let keys = keys_of(kind).ok_or(WireFault::Range("form"))?;
            let (frame, out) = (Reader::new(frame), Vec::with_capacity(256));
            let mut at = Unsquash { day, minute, id: owner.id, frame, texts, end: END, word: String::new(), out };
            at.keys(keys)?;
            at.end()?
        }
    };
    if out.len() > MOST_BODY { Err(WireFault::Range("length")) } else { Ok(out) }
}

/// Most bytes of texts that [`told`] reads: it does not count what they become.
const SHORT: usize = 4096;

/// What a fact tells whoever files it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Nothing that this version knows.
    Unknown,
    /// A field's text.
    Field(HouseholdField, String),
    /// A number of a family.
    Number(PhoneNumber),
    /// A visit in which no letter was handed over: the day, when they came, what came of it, the day that was promised.
    Visit(chrono::NaiveDate, chrono::NaiveTime, VisitResult, Option<chrono::NaiveDate>),
    /// Anything else, whole.
    Event(Box<Event>),
}

impl Told {
    /// Of an event, if this version knows its kind.
    pub fn of(event: Option<Event>) -> Self {
        match event {
            None => Self::Unknown,
            Some(Event::FieldFilled(filled)) => Self::Field(filled.field, filled.text),
            Some(Event::ContactAdded(added)) => Self::Number(added.number),
            Some(Event::VisitMade(made)) if made.letters.is_empty() => {
                Self::Visit(made.on, made.arrived, made.result, made.pledged_on)
            }
            Some(event) => Self::Event(Box::new(event)),
        }
    }
}

/// What a body tells, without writing it out first, of the kinds that a day brings most of; `None` for all others, and for
/// what only JSON can tell whether it may be said. The same as reading what [`unsquash`] gives.
///
/// # Errors
/// As [`unsquash`].
pub(crate) fn told(kind: &str, squashed: &Squashed, owner: Owner) -> Result<Option<Told>, WireFault> {
    let Squashed { form: Form::Keys, frame, texts } = squashed else { return Ok(None) };
    if texts.len() > SHORT {
        return Ok(None);
    }
    let (day, minute) = civil(owner.wall);
    let (frame, word, out) = (Reader::new(frame), String::new(), Vec::new());
    let mut at = Unsquash { day, minute, id: owner.id, frame, texts, end: END, word, out };
    let told = match kind {
        "FieldFilled" => {
            let (field, text) = (at.code(FIELDS)?, at.word()?);
            HouseholdField::of_code(field).map(|field| Told::Field(field, text))
        }
        "ContactAdded" => {
            let mask = at.mask(keys_of(kind).unwrap_or_default())?;
            let number = PhoneNumber::try_from(at.digits()?).ok();
            if mask & 1 != 0 {
                at.kin()?;
            }
            let source = Source::of_code(at.code(SOURCES)?);
            if mask & 2 != 0 {
                at.text()?;
            }
            number.zip(source).map(|(number, _)| Told::Number(number))
        }
        "VisitMade" => {
            let mask = at.mask(keys_of(kind).unwrap_or_default())?;
            let (on, arrived) = (at.day()?, time_of(at.time()?));
            let left = if mask & 1 != 0 { Some(time_of(at.time()?)) } else { None };
            let purpose = VisitPurpose::of_code(at.code(PURPOSES)?);
            let result = VisitResult::of_code(at.code(RESULTS)?);
            let mut letters = Vec::new();
            if mask & 2 != 0 {
                for _ in 0..at.frame.varint()? {
                    letters.push(at.word()?);
                }
            }
            let pledged_on = if mask & 4 != 0 { Some(at.day()?) } else { None };
            let correction = if mask & 8 != 0 { Some(at.word()?) } else { None };
            purpose.zip(result).map(|(purpose, result)| {
                let visit = VisitMade { on, arrived, left, purpose, result, letters, pledged_on, correction };
                Told::of(Some(Event::VisitMade(visit)))
            })
        }
        _ => return Ok(None),
    };
    at.end()?;
    Ok(told)
}

fn time_of(minute: i64) -> chrono::NaiveTime {
    // A minute of the day: see `Unsquash::time`.
    let seconds = u32::try_from(minute.saturating_mul(60)).unwrap_or(0);
    chrono::NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::JournalId;

    fn owner() -> Owner {
        // 2026-12-08 10:32 in the county.
        Owner { id: FactId { journal: JournalId([7; 8]), seq: 41 }, wall: Millis(1_796_697_120_123) }
    }

    fn form_of(kind: &str, body: &str) -> (Form, usize) {
        let squashed = squash(kind, body.as_bytes(), owner());
        assert_eq!(unsquash(kind, &squashed, owner()).expect("comes back"), body.as_bytes(), "{body}");
        if let Some(told) = told(kind, &squashed, owner()).expect("read") {
            let event = Event::read(kind, body.as_bytes()).expect("a body");
            assert!(event.is_some() && Told::of(event) == told, "{body}");
        }
        (squashed.form, squashed.frame.len() + squashed.texts.len())
    }

    const BODIES: &[(&str, &str, usize)] = &[
        ("FieldFilled", r#"{"field":"WHEREABOUTS","text":"村东第3家"}"#, 9),
        ("ContactAdded", r#"{"number":"13800138000","relation":"母亲","source":"VILLAGE"}"#, 9),
        ("ContactStated", r#"{"number":"0375-1234567","state":"CONFIRMED","on":"2026-12-07"}"#, 16),
        (
            "VisitMade",
            r#"{"on":"2026-12-08","arrived":"10:20:00","left":"10:30:00","purpose":"SERVE","result":"MOVED"}"#,
            6,
        ),
        (
            "VisitMade",
            r#"{"on":"2026-12-08","arrived":"10:20:00","purpose":"SERVE","result":"MET_FAMILY","letters":["青资助告〔2026〕1号"],"pledged_on":"2026-12-19","correction":"写错"}"#,
            36,
        ),
        ("ContactAdded", r#"{"number":"0375-1234567","source":"FAMILY","note":"晚上打"}"#, 24),
        (
            "VisitNoted",
            r#"{"visit":"0707070707070707:40","met_name":"王建国","met_relation":"父亲","only_children":false,"situations":["PLEDGED","OTHER"],"next_on":"2026-12-20","note":"在家"}"#,
            17,
        ),
        ("Placed", r#"{"place":"410490100200"}"#, 6),
        (
            "HouseholdListed",
            r#"{"borrower":"王建国","id_tail":"001X","co_borrower":"李桂兰","relation":"母亲","address":"3组","grad_year":2019,"phones":[{"number":"13800138000"}]}"#,
            40,
        ),
        ("Identified", r#"{"borrower_id":"410490200203140011","accounts":["6222020200112233"]}"#, 19),
        (
            "LetterVoided",
            r#"{"doc":{"organ":"青资助","kind":"SERVICE_RECEIPT","year":2026,"serial":10100},"reason":"印错"}"#,
            20,
        ),
        (
            "ReceiptFiled",
            r#"{"receipt":{"organ":"青资助","kind":"SERVICE_RECEIPT","year":2026,"serial":1},"sha256":"0707070707070707070707070707070707070707070707070707070707070707","media":"image/jpeg","bytes":90210}"#,
            60,
        ),
        (
            "ReceiptCompleted",
            r#"{"receipt":{"organ":"青","kind":"SERVICE_RECEIPT","year":2026,"serial":1},"mode":"CO_RESIDENT","served_on":"2026-12-08","served_at":"10:20:00","servers":["王建国"],"signed":true,"fingerprinted":false,"dated_by_hand":false,"proxy":{"name":"李桂兰","relation":"母亲","adult":true,"lives_there":true,"sealed":false},"home_confirmed":false,"filmed":false,"post_delivered":false,"arrival_proof":false}"#,
            40,
        ),
        (
            "PaymentReported",
            r#"{"channel":"POS","amount":235000,"on":"2026-12-08","at":"10:20:00","reference":"000123456789","card_tail":"2233"}"#,
            20,
        ),
        ("PaymentVoided", r#"{"reason":"印错"}"#, 8),
        ("BlockLeased", r#"{"kind":"SERVICE_RECEIPT","year":2026,"block":101}"#, 5),
    ];

    #[test]
    fn known_bodies_are_short_and_come_back() {
        for (kind, body, most) in BODIES {
            let (form, size) = form_of(kind, body);
            assert!(form == Form::Keys && size <= *most, "{kind} takes {size} in {form:?}");
        }
    }

    #[test]
    fn bodies_that_no_key_fits_stay_what_they_were() {
        let strange = [
            r#"{ "field":"WHEREABOUTS","text":"a"}"#,
            r#"{"text":"a","field":"WHEREABOUTS"}"#,
            r#"{"field":"SHOE_SIZE","text":"a"}"#,
            r#"{"field":"WHEREABOUTS","text":"\u0041"}"#,
            r#"{"field":"WHEREABOUTS","text":"a","newer":1}"#,
            r#"{"field":"WHEREABOUTS"}"#,
            "",
            "[]",
            "父亲 not JSON \u{1}",
        ];
        for body in strange {
            assert_ne!(form_of("FieldFilled", body).0, Form::Keys, "{body}");
        }
        assert_eq!(form_of("FieldFilled", "{\"field\":\"NAME_TRUE\",\"text\":\"\\\"\\n\\u0001\u{7f}\"}").0, Form::Keys);
        assert_eq!(form_of("NewerKind", "{\"note\":\"在家\"}").0, Form::Text);
        let broken = squash("FieldFilled", &[0xff, 0xfe], owner());
        assert_eq!((broken.form, unsquash("FieldFilled", &broken, owner())), (Form::Raw, Ok(vec![0xff, 0xfe])));
    }

    #[test]
    fn changed_bodies_come_back_and_changed_bytes_never_panic_or_swell() {
        let mut state = 11_u64;
        let mut below = |end: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("a number") % end
        };
        for turn in 0..20_000 {
            let (kind, body, _) = BODIES[turn % BODIES.len()];
            // The body changed: whatever it is now, it comes back.
            let mut changed = body.as_bytes().to_vec();
            let at = below(changed.len());
            changed[at] = u8::try_from(below(256)).expect("a byte");
            let squashed = squash(kind, &changed, owner());
            assert_eq!(unsquash(kind, &squashed, owner()), Ok(changed));
            // Its bytes changed or cut: an error or some body, never more than a body may have.
            let mut bad = squash(kind, body.as_bytes(), owner());
            for part in [&mut bad.frame, &mut bad.texts] {
                if !part.is_empty() {
                    let at = below(part.len());
                    part[at] = u8::try_from(below(256)).expect("a byte");
                    let keep = part.len() - below(2);
                    part.truncate(keep);
                }
            }
            let read = unsquash(kind, &bad, owner());
            assert!(read.as_ref().map_or(0, Vec::len) <= MOST_BODY);
            // Read at once it says the same.
            match told(kind, &bad, owner()) {
                Ok(None) => {}
                Ok(Some(told)) => assert_eq!(told, Told::of(Event::read(kind, &read.expect("a body")).ok().flatten())),
                Err(fault) => assert_eq!(read, Err(fault)),
            }
        }
        // A list of more than there is, and texts that grow ninefold.
        let lie = Squashed { form: Form::Keys, frame: vec![4, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f], texts: Vec::new() };
        assert!(unsquash("VisitMade", &lie, owner()).is_err());
        let mut texts = vec![HIGHEST; MOST_BODY];
        texts.push(LAST);
        let bomb = Squashed { form: Form::Text, frame: Vec::new(), texts };
        assert_eq!(unsquash("NewerKind", &bomb, owner()), Err(WireFault::Range("length")));
    }

    /// The first code, a day of six characters, is this byte twice.
    const HIGHEST: u8 = 0x80;

    #[test]
    fn every_kind_that_there_is_has_a_number() {
        for (at, (kind, _)) in KINDS.iter().enumerate() {
            assert!(crate::event::writer(kind).is_some(), "{kind} is no kind");
            assert_eq!((usize::from(number_of(kind)), kind_of(number_of(kind))), (at + 1, Some(*kind)));
        }
        assert_eq!((number_of("NewerKind"), kind_of(0), NUMBERED), (0, None, 29));
    }
}
