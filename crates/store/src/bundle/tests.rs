//! What a bundle must bear: every flip, cut and mixture is found, nothing is given that was not put in, the clear bytes
//! tell nobody's name, and the bytes of format 1 stay what they are.

use std::io::Cursor;

use super::*;

/// Frames of 512 bytes, so that small bundles have many.
const SMALL: usize = 492;

fn desk() -> BundleSecret {
    BundleSecret::of_seed(&[1; 32])
}

fn county() -> BundleSecret {
    BundleSecret::of_seed(&[2; 32])
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 20).expect("a day")
}

fn kind(n: u8) -> NonZeroU8 {
    NonZeroU8::new(n).expect("a kind")
}

fn begin(chance: u8, chunk: usize) -> Writer<Vec<u8>> {
    let from = desk();
    let envelope = Envelope { from: &from, to: county().key(), direction: Direction::Up, made_on: day() };
    Writer::sized(Vec::new(), &envelope, &[chance; CHANCE], chunk).expect("a beginning")
}

fn item(n: u8, bytes: &[u8]) -> Item {
    Item { kind: kind(n), bytes: bytes.to_vec() }
}

fn sealed(items: &[Item], chance: u8, chunk: usize) -> Vec<u8> {
    let mut writer = begin(chance, chunk);
    for item in items {
        writer.put(item.kind, &item.bytes).expect("room");
    }
    let (bytes, size) = writer.finish().expect("an end");
    assert_eq!(wide(bytes.len()), size);
    bytes
}

/// What is given of these bytes, and why it ended early, if it did.
fn opened(bytes: &[u8], chunk: usize) -> (Vec<Item>, Result<(), BundleFault>) {
    let mut items = Vec::new();
    let known = |print| [desk().key()].into_iter().find(|key| key.print() == print);
    let mut reader = match Reader::sized(Cursor::new(bytes), &county(), known, chunk) {
        Ok(reader) => reader,
        Err(fault) => return (items, Err(fault)),
    };
    let mut end = Ok(());
    for item in &mut reader {
        match item {
            Ok(item) => items.push(item),
            Err(fault) => end = Err(fault),
        }
    }
    assert_eq!(reader.whole(), end.is_ok());
    assert!(reader.next().is_none());
    (items, end)
}

/// A small generator of numbers, the same at each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).expect("a number") % end.max(1)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| u8::try_from(self.below(256)).expect("a byte")).collect()
    }
}

#[test]
fn what_is_put_in_comes_out_whatever_its_length() {
    let mut numbers = Numbers(7);
    for chunk in [SMALL, CHUNK] {
        for length in [0, 1, chunk - 47, chunk - 46, chunk - 45, chunk - 6, chunk - 5, chunk - 4, chunk, 2 * chunk + 1]
        {
            let items = vec![item(3, &numbers.bytes(length)), item(255, b""), item(1, &numbers.bytes(40))];
            let bytes = sealed(&items, 9, chunk);
            assert!(bytes.len().is_multiple_of(4096), "{length} bytes make a file of {}", bytes.len());
            let (found, end) = opened(&bytes, chunk);
            assert!(end.is_ok() && found == items, "{length}: {end:?}");
        }
        assert!(matches!(opened(&sealed(&[], 9, chunk), chunk), (none, Ok(())) if none.is_empty()));
    }
}

#[test]
fn the_size_is_known_before_the_end_and_tells_only_its_bucket() {
    let mut numbers = Numbers(8);
    for chunk in [SMALL, CHUNK] {
        for _ in 0..60 {
            let before = numbers.below(3 * chunk);
            let length = numbers.below(9000);
            let mut writer = begin(1, chunk);
            writer.put(kind(1), &vec![0; before]).expect("room");
            let said = writer.size_with(wide(length));
            writer.put(kind(1), &vec![0; length]).expect("room");
            assert_eq!(writer.finish().expect("an end").1, said, "{before} and {length} bytes");
        }
    }
    assert_eq!(sealed(&[item(1, b"")], 1, CHUNK).len(), sealed(&[item(1, &[7; 3000])], 1, CHUNK).len());
}

