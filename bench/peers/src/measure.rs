//! The two steps of a measurement: making what lies on the disk before it, and the merge that is measured.
//! The clock is the processor's, user and system together; making documents and reading them back is outside of it.

use std::collections::BTreeMap;
use std::path::Path;

use cpu_time::ProcessTime;
use rusqlite::OptionalExtension as _;
use serde_json::{Map, Value};
use workload::{Conflict, Edit, What, Workload};

use crate::disk;
use crate::library::{Failure, Library, failure, field};

/// Writes the documents before the day and what each device sends; tells the bytes sent.
pub(crate) fn make<L: Library>(day: &Workload, folder: &Path) -> Result<Map<String, Value>, Failure> {
    let mut connection = disk::open(&disk::baseline(folder))?;
    let transaction = connection.transaction()?;
    let mut upload_bytes = 0_usize;
    {
        let mut insert = transaction.prepare("INSERT INTO document (id, state) VALUES (?1, ?2)")?;
        for document in 0..L::documents(day) {
            insert.execute((document, L::baseline(day, document)?))?;
        }
        let mut select = transaction.prepare("SELECT state FROM document WHERE id = ?1")?;
        for device in 0..day.size().devices {
            let mut by_document: BTreeMap<u32, Vec<Edit>> = BTreeMap::new();
            for edit in day.edits_of(device) {
                by_document.entry(L::document_of(&edit)).or_default().push(edit);
            }
            let mut updates = Vec::new();
            for (document, edits) in by_document {
                let state: Vec<u8> = select.query_row([document], |row| row.get(0))?;
                updates.push((document, L::update(&state, device, &edits)?));
            }
            upload_bytes = upload_bytes.saturating_add(disk::write_upload(folder, device, &updates)?);
        }
    }
    transaction.commit()?;
    Ok([("upload_bytes".to_owned(), upload_bytes.into())].into_iter().collect())
}

/// Merges all uploads into a copy of the documents in one transaction, measured; then reads everything back.
pub(crate) fn merge<L: Library>(day: &Workload, folder: &Path) -> Result<Map<String, Value>, Failure> {
    let file = folder.join("merged.db");
    for old in ["merged.db", "merged.db-wal", "merged.db-shm"] {
        let old = folder.join(old);
        if old.exists() {
            std::fs::remove_file(old)?;
        }
    }
    std::fs::copy(disk::baseline(folder), &file)?;
    let mut connection = disk::open(&file)?;

    let begun = ProcessTime::try_now()?;
    let mut by_document: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
    for device in 0..day.size().devices {
        for (document, update) in disk::read_upload(folder, device)? {
            by_document.entry(document).or_default().push(update);
        }
    }
    let transaction = connection.transaction()?;
    {
        let mut select = transaction.prepare("SELECT state FROM document WHERE id = ?1")?;
        let mut update = transaction.prepare("UPDATE document SET state = ?2 WHERE id = ?1")?;
        for (document, updates) in &by_document {
            let state: Vec<u8> = select.query_row([document], |row| row.get(0))?;
            let updates: Vec<&[u8]> = updates.iter().map(Vec::as_slice).collect();
            update.execute((document, L::merge(&state, &updates)?))?;
        }
    }
    transaction.commit()?;
    let cpu_s = begun.try_elapsed()?.as_secs_f64();
    let peak_mb = peak_mb()?;

    drop(by_document);
    let readable = read_back::<L>(day, &connection)?;
    Ok([
        ("cpu_s".to_owned(), cpu_s.into()),
        ("peak_mb".to_owned(), peak_mb.into()),
        ("conflicts_readable".to_owned(), readable.into()),
    ]
    .into_iter()
    .collect())
}

/// The most memory that this process ever had, in MB.
fn peak_mb() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line.and_then(|line| line.split_whitespace().next()).ok_or_else(|| failure("no VmHWM"))?.parse()?;
    Ok(kib * 1_024.0 / 1_000_000.0)
}

/// What one family must say after the day.
#[derive(Default)]
struct Told {
    fields: BTreeMap<&'static str, String>,
    phones: Vec<String>,
    visits: Vec<String>,
}

/// Reads every edit of the day back, and counts the conflicts of which both values can be read.
///
/// A conflict must show at least one of its values; everything else must be there to the letter.
fn read_back<L: Library>(day: &Workload, connection: &rusqlite::Connection) -> Result<u32, Failure> {
    let mut conflicts: BTreeMap<(u32, &'static str), &Conflict> = BTreeMap::new();
    for conflict in day.conflicts() {
        conflicts.insert((conflict.record, field(conflict.field)?), conflict);
    }
    let mut documents: BTreeMap<u32, BTreeMap<u32, Told>> = BTreeMap::new();
    for edit in day.edits() {
        let told = documents.entry(L::document_of(&edit)).or_default().entry(edit.record).or_default();
        match edit.what {
            What::FieldSet { field: number, text } => {
                told.fields.insert(field(number)?, text);
            }
            What::PhoneAdded { number, .. } => told.phones.push(number),
            What::VisitEvent(visit) => told.visits.push(visit.line()),
        }
    }
    let mut readable = 0;
    let mut select = connection.prepare("SELECT state FROM document WHERE id = ?1")?;
    for (document, families) in documents {
        let state: Option<Vec<u8>> = select.query_row([document], |row| row.get(0)).optional()?;
        let asked: Vec<(u32, Vec<&'static str>)> =
            families.iter().map(|(record, told)| (*record, told.fields.keys().copied().collect())).collect();
        let read = L::read(&state.ok_or_else(|| failure("a document is gone"))?, &asked)?;
        if read.len() != families.len() {
            return Err(failure("a family is gone"));
        }
        for ((record, told), family) in families.into_iter().zip(read) {
            let lost = |what: &str| failure(&format!("family {record}: a {what} is not as it was written"));
            if family.fields.len() != told.fields.len() {
                return Err(lost("field"));
            }
            for ((name, text), values) in told.fields.into_iter().zip(family.fields) {
                match conflicts.get(&(record, name)) {
                    Some(conflict) => {
                        let seen = conflict.texts.iter().filter(|text| values.contains(text)).count();
                        if seen == 0 {
                            return Err(lost("field"));
                        }
                        readable += u32::from(seen == 2);
                    }
                    None if values != [text] => return Err(lost("field")),
                    None => {}
                }
            }
            if !told.phones.iter().all(|number| family.phones.contains(number)) {
                return Err(lost("number"));
            }
            if told.visits.len() != family.visits.len() || !told.visits.iter().all(|line| family.visits.contains(line))
            {
                return Err(lost("visit"));
            }
        }
    }
    Ok(readable)
}
