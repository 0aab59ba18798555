//! `bench sync`: the workload's day through the product's own write road, and what it costs on the wire.
//!
//! Uploads, pages and a greeting are counted as they travel, packed. Merging runs in a process of its own, so that its
//! memory is its own: pages are unpacked, verified and absorbed with all views into an encrypted store, durable page by
//! page, to the last view within the time. A contact takes the same road in smaller steps, for somebody may wait with a
//! save; here nobody does. CPU time is the thread's, from the kernel's scheduler. It judges nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use domain::clock::Millis;
use domain::exchange::{Cursor, Delivery, Hello, Mark, Page, Welcome, prune};
use domain::fact::Batch;
use domain::ids::{DeviceId, FileId, JournalId, LogId, Sha};
use domain::pack::{pack, unpack};
use domain::words::HouseholdField;
use serde_json::{Map, Value, json};
use store::Store;
use store::file::FileKey;
use workload::{Size, Workload};
use zeroize::Zeroizing;

use crate::Folder;
use crate::day::{Before, file_of, page, push};

/// Bytes of batches in a page before packing, as the county makes them.
const PAGE: usize = domain::exchange::PAGE_BYTES;
/// Times each merge is measured; the median counts.
const TURNS: usize = 5;

fn open(folder: &Path, plain: bool) -> Store {
    let path = folder.join("ruhu.db");
    let anchor = Zeroizing::new([8; 32]);
    let opened = if plain {
        Store::open_unprotected(&path, anchor)
    } else {
        Store::open(&path, &FileKey(Zeroizing::new([9; 32])), anchor)
    };
    opened.expect("a store").0
}

/// CPU time of this thread in seconds.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos: f64 = text.split_whitespace().next().and_then(|first| first.parse().ok()).expect("nanoseconds");
    nanos / 1e9
}

/// The most memory this process ever held, in MB.
fn peak() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
    let kilobytes: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("kB");
    kilobytes / 1024.0
}

fn base(folder: &Path, before: &Before, plain: bool) {
    std::fs::create_dir_all(folder).expect("a folder");
    let mut store = open(folder, plain);
    let own = crate::day::Writer::new(3, "head");
    store.trust_master(before.master.journal(), &before.master.key()).expect("trusted");
    store.open_journal(own.journal(), DeviceId([2; 8]), &own.key()).expect("a journal");
    for page in &before.pages {
        store.absorb(page).expect("absorbed");
    }
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// The pages of one reading: more follow, until the last.
fn reading(mut pages: Vec<Page>) -> Vec<Page> {
    let last = pages.len().saturating_sub(1);
    for page in pages.iter_mut().take(last) {
        page.more = true;
    }
    pages
}

/// Deliveries in pages as the county makes them.
fn paged(deliveries: &[Delivery]) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut open: Vec<Delivery> = Vec::new();
    let mut bytes = 0;
    for delivery in deliveries {
        if bytes + delivery.batch.len() > PAGE && !open.is_empty() {
            pages.push(page(std::mem::take(&mut open)));
            bytes = 0;
        }
        bytes += delivery.batch.len();
        open.push(delivery.clone());
    }
    pages.push(page(open));
    reading(pages)
}

fn keep(folder: &Path, pages: &[Page]) -> usize {
    std::fs::create_dir_all(folder).expect("a folder");
    let mut bytes = 0;
    for (at, page) in pages.iter().enumerate() {
        let packed = pack(page).expect("packed");
        bytes += packed.len();
        std::fs::write(folder.join(format!("{at:04}")), packed).expect("written");
    }
    bytes
}

/// Merges the kept pages into the store of a folder: a process of its own, one line of JSON.
///
/// # Panics
/// When a page does not go in.
pub fn merge(store: &Path, pages: &Path, plain: bool) -> Value {
    let mut store = open(store, plain);
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(pages).expect("pages").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    let begun = cpu();
    let mut facts = 0;
    for name in names {
        let packed = std::fs::read(name).expect("a page");
        let page: Page = unpack(&packed).expect("a page");
        facts += store.absorb(&page).expect("absorbed").facts;
    }
    json!({ "cpu_s": cpu() - begun, "peak_mb": peak(), "facts": facts })
}

/// One merge in a process of its own: CPU seconds and the most memory.
fn merged_once(store: &Path, pages: &Path, plain: bool) -> (f64, f64) {
    let folder = Folder::fresh();
    copied(store, &folder.join("store"));
    let me = std::env::current_exe().expect("this program");
    let mut child = Command::new(me);
    child.arg("sync-merge").arg(folder.join("store")).arg(pages).arg(if plain { "plain" } else { "sealed" });
    let out = child.output().expect("a child");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let told: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    (told["cpu_s"].as_f64().expect("seconds"), told["peak_mb"].as_f64().expect("MB"))
}