#[test]
fn the_bytes_of_format_1_are_frozen() {
    let items = [
        item(1, "走访：老槐树往北第二家".as_bytes()),
        item(2, b""),
        item(200, &(0_u8..=255).cycle().take(70_000).collect::<Vec<u8>>()),
    ];
    let bytes = sealed(&items, 0x5a, CHUNK);
    // FROZEN: keys of seeds 01… and 02…, randomness 5a…; a change here means another format number.
    assert_eq!(
        domain::ids::hex(&bytes[..HEADER]),
        "525548552d42554e444c452d310a010125b522231b3ba2b7c4c8cdd5ad6a78af5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a00005129\
         f449a51ae90898efc49afb64305f1ebc2e0b47f6d83919bc3f98d3e7f2fe6b0b612163f65c595c0b"
    );
    assert_eq!(Sha::of(&bytes).to_string(), "268ea8e24aadd682b7b5d9ab4ec5d17b7b6addfcc0608f23a2f9071c0568b46c");
    assert_eq!(bytes.len(), 73_728);
    assert_eq!(desk().key().to_string(), "41852320ff367495fa522c94cb83af391e4e89018392725bbf2098dd931bc424");
    // A file that an earlier build wrote, kept as it was.
    let (found, end) = opened(include_bytes!("frozen-1.ruhu"), CHUNK);
    assert!(end.is_ok() && found == [item(1, "走访：老槐树往北第二家".as_bytes()), item(9, &[9; 99])], "{end:?}");
}

#[test]
fn the_clear_bytes_hold_no_name_number_phone_or_path() {
    let planted = ["周启明", "李小满", "410490200203140011", "13900001234", "青石县", "C:\\Users", "../../x", "RUHU1-"];
    let items: Vec<Item> = planted.iter().map(|text| item(7, text.repeat(40).as_bytes())).collect();
    for chunk in [SMALL, CHUNK] {
        let bytes = sealed(&items, 3, chunk);
        for text in planted {
            let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            for needle in [text.as_bytes(), &text.as_bytes()[..text.len().min(6)], &utf16[..]] {
                assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{text}");
            }
        }
    }
    // Debug of what passes through tells nothing either.
    let shown = format!("{:?} {:?}", items[0], desk());
    assert!(!shown.contains("周启明") && !shown.contains("410490") && shown.contains("•••"), "{shown}");
}

#[test]
fn every_flipped_byte_is_found_and_nothing_false_is_given() {
    let mut numbers = Numbers(11);
    let items: Vec<Item> = (1..40).map(|n| item(n, &numbers.bytes(usize::from(n) * 4))).collect();
    let bytes = sealed(&items, 4, SMALL);
    assert_eq!(bytes.len(), 4096);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << numbers.below(8);
        let (found, end) = opened(&flipped, SMALL);
        let fault = end.expect_err("a flip is found");
        assert!(items.starts_with(&found), "byte {at}");
        if let BundleFault::Damaged { at: said } = fault {
            let frame = if at < HEADER { 0 } else { HEADER + (at - HEADER) / 512 * 512 };
            assert_eq!(said, wide(frame), "byte {at}");
        } else {
            // The first bytes say what the file is; a frame's length may now point beyond the end.
            assert!(at < MAGIC.len() || matches!(fault, BundleFault::Cut { .. }), "byte {at}: {fault}");
        }
    }
}

#[test]
fn every_cut_is_told_as_a_cut() {
    let mut numbers = Numbers(12);
    let items: Vec<Item> = (1..40).map(|n| item(n, &numbers.bytes(usize::from(n) * 4))).collect();
    let bytes = sealed(&items, 4, SMALL);
    for length in 0..bytes.len() {
        let (found, end) = opened(&bytes[..length], SMALL);
        assert!(matches!(end, Err(BundleFault::Cut { at }) if at == wide(length)), "{length}: {end:?}");
        assert!(items.starts_with(&found), "{length}");
        let header = Header::read(&mut &bytes[..length]);
        assert_eq!(header.is_ok(), length >= HEADER);
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(opened(&longer, SMALL).1, Err(BundleFault::Damaged { at: 4096 })));
}

