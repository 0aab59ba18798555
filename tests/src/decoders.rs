//! T10: every decoder of ours on bytes that nobody wrote. Each has inputs that are right to begin with, and those that were
//! kept (`fixtures/corpus/NAME.hex`, a line each); both are turned and torn, and what is accepted is turned further. Nothing
//! may end the program, and what was read is what is read again once it was written. A run is told by its seed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::str::FromStr;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use domain::bundle::{Answer, Asking, Paper, Unsent};
use domain::clock::{Millis, Received};
use domain::enrol::Invitation;
use domain::event::Event;
use domain::exchange::{Ack, Acks, Cursor, Delivery, Gone, Hello, Mark, Message, Page, Pull, Push, Sum, Welcome};
use domain::fact::{Batch, Fact, body_in, seal};
use domain::identity::IdNumber;
use domain::ids::{BundleId, FactId, FileId, JournalId, LogId, PersonId, Sha, hex, unhex};
use domain::money::{Fen, parse_rate_ppm};
use domain::pack::{pack, unpack};
use domain::phone::{PhoneNumber, split_cell};
use domain::place::{PlaceCode, PlaceTable};
use domain::words::{DocKind, Section};
use domain::{SigningKey, name};
use store::bundle::{BundleSecret, CHANCE, Direction, Envelope, Header, Reader, Writer};

use crate::chance::Chance;
use crate::program::fixtures;

/// Bytes of an input, at most: more only makes a run slower.
const MOST: usize = 6_000;
/// Accepted inputs that are turned further, at most.
const MOST_KEPT: usize = 512;

/// A decoder on trial.
pub struct Decoder {
    /// Its name, and that of its file of kept inputs.
    pub name: &'static str,
    /// Inputs that are right.
    pub right: fn() -> Vec<Vec<u8>>,
    /// Reads an input; whether it was accepted. It panics if what was read is not what is read again.
    pub read: fn(&[u8]) -> bool,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tried {
    /// Inputs read.
    pub inputs: u64,
    /// Of these accepted.
    pub accepted: u64,
    /// The longest that one took, microseconds.
    pub longest_us: u64,
}

/// How long a run lasts.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// So many inputs.
    Inputs(u64),
    /// So long.
    Passed(Duration),
}

/// All decoders of ours that meet bytes from outside this process.
pub const DECODERS: &[Decoder] = &[
    Decoder { name: "batch", right: batches, read: read_batch },
    Decoder { name: "stored", right: batches, read: read_stored },
    Decoder { name: "fact", right: || facts().iter().map(Fact::bytes).collect(), read: read_fact },
    Decoder { name: "hello", right: || vec![hello().bytes()], read: read_message::<Hello> },
    Decoder { name: "welcome", right: || vec![welcome().bytes()], read: read_message::<Welcome> },
    Decoder { name: "push", right: || vec![push().bytes()], read: read_message::<Push> },
    Decoder { name: "acks", right: || vec![acks().bytes()], read: read_message::<Acks> },
    Decoder { name: "pull", right: || vec![pull().bytes()], read: read_message::<Pull> },
    Decoder { name: "page", right: || vec![page().bytes()], read: read_message::<Page> },
    Decoder { name: "sum", right: || vec![Sum { count: 77, leaves: u64::MAX / 3 }.bytes()], read: read_message::<Sum> },
    Decoder { name: "asking", right: || vec![asking().bytes()], read: read_message::<Asking> },
    Decoder { name: "answer", right: || vec![answer().bytes()], read: read_message::<Answer> },
    Decoder { name: "paper", right: || vec![paper().bytes()], read: read_message::<Paper> },
    Decoder { name: "packed", right: packed, read: read_packed },
    Decoder { name: "cursor", right: || vec![Cursor { visible: 9, position: 8, seq: 7 }.bytes()], read: read_cursor },
    Decoder { name: "bundle", right: bundles, read: read_bundle },
    Decoder { name: "event", right: events, read: read_event },
    Decoder { name: "invitation", right: invitations, read: read_invitation },
    Decoder { name: "names", right: names, read: read_names },
    Decoder { name: "cells", right: cells, read: read_cells },
    Decoder { name: "places", right: places, read: read_places },
];