fn merged(store: &Path, pages: &Path, plain: bool) -> (f64, f64) {
    let turns: Vec<(f64, f64)> = (0..TURNS).map(|_| merged_once(store, pages, plain)).collect();
    (median(turns.iter().map(|turn| turn.0).collect()), turns.iter().map(|turn| turn.1).fold(0.0, f64::max))
}

/// CPU seconds of merges, side by side: turn by turn, for machines are noisy.
fn beside(merges: &[(PathBuf, PathBuf)]) -> Vec<Vec<f64>> {
    let turn = |_| merges.iter().map(|(store, pages)| merged_once(store, pages, false).0).collect();
    (0..TURNS).map(turn).collect()
}

/// What all devices wrote on a day, as the county logs it; `sent` sees each device's batches.
fn logged(before: &mut Before, work: &Workload, mut sent: impl FnMut(&[Batch])) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    for device in 0..work.size().devices {
        let batches = before.day(work, device);
        sent(&batches);
        deliveries.extend(batches.iter().map(|batch| before.log.place(batch)));
    }
    deliveries
}

/// As [`logged`], with the bytes of all uploads as they travel.
fn uploaded(before: &mut Before, work: &Workload) -> (Vec<Delivery>, usize) {
    let mut upload = 0;
    let deliveries = logged(before, work, |batches| upload += pack(&push(batches)).expect("packed").len());
    (deliveries, upload)
}

/// What a desk that may see only these files gets of the day, packed.
fn scoped(deliveries: &[Delivery], files: &BTreeSet<FileId>) -> (usize, usize) {
    let mut facts = 0;
    let mut mine = Vec::new();
    for delivery in deliveries {
        let batch = Batch::parse(&delivery.batch).expect("a batch");
        let open: Vec<(u64, u64)> =
            batch.rows().iter().filter(|(_, row)| files.contains(&row.file)).map(|(seq, _)| (*seq, 1)).collect();
        if !open.is_empty() {
            facts += open.len();
            mine.push(Delivery { batch: prune(batch, &open).bytes(), ..delivery.clone() });
        }
    }
    (pack(&page(mine)).expect("packed").len(), facts)
}

/// What the day weighs on the wire: uploads and pages as they travel, and what desks get that may see some of it.
fn weigh(figures: &mut Map<String, Value>, work: &Workload, upload: usize, catchup: usize, deliveries: &[Delivery]) {
    let edits = f64::from(work.size().edits());
    let floor = work.entropy_bits() / 8.0 / edits;
    let upload = bytes(upload) / edits;
    let catchup = bytes(catchup) / edits;
    figures.insert("entropy_bytes_per_edit".into(), json!(round(floor, 2)));
    figures.insert("upload_bytes_per_edit".into(), json!(round(upload, 2)));
    figures.insert("upload_over_entropy".into(), json!(round(upload / floor, 3)));
    figures.insert("catchup_bytes_per_edit".into(), json!(round(catchup, 2)));
    figures.insert("catchup_over_entropy".into(), json!(round(catchup / floor, 3)));

    let villages: BTreeSet<FileId> = (300..303).flat_map(|village| work.families(village)).map(file_of).collect();
    let (three, facts) = scoped(deliveries, &villages);
    figures.insert("scoped_day_bytes".into(), json!(three));
    figures.insert("scoped_day_facts".into(), json!(facts));
    let scattered: BTreeSet<FileId> = (0..30_u32)
        .map(|n| {
            let families = work.families(100 + n % 12 * 30);
            file_of(families.start + (n / 12 * 19 + n * 7) % (families.end - families.start))
        })
        .collect();
    let (director, facts) = scoped(deliveries, &scattered);
    figures.insert("scattered_day_bytes".into(), json!(director));
    figures.insert("scattered_day_facts".into(), json!(facts));
    figures.insert("quiet_hello_bytes".into(), json!(quiet()));
}

/// The bytes alone, without a store: seconds instead of minutes.
///
/// # Panics
/// When something of the road fails.
pub fn wire(figures: &mut Map<String, Value>) {
    let work = Workload::new(1, Size { fields: 3, ..Size::COUNTY }).expect("a day");
    let mut before = Before::of(&work);
    let first: usize = before.pages.iter().map(|page| pack(page).expect("packed").len()).sum();
    figures.insert("first_day_bytes_per_family".into(), json!(round(bytes(first) / f64::from(work.size().records), 1)));
    let (deliveries, upload) = uploaded(&mut before, &work);
    let catchup = paged(&deliveries).iter().map(|page| pack(page).expect("packed").len()).sum();
    weigh(figures, &work, upload, catchup, &deliveries);
}

fn round(value: f64, digits: i32) -> f64 {
    (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits)
}