/// Something that a bad disk, a bad link or a bad person does to two bundles.
fn mutated(a: &[u8], b: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let frame = SMALL + FRAME + TAG;
    let frames = |bytes: &[u8]| (bytes.len() - HEADER).div_ceil(frame);
    let piece = |bytes: &[u8], n: usize| {
        bytes[(HEADER + n * frame).min(bytes.len())..(HEADER + (n + 1) * frame).min(bytes.len())].to_vec()
    };
    let pieces = |bytes: &[u8]| (0..frames(bytes)).map(|n| piece(bytes, n)).collect::<Vec<_>>();
    let mut own = pieces(a);
    let other = pieces(b);
    let (n, m) = (numbers.below(own.len()), numbers.below(own.len()));
    match numbers.below(9) {
        0 => return a[..numbers.below(a.len())].to_vec(),
        1 => own.insert(n, own[m].clone()),
        2 => own.swap(n, m),
        3 => own[n].clone_from(&other[numbers.below(other.len())]),
        4 => drop(own.remove(n)),
        5 => {
            own.truncate(n);
            own.extend(other.into_iter().skip(m));
        }
        6 => {
            let at = numbers.below(own[n].len());
            own[n][at] ^= 1 << numbers.below(8);
        }
        7 => {
            // Zeros where a stick lost a block.
            let from = numbers.below(a.len());
            let until = (from + 1 + numbers.below(5000)).min(a.len());
            let mut bytes = a.to_vec();
            bytes[from..until].fill(0);
            return bytes;
        }
        _ => {
            let (from, other) = (numbers.below(a.len()), numbers.below(b.len()));
            return [&a[..from], &b[other..]].concat();
        }
    }
    let head = if numbers.below(8) == 0 { &b[..HEADER] } else { &a[..HEADER] };
    [head.to_vec(), own.concat()].concat()
}

#[test]
fn ten_thousand_mixtures_never_give_what_was_not_put_in() {
    let mut numbers = Numbers(13);
    let make = |numbers: &mut Numbers, chance| {
        let items: Vec<Item> = (1..=60)
            .map(|n| {
                let length = numbers.below(160);
                item(n, &numbers.bytes(length))
            })
            .collect();
        let bytes = sealed(&items, chance, SMALL);
        (items, bytes)
    };
    let ((first, a), (second, b)) = (make(&mut numbers, 21), make(&mut numbers, 22));
    let (mut refused, mut partly) = (0, 0);
    for round in 0..10_000 {
        let bytes = mutated(&a, &b, &mut numbers);
        let (found, end) = opened(&bytes, SMALL);
        assert!(first.starts_with(&found) || second.starts_with(&found), "round {round}");
        match end {
            Ok(()) => assert!((bytes == a && found == first) || (bytes == b && found == second), "round {round}"),
            Err(_) => {
                refused += 1;
                partly += u32::from(!found.is_empty());
            }
        }
    }
    assert!(refused > 9_000 && partly > 3_000, "{refused} refused, {partly} after some items");
}

#[test]
fn a_bundle_opens_to_its_receiver_alone_and_only_from_whom_it_says() {
    let bytes = sealed(&[item(1, b"hello")], 5, CHUNK);
    let known = |_| Some(desk().key());
    let other = Reader::new(Cursor::new(&bytes), &BundleSecret::of_seed(&[3; 32]), known).err();
    assert!(matches!(other, Some(BundleFault::ForAnother { receiver }) if receiver == county().key().print()));
    let unknown = Reader::new(Cursor::new(&bytes), &county(), |_| None).err();
    assert!(matches!(unknown, Some(BundleFault::UnknownSender { sender }) if sender == desk().key().print()));
    // A book of keys that answers with a wrong one.
    let mistaken = Reader::new(Cursor::new(&bytes), &county(), |_| Some(county().key())).err();
    assert!(matches!(mistaken, Some(BundleFault::UnknownSender { .. })));

    // Somebody who knows the county's key seals in the desk's name.
    let forger = BundleSecret::of_seed(&[4; 32]);
    let envelope = Envelope { from: &forger, to: county().key(), direction: Direction::Up, made_on: day() };
    let mut writer = Writer::new(Vec::new(), &envelope, &[6; CHANCE]).expect("a beginning");
    writer.put(kind(1), b"all of this is gone").expect("room");
    let (mut bytes, _) = writer.finish().expect("an end");
    bytes[24..32].copy_from_slice(&desk().key().print().0);
    let check = Sha::of(&bytes[..CHECKED]);
    bytes[CHECKED..HEADER].copy_from_slice(&check.0[..8]);
    let (found, end) = opened(&bytes, CHUNK);
    assert!(found.is_empty() && matches!(end, Err(BundleFault::Damaged { at: 92 })), "{end:?}");
}