/// Reads the right inputs and the kept ones, then turned ones, until it is enough.
///
/// # Panics
/// Whatever the decoder does that it must not; the input is told in hexadecimal.
pub fn try_out(decoder: &Decoder, until: Until, seed: u64) -> Tried {
    let mut chance = Chance::of(seed);
    let mut pool = (decoder.right)();
    assert!(!pool.is_empty(), "{} has no right input", decoder.name);
    for right in &pool {
        assert!((decoder.read)(right), "{} does not read what is right: {}", decoder.name, hex(right));
    }
    pool.extend(kept(decoder.name));
    let mut tried = Tried::default();
    for input in &pool {
        read_one(decoder, input, &mut tried);
    }
    let begun = Instant::now();
    loop {
        let enough = match until {
            Until::Inputs(inputs) => tried.inputs >= inputs,
            Until::Passed(span) => tried.inputs.is_multiple_of(64) && begun.elapsed() >= span,
        };
        if enough {
            return tried;
        }
        let mut input = chance.one(&pool).clone();
        for _ in 0..=chance.below(4) {
            turn(&mut input, &pool, &mut chance);
        }
        input.truncate(MOST);
        if read_one(decoder, &input, &mut tried) {
            if pool.len() < MOST_KEPT {
                pool.push(input);
            } else {
                let at = chance.below(pool.len());
                pool[at] = input;
            }
        }
    }
}

fn read_one(decoder: &Decoder, input: &[u8], tried: &mut Tried) -> bool {
    /// Says what was read when something went wrong.
    struct Told<'a>(&'static str, &'a [u8]);
    impl Drop for Told<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("{} read {}", self.0, hex(self.1));
            }
        }
    }
    let told = Told(decoder.name, input);
    let begun = Instant::now();
    let accepted = (decoder.read)(input);
    let took = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    drop(told);
    tried.inputs += 1;
    tried.accepted += u64::from(accepted);
    tried.longest_us = tried.longest_us.max(took);
    accepted
}

/// The inputs that were kept for a decoder: those that once went wrong, and some that go deep.
///
/// # Panics
/// For a line that is not hexadecimal.
pub fn kept(name: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(fixtures().join("corpus").join(format!("{name}.hex"))).unwrap_or_default();
    text.lines().map(|line| bytes_of(line).expect("a line of hexadecimal digits")).collect()
}

/// The bytes of hexadecimal digits.
pub fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.trim().as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| unhex::<1>(std::str::from_utf8(pair).ok()?).map(|[byte]| byte)).collect()
}

/// Accepted inputs of different lengths, for the file of kept ones.
pub fn deep(decoder: &Decoder, inputs: u64, seed: u64, most: usize) -> String {
    let mut chance = Chance::of(seed);
    let mut pool = (decoder.right)();
    let mut found: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    for _ in 0..inputs {
        let mut input = chance.one(&pool).clone();
        for _ in 0..=chance.below(4) {
            turn(&mut input, &pool, &mut chance);
        }
        input.truncate(MOST);
        if (decoder.read)(&input) {
            found.entry(input.len()).or_insert_with(|| input.clone());
            if pool.len() < MOST_KEPT {
                pool.push(input);
            } else {
                let at = chance.below(pool.len());
                pool[at] = input;
            }
        }
    }
    let step = found.len().div_ceil(most).max(1);
    found.into_values().step_by(step).fold(String::new(), |mut text, input| {
        writeln!(text, "{}", hex(&input)).expect("a text");
        text
    })
}

