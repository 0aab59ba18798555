//! loro: a document a village; a family is a map with its fields, a map of phones and a list of visits.
//! Only loro is named here.

use loro::{Container, ExportMode, LoroDoc, LoroList, LoroMap, LoroValue, ValueOrContainer};
use workload::{Edit, What, Workload};

use crate::library::{COUNTY, Failure, Family, Library, device_id, failure, field, filled};

/// Documents of loro.
pub(crate) struct Loro;

fn map(parent: &LoroMap, key: &str) -> Result<LoroMap, Failure> {
    match parent.get(key) {
        Some(ValueOrContainer::Container(Container::Map(map))) => Ok(map),
        _ => Err(failure("a map is not there")),
    }
}

fn list(parent: &LoroMap, key: &str) -> Result<LoroList, Failure> {
    match parent.get(key) {
        Some(ValueOrContainer::Container(Container::List(list))) => Ok(list),
        _ => Err(failure("a list is not there")),
    }
}

impl Library for Loro {
    fn documents(day: &Workload) -> u32 {
        day.villages()
    }

    fn document_of(edit: &Edit) -> u32 {
        edit.village
    }

    fn baseline(day: &Workload, document: u32) -> Result<Vec<u8>, Failure> {
        let doc = LoroDoc::new();
        doc.set_peer_id(device_id(COUNTY))?;
        let families = doc.get_map("families");
        for record in day.families(document) {
            let family = families.insert_container(&record.to_string(), LoroMap::new())?;
            for (name, text) in filled(day, record)? {
                family.insert(name, text)?;
            }
            family.insert_container("phones", LoroMap::new())?;
            family.insert_container("visits", LoroList::new())?;
        }
        doc.commit();
        Ok(doc.export(ExportMode::Snapshot)?)
    }

    fn update(state: &[u8], device: u32, edits: &[Edit]) -> Result<Vec<u8>, Failure> {
        let doc = LoroDoc::from_snapshot(state)?;
        doc.set_peer_id(device_id(device))?;
        let before = doc.oplog_vv();
        let families = doc.get_map("families");
        for edit in edits {
            let family = map(&families, &edit.record.to_string())?;
            match &edit.what {
                What::FieldSet { field: number, text } => family.insert(field(*number)?, text.as_str())?,
                What::PhoneAdded { number, relation } => map(&family, "phones")?.insert(number, *relation)?,
                What::VisitEvent(visit) => list(&family, "visits")?.push(visit.line())?,
            }
            doc.set_next_commit_timestamp(i64::from(edit.at_s));
            doc.commit();
        }
        Ok(doc.export(ExportMode::updates(&before))?)
    }

    fn merge(state: &[u8], updates: &[&[u8]]) -> Result<Vec<u8>, Failure> {
        let doc = LoroDoc::from_snapshot(state)?;
        match updates {
            [update] => doc.import(update)?,
            _ => doc.import_batch(&updates.iter().map(|update| update.to_vec()).collect::<Vec<_>>())?,
        };
        Ok(doc.export(ExportMode::Snapshot)?)
    }

    fn read(state: &[u8], asked: &[(u32, Vec<&'static str>)]) -> Result<Vec<Family>, Failure> {
        let doc = LoroDoc::from_snapshot(state)?;
        let families = doc.get_map("families");
        let text = |value: LoroValue| value.into_string().ok().map(|text| text.to_string());
        let mut all = Vec::new();
        for (record, names) in asked {
            let family = map(&families, &record.to_string())?;
            let mut read = Family::default();
            for name in names {
                // A map of loro shows one value a key; the other of two lies in its history alone.
                let value = family.get(name).and_then(|value| value.into_value().ok()).and_then(text);
                read.fields.push(value.into_iter().collect());
            }
            read.phones = map(&family, "phones")?.keys().map(|key| key.to_string()).collect();
            let visits = list(&family, "visits")?.to_vec();
            read.visits = visits.into_iter().filter_map(text).collect();
            all.push(read);
        }
        Ok(all)
    }
}