/// Measures and tells.
///
/// # Panics
/// When something of the road fails.
pub fn run(figures: &mut Map<String, Value>) {
    let size = Size { fields: 3, ..Size::COUNTY };
    let work = Workload::new(1, size).expect("a day");
    let edits = f64::from(work.size().edits());
    let mut before = Before::of(&work);
    let folder = Folder::fresh();
    base(&folder.join("sealed"), &before, false);
    base(&folder.join("plain"), &before, true);

    let (deliveries, upload) = uploaded(&mut before, &work);
    before.evening();
    let grouped = paged(&deliveries);
    let catchup = keep(&folder.join("grouped"), &grouped);
    let single = reading(deliveries.iter().map(|delivery| page(vec![delivery.clone()])).collect());
    keep(&folder.join("single"), &single);

    let (grouped_s, peak_mb) = merged(&folder.join("sealed"), &folder.join("grouped"), false);
    let (single_s, _) = merged(&folder.join("sealed"), &folder.join("single"), false);
    let (plain_s, _) = merged(&folder.join("plain"), &folder.join("grouped"), true);
    figures.insert("fields".into(), json!(work.size().fields));
    figures.insert("merge_edits_per_cpu_s".into(), json!(round(edits / grouped_s, 0)));
    figures.insert("merge_single_edits_per_cpu_s".into(), json!(round(edits / single_s, 0)));
    figures.insert("merge_plain_edits_per_cpu_s".into(), json!(round(edits / plain_s, 0)));
    figures.insert("merge_peak_mb".into(), json!(round(peak_mb, 1)));

    weigh(figures, &work, upload, catchup, &deliveries);

    // Conflicts as the desk shows them.
    copied(&folder.join("sealed"), &folder.join("before"));
    let mut store = open(&folder.join("sealed"), false);
    for page in &grouped {
        store.absorb(page).expect("absorbed");
    }
    let readable = work.conflicts().filter(|conflict| {
        let field = HouseholdField::ALL[usize::from(conflict.field) % HouseholdField::ALL.len()];
        let registers = store.registers(file_of(conflict.record)).expect("a family");
        let told: BTreeSet<&str> =
            registers.fields.get(&field).into_iter().flatten().map(|(_, text)| text.as_str()).collect();
        conflict.texts.iter().all(|text| told.contains(text.as_str()))
    });
    figures.insert("conflicts_readable".into(), json!(readable.count()));

    // What grows with history. Days follow each other: on the third the county has heard twice as much from the field as on
    // the second; at last it holds twice as many facts in all, the list of the season's families included.
    let first = store.check().expect("sound");
    drop(store);
    let sealed = folder.join("sealed");
    let (mut facts, mut seed) = (first, 2);
    let mut merges = vec![(folder.join("before"), folder.join("grouped"))];
    loop {
        let today = Workload::new(seed, work.size().clone()).expect("a day");
        let deliveries = logged(&mut before, &today, |_| ());
        before.evening();
        let pages = paged(&deliveries);
        let (kept, morning) = (folder.join(&format!("day {seed}")), folder.join(&format!("morning {seed}")));
        keep(&kept, &pages);
        let doubled = facts >= 2 * first;
        if merges.len() < 3 || doubled {
            copied(&sealed, &morning);
            merges.push((morning, kept));
        }
        if doubled {
            break;
        }
        let mut store = open(&sealed, false);
        for page in &pages {
            facts += u64::from(store.absorb(page).expect("absorbed").facts);
        }
        seed += 1;
    }
    let turns = beside(&merges);
    let times = |what: usize, of: usize| round(median(turns.iter().map(|turn| turn[what] / turn[of]).collect()), 3);
    figures.insert("doubling_ratio".into(), json!(times(2, 1)));
    figures.insert("all_facts_doubled_ratio".into(), json!(times(3, 0)));
    figures.insert("days_until_doubled".into(), json!(seed - 1));
}

fn bytes(n: usize) -> f64 {
    f64::from(u32::try_from(n).expect("a size"))
}

/// Bytes of a contact in which nothing is new: one greeting and its answer.
fn quiet() -> usize {
    let hello = Hello {
        log: LogId([0x91; 8]),
        journal: JournalId([0x37; 8]),
        wall: Millis(1_796_712_345_000),
        cursor: Cursor { visible: 48_213, position: 48_213, seq: 7 },
        marks: vec![Mark { position: 48_213, chain: [0xa7; 8] }],
        wants: Vec::new(),
    };
    let welcome = Welcome {
        log: LogId([0x91; 8]),
        head: Mark { position: 48_213, chain: [0xa7; 8] },
        agreed: 48_213,
        safe: 47_000,
        now: Millis(1_796_712_345_300),
        batches: 41,
        last_seal: Sha::of(b"seal"),
        closed: false,
        quiet: true,
    };
    pack(&hello).expect("packed").len() + pack(&welcome).expect("packed").len()
}