/// One change: a bit, a byte, a stretch gone, doubled or from elsewhere, a number at its edge.
fn turn(input: &mut Vec<u8>, pool: &[Vec<u8>], chance: &mut Chance) {
    const EDGES: [&[u8]; 10] = [
        &[0],
        &[1],
        &[0x7f],
        &[0x80],
        &[0xff],
        &[0x80, 0x01],
        &[0xff; 4],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0x80; 9],
    ];
    let at = chance.below(input.len() + 1);
    let until = (at + 1 + chance.below(24)).min(input.len());
    match chance.below(9) {
        0 | 1 if at < input.len() => input[at] ^= 1 << chance.below(8),
        2 if at < input.len() => input[at] = u8::try_from(chance.below(256)).expect("a byte"),
        3 if at < until => drop(input.drain(at..until)),
        4 if at < until => {
            let again = input[at..until].to_vec();
            input.splice(at..at, again);
        }
        5 => {
            let other = chance.one(pool);
            let from = chance.below(other.len() + 1);
            let to = (from + 1 + chance.below(60)).min(other.len());
            let end = if chance.percent(50) { at } else { until.max(at) };
            input.splice(at..end, other.get(from..to).unwrap_or_default().iter().copied());
        }
        6 => {
            let edge = EDGES[chance.below(EDGES.len())];
            let end = if chance.percent(50) { at } else { (at + 1).min(input.len()).max(at) };
            input.splice(at..end, edge.iter().copied());
        }
        7 => input.truncate(at),
        _ => {
            let fresh: Vec<u8> =
                (0..=chance.below(3)).map(|_| u8::try_from(chance.below(256)).expect("a byte")).collect();
            input.splice(at..at, fresh);
        }
    }
}

// What is right.

fn file(number: u8) -> FileId {
    FileId([number; 8])
}

fn mark(position: u64) -> Mark {
    Mark { position, chain: [7; 8] }
}

fn received() -> Received {
    Received { at: Millis(1_796_700_100_123), offset: -4_321, seen: Millis(1_796_700_000_000) }
}