#[test]
fn a_header_is_read_by_whoever_carries_it_and_cannot_be_changed() {
    let bytes = sealed(&[item(1, b"hello")], 5, CHUNK);
    let header = Header::read(&mut &bytes[..]).expect("a header");
    assert_eq!((header.direction, header.made_on, header.id), (Direction::Up, day(), BundleId([5; 16])));
    assert_eq!((header.receiver, header.sender), (county().key().print(), desk().key().print()));
    // With a fitting check, a changed header still opens nothing.
    for at in 14..52 {
        let mut changed = bytes.clone();
        changed[at] ^= 3;
        let check = Sha::of(&changed[..CHECKED]);
        changed[CHECKED..HEADER].copy_from_slice(&check.0[..8]);
        let (found, end) = opened(&changed, CHUNK);
        assert!(found.is_empty() && end.is_err(), "byte {at}");
    }
    // Clocks run from 1980 to 2099, and beyond that a day is only a day.
    for (year, kept) in [(1980, 1980), (2099, 2099), (1969, 1970)] {
        let made_on = NaiveDate::from_ymd_opt(year, 1, 1).expect("a day");
        let of = Header { made_on, ..header }.bytes();
        let from = desk();
        let envelope = Envelope { from: &from, to: county().key(), direction: Direction::Down, made_on };
        let (bytes, _) =
            Writer::new(Vec::new(), &envelope, &[5; CHANCE]).expect("a beginning").finish().expect("an end");
        assert_eq!(bytes[48..KEYLESS], of[48..]);
        let read = Header::read(&mut &bytes[..]).expect("a header");
        assert_eq!((read.made_on.year(), read.direction), (kept, Direction::Down));
    }
}

#[test]
fn other_files_and_newer_formats_are_told_apart() {
    let bytes = sealed(&[item(1, b"hello")], 5, CHUNK);
    let header = |bytes: &[u8]| Header::read(&mut &bytes[..]);
    for other in
        ["PK\x03\x04 a workbook", "RUHU-BUNDLE-x\n", "RUHU-BUNDLE-0\n", "RUHU-BUNDLE-01\n", "RUHU-BUNDLE-123", "X"]
    {
        assert!(matches!(header(other.as_bytes()), Err(BundleFault::NotABundle)), "{other}");
    }
    for (newer, number) in [("RUHU-BUNDLE-2\nwhatever", 2), ("RUHU-BUNDLE-17\n", 17)] {
        assert!(matches!(header(newer.as_bytes()), Err(BundleFault::Newer { version }) if version == number));
    }
    for (at, value) in [(14, 3), (15, 2)] {
        let mut later = bytes.clone();
        later[at] = value;
        let check = Sha::of(&later[..CHECKED]);
        later[CHECKED..HEADER].copy_from_slice(&check.0[..8]);
        assert!(matches!(header(&later), Err(BundleFault::Newer { version: 1 })));
    }
}

#[test]
fn limits_hold_when_writing_and_leave_the_bundle_usable() {
    let mut writer = begin(1, CHUNK);
    let large = vec![0; usize::try_from(MOST_ITEM).expect("a size") + 1];
    assert!(matches!(writer.put(kind(1), &large), Err(BundleFault::TooLarge(Limit::Item))));
    assert!(!writer.fits(wide(large.len())) && writer.fits(wide(large.len()) - 1));
    writer.put(kind(1), b"small").expect("room");
    let (bytes, _) = writer.finish().expect("an end");
    assert_eq!(opened(&bytes, CHUNK).0, [item(1, b"small")]);

    let mut writer = begin(1, CHUNK);
    for _ in 0..MOST_ITEMS {
        writer.put(kind(1), b"").expect("room");
    }
    assert!(matches!(writer.put(kind(1), b""), Err(BundleFault::TooLarge(Limit::Items))));
    let (bytes, _) = writer.finish().expect("an end");
    let (items, end) = opened(&bytes, CHUNK);
    assert!(end.is_ok() && items.len() == 100_000);

    // As if two gigabytes had gone through already.
    let mut writer = begin(1, CHUNK);
    writer.total = plain_size(MOST_BYTES, CHUNK) - 1000 - wide(2 * ITEM + MANIFEST);
    assert!(writer.fits(1000) && !writer.fits(1001));
    assert_eq!((writer.size_with(1000), writer.size_with(1001)), (MOST_BYTES, MOST_BYTES + 4096));
    assert!(matches!(writer.put(kind(1), &[0; 1001]), Err(BundleFault::TooLarge(Limit::Bytes))));
}

