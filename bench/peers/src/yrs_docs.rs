//! yrs: a document a family, with a map of fields, a map of phones and an array of visits.
//! Only yrs is named here.

use workload::{Edit, What, Workload};
use yrs::updates::decoder::Decode as _;
use yrs::{Any, Array as _, Doc, Map as _, Out, ReadTxn as _, StateVector, Transact as _, Update};

use crate::library::{COUNTY, Failure, Family, Library, device_id, field, filled};

/// Documents of yrs.
pub(crate) struct Yrs;

/// A document of a device whose id has the 53 bits that yrs has for it.
fn doc(device: u32) -> Doc {
    Doc::with_client_id(device_id(device) >> 11)
}

fn load(state: &[u8], device: u32) -> Result<Doc, Failure> {
    let doc = doc(device);
    doc.transact_mut().apply_update(Update::decode_v1(state)?)?;
    Ok(doc)
}

fn text(value: Out) -> Option<String> {
    match value {
        Out::Any(Any::String(text)) => Some(text.to_string()),
        _ => None,
    }
}

impl Library for Yrs {
    fn documents(day: &Workload) -> u32 {
        day.size().records
    }

    fn document_of(edit: &Edit) -> u32 {
        edit.record
    }

    fn baseline(day: &Workload, document: u32) -> Result<Vec<u8>, Failure> {
        let doc = doc(COUNTY);
        let fields = doc.get_or_insert_map("fields");
        let mut transaction = doc.transact_mut();
        for (name, text) in filled(day, document)? {
            fields.insert(&mut transaction, name, text);
        }
        Ok(transaction.encode_state_as_update_v1(&StateVector::default()))
    }

    fn update(state: &[u8], device: u32, edits: &[Edit]) -> Result<Vec<u8>, Failure> {
        let doc = load(state, device)?;
        let before = doc.transact().state_vector();
        let (fields, phones) = (doc.get_or_insert_map("fields"), doc.get_or_insert_map("phones"));
        let visits = doc.get_or_insert_array("visits");
        for edit in edits {
            let mut transaction = doc.transact_mut();
            match &edit.what {
                What::FieldSet { field: number, text } => {
                    fields.insert(&mut transaction, field(*number)?, text.as_str());
                }
                What::PhoneAdded { number, relation } => {
                    phones.insert(&mut transaction, number.as_str(), *relation);
                }
                What::VisitEvent(visit) => {
                    visits.push_back(&mut transaction, visit.line());
                }
            }
        }
        Ok(doc.transact().encode_state_as_update_v1(&before))
    }

    fn merge(state: &[u8], updates: &[&[u8]]) -> Result<Vec<u8>, Failure> {
        let doc = load(state, COUNTY)?;
        let mut transaction = doc.transact_mut();
        for update in updates {
            transaction.apply_update(Update::decode_v1(update)?)?;
        }
        transaction.commit();
        Ok(transaction.encode_state_as_update_v1(&StateVector::default()))
    }

    fn read(state: &[u8], asked: &[(u32, Vec<&'static str>)]) -> Result<Vec<Family>, Failure> {
        let doc = load(state, COUNTY)?;
        let (fields, phones) = (doc.get_or_insert_map("fields"), doc.get_or_insert_map("phones"));
        let visits = doc.get_or_insert_array("visits");
        let transaction = doc.transact();
        Ok(asked
            .iter()
            .map(|(_, names)| Family {
                // A map of yrs shows one value a key; the other of two is collected as garbage.
                fields: names
                    .iter()
                    .map(|name| fields.get(&transaction, name).and_then(text).into_iter().collect())
                    .collect(),
                phones: phones.keys(&transaction).map(str::to_owned).collect(),
                visits: visits.iter(&transaction).filter_map(text).collect(),
            })
            .collect())
    }
}