const BODIES: &[(&str, Section, &str)] = &[
    ("FieldFilled", Section::Core, r#"{"field":"WHEREABOUTS","text":"村东第3家"}"#),
    ("ContactAdded", Section::Core, r#"{"number":"13800138000","relation":"母亲","source":"VILLAGE","note":"晚上打"}"#),
    ("ContactStated", Section::Core, r#"{"number":"0375-1234567","state":"CONFIRMED","on":"2026-12-07"}"#),
    (
        "VisitMade",
        Section::Core,
        r#"{"on":"2026-12-08","arrived":"10:20:00","left":"10:30:00","purpose":"SERVE","result":"MET_FAMILY","letters":["青资助告〔2026〕1号"],"pledged_on":"2026-12-19"}"#,
    ),
    (
        "VisitNoted",
        Section::Edu,
        r#"{"visit":"0707070707070707:40","met_name":"王建国","met_relation":"父亲","only_children":false,"situations":["PLEDGED","OTHER"],"next_on":"2026-12-20","note":"在家"}"#,
    ),
    ("Placed", Section::Core, r#"{"place":"410490100200"}"#),
    ("Identified", Section::Id, r#"{"borrower_id":"410490200203140011","accounts":["6222020200112233"]}"#),
    (
        "LetterVoided",
        Section::Core,
        r#"{"doc":{"organ":"青资助","kind":"SERVICE_RECEIPT","year":2026,"serial":10100},"reason":"印错"}"#,
    ),
    (
        "PaymentReported",
        Section::Core,
        r#"{"channel":"POS","amount":235000,"on":"2026-12-08","at":"10:20:00","reference":"000123456789","card_tail":"2233"}"#,
    ),
    (
        "BlockLeased",
        Section::Core,
        r#"{"kind":"SERVICE_RECEIPT","year":2026,"block":101,"journal":"0101010101010101"}"#,
    ),
    ("NewerKind", Section::Core, r#"{"a":[1,2,{"b":null}]}"#),
    ("LaptopLost", Section::Core, r#"{"device":"0101010101010101","since":1796700000000,"how":"被偷"}"#),
];

fn facts() -> Vec<Fact> {
    let journal = JournalId([3; 8]);
    BODIES
        .iter()
        .zip(1_u64..)
        .map(|((kind, section, body), seq)| Fact {
            id: FactId { journal, seq },
            file: file(u8::try_from(seq / 3).expect("small")),
            section: *section,
            wall: Millis(1_796_700_000_000 + i64::try_from(seq).expect("small") * 61_000),
            author: "zhou".parse().expect("an account"),
            kind: (*kind).to_owned(),
            replaces: if seq % 4 == 0 {
                vec![FactId { journal, seq: seq - 1 }, FactId { journal: JournalId([9; 8]), seq: 77 }]
            } else {
                Vec::new()
            },
            body: body.as_bytes().to_vec(),
        })
        .collect()
}

fn whole() -> Batch {
    seal(&facts(), None, 41, &[5; 16], &SigningKey::from_bytes(&[6; 32])).expect("sealed")
}

fn batches() -> Vec<Vec<u8>> {
    let next: Vec<Fact> =
        facts().into_iter().take(1).map(|fact| Fact { id: FactId { seq: 13, ..fact.id }, ..fact }).collect();
    let key = SigningKey::from_bytes(&[6; 32]);
    let second = seal(&next, Some(&whole().seal), 55, &[4; 16], &key).expect("sealed");
    let part = whole().only(|seq, _| seq % 3 == 1);
    let closed = whole().only(|_, _| false);
    [whole(), second, part, closed].iter().map(Batch::bytes).collect()
}

fn hello() -> Hello {
    Hello {
        log: LogId([1; 8]),
        journal: JournalId([3; 8]),
        wall: Millis(1_796_700_000_000),
        cursor: Cursor { visible: 40, position: 39, seq: 12 },
        marks: vec![mark(40), mark(30), mark(3)],
        wants: vec![(DocKind::RepaymentNotice, 2026, 2), (DocKind::ServiceReceipt, 2027, 1)],
    }
}

fn welcome() -> Welcome {
    Welcome {
        log: LogId([1; 8]),
        head: mark(41),
        agreed: 40,
        safe: 20,
        now: Millis(1_796_700_000_500),
        batches: 3,
        last_seal: Sha([8; 32]),
        closed: true,
        quiet: false,
    }
}

fn push() -> Push {
    Push { wall: Millis(1_796_700_000_000), offset: Some(-77), batches: batches(), fragments: vec![whole().bytes()] }
}

fn acks() -> Acks {
    let ack = Ack { batch: 1, position: 40, received: received(), held: vec![2, 5] };
    Acks { acks: vec![ack.clone(), Ack { batch: 2, held: Vec::new(), ..ack }], waiting: vec![9], head: mark(41) }
}

fn pull() -> Pull {
    Pull { log: LogId([1; 8]), journal: JournalId([3; 8]), cursor: Cursor::default(), most: 65_536 }
}

fn page() -> Page {
    let delivery = |position, batch| Delivery { position, received: received(), held: vec![1], batch };
    Page {
        deliveries: batches().into_iter().zip(40_u64..).map(|(batch, position)| delivery(position, batch)).collect(),
        gone: vec![
            Gone { file: file(1), section: Section::Core, regained: None },
            Gone { file: file(2), section: Section::Edu, regained: Some(12) },
        ],
        erased: vec![FactId { journal: JournalId([9; 8]), seq: 4 }],
        from: Cursor::default(),
        next: Cursor { visible: 44, position: 43, seq: 9 },
        more: true,
        head: mark(50),
    }
}

fn asking() -> Asking {
    let unsent = Unsent { sha: Sha([2; 32]), file: file(4), section: Section::Core };
    Asking { hello: hello(), offset: 12, first: 2, unsent: vec![unsent], missing: vec![Sha([3; 32])], anew: true }
}

fn answer() -> Answer {
    Answer {
        to: BundleId([4; 16]),
        journal: JournalId([3; 8]),
        cursor: Cursor::default(),
        top: mark(40),
        welcome: welcome(),
        seals: vec![Sha([5; 32]), Sha([6; 32])],
        first: 2,
        kept: vec![Sha([7; 32])],
    }
}

fn paper() -> Paper {
    Paper { sha: Sha([2; 32]), file: file(4), section: Section::Core, bytes: vec![0xff, 0xd8, 0xff, 0x00, 0x10] }
}

fn packed() -> Vec<Vec<u8>> {
    vec![pack(&page()).expect("packed"), pack(&hello()).expect("packed")]
}

fn secret(number: u8) -> BundleSecret {
    BundleSecret::of_seed(&[number; 32])
}

fn bundles() -> Vec<Vec<u8>> {
    let (from, to) = (secret(1), secret(2));
    let made_on = NaiveDate::from_ymd_opt(2026, 12, 8).expect("a day");
    let envelope = Envelope { from: &from, to: to.key(), direction: Direction::Up, made_on };
    let mut writer = Writer::new(Vec::new(), &envelope, &[9; CHANCE]).expect("begun");
    writer.put(domain::bundle::Kind::Asking.code(), &asking().bytes()).expect("put");
    vec![writer.finish().expect("finished").0]
}

fn events() -> Vec<Vec<u8>> {
    BODIES
        .iter()
        .filter(|(kind, ..)| *kind != "NewerKind")
        .map(|(kind, _, body)| format!("{kind} {body}").into_bytes())
        .collect()
}

fn invitations() -> Vec<Vec<u8>> {
    let code = Invitation { certificate: Sha([9; 32]), token: [7; 16], address: "https://127.0.0.1:8443".to_owned() };
    vec![code.to_string().into_bytes()]
}

fn names() -> Vec<Vec<u8>> {
    ["0707070707070707:40", "zhou", "410490100200", "410490200203140011", "13800138000", "0375-1234567"]
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect()
}

fn cells() -> Vec<Vec<u8>> {
    [
        "13800138000/13900139000",
        "6,490,286.86",
        "-12.30",
        "4.75%",
        " 王　建国（父）",
        "1.38E+10",
        "０３７５－１２３４５６７",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect()
}

fn places() -> Vec<Vec<u8>> {
    let rows = |names: [&str; 3]| {
        format!(
            "code,name,level,parent_code\n410490,{},county,\n410490100,{},township,410490\n410490100200,{},village,410490100\n",
            names[0], names[1], names[2]
        )
        .into_bytes()
    };
    vec![rows(["青石县", "城关镇", "东村"]), rows(["Stone", "Gate", "East"])]
}

// How it is read.

fn read_batch(bytes: &[u8]) -> bool {
    let Ok(batch) = Batch::parse(bytes) else { return false };
    // A row may say what goes without saying, or say it in a shorter way than ours; written again it is the same batch, and
    // nobody can make much of little by it.
    let again = batch.bytes();
    assert!(again.len() <= bytes.len() + bytes.len() / 8 + 16, "{} bytes of {}", again.len(), bytes.len());
    assert_eq!(Batch::parse(&again).as_ref(), Ok(&batch), "it is what it was");
    let key = SigningKey::from_bytes(&[6; 32]).verifying_key();
    black_box(batch.sealed_by(&key).is_ok());
    if let Ok(facts) = batch.facts() {
        for verified in &facts {
            drop(Event::read(&verified.fact.kind, &verified.fact.body));
        }
        // Whoever may see a part of it is given that, and it can be put together again.
        let (even, odd) = (batch.clone().only(|seq, _| seq % 2 == 0), batch.clone().only(|seq, _| seq % 2 == 1));
        assert_eq!(Batch::parse(&even.bytes()).expect("a part is a batch"), even);
        drop(even.with(odd));
    }
    true
}

fn read_stored(bytes: &[u8]) -> bool {
    let read = Batch::stored(bytes);
    for seq in [1, 2, 3, 13, u64::MAX] {
        drop(body_in(bytes, seq));
    }
    read.is_ok_and(|batch| {
        for (_, row) in batch.rows() {
            black_box(row.kind().len());
        }
        true
    })
}

fn read_fact(bytes: &[u8]) -> bool {
    let Ok(fact) = Fact::parse(bytes) else { return false };
    assert_eq!(Fact::parse(&fact.bytes()).as_ref(), Ok(&fact), "it is what it was");
    true
}

fn read_message<M: Message>(bytes: &[u8]) -> bool {
    let Ok(message) = M::parse(bytes) else { return false };
    let again = message.bytes();
    assert!(again.len() <= bytes.len() + 64, "{} bytes were made of {}: {}", again.len(), bytes.len(), hex(bytes));
    assert_eq!(M::parse(&again).map(|message| message.bytes()).as_ref(), Ok(&again), "it is what it was");
    true
}

fn read_packed(bytes: &[u8]) -> bool {
    unpack::<Page>(bytes).is_ok() || unpack::<Hello>(bytes).is_ok()
}

fn read_cursor(bytes: &[u8]) -> bool {
    let Ok(cursor) = Cursor::parse(bytes) else { return false };
    assert_eq!(cursor.bytes(), bytes, "a cursor has one way to be written");
    true
}

fn read_bundle(bytes: &[u8]) -> bool {
    let Ok(_) = Header::read(&mut &*bytes) else { return false };
    let (from, to) = (secret(1), secret(2));
    let Ok(reader) = Reader::new(bytes, &to, |_| Some(from.key())) else { return true };
    for item in reader {
        let Ok(item) = item else { return true };
        // Only what was sealed comes out.
        assert_eq!(item.bytes, asking().bytes());
    }
    true
}

fn read_event(bytes: &[u8]) -> bool {
    let Some((kind, body)) = std::str::from_utf8(bytes).ok().and_then(|text| text.split_once(' ')) else {
        return false;
    };
    let Ok(Some(event)) = Event::read(kind, body.as_bytes()) else { return false };
    let again = Event::read(kind, &event.body().expect("a body")).expect("read").expect("known");
    assert_eq!(again, event, "what it says is kept");
    true
}

fn read_invitation(bytes: &[u8]) -> bool {
    let Some(code) = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<Invitation>().ok()) else {
        return false;
    };
    assert_eq!(code.to_string().parse(), Ok(code), "it survives being copied");
    true
}

fn same<T: FromStr + ToString + PartialEq>(text: &str) -> bool {
    let Ok(value) = text.parse::<T>() else { return false };
    assert!(value.to_string().parse::<T>().is_ok_and(|again| again == value), "{text} is not what it was");
    true
}

fn read_names(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let id =
        text.parse::<IdNumber>().is_ok_and(|number| number.expose().len() == 18 && number.mask() != number.expose());
    let phone = text.parse::<PhoneNumber>().is_ok_and(|number| number.as_str().parse().as_ref() == Ok(&number));
    let place = text.parse::<PlaceCode>().is_ok_and(|place| place.contains(&place));
    [same::<FactId>(text), same::<PersonId>(text), id, phone, place].into_iter().any(|accepted| accepted)
}

fn read_cells(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    drop(split_cell(text));
    drop(name::clean(text));
    black_box(domain::identity::is_scientific(text));
    black_box(parse_rate_ppm(text).is_ok());
    for fen in [Fen::parse_yuan(text), Fen::parse_signed_yuan(text)].into_iter().flatten() {
        assert_eq!(Fen::parse_signed_yuan(&fen.yuan()), Ok(fen), "{text} in yuan is the same amount");
        drop((fen.grouped(), fen.capitals()));
    }
    true
}

fn read_places(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(table) = PlaceTable::from_csv(text, "old_name,code,name,note\n") else { return false };
    drop(table.resolve("城关", "东村"));
    for place in table.iter() {
        assert!(table.get(&place.code).is_some());
    }
    true
}
