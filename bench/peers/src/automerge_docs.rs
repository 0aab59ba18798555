//! automerge: a document a village; a family is a map with its fields, a map of phones and a list of visits.
//! Only automerge is named here.

use automerge::transaction::{CommitOptions, Transactable as _};
use automerge::{ActorId, AutoCommit, ObjId, ObjType, ROOT, ReadDoc as _};
use workload::{Edit, What, Workload};

use crate::library::{COUNTY, Failure, Family, Library, device_id, failure, field, filled};

/// Documents of automerge.
pub(crate) struct Automerge;

/// Sixteen bytes, as automerge makes them for itself.
fn actor(device: u32) -> ActorId {
    let id = device_id(device);
    let mut bytes = id.to_le_bytes().to_vec();
    bytes.extend(id.rotate_left(29).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    ActorId::from(bytes)
}

/// The object at this key.
fn child(doc: &AutoCommit, parent: &ObjId, key: &str) -> Result<ObjId, Failure> {
    let (_, id) = doc.get(parent, key)?.ok_or_else(|| failure("an object is not there"))?;
    Ok(id)
}

impl Library for Automerge {
    fn documents(day: &Workload) -> u32 {
        day.villages()
    }

    fn document_of(edit: &Edit) -> u32 {
        edit.village
    }

    fn baseline(day: &Workload, document: u32) -> Result<Vec<u8>, Failure> {
        let mut doc = AutoCommit::new().with_actor(actor(COUNTY));
        for record in day.families(document) {
            let family = doc.put_object(ROOT, record.to_string(), ObjType::Map)?;
            for (name, text) in filled(day, record)? {
                doc.put(&family, name, text)?;
            }
            doc.put_object(&family, "phones", ObjType::Map)?;
            doc.put_object(&family, "visits", ObjType::List)?;
        }
        doc.commit();
        Ok(doc.save())
    }

    fn update(state: &[u8], device: u32, edits: &[Edit]) -> Result<Vec<u8>, Failure> {
        let mut doc = AutoCommit::load(state)?.with_actor(actor(device));
        let before = doc.get_heads();
        for edit in edits {
            let family = child(&doc, &ROOT, &edit.record.to_string())?;
            match &edit.what {
                What::FieldSet { field: number, text } => doc.put(&family, field(*number)?, text.as_str())?,
                What::PhoneAdded { number, relation } => {
                    let phones = child(&doc, &family, "phones")?;
                    doc.put(&phones, number.as_str(), *relation)?;
                }
                What::VisitEvent(visit) => {
                    let visits = child(&doc, &family, "visits")?;
                    doc.insert(&visits, doc.length(&visits), visit.line())?;
                }
            }
            doc.commit_with(CommitOptions::default().with_time(i64::from(edit.at_s)));
        }
        Ok(doc.save_after(&before))
    }

    fn merge(state: &[u8], updates: &[&[u8]]) -> Result<Vec<u8>, Failure> {
        // The heads of its own file need no second look; the hashes of changes that arrive are always checked.
        let mut doc = AutoCommit::load_unverified_heads(state)?;
        for update in updates {
            doc.load_incremental(update)?;
        }
        Ok(doc.save())
    }

    fn read(state: &[u8], asked: &[(u32, Vec<&'static str>)]) -> Result<Vec<Family>, Failure> {
        let doc = AutoCommit::load(state)?;
        let mut families = Vec::new();
        for (record, names) in asked {
            let family = child(&doc, &ROOT, &record.to_string())?;
            let mut read = Family::default();
            for name in names {
                let values = doc.get_all(&family, *name)?;
                read.fields.push(values.iter().filter_map(|(value, _)| value.as_str().map(str::to_owned)).collect());
            }
            read.phones = doc.keys(&child(&doc, &family, "phones")?).collect();
            let visits = doc.values(&child(&doc, &family, "visits")?);
            read.visits = visits.filter_map(|item| item.0.as_str().map(str::to_owned)).collect();
            families.push(read);
        }
        Ok(families)
    }
}