#[test]
fn limits_hold_when_reading_before_anything_is_made_room_for() {
    // Another program of the sender's key that keeps no limit.
    let finish = |mut writer: Writer<Vec<u8>>| {
        writer.seal(true).expect("sealed");
        writer.out
    };
    let mut writer = begin(1, CHUNK);
    writer.append(&[1, 0x02, 0x80, 0, 1]).expect("appended");
    assert!(matches!(opened(&finish(writer), CHUNK).1, Err(BundleFault::TooLarge(Limit::Item))));

    let mut writer = begin(1, CHUNK);
    for _ in 0..=MOST_ITEMS {
        writer.append(&[1, 0, 0, 0, 0]).expect("appended");
    }
    let (items, end) = opened(&finish(writer), CHUNK);
    assert!(matches!(end, Err(BundleFault::TooLarge(Limit::Items))) && items.len() == 100_000);

    let bytes = sealed(&[item(1, b"small")], 1, CHUNK);
    let mut reader = Reader::new(Cursor::new(&bytes), &county(), |_| Some(desk().key())).expect("opens");
    reader.at = MOST_BYTES - 100;
    assert!(matches!(reader.next(), Some(Err(BundleFault::TooLarge(Limit::Bytes)))));
}

#[test]
fn a_stream_that_its_own_sender_left_unsound_is_damaged() {
    type Spoil = fn(&mut Writer<Vec<u8>>);
    let spoils: [(&str, Spoil); 5] = [
        ("no manifest", |_| {}),
        ("half an item", |w| w.append(&[1, 0, 0, 0, 9, 1]).expect("appended")),
        ("a wrong count", |w| {
            let hash = std::mem::take(&mut w.hash).finalize();
            w.append(&[&[0, 0, 0, 0, 36, 0, 0, 0, 2][..], &hash].concat()).expect("appended");
        }),
        ("a wrong hash", |w| w.append(&[&[0, 0, 0, 0, 36, 0, 0, 0, 1][..], &[7; 32]].concat()).expect("appended")),
        ("something after the manifest", |w| {
            let hash = std::mem::take(&mut w.hash).finalize();
            w.append(&[&[0, 0, 0, 0, 36, 0, 0, 0, 1][..], &hash, &[0, 0, 1]].concat()).expect("appended");
        }),
    ];
    for (what, spoil) in spoils {
        let mut writer = begin(1, SMALL);
        writer.put(kind(1), b"good").expect("room");
        spoil(&mut writer);
        writer.seal(true).expect("sealed");
        let (items, end) = opened(&writer.out, SMALL);
        assert!(items == [item(1, b"good")] && matches!(end, Err(BundleFault::Damaged { .. })), "{what}: {end:?}");
    }
}

#[test]
fn a_bundle_whose_disk_failed_is_given_up() {
    struct Failing(usize);
    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::Other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let from = desk();
    let envelope = Envelope { from: &from, to: county().key(), direction: Direction::Up, made_on: day() };
    assert!(matches!(Writer::new(Failing(10), &envelope, &[1; CHANCE]).err(), Some(BundleFault::Io(_))));
    let mut writer = Writer::new(Failing(70_000), &envelope, &[1; CHANCE]).expect("a beginning");
    assert!(matches!(writer.put(kind(1), &[0; 200_000]), Err(BundleFault::Io(_))));
    assert!(matches!(writer.put(kind(1), b"more"), Err(BundleFault::GivenUp)));
    assert!(matches!(writer.finish().err(), Some(BundleFault::GivenUp)));
}

#[test]
fn a_key_that_follows_from_another_secret_stays_the_same() {
    let desk = BundleSecret::following(&[7; 32], "desk").key();
    // FROZEN: a home must find its key again after every upgrade.
    assert_eq!(desk.to_string(), "f276f9e74bb111c749bdfcf286e56a4e05f6bfce0358d21f72093338a8915656");
    assert_ne!(desk, BundleSecret::following(&[7; 32], "county").key());
    assert_ne!(desk, BundleSecret::following(&[8; 32], "desk").key());
    assert_ne!(desk, BundleSecret::of_seed(&[7; 32]).key());
}

#[test]
fn a_key_that_is_no_key_and_randomness_that_ends_are_refused() {
    let from = desk();
    let envelope = Envelope { from: &from, to: BundleKey([0; 32]), direction: Direction::Up, made_on: day() };
    assert!(matches!(Writer::new(Vec::new(), &envelope, &[1; CHANCE]).err(), Some(BundleFault::NotSealed)));
    let mut given = Given { bytes: &[1; 5], dry: false };
    let Ok(_) = given.try_next_u32();
    assert!(!given.dry);
    let Ok(_) = given.try_next_u64();
    assert!(given.dry, "two bytes are not eight");
}
