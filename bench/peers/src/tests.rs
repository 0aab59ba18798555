//! A small county through every library: nothing is lost, and who loses something is told apart from who does not.

use super::*;
use crate::library::Library;

fn small() -> Workload {
    Workload::new(3, Size { records: 630, devices: 5, edits_each: 100, fields: 25 }).unwrap()
}

/// Makes and merges; the conflicts that can be read, of five.
fn readable<L: Library>(name: &str, lose: bool) -> Result<u64, Failure> {
    let folder = Folder::new(&format!("test-{name}-{lose}"))?;
    let made = measure::make::<L>(&small(), &folder.0)?;
    assert!(number(&made, "upload_bytes")? > 10_000.0, "{made:?}");
    if lose {
        disk::write_upload(&folder.0, 4, &[])?;
    }
    let merged = measure::merge::<L>(&small(), &folder.0)?;
    assert!(number(&merged, "cpu_s")? > 0.0 && number(&merged, "peak_mb")? > 1.0, "{merged:?}");
    merged.get("conflicts_readable").and_then(Value::as_u64).ok_or_else(|| failure("no count"))
}

#[test]
fn every_edit_is_read_back() {
    assert_eq!(small().conflicts().count(), 5);
    assert_eq!(readable::<Automerge>("automerge", false).unwrap(), 5);
    assert_eq!(readable::<Loro>("loro", false).unwrap(), 0);
    assert_eq!(readable::<Yrs>("yrs", false).unwrap(), 0);
}

#[test]
fn a_lost_upload_spoils_the_figures() {
    for lost in [readable::<Automerge>("automerge", true), readable::<Loro>("loro", true), readable::<Yrs>("yrs", true)]
    {
        let told = lost.unwrap_err().to_string();
        assert!(told.contains("is not as it was written"), "{told}");
    }
}

#[test]
fn uploads_come_back_as_they_were() {
    let folder = Folder::new("test-uploads").unwrap();
    let updates = vec![(7, vec![1, 2, 3]), (9, Vec::new()), (8, vec![4; 1_000])];
    let bytes = disk::write_upload(&folder.0, 2, &updates).unwrap();
    assert!(bytes < 100, "compressed: {bytes}");
    assert_eq!(disk::read_upload(&folder.0, 2).unwrap(), updates);
}

#[test]
fn the_lock_file_names_the_versions() {
    for library in LIBRARIES {
        assert!(version(library).split('.').count() == 3, "{library} {}", version(library));
    }
    assert_eq!(version("nobody"), "unknown");
}
