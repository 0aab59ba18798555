//! The TypeScript of the calls, written by the desk itself from its one list of calls.
//!
//! The generated files are committed; a difference between them and what the desk writes now is a
//! finding of `check`. Nothing here may edit what the desk wrote.

use std::collections::BTreeMap;
use std::path::Path;

use crate::check::WHOLE;
use crate::halt::Halt;
use crate::place::Place;
use crate::process::{cargo, command, must};

/// Writes `ui/src/api/gen` anew.
pub(crate) fn write(place: &Place) -> Result<(), Halt> {
    write_to(place, &place.generated())?;
    println!("ui/src/api/gen is written  已生成");
    Ok(())
}

fn write_to(place: &Place, folder: &Path) -> Result<(), Halt> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(Halt::disk(folder))?;
    }
    std::fs::create_dir_all(folder).map_err(Halt::disk(folder))?;
    // With a test along, the crates of others get the features that `cargo xtask test` gives them, and are compiled once.
    must(cargo(place.root()).arg("build").args(WHOLE).args(["--bin", "desk", "--test", "sim"]), "building the desk")?;
    must(
        command(place.debug_binary("desk"), place.root()).args(["calls", "--typescript"]).arg(folder),
        "writing the TypeScript of the calls",
    )
}

/// The files of `ui/src/api/gen` that are not what the desk writes now; empty when it is fresh.
pub(crate) fn stale(place: &Place) -> Result<Vec<String>, Halt> {
    let trial = place.target().join("codegen-trial");
    write_to(place, &trial)?;
    Ok(differences(&files(&place.generated())?, &files(&trial)?))
}

/// Every file beneath a folder, by its path from there.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Halt> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        if !next.exists() {
            continue;
        }
        for entry in std::fs::read_dir(&next).map_err(Halt::disk(&next))? {
            let path = entry.map_err(Halt::disk(&next))?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let bytes = std::fs::read(&path).map_err(Halt::disk(&path))?;
                let name = path.strip_prefix(folder).unwrap_or(&path);
                found.insert(name.to_string_lossy().into_owned(), bytes);
            }
        }
    }
    Ok(found)
}

/// One sentence for each file that is missing, left over or different.
fn differences(committed: &BTreeMap<String, Vec<u8>>, written: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, bytes) in written {
        match committed.get(name) {
            None => found.push(format!("ui/src/api/gen/{name} is missing: run cargo xtask codegen")),
            Some(old) if old != bytes => {
                found.push(format!("ui/src/api/gen/{name} is stale: run cargo xtask codegen"));
            }
            Some(_) => {}
        }
    }
    for name in committed.keys().filter(|name| !written.contains_key(*name)) {
        found.push(format!("ui/src/api/gen/{name} is no longer written: run cargo xtask codegen"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_found() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, Vec<u8>> {
            pairs.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
        };
        let committed = map(&[("Call.ts", "a"), ("Old.ts", "x"), ("Same.ts", "s")]);
        let written = map(&[("Call.ts", "b"), ("New.ts", "n"), ("Same.ts", "s")]);
        let found = differences(&committed, &written);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("Call.ts is stale"));
        assert!(found[1].contains("New.ts is missing"));
        assert!(found[2].contains("Old.ts is no longer"));
        assert!(differences(&written, &written).is_empty());
    }
}
